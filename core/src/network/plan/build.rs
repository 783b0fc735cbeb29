//! From nodes to steps: each computes one value from others, by one operation and what is done to its result in place.

use super::super::{LayerName, Network, NetworkError, Node, NodeId, Op, canonize::canonize_but};
use super::gather::Gather;
use super::head::Head;
use super::links::{Extent, Link};
use super::{Request, Steps, memory};

/// A value that a step computes or an input holds.
#[derive(Clone, Debug)]
pub(super) struct Value {
    /// Dimensions of a sample.
    pub(super) dims: Vec<usize>,
}

impl Value {
    /// Elements of a sample.
    pub(super) fn sample(&self) -> usize {
        self.dims.iter().product::<usize>().max(1)
    }
}

/// One step of a plan.
#[derive(Debug)]
pub(super) struct Step {
    /// The node whose operation it is.
    pub(super) node: NodeId,
    pub(super) head: Head,
    /// Values that the operation reads, in order.
    pub(super) sources: Vec<usize>,
    pub(super) links: Vec<Link>,
    pub(super) extent: Extent,
    pub(super) write: usize,
}

impl Step {
    /// All values that the step reads.
    pub(super) fn reads(&self) -> impl Iterator<Item = usize> {
        let linked = self.links.iter().filter_map(|link| match link {
            Link::Add(value) | Link::Mul(value) => Some(*value),
            _ => None,
        });
        self.sources.iter().copied().chain(linked)
    }

    /// The value whose place the result may take: what a step without an operation of its own works on, when `is_free`.
    pub(super) fn source_to_overwrite(&self, is_free: impl Fn(usize) -> bool) -> Option<usize> {
        let [source] = self.sources.as_slice() else {
            return None;
        };
        let once = self.reads().filter(|value| value == source).count() == 1;
        (matches!(self.head, Head::Copy) && once && is_free(*source)).then_some(*source)
    }
}

/// The network with batch normalisation folded, except where a layer of the request would change its value.
pub(super) fn folded(network: &Network, request: &Request) -> Result<Network, NetworkError> {
    let mut is_asked = vec![false; network.nodes().len()];
    for layer in request.retain.iter().chain(&request.edits) {
        is_asked[network.find(layer)?.index()] = true;
    }
    Ok(canonize_but(network, |id| is_asked[id.index()])?.network)
}

/// The steps of a folded network, f32 on the CPU.
pub(super) fn steps(network: &Network, request: &Request) -> Result<Steps, NetworkError> {
    let find = |layers: &[LayerName]| -> Result<Vec<NodeId>, NetworkError> {
        layers.iter().map(|layer| network.find(layer)).collect()
    };
    let (retained, edited) = (find(&request.retain)?, find(&request.edits)?);
    let mut building = Building::new(network, &retained, edited);
    for (id, node) in network.iter() {
        building.add(id, node)?;
    }
    building.finish(&retained)
}

struct Building<'a> {
    network: &'a Network,
    consumers: Vec<Vec<NodeId>>,
    /// Per node: how often its value is read, once more as an output. What nobody reads is not computed.
    readers: Vec<usize>,
    /// Per node: whether its own value is asked for, so that nothing may be done in its place.
    is_asked: Vec<bool>,
    edited: Vec<NodeId>,
    steps: Vec<Step>,
    values: Vec<Value>,
    inputs: Vec<usize>,
    /// Per node: its value before edits, and the one that its readers see.
    before: Vec<Option<usize>>,
    after: Vec<Option<usize>>,
    /// Per node: whether an earlier step has done it in place.
    is_done: Vec<bool>,
}

impl<'a> Building<'a> {
    fn new(network: &'a Network, retained: &[NodeId], edited: Vec<NodeId>) -> Self {
        let count = network.nodes().len();
        let (mut readers, mut is_asked) = (vec![0; count], vec![false; count]);
        for output in network.outputs() {
            readers[output.node.index()] += 1;
        }
        for id in retained {
            readers[id.index()] += 1;
            is_asked[id.index()] = true;
        }
        for id in &edited {
            is_asked[id.index()] = true;
        }
        for (id, node) in network.iter().rev() {
            if readers[id.index()] > 0 {
                for input in &node.inputs {
                    readers[input.index()] += 1;
                }
            }
        }
        Self {
            network,
            consumers: network.consumers(),
            readers,
            is_asked,
            edited,
            steps: Vec::new(),
            values: Vec::new(),
            inputs: Vec::new(),
            before: vec![None; count],
            after: vec![None; count],
            is_done: vec![false; count],
        }
    }

    fn new_value(&mut self, node: &Node) -> usize {
        self.values.push(Value {
            dims: node.fact.dims.clone(),
        });
        self.values.len() - 1
    }

    /// The value that readers of `id` see.
    fn seen(&self, id: NodeId) -> Result<usize, NetworkError> {
        self.after[id.index()].ok_or_else(|| NetworkError::NotRetained {
            layer: self.network.node(id).name.clone(),
        })
    }

    fn add(&mut self, id: NodeId, node: &Node) -> Result<(), NetworkError> {
        if let Op::Input { .. } = node.op {
            let value = self.new_value(node);
            self.inputs.push(value);
            self.computed(id, node, value);
            return Ok(());
        }
        if self.readers[id.index()] == 0 || self.is_done[id.index()] {
            return Ok(());
        }
        let sources = node
            .inputs
            .iter()
            .map(|id| self.seen(*id))
            .collect::<Result<Vec<_>, _>>()?;
        let mut links = Vec::new();
        let (head, sources) = match &node.op {
            Op::Add | Op::Mul => {
                let first = self.widened(id, node, sources[0])?;
                let second = self.widened(id, node, sources[1])?;
                links.push(match node.op {
                    Op::Add => Link::Add(second),
                    _ => Link::Mul(second),
                });
                (Head::Copy, vec![first])
            }
            _ => {
                let dims = sources.first().map(|s| self.values[*s].dims.as_slice());
                (Head::of(node, dims.unwrap_or(&[]), &mut links)?, sources)
            }
        };
        let last = self.chain(id, &mut links)?;
        let node_of_last = self.network.node(last);
        let write = self.new_value(node_of_last);
        self.steps.push(Step {
            node: id,
            head,
            sources,
            links,
            extent: Extent::of(&node.fact.dims),
            write,
        });
        self.computed(last, node_of_last, write);
        Ok(())
    }

