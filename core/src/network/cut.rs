//! A part of a network as a network.

use super::{Network, NetworkError, NodeId, Output};

impl Network {
    /// The part that a layer depends on, with the value of that layer as its only output, named like it. All inputs stay, so that
    /// it takes what the whole network takes; names and parameters are the same.
    ///
    /// # Errors
    /// When the network has no such layer.
    pub fn ending_at(&self, layer: &str) -> Result<Self, NetworkError> {
        let end = self.find(layer)?;
        let mut is_kept = vec![false; self.nodes().len()];
        is_kept[end.index()] = true;
        for (id, node) in self.iter().rev() {
            if is_kept[id.index()] {
                for input in &node.inputs {
                    is_kept[input.index()] = true;
                }
            }
        }
        for input in self.inputs() {
            is_kept[input.index()] = true;
        }
        let mut places = vec![NodeId(0); is_kept.len()];
        let mut nodes = Vec::new();
        for (id, node) in self.iter().filter(|(id, _)| is_kept[id.index()]) {
            let mut node = node.clone();
            for input in &mut node.inputs {
                *input = places[input.index()];
            }
            places[id.index()] = NodeId(nodes.len() as u32);
            nodes.push(node);
        }
        let output = Output {
            name: (*layer).into(),
            node: places[end.index()],
        };
        // The type of a network without parameters is that of its first node.
        Self::from_nodes(nodes, vec![output])
    }
}
