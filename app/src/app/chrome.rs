//! Everything around the views: menus, tabs, side panels, status bar, toasts, the list of keys.

use std::path::Path;

use egui::{
    Align, Button, CentralPanel, Frame, Layout, Margin, MenuBar, Panel, RichText, Shape, Ui,
};

use super::meters::Meters;
use super::tiles::{PaneViews, inspector_of_attended, tiles_ui};
use super::tour::Places;
use crate::command::{Command, UiCommand};
use crate::history::History;
use crate::notify::Notices;
use crate::theme::{Tokens, size};
use crate::views::{ViewCx, ViewKey, library_ui, strip_ui};
use crate::widgets::{Icon, icon_atom, icon_button};
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
    /// Whether an export is being written.
    pub(super) is_exporting: bool,
}

/// A menu: its title and its commands; `None` is a line between groups.
type Menu = (&'static str, &'static [Option<UiCommand>]);

const MENUS: [Menu; 7] = [
    (
        "File",
        &[
            Some(UiCommand::OpenFiles),
            Some(UiCommand::OpenSeries),
            Some(UiCommand::OpenDemo),
            None,
            Some(UiCommand::Save),
            Some(UiCommand::SaveAs),
            Some(UiCommand::SaveRecipe),
            None,
            Some(UiCommand::Export),
            Some(UiCommand::CopyAsCommand),
            None,
            Some(UiCommand::Quit),
        ],
    ),
    (
        "Edit",
        &[
            Some(UiCommand::Undo),
            Some(UiCommand::Redo),
            None,
            Some(UiCommand::SelectAll),
            Some(UiCommand::SelectNone),
            Some(UiCommand::AblateSelection),
            Some(UiCommand::ResetSelection),
            Some(UiCommand::ClearEdits),
            None,
            Some(UiCommand::ToggleHistory),
        ],
    ),
    (
        "View",
        &[
            Some(UiCommand::ShowDeblend),
            Some(UiCommand::ShowLayers),
            Some(UiCommand::ShowUnits),
            Some(UiCommand::ShowRelevance),
            Some(UiCommand::ShowTimeline),
            Some(UiCommand::ShowCompare),
            Some(UiCommand::ShowRegions),
            Some(UiCommand::ShowHeader),
            None,
            Some(UiCommand::PresetInspect),
            Some(UiCommand::PresetCompare),
            Some(UiCommand::PresetRepair),
            Some(UiCommand::PresetExplore),
            Some(UiCommand::PresetTrain),
            None,
            Some(UiCommand::NextPane),
            Some(UiCommand::DuplicatePane),
            Some(UiCommand::ClosePane),
            Some(UiCommand::ToggleLink),
            Some(UiCommand::ToggleScale),
            None,
            Some(UiCommand::ToggleLibrary),
            Some(UiCommand::ToggleInspector),
            Some(UiCommand::ToggleTimeline),
            Some(UiCommand::ToggleTheme),
            Some(UiCommand::ToggleMotion),
        ],
    ),
    (
        "Picture",
        &[
            Some(UiCommand::KeepPicture),
            Some(UiCommand::ForgetKept),
            None,
            Some(UiCommand::Blink),
            Some(UiCommand::BlinkBack),
            Some(UiCommand::BlinkTruths),
            None,
            Some(UiCommand::CompareSideBySide),
            Some(UiCommand::CompareSwipe),
            Some(UiCommand::CompareDifference),
            Some(UiCommand::ExchangeCompared),
            None,
            Some(UiCommand::ToggleContours),
            None,
            Some(UiCommand::ResetZoom),
            Some(UiCommand::ZoomIn),
            Some(UiCommand::ZoomOut),
            Some(UiCommand::ZoomOne),
            Some(UiCommand::ZoomTwo),
            Some(UiCommand::ZoomFour),
            Some(UiCommand::ZoomEight),
        ],
    ),
    (
        "Regions",
        &[
            Some(UiCommand::ToolSelect),
            Some(UiCommand::ToolCircle),
            Some(UiCommand::ToolEllipse),
            Some(UiCommand::ToolBox),
            Some(UiCommand::ToolPolygon),
            Some(UiCommand::ToolFreehand),
            Some(UiCommand::FinishRegion),
            None,
            Some(UiCommand::NextRegion),
            Some(UiCommand::NudgeLeft),
            Some(UiCommand::NudgeRight),
            Some(UiCommand::NudgeUp),
            Some(UiCommand::NudgeDown),
            Some(UiCommand::ExcludeRegion),
            Some(UiCommand::DeleteRegion),
            Some(UiCommand::ClearRegions),
            None,
            Some(UiCommand::OpenRegions),
            Some(UiCommand::SaveRegions),
            Some(UiCommand::SaveRegionTable),
            Some(UiCommand::CopyRegionTable),
        ],
    ),
    (
        "Study",
        &[
            Some(UiCommand::PreviousStep),
            Some(UiCommand::NextStep),
            Some(UiCommand::PreviousInput),
            Some(UiCommand::NextInput),
            None,
            Some(UiCommand::PreviousSeed),
            Some(UiCommand::NextSeed),
            Some(UiCommand::RandomSeed),
            None,
            Some(UiCommand::AboutNetwork),
            Some(UiCommand::Describe),
            None,
            Some(UiCommand::MeasureCheckpoints),
            Some(UiCommand::MeasureUnits),
            Some(UiCommand::Reload),
        ],
    ),
    (
        "Help",
        &[
            Some(UiCommand::Palette),
            Some(UiCommand::Help),
            Some(UiCommand::Tour),
        ],
    ),
];

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
        Panel::bottom("status")
            .frame(bar)
            .show(ui, |ui| self.status_ui(ui));
        let has_strip = bench.timeline_open && !bench.shows(ViewKey::Timeline);
        let timeline = has_strip.then(|| {
            let panel = Panel::bottom("timeline")
                .resizable(true)
                .default_size(128.0)
                .size_range(40.0..=320.0)
                .frame(side);
            panel.show(ui, |ui| strip_ui(self.cx, ui)).response.rect
        });
        if bench.library_open {
            Panel::left("library")
                .resizable(true)
                .default_size(188.0)
                .size_range(130.0..=340.0)
                .frame(side)
                .show(ui, |ui| library_ui(self.cx, ui));
        }
        let inspector = bench.inspector_open.then(|| {
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
        self.toasts_ui(ui);
        self.help_ui(ui);
        self.palette_ui(ui);
        self.history_ui(ui);
        self.export_ui(ui, views);
        self.tour_ui(ui, places);
        self.networks_ui(ui);
        self.drop_hint_ui(ui);
    }

    fn menu_ui(&self, ui: &mut Ui) {
        MenuBar::new().ui(ui, |ui| {
            for (title, commands) in MENUS {
                ui.menu_button(title, |ui| {
                    for command in commands {
                        match command {
                            Some(command) => self.menu_row(ui, *command),
                            None => {
                                ui.separator();
                            }
                        }
                    }
                    if title == "File" {
                        self.recent_ui(ui);
                    }
                });
            }
            ui.add_space(size::GROUP_GAP);
            self.presets_ui(ui);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                self.corner_ui(ui);
            });
        });
    }

    /// What was opened last, to be opened again.
    fn recent_ui(&self, ui: &mut Ui) {
        let recent = &self.cx.workbench.recent;
        ui.separator();
        ui.add_enabled_ui(!recent.is_empty(), |ui| {
            ui.menu_button("Open recent", |ui| {
                for path in recent {
                    let name = path.file_name().unwrap_or(path.as_os_str()).display();
                    let response = ui.button(name.to_string());
                    if response.on_hover_text(path.display().to_string()).clicked() {
                        self.cx.commands.push(Command::Open(vec![path.clone()]));
                    }
                }
            });
        });
    }

    fn menu_row(&self, ui: &mut Ui, command: UiCommand) {
        let text = self.text_of(command);
        let is_possible = self.is_possible(command);
        let content = (icon_atom(command.icon()), text);
        let button = Button::new(content).shortcut_text(command.keys_text(ui.ctx()));
        let response = ui.add_enabled(is_possible, button);
        if response.on_hover_text(command.tooltip()).clicked() {
            self.cx.commands.push(command);
        }
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
            UiCommand::KeepPicture => self.cx.results.deblend.ready().is_some(),
            UiCommand::ForgetKept => !self.cx.results.kept.is_empty(),
            UiCommand::ExchangeCompared => !self.cx.workbench.comparing().is_empty(),
            _ => true,
        }
    }

    /// Presets of the workbench, in the middle of the menu bar.
    fn presets_ui(&self, ui: &mut Ui) {
        for (name, command) in [
            ("Inspect", UiCommand::PresetInspect),
            ("Compare", UiCommand::PresetCompare),
            ("Repair", UiCommand::PresetRepair),
            ("Explore", UiCommand::PresetExplore),
            ("Train", UiCommand::PresetTrain),
        ] {
            let keys = command.keys_text(ui.ctx());
            let tooltip = format!("{} ({keys})", command.tooltip());
            if ui.button(name).on_hover_text(tooltip).clicked() {
                self.cx.commands.push(command);
            }
        }
    }

    /// Buttons in the right corner, from the right.
    fn corner_ui(&self, ui: &mut Ui) {
        let bench = self.cx.workbench;
        ui.spacing_mut().item_spacing.x = 2.0;
        for (icon, command, is_on) in [
            (Icon::Help, UiCommand::Help, bench.help_open),
            (Icon::Theme, UiCommand::ToggleTheme, false),
            (
                Icon::RightSide,
                UiCommand::ToggleInspector,
                bench.inspector_open,
            ),
            (Icon::Bottom, UiCommand::ToggleTimeline, bench.timeline_open),
            (Icon::LeftSide, UiCommand::ToggleLibrary, bench.library_open),
        ] {
            self.icon_ui(ui, icon, command, is_on);
        }
        ui.add_space(size::GAP);
        self.icon_ui(ui, Icon::Redo, UiCommand::Redo, false);
        self.icon_ui(ui, Icon::Undo, UiCommand::Undo, false);
        if let Some(path) = self.session_path {
            let mark = if self.is_unsaved { " *" } else { "" };
            let name = path.file_name().unwrap_or_default().display();
            let text = RichText::new(format!("{name}{mark}")).color(Tokens::of(ui).weak);
            ui.label(text).on_hover_text(path.display().to_string());
        }
    }

    fn icon_ui(&self, ui: &mut Ui, icon: Icon, command: UiCommand, is_on: bool) {
        let is_possible = self.is_possible(command);
        let name = self.text_of(command);
        let tooltip = format!("{name} ({})", command.keys_text(ui.ctx()));
        let response = ui
            .add_enabled_ui(is_possible, |ui| {
                icon_button(ui, icon, command.text(), is_on)
            })
            .inner;
        if response.on_hover_text(tooltip).clicked() {
            self.cx.commands.push(command);
        }
    }
}
