//! What a network consists of: nodes with their parameters, and the outputs.

use std::sync::Arc;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::{Fact, LayerName, NetworkError, Op};

/// Position of a node in its network's topological order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(super) u32);

impl NodeId {
    /// The position as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a parameter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Kernel, matrix or normalisation scale.
    Weight,
    /// Additive term.
    Bias,
    /// Running mean of a normalisation.
    Mean,
    /// Running variance of a normalisation.
    Var,
    /// Slope of a `PReLU` below zero.
    Slope,
    /// Value of a constant.
    Value,
}

impl Role {
    /// Whether training changes it by gradient descent.
    pub const fn is_trained(self) -> bool {
        matches!(self, Self::Weight | Self::Bias | Self::Slope)
    }
}

/// A parameter: its role in the layer, its key in a state dict and its tensor.
#[derive(Clone, Debug)]
pub struct Param {
    /// Role within its layer.
    pub role: Role,
    /// Key in the state dict, for example `net.conv0.weight`.
    pub key: Arc<str>,
    /// Value.
    pub tensor: Tensor,
}

/// One layer: a named operation, its parameters and the nodes it reads.
#[derive(Clone, Debug)]
pub struct Node {
    /// Unique name.
    pub name: LayerName,
    /// What it computes.
    pub op: Op,
    /// The nodes it reads, all earlier in the order.
    pub inputs: Vec<NodeId>,
    /// Its parameters.
    pub params: Vec<Param>,
    /// Type and dimensions of its value.
    pub fact: Fact,
}

impl Node {
    /// The parameter of a role, if the layer has it.
    pub fn param(&self, role: Role) -> Option<&Tensor> {
        self.params
            .iter()
            .find(|p| p.role == role)
            .map(|p| &p.tensor)
    }

    /// The parameter of a role, or an error naming layer and role.
    pub(crate) fn require(&self, role: Role) -> Result<&Tensor, NetworkError> {
        self.param(role).ok_or_else(|| NetworkError::Layer {
            layer: self.name.clone(),
            op: self.op.kind(),
            what: format!("parameter {role:?} is missing"),
        })
    }
}

/// A named output of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Name, for example `galaxy1` or `logit`.
    pub name: Arc<str>,
    /// The node whose (edited) value it is.
    pub node: NodeId,
}
