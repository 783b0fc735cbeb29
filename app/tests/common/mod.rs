//! What the window's tests share: an app over a real worker, waiting by condition, the blessed way to take snapshots.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part"
)]
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot prepare itself has failed"
)]

pub mod others;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use eframe::egui_wgpu::{RenderState, RendererOptions};
use egui_kittest::Harness;
use egui_kittest::wgpu::{WgpuTestRenderer, create_render_state, default_wgpu_setup};
use ganoscope::app::{App, AppParts, Ending};
use ganoscope::bridge::Bridge;
use ganoscope::command::{Change, KeySystem, UiCommand};
use ganoscope::demo::Demo;
use ganoscope::dialogs::Scripted;
use ganoscope::document::Document;
use ganoscope::store::Recovery;
use ganoscope::testing::{write_tiny_blend, write_tiny_series};
use ganoscope::workbench::Workbench;
use ganoscope_core::edit::{Action, Edit, EditStack, UnitSet};
use ganoscope_core::jobs::Studio;

/// A folder with a tiny series and two blends.
pub struct Files {
    /// Removed when dropped.
    pub folder: tempfile::TempDir,
    /// The series directory.
    pub series: PathBuf,
    /// The blends.
    pub blends: Vec<PathBuf>,
}

impl Files {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let series = folder.path().join("series");
        write_tiny_series(&series, &[100, 200, 300]).unwrap();
        let blends = ["first", "second"].map(|name| write_tiny_blend(folder.path(), name).unwrap());
        Self {
            series,
            blends: blends.to_vec(),
            folder,
        }
    }

    /// A document over the series and both blends.
    pub fn document(&self) -> Document {
        Document::new(Some(self.series.clone()), self.blends.clone())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// What an app begins with in a test.
#[derive(Default)]
pub struct Start {
    pub document: Document,
    pub answers: Vec<Vec<PathBuf>>,
    /// The answer of dialogs when none of them is left.
    pub usual: Vec<PathBuf>,
    pub recovery: Option<Recovery>,
    pub workbench: Workbench,
    /// The bundled demonstration.
    pub demo: Demo,
    /// While it is set, dialogs stay open.
    pub dialogs_stay: Rc<Cell<bool>>,
    /// Whether the system has no dialogs.
    pub no_dialogs: bool,
    /// Pixels of the largest picture that is shown as it is; the program's own limit when not given.
    pub most_pixels: Option<usize>,
}

/// A whole app over a real worker, without a renderer.
pub fn app(start: Start) -> Harness<'static, App> {
    let Start {
        document,
        answers,
        usual,
        recovery,
        workbench,
        demo,
        dialogs_stay,
        no_dialogs,
        most_pixels,
    } = start;
    let studio = move || {
        let studio = Studio::default();
        match most_pixels {
            Some(most) => studio.with_most_pixels(most),
            None => studio,
        }
    };
    Harness::builder()
        .with_size([1280.0, 820.0])
        .build_eframe(move |cc| {
            let mut dialogs = Scripted::new(answers);
            dialogs.usual = usual;
            dialogs.stays = dialogs_stay;
            dialogs.are_impossible = no_dialogs;
            let parts = AppParts {
                bridge: Bridge::new(studio).unwrap(),
                dialogs: Box::new(dialogs),
                recovery,
                workbench,
                demo,
                ..parts(document)
            };
            App::new(&cc.egui_ctx, parts)
        })
}

/// An app over all files of a folder, once everything looked at is there.
pub fn opened(files: &Files) -> Harness<'static, App> {
    opened_with(files, Vec::new())
}

/// The same, whose file dialogs answer with these files in turn.
pub fn opened_with(files: &Files, answers: Vec<PathBuf>) -> Harness<'static, App> {
    let mut harness = app(Start {
        document: files.document(),
        answers: answers.into_iter().map(|path| vec![path]).collect(),
        ..Start::default()
    });
    settle(&mut harness);
    harness
}

/// Makes three edits in two layers, one of them switched off, and waits for the pictures.
pub fn edited(harness: &mut Harness<'_, App>) {
    let conv = UnitSet::of_layer("root.0.act", [1, 2]);
    let mut second = Edit::new(UnitSet::of_layer("conv_in", [0]), Action::Scale { by: 0.3 });
    second.strength = 0.7;
    let mut off = second.clone();
    off.enabled = false;
    let edits = EditStack {
        edits: vec![Edit::new(conv, Action::Ablate), off, second],
    };
    harness.state().push(Change::SetEdits {
        edits,
        name: "edit".to_owned(),
    });
    settle(harness);
}

/// Presses the key of a command, whichever it is.
pub fn press_key_of(harness: &mut Harness<'_, App>, command: UiCommand) {
    let keys = command.keys(KeySystem::of(&harness.ctx))[0];
    harness.key_press_modifiers(keys.modifiers, keys.logical_key);
    harness.run_steps(2);
}

