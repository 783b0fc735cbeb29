//! One training run in memory: both networks, their optimisers and the published objective, a step at a time.
//!
//! Objective (Reiman and Goehre 2019): the discriminator minimises half the sum of its cross-entropies on both truths and
//! both generated galaxies; the generator minimises half of (content + 1e-3 adversarial).

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::adam::Adam;
use super::data::Pair;
use super::loss::{binary_cross_entropy, mean_square};
use super::{Optimiser, Recipe, Start, Statistics, TrainError, initial_value, near_identity_value};
use crate::architecture::{discriminator, generator};
use crate::network::{
    Edits, Gradients, Mode, Network, NetworkError, NodeId, Retain, Role, Run, Wanted,
};

/// The losses of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    /// Mean square error summed over both galaxies, pixels in `[-1, 1]`.
    pub content: f64,
    /// The generator's adversarial loss summed over both galaxies.
    pub adversarial: f64,
    /// The discriminator's loss.
    pub discriminator: f64,
}

/// Both networks with everything needed to train them on.
#[derive(Clone, Debug)]
pub struct Trainer {
    pub(super) recipe: Recipe,
    pub(super) step: u64,
    /// Time spent on the steps so far, over all parts of an interrupted run.
    pub(super) seconds: f64,
    pub(super) generator: Network,
    pub(super) discriminator: Network,
    /// Running average of the generator's parameters and statistics.
    pub(super) averaged: Network,
    pub(super) generator_adam: Adam,
    pub(super) discriminator_adam: Adam,
}

impl Trainer {
    /// A run at step 0.
    ///
    /// # Errors
    /// When the recipe describes networks that cannot be built.
    pub fn new(recipe: Recipe) -> Result<Self, TrainError> {
        let training = &recipe.training;
        let (seed, slope) = (recipe.seed, training.prelu_slope);
        let adam = |optimiser| {
            let muon = optimiser == Optimiser::Muon;
            Adam::new(training.beta1, training.beta2, muon)
        };
        let optimisers = (adam(training.optimiser), adam(Optimiser::Adam));
        let first = match training.start {
            Start::Glorot => initial_value,
            Start::NearIdentity => near_identity_value,
        };
        let generator = generator(&recipe.generator, |key, role, dims| {
            first(key, role, dims, seed, slope)
        })?;
        let discriminator = discriminator(&recipe.discriminator, |key, role, dims| {
            initial_value(key, role, dims, seed, slope)
        })?;
        Ok(Self {
            step: 0,
            seconds: 0.0,
            averaged: generator.clone(),
            generator,
            discriminator,
            generator_adam: optimisers.0,
            discriminator_adam: optimisers.1,
            recipe,
        })
    }

    /// Steps made so far.
    pub fn step_count(&self) -> u64 {
        self.step
    }

    /// The generator that checkpoints hold: averaged when the recipe says so.
    pub fn generator(&self) -> &Network {
        if self.recipe.training.average > 0.0 {
            &self.averaged
        } else {
            &self.generator
        }
    }

    /// The discriminator.
    pub fn discriminator(&self) -> &Network {
        &self.discriminator
    }

    /// One step of the discriminator (after the burn-in) and one of the generator on a batch.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] when a loss is NaN or infinite; the networks are unchanged then.
    pub fn train(&mut self, pairs: &[Pair]) -> Result<Losses, TrainError> {
        let shards = in_parallel(shards(pairs), |pairs| self.shard(pairs))?;
        let rate = self.recipe.learning_rate(self.step);
        let momentum = self.recipe.training.batch_norm_momentum;
        let adversarial = self.step >= self.recipe.training.burn_in;
        let mut losses = Losses::default();
        let mut judge = (self.discriminator.clone(), self.discriminator_adam.clone());
        if adversarial {
            let parts = in_parallel(shards.iter().collect(), |shard| {
                judge_gradients(&self.discriminator, shard)
            })?;
            losses.discriminator =
                self.finite("discriminator", parts.iter().map(|p| p.loss).sum())?;
            let (gradients, runs) = joined(parts)?;
            let rate = rate * self.recipe.training.discriminator_rate;
            judge.0 = judge.1.update(&judge.0, &gradients, rate)?;
            judge.0 = with_statistics(&judge.0, &runs, momentum)?;
        }
        let weight = self.recipe.training.adversarial;
        let judging = adversarial.then_some((&judge.0, weight));
        let parts = in_parallel(shards, |shard| {
            generator_gradients(&self.generator, shard, judging)
        })?;
        losses.content = self.finite("content", parts.iter().map(|p| p.loss).sum())?;
        losses.adversarial =
            self.finite("adversarial", parts.iter().map(|p| p.adversarial).sum())?;
        let (gradients, runs) = joined(parts)?;
        let updated = self
            .generator_adam
            .update(&self.generator, &gradients, rate)?;
        self.generator = with_statistics(&updated, &runs, momentum)?;
        (self.discriminator, self.discriminator_adam) = judge;
        self.average()?;
        self.step += 1;
        Ok(losses)
    }

