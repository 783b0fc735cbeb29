//! The same network for pictures of another size.
//!
//! Invariant: only what counts no rows and columns is given another size. A layer that does (a stride, whose padding readers
//! may have chosen by the size; a dense layer; a slice) is refused by name, so that no result is silently of another network.

use super::{Network, NetworkError, Op};

impl Network {
    /// The network with its first input of `[rows, columns]`; weights are shared.
    ///
    /// # Errors
    /// When the first input is no picture, or a layer counts rows and columns; the message names the layer.
    pub fn with_input_size(&self, [rows, columns]: [usize; 2]) -> Result<Self, NetworkError> {
        let first = self.inputs.first().copied();
        let mut nodes = self.nodes.clone();
        for (index, node) in nodes.iter_mut().enumerate() {
            if first.is_some_and(|id| id.index() == index) {
                match &mut node.op {
                    Op::Input { dims } if dims.len() == 3 => {
                        if let Some(size) = dims.get_mut(1..) {
                            size.copy_from_slice(&[rows, columns]);
                        }
                        continue;
                    }
                    _ => return Err(refused(node, "it is no picture")),
                }
            }
            if let Some(why) = why_bound(&node.op) {
                return Err(refused(node, why));
            }
        }
        Self::from_nodes(nodes, self.outputs.clone())
    }

    /// Bytes of all values of one sample, as a run that retains everything holds them.
    pub fn value_bytes(&self) -> u64 {
        let bytes = |len: usize| len as u64 * self.dtype().size_in_bytes() as u64;
        self.nodes
            .iter()
            .map(|node| bytes(node.fact.len()))
            .fold(0, u64::saturating_add)
    }
}

fn refused(node: &super::Node, why: &str) -> NetworkError {
    NetworkError::Layer {
        layer: node.name.clone(),
        op: node.op.kind(),
        what: format!("the network takes one size of pictures only, {why}"),
    }
}

/// Why an operation belongs to one size of pictures, if it does.
const fn why_bound(op: &Op) -> Option<&'static str> {
    match op {
        Op::Conv2d(conv) if conv.stride[0] != 1 || conv.stride[1] != 1 => Some("it has a stride"),
        Op::AvgPool(pool) | Op::MaxPool(pool) if pool.stride[0] != 1 || pool.stride[1] != 1 => {
            Some("it has a stride")
        }
        Op::Slice { axis, .. } | Op::Select { axis, .. } if *axis > 0 => {
            Some("it takes certain rows or columns")
        }
        Op::Reshape { .. } | Op::Flatten | Op::Transpose { .. } => {
            Some("it puts rows and columns in another order")
        }
        _ => None,
    }
}
