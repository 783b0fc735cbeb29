//! Folding layers into boxes: an operation and what only its result passes through are drawn as one.
//!
//! Invariant: every layer is in exactly one box; a value that several layers read, or that leaves the network, ends its
//! box, so that no edge and no output starts inside of one.

use super::{Family, GraphBox, GraphLayer};

/// The boxes of a network, each after those it reads; branches are kept together.
pub(super) fn boxes(layers: &[GraphLayer]) -> Vec<GraphBox> {
    let folding = Folding::of(layers);
    let mut boxes = folding.join();
    for one in &mut boxes {
        one.layers.sort_unstable();
        one.main = main_layer(layers, &one.layers);
        one.parameters = one.layers.iter().map(|l| layers[*l].parameters).sum();
        one.multiply_adds = one
            .layers
            .iter()
            .fold(0, |sum, l| sum.saturating_add(layers[*l].multiply_adds));
    }
    connect(layers, &mut boxes);
    depth_first(layers, boxes)
}

struct Folding<'a> {
    layers: &'a [GraphLayer],
    /// For every layer those that read it, each once.
    readers: Vec<Vec<usize>>,
    /// Constants that are drawn as a part of the only layer that reads them.
    is_folded: Vec<bool>,
    /// Arrangements that lead to an operation of their own and are drawn with that one.
    leads_on: Vec<bool>,
}

impl<'a> Folding<'a> {
    fn of(layers: &'a [GraphLayer]) -> Self {
        let mut readers: Vec<Vec<usize>> = vec![Vec::new(); layers.len()];
        for (index, layer) in layers.iter().enumerate() {
            for input in &layer.inputs {
                if readers[*input].last() != Some(&index) {
                    readers[*input].push(index);
                }
            }
        }
        let is_folded = layers.iter().zip(&readers).map(|(layer, readers)| {
            // A join names its parts; everything else only scales or shifts by a constant.
            let is_part = |reader: &usize| layers[*reader].kind != "Concat";
            let is_read_once = matches!(readers.as_slice(), [reader] if is_part(reader));
            layer.kind == "Constant" && layer.outputs.is_empty() && is_read_once
        });
        let is_folded = is_folded.collect();
        let mut folding = Self {
            layers,
            readers,
            is_folded,
            leads_on: vec![false; layers.len()],
        };
        for index in (0..layers.len()).rev() {
            folding.leads_on[index] = folding.leads_on(index);
        }
        folding
    }

    /// The only value a layer reads, folded constants left out.
    fn only_input(&self, index: usize) -> Option<usize> {
        let mut inputs = self.layers[index].inputs.iter().copied();
        let first = inputs.find(|input| !self.is_folded[*input])?;
        inputs
            .all(|input| input == first || self.is_folded[input])
            .then_some(first)
    }

    /// Whether a layer only finishes what comes before: it is drawn with it.
    fn is_finish(&self, index: usize) -> bool {
        let layer = &self.layers[index];
        match layer.family {
            Family::Normalisation | Family::Activation | Family::Join => true,
            Family::Arrangement => layer.kind == "Identity" || !self.leads_on[index],
            Family::Source | Family::Convolution | Family::Dense | Family::Resampling => false,
        }
    }

    /// Whether an arrangement is for the operation after it, as padding and flattening are.
    fn leads_on(&self, index: usize) -> bool {
        let layer = &self.layers[index];
        let is_candidate = layer.family == Family::Arrangement
            && layer.kind != "Identity"
            && layer.outputs.is_empty();
        let &[reader] = self.readers[index].as_slice() else {
            return false;
        };
        if !is_candidate || self.only_input(reader) != Some(index) {
            return false;
        }
        match self.layers[reader].family {
            Family::Arrangement => self.leads_on[reader],
            Family::Convolution | Family::Dense | Family::Resampling => true,
            _ => false,
        }
    }

