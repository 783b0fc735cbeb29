//! A network made ready to be run many times for its outputs alone: normalisation folded, and what follows a convolution
//! (bias map, activation, addition) done in the place of its result while that is still in the cache.
//!
//! Invariant: a plan gives the outputs of its network to rounding (folding multiplies weights), and to the last bit those
//! of the folded network. It retains nothing and takes no edits; for those there is [`Network::run`].

use candle_core::{DType, Tensor};

use super::forward::{inside, node_forward};
use super::{Edits, Mode, Network, NetworkError, Node, NodeId, Op, Retain, Role, canonize};
use super::{GoOn, activation, always, elementwise, linear};
use crate::kernels;

/// See the module.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The network with normalisation folded.
    network: Network,
    /// Per node: what is done in place after it.
    chains: Vec<Vec<NodeId>>,
    /// Per node: whether a chain before it has done it.
    is_done_before: Vec<bool>,
    /// Per node: how often its value is read, once more when it is an output. Nobody reads what is inside a chain.
    readers: Vec<usize>,
}

impl Plan {
    /// Plans a network.
    ///
    /// # Errors
    /// When a tensor operation of the folding fails.
    pub fn new(network: &Network) -> Result<Self, NetworkError> {
        let network = canonize(network)?.network;
        let count = network.nodes().len();
        let mut readers = vec![0; count];
        for output in network.outputs() {
            readers[output.node.index()] += 1;
        }
        for (id, node) in network.iter().rev() {
            if readers[id.index()] > 0 {
                for input in &node.inputs {
                    readers[input.index()] += 1;
                }
            }
        }
        let (mut chains, mut is_done_before) = (vec![Vec::new(); count], vec![false; count]);
        let consumers = network.consumers();
        for (id, node) in network.iter() {
            if matches!(node.op, Op::Conv2d(_)) && readers[id.index()] > 0 {
                let chain = chain_after(&network, &consumers, &readers, id);
                for follower in &chain {
                    is_done_before[follower.index()] = true;
                }
                chains[id.index()] = chain;
            }
        }
        Ok(Self {
            network,
            chains,
            is_done_before,
            readers,
        })
    }

    /// The folded network that the plan runs.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The outputs for `inputs`, one `[N, ...]` tensor per input, same N.
    ///
    /// # Errors
    /// As [`Network::forward`].
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, NetworkError> {
        self.run_while(inputs, &always)
    }

    /// [`Plan::run`] that can be stopped: `go_on` is asked before every layer with what is done in its place.
    ///
    /// # Errors
    /// [`NetworkError::Stopped`] when it says no, and those of [`Plan::run`].
    pub fn run_while(
        &self,
        inputs: &[Tensor],
        go_on: GoOn<'_>,
    ) -> Result<Vec<Tensor>, NetworkError> {
        let network = &self.network;
        let is_fast = network.input_fact().dtype == DType::F32 && network.device().is_cpu();
        if !is_fast || !inputs.iter().all(elementwise::is_fast) {
            let run = network.forward_while(inputs, &Edits::new(), &Retain::Nothing, go_on)?;
            return Ok(run.outputs().to_vec());
        }
        network.check_inputs(inputs)?;
        // On a thread of the pool, so that not every loop has to wake it.
        rayon::scope(|_| self.run_fast(inputs, go_on))
    }

