//! A whole run of an evolved deblender: recipe, stamps, steps, checkpoints, lineage; interrupted and resumed at will.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::{EvolvedLosses, EvolvedTrainer};
use crate::checkpoint::{Metrics, Series, create_series, write_checkpoint_as};
use crate::stamp::io::BlendFile;
use crate::train::data::{Pair, PairSource};
use crate::train::evaluate::read_blends;
use crate::train::evolution::{LineageWriter, Origin};
use crate::train::run::{manifest, pair_source};
use crate::train::state::STATE_FILE;
use crate::train::{Losses, Options, Recipe, TrainError, evaluate};

/// Number of steps that the reported losses are averaged over.
const WINDOW: usize = 50;
/// Blends that children are judged on are counted from here, so that no step trains on them.
const EVALUATION_START: u64 = 1 << 40;

/// The state of a run, reported after every step.
#[derive(Clone, Debug)]
pub struct EvolvedProgress {
    /// Steps done.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// Mean losses of the fittest over the last steps.
    pub losses: Losses,
    /// How often each origin was that of the fittest over the last steps, as shares.
    pub shares: BTreeMap<Origin, f64>,
    /// Time left at the present pace.
    pub remaining: Duration,
    /// The numbers of a checkpoint written since the last report.
    pub checkpoint: Option<Metrics>,
}

/// A run with its files.
struct Session {
    out: PathBuf,
    state: PathBuf,
    source: PairSource,
    blends: Vec<BlendFile>,
    lineage: LineageWriter,
    recent: VecDeque<EvolvedLosses>,
}

/// Trains by the deblender's recipe at `recipe_path`, which has a part `[evolution]`, into the series folder `out`.
///
/// `report` is called after every step and may stop the run, which saves its state first.
///
/// # Errors
/// When a file cannot be read or written, or no child is finite; checkpoints written before stay.
pub fn run_evolved(
    recipe_path: &Path,
    out: &Path,
    options: &Options,
    report: &mut dyn FnMut(&EvolvedProgress) -> ControlFlow<()>,
) -> Result<(), TrainError> {
    let recipe = Recipe::read(recipe_path)?;
    let source = pair_source(&recipe, options)?;
    let blends = options.evaluate.as_deref().map(read_blends).transpose()?;
    let state = out.join(STATE_FILE);
    let mut trainer = if options.resume {
        Series::open(out)?;
        EvolvedTrainer::resume(recipe, &state, &options.device)?
    } else {
        create_series(out, &manifest(&recipe, recipe_path))?;
        EvolvedTrainer::on(recipe, &options.device)?
    };
    let mut session = Session {
        lineage: LineageWriter::open(out, trainer.step)?,
        out: out.to_owned(),
        state,
        source,
        blends: blends.unwrap_or_default(),
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
        trainer: &mut EvolvedTrainer,
        mut written: Option<Metrics>,
        report: &mut dyn FnMut(&EvolvedProgress) -> ControlFlow<()>,
    ) -> Result<(), TrainError> {
        let started = (Instant::now(), trainer.step);
        let seconds_before = trainer.seconds;
        let steps = trainer.recipe.steps();
        let every = trainer.recipe.checkpoints.state_every.max(1);
        while trainer.step < steps {
            let (step, evaluation) = (trainer.step, trainer.evolution.evaluation);
            let pairs = self.pairs(0, step, trainer.recipe.training.batch)?;
            let to_judge = self.pairs(EVALUATION_START, step, evaluation)?;
            let losses = trainer.train(&pairs, &to_judge)?;
            self.lineage.add(&losses.generation)?;
            if self.recent.len() == WINDOW {
                self.recent.pop_front();
            }
            self.recent.push_back(losses);
            let elapsed = started.0.elapsed();
            trainer.seconds = seconds_before + elapsed.as_secs_f64();
            if trainer.recipe.is_checkpoint(trainer.step) {
                written = self.checkpoint(trainer)?;
            }
            let made = (trainer.step - started.1) as u32;
            let progress = EvolvedProgress {
                step: trainer.step,
                steps,
                losses: self.losses(),
                shares: self.shares(),
                remaining: elapsed / made.max(1) * (steps - trainer.step) as u32,
                checkpoint: written.take(),
            };
            let stop = report(&progress).is_break();
            if stop || trainer.step.is_multiple_of(every) || trainer.step == steps {
                self.lineage.sync()?;
                trainer.save(&self.state)?;
            }
            if stop {
                return Ok(());
            }
        }
        // A finished series is not resumed.
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

    /// `count` blends of a step, counted from `start`; the same on every machine.
    fn pairs(&self, start: u64, step: u64, count: usize) -> Result<Vec<Pair>, TrainError> {
        let first = start + step * count as u64;
        let pairs = (first..first + count as u64).into_par_iter();
        let pairs = pairs.map(|index| self.source.pair(index));
        Ok(pairs.collect::<Result<_, _>>()?)
    }

    fn losses(&self) -> Losses {
        let n = self.recent.len().max(1) as f64;
        let of = |f: fn(&Losses) -> f64| self.recent.iter().map(|l| f(&l.losses)).sum::<f64>() / n;
        Losses {
            content: of(|l| l.content),
            adversarial: of(|l| l.adversarial),
            discriminator: of(|l| l.discriminator),
        }
    }

    /// Shares of the origins of the fittest.
    fn shares(&self) -> BTreeMap<Origin, f64> {
        let mut shares = BTreeMap::new();
        for best in self.recent.iter().filter_map(|l| l.generation.best()) {
            *shares.entry(best.origin).or_insert(0.0) += 1.0 / self.recent.len() as f64;
        }
        shares
    }

    /// Writes a checkpoint if the present step is one (step 0 included when listed) and judges it.
    fn checkpoint(&self, trainer: &EvolvedTrainer) -> Result<Option<Metrics>, TrainError> {
        let (step, recipe) = (trainer.step, &trainer.recipe);
        if !recipe.is_checkpoint(step) {
            return Ok(None);
        }
        let mut metrics = Metrics {
            step,
            images: step * recipe.training.batch as u64,
            seconds: trainer.seconds,
            ..Metrics::default()
        };
        let losses = self.losses();
        if step > 0 {
            metrics.losses.insert("content".to_owned(), losses.content);
        }
        if step > recipe.training.burn_in {
            for (name, loss) in [
                ("adversarial", losses.adversarial),
                ("discriminator", losses.discriminator),
            ] {
                metrics.losses.insert(name.to_owned(), loss);
            }
            for (origin, share) in self.shares() {
                let name = format!("share.{}", origin.name());
                metrics.other.insert(name, share);
            }
        }
        if !self.blends.is_empty() {
            let evaluation = evaluate(trainer.generator(), &self.blends)?;
            metrics.psnr = evaluation.psnr.to_vec();
            metrics.ssim = evaluation.ssim.to_vec();
            let of_blend = evaluation.mean_psnr_of_blend();
            metrics.other.insert("psnr_of_blend".to_owned(), of_blend);
        }
        let networks = [trainer.generator(), trainer.discriminator()];
        let precision = recipe.checkpoints.precision;
        write_checkpoint_as(&self.out, step, networks, &metrics, precision)?;
        Ok(Some(metrics))
    }
}
