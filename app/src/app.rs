//! The app: the only junction. It receives, applies commands, asks for results and lays the window out.
//!
//! Invariant: everything happens in `logic`, before painting and also while the window is hidden; `ui` only paints and
//! collects commands, because one frame may run it twice.

mod changing;
mod chrome;
mod ending;
mod exporting;
mod gathered;
mod logic;
mod looking;
mod lost;
mod measuring;
mod menus;
mod meters;
mod networks;
mod open;
mod overlays;
mod palette;
mod pane_views;
mod path_field;
mod placing;
mod reading;
mod regions;
mod saving;
mod status;
mod tabs;
mod tiles;
mod toasts;
mod tour;

use std::sync::{Arc, Weak};
use std::time::Instant;

use eframe::egui_wgpu::RenderState;
use egui::{Context, Ui};
use ganoscope_core::jobs::Scene;
use ganoscope_core::stamp::stretch::Limits;

use crate::bridge::Bridge;
use crate::command::Commands;
use crate::demo::Demo;
use crate::dialogs::FileDialogs;
use crate::display::Levels;
use crate::document::Document;
use crate::export::Card;
use crate::history::History;
use crate::notify::{Notices, TERMINAL};
use crate::results::Results;
use crate::store::Recovery;
use crate::theme;
use crate::views::ViewCx;
use crate::widgets::Textures;
use crate::workbench::Workbench;
pub use ending::Ending;
use exporting::Exporting;
use saving::Saving;

/// What an app is made of.
pub struct AppParts {
    /// The worker.
    pub bridge: Bridge,
    /// What the worker's networks run on, as the status bar says it.
    pub device: String,
    /// Who is asked for files.
    pub dialogs: Box<dyn FileDialogs>,
    /// The bundled demonstration.
    pub demo: Demo,
    /// What to begin with.
    pub document: Document,
    /// How the window is arranged.
    pub workbench: Workbench,
    /// Where the running session is kept; nowhere in a second window and in tests.
    pub recovery: Option<Recovery>,
    /// When the program started, for the time to the first picture.
    pub started: Instant,
    /// How the window ends.
    pub ending: Ending,
}

/// The whole program behind one window.
pub struct App {
    bridge: Bridge,
    device: String,
    dialogs: Box<dyn FileDialogs>,
    demo: Demo,
    document: Document,
    history: History,
    /// Whether pointer and keys already rested in the frame before.
    is_resting: bool,
    workbench: Workbench,
    results: Results,
    commands: Commands,
    textures: Textures,
    notices: Notices,
    views: pane_views::PaneViews,
    saving: Saving,
    exporting: Exporting,
    meters: meters::Meters,
    levels: LevelsCache,
    /// What the table of the regions is wished for.
    table_wish: Option<regions::TableWish>,
    watch: Option<lost::Watch>,
    /// Whether the window closes because its graphics card was lost.
    must_reopen: bool,
    ending: Ending,
    started: Instant,
    /// Time from the start to the first complete picture, seconds; nothing before.
    first_picture_secs: Option<f64>,
    /// When `logic` of the present frame began.
    frame_begun: Instant,
    /// The longest a frame took on this thread since the first picture, seconds.
    longest_frame_secs: f64,
}

/// The levels of the blend, computed when blend or limits change.
#[derive(Default)]
pub(super) struct LevelsCache {
    scene: Weak<Scene>,
    limits: Option<Limits>,
    levels: Option<Levels>,
}

impl LevelsCache {
    pub(super) fn of(&mut self, scene: Option<&Arc<Scene>>, limits: Limits) -> Levels {
        let Some(scene) = scene else {
            return Levels::UNIT;
        };
        let is_same =
            self.limits == Some(limits) && std::ptr::eq(self.scene.as_ptr(), Arc::as_ptr(scene));
        match self.levels {
            Some(levels) if is_same => levels,
            _ => {
                let levels = Levels::of(&scene.blend, limits);
                // A weak reference keeps the address from being used again.
                self.scene = Arc::downgrade(scene);
                self.limits = Some(limits);
                self.levels = Some(levels);
                levels
            }
        }
    }
}

impl App {
    /// Makes the app for a window.
    pub fn new(ctx: &Context, parts: AppParts) -> Self {
        theme::install(ctx);
        let AppParts {
            bridge,
            device,
            dialogs,
            demo,
            document,
            workbench,
            recovery,
            started,
            ending,
        } = parts;
        theme::wear(ctx, &workbench);
        bridge.attach(ctx);
        let mut app = Self {
            bridge,
            device,
            dialogs,
            demo,
            document,
            history: History::default(),
            is_resting: true,
            workbench,
            results: Results::default(),
            commands: Commands::default(),
            textures: Textures::default(),
            notices: Notices::default(),
            views: pane_views::PaneViews::default(),
            saving: Saving::new(recovery),
            exporting: Exporting::default(),
            meters: meters::Meters::default(),
            levels: LevelsCache::default(),
            table_wish: None,
            watch: None,
            must_reopen: false,
            ending,
            started,
            first_picture_secs: None,
            frame_begun: started,
            longest_frame_secs: 0.0,
        };
        app.take_name_up(ctx);
        app
    }