    /// The generator's run on a part of the batch, with its truths.
    fn shard(&self, (pairs, share): (&[Pair], f64)) -> Result<Shard, TrainError> {
        let size = self.recipe.generator.stamp_size;
        let batch = |pick: fn(&Pair) -> &[f32]| -> Result<Tensor, TrainError> {
            let values: Vec<f32> = pairs.iter().flat_map(|p| pick(p).iter().copied()).collect();
            Ok(Tensor::from_vec(
                values,
                (pairs.len(), 3, size, size),
                &Device::Cpu,
            )?)
        };
        let truths = [batch(|p| &p.truth1)?, batch(|p| &p.truth2)?];
        let mode = match self.recipe.statistics(self.step) {
            Statistics::Batch => Mode::Training,
            Statistics::Frozen => Mode::Inference,
        };
        let run = self
            .generator
            .run(&[batch(|p| &p.blend)?], &Edits::new(), &Retain::All, mode)?;
        Ok(Shard { run, truths, share })
    }

    fn finite(&self, what: &'static str, loss: f64) -> Result<f64, TrainError> {
        if loss.is_finite() {
            Ok(loss)
        } else {
            Err(TrainError::NotFinite {
                what,
                step: self.step,
            })
        }
    }

    /// Moves the averaged generator towards the present one; faster at the start so that it does not lag.
    fn average(&mut self) -> Result<(), TrainError> {
        let decay = self.recipe.training.average;
        if decay == 0.0 {
            return Ok(());
        }
        let warm = (1.0 + self.step as f64) / (10.0 + self.step as f64);
        let decay = decay.min(warm);
        let now: Vec<Tensor> = self
            .generator
            .params()
            .map(|(_, p)| p.tensor.clone())
            .collect();
        let mut now = now.into_iter();
        self.averaged = self.averaged.map_params(|_, param| match now.next() {
            Some(_) if param.role == Role::Value => Ok(param.tensor.clone()),
            Some(value) => Ok(((&param.tensor * decay)? + (value * (1.0 - decay))?)?),
            None => Ok(param.tensor.clone()),
        })?;
        Ok(())
    }
}

/// Parts a batch is trained in, so that two cores each have long work of their own. It is fixed, because the statistics
/// of batch normalisation are those of a part and must not depend on the machine.
const SHARDS: usize = 2;

/// A part of the batch after the generator's forward pass.
struct Shard {
    run: Run,
    truths: [Tensor; 2],
    /// Its share of the batch.
    share: f64,
}

/// Gradients of one shard, already weighted by its share.
struct Part {
    loss: f64,
    adversarial: f64,
    gradients: Gradients,
    runs: Vec<Run>,
}

/// Parts of (nearly) equal size, with their shares.
fn shards(pairs: &[Pair]) -> Vec<(&[Pair], f64)> {
    let size = pairs.len().div_ceil(SHARDS).max(1);
    pairs
        .chunks(size)
        .map(|part| (part, part.len() as f64 / pairs.len() as f64))
        .collect()
}

/// `f` of every item, on all cores, in order.
fn in_parallel<T: Send, R: Send>(
    items: Vec<T>,
    f: impl Fn(T) -> Result<R, TrainError> + Sync + Send,
) -> Result<Vec<R>, TrainError> {
    items.into_par_iter().with_max_len(1).map(f).collect()
}

/// The sum of the parts' gradients and all their runs, in order.
fn joined(parts: Vec<Part>) -> Result<(Gradients, Vec<Run>), TrainError> {
    let (mut sum, mut runs) = (Gradients::default(), Vec::new());
    for part in parts {
        for (key, gradient) in part.gradients.params {
            let total = match sum.params.remove(&key) {
                Some(total) => (total + gradient)?,
                None => gradient,
            };
            sum.params.insert(key, total);
        }
        runs.extend(part.runs);
    }
    Ok((sum, runs))
}

