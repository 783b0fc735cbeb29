//! What a run leaves out that is only to be pulled back ([`Retain::Gradients`]): values that cost a pass over memory to
//! store and that the pullback can do without.
//!
//! - A normalised value that only an activation or an addition reads is kept as its input with a gain and an offset per
//!   channel ([`Scaled`]).
//! - An activation that keeps signs takes the place of the convolution's value it is made of.
//!
//! Invariant: what is left out has one reader and no edit, is no output, and is f32 on the CPU.

use candle_core::{DType, Tensor};

use super::activation::{self, Slopes};
use super::batch_norm::Scaled;
use super::run::Affine;
use super::{Network, NetworkError, Node, NodeId, Op, Role, elementwise, linear};
use crate::kernels::{self, Algorithm};

/// What is left out, by node.
pub(super) struct Lean {
    scaled: Vec<bool>,
    /// The activation that takes the node's place.
    replaced: Vec<Option<NodeId>>,
}

impl Lean {
    /// Nothing is left out.
    pub(super) fn nothing(network: &Network) -> Self {
        let nodes = network.nodes().len();
        Self {
            scaled: vec![false; nodes],
            replaced: vec![None; nodes],
        }
    }

    /// All that can be left out of a run with these edits.
    pub(super) fn of(network: &Network, edits: &[Option<Affine>]) -> Result<Self, NetworkError> {
        let mut lean = Self::nothing(network);
        if network.dtype() != DType::F32 || !elementwise::has_kernels(&network.device()) {
            return Ok(lean);
        }
        let consumers = network.consumers();
        for (id, node) in network.iter() {
            let index = id.index();
            let is_output = network.outputs().iter().any(|o| o.node == id);
            let &[reader] = consumers[index].as_slice() else {
                continue;
            };
            if is_output || edits[index].is_some() {
                continue;
            }
            let next = network.node(reader);
            match &node.op {
                Op::BatchNorm { .. } => {
                    lean.scaled[index] = match next.op {
                        Op::Add => {
                            let is_stored = |i: &NodeId| !lean.scaled[i.index()];
                            let alike = |i: &NodeId| network.node(*i).fact.dims == next.fact.dims;
                            next.inputs.iter().all(|i| is_stored(i) && alike(i))
                        }
                        _ => Slopes::of_node(next)?.is_some(),
                    };
                }
                Op::Conv2d(_) if activation::keeps_signs(&next.op) => {
                    lean.replaced[index] = Some(reader);
                }
                _ => {}
            }
        }
        Ok(lean)
    }

    /// Whether the normalised value of a node is not to be stored.
    pub(super) fn is_scaled(&self, id: NodeId) -> bool {
        self.scaled[id.index()]
    }

    /// The activation that is to take the place of a convolution's value.
    pub(super) fn replaced_by(&self, id: NodeId) -> Option<NodeId> {
        self.replaced[id.index()]
    }
}

/// The value of a node that reads a normalised value which was not stored; `other`: the other summand of an
/// addition.
pub(super) fn value_of_reader(
    node: &Node,
    scaled: &Scaled,
    other: Option<&Tensor>,
) -> Result<Tensor, NetworkError> {
    Ok(match (Slopes::of_node(node)?, other) {
        (Some(slopes), _) => scaled.activated(&slopes)?,
        (None, Some(other)) => scaled.plus(other)?,
        (None, None) => scaled.value()?,
    })
}

/// The value of the activation `next` of the convolution `node`.
pub(super) fn convolved_and_activated(
    node: &Node,
    next: &Node,
    x: &Tensor,
) -> Result<Tensor, NetworkError> {
    let Op::Conv2d(conv) = &node.op else {
        return Err(NetworkError::Layer {
            layer: node.name.clone(),
            op: node.op.kind(),
            what: "is no convolution".to_owned(),
        });
    };
    let (weight, bias) = (node.require(Role::Weight)?, node.param(Role::Bias));
    let (mut values, dims) = linear::conv2d_values(Algorithm::Fastest, x, weight, bias, conv)?;
    kernels::for_planes(&mut values, dims[2] * dims[3], |_, run| {
        activation::update_run(&next.op, activation::Slope::None, run);
    });
    Ok(elementwise::from_vec(values, &dims)?)
}
