//! One training run in memory: both networks, their optimisers and the published objective, a step at a time.
//!
//! Objective (Reiman and Goehre 2019): the discriminator minimises half the sum of its cross-entropies on both truths and
//! both generated galaxies; the generator minimises half of (content + 1e-3 adversarial).

use candle_core::{Device, Tensor};

use super::adam::Adam;
use super::data::Pair;
use super::step::{
    Shard, Statistic, generator_gradients, in_parallel, judge_gradients, parted, shards,
};
use super::{Optimiser, Recipe, Start, Statistics, TrainError, initial_value, near_identity_value};
use crate::architecture::{discriminator, generator};
use crate::kernels::zip_planes;
use crate::network::{Edits, Mode, Network, Retain, Role, floats};

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
        // Both networks change together at the end, so that an error leaves them as they were.
        let mut judge = None;
        if adversarial {
            let parts = in_parallel(shards.iter().collect(), |shard| {
                judge_gradients(&self.discriminator, shard)
            })?;
            losses.discriminator =
                self.finite("discriminator", parts.iter().map(|p| p.loss).sum())?;
            let (gradients, stats) = parted(parts);
            let rate = rate * self.recipe.training.discriminator_rate;
            let adam = &self.discriminator_adam;
            let (adam, updated) = adam.update(&self.discriminator, &gradients, rate)?;
            judge = Some((adam, with_statistics(&updated, &stats, momentum)?));
        }
        let weight = self.recipe.training.adversarial;
        let judging = judge.as_ref().map(|(_, judge)| (judge, weight));
        let parts = in_parallel(shards, |shard| {
            generator_gradients(&self.generator, shard, judging)
        })?;
        losses.content = self.finite("content", parts.iter().map(|p| p.loss).sum())?;
        losses.adversarial =
            self.finite("adversarial", parts.iter().map(|p| p.adversarial).sum())?;
        let (gradients, stats) = parted(parts);
        let (adam, updated) = self
            .generator_adam
            .update(&self.generator, &gradients, rate)?;
        self.generator = with_statistics(&updated, &stats, momentum)?;
        self.generator_adam = adam;
        if let Some((adam, judge)) = judge {
            (self.discriminator, self.discriminator_adam) = (judge, adam);
        }
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
        let run = self.generator.run(
            &[batch(|p| &p.blend)?],
            &Edits::new(),
            &Retain::Gradients,
            mode,
        )?;
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
            Some(value) if param.role != Role::Value => Ok(mixed(&param.tensor, &value, decay)?),
            _ => Ok(param.tensor.clone()),
        })?;
        Ok(())
    }
}

/// `share a + (1 - share) b`.
pub(super) fn mixed(a: &Tensor, b: &Tensor, share: f64) -> candle_core::Result<Tensor> {
    let (a, b) = (a.contiguous()?, b.contiguous()?);
    let [share, rest] = [share as f32, (1.0 - share) as f32];
    let values = zip_planes(&floats(&a)?, &floats(&b)?, a.elem_count(), |_| {
        move |a, b| share * a + rest * b
    });
    Tensor::from_vec(values, a.dims(), &Device::Cpu)
}

/// The network with its running statistics moved towards the mean of those of the parts:
/// `s = momentum s + (1 - momentum) batch`, the variance with Bessel's correction.
pub(super) fn with_statistics(
    network: &Network,
    parts: &[Statistic],
    momentum: f64,
) -> Result<Network, TrainError> {
    Ok(network.map_params(|id, param| {
        let mut sum = vec![0.0; param.tensor.elem_count()];
        let mut any = false;
        for stats in parts.iter().filter_map(|part| part.get(&id)) {
            let count = stats.count as f64;
            let (batch, factor) = match param.role {
                Role::Mean => (&stats.mean, 1.0),
                Role::Var => (&stats.var, count / (count - 1.0).max(1.0)),
                _ => return Ok(param.tensor.clone()),
            };
            any = true;
            for (sum, value) in sum.iter_mut().zip(batch.to_vec1::<f32>()?) {
                *sum += f64::from(value) * factor;
            }
        }
        if !any {
            return Ok(param.tensor.clone());
        }
        let n = parts.len() as f64;
        let sum = Tensor::from_vec(
            sum.iter().map(|s| (s / n) as f32).collect(),
            param.tensor.dims(),
            &Device::Cpu,
        )?;
        Ok(mixed(&param.tensor, &sum, momentum)?)
    })?)
}
