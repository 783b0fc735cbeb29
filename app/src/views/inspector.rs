//! The inspector: the outputs as they are now, the selected layer and units with their strengths, and the edits.

use egui::{Checkbox, Id, RichText, ScrollArea, Slider, SliderClamping, TextStyle, Ui};
use ganoscope_core::edit::{Action, Edit, Unit, UnitSet};
use ganoscope_core::jobs::{DeblendPreview, LayerInfo, NetworkInfo};

use super::ViewCx;
use super::layers::{count_text, share_text};
use super::library::heading;
use super::parts::{is_stale, light};
use super::reading::reading_ui;
use super::tone::tone_ui;
use crate::command::{Change, UiCommand};
use crate::theme::{Tokens, size};
use crate::widgets::{Icon, Picture, StampView, icon_button};

/// The strongest a unit can be turned up.
const MAX_STRENGTH: f64 = 4.0;
/// Units that get a slider of their own; with more, one slider for all is enough.
const OWN_SLIDERS: usize = 12;

/// Draws the inspector, filling `ui`.
pub fn inspector_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    ui.take_available_width();
    outputs_ui(cx, ui);
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        layer_ui(cx, ui);
        ui.add_space(size::GROUP_GAP);
        units_ui(cx, ui);
        ui.add_space(size::GROUP_GAP);
        edits_ui(cx, ui);
        ui.add_space(size::GROUP_GAP);
        tone_ui(cx, ui);
        reading_ui(cx, ui);
    });
}

/// The outputs, small: what a slider does is seen from any view.
fn outputs_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    // The outputs of the picture before say nothing of one that failed.
    let outputs = &cx.results.deblend;
    let has_pictures = |preview: &&std::sync::Arc<DeblendPreview>| !preview.outputs.is_empty();
    let shown = outputs.shown().filter(has_pictures);
    let Some(preview) = shown.filter(|_| outputs.failure().is_none()) else {
        return;
    };
    let look = light(cx);
    let count = preview.outputs.len().max(1) as f32;
    let side = ((ui.available_width() - size::GAP * (count - 1.0)) / count).clamp(40.0, 130.0);
    let is_dimmed = is_stale(ui, &cx.results.deblend);
    let row = |ui: &mut Ui, outputs: &[ganoscope_core::stamp::Stamp], name: &str, at: usize| {
        ui.horizontal(|ui| {
            for (i, output) in outputs.iter().enumerate() {
                StampView {
                    place: Id::unique(("inspector", at, i)),
                    label: &format!("{}, {name}", preview.title_of(i)),
                    picture: Picture::new(output, look),
                    side,
                    link: cx.leads(),
                    is_dimmed,
                    is_selected: false,
                }
                .show(ui, cx.textures, cx.commands);
            }
        });
    };
    let small = |text: &str| RichText::new(text).text_style(TextStyle::Small);
    let tokens = Tokens::of(ui);
    row(ui, &preview.outputs, "now", 0);
    // Both rows are always there: sliders must not move away under the pointer when the first edit is made.
    let unedited = if cx.document.edits.is_idle() {
        ui.label(small("now, without edits").color(tokens.weak));
        Some(preview)
    } else {
        let price = price_text(cx).map_or_else(String::new, |price| format!(": {price}"));
        ui.label(small(&format!("now, with edits{price}")).color(tokens.accent));
        cx.results.unedited.shown()
    };
    row(ui, &unedited.unwrap_or(preview).outputs, "as trained", 1);
    ui.label(small("as trained").color(tokens.weak));
    ui.add_space(size::GAP);
}

fn layer_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let Some(series) = cx.results.series.shown() else {
        return;
    };
    let name = cx.document.layer_in(series);
    let Some(layer) = name.and_then(|name| series.network.layer(&name)) else {
        return;
    };
    heading(ui, &format!("Layer {}", layer.name));
    let weak = Tokens::of(ui).weak;
    for text in layer_facts(layer, &series.network) {
        ui.label(RichText::new(text).text_style(TextStyle::Small).color(weak));
    }
}

