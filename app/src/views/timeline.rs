//! Timeline: the checkpoints of the series, their measures over the training, and the scrubber that chooses one.
//!
//! Plot, scrubber and thumbnails share one horizontal axis, the checkpoints at equal distances: training steps are chosen
//! densely at the start and sparsely at the end, so equal steps would hide the beginning.

mod curves;
mod plot;

use egui::{
    Align2, Id, Key, Rect, RichText, Role, Sense, Stroke, TextStyle, Ui, WidgetInfo, pos2, vec2,
};
use ganoscope_core::jobs::{SeriesInfo, TimelinePoint};

pub use self::curves::Curves;
use super::parts::{light, series_or_state};
use super::{View, ViewCx, ViewKey};
use crate::command::{Change, UiCommand};
use crate::theme::{Tokens, size};
use crate::widgets::{Picture, StampView};

/// Height of the scrubber with its labels, points.
const SCRUBBER: f32 = 30.0;
/// The least height at which a plot says something, points.
const PLOT_MIN: f32 = 44.0;
/// The largest thumbnail, points.
const THUMBNAIL_MAX: f32 = 104.0;

/// Where the checkpoints lie on the screen.
#[derive(Clone, Copy)]
struct Rail {
    left: f32,
    right: f32,
    count: usize,
}

impl Rail {
    /// A rail over the width left, when there is no plot to follow.
    fn over(ui: &Ui, count: usize) -> Self {
        let rect = ui.available_rect_before_wrap();
        Self {
            left: rect.left() + 26.0,
            right: rect.right() - 26.0,
            count,
        }
    }

    fn x_of(self, index: usize) -> f32 {
        if self.count < 2 {
            return f32::midpoint(self.left, self.right);
        }
        self.left + index as f32 / (self.count - 1) as f32 * (self.right - self.left)
    }

    fn index_at(self, x: f32) -> usize {
        let last = self.count.saturating_sub(1);
        let share = (x - self.left) / (self.right - self.left).max(1.0);
        ((share.clamp(0.0, 1.0) * last as f32).round() as usize).min(last)
    }

    /// Distance between two checkpoints.
    fn spacing(self) -> f32 {
        (self.right - self.left) / self.count.saturating_sub(1).max(1) as f32
    }
}

/// The view.
pub(super) struct Timeline;

impl View for Timeline {
    fn key(&self) -> ViewKey {
        ViewKey::Timeline
    }

    fn ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let Some(series) = series_or_state(cx, ui) else {
            return;
        };
        bar_ui(cx, ui, series);
        let points = cx.results.timeline.points.values();
        let outputs = points.map(|p| p.outputs.len()).max().unwrap_or(0);
        let side = thumbnail_side(Rail::over(ui, series.checkpoints.len()));
        let below = SCRUBBER + outputs as f32 * (side + size::GAP) + 2.0 * size::GAP;
        let height = (ui.available_height() - below).max(2.0 * PLOT_MIN);
        let rail = plot::plot_ui(cx, ui, series, height);
        scrubber_ui(cx, ui, series, rail);
        thumbnails_ui(cx, ui, series, rail, outputs);
    }
}

/// The timeline below the other views: the scrubber, and the plot when there is room.
pub fn strip_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    // The panel keeps its size while the series is being opened.
    ui.take_available_space();
    let Some(series) = cx.results.series.shown() else {
        return;
    };
    ui.spacing_mut().item_spacing.y = 2.0;
    let height = ui.available_height() - SCRUBBER - 4.0;
    let rail = if height > PLOT_MIN {
        plot::plot_ui(cx, ui, series, height)
    } else {
        Rail::over(ui, series.checkpoints.len())
    };
    scrubber_ui(cx, ui, series, rail);
}

