//! `ganoscope train`: a series of checkpoints from a recipe.

use std::io::{self, IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use ganoscope_core::checkpoint::MANIFEST_FILE;
use ganoscope_core::train::evolution::deblender::run_evolved;
use ganoscope_core::train::latent::run_latent;
use ganoscope_core::train::{Evaluation, Kind, Options, Progress, kind_of, run};

use super::Failure;
use super::common::{Common, Console};
use super::train_evolved::EvolvedLines;

/// Arguments of `train`.
#[derive(Args, Debug)]
pub(super) struct Train {
    /// The recipe.
    recipe: PathBuf,
    /// Folder of the series.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Folder with real stamps, searched with its subfolders; simulated galaxies alone when not given.
    #[arg(long, value_name = "DIR")]
    stamps: Option<PathBuf>,
    /// Subfolder of the stamps to leave out; may be repeated.
    #[arg(long, value_name = "NAME")]
    skip: Vec<String>,
    /// Folder with blends of known truth that every checkpoint is judged on.
    #[arg(long, value_name = "DIR")]
    evaluate: Option<PathBuf>,
    /// Continue an interrupted training.
    #[arg(long)]
    resume: bool,
}

impl Train {
    pub(super) fn execute(self, common: &Common, console: &Console) -> Result<(), Failure> {
        if common.seed.is_some() {
            let what =
                "a training takes its seed from the recipe, so that the recipe alone repeats it";
            return Err(Failure::Usage(what.to_owned()));
        }
        if !self.resume && self.out.join(MANIFEST_FILE).exists() {
            let what =
                "a series is there already; continue it with --resume or choose another --out";
            return Err(anyhow!("{what}: {}", self.out.display()).into());
        }
        let options = Options {
            device: common.open_device(*console)?,
            stamps: self.stamps,
            skip: self.skip,
            evaluate: self.evaluate,
            resume: self.resume,
        };
        let live = io::stderr().is_terminal() && !common.quiet;
        let (kind, evolves) = kind_of(&self.recipe)?;
        if kind == Kind::Latent || evolves {
            let mut lines = EvolvedLines::new(live, *console, common.json);
            if kind == Kind::Latent {
                let report = &mut |progress: &_| lines.latent(progress);
                run_latent(&self.recipe, &self.out, &options, report)?;
            } else {
                let report = &mut |progress: &_| lines.deblender(progress);
                run_evolved(&self.recipe, &self.out, &options, report)?;
            }
            return lines.failed.map_or(Ok(()), |error| Err(error.into()));
        }
        let mut lines = Lines {
            live,
            console: *console,
            json: common.json,
            failed: None,
        };
        run(&self.recipe, &self.out, &options, &mut |progress| {
            lines.report(progress)
        })?;
        match lines.failed {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }
}

/// What is said while training.
struct Lines {
    /// Whether a person watches: then one line is kept up to date.
    live: bool,
    console: Console,
    json: bool,
    failed: Option<anyhow::Error>,
}

impl Lines {
    fn report(&mut self, progress: &Progress) -> ControlFlow<()> {
        let Progress {
            step,
            steps,
            losses,
            remaining,
            evaluation,
        } = progress;
        if self.live {
            let minutes = remaining.as_secs() / 60;
            let seconds = remaining.as_secs() % 60;
            let text = format!(
                "step {step} of {steps}, content loss {:.5}, {minutes} min {seconds:02} s left",
                losses.content
            );
            let end = if step == steps { "\n" } else { "" };
            let mut out = io::stderr().lock();
            // Nothing can be done when nobody can read it.
            let _ = write!(out, "\r{text:<78}{end}").and_then(|()| out.flush());
        }
        if !self.live && (*step == 1 || step.is_multiple_of(100) || step == steps) {
            self.console.note(&format!(
                "step {step} of {steps}, content loss {:.5}, {:.0} min left",
                losses.content,
                remaining.as_secs_f64() / 60.0
            ));
        }
        let Some(evaluation) = evaluation else {
            return ControlFlow::Continue(());
        };
        let (judged, evaluation) = evaluation;
        match self.console.table(&self.row(*judged, evaluation)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn row(&self, step: u64, evaluation: &Evaluation) -> String {
        if self.json {
            let row = serde_json::json!({
                "step": step,
                "psnr": evaluation.psnr,
                "ssim": evaluation.ssim,
                "psnr_of_blend": evaluation.psnr_of_blend,
            });
            return row.to_string();
        }
        format!(
            "step {step:>7}  psnr {:.2} {:.2}  ssim {:.4} {:.4}  gain {:+.2} dB",
            evaluation.psnr[0],
            evaluation.psnr[1],
            evaluation.ssim[0],
            evaluation.ssim[1],
            evaluation.mean_psnr() - evaluation.mean_psnr_of_blend()
        )
    }
}