/// The discriminator's gradients on the truths and the generated galaxies of a shard.
///
/// Both go through in one batch: with a batch each, batch normalisation would hide from the discriminator by what truths
/// and generated galaxies differ on the whole, and its running statistics would fit neither.
/// The mean over both galaxies is half the sum of their two means: the objective's half.
fn judge_gradients(judge: &Network, shard: &Shard) -> Result<Part, TrainError> {
    let galaxies: Vec<&Tensor> = shard.truths.iter().chain(shard.run.outputs()).collect();
    let run = judge_run(judge, &Tensor::cat(&galaxies, 0)?, Mode::Training)?;
    let logits = &run.outputs()[0];
    let half = logits.dim(0)? / 2;
    let (real, to_real) = binary_cross_entropy(&logits.narrow(0, 0, half)?, 1.0)?;
    let (fake, to_fake) = binary_cross_entropy(&logits.narrow(0, half, half)?, 0.0)?;
    let seed = (Tensor::cat(&[to_real, to_fake], 0)? * shard.share)?;
    let gradients = judge.pullback(&run, &[(logit_node(judge), seed)], &Wanted::params())?;
    Ok(Part {
        loss: (real + fake) * shard.share,
        adversarial: 0.0,
        gradients,
        runs: vec![run],
    })
}

/// The generator's gradients on a shard: half of (content + weight x adversarial).
fn generator_gradients(
    generator: &Network,
    shard: Shard,
    judge: Option<(&Network, f64)>,
) -> Result<Part, TrainError> {
    let Shard { run, truths, share } = shard;
    let (mut content, mut adversarial, mut seeds) = (0.0, 0.0, Vec::new());
    for ((output, truth), node) in run.outputs().iter().zip(&truths).zip(generator.outputs()) {
        let (loss, mut gradient) = mean_square(output, truth)?;
        content += loss * share;
        if let Some((judge, weight)) = judge {
            let (loss, pulled) = adversarial_gradient(judge, output)?;
            adversarial += loss * share;
            gradient = (gradient + (pulled * weight)?)?;
        }
        seeds.push((node.node, (gradient * (0.5 * share))?));
    }
    let gradients = generator.pullback(&run, &seeds, &Wanted::params())?;
    Ok(Part {
        loss: content,
        adversarial,
        gradients,
        runs: vec![run],
    })
}

fn logit_node(discriminator: &Network) -> NodeId {
    discriminator.outputs()[0].node
}

fn judge_run(judge: &Network, galaxies: &Tensor, mode: Mode) -> Result<Run, NetworkError> {
    let galaxies = std::slice::from_ref(galaxies);
    judge.run(galaxies, &Edits::new(), &Retain::All, mode)
}

/// How much the judge dislikes a generated galaxy, and the gradient at its pixels; with its running statistics, that is
/// as it judges outside training.
fn adversarial_gradient(judge: &Network, galaxy: &Tensor) -> Result<(f64, Tensor), TrainError> {
    let run = judge_run(judge, galaxy, Mode::Inference)?;
    let (loss, gradient) = binary_cross_entropy(&run.outputs()[0], 1.0)?;
    let mut pulled = judge.pullback(&run, &[(logit_node(judge), gradient)], &Wanted::inputs())?;
    let at_input = pulled.nodes.remove(&judge.inputs()[0]);
    at_input.map(|gradient| (loss, gradient)).ok_or_else(|| {
        NetworkError::NotRetained {
            layer: judge.node(judge.inputs()[0]).name.clone(),
        }
        .into()
    })
}

/// The network with its running statistics moved towards the mean of those of the runs:
/// `s = momentum s + (1 - momentum) batch`, the variance with Bessel's correction.
fn with_statistics(network: &Network, runs: &[Run], momentum: f64) -> Result<Network, TrainError> {
    Ok(network.map_params(|id, param| {
        let mut sum: Option<Tensor> = None;
        for stats in runs.iter().filter_map(|run| run.batch_stats().get(&id)) {
            let batch = match param.role {
                Role::Mean => stats.mean.clone(),
                Role::Var => {
                    (&stats.var * (stats.count as f64 / (stats.count as f64 - 1.0).max(1.0)))?
                }
                _ => return Ok(param.tensor.clone()),
            };
            sum = Some(match sum {
                Some(sum) => (sum + batch)?,
                None => batch,
            });
        }
        match sum {
            Some(sum) => Ok(
                ((&param.tensor * momentum)? + (sum * ((1.0 - momentum) / runs.len() as f64))?)?
            ),
            None => Ok(param.tensor.clone()),
        }
    })?)
}