fn bar_ui(cx: &ViewCx<'_>, ui: &mut Ui, series: &SeriesInfo) {
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(&series.name).strong());
        let text = format!("{} checkpoints", series.checkpoints.len());
        ui.label(RichText::new(text).color(Tokens::of(ui).weak));
        let command = UiCommand::MeasureCheckpoints;
        let is_running = cx.results.timeline.job.is_some();
        let button = ui.add_enabled(!is_running, egui::Button::new(command.text()));
        if button.on_hover_text(command.tooltip()).clicked() {
            cx.commands.push(command);
        }
        if let Some(text) = measured_text(cx) {
            ui.label(RichText::new(text).color(Tokens::of(ui).weak));
        }
        for warning in &series.warnings {
            ui.label(RichText::new(warning).color(Tokens::of(ui).warning));
        }
    });
}

/// What the curves are the mean of.
fn measured_text(cx: &ViewCx<'_>) -> Option<String> {
    let point = cx.results.timeline.points.values().next_back()?;
    let count = match point.blends {
        1 => "1 picture with a truth".to_owned(),
        n => format!("mean of {n} pictures with truths"),
    };
    let left_out = match point.left_out {
        0 => String::new(),
        n => format!(", {n} left out"),
    };
    let edits = if cx.document.edits.is_idle() {
        ""
    } else {
        ", without edits"
    };
    Some(format!("{count}{left_out}{edits}"))
}

/// Asks for the checkpoint at a place of the series, unless it is shown.
fn go_to(cx: &ViewCx<'_>, series: &SeriesInfo, index: usize) {
    let step = series.checkpoints.get(index).map(|c| c.step);
    if let Some(step) = step.filter(|step| cx.document.step_in(series) != Some(*step)) {
        cx.commands.push(Change::GoToStep(step));
    }
}

/// `500`, `12k`, `1.5k`.
fn step_text(step: u64) -> String {
    match step {
        0..1000 => step.to_string(),
        _ if step.is_multiple_of(1000) => format!("{}k", step / 1000),
        _ => format!("{:.1}k", step as f64 / 1000.0),
    }
}

/// The checkpoints on their rail; drag or press the arrow keys.
fn scrubber_ui(cx: &ViewCx<'_>, ui: &mut Ui, series: &SeriesInfo, rail: Rail) {
    let Some(at) = cx.document.step_in(series).and_then(|s| series.position(s)) else {
        return;
    };
    let desired = vec2(ui.available_width(), SCRUBBER);
    let (rect, response) = ui.allocate_exact_size(desired, Sense::click_and_drag());
    let step = series.checkpoints[at].step;
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::Slider, ui.is_enabled(), "Checkpoint");
        info.value = Some(step as f64);
        info
    });
    paint_scrubber(ui, rect, series, rail, at);
    if response.has_focus() {
        let knob = pos2(rail.x_of(at), rect.top() + 8.0);
        let stroke = Stroke::new(1.0, Tokens::of(ui).accent);
        ui.painter().circle_stroke(knob, 8.5, stroke);
        for (key, to) in [
            (Key::Home, 0),
            (Key::End, rail.count - 1),
            (Key::ArrowLeft, at.saturating_sub(1)),
            (Key::ArrowRight, at + 1),
        ] {
            if ui.input(|i| i.key_pressed(key)) {
                go_to(cx, series, to);
            }
        }
    }
    if let Some(pos) = response.interact_pointer_pos() {
        go_to(cx, series, rail.index_at(pos.x));
    }
    response.on_hover_text("Drag, or press the arrow keys, to go to another checkpoint");
}

fn paint_scrubber(ui: &Ui, rect: Rect, series: &SeriesInfo, rail: Rail, at: usize) {
    let tokens = Tokens::of(ui);
    let painter = ui.painter_at(rect);
    let line = |from: f32, to: f32| {
        Rect::from_min_max(pos2(from, rect.top() + 6.0), pos2(to, rect.top() + 10.0))
    };
    painter.rect_filled(line(rail.left, rail.right), 2.0, tokens.raised);
    let done = line(rail.left, rail.x_of(at));
    painter.rect_filled(done, 2.0, tokens.accent_ground);
    let font = TextStyle::Small.resolve(ui.style());
    let mut free_from = f32::NEG_INFINITY;
    for (i, checkpoint) in series.checkpoints.iter().enumerate() {
        let centre = pos2(rail.x_of(i), done.center().y);
        let is_done = i <= at;
        let dot = if is_done { tokens.accent } else { tokens.weak };
        painter.circle_filled(centre, 2.5, dot);
        let is_shown = i == at;
        let color = if is_shown { tokens.accent } else { tokens.weak };
        let text = step_text(checkpoint.step);
        let galley = painter.layout_no_wrap(text, font.clone(), color);
        let left = (centre.x - galley.size().x / 2.0).max(rect.left());
        // The label of the checkpoint shown goes before its neighbours'.
        let next_is_shown = i < at && rail.x_of(at) - centre.x < 34.0;
        if is_shown || (left > free_from && !next_is_shown) {
            free_from = left + galley.size().x + 8.0;
            painter.galley(pos2(left, rect.top() + 14.0), galley, color);
        }
    }
    painter.circle_filled(pos2(rail.x_of(at), done.center().y), 6.0, tokens.accent);
}

