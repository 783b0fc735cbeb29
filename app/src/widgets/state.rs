//! What is drawn where there is no picture: nothing yet, being computed, could not be computed.

use egui::{
    Align, Layout, Rect, Response, RichText, Role, Sense, Spinner, TextStyle, Ui, UiBuilder,
    WidgetInfo, vec2,
};
use ganoscope_core::jobs::Failure;

use super::icon::{Icon, paint_icon};
use crate::notify::sentence;
use crate::theme::{Tokens, is_still};

/// The widest a line of explanation gets, points.
const TEXT_WIDTH: f32 = 420.0;

/// Draws `content` in the middle of the space left.
fn centred(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    let rect = ui.available_rect_before_wrap();
    let width = rect.width().min(TEXT_WIDTH);
    // A third from the top: the optical middle.
    let top = rect.top() + (rect.height() * 0.3).max(8.0);
    let inner = Rect::from_min_max(
        egui::pos2(rect.center().x - width / 2.0, top.min(rect.bottom())),
        egui::pos2(rect.center().x + width / 2.0, rect.bottom()),
    );
    ui.scope_builder(
        UiBuilder::new()
            .max_rect(inner)
            .layout(Layout::top_down(Align::Center)),
        content,
    );
    ui.advance_cursor_after_rect(rect);
}

/// Nothing yet: says what would be here and how to get it; `actions` draws buttons.
pub fn empty_ui(ui: &mut Ui, headline: &str, hint: &str, actions: impl FnOnce(&mut Ui)) {
    centred(ui, |ui| {
        ui.label(RichText::new(headline).heading());
        ui.label(RichText::new(hint).color(Tokens::of(ui).weak));
        ui.add_space(6.0);
        actions(ui);
    });
}

/// Being computed for the first time.
pub fn loading_ui(ui: &mut Ui, what: &str) {
    centred(ui, |ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(22.0, 22.0), Sense::hover());
        working(ui, rect, what);
        ui.label(RichText::new(what).color(Tokens::of(ui).weak));
    });
}

/// Being computed again: a small sign over the old picture.
pub fn loading_over(ui: &mut Ui, rect: Rect, what: &str) {
    let corner = Rect::from_min_size(rect.right_top() + vec2(-22.0, 6.0), vec2(16.0, 16.0));
    working(ui, corner, what);
}

/// The sign that something is being computed: it turns, or is three dots where nothing may move by itself.
fn working(ui: &mut Ui, rect: Rect, what: &str) {
    let color = Tokens::of(ui).accent;
    let response = if is_still(ui) {
        for share in [0.15, 0.5, 0.85] {
            let dot = egui::pos2(egui::lerp(rect.x_range(), share), rect.center().y);
            ui.painter().circle_filled(dot, rect.width() * 0.11, color);
        }
        ui.allocate_rect(rect, Sense::hover())
    } else {
        ui.place(rect, Spinner::new().size(rect.width()).color(color))
    };
    as_progress(&response, what);
}

/// Tells assistive technology, and tests, that something is being computed.
fn as_progress(response: &Response, what: &str) {
    response.widget_info(|| WidgetInfo::labeled(Role::ProgressIndicator, true, what));
}

/// Could not be computed: says why; returns whether the person wants it tried again.
pub fn failed_ui(ui: &mut Ui, what: &str, why: &Failure) -> bool {
    let mut again = false;
    centred(ui, |ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(22.0, 22.0), Sense::hover());
        paint_icon(ui.painter(), rect, Icon::Warning, Tokens::of(ui).error);
        ui.label(RichText::new(what).heading());
        ui.label(sentence(&why.headline));
        for cause in &why.causes {
            let text = RichText::new(sentence(cause)).text_style(TextStyle::Small);
            ui.label(text.color(Tokens::of(ui).weak));
        }
        ui.add_space(6.0);
        again = ui.button("Try again").clicked();
    });
    again
}
