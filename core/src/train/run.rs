//! A whole training run: recipe, stamps, steps, checkpoints, metrics; interrupted and resumed at will.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use candle_core::Device;

use super::course::Course;
use super::data::{ExclusionList, PairSource};
use super::evaluate::read_blends;
use super::state::STATE_FILE;
use super::{Evaluation, Losses, Recipe, TrainError, Trainer, evaluate};
use crate::checkpoint::{Metrics, Series, SeriesManifest, create_series, write_checkpoint_as};
use crate::stamp::Stamp;
use crate::stamp::io::BlendFile;

/// What a run needs besides its recipe.
#[derive(Clone, Debug)]
pub struct Options {
    /// What trains.
    pub device: Device,
    /// Folder with real stamps, searched with its subfolders; simulated galaxies alone when absent.
    pub stamps: Option<PathBuf>,
    /// Names of subfolders of `stamps` that are left out.
    pub skip: Vec<String>,
    /// Folder with blends of known truth that every checkpoint is judged on.
    pub evaluate: Option<PathBuf>,
    /// Continue from the saved state instead of starting anew.
    pub resume: bool,
}

impl Default for Options {
    /// Simulated galaxies alone, from the start, on the processor.
    fn default() -> Self {
        Self {
            device: Device::Cpu,
            stamps: None,
            skip: Vec::new(),
            evaluate: None,
            resume: false,
        }
    }
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

/// Trains by the recipe at `recipe_path` into the series folder `out`.
///
/// `report` is called after every step and may stop the run, which saves its state first.
///
/// # Errors
/// When a file cannot be read or written, or losses or weights are not finite again and again; checkpoints written before
/// stay.
pub fn run(
    recipe_path: &Path,
    out: &Path,
    options: &Options,
    report: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<(), TrainError> {
    let recipe = Recipe::read(recipe_path)?;
    let source = Arc::new(pair_source(&recipe, options)?);
    let blends = options
        .evaluate
        .as_deref()
        .map(read_blends)
        .transpose()?
        .unwrap_or_default();
    let state_path = out.join(STATE_FILE);
    let trainer = if options.resume {
        Series::open(out)?;
        Trainer::resume_on(recipe.clone(), &state_path, &options.device)?
    } else {
        create_series(out, &manifest(&recipe, recipe_path))?;
        Trainer::on(recipe.clone(), &options.device)?
    };
    let mut course = Course::new(trainer, source, &blends, out, options.resume)?;
    // The checkpoint that a resumed run starts from has its measurements already.
    if !options.resume {
        course.judge()?;
    }
    course.finish(report)
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
pub(super) fn checkpoint(
    trainer: &Trainer,
    out: &Path,
    blends: &[BlendFile],
    losses: Losses,
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
        seconds: trainer.seconds,
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
    let networks = [trainer.generator(), trainer.discriminator()];
    let precision = trainer.recipe.checkpoints.precision;
    write_checkpoint_as(out, step, networks, &metrics, precision)?;
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
