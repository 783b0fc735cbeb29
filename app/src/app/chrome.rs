//! Everything around the views: menus, tabs, side panels, status bar, toasts, the list of keys.

use std::path::Path;

use egui::{
    Align, Align2, Button, CentralPanel, Frame, Layout, Margin, MenuBar, Panel, RichText,
    TextStyle, Ui, vec2,
};
use log::Level;

use crate::command::{Command, UiCommand};
use crate::history::History;
use crate::notify::{Notices, Toast};
use crate::theme::{Tokens, size};
use crate::views::{VIEWS, View, ViewCx, ViewKey, inspector_ui, library_ui, strip_ui};
use crate::widgets::{Icon, icon_button, value_text};

/// What the window's frame may see.
pub(super) struct Shell<'a> {
    pub(super) cx: &'a ViewCx<'a>,
    /// What the networks run on.
    pub(super) device: &'a str,
    pub(super) history: &'a History,
    pub(super) notices: &'a Notices,
    pub(super) session_path: Option<&'a Path>,
    pub(super) is_unsaved: bool,
}

/// A menu: its title and its commands; `None` is a line between groups.
type Menu = (&'static str, &'static [Option<UiCommand>]);

const MENUS: [Menu; 5] = [
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
            None,
            Some(UiCommand::Blink),
            Some(UiCommand::ResetZoom),
            None,
            Some(UiCommand::ToggleLibrary),
            Some(UiCommand::ToggleInspector),
            Some(UiCommand::ToggleTimeline),
            Some(UiCommand::ToggleTheme),
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
            Some(UiCommand::MeasureCheckpoints),
            Some(UiCommand::MeasureUnits),
            Some(UiCommand::Reload),
        ],
    ),
    ("Help", &[Some(UiCommand::Help)]),
];

