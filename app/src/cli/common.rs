//! Options that every command has, and the two streams a command talks to people by.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context as _, anyhow};
use candle_core::Device;
use clap::Args;
use ganoscope_core::checkpoint::Limits;
use ganoscope_core::device::DeviceChoice;
use log::LevelFilter;

use crate::{notify, priority};

/// What an argument that names a network says in the help.
pub(super) const MODEL: &str =
    "The network: FILE, FILE:ROLE, FILE:NAME, DIR, DIR@STEP or DIR@STEP:ROLE.";

/// Options that every command has.
#[derive(Args, Clone, Debug)]
pub(super) struct Common {
    /// Where to compute: cpu, cuda, cuda:N, metal or auto.
    #[arg(long, global = true, value_name = "DEVICE", default_value = "auto")]
    pub(super) device: DeviceChoice,
    /// Threads to compute with; all cores when not given.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) threads: Option<u16>,
    /// Seed of everything random.
    #[arg(long, global = true, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Most memory that opening a network may take, for example 4GB or 512MiB; half of the machine's when not given.
    #[arg(
        long,
        global = true,
        value_name = "SIZE",
        env = "GANOSCOPE_MEMORY_LIMIT"
    )]
    pub(super) memory_limit: Option<Limits>,
    /// Write tables as JSON.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Say nothing but results and errors.
    #[arg(long, global = true)]
    pub(super) quiet: bool,
}

impl Common {
    /// Warnings of the library go to standard error; `RUST_LOG` says otherwise.
    /// `says_more`: also what the training says of its data.
    pub(super) fn start_log(&self, says_more: bool) {
        let mut builder = self.log_builder();
        if says_more && !self.quiet && std::env::var_os("RUST_LOG").is_none() {
            builder.filter_module("ganoscope_core::train", LevelFilter::Info);
        }
        // A second logger is refused; then the first one is as good.
        let _ = builder.try_init();
    }

    /// Starts writing messages to standard error and to the window.
    pub(super) fn start_window_log(&self) {
        let mut builder = self.log_builder();
        if std::env::var_os("RUST_LOG").is_none() {
            // What the window's libraries say of the display and its driver helps only who looks for it.
            for library in ["winit", "egui_wgpu", "wgpu_core", "wgpu_hal"] {
                builder.filter_module(library, LevelFilter::Error);
            }
        }
        let terminal = builder.build();
        let level = terminal.filter();
        notify::install(Box::new(terminal), level);
    }

    fn log_builder(&self) -> env_logger::Builder {
        let level = if self.quiet {
            LevelFilter::Error
        } else {
            LevelFilter::Warn
        };
        let environment = env_logger::Env::default().default_filter_or(level.as_str());
        env_logger::Builder::from_env(environment)
    }

    /// Opens the device that was asked for. Says why not a faster one when one was tried; a program that has none built
    /// in says nothing, because nothing went wrong.
    pub(super) fn open_device(&self, console: Console) -> Result<Device, anyhow::Error> {
        let opened = self.device.open()?;
        match opened.note() {
            Some(note) => console.note(&note),
            None => log::info!("computing on {}", opened.name),
        }
        Ok(opened.device)
    }

    /// Sets the memory that opening a network may take, for the whole process.
    pub(super) fn set_memory_limit(&self) {
        if let Some(limits) = self.memory_limit {
            limits.install();
        }
    }

    /// Starts the threads of all computations; those of a window leave the processor to it when it draws.
    pub(super) fn start_threads(&self, has_window: bool) -> Result<(), anyhow::Error> {
        let threads = self.threads.map(usize::from);
        let started = match (has_window, threads) {
            (true, threads) => priority::start_pool(threads),
            (false, Some(threads)) => rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build_global(),
            (false, None) => Ok(()),
        };
        started.context("cannot start the threads")
    }
}

/// Refuses a result that would be written over one of the files it is made from.
pub(super) fn refuse_to_replace<'a>(
    result: &Path,
    sources: impl IntoIterator<Item = &'a Path>,
) -> Result<(), anyhow::Error> {
    // What is not there yet has no canonical path, and replaces nothing.
    let Ok(target) = result.canonicalize() else {
        return Ok(());
    };
    let mut sources = sources.into_iter();
    if sources.any(|source| source.canonicalize().is_ok_and(|s| s == target)) {
        return Err(anyhow!(
            "the result would replace what it is made from, choose another --out: {}",
            result.display()
        ));
    }
    Ok(())
}

/// Standard output for tables, standard error for everything said on the way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Console {
    quiet: bool,
}

impl Console {
    /// The streams as the options want them.
    pub(super) fn new(common: &Common) -> Self {
        Self {
            quiet: common.quiet,
        }
    }

    /// Says something on the way: a guess, a warning, progress.
    pub(super) fn note(self, text: &str) {
        if !self.quiet {
            to_stderr(text);
        }
    }

    /// Prints a table or JSON to standard output.
    pub(super) fn table(self, text: &str) -> Result<(), anyhow::Error> {
        let mut out = io::stdout().lock();
        match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
            // `ganoscope inspect MODEL | head` has seen what it wanted.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.context("cannot write to standard output"),
        }
    }
}

/// A line on standard error; nothing can be done when that is closed.
pub(super) fn to_stderr(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Columns of text, the first and those named in `left` aligned left, the others right.
pub(super) fn columns(rows: &[Vec<String>], left: &[usize]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| {
        let cells = rows.iter().filter_map(|row| row.get(c));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (c, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let cell = if c == 0 || left.contains(&c) {
                format!("{cell:<width$}  ")
            } else {
                format!("{cell:>width$}  ")
            };
            line.push_str(&cell);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
