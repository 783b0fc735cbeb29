//! One run of a latent GAN in memory: a population of generators, their discriminator, a step at a time.

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use super::step::{Arena, Child, Judged, Use, batch, latents, run, verdict};
use super::{Examples, LatentRecipe};
use crate::network::{Mode, Network, NetworkError, Retain, Role};
use crate::train::adam::Adam;
use crate::train::evolution::{
    ChildRecord, GenerationRecord, Individual, Measures, Origin, StepSize, averaged, survivors,
};
use crate::train::schedule::rate_at;
use crate::train::step::in_parallel;
use crate::train::{TrainError, initial_value};

/// How often a run may go back to a good state before it gives up.
const MAX_ROLLBACKS: u32 = 5;
/// What the learning rate is multiplied by at each.
const ROLLBACK_RATE: f64 = 0.5;

/// What one step gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LatentLosses {
    /// The discriminator's loss on real samples plus that on generated ones, mean over its updates.
    pub discriminator: f64,
    /// The objective of the fittest survivor's mutation before it; NaN where a kept parent is the fittest.
    pub generator: f64,
    /// Every child of the step.
    pub generation: GenerationRecord,
}

/// All networks with everything needed to train them on.
#[derive(Clone, Debug)]
pub struct LatentTrainer {
    pub(super) recipe: LatentRecipe,
    pub(super) step: u64,
    /// Time spent on the steps so far, over all parts of an interrupted run.
    pub(super) seconds: f64,
    /// How often the run went back to a good state.
    pub(super) rollbacks: u32,
    pub(super) population: Vec<Individual>,
    pub(super) judge: Individual,
    /// Running average of the fittest generator's parameters and statistics.
    pub(super) averaged: Network,
    /// Where all of it is.
    pub(super) device: Device,
}

impl LatentTrainer {
    /// A run at step 0 on the processor.
    ///
    /// # Errors
    /// When the recipe describes networks that cannot be built.
    pub fn new(recipe: LatentRecipe) -> Result<Self, TrainError> {
        Self::on(recipe, &Device::Cpu)
    }

    /// A run at step 0 on a device: equal parents, so that the first generation differs by its mutations alone.
    ///
    /// # Errors
    /// When the recipe describes networks that cannot be built, or the device does not take them.
    pub fn on(recipe: LatentRecipe, device: &Device) -> Result<Self, TrainError> {
        let seed = recipe.seed;
        let training = &recipe.training;
        let first =
            |key: &str, role: Role, dims: &[usize]| initial_value(key, role, dims, seed, 0.0);
        let individual = |network: Network| Individual {
            network,
            adam: Adam::new(training.beta1, training.beta2, false, training.clip),
        };
        let parent = individual(recipe.generator.build(first)?.to_device(device)?);
        // The discriminator's layers may have the generator's names; their weights must differ all the same.
        let judge = recipe.discriminator.build(|key, role, dims| {
            initial_value(&format!("discriminator.{key}"), role, dims, seed, 0.0)
        })?;
        Ok(Self {
            step: 0,
            seconds: 0.0,
            rollbacks: 0,
            averaged: parent.network.clone(),
            judge: individual(judge.to_device(device)?),
            device: device.clone(),
            population: vec![parent; recipe.evolution.parents],
            recipe,
        })
    }

    /// Steps made so far.
    pub const fn step_count(&self) -> u64 {
        self.step
    }

    /// The recipe.
    pub const fn recipe(&self) -> &LatentRecipe {
        &self.recipe
    }

    /// The generator that checkpoints hold: averaged when the recipe says so, else the first of the population.
    pub fn generator(&self) -> &Network {
        match self.population.first() {
            Some(first) if self.recipe.training.average == 0.0 => &first.network,
            _ => &self.averaged,
        }
    }

    /// The discriminator.
    pub const fn discriminator(&self) -> &Network {
        &self.judge.network
    }

    /// `count` samples of the generator that checkpoints hold, one after another, from latents of `seed`.
    ///
    /// # Errors
    /// When the generator cannot run.
    pub fn sample(&self, count: usize, seed: u64) -> Result<Vec<f32>, TrainError> {
        let generator = self.generator();
        let mut stream = Use::Sample(seed).stream(self.recipe.seed, 0);
        let mut values = Vec::new();
        let mut left = count;
        while left > 0 {
            let now = left.min(64);
            let z = latents(generator, &mut stream, now)?;
            let run = generator.run_unchecked(&[z], &Retain::Nothing, Mode::Inference)?;
            values.extend(run.outputs()[0].flatten_all()?.to_vec1::<f32>()?);
            left -= now;
        }
        Ok(values)
    }

