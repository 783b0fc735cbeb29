//! A network compiled for what is asked of it: which outputs, which layers retained, which layers edited.
//!
//! | file | contents |
//! |---|---|
//! | `build` | steps from nodes: folding, fusing, what must be kept for resuming |
//! | `head` | the operation of a step, made ready |
//! | `gather` | operations that only move elements, as a list of where each comes from |
//! | `memory` | which value lives in which buffer |
//! | `links` | what is done to a value in the place where it was computed |
//! | `step` | one step, computed into its buffer |
//! | `runner` | running, resuming, many edits at once |
//!
//! Compiling folds batch normalisation where nobody looks between, prepares the weights, does what follows an operation
//! (bias map, normalisation, activation, addition) on each piece of its result while that is in the cache, and gives
//! values that do not live at the same time the same memory. After the first run of a batch size no value is allocated, whatever
//! the operations (but the few words of a job).
//!
//! Invariant: a plan gives what [`Network::run`] gives, to rounding (folding multiplies weights), and to the last bit what
//! the folded network gives. Resuming gives the bits of a full run.

mod build;
mod gather;
mod head;
mod links;
mod memory;
mod runner;
mod step;

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Tensor};

use super::elementwise::has_kernels;
use super::{Edits, GoOn, LayerName, Network, NetworkError, always};
use build::{Step, Value};
use runner::Buffers;

pub use runner::Runner;

/// What is asked of a plan besides the outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Layers whose value (before edits) can be read after a run.
    pub retain: Vec<LayerName>,
    /// Layers that may be edited. A run can resume at each of them.
    pub edits: Vec<LayerName>,
}

/// See the module. A clone shares everything.
#[derive(Clone, Debug)]
pub struct Plan(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    /// The network with normalisation folded.
    network: Network,
    request: Request,
    /// `None` where tensors do the work: other types and devices.
    steps: Option<Steps>,
    /// Buffers of runners that have ended.
    spare: Mutex<Vec<Buffers>>,
}

/// The steps of a plan and where their values lie.
#[derive(Debug)]
struct Steps {
    list: Vec<Step>,
    values: Vec<Value>,
    /// Per value: its buffer.
    buffers: Vec<usize>,
    /// Per buffer: elements of a sample.
    sizes: Vec<usize>,
    /// Per input of the network: its value.
    inputs: Vec<usize>,
    /// Per output: the (edited) value.
    outputs: Vec<usize>,
    /// Per retained layer: the value before edits.
    retained: Vec<usize>,
    /// Per editable layer, per step: whether an edit of the layer changes its result.
    reached: Vec<Vec<bool>>,
}

impl Plan {
    /// Plans the outputs of a network alone.
    ///
    /// # Errors
    /// When a tensor operation of the folding fails.
    pub fn new(network: &Network) -> Result<Self, NetworkError> {
        Self::compile(network, &Request::default())
    }

    /// Plans the outputs of a network and what `request` asks for.
    ///
    /// # Errors
    /// When a layer does not exist, or a tensor operation of the folding fails.
    pub fn compile(network: &Network, request: &Request) -> Result<Self, NetworkError> {
        let network = build::folded(network, request)?;
        let is_fast = network.dtype() == DType::F32
            && has_kernels(&network.device())
            && network
                .params()
                .all(|(_, p)| p.tensor.dtype() == DType::F32);
        let steps = if is_fast {
            Some(build::steps(&network, request)?)
        } else {
            None
        };
        Ok(Self(Arc::new(Compiled {
            network,
            request: request.clone(),
            steps,
            spare: Mutex::new(Vec::new()),
        })))
    }

    /// The folded network that the plan runs.
    pub fn network(&self) -> &Network {
        &self.0.network
    }

    /// What was asked for.
    pub fn request(&self) -> &Request {
        &self.0.request
    }

    /// Something that runs the plan and keeps what is needed to resume. Memory of earlier runners is used again.
    pub fn runner(&self) -> Runner {
        let spare = self
            .0
            .spare
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        Runner::new(self.clone(), spare.unwrap_or_default())
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
        let mut runner = self.runner();
        runner.run_while(inputs, &Edits::new(), go_on)?;
        runner.outputs()
    }
}