impl Shell<'_> {
    /// Lays the window out.
    pub(super) fn ui(&self, ui: &mut Ui, views: &mut [Box<dyn View>]) {
        let tokens = Tokens::of(ui);
        let bench = self.cx.workbench;
        let bar = |fill| {
            Frame::new()
                .fill(fill)
                .inner_margin(Margin::symmetric(size::MARGIN, 4))
        };
        let side = Frame::new()
            .fill(tokens.side)
            .inner_margin(Margin::same(size::MARGIN));
        Panel::top("menu")
            .frame(bar(tokens.side))
            .show(ui, |ui| self.menu_ui(ui));
        Panel::bottom("status")
            .frame(bar(tokens.side))
            .show(ui, |ui| self.status_ui(ui));
        let has_strip = bench.timeline_open && bench.view != ViewKey::Timeline;
        if has_strip {
            Panel::bottom("timeline")
                .resizable(true)
                .default_size(128.0)
                .size_range(40.0..=320.0)
                .frame(side)
                .show(ui, |ui| strip_ui(self.cx, ui));
        }
        if bench.library_open {
            Panel::left("library")
                .resizable(true)
                .default_size(188.0)
                .size_range(130.0..=340.0)
                .frame(side)
                .show(ui, |ui| library_ui(self.cx, ui));
        }
        if bench.inspector_open {
            Panel::right("inspector")
                .resizable(true)
                .default_size(264.0)
                .size_range(200.0..=420.0)
                .frame(side)
                .show(ui, |ui| inspector_ui(self.cx, ui));
        }
        let ground = Frame::new()
            .fill(tokens.ground)
            .inner_margin(Margin::same(size::MARGIN));
        CentralPanel::default().frame(ground).show(ui, |ui| {
            if let Some(view) = views.iter_mut().find(|view| view.key() == bench.view) {
                view.ui(self.cx, ui);
            }
        });
        self.toasts_ui(ui);
        self.help_ui(ui);
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
                });
            }
            ui.add_space(size::GROUP_GAP);
            for key in VIEWS {
                self.tab_ui(ui, key);
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                self.corner_ui(ui);
            });
        });
    }

    fn menu_row(&self, ui: &mut Ui, command: UiCommand) {
        let text = self.text_of(command);
        let is_possible = self.is_possible(command);
        let button = Button::new(text).shortcut_text(command.keys_text(ui.ctx()));
        let response = ui.add_enabled(is_possible, button);
        if response.on_hover_text(command.tooltip()).clicked() {
            self.cx.commands.push(command);
        }
    }

    /// Undo and redo say what they would undo.
    fn text_of(&self, command: UiCommand) -> String {
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

    fn is_possible(&self, command: UiCommand) -> bool {
        let document = self.cx.document;
        match command {
            UiCommand::Undo => self.history.undo_name().is_some(),
            UiCommand::Redo => self.history.redo_name().is_some(),
            UiCommand::AblateSelection | UiCommand::ResetSelection | UiCommand::SelectNone => {
                !document.units.is_empty()
            }
            UiCommand::ClearEdits | UiCommand::SaveRecipe => !document.edits.edits.is_empty(),
            UiCommand::MeasureCheckpoints => self.cx.results.timeline.job.is_none(),
            _ => true,
        }
    }

    fn tab_ui(&self, ui: &mut Ui, key: ViewKey) {
        let is_shown = self.cx.workbench.view == key;
        let command = key.command();
        let response = ui.add(Button::selectable(is_shown, key.title()));
        let keys = command.keys_text(ui.ctx());
        let tooltip = format!("{} ({keys})", command.tooltip());
        if response.on_hover_text(tooltip).clicked() {
            self.cx.commands.push(Command::Show(key));
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

    /// Readout on the left, running studies on the right.
    fn status_ui(&self, ui: &mut Ui) {
        let tokens = Tokens::of(ui);
        ui.horizontal(|ui| {
            ui.set_min_height(20.0);
            let text = self.readout().unwrap_or_else(|| self.state_text());
            ui.label(
                RichText::new(text)
                    .text_style(TextStyle::Monospace)
                    .color(tokens.weak),
            );
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                for job in self.cx.results.jobs.iter().rev() {
                    let name = format!("Cancel {}", job.title.to_lowercase());
                    if icon_button(ui, Icon::Cross, &name, false)
                        .on_hover_text("Cancel")
                        .clicked()
                    {
                        self.cx.commands.push(Command::Cancel(job.id));
                    }
                    let progress = job.progress.as_ref();
                    let fraction = progress.map_or(0.0, ganoscope_core::jobs::Progress::fraction);
                    let left = job
                        .time_left_secs
                        .map(|s| format!(", {} left", duration_text(s)))
                        .unwrap_or_default();
                    let text = progress.map_or_else(
                        || "waiting".to_owned(),
                        |p| format!("{} of {}{left}", p.done, p.total),
                    );
                    let bar = egui::ProgressBar::new(fraction)
                        .desired_width(170.0)
                        .desired_height(14.0)
                        .text(RichText::new(text).text_style(TextStyle::Small));
                    ui.add(bar);
                    ui.label(RichText::new(job.title).color(tokens.weak));
                }
            });
        });
    }

    /// The pixel under the pointer in blend and outputs.
    fn readout(&self) -> Option<String> {
        let [x, y] = self.cx.workbench.cursor?;
        let scene = self.cx.results.scene.shown()?;
        let mut text = format!(
            "x {x:>3}  y {y:>3}   blend {}",
            value_text(&scene.blend, [x, y])
        );
        if let Some(preview) = self.cx.results.deblend.shown() {
            for (i, output) in preview.outputs.iter().enumerate() {
                text += &format!("   galaxy {} {}", i + 1, value_text(output, [x, y]));
            }
        }
        Some(text)
    }

    fn state_text(&self) -> String {
        let display = &self.cx.document.display;
        let mut text = format!(
            "{} stretch, {}",
            display.stretch.name(),
            self.cx.levels.text()
        );
        if let Some(secs) = self
            .cx
            .results
            .took_secs
            .get(&ganoscope_core::jobs::Slot::Deblend)
        {
            // The whole preview, measurements and files included.
            text += &format!("   last preview {:.0} ms on {}", 1e3 * secs, self.device);
        }
        text
    }

    fn toasts_ui(&self, ui: &mut Ui) {
        let toasts: Vec<&Toast> = self.notices.toasts().collect();
        if toasts.is_empty() {
            return;
        }
        egui::Area::new(egui::Id::unique("toasts"))
            .anchor(Align2::RIGHT_BOTTOM, vec2(-14.0, -44.0))
            .order(egui::Order::Foreground)
            .show(ui.ctx(), |ui| {
                ui.set_width(size::TOAST_WIDTH);
                for toast in toasts {
                    self.toast_ui(ui, toast);
                }
            });
    }

    fn toast_ui(&self, ui: &mut Ui, toast: &Toast) {
        let tokens = Tokens::of(ui);
        let color = match toast.message.level {
            Level::Error => tokens.error,
            Level::Warn => tokens.warning,
            _ => tokens.good,
        };
        Frame::window(ui.style())
            .inner_margin(Margin::same(8))
            .show(ui, |ui| {
                ui.horizontal_top(|ui| {
                    let (mark, _) = ui.allocate_exact_size(vec2(4.0, 20.0), egui::Sense::hover());
                    ui.painter().rect_filled(mark, 2.0, color);
                    let times = if toast.count > 1 {
                        format!(" ({} times)", toast.count)
                    } else {
                        String::new()
                    };
                    // The text wraps in a column of its own and leaves the cross its place.
                    let column = vec2(ui.available_width() - 34.0, 0.0);
                    ui.allocate_ui_with_layout(column, Layout::top_down(Align::Min), |ui| {
                        ui.set_width(column.x);
                        ui.label(format!("{}{times}", toast.message.text));
                    });
                    ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
                        if icon_button(ui, Icon::Cross, "Dismiss", false).clicked() {
                            self.cx.commands.push(Command::Dismiss(toast.id));
                        }
                    });
                });
            });
    }
}

/// `8 s`, `3 min`.
fn duration_text(secs: f64) -> String {
    if secs < 100.0 {
        format!("{secs:.0} s")
    } else {
        format!("{:.0} min", secs / 60.0)
    }
}
