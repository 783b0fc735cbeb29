//! Running a plan: in full, from an edit on, and for many edits of the same pictures at once.

use std::sync::PoisonError;

use candle_core::Tensor;

use super::super::{Edits, GoOn, LayerName, NetworkError, Retain, Run, always, elementwise};
use super::links::SpreadEdit;
use super::step::{State, tensor};
use super::{Plan, Steps};
use crate::kernels;

/// The memory of a runner.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// Of runs and resumed runs.
    main: Vec<Vec<f32>>,
    /// Of what many edits change.
    many: Vec<Vec<f32>>,
}

/// Runs a plan and keeps what it computed: outputs, retained layers, and what resuming needs.
#[derive(Debug)]
pub struct Runner {
    plan: Plan,
    buffers: Buffers,
    /// Pictures of the last run.
    batch: usize,
    /// Per editable layer: the edit of the last run.
    edits: Vec<Option<SpreadEdit>>,
    last: Edits,
    /// The last run where tensors do the work.
    run: Option<Run>,
}

impl Runner {
    pub(super) fn new(plan: Plan, buffers: Buffers) -> Self {
        let count = plan.request().edits.len();
        Self {
            plan,
            buffers,
            batch: 0,
            edits: vec![None; count],
            last: Edits::new(),
            run: None,
        }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Runs in full. `inputs`: one `[N, ...]` tensor per input, same N; `edits`: of layers that the plan was asked for.
    ///
    /// # Errors
    /// As [`Network::forward`](super::super::Network::forward), and [`NetworkError::NotEditable`] for an edit that the plan
    /// was not asked for. After an error there is nothing to resume.
    pub fn run(&mut self, inputs: &[Tensor], edits: &Edits) -> Result<(), NetworkError> {
        self.run_while(inputs, edits, &always)
    }

    /// [`Runner::run`] that can be stopped: `go_on` is asked before every layer with what is done in its place.
    ///
    /// # Errors
    /// [`NetworkError::Stopped`] when it says no, and those of [`Runner::run`].
    pub fn run_while(
        &mut self,
        inputs: &[Tensor],
        edits: &Edits,
        go_on: GoOn<'_>,
    ) -> Result<(), NetworkError> {
        (self.batch, self.run) = (0, None);
        let plan = self.plan.clone();
        let network = plan.network();
        self.check(edits)?;
        let Some(steps) = &plan.0.steps else {
            let run = network.forward_while(inputs, edits, &Retain::All, go_on)?;
            self.run = Some(run);
            return Ok(());
        };
        network.check_inputs(inputs)?;
        if !inputs.iter().all(elementwise::is_fast) {
            return Err(NetworkError::OtherNetwork);
        }
        self.edits = self.spread(edits)?;
        self.last.clone_from(edits);
        let batch = inputs[0].dim(0)?;
        fit(&mut self.buffers.main, steps, batch);
        for (value, input) in steps.inputs.iter().zip(inputs) {
            let to = &mut self.buffers.main[steps.buffers[*value]];
            let input = input.contiguous()?;
            elementwise::with_slice(&input, |input: &[f32]| {
                to[..input.len()].copy_from_slice(input);
            });
        }
        self.execute(steps, batch, |_| true, go_on)?;
        self.batch = batch;
        Ok(())
    }

    /// Runs again with other edits of the same pictures, from the first changed layer on.
    ///
    /// # Errors
    /// [`NetworkError::NothingToResume`] before the first run, otherwise as [`Runner::run`].
    pub fn resume(&mut self, edits: &Edits) -> Result<(), NetworkError> {
        self.check(edits)?;
        let plan = self.plan.clone();
        let Some(steps) = &plan.0.steps else {
            let run = self.run.as_ref().ok_or(NetworkError::NothingToResume)?;
            self.run = Some(plan.network().resume(run, edits)?);
            return Ok(());
        };
        if self.batch == 0 {
            return Err(NetworkError::NothingToResume);
        }
        let batch = std::mem::take(&mut self.batch);
        let changed = self.changed(edits);
        self.edits = self.spread(edits)?;
        self.last.clone_from(edits);
        let is_wanted = |step: usize| changed.iter().any(|e| steps.reached[*e][step]);
        self.execute(steps, batch, is_wanted, &always)?;
        self.batch = batch;
        Ok(())
    }

    /// The outputs for each of `many` edits of the pictures of the last run: per output a tensor `[K N, ...]`, the N pictures
    /// of the first edit first. What the edits share is not computed again, the rest in one batch.
    ///
    /// The runner stays at its last run. `go_on` is asked before every layer.
    ///
    /// # Errors
    /// [`NetworkError::Stopped`] when `go_on` says no, and those of [`Runner::resume`].
    pub fn resume_many(
        &mut self,
        many: &[Edits],
        go_on: GoOn<'_>,
    ) -> Result<Vec<Tensor>, NetworkError> {
        for edits in many {
            self.check(edits)?;
        }
        let plan = self.plan.clone();
        let network = plan.network();
        if many.is_empty() {
            let none = |o: &Tensor| Ok(o.narrow(0, 0, 0)?);
            return self.outputs()?.iter().map(none).collect();
        }
        let Some(steps) = &plan.0.steps else {
            return self.resume_many_by_tensors(many, go_on);
        };
        if self.batch == 0 {
            return Err(NetworkError::NothingToResume);
        }
        let mut reached = vec![false; steps.list.len()];
        for edit in many.iter().flat_map(|edits| self.changed(edits)) {
            for (reached, also) in reached.iter_mut().zip(&steps.reached[edit]) {
                *reached |= also;
            }
        }
        let spread = many
            .iter()
            .map(|edits| self.spread(edits))
            .collect::<Result<Vec<_>, _>>()?;
        let batch = self.batch * many.len();
        fit(&mut self.buffers.many, steps, batch);
        let mut is_changed = vec![false; steps.values.len()];
        let (pictures, main, changed) = (self.batch, &self.buffers.main, &mut self.buffers.many);
        kernels::awake(|| -> Result<(), NetworkError> {
            for (step, _) in steps
                .list
                .iter()
                .zip(&reached)
                .filter(|(_, reached)| **reached)
            {
                if !go_on() {
                    return Err(NetworkError::Stopped);
                }
                let buffer = steps.buffers[step.write];
                let mut write = std::mem::take(&mut changed[buffer]);
                let state = State {
                    steps,
                    pictures,
                    batch,
                    main,
                    changed,
                    is_changed: &is_changed,
                    edits: &spread,
                };
                let done = state.execute(step, network.node(step.node), &mut write);
                changed[buffer] = write;
                done?;
                is_changed[step.write] = true;
            }
            Ok(())
        })?;
        let changed = &self.buffers.many;
        let output = |value: &usize| {
            let (bank, of) = if is_changed[*value] {
                (changed, batch)
            } else {
                (main, pictures)
            };
            let dims = &steps.values[*value].dims;
            let tensor = tensor(&bank[steps.buffers[*value]], of, dims)?;
            let whole = vec![&tensor; batch / of.max(1)];
            Ok(Tensor::cat(&whole, 0)?)
        };
        steps.outputs.iter().map(output).collect()
    }

    /// [`Runner::resume_many`] where tensors do the work: one edit after the other.
    fn resume_many_by_tensors(
        &self,
        many: &[Edits],
        go_on: GoOn<'_>,
    ) -> Result<Vec<Tensor>, NetworkError> {
        let network = self.plan.network();
        let run = self.run.as_ref().ok_or(NetworkError::NothingToResume)?;
        let resumed = |edits| {
            if go_on() {
                network.resume(run, edits)
            } else {
                Err(NetworkError::Stopped)
            }
        };
        let runs = many.iter().map(resumed);
        let runs = runs.collect::<Result<Vec<_>, _>>()?;
        let output = |i: usize| {
            let parts: Vec<_> = runs.iter().map(|run| &run.outputs()[i]).collect();
            Ok(Tensor::cat(&parts, 0)?)
        };
        (0..network.outputs().len()).map(output).collect()
    }

    /// The outputs of the last run, each `[N, ...]`.
    ///
    /// # Errors
    /// [`NetworkError::NothingToResume`] before the first run.
    pub fn outputs(&self) -> Result<Vec<Tensor>, NetworkError> {
        match (&self.plan.0.steps, &self.run) {
            (None, Some(run)) => Ok(run.outputs().to_vec()),
            (Some(steps), _) => steps
                .outputs
                .iter()
                .map(|value| self.tensor(steps, *value))
                .collect(),
            (None, None) => Err(NetworkError::NothingToResume),
        }
    }

    /// The elements of output `index` of the last run, where the CPU kernels do the work in f32.
    pub fn output_values(&self, index: usize) -> Option<&[f32]> {
        let steps = self.plan.0.steps.as_ref().filter(|_| self.batch > 0)?;
        let value = *steps.outputs.get(index)?;
        let len = self.batch * steps.values[value].sample();
        self.buffers.main.get(steps.buffers[value])?.get(..len)
    }

    /// The value of a retained layer in the last run, before edits, `[N, ...]`.
    ///
    /// # Errors
    /// [`NetworkError::NotRetained`] when the plan was not asked for it.
    pub fn activation(&self, layer: &str) -> Result<Tensor, NetworkError> {
        let layers = &self.plan.request().retain;
        let Some(index) = layers.iter().position(|name| &**name == layer) else {
            return Err(NetworkError::NotRetained {
                layer: layer.into(),
            });
        };
        match (&self.plan.0.steps, &self.run) {
            (None, Some(run)) => Ok(run.activation(self.plan.network(), layer)?.clone()),
            (Some(steps), _) => self.tensor(steps, steps.retained[index]),
            (None, None) => Err(NetworkError::NothingToResume),
        }
    }

    /// Bytes of all buffers.
    pub fn size_bytes(&self) -> usize {
        let Buffers { main, many } = &self.buffers;
        main.iter()
            .chain(many)
            .map(|buffer| buffer.capacity() * size_of::<f32>())
            .sum()
    }

    fn tensor(&self, steps: &Steps, value: usize) -> Result<Tensor, NetworkError> {
        if self.batch == 0 {
            return Err(NetworkError::NothingToResume);
        }
        let buffer = &self.buffers.main[steps.buffers[value]];
        tensor(buffer, self.batch, &steps.values[value].dims)
    }

    /// Whether the plan was asked for all of the edits, and they fit.
    fn check(&self, edits: &Edits) -> Result<(), NetworkError> {
        let editable = &self.plan.request().edits;
        if let Some(layer) = edits.keys().find(|layer| !editable.contains(layer)) {
            return Err(NetworkError::NotEditable {
                layer: layer.clone(),
            });
        }
        if !edits.is_empty() {
            self.plan.network().resolve_edits(edits)?;
        }
        Ok(())
    }

    /// The edits by editable layer.
    fn spread(&self, edits: &Edits) -> Result<Vec<Option<SpreadEdit>>, NetworkError> {
        let network = self.plan.network();
        let one = |layer: &LayerName| {
            let Some(edit) = edits.get(layer) else {
                return Ok(None);
            };
            let dims = &network.node(network.find(layer)?).fact.dims;
            SpreadEdit::new(edit, dims).map(Some)
        };
        self.plan.request().edits.iter().map(one).collect()
    }

    /// The editable layers whose edit differs from that of the last run.
    fn changed(&self, edits: &Edits) -> Vec<usize> {
        let layers = self.plan.request().edits.iter().enumerate();
        let differs =
            |layer| !super::super::forward::same_edit(self.last.get(layer), edits.get(layer));
        layers
            .filter(|(_, layer)| differs(*layer))
            .map(|(i, _)| i)
            .collect()
    }

    /// Runs the steps that `is_wanted`, in order.
    fn execute(
        &mut self,
        steps: &Steps,
        batch: usize,
        is_wanted: impl Fn(usize) -> bool + Sync,
        go_on: GoOn<'_>,
    ) -> Result<(), NetworkError> {
        let (main, edits, plan) = (&mut self.buffers.main, &self.edits, &self.plan);
        kernels::awake(|| {
            for (_, step) in steps.list.iter().enumerate().filter(|(i, _)| is_wanted(*i)) {
                if !go_on() {
                    return Err(NetworkError::Stopped);
                }
                let buffer = steps.buffers[step.write];
                let mut write = std::mem::take(&mut main[buffer]);
                let state = State {
                    steps,
                    pictures: batch,
                    batch,
                    main,
                    changed: &[],
                    is_changed: &[],
                    edits: std::slice::from_ref(edits),
                };
                let done = state.execute(step, plan.network().node(step.node), &mut write);
                main[buffer] = write;
                done?;
            }
            Ok(())
        })
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let mut spare = self
            .plan
            .0
            .spare
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // One for each thread that may run the plan at the same time.
        if spare.len() < rayon::current_num_threads() {
            spare.push(std::mem::take(&mut self.buffers));
        }
    }
}

/// Makes the buffers long enough for a batch.
fn fit(buffers: &mut Vec<Vec<f32>>, steps: &Steps, batch: usize) {
    buffers.resize_with(steps.sizes.len(), Vec::new);
    for (buffer, size) in buffers.iter_mut().zip(&steps.sizes) {
        if buffer.len() < size * batch {
            *buffer = vec![0.0; size * batch];
        }
    }
}
