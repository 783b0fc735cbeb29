//! One training run in memory: both networks, their optimisers and the published objective, a step at a time.
//!
//! Objective (Reiman and Goehre 2019): the discriminator minimises half the sum of its cross-entropies on both truths and
//! both generated galaxies; the generator minimises half of (content + 1e-3 adversarial).

use candle_core::{Device, Tensor};

use super::adam::Adam;
use super::data::Pair;
use super::loss::{binary_cross_entropy, mean_square};
use super::{Recipe, TrainError, initial_value};
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
        let adam = Adam::new(training.beta1, training.beta2);
        let generator = generator(&recipe.generator, |key, role, dims| {
            initial_value(key, role, dims, seed, slope)
        })?;
        let discriminator = discriminator(&recipe.discriminator, |key, role, dims| {
            initial_value(key, role, dims, seed, slope)
        })?;
        Ok(Self {
            step: 0,
            averaged: generator.clone(),
            generator,
            discriminator,
            generator_adam: adam.clone(),
            discriminator_adam: adam,
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
        let size = self.recipe.generator.stamp_size;
        let batch = |pick: fn(&Pair) -> &[f32]| -> Result<Tensor, TrainError> {
            let values: Vec<f32> = pairs.iter().flat_map(|p| pick(p).iter().copied()).collect();
            Ok(Tensor::from_vec(
                values,
                (pairs.len(), 3, size, size),
                &Device::Cpu,
            )?)
        };
        let blend = batch(|p| &p.blend)?;
        let truths = [batch(|p| &p.truth1)?, batch(|p| &p.truth2)?];
        let run = self
            .generator
            .run(&[blend], &Edits::new(), &Retain::All, Mode::Training)?;
        let rate = self.recipe.learning_rate(self.step);
        let adversarial = self.step >= self.recipe.training.burn_in;
        let mut losses = Losses::default();
        let mut trained_discriminator = None;
        if adversarial {
            let (network, adam, loss) = self.discriminator_step(&truths, run.outputs(), rate)?;
            losses.discriminator = self.finite("discriminator", loss)?;
            trained_discriminator = Some((network, adam));
        }
        let judge = trained_discriminator
            .as_ref()
            .map_or(&self.discriminator, |(network, _)| network);
        let mut seeds = Vec::new();
        for ((output, truth), node) in run
            .outputs()
            .iter()
            .zip(&truths)
            .zip(self.generator.outputs())
        {
            let (content, mut gradient) = mean_square(output, truth)?;
            losses.content += content;
            if adversarial {
                let (loss, pulled) = adversarial_gradient(judge, output)?;
                losses.adversarial += loss;
                gradient = (gradient + (pulled * self.recipe.training.adversarial)?)?;
            }
            seeds.push((node.node, (gradient * 0.5)?));
        }
        self.finite("content", losses.content)?;
        self.finite("adversarial", losses.adversarial)?;
        let gradients = self.generator.pullback(&run, &seeds, &Wanted::params())?;
        let updated = self
            .generator_adam
            .update(&self.generator, &gradients, rate)?;
        self.generator = with_statistics(&updated, &run, self.recipe.training.batch_norm_momentum)?;
        if let Some((network, adam)) = trained_discriminator {
            (self.discriminator, self.discriminator_adam) = (network, adam);
        }
        self.average()?;
        self.step += 1;
        Ok(losses)
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

    /// The discriminator after one update on truths and generated galaxies.
    fn discriminator_step(
        &self,
        truths: &[Tensor],
        generated: &[Tensor],
        rate: f64,
    ) -> Result<(Network, Adam, f64), TrainError> {
        let network = &self.discriminator;
        let mut gradients = Gradients::default();
        let (mut loss, mut runs) = (0.0, Vec::new());
        for (galaxies, label) in [(truths, 1.0), (generated, 0.0)] {
            let run = training_run(network, &Tensor::cat(galaxies, 0)?)?;
            // The mean over both galaxies is half the sum of their two means: the objective's half.
            let (value, gradient) = binary_cross_entropy(&run.outputs()[0], label)?;
            loss += value;
            let pulled =
                network.pullback(&run, &[(logit_node(network), gradient)], &Wanted::params())?;
            add_gradients(&mut gradients, pulled)?;
            runs.push(run);
        }
        let mut adam = self.discriminator_adam.clone();
        let mut updated = adam.update(network, &gradients, rate)?;
        for run in &runs {
            updated = with_statistics(&updated, run, self.recipe.training.batch_norm_momentum)?;
        }
        Ok((updated, adam, loss))
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

fn logit_node(discriminator: &Network) -> NodeId {
    discriminator.outputs()[0].node
}

fn training_run(network: &Network, galaxies: &Tensor) -> Result<Run, NetworkError> {
    network.run(
        std::slice::from_ref(galaxies),
        &Edits::new(),
        &Retain::All,
        Mode::Training,
    )
}

/// How much the judge dislikes a generated galaxy, and the gradient at its pixels.
fn adversarial_gradient(judge: &Network, galaxy: &Tensor) -> Result<(f64, Tensor), TrainError> {
    let run = training_run(judge, galaxy)?;
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

fn add_gradients(sum: &mut Gradients, other: Gradients) -> Result<(), TrainError> {
    for (key, gradient) in other.params {
        let total = match sum.params.remove(&key) {
            Some(total) => (total + gradient)?,
            None => gradient,
        };
        sum.params.insert(key, total);
    }
    Ok(())
}

/// The network with its running statistics moved towards those of a run: `s = momentum s + (1 - momentum) batch`, the
/// variance with Bessel's correction.
fn with_statistics(network: &Network, run: &Run, momentum: f64) -> Result<Network, TrainError> {
    Ok(network.map_params(|id, param| {
        let Some(stats) = run.batch_stats().get(&id) else {
            return Ok(param.tensor.clone());
        };
        let batch = match param.role {
            Role::Mean => stats.mean.clone(),
            Role::Var => (&stats.var * (stats.count as f64 / (stats.count as f64 - 1.0).max(1.0)))?,
            _ => return Ok(param.tensor.clone()),
        };
        Ok(((&param.tensor * momentum)? + (batch * (1.0 - momentum))?)?)
    })?)
}
