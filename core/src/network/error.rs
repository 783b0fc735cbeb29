//! What can be wrong with a network or a run; every message names the layer.

use std::sync::Arc;

use candle_core::DType;

use super::LayerName;

/// An error of a network: at load, forward or pulled back.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// An operation does not fit its inputs or parameters.
    #[error("layer {layer} ({op}): {what}")]
    Layer {
        /// The layer.
        layer: LayerName,
        /// Its kind of operation.
        op: &'static str,
        /// What does not fit.
        what: String,
    },
    /// An edit of a layer that a plan was not made for.
    #[error("layer {layer} is edited, but the plan was not asked for its edits")]
    NotEditable {
        /// The layer.
        layer: LayerName,
    },
    /// A plan has to run before it can resume or show something.
    #[error("there is no finished run to resume")]
    NothingToResume,
    /// A parameter has other dimensions than the layer needs.
    #[error("layer {layer}: parameter {key} has shape {got:?}, expected {expected:?}")]
    ParamShape {
        /// The layer.
        layer: LayerName,
        /// Key of the parameter in the state dict.
        key: Arc<str>,
        /// Dimensions needed.
        expected: Vec<usize>,
        /// Dimensions found.
        got: Vec<usize>,
    },
    /// A parameter is not in the state dict.
    #[error("layer {layer}: parameter {key} is missing")]
    MissingParam {
        /// The layer.
        layer: LayerName,
        /// Key of the parameter in the state dict.
        key: String,
    },
    /// Two layers have one name.
    #[error("two layers are named {layer}")]
    DuplicateLayer {
        /// The name.
        layer: LayerName,
    },
    /// No layer has this name.
    #[error("no layer is named {layer}{}", nearest.as_ref().map(|n| format!("; did you mean {n}?")).unwrap_or_default())]
    UnknownLayer {
        /// The name asked for.
        layer: LayerName,
        /// The most similar name of the network.
        nearest: Option<String>,
    },
    /// No output has this name.
    #[error("no output is named {output}; the network has {}", known.join(", "))]
    UnknownOutput {
        /// The name asked for.
        output: String,
        /// The names of the network.
        known: Vec<String>,
    },
    /// The graph has no input or no output.
    #[error("a network needs at least one input and one output")]
    NoInputOrOutput,
    /// A tensor handed to the network does not have the input's dimensions.
    #[error("input {layer} takes {expected:?}, got {got:?}")]
    InputShape {
        /// The input layer.
        layer: LayerName,
        /// Dimensions of one sample.
        expected: Vec<usize>,
        /// Dimensions handed over, batch included.
        got: Vec<usize>,
    },
    /// Another number of tensors than the network has inputs.
    #[error("the network takes {expected} inputs, got {got}")]
    InputCount {
        /// Number of inputs.
        expected: usize,
        /// Number of tensors handed over.
        got: usize,
    },
    /// A tensor handed to the network has another element type than the network.
    #[error("input {layer} takes {expected:?} values, got {got:?}")]
    InputType {
        /// The input layer.
        layer: LayerName,
        /// Element type of the network.
        expected: DType,
        /// Element type handed over.
        got: DType,
    },
    /// A tensor handed to the network holds infinities or values that are not numbers.
    #[error("input {layer} has values that are not finite numbers")]
    InputNotFinite {
        /// The input layer.
        layer: LayerName,
    },
    /// A parameter holds infinities or values that are not numbers.
    #[error("layer {layer}: parameter {key} has values that are not finite numbers")]
    ParamNotFinite {
        /// The layer.
        layer: LayerName,
        /// Key of the parameter in the state dict.
        key: Arc<str>,
    },
    /// A parameter has another element type than the others, or one that is no floating-point type.
    #[error("layer {layer}: parameter {key} has type {got:?}, the network is of type {expected:?}")]
    ParamType {
        /// The layer.
        layer: LayerName,
        /// Key of the parameter in the state dict.
        key: Arc<str>,
        /// Element type of the first parameter.
        expected: DType,
        /// Element type found.
        got: DType,
    },
    /// An edit does not have the dimensions of its layer.
    #[error(
        "the edit of layer {layer} has shape {got:?}, which does not broadcast to {expected:?}"
    )]
    EditShape {
        /// The layer.
        layer: LayerName,
        /// Dimensions of the layer's value, with 1 for the batch.
        expected: Vec<usize>,
        /// Dimensions of gain or offset.
        got: Vec<usize>,
    },
    /// A gradient handed to a pullback does not have the dimensions of its node's value.
    #[error("the gradient at layer {layer} has shape {got:?}, its value {expected:?}")]
    SeedShape {
        /// The layer.
        layer: LayerName,
        /// Dimensions of the value, batch included.
        expected: Vec<usize>,
        /// Dimensions of the gradient.
        got: Vec<usize>,
    },
    /// A run or a node id belongs to another network.
    #[error("the run or layer belongs to another network")]
    OtherNetwork,
    /// An activation that a pullback or an attribution needs was not retained.
    #[error("the activation of layer {layer} was not retained by this run")]
    NotRetained {
        /// The layer.
        layer: LayerName,
    },
    /// The one who asked for the run does not want it any more.
    #[error("stopped on request")]
    Stopped,
    /// A tensor operation failed inside a layer.
    #[error("layer {layer}: {source}")]
    Inside {
        /// The layer.
        layer: LayerName,
        /// What failed.
        source: candle_core::Error,
    },
    /// A tensor operation failed outside any layer.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// The candidate that shares the longest beginning or end with `name`, if it shares anything.
pub(super) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let shared = |c: &str| {
        let front = name
            .chars()
            .zip(c.chars())
            .take_while(|(a, b)| a == b)
            .count();
        let back = name
            .chars()
            .rev()
            .zip(c.chars().rev())
            .take_while(|(a, b)| a == b)
            .count();
        front.max(back)
    };
    candidates
        .map(|c| (shared(c), c))
        .filter(|(n, _)| *n > 1)
        .max_by_key(|(n, _)| *n)
        .map(|(_, c)| c.to_owned())
}
