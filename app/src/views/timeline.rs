//! Timeline: the checkpoints of the series, their measures over the training, and the scrubber that chooses one.

use egui::{
    Align2, Id, Key, Rect, RichText, Role, Sense, Stroke, TextStyle, Ui, WidgetInfo, pos2, vec2,
};
use egui_plot::{HLine, Legend, Line, Plot, PlotPoints, Points, VLine};
use ganoscope_core::jobs::{SeriesInfo, TimelinePoint};

use super::parts::light;
use super::{View, ViewCx, ViewKey};
use crate::command::{Change, UiCommand};
use crate::theme::{Tokens, size};
use crate::widgets::{Picture, StampView, empty_ui, failed_ui, loading_ui};

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
        let rows = cx
            .results
            .timeline
            .points
            .values()
            .map(|p| p.outputs.len())
            .max();
        let thumbnails = rows.unwrap_or(0) as f32 * (thumbnail_side(ui, series) + size::GAP);
        let height = (ui.available_height() - thumbnails - 56.0).max(120.0);
        plot_ui(cx, ui, series, height);
        scrubber_ui(cx, ui, series);
        thumbnails_ui(cx, ui, series);
    }
}

/// The series, or what stands in its place.
fn series_or_state<'a>(cx: &ViewCx<'a>, ui: &mut Ui) -> Option<&'a SeriesInfo> {
    use crate::results::Loadable;
    match &cx.results.series {
        Loadable::Empty => {
            let hint = "Open the folder of a training run, or drop it on the window.";
            empty_ui(ui, "No series is open", hint, |ui| {
                for command in [UiCommand::OpenSeries, UiCommand::OpenDemo] {
                    if ui.button(command.text()).clicked() {
                        cx.commands.push(command);
                    }
                }
            });
            None
        }
        Loadable::Failed {
            why,
            previous: None,
        } => {
            if failed_ui(ui, "The series cannot be opened", why) {
                cx.commands.push(UiCommand::Reload);
            }
            None
        }
        Loadable::Pending { previous: None, .. } => {
            loading_ui(ui, "Opening the series");
            None
        }
        other => other.shown().map(|s| &**s),
    }
}

fn bar_ui(cx: &ViewCx<'_>, ui: &mut Ui, series: &SeriesInfo) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(&series.name).strong());
        let text = format!("{} checkpoints", series.checkpoints.len());
        ui.label(RichText::new(text).color(Tokens::of(ui).weak));
        let command = UiCommand::MeasureCheckpoints;
        let is_running = cx.results.timeline.job.is_some();
        let button = ui.add_enabled(!is_running, egui::Button::new(command.text()));
        if button.on_hover_text(command.tooltip()).clicked() {
            cx.commands.push(command);
        }
        for warning in &series.warnings {
            ui.label(RichText::new(warning).color(Tokens::of(ui).warning));
        }
    });
}

/// The timeline below the other views: scrubber and step, one line high, with the plot when there is room.
pub fn strip_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    // The panel keeps its size while the series is being opened.
    ui.take_available_height();
    let Some(series) = cx.results.series.shown() else {
        return;
    };
    ui.spacing_mut().item_spacing.y = 2.0;
    let height = ui.available_height() - 34.0;
    if height > 48.0 {
        plot_ui(cx, ui, series, height);
    }
    scrubber_ui(cx, ui, series);
}

/// One line per galaxy, as points `[step, PSNR in dB]`: what the study found, or what the training wrote.
fn lines(cx: &ViewCx<'_>, series: &SeriesInfo) -> Vec<(String, usize, Vec<[f64; 2]>)> {
    let points = &cx.results.timeline.points;
    let galaxies = points.values().map(|p| p.psnr.len()).max().unwrap_or(0);
    if galaxies > 0 {
        let value = |p: &TimelinePoint, g: usize| Some([p.step as f64, *p.psnr.get(g)?]);
        return (0..galaxies)
            .map(|g| {
                let line = points.values().filter_map(|p| value(p, g)).collect();
                (format!("galaxy {}", g + 1), g, line)
            })
            .collect();
    }
    let mut names: Vec<&String> = series
        .checkpoints
        .iter()
        .flat_map(|c| c.metrics.keys())
        .filter(|name| name.starts_with("psnr."))
        .collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .enumerate()
        .map(|(i, name)| {
            let line = series
                .checkpoints
                .iter()
                .filter_map(|c| Some([c.step as f64, *c.metrics.get(name)?]))
                .collect();
            (format!("galaxy {} (training)", i + 1), i, line)
        })
        .collect()
}

