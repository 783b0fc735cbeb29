//! What lies over the window for a moment: the help, and the hint where files can be dropped.

use egui::{Align2, RichText, ScrollArea, TextStyle, Ui};

use super::chrome::Shell;
use super::pane_views::PaneViews;
use crate::command::{Command, KeySystem, UiCommand};
use crate::theme::{Tokens, size};
use crate::views::{EXPORT_WIDTH, SHEET_WIDTH, ViewCx, description_ui, export_ui, network_ui};
use crate::workbench::Workbench;

impl Shell<'_> {
    /// The list of all commands and keys, and what the view in the middle is for.
    pub(super) fn help_ui(&self, ui: &mut Ui) {
        if !self.cx.workbench.help_open {
            return;
        }
        let modal = egui::Modal::new(egui::Id::unique("keys")).show(ui.ctx(), |ui| {
            ui.set_width((ui.ctx().content_rect().width() - 80.0).min(780.0));
            let view = self.cx.workbench.view;
            ui.heading(view.title());
            ui.label(view.help());
            ui.add_space(size::GROUP_GAP);
            ui.heading("Keys");
            let height = (ui.ctx().content_rect().height() - 260.0).max(120.0);
            ScrollArea::vertical().max_height(height).show(ui, |ui| {
                egui::Grid::new("keys")
                    .num_columns(3)
                    .spacing([18.0, 4.0])
                    .show(ui, |ui| {
                        for command in UiCommand::ALL {
                            let keys: Vec<String> = command
                                .keys(KeySystem::of(ui.ctx()))
                                .iter()
                                .map(|keys| ui.ctx().format_shortcut(keys))
                                .collect();
                            if keys.is_empty() {
                                continue;
                            }
                            let tokens = Tokens::of(ui);
                            ui.label(
                                RichText::new(keys.join(", "))
                                    .monospace()
                                    .color(tokens.accent),
                            );
                            ui.label(command.text());
                            ui.label(RichText::new(command.tooltip()).color(tokens.weak));
                            ui.end_row();
                        }
                    });
            });
            ui.add_space(size::GAP);
            if ui.button("Close").clicked() {
                ui.close();
            }
        });
        if modal.should_close() {
            self.cx.commands.push(UiCommand::Help);
        }
    }

    /// The export window, for the pane that it was opened for.
    pub(super) fn export_ui(&self, ui: &mut Ui, views: &PaneViews) {
        let bench = self.cx.workbench;
        let Some(pane) = bench.export_of else {
            return;
        };
        let Some(view) = bench.layout.pane(pane).map(|pane| pane.view) else {
            return self.cx.commands.push(UiCommand::Export);
        };
        let title = format!("Export {}", view.title());
        let workbench = Workbench {
            view,
            attention: pane,
            comparison: bench.comparison_of(pane).clone(),
            ..bench.clone()
        };
        let cx = ViewCx {
            workbench: &workbench,
            ..*self.cx
        };
        let mut is_open = true;
        egui::Window::new(title)
            .id(egui::Id::unique("export"))
            .open(&mut is_open)
            .collapsible(false)
            .resizable(false)
            .default_pos(ui.ctx().content_rect().center() - egui::vec2(EXPORT_WIDTH / 2.0, 140.0))
            .show(ui.ctx(), |ui| {
                let subject = views.subject(pane);
                let size = views.size(pane);
                export_ui(&cx, &subject, size, self.is_exporting, ui);
            });
        if !is_open {
            self.cx.commands.push(UiCommand::Export);
        }
    }

    /// What is known of the networks, and the description that is being corrected.
    pub(super) fn networks_ui(&self, ui: &mut Ui) {
        let centre = ui.ctx().content_rect().center();
        let place = centre - egui::vec2(SHEET_WIDTH / 2.0, 260.0);
        if self.cx.workbench.network_open {
            let mut is_open = true;
            egui::Window::new(UiCommand::AboutNetwork.text())
                .id(egui::Id::unique("about the network"))
                .open(&mut is_open)
                .collapsible(false)
                .resizable(false)
                .default_pos(place)
                .show(ui.ctx(), |ui| network_ui(self.cx, ui));
            if !is_open {
                self.cx.commands.push(UiCommand::AboutNetwork);
            }
        }
        let Some(sheet) = &self.cx.workbench.sheet else {
            return;
        };
        let mut is_open = true;
        let name = sheet.draft.weights.file_name().unwrap_or_default();
        egui::Window::new(format!("Describe {}", name.display()))
            .id(egui::Id::unique("description"))
            .open(&mut is_open)
            .collapsible(false)
            .resizable(false)
            .default_pos(place)
            .show(ui.ctx(), |ui| description_ui(self.cx, ui, sheet));
        if !is_open {
            self.cx.commands.push(Command::CloseDescription);
        }
    }

    /// Files held over the window: says that they can be let go here.
    pub(super) fn drop_hint_ui(&self, ui: &mut Ui) {
        if ui.input(|i| i.raw.hovered_files.is_empty()) {
            return;
        }
        let tokens = Tokens::of(ui);
        let rect = ui.ctx().content_rect();
        let layer = egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop"));
        let painter = ui.ctx().layer_painter(layer);
        painter.rect_filled(rect, 0.0, tokens.ground.gamma_multiply(0.85));
        painter.text(
            rect.center(),
            Align2::CENTER_CENTER,
            "Drop pictures, networks, a series folder, regions, a session or a recipe",
            TextStyle::Heading.resolve(ui.style()),
            tokens.strong,
        );
    }
}
