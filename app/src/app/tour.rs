//! The card of the tour and the frame around what it speaks of.

use egui::{
    Align, Align2, Area, Context, Frame, Id, Layout, Order, Rect, RichText, Stroke, Ui, vec2,
};

use super::App;
use super::chrome::Shell;
use crate::command::{Command, UiCommand};
use crate::theme::{Tokens, size};
use crate::tour::{Part, TourStep};
use crate::widgets::{Icon, icon_button};

/// Width of the card, points.
const WIDTH: f32 = 380.0;
/// Width of the buttons, points: the same whatever they say.
const BUTTON_WIDTH: f32 = 62.0;

/// Where the parts of the window are in this frame.
#[derive(Clone, Copy)]
pub(super) struct Places {
    pub(super) views: Rect,
    pub(super) timeline: Option<Rect>,
    pub(super) inspector: Option<Rect>,
}

impl Places {
    /// Where a part is; the views stand in for what is closed.
    fn of(self, part: Part) -> Rect {
        match part {
            Part::Views => self.views,
            Part::Timeline => self.timeline.unwrap_or(self.views),
            Part::Inspector => self.inspector.unwrap_or(self.views),
        }
    }
}

impl App {
    /// Begins the tour on the demonstration, which is opened when nothing is.
    pub fn begin_tour(&mut self, ctx: &Context) {
        if self.document.series.is_none() {
            self.open_demo(ctx);
        }
        self.go_on_tour(Some(TourStep::Outputs));
    }

    /// Goes to a step of the tour, or leaves it.
    pub(super) fn go_on_tour(&mut self, step: Option<TourStep>) {
        if let Some(step) = step {
            step.prepare(&mut self.workbench);
        }
        self.workbench.tour = step;
    }
}

impl Shell<'_> {
    /// The card of the present step, beside what it speaks of.
    pub(super) fn tour_ui(&self, ui: &Ui, places: Places) {
        let Some(step) = self.cx.workbench.tour else {
            return;
        };
        let target = places.of(step.part());
        let tokens = Tokens::of(ui);
        let over = egui::LayerId::new(Order::Foreground, Id::unique("tour frame"));
        ui.ctx().layer_painter(over).rect_stroke(
            target.shrink(1.0),
            size::CORNER,
            Stroke::new(2.0, tokens.accent),
            egui::StrokeKind::Inside,
        );
        // In one place for all steps, above the timeline and beside the inspector: buttons stay under the pointer.
        Area::new(Id::unique("tour"))
            .order(Order::Foreground)
            .pivot(Align2::CENTER_BOTTOM)
            .fixed_pos(places.views.center_bottom() - vec2(0.0, 14.0))
            .constrain(true)
            .show(ui.ctx(), |ui| {
                Frame::window(ui.style()).inner_margin(14).show(ui, |ui| {
                    ui.set_width(WIDTH.min(ui.ctx().content_rect().width() - 60.0));
                    self.card_ui(ui, step);
                });
            });
    }

    fn card_ui(&self, ui: &mut Ui, step: TourStep) {
        let tokens = Tokens::of(ui);
        let go = |to: Option<TourStep>| self.cx.commands.push(Command::Tour(to));
        ui.horizontal(|ui| {
            ui.label(RichText::new(step.title()).heading().color(tokens.strong));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let leave = icon_button(ui, Icon::Cross, "Leave the tour", false);
                if leave
                    .on_hover_text("Leave the tour; Help has it again")
                    .clicked()
                {
                    go(None);
                }
            });
        });
        ui.add_space(size::GAP);
        ui.label(step.text());
        ui.add_space(size::GAP);
        ui.horizontal(|ui| {
            let place = format!("{} of {}", step.number(), TourStep::ALL.len());
            ui.label(RichText::new(place).color(tokens.weak));
            if step.is_done(self.cx.document) == Some(true) {
                ui.label(RichText::new("done").color(tokens.good));
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let next = step.by(1);
                let text = if next.is_some() { "Next" } else { "Finish" };
                let next_button = egui::Button::new(RichText::new(text).color(tokens.accent_text))
                    .fill(tokens.accent_ground)
                    .min_size(vec2(BUTTON_WIDTH, 0.0));
                if ui.add(next_button).clicked() {
                    go(next);
                }
                let before = step.by(-1);
                let back_button = egui::Button::new("Back").min_size(vec2(BUTTON_WIDTH, 0.0));
                if ui.add_enabled(before.is_some(), back_button).clicked() {
                    go(before);
                }
                if step == TourStep::Strength {
                    let undo = self.text_of(UiCommand::Undo);
                    let button = egui::Button::new(undo).truncate();
                    let is_possible = self.is_possible(UiCommand::Undo);
                    if ui.add_enabled(is_possible, button).clicked() {
                        self.cx.commands.push(UiCommand::Undo);
                    }
                }
            });
        });
    }
}