fn thumbnail_side(rail: Rail) -> f32 {
    (rail.spacing() - 4.0).clamp(20.0, THUMBNAIL_MAX)
}

/// The outputs of every checkpoint measured, each under its place on the scrubber.
fn thumbnails_ui(cx: &ViewCx<'_>, ui: &mut Ui, series: &SeriesInfo, rail: Rail, outputs: usize) {
    let side = thumbnail_side(rail);
    let shown = cx.document.step_in(series);
    for output in 0..outputs {
        let desired = vec2(ui.available_width(), side);
        let (row, _) = ui.allocate_exact_size(desired, Sense::hover());
        for (i, checkpoint) in series.checkpoints.iter().enumerate() {
            let centre = pos2(rail.x_of(i), row.center().y);
            let cell = Rect::from_center_size(centre, vec2(side, side));
            let point = cx.results.timeline.points.get(&checkpoint.step);
            let Some(stamp) = point.and_then(|p| p.outputs.get(output)) else {
                failed_or_waiting(ui, cell, point);
                continue;
            };
            let title = cx.results.deblend.shown();
            let title = title.map_or_else(
                || format!("Galaxy {}", output + 1),
                |preview| preview.title_of(output),
            );
            let label = format!("{title} at step {}", checkpoint.step);
            let mut child = ui.new_child(egui::UiBuilder::new().max_rect(cell));
            let response = StampView {
                place: Id::unique(("timeline", i, output)),
                label: &label,
                picture: Picture::new(stamp, light(cx)),
                side,
                link: cx.follows(stamp),
                is_dimmed: false,
                is_selected: shown == Some(checkpoint.step),
            }
            .show(&mut child, cx.textures, cx.commands);
            if response.clicked() {
                go_to(cx, series, i);
            }
            response.on_hover_text(label);
        }
    }
}

fn failed_or_waiting(ui: &Ui, cell: Rect, point: Option<&TimelinePoint>) {
    let tokens = Tokens::of(ui);
    ui.painter().rect_filled(cell, size::CORNER, tokens.well);
    let Some(why) = point.and_then(|p| p.failure.as_ref()) else {
        return;
    };
    let font = TextStyle::Small.resolve(ui.style());
    ui.painter().text(
        cell.center(),
        Align2::CENTER_CENTER,
        "failed",
        font,
        tokens.error,
    );
    let id = ui.scope_id().with(("failed", cell.min.x as i32));
    let response = ui.interact(cell, id, Sense::hover());
    response.on_hover_text(why.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_on_the_rail_go_both_ways() {
        let rail = Rail {
            left: 10.0,
            right: 110.0,
            count: 6,
        };
        for i in 0..6 {
            assert_eq!(rail.index_at(rail.x_of(i) + 3.0), i);
        }
        assert_eq!(rail.index_at(-50.0), 0);
        assert_eq!(rail.index_at(900.0), 5);
        let lone = Rail { count: 1, ..rail };
        assert_eq!(lone.index_at(lone.x_of(0)), 0);
    }

    #[test]
    fn steps_are_short() {
        let texts = [0, 250, 1000, 1500, 20_000].map(step_text);
        assert_eq!(texts, ["0", "250", "1k", "1.5k", "20k"]);
    }
}
