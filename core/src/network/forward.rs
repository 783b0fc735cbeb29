//! The forward pass: every operation's value from its inputs, with edits, retained activations and resuming.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};

use super::batch_norm::Scaled;
use super::lean::{self, Lean};
use super::run::{Affine, BatchStats, Edits, GoOn, Mode, Retain, Run, always};
use super::{Network, NetworkError, Node, NodeId, Op, elementwise, node_forward};
use crate::kernels;

impl Network {
    /// Runs the network at inference. `inputs`: one `[N, ...]` tensor per input, same N.
    pub fn forward(
        &self,
        inputs: &[Tensor],
        edits: &Edits,
        retain: &Retain,
    ) -> Result<Run, NetworkError> {
        self.run(inputs, edits, retain, Mode::Inference)
    }

    /// Runs the network in the given mode.
    pub fn run(
        &self,
        inputs: &[Tensor],
        edits: &Edits,
        retain: &Retain,
        mode: Mode,
    ) -> Result<Run, NetworkError> {
        self.run_while(inputs, edits, retain, mode, &always)
    }

    /// [`Network::run`] without looking whether the inputs fit and are finite, for callers that made them: on a GPU that
    /// would wait for everything that is queued.
    pub(crate) fn run_unchecked(
        &self,
        inputs: &[Tensor],
        retain: &Retain,
        mode: Mode,
    ) -> Result<Run, NetworkError> {
        self.run_inputs(inputs, &Edits::new(), retain, mode, &always)
    }

    /// [`Network::forward`] that can be stopped: `go_on` is asked before every layer.
    ///
    /// # Errors
    /// [`NetworkError::Stopped`] when it says no, and those of [`Network::forward`].
    pub fn forward_while(
        &self,
        inputs: &[Tensor],
        edits: &Edits,
        retain: &Retain,
        go_on: GoOn<'_>,
    ) -> Result<Run, NetworkError> {
        self.run_while(inputs, edits, retain, Mode::Inference, go_on)
    }

    fn run_while(
        &self,
        inputs: &[Tensor],
        edits: &Edits,
        retain: &Retain,
        mode: Mode,
        go_on: GoOn<'_>,
    ) -> Result<Run, NetworkError> {
        self.check_inputs(inputs)?;
        self.run_inputs(inputs, edits, retain, mode, go_on)
    }

    fn run_inputs(
        &self,
        inputs: &[Tensor],
        edits: &Edits,
        retain: &Retain,
        mode: Mode,
        go_on: GoOn<'_>,
    ) -> Result<Run, NetworkError> {
        let mut values = vec![None; self.nodes().len()];
        for (id, tensor) in self.inputs().iter().zip(inputs) {
            values[id.index()] = Some(tensor.contiguous()?);
        }
        let edits = self.resolve_edits(edits)?;
        // On a thread of the pool, with the others awake, so that not every loop has to wake them.
        self.on_the_pool(|| self.evaluate(values, edits, retain, mode, BTreeMap::new(), go_on))
    }

    /// Runs again from `previous` with other edits, recomputing only what the changed edits reach.
    ///
    /// `previous` must have retained all activations and stem from this network; the result retains all of them too and
    /// equals a full run bit by bit.
    pub fn resume(&self, previous: &Run, edits: &Edits) -> Result<Run, NetworkError> {
        self.resume_while(previous, edits, &always)
    }

    /// [`Network::resume`] that can be stopped: `go_on` is asked before every layer that is computed again.
    ///
    /// # Errors
    /// [`NetworkError::Stopped`] when it says no, and those of [`Network::resume`].
    pub fn resume_while(
        &self,
        previous: &Run,
        edits: &Edits,
        go_on: GoOn<'_>,
    ) -> Result<Run, NetworkError> {
        let edits = self.resolve_edits(edits)?;
        self.check_run(previous)?;
        let changed = |id: NodeId| {
            !same_edit(
                previous.edits[id.index()].as_ref(),
                edits[id.index()].as_ref(),
            )
        };
        let mut dirty = vec![false; self.nodes().len()];
        let mut values = previous.values.clone();
        for (id, node) in self.iter() {
            dirty[id.index()] = node
                .inputs
                .iter()
                .any(|input| dirty[input.index()] || changed(*input));
            if dirty[id.index()] {
                values[id.index()] = None;
            }
        }
        let stats = previous.batch_stats.clone();
        self.on_the_pool(|| self.evaluate(values, edits, &Retain::All, previous.mode, stats, go_on))
    }