fn parts(document: Document) -> AppParts {
    AppParts {
        bridge: Bridge::new(Studio::default).unwrap(),
        device: "CPU".to_owned(),
        dialogs: Box::new(Scripted::new(Vec::new())),
        demo: Demo::default(),
        document,
        workbench: Workbench::default(),
        recovery: None,
        started: Instant::now(),
        ending: Ending::ByPerson,
    }
}

/// A window that is painted.
pub type Painted = Harness<'static, App>;

/// A whole app over a real worker, painted by the software driver.
pub fn painted_app(document: Document, size: [f32; 2]) -> Painted {
    painted_by(document, size, true)
}

/// The same, its pictures drawn by the card or by the processor.
pub fn painted_by(document: Document, size: [f32; 2], by_card: bool) -> Painted {
    let (state, _) = renderer();
    painted_with(parts(document), size, by_card, state)
}

/// The same, with the filters of textures that a window has: quicker, but not the same pixels everywhere.
///
/// Also the driver, for those who paint without reading the pixels back.
pub fn painted_as_a_window(document: Document, size: [f32; 2]) -> (Painted, RenderState) {
    let options = RendererOptions {
        dithering: false,
        ..RendererOptions::default()
    };
    let state = create_render_state(default_wgpu_setup(), options);
    // As in a window, computing gives way to painting; a pool that is there already is another's.
    let _ = ganoscope::priority::start_pool(None);
    ganoscope::priority::processor_paints();
    let bridge = Bridge::new(ganoscope::priority::behind(Studio::default)).unwrap();
    let parts = AppParts {
        bridge,
        ..parts(document)
    };
    (painted_with(parts, size, true, state.clone()), state)
}

fn painted_with(parts: AppParts, size: [f32; 2], by_card: bool, state: RenderState) -> Painted {
    let renderer = WgpuTestRenderer::from_render_state(state.clone());
    Harness::builder()
        .with_size(size)
        .with_pixels_per_point(1.0)
        .renderer(renderer)
        .build_eframe(move |cc| {
            let mut app = App::new(&cc.egui_ctx, parts);
            app.draw_on(by_card.then_some(&state), &cc.egui_ctx);
            app
        })
}

/// Steps until `is_true`, and a little on so that what changed is painted. Fails with `what` when it takes too long.
#[track_caller]
pub fn step_until(
    harness: &mut Harness<'_, App>,
    what: &str,
    is_true: impl Fn(&Harness<'_, App>) -> bool,
) {
    let patience = Duration::from_mins(1);
    let begun = Instant::now();
    loop {
        harness.step();
        if is_true(harness) {
            break;
        }
        assert!(
            begun.elapsed() < patience,
            "{what} took too long; toasts: {:?}",
            harness.state().toasts()
        );
        std::thread::yield_now();
    }
    harness.run_steps(2);
}

/// Steps until everything looked at is there.
#[track_caller]
pub fn settle(harness: &mut Harness<'_, App>) {
    // What was asked for by keys and clicks is on its way after one step.
    harness.run_steps(2);
    step_until(harness, "the picture", |h| h.state().is_complete());
}

/// Lets files go over the window.
pub fn drop_files(harness: &mut Harness<'_, App>, paths: &[&Path]) {
    for path in paths {
        let file = Dropped(path.to_path_buf());
        harness.input_mut().dropped_files.push(Arc::new(file));
    }
    harness.step();
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

/// The software driver, once for egui and once for the pictures that are drawn beside it.
pub fn renderer() -> (RenderState, WgpuTestRenderer) {
    let state = create_render_state(default_wgpu_setup(), RendererOptions::PREDICTABLE);
    (state.clone(), WgpuTestRenderer::from_render_state(state))
}

/// Whether snapshots can be taken: only a Vulkan software driver draws the same pixels everywhere.
///
/// With `GANOSCOPE_REQUIRE_RENDERER=1` its absence is a failure.
pub fn can_take_snapshots() -> bool {
    let descriptor = wgpu::InstanceDescriptor {
        backends: wgpu::Backends::VULKAN,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    };
    let instance = wgpu::Instance::new(descriptor);
    let adapters = pin!(instance.enumerate_adapters(wgpu::Backends::VULKAN));
    // Native adapters are there at once.
    let found = match adapters.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(adapters) => adapters
            .iter()
            .any(|a| a.get_info().device_type == wgpu::DeviceType::Cpu),
        Poll::Pending => false,
    };
    let is_required = std::env::var("GANOSCOPE_REQUIRE_RENDERER").is_ok_and(|v| v == "1");
    assert!(
        found || !is_required,
        "no Vulkan software driver is installed, but GANOSCOPE_REQUIRE_RENDERER asks for one"
    );
    if !found {
        eprintln!("skipped: snapshots need a Vulkan software driver (mesa-vulkan-drivers)");
    }
    found
}