fn plot_ui(cx: &ViewCx<'_>, ui: &mut Ui, series: &SeriesInfo, height: f32) {
    let tokens = Tokens::of(ui);
    let lines = lines(cx, series);
    let shown = cx.document.step_in(series);
    let baseline = baseline(cx);
    let is_small = height < 120.0;
    let mut plot = Plot::new("psnr")
        .height(height)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .show_grid([false, true])
        .show_x(false)
        .set_margin_fraction(vec2(0.04, 0.12))
        .x_axis_formatter(|mark, _| step_text(mark.value as u64))
        .y_axis_formatter(|mark, _| format!("{:.0} dB", mark.value));
    if is_small {
        plot = plot.show_axes([false, true]);
    } else {
        plot = plot.legend(Legend::default());
    }
    let response = plot.show(ui, |plot| {
        for (name, index, points) in &lines {
            let color = tokens.galaxy(*index);
            plot.line(
                Line::new(name.clone(), PlotPoints::from(points.clone()))
                    .color(color)
                    .width(1.5),
            );
            let dots = Points::new(name.clone(), PlotPoints::from(points.clone()));
            plot.points(dots.color(color).radius(2.5));
        }
        if let Some(level) = baseline {
            let line = HLine::new("blend itself", level).color(tokens.weak);
            plot.hline(line.width(1.0).style(egui_plot::LineStyle::dashed_loose()));
        }
        if let Some(step) = shown {
            let line = VLine::new("shown", step as f64).color(tokens.accent);
            plot.vline(line.width(1.5).allow_hover(false));
        }
        plot.pointer_coordinate()
    });
    let pressed = response.response.is_pointer_button_down_on();
    if let Some(at) = response.inner.filter(|_| pressed)
        && let Some(step) = nearest_step(series, at.x)
    {
        go_to(cx, series, step);
    }
}

/// PSNR of the blends themselves over the study.
fn baseline(cx: &ViewCx<'_>) -> Option<f64> {
    let points = cx.results.timeline.points.values();
    points
        .filter(|p| p.blends > 0)
        .map(|p| p.psnr_of_blend)
        .next()
}