    /// One step: a generation of generators, then the updates of the discriminator on the survivors' samples.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] when no child is finite or a loss of the discriminator is not; nothing has changed then.
    pub fn train(&mut self, examples: &Examples) -> Result<LatentLosses, TrainError> {
        let training = &self.recipe.training;
        let shown = training.batch * training.discriminator_steps;
        let real = examples.batch(self.step, shown + self.recipe.evolution.evaluation);
        let dims = self.recipe.data.dims();
        let sample: usize = dims.iter().product();
        let (real, to_judge) = real.split_at(shown * sample);
        let children = self.generation(to_judge, &dims)?;
        let record = self.record(&children);
        let best = record.best().and_then(|best| {
            let is = |judged: &&Judged| {
                judged.child.parent == best.parent && judged.child.origin == best.origin
            };
            children.iter().find(is)
        });
        // A child that is not finite survives nothing, so without a survivor all of them failed.
        let Some(best) = best else {
            return Err(self.not_finite("generator"));
        };
        let (generator, best) = (best.child.loss, best.child.individual.clone());
        let survivors: Vec<Judged> = children
            .into_iter()
            .zip(&record.children)
            .filter(|(_, record)| record.survived)
            .map(|(judged, _)| judged)
            .collect();
        let pool = self.pool(&survivors, shown)?;
        let (judge, discriminator) = self.judge_after(real, &pool, &dims)?;
        // Everything changes together at the end, so that an error leaves the run as it was.
        self.judge = judge;
        let decay = self.recipe.training.average;
        self.averaged = averaged(&self.averaged, &best.network, decay, self.step)?;
        self.population = survivors.into_iter().map(|j| j.child.individual).collect();
        // Where too few children were finite, the fittest takes the empty places.
        self.population.resize(self.recipe.evolution.parents, best);
        self.step += 1;
        Ok(LatentLosses {
            discriminator,
            generator,
            generation: record,
        })
    }

    /// All children of this step (kept parents first), measured where there is anything to choose.
    fn generation(&self, to_judge: &[f32], dims: &[usize]) -> Result<Vec<Judged>, TrainError> {
        let evolution = &self.recipe.evolution;
        let arena = Arena {
            judge: &self.judge.network,
            evolution,
            step: self.step_size(1.0),
            batch: self.recipe.training.batch,
            seed: self.recipe.seed,
            at: self.step,
        };
        let parents = self.population.iter().enumerate();
        let mut places: Vec<_> = if evolution.keep_parent {
            parents.clone().map(|parent| (parent, None)).collect()
        } else {
            Vec::new()
        };
        for parent in parents {
            let mutations = evolution.mutations.iter();
            places.extend(mutations.map(|mutation| (parent, Some(*mutation))));
        }
        let of_real = if evolution.selects() {
            let real = batch(to_judge.to_vec(), evolution.evaluation, dims, &self.device)?;
            Some(arena.of_real(&real)?)
        } else {
            None
        };
        let numbered = places.into_iter().enumerate().collect();
        in_parallel(&self.device, numbered, |(number, (parent, mutation))| {
            let child = match mutation {
                Some(mutation) => arena.child(parent, mutation, number)?,
                None => Child {
                    parent: parent.0,
                    origin: Origin::Kept,
                    individual: parent.1.clone(),
                    loss: f64::NAN,
                },
            };
            match &of_real {
                Some(of_real) => arena.judged(child, of_real),
                None => Ok(Judged {
                    child,
                    measures: Measures::default(),
                    drawn: Tensor::zeros(0, DType::F32, &Device::Cpu)?,
                }),
            }
        })
    }

    /// Fitness and survival of every child.
    fn record(&self, children: &[Judged]) -> GenerationRecord {
        let evolution = &self.recipe.evolution;
        let selects = evolution.selects();
        let fitness = |judged: &Judged| {
            if selects {
                evolution.fitness().of(judged.measures)
            } else {
                f64::NAN
            }
        };
        let is_finite = |judged: &Judged, fitness: f64| {
            if selects {
                fitness > f64::NEG_INFINITY
            } else {
                judged.child.loss.is_finite()
            }
        };
        let fitness: Vec<f64> = children.iter().map(fitness).collect();
        let kept = survivors(&fitness, evolution.parents);
        let children = children.iter().zip(&fitness).enumerate();
        GenerationRecord {
            step: self.step + 1,
            children: children
                .map(|(place, (judged, fitness))| ChildRecord {
                    parent: judged.child.parent,
                    origin: judged.child.origin,
                    measures: judged.measures,
                    fitness: *fitness,
                    survived: kept.contains(&place) && is_finite(judged, *fitness),
                })
                .collect(),
        }
    }

