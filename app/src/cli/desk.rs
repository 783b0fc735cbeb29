//! What the window shows, computed without one: the same previews by the same engine, for figures, tables and relevance of
//! outputs.
//!
//! Invariant: a result equals the window's to the last bit on the same device.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use candle_core::Device;
use clap::{Args, ValueEnum};
use ganoscope_core::attribution::Method;
use ganoscope_core::checkpoint::NetworkSpec;
use ganoscope_core::edit::{Edit, EditStack};
use ganoscope_core::figure::FigureFormat;
use ganoscope_core::jobs::{DeblendSpec, Failure as Why, Preview, PreviewSpec, Slot, Studio};
use ganoscope_core::stamp::io::PictureFile;
use ganoscope_core::stamp::stretch::{Limits, Stretch, ZScale};
use ganoscope_core::table::TableFormat;

use super::Failure;
use crate::document::Document;
use crate::explain::Explain;
use crate::export::{ExportChoice, Kind, Shown, Subject, drawing, table};
use crate::figures::{Paper, Sides};
use crate::results::Results;
use crate::views::ViewKey;
use crate::workbench::Workbench;

/// Changes of units, as arguments.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct EditArguments {
    /// Edits to apply, a recipe.
    #[arg(long, alias = "edits", value_name = "RECIPE")]
    edit: Option<PathBuf>,
    /// An edit after those of the recipe; UNITS=off, =scale:FACTOR or =level:VALUE, for example root.4:4,10-12=scale:0.25.
    #[arg(long, value_name = "UNITS=HOW")]
    set: Vec<Edit>,
}

impl EditArguments {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.edit.is_none() && self.set.is_empty()
    }

    /// All edits in order.
    pub(super) fn stack(&self) -> Result<EditStack, anyhow::Error> {
        let mut stack = match &self.edit {
            Some(path) => EditStack::read(path)?,
            None => EditStack::default(),
        };
        stack.edits.extend(self.set.iter().cloned());
        Ok(stack)
    }

    /// The recipe, if there is one.
    pub(super) fn recipe(&self) -> Option<&Path> {
        self.edit.as_deref()
    }

    /// The file that the edit at a place comes from, for messages.
    pub(super) fn origin(&self, index: usize, count: usize) -> String {
        match &self.edit {
            Some(path) if index < count - self.set.len() => path.display().to_string(),
            _ => "--set".to_owned(),
        }
    }
}

/// A figure and a table beside the results, as arguments.
#[derive(Args, Clone, Debug)]
pub(super) struct PageArguments {
    /// Figure to write too, .svg, .pdf or .png (of one input, for networks of a series).
    #[arg(long, value_name = "FILE")]
    figure: Option<PathBuf>,
    /// Table of measures to write too, .ecsv or .csv (likewise).
    #[arg(long, value_name = "TABLE")]
    table: Option<PathBuf>,
    /// Ground of the figure.
    #[arg(long, value_name = "GROUND", default_value = "white")]
    paper: PaperArgument,
    /// What the sides of the figure's pictures count.
    #[arg(long, value_name = "WHAT", default_value = "auto")]
    axes: SidesArgument,
    /// Pixels per 1/96 inch of a figure as PNG.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=4))]
    scale: u8,
    /// Brightness between black and white in the figure: linear, log, sqrt, squared, asinh, sinh or power.
    #[arg(long, value_name = "NAME", default_value = "asinh", value_parser = stretch)]
    stretch: Stretch,
    /// Black and white in the figure: a percentage, minmax, zscale or LO,HI in the 0 to 1 range of the blend.
    #[arg(long, value_name = "LIMITS", default_value = "99.5", value_parser = limits, allow_hyphen_values = true)]
    limits: Limits,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PaperArgument {
    White,
    Dark,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SidesArgument {
    /// Arcseconds where the file says where it is on the sky, else pixels.
    Auto,
    Pixels,
    Sky,
    None,
}

fn stretch(name: &str) -> Result<Stretch, String> {
    let found = Stretch::ALL.into_iter().find(|s| s.name() == name);
    found.ok_or_else(|| "expected linear, log, sqrt, squared, asinh, sinh or power".to_owned())
}

fn limits(text: &str) -> Result<Limits, String> {
    let wrong = || "expected a percentage up to 100, minmax, zscale or LO,HI".to_owned();
    match text {
        "minmax" => return Ok(Limits::MinMax),
        "zscale" => return Ok(Limits::ZScale(ZScale::default())),
        _ => {}
    }
    if let Some((low, high)) = text.split_once(',') {
        let number = |text: &str| text.trim().parse::<f32>().map_err(|_| wrong());
        let (low, high) = (number(low)?, number(high)?);
        let is_span = low.is_finite() && high.is_finite() && low < high;
        return is_span
            .then_some(Limits::Manual { low, high })
            .ok_or_else(wrong);
    }
    let percent: f64 = text.parse().map_err(|_| wrong())?;
    let is_share = percent > 0.0 && percent <= 100.0;
    is_share
        .then_some(Limits::Percentile(percent))
        .ok_or_else(wrong)
}

impl PageArguments {
    /// Whether any page is wanted.
    pub(super) const fn is_asked(&self) -> bool {
        self.figure.is_some() || self.table.is_some()
    }

    /// The files that will be written.
    pub(super) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.figure.iter().chain(&self.table)
    }

    /// Refuses what cannot be, before anything is computed.
    pub(super) fn check(&self, inputs: &[String]) -> Result<(), Failure> {
        if !self.is_asked() {
            return Ok(());
        }
        let usage = |what: String| Err(Failure::Usage(what));
        if let Some(path) = &self.figure {
            check_figure(path)?;
        }
        if let Some(path) = &self.table
            && TableFormat::from_path(path).is_none()
        {
            let what = "--table needs the extension ecsv or csv";
            return usage(format!("{what}: {}", path.display()));
        }
        match inputs {
            [_] => Ok(()),
            more => usage(format!("a figure shows one input, not {}", more.len())),
        }
    }

    /// Writes what is wanted of a view; returns the files.
    pub(super) fn write(&self, desk: &Desk, view: ViewKey) -> Result<Vec<PathBuf>, anyhow::Error> {
        let choice = ExportChoice {
            kind: Kind::Figure,
            scale: self.scale,
            paper: match self.paper {
                PaperArgument::White => Paper::White,
                PaperArgument::Dark => Paper::Dark,
            },
            sides: match self.axes {
                SidesArgument::Auto => Sides::Auto,
                SidesArgument::Pixels => Sides::Pixels,
                SidesArgument::Sky => Sides::Sky,
                SidesArgument::None => Sides::None,
            },
            ..ExportChoice::default()
        };
        let mut document = desk.document.clone();
        document.display.stretch = self.stretch;
        document.display.limits = self.limits;
        let (subject, workbench) = (Subject::default(), Workbench::default());
        let shown = Shown {
            view,
            subject: &subject,
            document: &document,
            workbench: &workbench,
            results: &desk.results,
        };
        let mut written = Vec::new();
        if let Some(path) = &self.figure {
            let scale = choice.pixels_per_point();
            drawing(&choice, &shown)
                .map_err(|why| anyhow!(why))?
                .write(path, scale)?;
            written.push(path.clone());
        }
        if let Some(path) = &self.table {
            table(&shown).map_err(|why| anyhow!(why))?.write(path)?;
            written.push(path.clone());
        }
        Ok(written)
    }
}

/// Refuses a figure whose extension says no format.
pub(super) fn check_figure(path: &Path) -> Result<(), Failure> {
    if FigureFormat::from_path(path).is_some() {
        return Ok(());
    }
    let what = "--figure needs the extension svg, pdf or png";
    Err(Failure::Usage(format!("{what}: {}", path.display())))
}

/// A document with its results, as in the window.
pub(super) struct Desk {
    document: Document,
    results: Results,
    studio: Studio,
}

impl Desk {
    /// Opens a series and a picture.
    pub(super) fn new(
        spec: &NetworkSpec,
        input: &str,
        edits: EditStack,
        device: &Device,
    ) -> Result<Self, anyhow::Error> {
        if !spec.path.is_dir() {
            bail!(
                "this needs a series, whose manifest says how outputs make up a blend: {}",
                spec.path.display()
            );
        }
        let picture = PictureFile::named(input);
        let mut document = Document::new(Some(spec.path.clone()), Vec::new());
        document.show_input(&picture.clone().into());
        document.step = spec.step;
        document.edits = edits;
        let mut desk = Self {
            document,
            results: Results::default(),
            studio: Studio::on(device.clone()),
        };
        desk.put(PreviewSpec::Series(spec.path.clone()))?;
        desk.put(PreviewSpec::Scene(picture))?;
        Ok(desk)
    }

