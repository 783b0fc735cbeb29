//! A network as it is drawn: layers folded into boxes, repeated blocks found, and a layout of both on a plane.
//!
//! Invariant: everything here is plain data that follows from the network alone, without tensors and without randomness.
//! Boxes are numbered so that every box comes after those it reads, and the blocks of a chain are neighbours.

mod chains;
mod family;
mod fold;
mod layout;
mod place;
mod route;

use std::sync::Arc;

pub use chains::Chain;
pub use family::Family;
pub use layout::{Area, Item, Layout, Route, Shown};

use crate::network::{LayerName, Network};

/// One layer of a network, input and constants included.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphLayer {
    /// Name of the layer.
    pub name: LayerName,
    /// What kind of work it does.
    pub family: Family,
    /// Kind of operation, for example `Conv2d`.
    pub kind: &'static str,
    /// The operation with its settings, in one line.
    pub summary: String,
    /// Dimensions of its value, batch left out.
    pub dims: Vec<usize>,
    /// Number of stored values.
    pub parameters: usize,
    /// Multiply-adds for one stamp.
    pub multiply_adds: u64,
    /// The layers it reads, by position.
    pub inputs: Vec<usize>,
    /// The names under which its value leaves the network; most have none.
    pub outputs: Vec<Arc<str>>,
}

/// Layers drawn as one: an operation with what only its result passes through (normalisation, activation, reshaping).
#[derive(Clone, Debug, PartialEq)]
pub struct GraphBox {
    /// Its layers by position, in the order of computation; never empty. The last one's value is the box's.
    pub layers: Vec<usize>,
    /// The layer that gives the box its kind, by position.
    pub main: usize,
    /// The boxes it reads, by position, each once.
    pub inputs: Vec<usize>,
    /// Stored values of its layers.
    pub parameters: usize,
    /// Multiply-adds of its layers for one stamp.
    pub multiply_adds: u64,
}

/// A network as boxes and chains.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// All layers, in the order of the network.
    pub layers: Vec<GraphLayer>,
    /// The boxes, each after those it reads.
    pub boxes: Vec<GraphBox>,
    /// Repeated blocks, by increasing position; no box is in two of them.
    pub chains: Vec<Chain>,
    /// Stored values of all layers.
    pub parameters: usize,
    /// Multiply-adds of all layers for one stamp.
    pub multiply_adds: u64,
    /// For every layer its box.
    box_of: Vec<usize>,
}

impl Graph {
    /// The graph of a network.
    pub fn of(network: &Network) -> Self {
        let layers = layers(network);
        let boxes = fold::boxes(&layers);
        let mut box_of = vec![0; layers.len()];
        for (index, one) in boxes.iter().enumerate() {
            for layer in &one.layers {
                box_of[*layer] = index;
            }
        }
        let chains = chains::find(&layers, &boxes);
        Self {
            parameters: network.parameter_count(),
            multiply_adds: network.total_multiply_adds(),
            layers,
            boxes,
            chains,
            box_of,
        }
    }

    /// The position of the layer of a name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.layers.iter().position(|layer| &*layer.name == name)
    }

    /// The box of a layer, both by position.
    pub fn box_of(&self, layer: usize) -> Option<usize> {
        self.box_of.get(layer).copied()
    }

    /// The chain that a box is in, both by position.
    pub fn chain_of(&self, index: usize) -> Option<usize> {
        let chain = self.chains.partition_point(|c| c.end() <= index);
        let is_in = |c: &Chain| c.boxes().contains(&index);
        self.chains.get(chain).filter(|c| is_in(c)).map(|_| chain)
    }

    /// The layers of some boxes in order, for example of [`Chain::boxes`].
    pub fn layers_of(
        &self,
        boxes: std::ops::Range<usize>,
    ) -> impl DoubleEndedIterator<Item = &GraphLayer> {
        let boxes = self.boxes.get(boxes).unwrap_or_default();
        boxes
            .iter()
            .flat_map(|one| &one.layers)
            .filter_map(|layer| self.layers.get(*layer))
    }

    /// The share of the whole run's cost that some multiply-adds are, 0 to 1.
    pub fn share_of_cost(&self, multiply_adds: u64) -> f64 {
        multiply_adds as f64 / self.multiply_adds.max(1) as f64
    }
}

fn layers(network: &Network) -> Vec<GraphLayer> {
    let layer = |(id, node): (crate::network::NodeId, &crate::network::Node)| GraphLayer {
        name: node.name.clone(),
        family: Family::of(&node.op),
        kind: node.op.kind(),
        summary: node.op.to_string(),
        dims: node.fact.dims.clone(),
        parameters: node.params.iter().map(|p| p.tensor.elem_count()).sum(),
        multiply_adds: network.multiply_adds(id),
        inputs: node.inputs.iter().map(|input| input.index()).collect(),
        outputs: network
            .outputs()
            .iter()
            .filter(|output| output.node == id)
            .map(|output| output.name.clone())
            .collect(),
    };
    network.iter().map(layer).collect()
}