    /// `count` samples of the survivors, an equal part of each, in random order, one after another.
    fn pool(&self, survivors: &[Judged], count: usize) -> Result<Vec<Vec<f32>>, TrainError> {
        let each = count.div_ceil(survivors.len().max(1));
        let evaluated = self.recipe.evolution.selects() && self.recipe.evolution.evaluation >= each;
        let drawn = in_parallel(
            &self.device,
            survivors.iter().enumerate().collect(),
            |(place, judged)| {
                let tensor = if evaluated {
                    judged.drawn.clone()
                } else {
                    let generator = &judged.child.individual.network;
                    let mut stream =
                        Use::Discriminator.stream(self.recipe.seed ^ place as u64, self.step);
                    let z = latents(generator, &mut stream, each)?;
                    run(generator, &z, &Retain::Nothing)?.outputs()[0].clone()
                };
                let sample = tensor.elem_count() / tensor.dim(0)?.max(1);
                let values = tensor.narrow(0, 0, each)?.flatten_all()?.to_vec1::<f32>()?;
                Ok(values
                    .chunks(sample.max(1))
                    .map(<[f32]>::to_vec)
                    .collect::<Vec<_>>())
            },
        )?;
        let mut pool: Vec<Vec<f32>> = drawn.into_iter().flatten().collect();
        let mut stream = Use::Shuffle.stream(self.recipe.seed, self.step);
        for last in (1..pool.len()).rev() {
            pool.swap(last, stream.below(last + 1));
        }
        pool.truncate(count);
        Ok(pool)
    }

    /// The discriminator after its updates of this step, and its mean loss.
    fn judge_after(
        &self,
        real: &[f32],
        pool: &[Vec<f32>],
        dims: &[usize],
    ) -> Result<(Individual, f64), TrainError> {
        let training = &self.recipe.training;
        let size = training.batch;
        let sample: usize = dims.iter().product();
        let step = self.step_size(training.discriminator_rate);
        let mut judge = self.judge.clone();
        let mut total = 0.0;
        let device = self.device.clone();
        let batches = real.chunks(size * sample).zip(pool.chunks(size));
        for (real, drawn) in batches {
            let both = vec![(real.to_vec(), 1.0), (drawn.concat(), 0.0)];
            let network = &judge.network;
            let verdicts = in_parallel(&device, both, |(values, label)| {
                let count = values.len() / sample.max(1);
                verdict(network, &batch(values, count, dims, &device)?, label)
            })?;
            let loss: f64 = verdicts.iter().map(|v| v.loss).sum();
            if !loss.is_finite() {
                return Err(self.not_finite("discriminator"));
            }
            total += loss;
            let (gradients, stats): (Vec<_>, Vec<_>) =
                verdicts.into_iter().map(|v| (v.gradients, v.stats)).unzip();
            judge = judge.stepped(&gradients, &stats, step)?;
        }
        Ok((judge, total / training.discriminator_steps.max(1) as f64))
    }

    fn step_size(&self, share: f64) -> StepSize {
        let training = &self.recipe.training;
        let slower = ROLLBACK_RATE.powi(self.rollbacks as i32);
        StepSize {
            rate: rate_at(&training.schedule, self.step) * share * slower,
            momentum: training.batch_norm_momentum,
        }
    }

    fn not_finite(&self, what: &'static str) -> TrainError {
        TrainError::NotFinite {
            what,
            step: self.step,
        }
    }

    /// Goes back to a state that was good, with half the learning rate from there on.
    ///
    /// # Errors
    /// `why` when it was tried often enough.
    pub(super) fn roll_back(&mut self, good: &Self, why: TrainError) -> Result<(), TrainError> {
        if self.rollbacks >= MAX_ROLLBACKS {
            return Err(why);
        }
        let rollbacks = self.rollbacks + 1;
        *self = Self {
            rollbacks,
            seconds: self.seconds,
            ..good.clone()
        };
        Ok(())
    }

    /// Whether every parameter of every network is finite, so that the state may be gone back to.
    pub(super) fn check_finite(&self) -> Result<(), NetworkError> {
        let networks = self.population.iter().map(|i| &i.network);
        let networks: Vec<&Network> = networks
            .chain([&self.judge.network, &self.averaged])
            .collect();
        networks.into_par_iter().try_for_each(Network::check_finite)
    }
}
