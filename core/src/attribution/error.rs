//! What can go wrong in an attribution; every message names the layer, rule, target or method.

use crate::network::{LayerName, NetworkError};

/// An error of an attribution.
#[derive(Debug, thiserror::Error)]
pub enum AttributionError {
    /// The network could not be run, canonised or pulled back.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A layer's value contains NaN or infinity, so nothing that follows means anything.
    #[error("layer {layer}: the {what} is not finite")]
    NotFinite {
        /// The first such layer in the order of computation.
        layer: LayerName,
        /// `activation`, `relevance`, or at an input `attribution` when the map itself overflows.
        what: &'static str,
    },
    /// A rule has impossible parameters.
    #[error("rule {rule}: {what}")]
    Rule {
        /// The rule.
        rule: String,
        /// What is impossible.
        what: String,
    },
    /// A rule cannot be used on this kind of layer.
    #[error("layer {layer} ({op}): rule {rule} does not apply")]
    RuleDoesNotApply {
        /// The layer.
        layer: LayerName,
        /// Its kind of operation.
        op: &'static str,
        /// The rule asked for.
        rule: String,
    },
    /// The target is not part of the network.
    #[error("target {target}: {what}")]
    Target {
        /// The target as text.
        target: String,
        /// What does not fit.
        what: String,
    },
    /// The method has impossible parameters or needs something the network lacks.
    #[error("method {method}: {what}")]
    Method {
        /// Its name.
        method: String,
        /// What is missing or impossible.
        what: String,
    },
    /// No method has this name.
    #[error("no attribution method is named {name}; known are {known}")]
    UnknownMethod {
        /// The name asked for.
        name: String,
        /// All names.
        known: String,
    },
    /// A tensor operation failed outside any layer.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}
