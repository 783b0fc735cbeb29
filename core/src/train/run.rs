//! A whole training run: recipe, stamps, steps, checkpoints, metrics; interrupted and resumed at will.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::data::{ExclusionList, Pair, PairSource};
use super::evaluate::read_blends;
use super::state::STATE_FILE;
use super::{Evaluation, Losses, Recipe, TrainError, Trainer, evaluate};
use crate::checkpoint::{Metrics, Series, SeriesManifest, create_series, write_checkpoint};
use crate::stamp::Stamp;
use crate::stamp::io::BlendFile;

/// What a run needs besides its recipe.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Folder with real stamps, searched with its subfolders; simulated galaxies alone when absent.
    pub stamps: Option<PathBuf>,
    /// Names of subfolders of `stamps` that are left out.
    pub skip: Vec<String>,
    /// Folder with blends of known truth that every checkpoint is judged on.
    pub evaluate: Option<PathBuf>,
    /// Continue from the saved state instead of starting anew.
    pub resume: bool,
}

/// The state of a run, reported after every step.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// Mean losses over the last steps.
    pub losses: Losses,
    /// Time left at the present pace.
    pub remaining: Duration,
    /// The judgement of a checkpoint written since the last report, with its step (that of the start comes with step
    /// 1), when blends were given.
    pub evaluation: Option<(u64, Evaluation)>,
}

/// Number of steps the reported losses are averaged over.
const WINDOW: usize = 50;

