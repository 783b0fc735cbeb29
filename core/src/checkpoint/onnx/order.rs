//! The nodes of a graph in an order in which every value is made before it is read.

use std::collections::{HashMap, VecDeque};

use super::fault::{Fault, Reading};
use super::names::label;
use super::proto::Graph;

/// Indices of the nodes; those that stand in a good order already keep it.
pub(super) fn sorted(graph: &Graph<'_>) -> Reading<Vec<usize>> {
    let mut producers = HashMap::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        for output in node.outputs.iter().filter(|output| !output.is_empty()) {
            if producers.insert(*output, index).is_some() {
                let what = format!("two nodes make the value {output}");
                return Err(Fault::broken(what));
            }
        }
    }
    let mut waiting: Vec<usize> = vec![0; graph.nodes.len()];
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for (index, node) in graph.nodes.iter().enumerate() {
        for producer in node.inputs.iter().filter_map(|input| producers.get(input)) {
            waiting[index] += 1;
            readers[*producer].push(index);
        }
    }
    let mut ready: VecDeque<usize> = (0..waiting.len()).filter(|i| waiting[*i] == 0).collect();
    let mut order = Vec::with_capacity(waiting.len());
    while let Some(index) = ready.pop_front() {
        order.push(index);
        for reader in &readers[index] {
            waiting[*reader] -= 1;
            if waiting[*reader] == 0 {
                ready.push_back(*reader);
            }
        }
    }
    let stuck = (0..waiting.len()).find(|i| waiting[*i] > 0);
    match stuck.and_then(|i| Some((i, graph.nodes.get(i)?))) {
        Some((index, node)) => Err(Fault::broken(format!(
            "node {} ({}) reads what is made from its own value, a cycle",
            label(node, index),
            node.op
        ))),
        None => Ok(order),
    }
}