fn nearest_step(series: &SeriesInfo, at: f64) -> Option<u64> {
    let distance = |step: &u64| (*step as f64 - at).abs();
    series
        .checkpoints
        .iter()
        .map(|c| c.step)
        .min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

fn go_to(cx: &ViewCx<'_>, series: &SeriesInfo, step: u64) {
    if cx.document.step_in(series) != Some(step) {
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

/// The checkpoints at equal distances; drag or press the arrow keys.
fn scrubber_ui(cx: &ViewCx<'_>, ui: &mut Ui, series: &SeriesInfo) {
    let tokens = Tokens::of(ui);
    let count = series.checkpoints.len();
    let Some(at) = cx.document.step_in(series).and_then(|s| series.position(s)) else {
        return;
    };
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), 30.0), Sense::click_and_drag());
    let step = series.checkpoints[at].step;
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::Slider, ui.is_enabled(), "Checkpoint");
        info.value = Some(step as f64);
        info
    });
    let rail = Rect::from_min_max(
        pos2(rect.left() + 26.0, rect.top() + 6.0),
        pos2(rect.right() - 26.0, rect.top() + 10.0),
    );
    let x_of = |i: usize| {
        let share = if count > 1 {
            i as f32 / (count - 1) as f32
        } else {
            0.5
        };
        rail.left() + share * rail.width()
    };
    let painter = ui.painter_at(rect);
    painter.rect_filled(rail, 2.0, tokens.raised);
    let done = Rect::from_min_max(rail.min, pos2(x_of(at), rail.bottom()));
    painter.rect_filled(done, 2.0, tokens.accent_ground);
    let font = TextStyle::Small.resolve(ui.style());
    let mut free_from = f32::NEG_INFINITY;
    for (i, checkpoint) in series.checkpoints.iter().enumerate() {
        let centre = pos2(x_of(i), rail.center().y);
        painter.circle_filled(
            centre,
            2.5,
            if i <= at { tokens.accent } else { tokens.weak },
        );
        let is_shown = i == at;
        let text = step_text(checkpoint.step);
        let color = if is_shown { tokens.accent } else { tokens.weak };
        let galley = painter.layout_no_wrap(text, font.clone(), color);
        let left = centre.x - galley.size().x / 2.0;
        let next_is_shown = i + 1 == at && x_of(at) - centre.x < 34.0;
        if is_shown || (left > free_from && !next_is_shown) {
            free_from = left + galley.size().x + 8.0;
            painter.galley(pos2(left, rail.bottom() + 4.0), galley, color);
        }
    }
    let knob = pos2(x_of(at), rail.center().y);
    painter.circle_filled(knob, 6.0, tokens.accent);
    if response.has_focus() {
        painter.circle_stroke(knob, 8.5, Stroke::new(1.0, tokens.accent));
    }
    if let Some(pos) = response.interact_pointer_pos() {
        let share = ((pos.x - rail.left()) / rail.width()).clamp(0.0, 1.0);
        let to = (share * (count - 1) as f32).round() as usize;
        go_to(cx, series, series.checkpoints[to].step);
    }
    if response.has_focus() {
        let keys = [(Key::Home, 0), (Key::End, count - 1)];
        for (key, to) in keys {
            if ui.input(|i| i.key_pressed(key)) {
                go_to(cx, series, series.checkpoints[to].step);
            }
        }
    }
}

fn thumbnail_side(ui: &Ui, series: &SeriesInfo) -> f32 {
    let room = (ui.available_width() - 52.0) / series.checkpoints.len().max(1) as f32 - 4.0;
    room.clamp(20.0, 96.0)
}

/// The outputs of every checkpoint measured, each under its place on the scrubber.
fn thumbnails_ui(cx: &ViewCx<'_>, ui: &mut Ui, series: &SeriesInfo) {
    let points = &cx.results.timeline.points;
    let outputs = points.values().map(|p| p.outputs.len()).max().unwrap_or(0);
    let look = light(cx);
    let count = series.checkpoints.len();
    let side = thumbnail_side(ui, series);
    let shown = cx.document.step_in(series);
    for output in 0..outputs {
        let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), side), Sense::hover());
        let rail = row.shrink2(vec2(26.0, 0.0));
        for (i, checkpoint) in series.checkpoints.iter().enumerate() {
            let share = if count > 1 {
                i as f32 / (count - 1) as f32
            } else {
                0.5
            };
            let centre = pos2(rail.left() + share * rail.width(), row.center().y);
            let cell = Rect::from_center_size(centre, vec2(side, side));
            let point = points.get(&checkpoint.step);
            let Some(stamp) = point.and_then(|p| p.outputs.get(output)) else {
                failed_or_waiting(ui, cell, point);
                continue;
            };
            let label = format!("Galaxy {} at step {}", output + 1, checkpoint.step);
            let mut child = ui.new_child(egui::UiBuilder::new().max_rect(cell));
            let response = StampView {
                place: Id::unique(("timeline", i, output)),
                label: &label,
                picture: Picture::new(stamp, look),
                side,
                navigation: None,
                cursor: None,
                is_dimmed: false,
                is_selected: shown == Some(checkpoint.step),
            }
            .show(&mut child, cx.textures, cx.commands);
            if response.clicked() {
                go_to(cx, series, checkpoint.step);
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
    let response = ui.interact(
        cell,
        ui.scope_id().with(("failed", cell.min.x as i32)),
        Sense::hover(),
    );
    response.on_hover_text(why.to_string());
}
