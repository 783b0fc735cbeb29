//! One run of an evolved deblender in memory: a population of generators, their discriminator, a step at a time.

use candle_core::Device;

use super::judging::Jury;
use super::mutating::{Born, Matched, Setting, children, seen, shard};
use crate::architecture::{discriminator, generator};
use crate::network::{Mode, Network, Retain};
use crate::train::adam::Adam;
use crate::train::batch::{Batch, HostBatch};
use crate::train::data::Pair;
use crate::train::evolution::{
    ChildRecord, GenerationRecord, Individual, Measures, Mutation, Origin, StepSize, Window,
    averaged, survivors,
};
use crate::train::step::{in_parallel, judge_gradients, shards, summed};
use crate::train::{
    Losses, Optimiser, Recipe, Start, Statistics, TrainError, initial_value, near_identity_value,
};

use super::DeblenderEvolution;

/// What one step gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvolvedLosses {
    /// The losses of the fittest survivor before its step, and that of the discriminator.
    pub losses: Losses,
    /// Every child of the step; none during the burn-in.
    pub generation: GenerationRecord,
}

/// All networks with everything needed to train them on.
#[derive(Clone, Debug)]
pub struct EvolvedTrainer {
    pub(super) recipe: Recipe,
    pub(super) evolution: DeblenderEvolution,
    pub(super) step: u64,
    /// Time spent on the steps so far, over all parts of an interrupted run.
    pub(super) seconds: f64,
    pub(super) population: Vec<Individual>,
    pub(super) judge: Individual,
    /// Running average of the fittest generator's parameters and statistics.
    pub(super) averaged: Network,
    pub(super) window: Window,
    pub(super) matched: Matched,
    /// Where all of it is.
    pub(super) device: Device,
}

/// A child with where it comes from.
pub(super) struct Child {
    pub(super) parent: usize,
    pub(super) origin: Origin,
    pub(super) born: Born,
}

impl EvolvedTrainer {
    /// A run at step 0 on a device: equal parents.
    ///
    /// # Errors
    /// When the recipe describes networks that cannot be built, or the device does not take them.
    pub fn on(recipe: Recipe, device: &Device) -> Result<Self, TrainError> {
        let evolution = recipe.evolution.clone().unwrap_or_default();
        let training = &recipe.training;
        let (seed, slope) = (recipe.seed, training.prelu_slope);
        let adam = |optimiser| {
            let muon = optimiser == Optimiser::Muon;
            Adam::new(training.beta1, training.beta2, muon, training.clip)
        };
        let first = match training.start {
            Start::Glorot => initial_value,
            Start::NearIdentity => near_identity_value,
        };
        let generator = generator(&recipe.generator, |key, role, dims| {
            first(key, role, dims, seed, slope)
        })?;
        let judge = discriminator(&recipe.discriminator, |key, role, dims| {
            initial_value(key, role, dims, seed, slope)
        })?;
        let parent = Individual {
            adam: adam(training.optimiser),
            network: generator.to_device(device)?,
        };
        Ok(Self {
            step: 0,
            seconds: 0.0,
            averaged: parent.network.clone(),
            population: vec![parent; evolution.parents],
            judge: Individual {
                network: judge.to_device(device)?,
                adam: adam(Optimiser::Adam),
            },
            window: Window::new(evolution.window),
            matched: Matched::default(),
            evolution,
            device: device.clone(),
            recipe,
        })
    }