fn layer_facts(layer: &LayerInfo, network: &NetworkInfo) -> Vec<String> {
    let dims: Vec<String> = layer.dims.iter().map(ToString::to_string).collect();
    let mut facts = vec![format!("{}, value {}", layer.summary, dims.join(" x "))];
    if layer.parameters > 0 {
        facts.push(format!("{} parameters", layer.parameters));
    }
    let graph = &network.graph;
    let drawn = graph.find(&layer.name).and_then(|i| graph.layers.get(i));
    if let Some(cost) = drawn.map(|l| l.multiply_adds).filter(|cost| *cost > 0) {
        let share = share_text(graph.share_of_cost(cost));
        let cost = count_text(cost);
        facts.push(format!(
            "{cost} multiply-adds a stamp, {share} of the network"
        ));
    }
    let reached = layer.reaches.iter().filter_map(|i| network.outputs.get(*i));
    let reached: Vec<&str> = reached.map(String::as_str).collect();
    facts.push(format!("acts on {}", reached.join(" and ")));
    facts
}

/// The selected units: one slider for all, and one for each when there are few.
fn units_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let units = &cx.document.units;
    if units.is_empty() {
        heading(ui, "Units");
        let text = "Select units in the Units view to turn them up or down.";
        ui.label(RichText::new(text).color(Tokens::of(ui).weak));
        return;
    }
    heading(
        ui,
        &match units.len() {
            1 => "1 unit selected".to_owned(),
            n => format!("{n} units selected"),
        },
    );
    let strengths: Vec<f64> = units
        .iter()
        .map(|u| cx.document.edits.scale_of(u))
        .collect();
    if units.len() > 1 {
        let mean = strengths.iter().sum::<f64>() / strengths.len() as f64;
        strength_ui(cx, ui, "All", units, mean);
    }
    if units.len() <= OWN_SLIDERS {
        for (unit, strength) in units.iter().zip(&strengths) {
            let one = UnitSet::from_iter([unit.clone()]);
            strength_ui(cx, ui, &unit_label(cx, unit), &one, *strength);
        }
    }
    ui.horizontal(|ui| {
        for (command, text) in [
            (UiCommand::AblateSelection, "Ablate"),
            (UiCommand::ResetSelection, "Reset"),
        ] {
            let keys = command.keys_text(ui.ctx());
            let tooltip = format!("{} ({keys})", command.tooltip());
            if ui.button(text).on_hover_text(tooltip).clicked() {
                cx.commands.push(command);
            }
        }
    });
}

/// The channel alone when all selected units are of the layer shown.
fn unit_label(cx: &ViewCx<'_>, unit: &Unit) -> String {
    let series = cx.results.series.shown();
    let shown = series.and_then(|s| cx.document.layer_in(s));
    if shown.as_ref() == Some(&unit.layer) {
        format!("Unit {}", unit.channel)
    } else {
        unit.to_string()
    }
}

fn strength_ui(cx: &ViewCx<'_>, ui: &mut Ui, label: &str, units: &UnitSet, strength: f64) {
    let mut value = strength;
    let tokens = Tokens::of(ui);
    ui.horizontal(|ui| {
        let color = if strength == 1.0 {
            tokens.text
        } else {
            tokens.accent
        };
        let name = ui
            .allocate_ui_with_layout(
                egui::vec2(58.0, 20.0),
                egui::Layout::left_to_right(egui::Align::Center),
                |ui| {
                    ui.set_min_width(58.0);
                    ui.add(egui::Label::new(RichText::new(label).color(color)).truncate())
                },
            )
            .inner;
        ui.spacing_mut().slider_width = (ui.available_width() - 52.0).max(40.0);
        let slider = Slider::new(&mut value, 0.0..=MAX_STRENGTH)
            .fixed_decimals(2)
            .step_by(0.01)
            // A strength from elsewhere (a recipe, a mean) is shown as it is, not rounded or cut by being shown.
            .clamping(SliderClamping::Edits)
            .smart_aim(false);
        let response = ui
            .add(slider)
            .labelled_by(name.id)
            .on_hover_text("0 off, 1 as trained, up to 4; double-click to reset");
        let is_reset = response.double_clicked();
        if is_reset {
            value = 1.0;
        }
        if (response.changed() || is_reset) && value != strength {
            let change = Change::SetStrength {
                units: units.clone(),
                strength: value,
            };
            cx.commands.push(change);
        }
    });
}

