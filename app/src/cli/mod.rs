//! The command line: the window, or one of the headless commands that call the same functions of `ganoscope-core`.
//!
//! Invariants: results go to files, tables to standard output, everything else to standard error; the exit code is 0
//! when all is done, 1 after one line `error: ...` that names the culprit, 2 for wrong usage; no output file appears
//! under its final name before it is complete.

mod common;
pub mod compose;
mod desk;
mod export;
mod extensions;
mod generated;
mod header;
mod inputs;
mod inspect;
mod measure;
pub(crate) mod outputs;
mod relevance;
pub(crate) mod run;
mod tables;
mod timeline;
mod train;
mod train_evolved;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand};

use self::common::{Common, Console};
use crate::window::{WindowOptions, open};

const AFTER_HELP: &str = "\
MODEL is a series directory, DIR, DIR@STEP, DIR@STEP:ROLE with the role generator or discriminator, or a file: safetensors, PyTorch
(FILE:ROLE or FILE:NAME where it holds several networks), ONNX, Keras, model.json of TensorFlow.js, or a description (.model.toml).
FILE may name one image of a file: a.fits[SCI].";

/// See what a galaxy deblender's networks draw, decide and why. Without a command the window opens.
#[derive(Debug, Parser)]
#[command(name = "ganoscope", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    common: Common,
    /// Series directory or network to open in the window instead of the bundled demonstration.
    #[arg(long, value_name = "DIR")]
    series: Option<PathBuf>,
    /// Close the window after the first complete picture was shown.
    #[arg(long)]
    smoke: bool,
    /// Lose the graphics card once before that, to test the way back.
    #[arg(long, hide = true, requires = "smoke")]
    lose_graphics: bool,
    /// Write a picture of the window to this file, then close it.
    #[arg(long, value_name = "FILE")]
    screenshot: Option<PathBuf>,
    /// Pictures, networks, sessions or recipes to open in the window.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Layers, shapes and parameters of a network, what was guessed and why.
    Inspect(inspect::Inspect),
    /// Run a network on stamps and write its outputs.
    Run(run::Run),
    /// Explain an output of a network: relevance or sensitivity of every input pixel.
    Relevance(Box<relevance::Relevance>),
    /// Write a network with edits folded into its weights, as ONNX or safetensors.
    Export(export::Export),
    /// Statistics of the regions of a DS9 file on stamps, per band, as a table.
    Measure(measure::Measure),
    /// The header cards of a FITS file.
    Header(header::HeaderCommand),
    /// What every checkpoint of a series makes of the same blends, as a table.
    Timeline(timeline::Timeline),
    /// Train a generator and a discriminator by a recipe.
    Train(train::Train),
}

/// Why a command did not do what was asked.
#[derive(Debug)]
enum Failure {
    /// The command line asks for something that cannot be: exit code 2.
    Usage(String),
    /// Anything else: exit code 1.
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Does what the command line of this process asks for.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are printed to standard output by the same call; a closed pipe is no reason to panic.
            let _ = error.print();
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    match cli.execute() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(error)) => {
            common::to_stderr(&format!("error: {}", one_line(&error)));
            ExitCode::from(1)
        }
        Err(Failure::Usage(what)) => {
            let error = Cli::command().error(ErrorKind::ValueValidation, what);
            let _ = error.print();
            ExitCode::from(2)
        }
    }
}

impl Cli {
    fn execute(self) -> Result<(), Failure> {
        let Self {
            command,
            common,
            series,
            smoke,
            lose_graphics,
            screenshot,
            files,
        } = self;
        common.set_memory_limit();
        let Some(command) = command else {
            known_files(&files)?;
            if let Some(series) = series.as_ref().filter(|path| !path.exists()) {
                return Err(
                    anyhow::anyhow!("there is no series here: {}", series.display()).into(),
                );
            }
            common.start_window_log();
            common.start_threads(true)?;
            return Ok(open(WindowOptions {
                series,
                inputs: files,
                smoke,
                lose_graphics,
                screenshot,
                device: common.device,
            })?);
        };
        if series.is_some() || smoke || screenshot.is_some() || !files.is_empty() {
            let what =
                "--series, --smoke, --screenshot and files before the command belong to the window";
            return Err(Failure::Usage(what.to_owned()));
        }
        common.start_log(matches!(command, Command::Train(_)));
        common.start_threads(false)?;
        let console = Console::new(&common);
        match command {
            Command::Inspect(inspect) => inspect.execute(&common, &console),
            Command::Run(run) => run.execute(&common, &console),
            Command::Relevance(relevance) => relevance.execute(&common, &console),
            Command::Export(export) => export.execute(&common, &console),
            Command::Measure(measure) => measure.execute(&common, &console),
            Command::Header(header) => header.execute(&common, &console),
            Command::Timeline(timeline) => timeline.execute(&common, &console),
            Command::Train(train) => train.execute(&common, &console),
        }
    }
}

/// A word that is neither a command nor a file is a mistyped command.
fn known_files(files: &[PathBuf]) -> Result<(), Failure> {
    match files.first() {
        Some(first) if !first.exists() && first.extension().is_none() => Err(Failure::Usage(
            format!("no command or file is named {}", first.display()),
        )),
        _ => Ok(()),
    }
}

/// An error with its causes, without saying twice what the error itself says of its cause.
fn one_line(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn causes_are_said_once_and_on_one_line() {
        let inner = anyhow::anyhow!("disk\nfull");
        assert_eq!(
            one_line(&inner.context("cannot save")),
            "cannot save: disk full"
        );
    }
}
