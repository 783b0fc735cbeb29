//! Compare: any two pictures side by side, blinking, under a divider, or their difference.

mod bar;
mod difference;
mod modes;
mod pictures;

use egui::{RichText, ScrollArea, Ui};
use ganoscope_core::jobs::Slot;

use self::bar::bar_ui;
use self::difference::{Differences, difference_ui};
use self::pictures::Pictures;
use super::contours::ContourMaps;
use super::parts::{display_bar, is_there};
use super::{View, ViewCx, ViewKey};
use crate::command::{Command, UiCommand};
use crate::comparison::{CompareMode, Comparison};
use crate::source::Source;
use crate::theme::{Tokens, is_still};
use crate::widgets::{empty_ui, loading_over};

/// The view.
#[derive(Default)]
pub(super) struct Compare {
    differences: Differences,
    /// When the next picture is shown while they blink by themselves, in seconds of the window's clock.
    next_blink: Option<f64>,
}

impl View for Compare {
    fn key(&self) -> ViewKey {
        ViewKey::Compare
    }

    fn ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let comparison = &cx.workbench.comparison;
        let pictures = Pictures::of(cx, ui, comparison);
        // What was kept can be compared whatever became of the present outputs.
        let deblend = &cx.results.deblend;
        let has_pair = pictures.pair().is_some();
        if !has_pair && !is_there(cx, ui, deblend, Slot::Deblend, "The outputs") {
            return;
        }
        let mut next = comparison.clone();
        bar_ui(cx, ui, &mut next);
        if comparison.mode != CompareMode::Difference {
            display_bar(cx, ui);
        }
        let space = ui.available_rect_before_wrap();
        match pictures.pair() {
            Some(_) => self.content_ui(cx, ui, (&pictures, &mut next)),
            None => {
                let why = pictures.missing().collect::<Vec<_>>().join(" ");
                empty_ui(ui, "A picture is missing", &why, |ui| {
                    let command = UiCommand::MeasureCheckpoints;
                    let is_idle = cx.results.timeline.job.is_none();
                    if is_idle && misses_checkpoint(cx, comparison) {
                        let button = ui.button(command.text());
                        if button.on_hover_text(command.tooltip()).clicked() {
                            cx.commands.push(command);
                        }
                    }
                });
            }
        }
        if deblend.is_pending() && pictures.is_dimmed() {
            loading_over(ui, space, "Computing the outputs");
        }
        self.blink(ui, &mut next);
        if next != *comparison {
            // Whoever chooses a checkpoint wants to see it.
            let is_idle = cx.results.timeline.job.is_none();
            let is_new = next.pictures() != comparison.pictures();
            if is_new && is_idle && misses_checkpoint(cx, &next) {
                cx.commands.push(UiCommand::MeasureCheckpoints);
            }
            cx.commands.push(Command::Compare(Box::new(next)));
        }
    }
}

/// Whether a checkpoint is to be compared that was not computed for this picture.
fn misses_checkpoint(cx: &ViewCx<'_>, comparison: &Comparison) -> bool {
    let mut pictures = comparison.pictures().into_iter();
    pictures.any(|source| {
        matches!(source, Source::Checkpoint { .. })
            && source.stamp(cx.document, cx.results).is_none()
    })
}

impl Compare {
    fn content_ui(
        &mut self,
        cx: &ViewCx<'_>,
        ui: &mut Ui,
        (pictures, next): (&Pictures<'_>, &mut Comparison),
    ) {
        for why in pictures.missing() {
            ui.label(RichText::new(why).color(Tokens::of(ui).weak));
        }
        let contours = ContourMaps::of(cx, ui);
        let mode = cx.workbench.comparison.mode;
        ScrollArea::both()
            .auto_shrink(false)
            .show(ui, |ui| match (mode, pictures.pair()) {
                (CompareMode::Blink, _) => modes::blink_ui(cx, ui, pictures, &contours),
                (CompareMode::Swipe, Some(pair)) => {
                    if let Some(divider) = modes::swipe_ui(cx, ui, pair, &contours) {
                        next.divider = divider;
                    }
                }
                (CompareMode::Difference, Some(pair)) => {
                    difference_ui(cx, ui, &mut self.differences, (pair, &contours));
                }
                _ => modes::beside_ui(cx, ui, &mut self.differences, (pictures, &contours)),
            });
    }

    /// Goes on by itself when that was asked for and motion is not reduced.
    fn blink(&mut self, ui: &Ui, next: &mut Comparison) {
        let is_on = next.is_automatic && next.mode == CompareMode::Blink && !is_still(ui);
        if !is_on {
            self.next_blink = None;
            return;
        }
        let now = ui.ctx().time();
        let period = next.period_secs();
        // A shorter period counts at once.
        let at = self.next_blink.unwrap_or(now + period).min(now + period);
        let at = if now >= at {
            next.shown = next.shown_place() + 1;
            now + period
        } else {
            at
        };
        self.next_blink = Some(at);
        ui.ctx().request_repaint_after_secs((at - now) as f32);
    }
}
