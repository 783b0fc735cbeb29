//! All that is known of a box, for the pointer that rests on it.

use egui::{Grid, RichText, TextStyle, Ui};
use ganoscope_core::graph::{GraphLayer, Shown};

use super::marks::Mark;
use super::sheet::Sheet;
use super::words::{count_text, dims_text, share_text, title};
use crate::theme::Tokens;

/// The layers of a box (of one block, for a chain) with shapes, parameters and cost.
pub(super) fn details_ui(ui: &mut Ui, sheet: &Sheet, shown: Shown, marks: &[Mark]) {
    ui.set_max_width(560.0);
    let graph = sheet.graph();
    let tokens = Tokens::of(ui);
    ui.label(RichText::new(title(graph, shown)).strong());
    let boxes = match shown {
        Shown::Box(at) => at..at + 1,
        Shown::Chain(at) => {
            let chain = graph.chains.get(at);
            let count = chain.map_or(0, |c| c.count);
            ui.label(format!("{count} equal blocks, one of them:"));
            chain.map_or(0..0, ganoscope_core::graph::Chain::block)
        }
    };
    Grid::new("layer details")
        .num_columns(5)
        .spacing([14.0, 2.0])
        .show(ui, |ui| {
            for heading in ["layer", "operation", "value", "parameters", "multiply-adds"] {
                let text = RichText::new(heading).text_style(TextStyle::Small);
                ui.label(text.color(tokens.text));
            }
            ui.end_row();
            for layer in graph.layers_of(boxes) {
                row_ui(ui, layer);
            }
        });
    let (parameters, cost) = sheet.cost(shown);
    let share = share_text(graph.share_of_cost(cost));
    let parameters = count_text(parameters as u64);
    let cost = count_text(cost);
    ui.label(format!(
        "together {parameters} parameters, {cost} multiply-adds for one stamp: {share} of the network"
    ));
    for mark in marks {
        ui.label(RichText::new(mark.meaning()).color(tokens.strong));
    }
    let hint = match shown {
        Shown::Box(_) => "Click shows it, double-click its units",
        Shown::Chain(_) => "Click opens it",
    };
    let hint = RichText::new(hint).text_style(TextStyle::Small);
    ui.label(hint.color(tokens.text));
}

fn row_ui(ui: &mut Ui, layer: &GraphLayer) {
    let (parameters, cost) = (layer.parameters as u64, layer.multiply_adds);
    for text in [
        layer.name.to_string(),
        layer.summary.clone(),
        dims_text(&layer.dims),
        count_text(parameters),
        count_text(cost),
    ] {
        ui.label(text);
    }
    ui.end_row();
}