    /// Has pictures drawn by the graphics card that the window is drawn with, where it can.
    pub fn draw_on(&mut self, state: Option<&RenderState>, ctx: &Context) {
        match state {
            Some(state) => {
                self.meters.drawn_by(&state.adapter.get_info());
                self.textures = Textures::on(state);
                self.exporting.card = Some(Card::of(state));
                self.watch = Some(lost::Watch::over(state, ctx));
            }
            None => {
                self.meters.drawn_without_graphics();
                log::info!(target: TERMINAL, "pictures are drawn on the processor: no wgpu");
            }
        }
    }

    /// What is worked on.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// How the window is arranged.
    pub fn workbench(&self) -> &Workbench {
        &self.workbench
    }

    /// What the worker has answered.
    pub fn results(&self) -> &Results {
        &self.results
    }

    /// The undo history.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What the toasts say, oldest first.
    pub fn toasts(&self) -> Vec<String> {
        self.notices
            .toasts()
            .map(|t| t.message.text.clone())
            .collect()
    }

    /// Asks for something, as a view would.
    pub fn push(&self, command: impl Into<crate::command::Command>) {
        self.commands.push(command);
    }

    /// Who is asked for files.
    pub fn dialogs_mut(&mut self) -> &mut dyn FileDialogs {
        &mut *self.dialogs
    }

    /// Whether everything that is looked at is there (or failed) and no file is being opened or exported.
    pub fn is_complete(&self) -> bool {
        let r = &self.results;
        let is_open = self.document.series.is_some() && self.document.input.is_some();
        let pending = r.series.is_pending()
            || r.scene.is_pending()
            || r.deblend.is_pending()
            || r.unedited.is_pending()
            || r.units.is_pending()
            || r.relevance.is_pending()
            || r.regions.is_pending()
            || r.file.is_pending()
            || r.through.is_pending()
            || r.flipping.is_pending()
            || self.workbench.thumbnail.is_some();
        !pending
            && (!is_open
                || r.deblend.is_settled()
                || r.series.failure().is_some()
                || r.scene.failure().is_some())
            && r.jobs.is_empty()
            && !self.exporting.exporter.is_busy()
            && !self.textures.is_behind()
    }

    /// Time from the start to the first complete picture, seconds.
    pub fn first_picture_secs(&self) -> Option<f64> {
        self.first_picture_secs
    }

    /// Puts what was open the last time one undo away.
    pub fn remember(&mut self, last: &Document) {
        let name = "open the files asked for".to_owned();
        self.history.about_to_change(last, name, "start");
        self.history.close(&self.document);
    }

    /// The longest a frame took on the window's thread since the first picture, painting left out, seconds.
    pub fn longest_frame_secs(&self) -> f64 {
        self.longest_frame_secs
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, frame: &mut eframe::Frame) {
        self.meters.frame(frame.info().cpu_usage, ctx.time());
        self.advance(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        if self.must_reopen {
            // A card that is gone takes nothing more.
            return;
        }
        let limits = self.document.display.limits;
        let levels = self.levels.of(self.results.scene.shown(), limits);
        let cx = ViewCx {
            document: &self.document,
            workbench: &self.workbench,
            results: &self.results,
            levels,
            commands: &self.commands,
            textures: &self.textures,
        };
        let shell = chrome::Shell {
            cx: &cx,
            device: &self.device,
            meters: &self.meters,
            history: &self.history,
            notices: &self.notices,
            session_path: self.saving.path(),
            earlier: self.saving.earlier(),
            is_unsaved: self.saving.is_unsaved(&self.document),
            is_exporting: self.exporting.exporter.is_busy(),
        };
        shell.ui(ui, &mut self.views);
        if self.textures.end_frame() {
            ui.ctx().request_repaint();
        }
        // Before the first picture fonts and pipelines are made; that belongs to the start.
        if self.first_picture_secs.is_some() {
            let secs = self.frame_begun.elapsed().as_secs_f64();
            self.longest_frame_secs = self.longest_frame_secs.max(secs);
        }
    }

    fn on_exit(&mut self) {
        // A window whose graphics card was lost ends, the app does not.
        if !self.must_reopen {
            self.close();
        }
        log::info!(
            target: TERMINAL,
            "longest frame {:.1} ms",
            1e3 * self.longest_frame_secs
        );
    }
}