    /// Computes the outputs.
    pub(super) fn deblend(&mut self) -> Result<(), anyhow::Error> {
        let run = self.run()?;
        self.put(PreviewSpec::Deblend(run))
    }

    /// Computes the relevance of outputs and truths, and how faithful the maps are if that is wanted too.
    pub(super) fn relevance(
        &mut self,
        method: Method,
        explain: Explain,
        is_flipping: bool,
    ) -> Result<(), anyhow::Error> {
        let run = self.run()?;
        self.document.method = method;
        self.document.explain = explain;
        let spec = self.document.explain.spec(&self.document, run);
        let spec = spec.map_err(|why| anyhow!(why))?;
        self.put(PreviewSpec::Relevance(spec.clone()))?;
        if is_flipping {
            self.put(PreviewSpec::Flipping(spec))?;
        }
        Ok(())
    }

    /// What was computed.
    pub(super) const fn results(&self) -> &Results {
        &self.results
    }

    fn run(&self) -> Result<DeblendSpec, anyhow::Error> {
        let series = self.results.series.ready().context("no series is open")?;
        let input = self.document.input.clone();
        if let Some(step) = self.document.step
            && series.position(step).is_none()
        {
            let path = series.path.display();
            bail!("the series has no checkpoint of step {step}: {path}");
        }
        Ok(DeblendSpec {
            series: series.path.clone(),
            step: self
                .document
                .step_in(series)
                .context("the series has no checkpoint")?,
            input: input.context("no picture is open")?,
            edits: self.document.edits.clone(),
        })
    }

    fn put(&mut self, spec: PreviewSpec) -> Result<(), anyhow::Error> {
        let preview = self.studio.preview_now(&spec).map_err(failed)?;
        let slot: Slot = spec.slot();
        if let Preview::Series(series) = &preview {
            // The document names the series as the worker found it.
            self.document.series = Some(series.path.clone());
        }
        self.results.put(slot, Ok(preview));
        Ok(())
    }
}

/// A failure of the engine as an error of a command.
fn failed(why: Why) -> anyhow::Error {
    let Why { headline, causes } = why;
    let causes = causes.into_iter().rev();
    let inner = causes.fold(None, |inner: Option<anyhow::Error>, cause| {
        Some(match inner {
            Some(inner) => inner.context(cause),
            None => anyhow!(cause),
        })
    });
    match inner {
        Some(inner) => inner.context(headline),
        None => anyhow!(headline),
    }
}

/// The one relevance preview of a desk.
pub(super) fn relevance_of(
    desk: &Desk,
) -> Result<&Arc<ganoscope_core::jobs::RelevancePreview>, anyhow::Error> {
    desk.results()
        .relevance
        .ready()
        .context("no relevance was computed")
}