    /// Runs `work` on a thread of the pool, where the kernels do it with the others awake.
    fn on_the_pool<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        if self.dtype() == DType::F32 && self.device().is_cpu() {
            kernels::awake(work)
        } else {
            rayon::scope(|_| work())
        }
    }

    /// Whether a run can stem from this network: one value per node, of the node's dimensions.
    pub(super) fn check_run(&self, run: &Run) -> Result<(), NetworkError> {
        let fits = |node: &Node, value: &Option<Tensor>| {
            value
                .as_ref()
                .is_none_or(|v| v.dims().get(1..) == Some(node.fact.dims.as_slice()))
        };
        let mut values = self.nodes().iter().zip(&run.values);
        if run.values.len() == self.nodes().len() && values.all(|(n, v)| fits(n, v)) {
            Ok(())
        } else {
            Err(NetworkError::OtherNetwork)
        }
    }

    pub(super) fn check_inputs(&self, inputs: &[Tensor]) -> Result<(), NetworkError> {
        if inputs.len() != self.inputs().len() {
            return Err(NetworkError::InputCount {
                expected: self.inputs().len(),
                got: inputs.len(),
            });
        }
        let batch = inputs
            .first()
            .and_then(|t| t.dims().first().copied())
            .unwrap_or(0);
        for (id, input) in self.inputs().iter().zip(inputs) {
            let node = self.node(*id);
            let layer = || node.name.clone();
            let got = input.dims();
            if got.is_empty() || batch == 0 || got[0] != batch || got[1..] != node.fact.dims[..] {
                return Err(NetworkError::InputShape {
                    layer: layer(),
                    expected: node.fact.dims.clone(),
                    got: got.to_vec(),
                });
            }
            if input.dtype() != node.fact.dtype {
                return Err(NetworkError::InputType {
                    layer: layer(),
                    expected: node.fact.dtype,
                    got: input.dtype(),
                });
            }
            if !elementwise::is_finite(input)? {
                return Err(NetworkError::InputNotFinite { layer: layer() });
            }
        }
        Ok(())
    }

    pub(super) fn resolve_edits(&self, edits: &Edits) -> Result<Vec<Option<Affine>>, NetworkError> {
        let mut resolved = vec![None; self.nodes().len()];
        for (layer, affine) in edits {
            let id = self.find(layer)?;
            let expected = [&[1], self.node(id).fact.dims.as_slice()].concat();
            for tensor in [&affine.gain, &affine.offset] {
                if !broadcasts_to(tensor.dims(), &expected) {
                    return Err(NetworkError::EditShape {
                        layer: layer.clone(),
                        expected,
                        got: tensor.dims().to_vec(),
                    });
                }
            }
            resolved[id.index()] = Some(affine.clone());
        }
        Ok(resolved)
    }

    /// Computes the missing values that the outputs (or retained layers) need.
    fn evaluate(
        &self,
        mut values: Vec<Option<Tensor>>,
        edits: Vec<Option<Affine>>,
        retain: &Retain,
        mode: Mode,
        batch_stats: BTreeMap<NodeId, BatchStats>,
        go_on: GoOn<'_>,
    ) -> Result<Run, NetworkError> {
        let keep = self.kept(retain)?;
        let mut readers = self.reader_counts(&values, &keep);
        let first = self.inputs().first();
        let batch = first
            .and_then(|id| values[id.index()].as_ref())
            .map_or(1, |t| t.dims()[0]);
        let lean = match retain {
            Retain::Gradients => Lean::of(self, &edits)?,
            _ => Lean::nothing(self),
        };
        let mut state = State {
            edited: vec![None; self.nodes().len()],
            scaled: BTreeMap::new(),
            batch_stats,
            lean,
            mode,
            batch,
        };
        for (id, node) in self.iter() {
            let index = id.index();
            if readers[index] == 0 && (!keep[index] || values[index].is_some()) {
                continue;
            }
            if values[index].is_none() {
                if !go_on() {
                    return Err(NetworkError::Stopped);
                }
                let computed = state.compute(self, id);
                if let Some((id, value)) = computed.map_err(|error| inside(node, error))? {
                    values[id.index()] = Some(value);
                }
                for input in &node.inputs {
                    readers[input.index()] -= 1;
                    if readers[input.index()] == 0 {
                        state.edited[input.index()] = None;
                    }
                }
            }
            if readers[index] > 0 {
                state.edited[index] = match (&edits[index], &values[index]) {
                    (Some(edit), Some(value)) => {
                        Some(edit.apply(value).map_err(|e| inside(node, e.into()))?)
                    }
                    (_, value) => value.clone(),
                };
            }
            if !keep[index] {
                values[index] = None;
            }
        }
        let outputs = self
            .outputs()
            .iter()
            .map(|o| {
                state.edited[o.node.index()]
                    .clone()
                    .ok_or_else(|| not_retained(self.node(o.node)))
            })
            .collect::<Result<_, _>>()?;
        Ok(Run {
            values,
            outputs,
            edits,
            scaled: state.scaled,
            mode,
            batch_stats: state.batch_stats,
        })
    }

    fn kept(&self, retain: &Retain) -> Result<Vec<bool>, NetworkError> {
        let all = matches!(retain, Retain::All | Retain::Gradients);
        let mut keep = vec![all; self.nodes().len()];
        if let Retain::Layers(layers) = retain {
            for layer in layers {
                keep[self.find(layer)?.index()] = true;
            }
        }
        Ok(keep)
    }

    /// How often each node's value is still read: by nodes that have to be computed, and once as an output.
    ///
    /// Nodes that nobody reads and nobody keeps are not computed.
    fn reader_counts(&self, values: &[Option<Tensor>], keep: &[bool]) -> Vec<usize> {
        let mut counts = vec![0; self.nodes().len()];
        for output in self.outputs() {
            counts[output.node.index()] += 1;
        }
        for (id, node) in self.iter().rev() {
            let index = id.index();
            if values[index].is_none() && (counts[index] > 0 || keep[index]) {
                for input in &node.inputs {
                    counts[input.index()] += 1;
                }
            }
        }
        counts
    }
}

