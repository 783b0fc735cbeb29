//! Folding edits into the weights, so that a network without edits draws what the edited one did.
//!
//! An edit of unit `u` of a layer is `x_u -> g_u x_u + o_u`. It goes into the layer itself, into the layers before it
//! whose values only it reads, or into all layers that read it, whichever holds it exactly. Layers are gone through in
//! order, so an edit always meets values that already have the edits before it.
//!
//! Invariant: the folded network computes what the edited one did, to rounding, on every input; an edit that no weights
//! can hold is refused by its name.

mod into;
mod onward;

use candle_core::{DType, Device, Tensor};

use super::{EditError, EditStack};
use crate::network::{
    Affine, Edits, LayerName, Network, NetworkBuilder, NetworkError, Node, NodeId, Output, Param,
    Role,
};

/// Why a stack of edits cannot be folded into the weights.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// The edit differs from pixel to pixel.
    #[error(
        "edit {edit} of layer {layer} applies within a mask; weights are the same for every pixel"
    )]
    Masked {
        /// Place of the edit in its stack, from 1.
        edit: usize,
        /// The layer.
        layer: LayerName,
    },
    /// Neither the layer nor its neighbours can hold the edit.
    #[error("the edit of layer {layer} cannot be held by weights: {why}")]
    NoPlace {
        /// The layer.
        layer: LayerName,
        /// What is in the way.
        why: String,
    },
    /// The stack does not fit the network.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The folded network cannot be built.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// A network with edits in its weights.
#[derive(Clone, Debug)]
pub struct Folded {
    /// The network; the same layers under the same names.
    pub network: Network,
    /// Keys of the parameters that were changed, in order.
    pub changed: Vec<String>,
    /// Keys of biases that the network did not have before.
    pub added: Vec<String>,
}

/// Folds all enabled edits of `stack` into the weights of `network`.
///
/// # Errors
/// [`FoldError`], which names the edit or the layer that weights cannot hold.
pub fn fold(network: &Network, stack: &EditStack) -> Result<Folded, FoldError> {
    let edits = stack.resolve(network)?;
    let mut folding = Folding::of(network, &edits, stack)?;
    for (id, _) in network.iter() {
        if let Some(pending) = folding.pending[id.index()].take() {
            folding.place(id, pending)?;
        }
    }
    folding.finish()
}

/// `x_u -> gain_u x_u + offset_u` for every unit u of a layer.
#[derive(Clone, Debug, PartialEq)]
struct Map {
    gain: Vec<f64>,
    offset: Vec<f64>,
}

impl Map {
    /// Only factors.
    fn scales(gain: Vec<f64>) -> Self {
        let offset = vec![0.0; gain.len()];
        Self { gain, offset }
    }

    fn has_offset(&self) -> bool {
        self.offset.iter().any(|o| *o != 0.0)
    }

    fn is_identity(&self) -> bool {
        !self.has_offset() && self.gain.iter().all(|g| *g == 1.0)
    }

    /// First `self`, then `next`.
    fn then(&self, next: &Self) -> Self {
        let pairs = self.offset.iter().zip(next.gain.iter().zip(&next.offset));
        Self {
            gain: self
                .gain
                .iter()
                .zip(&next.gain)
                .map(|(a, b)| a * b)
                .collect(),
            offset: pairs.map(|(o, (gain, offset))| o * gain + offset).collect(),
        }
    }

    /// The map of a value whose unit `i` is made of unit `of(i)`, for `units` units.
    fn regrouped(&self, units: usize, of: impl Fn(usize) -> usize) -> Self {
        let pick = |values: &[f64], i: usize| values.get(of(i)).copied();
        Self {
            gain: (0..units)
                .map(|i| pick(&self.gain, i).unwrap_or(1.0))
                .collect(),
            offset: (0..units)
                .map(|i| pick(&self.offset, i).unwrap_or(0.0))
                .collect(),
        }
    }
}

/// An edit that is not placed yet.
struct Pending {
    /// Relative to the value of its layer as that is now.
    map: Map,
    /// The layer that was edited, which may come before.
    edited: LayerName,
}

/// The network while edits are folded into it.
struct Folding {
    nodes: Vec<Node>,
    outputs: Vec<Output>,
    /// For every node those that read it, once for every time.
    readers: Vec<Vec<NodeId>>,
    pending: Vec<Option<Pending>>,
    changed: Vec<String>,
    added: Vec<String>,
    /// How many layers above the edited one are being looked at.
    depth: usize,
}

