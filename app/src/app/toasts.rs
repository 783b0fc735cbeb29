//! Messages that go away by themselves, in the corner.

use egui::{Align, Align2, Frame, Layout, Margin, Rect, RichText, ScrollArea, TextStyle, Ui, vec2};
use log::Level;

use super::chrome::Shell;
use crate::command::Command;
use crate::notify::Toast;
use crate::theme::{Tokens, size};
use crate::widgets::{Icon, icon_button};

/// Distance of the toasts to the edges of the views, points.
const APART: f32 = 10.0;
/// Height of the list in a toast that sums up several messages, points.
const LIST_HEIGHT: f32 = 96.0;

impl Shell<'_> {
    /// The toasts, in the corner of `views`: timeline and inspector stay free.
    pub(super) fn toasts_ui(&self, ui: &mut Ui, views: Rect) {
        let mut toasts: Vec<&Toast> = self.notices.toasts().collect();
        if toasts.is_empty() {
            return;
        }
        // Errors are nearest to the corner, where they are seen even when there is no room for all.
        toasts.sort_by_key(|toast| std::cmp::Reverse(toast.message.level));
        let width = size::TOAST_WIDTH.min(views.width() - 2.0 * APART);
        egui::Area::new(egui::Id::unique("toasts"))
            .pivot(Align2::RIGHT_BOTTOM)
            .fixed_pos(views.right_bottom() - vec2(APART, APART))
            .order(egui::Order::Foreground)
            .show(ui.ctx(), |ui| {
                ui.set_width(width.max(0.0));
                ScrollArea::vertical()
                    .max_height((views.height() - 2.0 * APART).max(0.0))
                    .stick_to_bottom(true)
                    .show(ui, |ui| {
                        for toast in toasts {
                            self.toast_ui(ui, toast);
                        }
                    });
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
                        details_ui(ui, toast);
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

/// What a message sums up, in a list of its own that scrolls.
fn details_ui(ui: &mut Ui, toast: &Toast) {
    if toast.message.details.is_empty() {
        return;
    }
    ScrollArea::vertical()
        .id_salt(("details", toast.id))
        .max_height(LIST_HEIGHT)
        .show(ui, |ui| {
            for text in &toast.message.details {
                let text = RichText::new(text).text_style(TextStyle::Small);
                ui.label(text.color(Tokens::of(ui).weak));
            }
        });
}
