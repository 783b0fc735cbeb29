//! The parts of one step: a child by a mutation, its measures, and an update of the discriminator.

use std::slice::from_ref;

use candle_core::{Device, Tensor};

use super::LatentEvolution;
use crate::network::{Gradients, Mode, Network, NetworkError, NodeId, Retain, Run, Wanted};
use crate::seed::Stream;
use crate::train::evolution::{
    Individual, Measures, Mutation, NORM_FLOOR, Origin, StepSize, gradient_norm,
};
use crate::train::step::Statistic;
use crate::train::{TrainError, binary_cross_entropy};

/// Keeps the latents apart from all other draws.
const LATENT_SALT: u64 = 0x6c61_7465_6e74_7a00;

/// What latents are drawn for; each use of a step has numbers of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Use {
    /// Training child `n` of the step.
    Child(usize),
    /// Judging children, and showing the survivors' pictures to the discriminator.
    Evaluation,
    /// Pictures for the discriminator where nothing is judged.
    Discriminator,
    /// The order in which the discriminator sees them.
    Shuffle,
    /// Pictures to look at or to measure, of this seed.
    Sample(u64),
}

impl Use {
    /// The stream of a step's use.
    pub(super) fn stream(self, seed: u64, step: u64) -> Stream {
        let place = match self {
            Self::Evaluation => 1,
            Self::Discriminator => 2,
            Self::Shuffle => 3,
            Self::Sample(seed) => seed.wrapping_mul(2).wrapping_add(1).wrapping_mul(1 << 32),
            Self::Child(child) => 16 + child as u64,
        };
        let salt = LATENT_SALT ^ place.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Stream::for_item(seed ^ salt, step)
    }
}

/// Standard normal numbers for every input of a generator, `[count, latents]`.
pub(super) fn latents(
    generator: &Network,
    stream: &mut Stream,
    count: usize,
) -> candle_core::Result<Tensor> {
    let fact = generator.input_fact();
    let numbers: Vec<f32> = (0..count * fact.len())
        .map(|_| stream.normal() as f32)
        .collect();
    batch(numbers, count, &fact.dims, &generator.device())
}

/// Values as a batch of `count` samples of `dims`.
pub(super) fn batch(
    values: Vec<f32>,
    count: usize,
    dims: &[usize],
    device: &Device,
) -> candle_core::Result<Tensor> {
    let mut all = vec![count];
    all.extend_from_slice(dims);
    Tensor::from_vec(values, all, device)
}

/// A run with the statistics of the batch. What is not finite is found by the losses, and only fails the child.
pub(super) fn run(network: &Network, x: &Tensor, retain: &Retain) -> Result<Run, NetworkError> {
    network.run_unchecked(from_ref(x), retain, Mode::Training)
}

/// What does not change while the children of a step are made and judged.
pub(super) struct Arena<'a> {
    pub(super) judge: &'a Network,
    pub(super) evolution: &'a LatentEvolution,
    pub(super) step: StepSize,
    pub(super) batch: usize,
    pub(super) seed: u64,
    pub(super) at: u64,
}

/// A child as it was made.
pub(super) struct Child {
    pub(super) parent: usize,
    pub(super) origin: Origin,
    pub(super) individual: Individual,
    /// The mutation's objective before the step; not finite where the child failed.
    pub(super) loss: f64,
}

/// A child with what it draws and how fit it is.
pub(super) struct Judged {
    pub(super) child: Child,
    pub(super) measures: Measures,
    /// What it drew for the evaluation, `[evaluation, ...]`.
    pub(super) drawn: Tensor,
}