    /// A value of the dimensions of `node`: the value itself, or a step that repeats its elements.
    fn widened(&mut self, id: NodeId, node: &Node, value: usize) -> Result<usize, NetworkError> {
        let dims = &self.values[value].dims;
        if *dims == node.fact.dims {
            return Ok(value);
        }
        let head = Head::Gather(Gather::repeating(dims, &node.fact.dims)?);
        let write = self.new_value(node);
        self.steps.push(Step {
            node: id,
            head,
            sources: vec![value],
            links: Vec::new(),
            extent: Extent::of(&node.fact.dims),
            write,
        });
        Ok(write)
    }

    /// Notes the value of a node, with a step for the edits that it may get.
    fn computed(&mut self, id: NodeId, node: &Node, value: usize) {
        self.before[id.index()] = Some(value);
        self.after[id.index()] = Some(value);
        if let Some(edit) = self.edited.iter().position(|edited| *edited == id) {
            let write = self.new_value(node);
            self.steps.push(Step {
                node: id,
                head: Head::Copy,
                sources: vec![value],
                links: vec![Link::Edit(edit)],
                extent: Extent::of(&node.fact.dims),
                write,
            });
            self.after[id.index()] = Some(write);
        }
    }

    /// Appends to `links` what follows `head` and can be done in the place of its result: each node is the only reader of
    /// the one before, and what else it reads is there before `head`. Returns the last node done.
    fn chain(&mut self, head: NodeId, links: &mut Vec<Link>) -> Result<NodeId, NetworkError> {
        let mut last = head;
        // Read once, and not as an output: that counts as a reader without a consumer. A consumer that nobody reads is no
        // reader.
        while self.readers[last.index()] == 1
            && !self.is_asked[last.index()]
            && let [next] = self.consumers[last.index()].as_slice()
            && self.readers[next.index()] > 0
        {
            let node = self.network.node(*next);
            let same_size = self.network.node(last).fact.dims == node.fact.dims;
            match &node.op {
                Op::Identity => {}
                Op::Add | Op::Mul if same_size => match self.other_operand(node, last, head) {
                    Some(other) if matches!(node.op, Op::Add) => links.push(Link::Add(other)),
                    Some(other) => links.push(Link::Mul(other)),
                    None => break,
                },
                _ => match Link::of(node)? {
                    Some(link) => links.push(link),
                    None => break,
                },
            }
            self.is_done[next.index()] = true;
            last = *next;
        }
        Ok(last)
    }

    /// What `node` reads besides `last`, if it is of the same dimensions and there before `head`.
    fn other_operand(&self, node: &Node, last: NodeId, head: NodeId) -> Option<usize> {
        let others: Vec<NodeId> = node
            .inputs
            .iter()
            .copied()
            .filter(|id| *id != last)
            .collect();
        let [other] = others.as_slice() else {
            return None;
        };
        let alike = self.network.node(*other).fact.dims == node.fact.dims;
        (alike && other.index() < head.index()).then(|| self.after[other.index()])?
    }

    fn finish(self, retained: &[NodeId]) -> Result<Steps, NetworkError> {
        let outputs = self
            .network
            .outputs()
            .iter()
            .map(|o| self.seen(o.node))
            .collect::<Result<Vec<_>, _>>()?;
        let value_before = |id: &NodeId| {
            self.before[id.index()].ok_or_else(|| NetworkError::NotRetained {
                layer: self.network.node(*id).name.clone(),
            })
        };
        let retained = retained
            .iter()
            .map(value_before)
            .collect::<Result<Vec<_>, _>>()?;
        let mut is_kept = vec![false; self.values.len()];
        for value in outputs.iter().chain(&retained) {
            is_kept[*value] = true;
        }
        let reached: Vec<Vec<bool>> = (0..self.edited.len())
            .map(|edit| self.reached_by(edit))
            .collect();
        for reached in &reached {
            let mut is_changed = vec![false; self.values.len()];
            for (step, _) in self
                .steps
                .iter()
                .zip(reached)
                .filter(|(_, reached)| **reached)
            {
                // What resuming reads and does not compute.
                for value in step.reads().filter(|value| !is_changed[*value]) {
                    is_kept[value] = true;
                }
                is_changed[step.write] = true;
            }
        }
        let layout = memory::layout(&self.steps, &self.values, &self.inputs, &is_kept);
        Ok(Steps {
            list: self.steps,
            values: self.values,
            buffers: layout.buffers,
            sizes: layout.sizes,
            inputs: self.inputs,
            outputs,
            retained,
            reached,
        })
    }

    /// Per step: whether an edit of editable layer `edit` changes its result.
    fn reached_by(&self, edit: usize) -> Vec<bool> {
        let mut is_changed = vec![false; self.values.len()];
        let reached = self.steps.iter().map(|step| {
            let edits = step
                .links
                .iter()
                .any(|link| matches!(link, Link::Edit(e) if *e == edit));
            let changes = edits || step.reads().any(|value| is_changed[value]);
            is_changed[step.write] = changes;
            changes
        });
        reached.collect()
    }
}