/// Trains by the recipe at `recipe_path` into the series folder `out`.
///
/// `report` is called after every step and may stop the run, which saves its state first.
///
/// # Errors
/// When a file cannot be read or written, or the losses are not finite; checkpoints written before stay.
pub fn run(
    recipe_path: &Path,
    out: &Path,
    options: &Options,
    report: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<(), TrainError> {
    let recipe = Recipe::read(recipe_path)?;
    let source = pair_source(&recipe, options)?;
    let blends = options
        .evaluate
        .as_deref()
        .map(read_blends)
        .transpose()?
        .unwrap_or_default();
    let state_path = out.join(STATE_FILE);
    let mut trainer = if options.resume {
        Series::open(out)?;
        Trainer::resume(recipe.clone(), &state_path)?
    } else {
        create_series(out, &manifest(&recipe, recipe_path))?;
        Trainer::new(recipe.clone())?
    };
    let mut losses = VecDeque::new();
    let started = (Instant::now(), trainer.step_count());
    let steps = recipe.steps();
    let judged = |trainer: &Trainer, losses: Losses, seconds: f64| {
        let evaluation = checkpoint(trainer, out, &blends, losses, seconds)?;
        Ok::<_, TrainError>(evaluation.map(|e| (trainer.step_count(), e)))
    };
    // The checkpoint that a resumed run starts from has its measurements already.
    let mut evaluation = if options.resume {
        None
    } else {
        judged(&trainer, Losses::default(), 0.0)?
    };
    let seconds_before = trainer.seconds;
    while trainer.step_count() < steps {
        let pairs = batch(&source, trainer.step_count(), recipe.training.batch)?;
        if losses.len() == WINDOW {
            losses.pop_front();
        }
        losses.push_back(trainer.train(&pairs)?);
        let step = trainer.step_count();
        let elapsed = started.0.elapsed();
        trainer.seconds = seconds_before + elapsed.as_secs_f64();
        let mean = mean(&losses);
        if recipe.is_checkpoint(step) {
            evaluation = judged(&trainer, mean, trainer.seconds)?;
        }
        let pace = elapsed.as_secs_f64() / (step - started.1) as f64;
        let remaining = Duration::from_secs_f64(pace * (steps - step) as f64);
        let progress = Progress {
            step,
            steps,
            losses: mean,
            remaining,
            evaluation: evaluation.take(),
        };
        let stop = report(&progress).is_break();
        if stop || step % recipe.checkpoints.state_every.max(1) == 0 || step == steps {
            trainer.save(&state_path)?;
        }
        if stop {
            return Ok(());
        }
    }
    // A finished series is not resumed; the state is larger than all checkpoints together.
    std::fs::remove_file(&state_path).or_else(|source| {
        if source.kind() == std::io::ErrorKind::NotFound {
            return Ok(());
        }
        Err(TrainError::File {
            what: "cannot remove the finished state",
            source,
            path: state_path.clone(),
        })
    })
}

/// The pairs of one step, drawn on all cores; pair `i` of step `s` is always the same.
fn batch(source: &PairSource, step: u64, size: usize) -> Result<Vec<Pair>, TrainError> {
    let first = step * size as u64;
    let pairs = (first..first + size as u64)
        .into_par_iter()
        .map(|index| source.pair(index));
    Ok(pairs.collect::<Result<_, _>>()?)
}

fn mean(losses: &VecDeque<Losses>) -> Losses {
    let n = losses.len().max(1) as f64;
    let of = |f: fn(&Losses) -> f64| losses.iter().map(f).sum::<f64>() / n;
    Losses {
        content: of(|l| l.content),
        adversarial: of(|l| l.adversarial),
        discriminator: of(|l| l.discriminator),
    }
}

pub(super) fn manifest(recipe: &Recipe, path: &Path) -> SeriesManifest {
    SeriesManifest {
        provenance: recipe.provenance.clone(),
        licence: recipe.licence.clone(),
        recipe: path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        ..SeriesManifest::new(
            &*recipe.name,
            recipe.generator.clone(),
            Some(recipe.discriminator.clone()),
        )
    }
}

/// Writes a checkpoint if the present step is one (step 0 included when listed) and judges it.
fn checkpoint(
    trainer: &Trainer,
    out: &Path,
    blends: &[BlendFile],
    losses: Losses,
    seconds: f64,
) -> Result<Option<Evaluation>, TrainError> {
    let step = trainer.step_count();
    if !trainer.recipe.is_checkpoint(step) {
        return Ok(None);
    }
    let evaluation = if blends.is_empty() {
        None
    } else {
        Some(evaluate(trainer.generator(), blends)?)
    };
    let mut metrics = Metrics {
        step,
        images: step * trainer.recipe.training.batch as u64,
        seconds,
        ..Metrics::default()
    };
    if step > 0 {
        metrics.losses.insert("content".to_owned(), losses.content);
    }
    if step > trainer.recipe.training.burn_in {
        metrics
            .losses
            .insert("adversarial".to_owned(), losses.adversarial);
        metrics
            .losses
            .insert("discriminator".to_owned(), losses.discriminator);
    }
    if let Some(evaluation) = &evaluation {
        metrics.psnr = evaluation.psnr.to_vec();
        metrics.ssim = evaluation.ssim.to_vec();
        metrics
            .other
            .insert("psnr_of_blend".to_owned(), evaluation.mean_psnr_of_blend());
    }
    write_checkpoint(
        out,
        step,
        trainer.generator(),
        trainer.discriminator(),
        &metrics,
    )?;
    Ok(evaluation)
}

/// The stamps of a folder and its subfolders with the recipe's simulated share.
pub(super) fn pair_source(recipe: &Recipe, options: &Options) -> Result<PairSource, TrainError> {
    let excluded = match &recipe.exclude {
        Some(path) => {
            let read = std::fs::read_to_string(path);
            let file = |source| TrainError::File {
                what: "cannot read the exclusion list",
                source,
                path: path.clone(),
            };
            ExclusionList::parse(&read.map_err(file)?)
        }
        None => ExclusionList::default(),
    };
    let mut stamps = Vec::new();
    if let Some(folder) = &options.stamps {
        read_stamps(folder, &options.skip, &mut stamps)?;
    }
    let source = PairSource::new(recipe.data.clone(), stamps, &excluded)?;
    let report = source.report();
    log::info!("{report}");
    if options.stamps.is_some() && report.excluded == 0 && !excluded.is_empty() {
        log::warn!(
            "none of the {} names of the exclusion list is among the stamps: nothing is kept out of training",
            excluded.len()
        );
    }
    Ok(source)
}

pub(super) fn read_stamps(
    folder: &Path,
    skip: &[String],
    stamps: &mut Vec<Stamp>,
) -> Result<(), TrainError> {
    let file = |source| TrainError::File {
        what: "cannot list the stamps",
        source,
        path: folder.to_owned(),
    };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(file)?
        .filter_map(|e| e.ok().map(|e| e.path()))
        .collect();
    paths.sort();
    for path in paths {
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        if path.is_dir() {
            if !skip.contains(&name) {
                read_stamps(&path, skip, stamps)?;
            }
        } else {
            match crate::stamp::io::read(&path, None) {
                Ok(read) => stamps.extend(read),
                // One unreadable file must not cost an hour of training; it is named once.
                Err(error) => log::warn!("skipped a stamp: {error}"),
            }
        }
    }
    Ok(())
}
