//! Everything around the views: menus, tabs, side panels, status bar, toasts, the list of keys.

use std::path::{Path, PathBuf};

use egui::{CentralPanel, Frame, Margin, Panel, Shape, Ui, Vec2};

use super::meters::Meters;
use super::pane_views::PaneViews;
use super::tiles::{inspector_of_attended, tiles_ui};
use super::tour::Places;
use crate::command::UiCommand;
use crate::history::History;
use crate::notify::Notices;
use crate::theme::{Tokens, size};
use crate::views::{ViewCx, ViewKey, library_ui, strip_ui};
use crate::workbench::RegionTool;

/// What the window's frame may see.
pub(super) struct Shell<'a> {
    pub(super) cx: &'a ViewCx<'a>,
    /// What the networks run on.
    pub(super) device: &'a str,
    pub(super) meters: &'a Meters,
    pub(super) history: &'a History,
    pub(super) notices: &'a Notices,
    pub(super) session_path: Option<&'a Path>,
    pub(super) is_unsaved: bool,
    /// Sessions that this one took the place of, the latest first.
    pub(super) earlier: &'a [PathBuf],
    /// Whether an export is being written.
    pub(super) is_exporting: bool,
}

/// Which sides a window has room for beside the pictures; open or closed, they come back in a larger one.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each panel has room or has none"
)]
struct Room {
    inspector: bool,
    library: bool,
    strip: bool,
    status: bool,
}

impl Room {
    fn of(window: Vec2) -> Self {
        Self {
            inspector: window.x >= 744.0,
            library: window.x >= 932.0,
            strip: window.y >= 540.0,
            status: window.y >= 300.0,
        }
    }
}

impl Shell<'_> {
    /// Lays the window out.
    pub(super) fn ui(&self, ui: &mut Ui, views: &mut PaneViews) {
        let tokens = Tokens::of(ui);
        let bench = self.cx.workbench;
        // One draw call for all panels: filled one by one they would take most of a frame where the processor draws.
        let screen = ui.ctx().content_rect();
        let ground = ui.painter().add(Shape::Noop);
        let bar = Frame::new().inner_margin(Margin::symmetric(size::MARGIN, 4));
        let side = Frame::new().inner_margin(Margin::same(size::MARGIN));
        Panel::top("menu")
            .frame(bar)
            .show(ui, |ui| self.menu_ui(ui));
        let room = Room::of(screen.size());
        if room.status {
            Panel::bottom("status")
                .frame(bar)
                .show(ui, |ui| self.status_ui(ui));
        }
        // One checkpoint is nothing to scrub.
        let series = self.cx.results.series.shown();
        let has_steps = series.is_none_or(|series| series.checkpoints.len() > 1);
        let has_strip =
            room.strip && has_steps && bench.timeline_open && !bench.shows(ViewKey::Timeline);
        let timeline = has_strip.then(|| {
            let panel = Panel::bottom("timeline")
                .resizable(true)
                .default_size(128.0)
                .size_range(40.0..=320.0)
                .frame(side);
            panel.show(ui, |ui| strip_ui(self.cx, ui)).response.rect
        });
        if bench.library_open && room.library {
            Panel::left("library")
                .resizable(true)
                .default_size(188.0)
                .size_range(130.0..=340.0)
                .frame(side)
                .show(ui, |ui| library_ui(self.cx, ui));
        }
        let inspector = (bench.inspector_open && room.inspector).then(|| {
            let panel = Panel::right("inspector")
                .resizable(true)
                .default_size(264.0)
                .size_range(200.0..=420.0)
                .frame(side);
            panel
                .show(ui, |ui| inspector_of_attended(self.cx, views, ui))
                .response
                .rect
        });
        let centre = CentralPanel::default()
            .frame(Frame::new())
            .show(ui, |ui| tiles_ui(self.cx, views, ui));
        let fills = [(screen, tokens.side), (centre.response.rect, tokens.ground)];
        let fills = self.cx.textures.ground(screen, &fills);
        ui.painter().set(ground, fills);
        let places = Places {
            views: centre.response.rect,
            timeline,
            inspector,
        };
        self.toasts_ui(ui, places.views);
        self.help_ui(ui);
        self.palette_ui(ui);
        self.path_field_ui(ui);
        self.history_ui(ui);
        self.export_ui(ui, views);
        self.tour_ui(ui, places);
        self.networks_ui(ui);
        self.drop_hint_ui(ui);
    }

    /// Undo and redo say what they would undo.
    pub(super) fn text_of(&self, command: UiCommand) -> String {
        let named = |name: Option<&str>| {
            name.map_or_else(
                || command.text().to_owned(),
                |n| format!("{} {n}", command.text()),
            )
        };
        match command {
            UiCommand::Undo => named(self.history.undo_name()),
            UiCommand::Redo => named(self.history.redo_name()),
            _ => command.text().to_owned(),
        }
    }

    pub(super) fn is_possible(&self, command: UiCommand) -> bool {
        let document = self.cx.document;
        match command {
            UiCommand::Undo => self.history.undo_name().is_some(),
            UiCommand::Redo => self.history.redo_name().is_some(),
            UiCommand::AblateSelection | UiCommand::ResetSelection => !document.units.is_empty(),
            UiCommand::SelectNone => {
                !document.units.is_empty() || !self.cx.workbench.regions.is_idle()
            }
            UiCommand::NudgeLeft
            | UiCommand::NudgeRight
            | UiCommand::NudgeUp
            | UiCommand::NudgeDown
            | UiCommand::ExcludeRegion
            | UiCommand::DeleteRegion => self.cx.selected_region().is_some(),
            UiCommand::NextRegion
            | UiCommand::ClearRegions
            | UiCommand::SaveRegions
            | UiCommand::SaveRegionTable
            | UiCommand::CopyRegionTable => !document.regions.is_empty(),
            UiCommand::FinishRegion => self.cx.workbench.regions.tool != RegionTool::Select,
            UiCommand::ClearEdits | UiCommand::SaveRecipe => !document.edits.edits.is_empty(),
            UiCommand::MeasureCheckpoints => self.cx.results.timeline.job.is_none(),
            UiCommand::ResetShade => document.display.is_shaded(),
            UiCommand::KeepPicture => self.cx.results.deblend.ready().is_some(),
            UiCommand::ForgetKept => !self.cx.results.kept.is_empty(),
            UiCommand::ExchangeCompared => !self.cx.workbench.comparing().is_empty(),
            _ => true,
        }
    }
}