    /// Steps made so far.
    pub const fn step_count(&self) -> u64 {
        self.step
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

    /// One step on `pairs`: during the burn-in by content alone, then a generation judged on `evaluation` and an update of
    /// the discriminator on the survivors' galaxies.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] when no child is finite or the discriminator's loss is not; nothing has changed then.
    pub fn train(
        &mut self,
        pairs: &[Pair],
        evaluation: &[Pair],
    ) -> Result<EvolvedLosses, TrainError> {
        let outcome = if self.step < self.recipe.training.burn_in {
            self.burn_in(pairs)?
        } else {
            self.generation(pairs, evaluation)?
        };
        if let Some(best) = self.population.first() {
            let decay = self.recipe.training.average;
            self.averaged = averaged(&self.averaged, &best.network, decay, self.step)?;
        }
        self.step += 1;
        Ok(outcome)
    }

    /// A step by content alone, after which all parents are equal again.
    fn burn_in(&mut self, pairs: &[Pair]) -> Result<EvolvedLosses, TrainError> {
        let Some(parent) = self.population.first() else {
            return Err(self.not_finite("content"));
        };
        let parts = in_parallel(&self.device, self.parts(pairs)?.iter().collect(), |part| {
            seen(
                shard(&parent.network, part, &Retain::Gradients, self.mode())?,
                None,
            )
        })?;
        let born = children(parent, &parts, &[None], &self.setting(&self.matched))?;
        let Some(born) = born.into_iter().next().filter(Born::is_finite) else {
            return Err(self.not_finite("content"));
        };
        let losses = Losses {
            content: born.content,
            ..Losses::default()
        };
        self.population = vec![born.individual; self.evolution.parents];
        Ok(EvolvedLosses {
            losses,
            generation: GenerationRecord {
                step: self.step + 1,
                children: Vec::new(),
            },
        })
    }

    fn generation(
        &mut self,
        pairs: &[Pair],
        evaluation: &[Pair],
    ) -> Result<EvolvedLosses, TrainError> {
        let (children, matched) = self.children(pairs)?;
        let parts_to_judge = self.parts(evaluation)?;
        let jury = Jury {
            judge: &self.judge.network,
            parts: &parts_to_judge,
            mode: self.mode(),
        };
        let measures = in_parallel(&self.device, children.iter().collect(), |child: &Child| {
            if child.born.is_finite() {
                jury.measures(&child.born.individual.network)
            } else {
                Ok(Measures::FAILED)
            }
        })?;
        let mut window = self.window;
        window.extend(&measures);
        let (mut record, mut children) = (self.record(&children, &measures, &window), children);
        if self.evolution.recombine {
            self.recombine(&jury, &mut children, &mut record, &window)?;
        }
        let mut survivors: Vec<(Child, f64)> = children
            .into_iter()
            .zip(&record.children)
            .filter(|(_, record)| record.survived)
            .map(|(child, record)| (child, record.fitness))
            .collect();
        // The fittest first: it is what checkpoints hold. Sorting keeps the earlier of equals in front.
        survivors.sort_by(|a, b| b.1.total_cmp(&a.1));
        let Some(best) = survivors.first() else {
            return Err(self.not_finite("generator"));
        };
        let mut losses = Losses {
            content: best.0.born.content,
            adversarial: best.0.born.adversarial,
            discriminator: 0.0,
        };
        let mut population: Vec<Individual> = survivors
            .into_iter()
            .map(|(child, _)| child.born.individual)
            .collect();
        if let Some(best) = population.first().cloned() {
            population.resize(self.evolution.parents, best);
        }
        let judge = self.judge_after(&population, pairs)?;
        // Everything changes together at the end, so that an error leaves the run as it was.
        (self.judge, losses.discriminator) = judge;
        (self.population, self.window, self.matched) = (population, window, matched);
        Ok(EvolvedLosses {
            losses,
            generation: record,
        })
    }

    /// All children of this step, kept parents first, and the matched weights after it.
    fn children(&self, pairs: &[Pair]) -> Result<(Vec<Child>, Matched), TrainError> {
        let mut matched = self.matched.clone();
        let judge = &self.judge.network;
        let matching = self.step - self.recipe.training.burn_in < self.evolution.match_steps;
        let of_parents = self
            .population
            .iter()
            .map(|parent| {
                in_parallel(&self.device, self.parts(pairs)?.iter().collect(), |part| {
                    let shard = shard(&parent.network, part, &Retain::Gradients, self.mode())?;
                    seen(shard, Some(judge))
                })
            })
            .collect::<Result<Vec<_>, TrainError>>()?;
        if matching {
            for seen in of_parents.iter().flatten() {
                let logits: Vec<f64> = seen.logits().collect();
                matched.extend(&logits, self.evolution.least_squares_on);
            }
        }
        let mutations: Vec<Option<Mutation>> =
            self.evolution.mutations.iter().copied().map(Some).collect();
        let mut all = Vec::new();
        if self.evolution.keep_parent {
            all.extend(
                self.population
                    .iter()
                    .enumerate()
                    .map(|(parent, individual)| Child {
                        parent,
                        origin: Origin::Kept,
                        born: Born {
                            individual: individual.clone(),
                            content: 0.0,
                            adversarial: 0.0,
                        },
                    }),
            );
        }
        for (place, (parent, seen)) in self.population.iter().zip(&of_parents).enumerate() {
            let born = children(parent, seen, &mutations, &self.setting(&matched))?;
            let origins = self
                .evolution
                .mutations
                .iter()
                .map(|m| Origin::Mutation(*m));
            all.extend(born.into_iter().zip(origins).map(|(born, origin)| Child {
                parent: place,
                origin,
                born,
            }));
        }
        Ok((all, matched))
    }

    /// Fitness and survival of every child.
    fn record(
        &self,
        children: &[Child],
        measures: &[Measures],
        window: &Window,
    ) -> GenerationRecord {
        let fitness: Vec<f64> = measures.iter().map(|m| self.fitness(*m, window)).collect();
        let kept = survivors(&fitness, self.evolution.parents);
        let rows = children.iter().zip(measures).zip(&fitness).enumerate();
        GenerationRecord {
            step: self.step + 1,
            children: rows
                .map(|(place, ((child, measures), fitness))| ChildRecord {
                    parent: child.parent,
                    origin: child.origin,
                    measures: *measures,
                    fitness: *fitness,
                    survived: kept.contains(&place) && *fitness > f64::NEG_INFINITY,
                })
                .collect(),
        }
    }

    pub(super) fn fitness(&self, measures: Measures, window: &Window) -> f64 {
        let fitness = self.evolution.fitness();
        if self.evolution.window == 0.0 || measures == Measures::FAILED {
            fitness.of(measures)
        } else {
            fitness.of(window.standardised(measures))
        }
    }

    /// The discriminator after its update on the survivors' galaxies of this batch, and its loss; survivors take turns by
    /// parts of the batch.
    fn judge_after(
        &self,
        population: &[Individual],
        pairs: &[Pair],
    ) -> Result<(Individual, f64), TrainError> {
        let count = self.recipe.training.parts.max(population.len());
        let parts = shards(&self.batch(pairs)?, count)?;
        let turn = self.step as usize;
        let places = parts.iter().enumerate().collect();
        let judged = in_parallel(&self.device, places, |(i, part)| {
            let survivor = &population[(i + turn) % population.len().max(1)];
            let shard = shard(&survivor.network, part, &Retain::Nothing, self.mode())?;
            judge_gradients(&self.judge.network, &shard, self.recipe.training.judged)
        })?;
        let sum = summed(judged)?;
        let loss = sum.loss.read()?;
        if !loss.is_finite() {
            return Err(self.not_finite("discriminator"));
        }
        let step = StepSize {
            rate: self.step_size().rate * self.recipe.training.discriminator_rate,
            ..self.step_size()
        };
        let judge = self.judge.stepped(&sum.gradients, &sum.stats, step)?;
        Ok((judge, loss))
    }

    fn batch(&self, pairs: &[Pair]) -> Result<Batch, TrainError> {
        let host = HostBatch::of(pairs, self.recipe.generator.stamp_size);
        Ok(Batch::new(host, &self.device)?)
    }

    /// The parts that a batch is trained in, with their shares.
    fn parts(&self, pairs: &[Pair]) -> Result<Vec<(Batch, f64)>, TrainError> {
        Ok(shards(&self.batch(pairs)?, self.recipe.training.parts)?)
    }

    fn setting<'a>(&'a self, matched: &'a Matched) -> Setting<'a> {
        Setting {
            judge: &self.judge.network,
            squares: self.evolution.least_squares_on,
            weight: self.recipe.training.adversarial,
            matched,
            step: self.step_size(),
        }
    }

    fn step_size(&self) -> StepSize {
        StepSize {
            rate: self.recipe.learning_rate(self.step),
            momentum: self.recipe.training.batch_norm_momentum,
        }
    }

    fn mode(&self) -> Mode {
        match self.recipe.statistics(self.step) {
            Statistics::Batch => Mode::Training,
            Statistics::Frozen => Mode::Inference,
        }
    }

    const fn not_finite(&self, what: &'static str) -> TrainError {
        TrainError::NotFinite {
            what,
            step: self.step,
        }
    }
}