fn edits_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let edits = &cx.document.edits.edits;
    ui.horizontal(|ui| {
        heading(ui, "Edits");
        if !edits.is_empty() {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let command = UiCommand::ClearEdits;
                if ui
                    .small_button("Remove all")
                    .on_hover_text(command.tooltip())
                    .clicked()
                {
                    cx.commands.push(command);
                }
            });
        }
    });
    if edits.is_empty() {
        let text = "None: the network is as it was trained.";
        ui.label(RichText::new(text).color(Tokens::of(ui).weak));
    }
    for (index, edit) in edits.iter().enumerate() {
        edit_ui(cx, ui, index, edit);
    }
    prices_ui(cx, ui);
}

/// PSNR of every galaxy without and with the edits, dB, where both and the truths are there.
fn prices(cx: &ViewCx<'_>) -> Vec<[Option<f64>; 2]> {
    let ready = [&cx.results.unedited, &cx.results.deblend].map(|outputs| outputs.ready());
    let [Some(before), Some(now)] = ready else {
        return Vec::new();
    };
    if cx.document.edits.is_idle() {
        return Vec::new();
    }
    let pairs = before.measures.iter().zip(&now.measures);
    pairs.map(|(a, b)| [a.psnr, b.psnr]).collect()
}

/// `-1.24, +0.03 dB`: what the edits cost, one number per galaxy.
fn price_text(cx: &ViewCx<'_>) -> Option<String> {
    let costs: Option<Vec<String>> = prices(cx)
        .iter()
        .map(|[before, now]| Some(format!("{:+.2}", (*now)? - (*before)?)))
        .collect();
    let costs = costs.filter(|costs| !costs.is_empty())?;
    Some(format!("{} dB", costs.join(", ")))
}

/// What the edits cost, a line per galaxy.
fn prices_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    for (galaxy, pair) in prices(cx).iter().enumerate() {
        let [Some(before), Some(now)] = *pair else {
            continue;
        };
        let change = now - before;
        let text = format!("galaxy {}: {change:+.2} dB, {now:.2} now", galaxy + 1);
        let tokens = Tokens::of(ui);
        let color = if change < 0.0 {
            tokens.warning
        } else {
            tokens.good
        };
        let text = RichText::new(text).text_style(TextStyle::Small);
        ui.label(text.color(color)).on_hover_text(format!(
            "PSNR against the truth: {before:.2} dB as trained, {now:.2} dB with the edits"
        ));
    }
}

fn edit_ui(cx: &ViewCx<'_>, ui: &mut Ui, index: usize, edit: &Edit) {
    let tokens = Tokens::of(ui);
    ui.horizontal(|ui| {
        let mut enabled = edit.enabled;
        let name = format!("Edit {}", index + 1);
        let toggled = ui
            .add(Checkbox::without_text(&mut enabled))
            .accessible_name(format!("{name} on"))
            .on_hover_text("Switch the edit on or off")
            .changed();
        if toggled {
            let edit = Edit {
                enabled,
                ..edit.clone()
            };
            cx.commands.push(Change::SetEdit { index, edit });
        }
        let color = if edit.enabled {
            tokens.text
        } else {
            tokens.weak
        };
        let width = ui.available_width() - 30.0;
        let text = RichText::new(edit_text(edit))
            .text_style(TextStyle::Small)
            .color(color);
        let row = egui::Button::new((text, egui::Atom::grow()))
            .frame(false)
            .truncate()
            .min_size(egui::vec2(width, 20.0));
        let response = ui
            .add(row)
            .on_hover_text(format!("{}\nClick to select these units", edit.units));
        if response.clicked() {
            cx.commands.push(Change::SelectUnits(edit.units.clone()));
        }
        if icon_button(
            ui,
            Icon::Cross,
            &format!("Remove {}", name.to_lowercase()),
            false,
        )
        .on_hover_text("Remove the edit")
        .clicked()
        {
            cx.commands.push(Change::RemoveEdit { index });
        }
    });
}

/// An edit in a few words.
pub(crate) fn edit_text(edit: &Edit) -> String {
    let units = &edit.units;
    let mask = if edit.mask.is_some() { ", masked" } else { "" };
    match edit.action {
        Action::Ablate if edit.strength == 1.0 => format!("ablate {units}{mask}"),
        // The same, however it was done.
        Action::Scale { by } if by == 0.0 && edit.strength == 1.0 => {
            format!("ablate {units}{mask}")
        }
        Action::Ablate => format!("ablate {units} by {:.2}{mask}", edit.strength),
        Action::Insert { level } => format!("insert {level:.2} in {units}{mask}"),
        Action::Scale { by } => format!("{units} x {by:.2}{mask}"),
    }
}
