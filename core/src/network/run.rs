//! One pass of a network: what was asked (edits, what to retain) and what came out.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};

use super::batch_norm::Scaled;
use super::{LayerName, Network, NetworkError, NodeId, elementwise};

/// Whether normalisation uses stored statistics or those of the batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Stored statistics.
    #[default]
    Inference,
    /// Statistics of the batch, reported in [`Run::batch_stats`].
    Training,
}

/// Asked between the pieces of long work (the layers of a run, the blocks of a file): whether to go on.
pub type GoOn<'a> = &'a (dyn Fn() -> bool + Sync);

/// The answer of work that nobody can stop.
pub(crate) const fn always() -> bool {
    true
}

/// Which activations a run keeps (always before edits).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Retain {
    /// None but the outputs.
    #[default]
    Nothing,
    /// Those of the named layers.
    Layers(Vec<LayerName>),
    /// All: what resuming and pulling back need.
    All,
    /// What [`Network::pullback`] reads, which costs less time and memory than all: values that can be told from others are
    /// not stored.
    Gradients,
}

/// An edit of one layer's value, `x -> gain * x + offset`; both broadcast to `[1, C, H, W]` (or `[1, F]`).
///
/// Closed under composition without division, so any number of edits costs one multiply-add, and the pullback is a
/// multiplication by the gain.
#[derive(Clone, Debug)]
pub struct Affine {
    /// Factor, broadcast to the layer's value.
    pub gain: Tensor,
    /// Added after the gain.
    pub offset: Tensor,
}

impl Affine {
    /// The map that changes nothing, for values of `rank` axes, the batch included.
    pub fn identity(
        rank: usize,
        dtype: DType,
        device: &Device,
    ) -> Result<Self, candle_core::Error> {
        Ok(Self {
            gain: Tensor::ones(vec![1; rank], dtype, device)?,
            offset: Tensor::zeros(vec![1; rank], dtype, device)?,
        })
    }

    /// The edited value of `x`, `[N, ...]`.
    pub fn apply(&self, x: &Tensor) -> Result<Tensor, candle_core::Error> {
        elementwise::gain_offset(x, &self.gain, &self.offset)
    }

    /// The gradient at `x` from the gradient `g` at the edited value: the gain times `g`.
    pub fn pullback(&self, g: &Tensor) -> Result<Tensor, candle_core::Error> {
        let nothing = Tensor::zeros(vec![1; g.rank()], g.dtype(), g.device())?;
        elementwise::gain_offset(g, &self.gain, &nothing)
    }

    /// First `self`, then `next`.
    pub fn then(&self, next: &Self) -> Result<Self, candle_core::Error> {
        Ok(Self {
            gain: self.gain.broadcast_mul(&next.gain)?,
            offset: self
                .offset
                .broadcast_mul(&next.gain)?
                .broadcast_add(&next.offset)?,
        })
    }
}

/// The edits of a run, at most one affine map per layer. A layer without an entry is unchanged.
pub type Edits = BTreeMap<LayerName, Affine>;

/// Mean and (population) variance of a batch at one normalisation layer, both `[C]`.
#[derive(Clone, Debug)]
pub struct BatchStats {
    /// Per-channel mean.
    pub mean: Tensor,
    /// Per-channel population variance.
    pub var: Tensor,
    /// Number of values each statistic was taken over.
    pub count: usize,
}

/// The result of a pass.
#[derive(Clone, Debug)]
pub struct Run {
    /// Values before edits, by node; `None` where not retained.
    pub(super) values: Vec<Option<Tensor>>,
    /// Values of the outputs, after edits, in the order of [`Network::outputs`].
    pub(super) outputs: Vec<Tensor>,
    /// The affine map of each edited node.
    pub(super) edits: Vec<Option<Affine>>,
    /// Normalised values that were not stored, with [`Retain::Gradients`].
    pub(super) scaled: BTreeMap<NodeId, Scaled>,
    pub(super) mode: Mode,
    pub(super) batch_stats: BTreeMap<NodeId, BatchStats>,
}

impl Run {
    /// A run at inference without edits of which these values are known, per node.
    pub(crate) fn of_values(values: Vec<Option<Tensor>>, outputs: Vec<Tensor>) -> Self {
        Self {
            edits: vec![None; values.len()],
            values,
            outputs,
            scaled: BTreeMap::new(),
            mode: Mode::Inference,
            batch_stats: BTreeMap::new(),
        }
    }

    /// The outputs in the network's order, each `[N, ...]`.
    pub fn outputs(&self) -> &[Tensor] {
        &self.outputs
    }

    /// The retained activation of a layer, before edits.
    pub fn activation(&self, network: &Network, layer: &str) -> Result<&Tensor, NetworkError> {
        self.value(network, network.find(layer)?)
    }

    /// The retained value of a node, before edits.
    pub fn value(&self, network: &Network, id: NodeId) -> Result<&Tensor, NetworkError> {
        let (Some(value), Some(node)) =
            (self.values.get(id.index()), network.nodes().get(id.index()))
        else {
            return Err(NetworkError::OtherNetwork);
        };
        value.as_ref().ok_or_else(|| NetworkError::NotRetained {
            layer: node.name.clone(),
        })
    }

    /// The value of a node as its readers saw it, after edits.
    pub fn edited_value(&self, network: &Network, id: NodeId) -> Result<Tensor, NetworkError> {
        if let Some(scaled) = self.scaled(id) {
            return Ok(scaled.value()?);
        }
        let value = self.value(network, id)?;
        match &self.edits[id.index()] {
            Some(edit) => Ok(edit.apply(value)?),
            None => Ok(value.clone()),
        }
    }

    /// A normalised value that was not stored; such a node has no edit.
    pub(super) fn scaled(&self, id: NodeId) -> Option<&Scaled> {
        self.scaled.get(&id)
    }

    /// Batch statistics by normalisation node; empty at inference.
    pub fn batch_stats(&self) -> &BTreeMap<NodeId, BatchStats> {
        &self.batch_stats
    }

    /// Bytes held by the retained activations.
    pub fn size_bytes(&self) -> usize {
        self.values
            .iter()
            .flatten()
            .map(|t| t.elem_count() * t.dtype().size_in_bytes())
            .sum()
    }
}
