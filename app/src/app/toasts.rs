//! Messages that go away by themselves, in the corner.

use egui::{Align, Align2, Frame, Layout, Margin, Ui, vec2};
use log::Level;

use super::chrome::Shell;
use crate::command::Command;
use crate::notify::Toast;
use crate::theme::{Tokens, size};
use crate::widgets::{Icon, icon_button};

impl Shell<'_> {
    pub(super) fn toasts_ui(&self, ui: &mut Ui) {
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
