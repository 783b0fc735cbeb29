//! A whole run of a latent GAN: recipe, pictures, steps, checkpoints, lineage; interrupted and resumed at will.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::attributes::Attributes;
use super::{Examples, LatentData, LatentLosses, LatentRecipe, LatentTrainer};
use crate::checkpoint::{Metrics, Series, SeriesManifest, create_series, write_checkpoint_as};
use crate::train::evolution::{GenerationRecord, LineageWriter, Mutation};
use crate::train::run::read_stamps;
use crate::train::state::STATE_FILE;
use crate::train::{Options, TrainError};

/// Number of steps that the reported losses are averaged over.
const WINDOW: usize = 50;
/// Points that the coverage of a mixture is counted on, as published (Srivastava et al. 2017).
const POINTS: usize = 2500;
/// Pictures that attributes are compared on.
const PICTURES: usize = 256;
/// The step whose samples stand for the data when attributes are compared; no run gets there.
const REFERENCE_STEP: u64 = u64::MAX;

/// The state of a run, reported after every step.
#[derive(Clone, Debug)]
pub struct LatentProgress {
    /// Steps done.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// The discriminator's loss, mean over the last steps.
    pub discriminator: f64,
    /// How often each mutation's child was the fittest over the last steps, as shares.
    pub shares: BTreeMap<Mutation, f64>,
    /// Time left at the present pace.
    pub remaining: Duration,
    /// How often the run went back to a good state.
    pub rollbacks: u32,
    /// The numbers of a checkpoint written since the last report.
    pub checkpoint: Option<Metrics>,
}

/// A run with its files.
struct Session {
    out: PathBuf,
    state: PathBuf,
    examples: Examples,
    /// The data that attributes are compared with.
    reference: Option<Attributes>,
    lineage: LineageWriter,
    recent: VecDeque<LatentLosses>,
}

/// Trains by the latent recipe at `recipe_path` into the series folder `out`.
///
/// `report` is called after every step and may stop the run, which saves its state first. When losses stop being finite, the
/// run goes back to the last saved state with half the learning rate, five times at the most.
///
/// # Errors
/// When a file cannot be read or written, or going back did not help; checkpoints written before stay.
pub fn run_latent(
    recipe_path: &Path,
    out: &Path,
    options: &Options,
    report: &mut dyn FnMut(&LatentProgress) -> ControlFlow<()>,
) -> Result<(), TrainError> {
    let recipe = LatentRecipe::read(recipe_path)?;
    let examples = examples(&recipe, options)?;
    let state = out.join(STATE_FILE);
    let mut trainer = if options.resume {
        Series::open(out)?;
        LatentTrainer::resume(recipe, &state, &options.device)?
    } else {
        create_series(out, &manifest(&recipe, recipe_path))?;
        LatentTrainer::on(recipe, &options.device)?
    };
    let mut session = Session {
        reference: reference(&trainer.recipe, &examples),
        lineage: LineageWriter::open(out, trainer.step)?,
        out: out.to_owned(),
        state,
        examples,
        recent: VecDeque::new(),
    };
    // The checkpoint that a resumed run starts from has its measurements already.
    let first = if options.resume {
        None
    } else {
        session.checkpoint(&trainer)?
    };
    session.run(&mut trainer, first, report)
}

