//! The description of a network that exists.

use super::{Blueprint, Geometry, Layer, LayerOp, Pad, Port};
use crate::checkpoint::NetworkRole;
use crate::network::{ConvSpec, Network, Op};

impl Blueprint {
    /// Describes a network: building the description from its state dict gives the same network.
    pub(in crate::checkpoint) fn of(network: &Network, family: &str, role: NetworkRole) -> Self {
        let name = |id| network.node(id).name.to_string();
        let mut inputs = Vec::new();
        let mut layers = Vec::new();
        for node in network.nodes() {
            let op = match &node.op {
                Op::Input { dims } => {
                    inputs.push(Port {
                        name: node.name.to_string(),
                        dims: dims.clone(),
                        doubt: None,
                        line: None,
                    });
                    continue;
                }
                Op::Conv2d(conv) => LayerOp::Conv(geometry(conv)),
                Op::ConvTranspose2d {
                    conv,
                    output_padding,
                } => LayerOp::ConvTranspose(geometry(conv), *output_padding),
                Op::AvgPool(pool) => LayerOp::AvgPool(*pool),
                Op::MaxPool(pool) => LayerOp::MaxPool(*pool),
                Op::Constant => LayerOp::Constant(Some(node.fact.dims.clone())),
                other => LayerOp::Plain(other.clone()),
            };
            let params = node
                .params
                .iter()
                .map(|param| (param.role, param.key.to_string()));
            layers.push(Layer {
                name: node.name.to_string(),
                inputs: node.inputs.iter().map(|id| name(*id)).collect(),
                params: params.collect(),
                doubts: doubts(&op),
                op,
                line: None,
            });
        }
        let outputs = network.outputs().iter();
        Self {
            family: family.to_owned(),
            role,
            weights: None,
            input_range: None,
            output_range: None,
            inputs,
            layers,
            outputs: outputs
                .map(|o| (o.name.to_string(), name(o.node)))
                .collect(),
        }
    }
}

const fn geometry(conv: &ConvSpec) -> Geometry {
    Geometry {
        stride: conv.stride,
        padding: Pad::Sides(conv.padding),
        dilation: conv.dilation,
        groups: conv.groups,
    }
}

/// What weights never show of an operation.
fn doubts(op: &LayerOp) -> Vec<(&'static str, &'static str)> {
    match op {
        LayerOp::Conv(geometry) if geometry.stride != [1, 1] => {
            vec![("padding", "weights from TensorFlow need \"same\"")]
        }
        LayerOp::Plain(Op::LeakyRelu { .. }) => vec![("slope", "not in the weights")],
        LayerOp::Plain(Op::BatchNorm { .. }) => vec![("eps", "not in the weights")],
        _ => Vec::new(),
    }
}
