//! Pixel flipping: how the score falls while what a map calls important is hidden, beside random orders.

use egui::{Grid, RichText, ScrollArea, TextStyle, Ui, vec2};
use egui_plot::{Line, LineStyle, Plot, PlotPoints};
use ganoscope_core::attribution::FlippingCurve;
use ganoscope_core::jobs::{FlippingRow, Slot};

use super::stop_ui;
use crate::theme::{Tokens, size};
use crate::views::ViewCx;
use crate::views::parts::is_there;

/// Height of a plot, points.
const PLOT_HEIGHT: f32 = 104.0;

/// The curves of all pictures, or how far they are.
pub(super) fn faithfulness_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let flipping = &cx.results.flipping;
    let text = "Blocks of 4 x 4 pixels are hidden, 50 of them, those first that a map calls most important. The larger the fall \
                beyond chance, the more the map knows.";
    ui.label(RichText::new(text).color(Tokens::of(ui).weak));
    stop_ui(cx, ui, Slot::Flipping);
    if cx.results.relevance.failure().is_some() && flipping.shown().is_none() {
        return;
    }
    if !is_there(cx, ui, flipping, Slot::Flipping, "The faithfulness") {
        return;
    }
    let Some(preview) = flipping.shown() else {
        return;
    };
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        for row in &preview.rows {
            ui.push_id(&row.name, |ui| row_ui(ui, row));
            ui.add_space(size::GAP);
        }
    });
}

/// The colour of a method's line, by its place.
fn color_of(tokens: &Tokens, index: usize) -> egui::Color32 {
    let all = [
        tokens.accent,
        tokens.galaxy1,
        tokens.galaxy2,
        tokens.text,
        tokens.too_little,
        tokens.too_much,
    ];
    all[index % all.len()]
}

/// One picture: its curves, then their numbers.
fn row_ui(ui: &mut Ui, row: &FlippingRow) {
    let tokens = Tokens::of(ui);
    ui.label(RichText::new(&row.name).color(tokens.strong));
    let curves: Vec<(usize, &FlippingCurve)> = row
        .curves
        .iter()
        .enumerate()
        .filter_map(|(i, (_, curve))| Some((i, curve.as_ref().ok()?)))
        .collect();
    let points = |scores: &[f64]| {
        let scores = scores.iter().enumerate();
        let places = scores.map(|(i, score)| [i as f64, *score]);
        places.collect::<PlotPoints<'_>>()
    };
    Plot::new("flipping")
        .height(PLOT_HEIGHT)
        .width(ui.available_width())
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .allow_axis_zoom_drag(false)
        .show_grid([false, true])
        .y_axis_min_width(36.0)
        .show(ui, |plot| {
            if let Some((_, curve)) = curves.first() {
                let line = Line::new("random order", points(&curve.random)).color(tokens.weak);
                plot.line(line.style(LineStyle::dashed_loose()));
            }
            for (i, curve) in &curves {
                let name = row.curves[*i].0.name().to_owned();
                let line = Line::new(name, points(&curve.scores)).color(color_of(tokens, *i));
                plot.line(line.width(1.5));
            }
        });
    numbers_ui(ui, row);
}

fn numbers_ui(ui: &mut Ui, row: &FlippingRow) {
    let tokens = Tokens::of(ui);
    let small = |text: String| RichText::new(text).text_style(TextStyle::Small);
    Grid::new("numbers")
        .spacing(vec2(size::GROUP_GAP, 2.0))
        .show(ui, |ui| {
            for head in ["method", "mean fall", "by chance", "gain"] {
                ui.label(small(head.to_owned()).color(tokens.weak));
            }
            ui.end_row();
            for (i, (method, curve)) in row.curves.iter().enumerate() {
                ui.label(small(method.name().to_owned()).color(color_of(tokens, i)));
                match curve {
                    Ok(curve) => {
                        ui.label(small(format!("{:.4}", curve.area)));
                        ui.label(small(format!("{:.4}", curve.random_area())));
                        ui.label(small(format!("{:+.4}", curve.gain())).color(tokens.strong));
                    }
                    Err(why) => {
                        let text = crate::notify::sentence(&why.headline);
                        ui.label(small(text).color(tokens.error));
                    }
                }
                ui.end_row();
            }
        });
}