impl Session {
    fn run(
        &mut self,
        trainer: &mut LatentTrainer,
        mut written: Option<Metrics>,
        report: &mut dyn FnMut(&LatentProgress) -> ControlFlow<()>,
    ) -> Result<(), TrainError> {
        let (started, seconds_before) = (Instant::now(), trainer.seconds);
        let (steps, every) = (
            trainer.recipe.steps(),
            trainer.recipe.checkpoints.state_every.max(1),
        );
        let mut good = trainer.clone();
        let mut made = 0_u32;
        while trainer.step < steps {
            let losses = match trainer.train(&self.examples) {
                Ok(losses) => losses,
                Err(error) => {
                    self.go_back(trainer, &good, error)?;
                    continue;
                }
            };
            made += 1;
            self.lineage.add(&losses.generation)?;
            if self.recent.len() == WINDOW {
                self.recent.pop_front();
            }
            self.recent.push_back(losses);
            let elapsed = started.elapsed();
            trainer.seconds = seconds_before + elapsed.as_secs_f64();
            let at_state = trainer.step.is_multiple_of(every) || trainer.step == steps;
            let at_checkpoint = trainer.recipe.is_checkpoint(trainer.step);
            if (at_state || at_checkpoint)
                && let Err(error) = trainer.check_finite()
            {
                self.go_back(trainer, &good, error.into())?;
                continue;
            }
            if at_checkpoint {
                written = self.checkpoint(trainer)?;
            }
            let progress = LatentProgress {
                step: trainer.step,
                steps,
                discriminator: self.mean(|l| l.discriminator),
                shares: self.shares(),
                remaining: elapsed.div_f64(f64::from(made)) * (steps - trainer.step) as u32,
                rollbacks: trainer.rollbacks,
                checkpoint: written.take(),
            };
            let stop = report(&progress).is_break();
            if stop || at_state {
                self.lineage.sync()?;
                trainer.save(&self.state)?;
                good = trainer.clone();
            }
            if stop {
                return Ok(());
            }
        }
        self.finish()
    }

    /// Goes on from the last good state, and drops the lineage after it.
    fn go_back(
        &mut self,
        trainer: &mut LatentTrainer,
        good: &LatentTrainer,
        why: TrainError,
    ) -> Result<(), TrainError> {
        if !matches!(why, TrainError::NotFinite { .. } | TrainError::Network(_)) {
            return Err(why);
        }
        let message = why.to_string();
        trainer.roll_back(good, why)?;
        log::warn!(
            "{message}; going back to step {} with half the learning rate, time {} of 5",
            trainer.step,
            trainer.rollbacks
        );
        self.lineage = LineageWriter::open(&self.out, trainer.step)?;
        self.recent.clear();
        Ok(())
    }

    /// A finished series is not resumed.
    fn finish(&self) -> Result<(), TrainError> {
        std::fs::remove_file(&self.state).or_else(|source| {
            if source.kind() == std::io::ErrorKind::NotFound {
                return Ok(());
            }
            Err(TrainError::File {
                what: "cannot remove the finished state",
                source,
                path: self.state.clone(),
            })
        })
    }

    fn mean(&self, of: impl Fn(&LatentLosses) -> f64) -> f64 {
        let n = self.recent.len().max(1) as f64;
        self.recent.iter().map(of).sum::<f64>() / n
    }

    /// Shares of the mutations whose child was the fittest.
    fn shares(&self) -> BTreeMap<Mutation, f64> {
        let best = self
            .recent
            .iter()
            .filter_map(|l| l.generation.best()?.origin.mutation());
        let mut shares = BTreeMap::new();
        for mutation in best {
            *shares.entry(mutation).or_insert(0.0) += 1.0 / self.recent.len() as f64;
        }
        shares
    }