    /// Whether a layer is drawn with the value it reads.
    fn joins(&self, index: usize) -> Option<usize> {
        let input = self.only_input(index)?;
        let before = &self.layers[input];
        let is_passed_on = self.readers[input].len() == 1 && before.outputs.is_empty();
        if !is_passed_on || before.family == Family::Source {
            return None;
        }
        (self.is_finish(index) || self.leads_on[input]).then_some(input)
    }

    fn join(&self) -> Vec<GraphBox> {
        let mut boxes: Vec<GraphBox> = Vec::new();
        let mut box_of = vec![0; self.layers.len()];
        for index in 0..self.layers.len() {
            if self.is_folded[index] {
                continue;
            }
            let at = match self.joins(index) {
                Some(input) => box_of[input],
                None => {
                    boxes.push(GraphBox {
                        layers: Vec::new(),
                        main: index,
                        inputs: Vec::new(),
                        parameters: 0,
                        multiply_adds: 0,
                    });
                    boxes.len() - 1
                }
            };
            box_of[index] = at;
            boxes[at].layers.push(index);
        }
        for index in (0..self.layers.len()).filter(|i| self.is_folded[*i]) {
            if let Some(reader) = self.readers[index].first() {
                boxes[box_of[*reader]].layers.push(index);
            }
        }
        boxes
    }
}

/// The first layer with work of its own; else the first that is not a constant.
fn main_layer(layers: &[GraphLayer], of: &[usize]) -> usize {
    let weight = |index: &usize| match layers[*index].family {
        Family::Convolution | Family::Dense => 0,
        Family::Join | Family::Resampling => 1,
        Family::Normalisation | Family::Activation => 2,
        Family::Arrangement => 3,
        Family::Source => 4,
    };
    of.iter().copied().min_by_key(weight).unwrap_or_default()
}

/// Finds the boxes that every box reads.
fn connect(layers: &[GraphLayer], boxes: &mut [GraphBox]) {
    let mut box_of = vec![0; layers.len()];
    for (at, one) in boxes.iter().enumerate() {
        for layer in &one.layers {
            box_of[*layer] = at;
        }
    }
    for (at, one) in boxes.iter_mut().enumerate() {
        let read = one.layers.iter().flat_map(|l| &layers[*l].inputs);
        let mut inputs: Vec<usize> = Vec::new();
        for from in read.map(|input| box_of[*input]) {
            if from != at && !inputs.contains(&from) {
                inputs.push(from);
            }
        }
        one.inputs = inputs;
    }
}

/// The boxes renumbered depth first from the outputs, so that a branch or a block is not torn apart by others. Boxes that
/// no output needs come last.
fn depth_first(layers: &[GraphLayer], boxes: Vec<GraphBox>) -> Vec<GraphBox> {
    let is_output = |one: &GraphBox| one.layers.iter().any(|l| !layers[*l].outputs.is_empty());
    let outputs = (0..boxes.len()).filter(|i| is_output(&boxes[*i]));
    let mut place = vec![None; boxes.len()];
    let mut order = Vec::with_capacity(boxes.len());
    for root in outputs.chain(0..boxes.len()) {
        // A box and how many of its inputs were looked at.
        let mut path = vec![(root, 0)];
        while let Some((at, seen)) = path.pop() {
            if place[at].is_some() {
                continue;
            }
            if let Some(input) = boxes[at].inputs.get(seen) {
                path.push((at, seen + 1));
                path.push((*input, 0));
            } else {
                place[at] = Some(order.len());
                order.push(at);
            }
        }
    }
    let mut boxes: Vec<Option<GraphBox>> = boxes.into_iter().map(Some).collect();
    let renumbered = |mut one: GraphBox| {
        for input in &mut one.inputs {
            *input = place[*input].unwrap_or(*input);
        }
        one
    };
    order
        .into_iter()
        .filter_map(|at| boxes[at].take())
        .map(renumbered)
        .collect()
}