impl Folding {
    fn of(network: &Network, edits: &Edits, stack: &EditStack) -> Result<Self, FoldError> {
        let mut pending: Vec<Option<Pending>> = network.nodes().iter().map(|_| None).collect();
        for (layer, affine) in edits {
            let id = network.find(layer)?;
            let units = network.node(id).fact.units();
            let map = map_of(affine, units)?;
            pending[id.index()] = Some(Pending {
                map: map.ok_or_else(|| masked(stack, layer))?,
                edited: layer.clone(),
            });
        }
        Ok(Self {
            nodes: network.nodes().to_vec(),
            outputs: network.outputs().to_vec(),
            readers: network.consumers(),
            pending,
            changed: Vec::new(),
            added: Vec::new(),
            depth: 0,
        })
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    fn is_output(&self, id: NodeId) -> bool {
        self.outputs.iter().any(|output| output.node == id)
    }

    /// Puts an edit that has come to the value of `id` where it can be held.
    fn place(&mut self, id: NodeId, pending: Pending) -> Result<(), FoldError> {
        let Pending { map, edited } = pending;
        if map.is_identity() {
            return Ok(());
        }
        let node = self.node(id);
        // A bias that the file does not have is the last resort: others could not load it. What comes before a rectifier gives
        // up its weights for a level, so what follows is asked first.
        let has_no_bias = node.op.is_weighted() && node.param(Role::Bias).is_none();
        let is_onward_first = map.has_offset() && (has_no_bias || into::is_homogeneous(&node.op));
        let mut reasons = Vec::new();
        for is_onward in [is_onward_first, !is_onward_first] {
            let placed = if is_onward {
                self.hand_on(id, &map, &edited)?
            } else {
                self.absorb(id, &map)?
            };
            match placed {
                Ok(()) => return Ok(()),
                Err(why) => reasons.push(why),
            }
        }
        Err(FoldError::NoPlace {
            layer: edited,
            why: reasons.join(", and "),
        })
    }

    /// The elements of a parameter, if the layer has it.
    fn values(&self, id: NodeId, role: Role) -> Result<Option<Vec<f64>>, FoldError> {
        match self.node(id).param(role) {
            Some(tensor) => {
                let tensor = tensor.to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
                Ok(Some(tensor.flatten_all()?.to_vec1()?))
            }
            None => Ok(None),
        }
    }

    /// Whether another layer has its parameters under the same keys: changing one would change both.
    fn shares(&self, id: NodeId) -> Option<&LayerName> {
        let own = &self.node(id).params;
        let others = self
            .nodes
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != id.index());
        let mut sharing = others.filter(|(_, node)| {
            let mut params = node.params.iter();
            params.any(|param| own.iter().any(|own| own.key == param.key))
        });
        sharing.next().map(|(_, node)| &node.name)
    }

    /// Replaces a parameter; one that is not there is added under a key beside the layer's own.
    fn set(&mut self, id: NodeId, role: Role, values: Vec<f64>) -> Result<(), FoldError> {
        let node = &mut self.nodes[id.index()];
        let dtype = node.fact.dtype;
        if let Some(param) = node.params.iter_mut().find(|param| param.role == role) {
            let device = param.tensor.device().clone();
            let tensor = Tensor::from_vec(values, param.tensor.dims(), &Device::Cpu)?;
            param.tensor = tensor.to_dtype(dtype)?.to_device(&device)?;
            let key = param.key.to_string();
            if !self.changed.contains(&key) && !self.added.contains(&key) {
                self.changed.push(key);
            }
            return Ok(());
        }
        let device = node
            .params
            .first()
            .map_or(Device::Cpu, |p| p.tensor.device().clone());
        let of_weight = node.params.iter().find(|param| param.role == Role::Weight);
        let base = of_weight.and_then(|param| param.key.strip_suffix("weight"));
        let key = match base {
            Some(base) => format!("{base}bias"),
            None => format!("{}.bias", node.name),
        };
        let len = values.len();
        let tensor = Tensor::from_vec(values, len, &Device::Cpu)?;
        node.params.push(Param {
            role,
            key: key.as_str().into(),
            tensor: tensor.to_dtype(dtype)?.to_device(&device)?,
        });
        self.added.push(key);
        Ok(())
    }

    fn finish(self) -> Result<Folded, FoldError> {
        let mut builder =
            NetworkBuilder::new(|_, _, dims| Ok(Tensor::zeros(dims, DType::F32, &Device::Cpu)?));
        for node in self.nodes {
            builder.add(&node.name, node.op, &node.inputs, node.params)?;
        }
        for output in &self.outputs {
            builder.output(&output.name, output.node);
        }
        Ok(Folded {
            network: builder.finish()?,
            changed: self.changed,
            added: self.added,
        })
    }
}

/// The edit as one map for every unit; `None` when it differs from pixel to pixel.
fn map_of(affine: &Affine, units: usize) -> Result<Option<Map>, FoldError> {
    let per_unit = |tensor: &Tensor| -> Result<Option<Vec<f64>>, FoldError> {
        let tensor = tensor.to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
        let values: Vec<f64> = tensor.flatten_all()?.to_vec1()?;
        if values.len() == 1 {
            return Ok(Some(vec![values[0]; units]));
        }
        let pixels = values.len() / units.max(1);
        let mut found = Vec::new();
        for unit in values.chunks(pixels.max(1)) {
            if unit.iter().any(|value| *value != unit[0]) {
                return Ok(None);
            }
            found.push(unit[0]);
        }
        Ok(Some(found))
    };
    let (gain, offset) = (per_unit(&affine.gain)?, per_unit(&affine.offset)?);
    Ok(gain.zip(offset).map(|(gain, offset)| Map { gain, offset }))
}

/// The first edit of a layer that has a mask.
fn masked(stack: &EditStack, layer: &LayerName) -> FoldError {
    let touches = |edit: &super::Edit| edit.units.by_layer().iter().any(|(name, _)| name == layer);
    let mut edits = stack.edits.iter();
    let place = edits.position(|edit| edit.enabled && edit.mask.is_some() && touches(edit));
    FoldError::Masked {
        edit: place.map_or(0, |place| place + 1),
        layer: layer.clone(),
    }
}