/// A run while it is evaluated.
struct State {
    /// The values that are still to be read, after edits.
    edited: Vec<Option<Tensor>>,
    scaled: BTreeMap<NodeId, Scaled>,
    batch_stats: BTreeMap<NodeId, BatchStats>,
    lean: Lean,
    mode: Mode,
    batch: usize,
}

impl State {
    /// Computes a node: its value, or that of the node that takes its place, unless it is one that is not stored.
    fn compute(
        &mut self,
        network: &Network,
        id: NodeId,
    ) -> Result<Option<(NodeId, Tensor)>, NetworkError> {
        let node = network.node(id);
        let edited = &self.edited;
        let read = |i: &NodeId| {
            let value = edited[i.index()].as_ref();
            value.ok_or_else(|| not_retained(network.node(*i)))
        };
        if let Some(next) = self.lean.replaced_by(id) {
            let x = read(&node.inputs[0])?;
            let value = lean::convolved_and_activated(node, network.node(next), x)?;
            return Ok(Some((next, value)));
        }
        if let (true, Op::BatchNorm { eps }) = (self.lean.is_scaled(id), &node.op) {
            let x = read(&node.inputs[0])?;
            let (scaled, stats) = Scaled::new(node, x, self.mode, *eps)?;
            self.batch_stats.extend(stats.map(|stats| (id, stats)));
            self.scaled.insert(id, scaled);
            return Ok(None);
        }
        if let Some((of, scaled)) = node
            .inputs
            .iter()
            .find_map(|i| Some((i, self.scaled.get(i)?)))
        {
            let other = node.inputs.iter().find(|i| *i != of);
            let other = other.map(read).transpose()?;
            return Ok(Some((id, lean::value_of_reader(node, scaled, other)?)));
        }
        let inputs: Vec<&Tensor> = node.inputs.iter().map(read).collect::<Result<_, _>>()?;
        let batch_stats = &mut self.batch_stats;
        let value = node_forward(node, &inputs, self.batch, self.mode, |stats| {
            batch_stats.insert(id, stats);
        })?;
        Ok(Some((id, value)))
    }
}

/// Whether a tensor of `dims` can be broadcast to `target` without enlarging it.
fn broadcasts_to(dims: &[usize], target: &[usize]) -> bool {
    let mut pairs = dims.iter().rev().zip(target.iter().rev());
    dims.len() <= target.len() && pairs.all(|(dim, to)| *dim == 1 || dim == to)
}

/// Whether two edits do the same to every bit.
pub(super) fn same_edit(a: Option<&Affine>, b: Option<&Affine>) -> bool {
    let same = |a: &Tensor, b: &Tensor| {
        a.id() == b.id()
            || (a.dims() == b.dims()
                && matches!((a.flatten_all(), b.flatten_all()), (Ok(a), Ok(b))
                    if elementwise::bits(&a).is_some_and(|a| Some(a) == elementwise::bits(&b))))
    };
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => same(&a.gain, &b.gain) && same(&a.offset, &b.offset),
        _ => false,
    }
}

pub(super) fn not_retained(node: &Node) -> NetworkError {
    NetworkError::NotRetained {
        layer: node.name.clone(),
    }
}

/// Puts the layer's name on a tensor error.
pub(super) fn inside(node: &Node, error: NetworkError) -> NetworkError {
    match error {
        NetworkError::Tensor(source) => NetworkError::Inside {
            layer: node.name.clone(),
            source,
        },
        other => other,
    }
}