    /// The outputs for checked inputs, f32 on the CPU.
    fn run_fast(&self, inputs: &[Tensor], go_on: GoOn<'_>) -> Result<Vec<Tensor>, NetworkError> {
        let network = &self.network;
        let batch = inputs[0].dim(0)?;
        let mut values: Vec<Option<Tensor>> = vec![None; network.nodes().len()];
        let mut readers = self.readers.clone();
        for (id, tensor) in network.inputs().iter().zip(inputs) {
            values[id.index()] = Some(tensor.contiguous()?);
        }
        for (id, node) in network.iter() {
            let index = id.index();
            if readers[index] == 0 || self.is_done_before[index] || values[index].is_some() {
                continue;
            }
            if !go_on() {
                return Err(NetworkError::Stopped);
            }
            let chain = &self.chains[index];
            let value = self.value(node, chain, &values, batch);
            let last = chain.last().copied().unwrap_or(id);
            values[last.index()] = Some(value.map_err(|error| inside(node, error))?);
            let done = std::iter::once(id).chain(chain.iter().copied());
            for input in done.flat_map(|id| &network.node(id).inputs) {
                readers[input.index()] -= 1;
                if readers[input.index()] == 0 {
                    values[input.index()] = None;
                }
            }
        }
        let output = |id: NodeId| {
            let value = values[id.index()].clone();
            value.ok_or_else(|| NetworkError::NotRetained {
                layer: network.node(id).name.clone(),
            })
        };
        network.outputs().iter().map(|o| output(o.node)).collect()
    }

    /// The value of a node and of the chain after it.
    fn value(
        &self,
        node: &Node,
        chain: &[NodeId],
        values: &[Option<Tensor>],
        batch: usize,
    ) -> Result<Tensor, NetworkError> {
        let read = |id: &NodeId| {
            values[id.index()]
                .as_ref()
                .ok_or_else(|| NetworkError::NotRetained {
                    layer: self.network.node(*id).name.clone(),
                })
        };
        let Op::Conv2d(conv) = &node.op else {
            let inputs: Vec<&Tensor> = node.inputs.iter().map(read).collect::<Result<_, _>>()?;
            return node_forward(node, &inputs, batch, Mode::Inference, |_| ());
        };
        let weight = node.require(Role::Weight)?;
        let bias = node.param(Role::Bias);
        let (mut result, dims) = linear::conv2d_values(read(&node.inputs[0])?, weight, bias, conv)?;
        for follower in chain {
            let follower = self.network.node(*follower);
            if !matches!(follower.op, Op::Add) {
                let slope = follower.param(Role::Slope);
                activation::update(&follower.op, &mut result, &dims, slope)?;
                continue;
            }
            // The other summand is the one that is there already.
            for other in follower.inputs.iter().filter_map(|id| read(id).ok()) {
                let plane = dims[2] * dims[3];
                let other = other.contiguous()?;
                elementwise::with_slice(&other, |other: &[f32]| {
                    kernels::update_zip_planes(&mut result, other, plane, |_| |a, b| a + b);
                });
            }
        }
        Ok(elementwise::from_vec(result, &dims)?)
    }
}

/// The nodes after a convolution that can be done in the place of its result: each is the only reader of the one before,
/// and what else it reads is there before the convolution.
fn chain_after(
    network: &Network,
    consumers: &[Vec<NodeId>],
    readers: &[usize],
    head: NodeId,
) -> Vec<NodeId> {
    let mut chain = Vec::new();
    let mut last = head;
    // Read once, and not as an output: that counts as a reader without a consumer.
    while readers[last.index()] == 1
        && let [next] = consumers[last.index()].as_slice()
    {
        let node = network.node(*next);
        let fits = match &node.op {
            Op::Identity
            | Op::Relu
            | Op::LeakyRelu { .. }
            | Op::Prelu
            | Op::Tanh
            | Op::Sigmoid
            | Op::Elu { .. }
            | Op::Silu
            | Op::Softplus => true,
            Op::Add => {
                let is_early = |id: &NodeId| *id == last || id.index() < head.index();
                let alike = |id: &NodeId| network.node(*id).fact.dims == node.fact.dims;
                node.inputs.iter().all(|id| is_early(id) && alike(id))
                    && node.inputs.iter().filter(|id| **id == last).count() == 1
            }
            _ => false,
        };
        if !fits {
            break;
        }
        chain.push(*next);
        last = *next;
    }
    chain
}