    /// Writes a checkpoint if the present step is one (step 0 included when listed).
    fn checkpoint(&self, trainer: &LatentTrainer) -> Result<Option<Metrics>, TrainError> {
        let (step, recipe) = (trainer.step, &trainer.recipe);
        if !recipe.is_checkpoint(step) {
            return Ok(None);
        }
        let shown = recipe.training.batch * recipe.training.discriminator_steps;
        let mut metrics = Metrics {
            step,
            images: step * shown as u64,
            seconds: trainer.seconds,
            other: self.measured(trainer)?,
            ..Metrics::default()
        };
        if step > 0 {
            let losses = &mut metrics.losses;
            losses.insert("discriminator".to_owned(), self.mean(|l| l.discriminator));
            losses.insert("generator".to_owned(), self.mean(|l| l.generator));
            let of_best = |of: fn(&GenerationRecord) -> Option<f64>| {
                self.mean(|l| of(&l.generation).unwrap_or(f64::NAN))
            };
            let other = &mut metrics.other;
            if recipe.evolution.selects() {
                other.insert("fitness".to_owned(), of_best(|g| Some(g.best()?.fitness)));
                let quality = of_best(|g| Some(g.best()?.measures.quality));
                other.insert("quality".to_owned(), quality);
                let diversity = of_best(|g| Some(g.best()?.measures.diversity));
                other.insert("diversity".to_owned(), diversity);
                let shares = self.shares();
                let named = shares
                    .iter()
                    .map(|(m, s)| (format!("share.{}", m.name()), *s));
                other.extend(named);
            }
        }
        let networks = [trainer.generator(), trainer.discriminator()];
        let precision = recipe.checkpoints.precision;
        write_checkpoint_as(&self.out, step, networks, &metrics, precision)?;
        Ok(Some(metrics))
    }

    /// What the generator that a checkpoint holds draws, measured: coverage of a mixture, or attributes of galaxies.
    fn measured(&self, trainer: &LatentTrainer) -> Result<BTreeMap<String, f64>, TrainError> {
        let mut numbers = BTreeMap::new();
        match (&trainer.recipe.data, &self.reference) {
            (LatentData::Mixture(mixture), _) => {
                let coverage = mixture.coverage(&trainer.sample(POINTS, 1)?);
                numbers.insert("modes".to_owned(), coverage.modes as f64);
                numbers.insert("modes.filled".to_owned(), coverage.filled as f64);
                numbers.insert("high-quality".to_owned(), coverage.high_quality);
            }
            (LatentData::Pictures(data), Some(reference)) => {
                let drawn = trainer.sample(PICTURES, 1)?;
                let sample = 3 * data.side * data.side;
                let pictures: Vec<Vec<f32>> = drawn.chunks(sample).map(<[f32]>::to_vec).collect();
                let attributes = Attributes::of(&pictures, 3, data.side);
                let lost = attributes.without_source as f64 / PICTURES as f64;
                numbers.insert("without-source".to_owned(), lost);
                for (attribute, distance) in attributes.distances(reference) {
                    numbers.insert(format!("wasserstein.{}", attribute.name()), distance);
                }
            }
            (LatentData::Pictures(_), None) => {}
        }
        Ok(numbers)
    }
}

/// The attributes of what the discriminator takes for real.
fn reference(recipe: &LatentRecipe, examples: &Examples) -> Option<Attributes> {
    let LatentData::Pictures(data) = &recipe.data else {
        return None;
    };
    let values = examples.batch(REFERENCE_STEP, 4 * PICTURES);
    let sample = 3 * data.side * data.side;
    let pictures: Vec<Vec<f32>> = values.chunks(sample).map(<[f32]>::to_vec).collect();
    Some(Attributes::of(&pictures, 3, data.side))
}

fn examples(recipe: &LatentRecipe, options: &Options) -> Result<Examples, TrainError> {
    let mut stamps = Vec::new();
    if let (Some(folder), LatentData::Pictures(_)) = (&options.stamps, &recipe.data) {
        read_stamps(folder, &options.skip, &mut stamps)?;
    }
    let examples = Examples::new(recipe, stamps)?;
    if matches!(recipe.data, LatentData::Pictures(_)) {
        log::info!("{}", examples.report());
    }
    Ok(examples)
}

fn manifest(recipe: &LatentRecipe, path: &Path) -> SeriesManifest {
    let name = path.file_name();
    SeriesManifest {
        provenance: recipe.provenance.clone(),
        licence: recipe.licence.clone(),
        recipe: name
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        ..SeriesManifest::latent(
            &*recipe.name,
            recipe.generator.clone(),
            Some(recipe.discriminator.clone()),
        )
    }
}
