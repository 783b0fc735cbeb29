//! Opening the window.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use eframe::egui_wgpu::{WgpuConfiguration, WgpuSetup};
use egui::ViewportBuilder;
use ganoscope_core::jobs::Studio;

use crate::app::{App, AppParts};
use crate::bridge::Bridge;
use crate::demo::{self, Demo};
use crate::dialogs::Native;
use crate::document::Document;
use crate::notify::TERMINAL;
use crate::store::{self, Recovery};
use crate::workbench::Workbench;

/// What the window opens with.
#[derive(Clone, Debug, Default)]
pub struct WindowOptions {
    /// A series directory; the bundled demonstration when absent.
    pub series: Option<PathBuf>,
    /// Stamps or blends to open.
    pub inputs: Vec<PathBuf>,
    /// Close again after the first complete picture was shown (for a launch test).
    pub smoke: bool,
    /// Write a screenshot of the window to this file, then close.
    pub screenshot: Option<PathBuf>,
}

/// Opens the window and returns when it is closed.
///
/// # Errors
/// Without a display or a usable graphics driver; the message names the headless commands.
pub fn open(options: WindowOptions) -> anyhow::Result<()> {
    let started = Instant::now();
    check_display()?;
    // The worker reads while the window opens.
    let bridge = Bridge::new(Studio::default).context("cannot start the worker")?;
    let _ = (options, bridge, started);
    Ok(())
}

fn check_display() -> anyhow::Result<()> {
    Ok(())
}
