//! One training run in memory: both networks, their optimisers and the published objective, a step at a time.
//!
//! Objective (Reiman and Goehre 2019): the discriminator minimises half the sum of its cross-entropies on both truths and
//! both generated galaxies; the generator minimises half of (content + 1e-3 adversarial).

use candle_core::{Device, Tensor};

use super::adam::Adam;
use super::batch::{Batch, HostBatch};
use super::data::Pair;
use super::loss::Amount;
use super::muon::mixed_many;
use super::step::{
    Judge, Shard, Statistic, generator_gradients, in_parallel, judge_gradients, shards, summed,
};
use super::{Optimiser, Recipe, Start, Statistics, TrainError, initial_value, near_identity_value};
use crate::architecture::{discriminator, generator};
use crate::kernels::zip_planes;
use crate::network::{Mode, Network, NodeId, Retain, Role, floats, has_kernels, is_finite};

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

impl Losses {
    /// Fails when one is NaN or infinite.
    pub(super) fn check(&self, step: u64) -> Result<(), TrainError> {
        finite("content", self.content, step)?;
        finite("adversarial", self.adversarial, step)?;
        finite("discriminator", self.discriminator, step)
    }
}

fn finite(what: &'static str, loss: f64, step: u64) -> Result<(), TrainError> {
    if loss.is_finite() {
        Ok(())
    } else {
        Err(TrainError::NotFinite { what, step })
    }
}

/// [`Losses`] that may still have to be computed.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    content: Amount,
    adversarial: Amount,
    discriminator: Amount,
}

impl Default for Queued {
    fn default() -> Self {
        let [content, adversarial, discriminator] =
            [Amount::Known(0.0), Amount::Known(0.0), Amount::Known(0.0)];
        Self {
            content,
            adversarial,
            discriminator,
        }
    }
}

impl Queued {
    /// The losses; waits for the device.
    pub(super) fn read(&self) -> candle_core::Result<Losses> {
        Ok(Losses {
            content: self.content.read()?,
            adversarial: self.adversarial.read()?,
            discriminator: self.discriminator.read()?,
        })
    }
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
    /// Where all of it is.
    pub(super) device: Device,
    /// How often the run went back to a saved state because something was not finite.
    pub(super) returns: u64,
}

impl Trainer {
    /// A run at step 0 on the processor.
    ///
    /// # Errors
    /// When the recipe describes networks that cannot be built.
    pub fn new(recipe: Recipe) -> Result<Self, TrainError> {
        Self::on(recipe, &Device::Cpu)
    }

