//! The bar at the top of the window: menus, presets, the buttons in the corner.
//!
//! Invariant: nothing lies over something else, however narrow the window is; what has no room is left out, and the menus
//! have all of it.

use egui::{Align, Button, Layout, MenuBar, RichText, Ui};

use super::chrome::Shell;
use crate::command::{Command, UiCommand};
use crate::theme::{Tokens, size};
use crate::widgets::{Icon, icon_atom, icon_button};

/// Width of the window from which the corner has its buttons and each menu its own, points.
const CORNER_FROM: f32 = 560.0;
/// Width of the window from which there are presets, points.
const PRESETS_FROM: f32 = 940.0;

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
            Some(UiCommand::ShowDisplay),
            Some(UiCommand::ToggleTimeline),
            Some(UiCommand::ToggleTheme),
            Some(UiCommand::ToggleMotion),
        ],
    ),
    (
        "Picture",
        &[
            Some(UiCommand::CutOut),
            None,
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
            Some(UiCommand::ResetShade),
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
    /// The menus, the presets and the corner; in a narrow window what fits, the menus in one.
    pub(super) fn menu_ui(&self, ui: &mut Ui) {
        let width = ui.available_width();
        MenuBar::new().ui(ui, |ui| {
            if width >= CORNER_FROM {
                for menu in MENUS {
                    self.one_menu_ui(ui, menu);
                }
            } else {
                ui.menu_button("Menu", |ui| {
                    for menu in MENUS {
                        self.one_menu_ui(ui, menu);
                    }
                });
                return;
            }
            if width >= PRESETS_FROM {
                ui.add_space(size::GROUP_GAP);
                self.presets_ui(ui);
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                self.corner_ui(ui);
            });
        });
    }

    fn one_menu_ui(&self, ui: &mut Ui, (title, commands): Menu) {
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

    /// What was opened last, to be opened again.
    fn recent_ui(&self, ui: &mut Ui) {
        let recent = &self.cx.workbench.recent;
        ui.separator();
        let is_any = !recent.is_empty() || !self.earlier.is_empty();
        ui.add_enabled_ui(is_any, |ui| {
            ui.menu_button("Open recent", |ui| {
                for (i, path) in self.earlier.iter().enumerate() {
                    let name = match i {
                        0 => "Session before this one".to_owned(),
                        back => format!("Session {} before this one", back + 1),
                    };
                    let response = ui.button(name);
                    if response.on_hover_text(path.display().to_string()).clicked() {
                        self.cx.commands.push(Command::Open(vec![path.clone()]));
                    }
                }
                if !self.earlier.is_empty() && !recent.is_empty() {
                    ui.separator();
                }
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