impl Arena<'_> {
    /// Child number `number` of the step: `parent` after one step by the objective of `mutation`.
    pub(super) fn child(
        &self,
        parent: (usize, &Individual),
        mutation: Mutation,
        number: usize,
    ) -> Result<Child, TrainError> {
        let (place, parent) = parent;
        let generator = &parent.network;
        let mut stream = Use::Child(number).stream(self.seed, self.at);
        let z = latents(generator, &mut stream, self.batch)?;
        let made = run(generator, &z, &Retain::Gradients)?;
        let (loss, at_output) = self.objective(&made.outputs()[0], mutation)?;
        let individual = if loss.is_finite() {
            let seed = (generator.outputs()[0].node, at_output);
            let gradients = generator.pullback(&made, &[seed], &Wanted::params())?;
            parent.stepped(&[gradients], from_ref(made.batch_stats()), self.step)?
        } else {
            parent.clone()
        };
        Ok(Child {
            parent: place,
            origin: Origin::Mutation(mutation),
            individual,
            loss,
        })
    }

    /// The objective of a mutation on drawn samples, and its gradient at them.
    fn objective(&self, drawn: &Tensor, mutation: Mutation) -> Result<(f64, Tensor), TrainError> {
        let verdict = run(self.judge, drawn, &Retain::Gradients)?;
        let logits = logits(&verdict)?;
        let (loss, slopes) = mutation.objective(&logits, self.evolution.least_squares_on);
        let seed = (logit(self.judge), logit_seed(&slopes, drawn.device())?);
        let mut pulled = self.judge.pullback(&verdict, &[seed], &Wanted::inputs())?;
        let input = self.judge.inputs()[0];
        let gradient = pulled.nodes.remove(&input);
        let gradient = gradient.ok_or_else(|| NetworkError::NotRetained {
            layer: self.judge.node(input).name.clone(),
        })?;
        Ok((loss, gradient))
    }

    /// The gradient of the discriminator's loss on real samples over its parameters; the same for all children.
    pub(super) fn of_real(&self, real: &Tensor) -> Result<Gradients, TrainError> {
        Ok(verdict(self.judge, real, 1.0)?.gradients)
    }

    /// Measures a child on the evaluation's latents.
    pub(super) fn judged(&self, child: Child, of_real: &Gradients) -> Result<Judged, TrainError> {
        let generator = &child.individual.network;
        let mut stream = Use::Evaluation.stream(self.seed, self.at);
        let z = latents(generator, &mut stream, self.evolution.evaluation)?;
        let drawn = run(generator, &z, &Retain::Nothing)?.outputs()[0].clone();
        let verdict = verdict(self.judge, &drawn, 0.0)?;
        let norm = gradient_norm(&[of_real, &verdict.gradients])?;
        let is_finite = child.origin == Origin::Kept || child.loss.is_finite();
        let measures = if is_finite && norm.is_finite() {
            Measures {
                quality: self.evolution.quality.of(&verdict.logits),
                diversity: -norm.max(NORM_FLOOR).ln(),
                content: 0.0,
            }
        } else {
            Measures::FAILED
        };
        Ok(Judged {
            child,
            measures,
            drawn,
        })
    }
}

/// The discriminator on a batch of one kind.
pub(super) struct Verdict {
    pub(super) loss: f64,
    pub(super) logits: Vec<f64>,
    pub(super) gradients: Gradients,
    pub(super) stats: Statistic,
}

/// Runs the discriminator on samples that should get the label (1 real, 0 generated), with the gradient of its loss over
/// its parameters. Real and generated samples are separate batches, as published, so that their gradients add up.
pub(super) fn verdict(judge: &Network, x: &Tensor, label: f64) -> Result<Verdict, TrainError> {
    let made = run(judge, x, &Retain::Gradients)?;
    let logits = logits(&made)?;
    let (loss, slopes) = binary_cross_entropy(&logits, label);
    let seed = (logit(judge), logit_seed(&slopes, x.device())?);
    let gradients = judge.pullback(&made, &[seed], &Wanted::params())?;
    Ok(Verdict {
        loss,
        logits,
        gradients,
        stats: made.batch_stats().clone(),
    })
}

fn logit(judge: &Network) -> NodeId {
    judge.outputs()[0].node
}

fn logits(run: &Run) -> candle_core::Result<Vec<f64>> {
    let logits = run.outputs()[0].flatten_all()?.to_vec1::<f32>()?;
    Ok(logits.into_iter().map(f64::from).collect())
}

/// Gradients at the logits, `[N, 1]`.
fn logit_seed(slopes: &[f64], device: &Device) -> candle_core::Result<Tensor> {
    let values: Vec<f32> = slopes.iter().map(|slope| *slope as f32).collect();
    batch(values, slopes.len(), &[1], device)
}