    /// A run at step 0 on a device. The state after a step differs from that of the processor by rounding alone.
    ///
    /// # Errors
    /// When the recipe describes networks that cannot be built, or the device does not take them.
    pub fn on(recipe: Recipe, device: &Device) -> Result<Self, TrainError> {
        #[cfg(feature = "cuda")]
        if device.is_cuda() {
            ganoscope_cuda::kernels::prepare(device)?;
            ganoscope_cuda::kernels::round_products(recipe.training.rounded_products);
        }
        let training = &recipe.training;
        let (seed, slope) = (recipe.seed, training.prelu_slope);
        let adam = |optimiser| {
            let muon = optimiser == Optimiser::Muon;
            Adam::new(training.beta1, training.beta2, muon, training.clip)
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
        let (generator, discriminator) = (
            generator.to_device(device)?,
            discriminator.to_device(device)?,
        );
        Ok(Self {
            device: device.clone(),
            returns: 0,
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
    /// [`TrainError::NotFinite`] when a loss is NaN or infinite. The networks are unchanged then where the processor
    /// trains; a GPU knows only after the step.
    pub fn train(&mut self, pairs: &[Pair]) -> Result<Losses, TrainError> {
        let host = HostBatch::of(pairs, self.recipe.generator.stamp_size);
        let batch = Batch::new(host, &self.device)?;
        let step = self.step;
        let queued = self.advance(&batch)?;
        let losses = queued.read()?;
        losses.check(step)?;
        Ok(losses)
    }

    /// [`Self::train`] without waiting for the device: its losses are looked at by whoever reads them.
    pub(super) fn advance(&mut self, batch: &Batch) -> Result<Queued, TrainError> {
        let device = self.device.clone();
        let parts = shards(batch, self.recipe.training.parts)?;
        let parts = in_parallel(&device, parts, |part| self.shard(part))?;
        let rate = self.rate();
        let momentum = self.recipe.training.batch_norm_momentum;
        let judged = self.recipe.training.judged;
        let mut losses = Queued::default();
        // Both networks change together at the end, so that an error leaves them as they were.
        let mut judge = None;
        if self.step >= self.recipe.training.burn_in {
            let judged = in_parallel(&device, parts.iter().collect(), |shard| {
                judge_gradients(&self.discriminator, shard, judged)
            })?;
            let sum = summed(judged)?;
            losses.discriminator = self.checked("discriminator", sum.loss)?;
            let rate = rate * self.recipe.training.discriminator_rate;
            let adam = &self.discriminator_adam;
            let (adam, updated) = adam.update(&self.discriminator, &sum.gradients, rate)?;
            judge = Some((adam, with_statistics(updated, &sum.stats, momentum)?));
        }
        let weight = self.recipe.training.adversarial;
        let judging = judge.as_ref().map(|(_, network)| Judge {
            network,
            weight,
            judged,
        });
        let stepped = in_parallel(&device, parts, |shard| {
            generator_gradients(&self.generator, shard, judging)
        })?;
        let sum = summed(stepped)?;
        losses.content = self.checked("content", sum.loss)?;
        losses.adversarial = self.checked("adversarial", sum.adversarial)?;
        let (adam, updated) = self
            .generator_adam
            .update(&self.generator, &sum.gradients, rate)?;
        self.generator = with_statistics(updated, &sum.stats, momentum)?;
        self.generator_adam = adam;
        if let Some((adam, judge)) = judge {
            (self.discriminator, self.discriminator_adam) = (judge, adam);
        }
        self.average()?;
        self.step += 1;
        Ok(losses)
    }

    /// The learning rate of the present step: that of the recipe, halved for every time the run had to go back.
    pub(super) fn rate(&self) -> f64 {
        self.recipe.learning_rate(self.step) * 0.5_f64.powi(self.returns.min(64) as i32)
    }

    /// The generator's run on a part of the batch, with its truths.
    fn shard(&self, (batch, share): (Batch, f64)) -> Result<Shard, TrainError> {
        let mode = match self.recipe.statistics(self.step) {
            Statistics::Batch => Mode::Training,
            Statistics::Frozen => Mode::Inference,
        };
        let run = self
            .generator
            .run_unchecked(&[batch.blend], &Retain::Gradients, mode)?;
        Ok(Shard {
            run,
            truths: batch.truths,
            share,
        })
    }

    /// The loss, if it is known to be a number or not known yet.
    fn checked(&self, what: &'static str, loss: Amount) -> Result<Amount, TrainError> {
        match loss {
            Amount::Known(value) => {
                finite(what, value, self.step)?;
                Ok(loss)
            }
            Amount::Queued(_) => Ok(loss),
        }
    }

    /// Whether every parameter of both networks is a number; waits for the device.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`].
    pub(super) fn check_weights(&self) -> Result<(), TrainError> {
        for network in [&self.generator, &self.discriminator, &self.averaged] {
            let values = network.params().map(|(_, p)| p.tensor.flatten_all());
            let values = values.collect::<candle_core::Result<Vec<_>>>()?;
            if !is_finite(&Tensor::cat(&values, 0)?)? {
                return Err(TrainError::NotFinite {
                    what: "weights",
                    step: self.step,
                });
            }
        }
        Ok(())
    }

    /// Moves the averaged generator towards the present one; faster at the start so that it does not lag.
    fn average(&mut self) -> Result<(), TrainError> {
        let decay = self.recipe.training.average;
        if decay == 0.0 {
            return Ok(());
        }
        let warm = (1.0 + self.step as f64) / (10.0 + self.step as f64);
        let decay = decay.min(warm);
        let (averaged, now) = (self.averaged.params(), self.generator.params());
        let pairs = averaged
            .zip(now)
            .filter(|((_, p), _)| p.role != Role::Value);
        let pairs: Vec<_> = pairs
            .map(|((_, old), (_, new))| (&old.tensor, &new.tensor, 1.0 - decay))
            .collect();
        let mut mixed = mixed(&self.device, &pairs, decay)?.into_iter();
        self.averaged = self.averaged.map_params(|_, param| {
            let is_mixed = param.role != Role::Value;
            let mixed = is_mixed.then(|| mixed.next()).flatten();
            Ok(mixed.unwrap_or_else(|| param.tensor.clone()))
        })?;
        Ok(())
    }
}

/// `by x + factor y` of every `(x, y, factor)`.
pub(super) fn mixed(
    device: &Device,
    pairs: &[(&Tensor, &Tensor, f64)],
    by: f64,
) -> candle_core::Result<Vec<Tensor>> {
    if !has_kernels(device) {
        return mixed_many(pairs, by);
    }
    let one = |(x, y, factor): &(&Tensor, &Tensor, f64)| {
        let (x, y) = (x.contiguous()?, y.contiguous()?);
        let [by, factor] = [by as f32, *factor as f32];
        let values = zip_planes(&floats(&x)?, &floats(&y)?, x.elem_count(), |_| {
            move |x, y| by * x + factor * y
        });
        Tensor::from_vec(values, x.dims(), &Device::Cpu)
    };
    pairs.iter().map(one).collect()
}

/// The network with its running statistics moved towards the mean of those of the parts:
/// `s = momentum s + (1 - momentum) batch`, the variance with Bessel's correction.
pub(super) fn with_statistics(
    network: Network,
    parts: &[Statistic],
    momentum: f64,
) -> Result<Network, TrainError> {
    let rest = (1.0 - momentum) / parts.len().max(1) as f64;
    let mut network = network;
    let mut by = momentum;
    for stats in parts.iter().filter(|stats| !stats.is_empty()) {
        let batch = |id: &NodeId, role: Role| {
            let stats = stats.get(id)?;
            let count = stats.count as f64;
            match role {
                Role::Mean => Some((&stats.mean, rest)),
                Role::Var => Some((&stats.var, rest * count / (count - 1.0).max(1.0))),
                _ => None,
            }
        };
        let pairs: Vec<_> = network
            .params()
            .filter_map(|(id, p)| batch(&id, p.role).map(|(t, factor)| (&p.tensor, t, factor)))
            .collect();
        let mut moved = mixed(&network.device(), &pairs, by)?.into_iter();
        network = network.map_params(|id, param| {
            let moved = batch(&id, param.role).and_then(|_| moved.next());
            Ok(moved.unwrap_or_else(|| param.tensor.clone()))
        })?;
        by = 1.0;
    }
    Ok(network)
}
