//! The plot of PSNR over the checkpoints: what the study measured, or what the training wrote.

use egui::Ui;
use egui_plot::{
    Corner, HLine, HoverPosition, Legend, Line, LineStyle, Plot, PlotBounds, PlotPoint, PlotPoints,
    PlotUi, Points, VLine,
};
use ganoscope_core::jobs::SeriesInfo;

use super::{Rail, go_to};
use crate::theme::Tokens;
use crate::views::ViewCx;

/// How far below the blend itself the plot reaches, dB. The first checkpoints lie far lower; showing them to scale would
/// flatten everything that matters.
const BELOW_BLEND_DB: f64 = 3.0;
/// Below this height there is no legend, points.
const LEGEND_FROM: f32 = 150.0;

/// One line: its name, the galaxy it belongs to, points `[index of the checkpoint, dB]`.
struct Lane {
    name: String,
    galaxy: usize,
    points: Vec<[f64; 2]>,
}

/// Draws the plot; returns where the checkpoints lie in it. Press or drag in it to go to a checkpoint.
pub(super) fn plot_ui(cx: &ViewCx<'_>, ui: &mut Ui, series: &SeriesInfo, height: f32) -> Rail {
    let lanes = lanes(cx, series);
    let count = series.checkpoints.len();
    let blend = psnr_of_blend(cx, series);
    let mut plot = Plot::new("psnr")
        .height(height)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .allow_axis_zoom_drag(false)
        .show_axes([false, true])
        .show_grid([false, true])
        .show_x(false)
        .grid_spacing(24.0..=420.0)
        .y_axis_min_width(46.0)
        .y_axis_formatter(|mark, _| format!("{:.0} dB", mark.value))
        .label_formatter(|hovered| match hovered {
            HoverPosition::NearDataPoint {
                plot_name,
                position,
                ..
            } if !plot_name.is_empty() => {
                let checkpoint = series.checkpoints.get(position.x.round() as usize)?;
                Some(format!(
                    "step {}\n{plot_name} {:.2} dB",
                    checkpoint.step, position.y
                ))
            }
            _ => None,
        });
    if height >= LEGEND_FROM {
        let legend = Legend::default().position(Corner::LeftTop);
        plot = plot.legend(legend.background_alpha(0.6));
    }
    let shown = cx.document.step_in(series).and_then(|s| series.position(s));
    let tokens = Tokens::of(ui);
    let response = plot.show(ui, |plot| {
        let [low, high] = span_of(&lanes, blend);
        let bounds = PlotBounds::from_min_max([-0.5, low], [count as f64 - 0.5, high]);
        plot.set_plot_bounds(bounds);
        draw(plot, tokens, &lanes, blend, shown);
    });
    let x_of = |i: usize| {
        response
            .transform
            .position_from_point(&PlotPoint::new(i as f64, 0.0))
            .x
    };
    let rail = Rail {
        left: x_of(0),
        right: x_of(count.saturating_sub(1)),
        count,
    };
    if response.response.is_pointer_button_down_on()
        && let Some(pos) = response.response.interact_pointer_pos()
    {
        go_to(cx, series, rail.index_at(pos.x));
    }
    rail
}

fn draw(
    plot: &mut PlotUi<'_>,
    tokens: &Tokens,
    lanes: &[Lane],
    blend: Option<f64>,
    shown: Option<usize>,
) {
    if let Some(at) = shown {
        let line = VLine::new("", at as f64).color(tokens.accent);
        plot.vline(line.width(1.5).allow_hover(false));
    }
    if let Some(level) = blend {
        let line = HLine::new("blend itself", level).color(tokens.weak);
        plot.hline(line.width(1.0).style(LineStyle::dashed_loose()));
    }
    for lane in lanes {
        let color = tokens.galaxy(lane.galaxy);
        let points = || PlotPoints::from(lane.points.clone());
        plot.line(
            Line::new(lane.name.clone(), points())
                .color(color)
                .width(1.5),
        );
        let dots = Points::new(lane.name.clone(), points()).color(color);
        plot.points(dots.radius(2.5));
    }
}

/// The lowest and highest value shown.
fn span_of(lanes: &[Lane], blend: Option<f64>) -> [f64; 2] {
    let values = || {
        let all = lanes.iter().flat_map(|lane| &lane.points);
        all.map(|p| p[1]).filter(|v| v.is_finite()).chain(blend)
    };
    let high = values().fold(f64::NEG_INFINITY, f64::max);
    let low = values().fold(f64::INFINITY, f64::min);
    if !high.is_finite() {
        return [0.0, 30.0];
    }
    let low = blend.map_or(low, |blend| low.max(blend - BELOW_BLEND_DB));
    let margin = ((high - low) * 0.12).max(0.4);
    [low - margin, high + margin]
}

/// What the study found; before it ran, what the training wrote.
fn lanes(cx: &ViewCx<'_>, series: &SeriesInfo) -> Vec<Lane> {
    let found = &cx.results.timeline.points;
    let galaxies = found.values().map(|p| p.psnr.len()).max().unwrap_or(0);
    if galaxies > 0 {
        let points = |galaxy: usize| {
            let of = |p: &ganoscope_core::jobs::TimelinePoint| {
                Some([series.position(p.step)? as f64, *p.psnr.get(galaxy)?])
            };
            found.values().filter_map(of).collect()
        };
        let lane = |galaxy: usize| Lane {
            name: format!("galaxy {}", galaxy + 1),
            galaxy,
            points: points(galaxy),
        };
        return (0..galaxies).map(lane).collect();
    }
    let lane = |galaxy: usize| {
        let metric = format!("psnr.{}", galaxy + 1);
        let of = |(i, c): (usize, &ganoscope_core::jobs::CheckpointInfo)| {
            Some([i as f64, *c.metrics.get(&metric)?])
        };
        Lane {
            name: format!("galaxy {} (training)", galaxy + 1),
            galaxy,
            points: series
                .checkpoints
                .iter()
                .enumerate()
                .filter_map(of)
                .collect(),
        }
    };
    let outputs = series.generator.outputs.len();
    let lanes = (0..outputs).map(lane);
    lanes.filter(|lane| !lane.points.is_empty()).collect()
}

/// PSNR of the blends themselves: what doing nothing gives, dB.
fn psnr_of_blend(cx: &ViewCx<'_>, series: &SeriesInfo) -> Option<f64> {
    let found = cx.results.timeline.points.values().find(|p| p.blends > 0);
    let written = || {
        let last = series.checkpoints.last()?;
        last.metrics.get("psnr_of_blend").copied()
    };
    found.map(|p| p.psnr_of_blend).or_else(written)
}
