//! The plot of PSNR over the checkpoints: what the study measured, or what the training wrote.

use egui::{Shape, Stroke, StrokeKind, Ui};
use egui_plot::{
    Corner, HLine, HoverPosition, Legend, Line, LineStyle, Plot, PlotBounds, PlotPoint, PlotPoints,
    PlotUi, Points, VLine,
};
use ganoscope_core::jobs::SeriesInfo;

use super::{Curves, Rail, go_to};
use crate::theme::Tokens;
use crate::views::ViewCx;

/// Below this height there is no legend, points.
const LEGEND_FROM: f32 = 150.0;

/// Draws the plot; returns where the checkpoints lie in it. Press or drag in it to go to a checkpoint.
pub(super) fn plot_ui(cx: &ViewCx<'_>, ui: &mut Ui, series: &SeriesInfo, height: f32) -> Rail {
    let curves = Curves::of(cx.document, cx.results, series);
    let count = series.checkpoints.len();
    let mut plot = Plot::new("psnr")
        .height(height)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .allow_axis_zoom_drag(false)
        .show_background(false)
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
    let tokens = Tokens::of(ui);
    let ground = ui.painter().add(Shape::Noop);
    let response = plot.show(ui, |plot| {
        let [low, high] = curves.span();
        let bounds = PlotBounds::from_min_max([-0.5, low], [count as f64 - 0.5, high]);
        plot.set_plot_bounds(bounds);
        draw(plot, tokens, &curves);
    });
    // Without a texture, which for a rectangle of this size is a tenth of a frame where the processor paints.
    let rect = response.response.rect;
    let fill = cx
        .textures
        .ground(ui.ctx().content_rect(), &[(rect, tokens.well)]);
    let outline = Stroke::new(1.0, tokens.line);
    let outline = Shape::rect_stroke(rect, 0.0, outline, StrokeKind::Inside);
    ui.painter().set(ground, Shape::Vec(vec![fill, outline]));
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

fn draw(plot: &mut PlotUi<'_>, tokens: &Tokens, curves: &Curves) {
    if let Some(at) = curves.shown {
        let line = VLine::new("", at as f64).color(tokens.accent);
        plot.vline(line.width(1.5).allow_hover(false));
    }
    if let Some(level) = curves.blend {
        let line = HLine::new("blend itself", level).color(tokens.weak);
        plot.hline(line.width(1.0).style(LineStyle::dashed_loose()));
    }
    for lane in &curves.lanes {
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
