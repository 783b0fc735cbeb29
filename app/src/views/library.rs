//! The list of what is open: the series with its checkpoint, and the pictures.

use egui::{Atom, Button, RichText, ScrollArea, TextStyle, Ui, vec2};

use super::ViewCx;
use crate::command::{Change, UiCommand};
use crate::theme::{Tokens, size};
use crate::widgets::{Icon, icon_button};

/// Draws the list, filling `ui`.
pub fn library_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    ui.take_available_width();
    heading(ui, "Series");
    series_ui(cx, ui);
    ui.add_space(size::GROUP_GAP);
    ui.horizontal(|ui| {
        heading(ui, "Pictures");
        let command = UiCommand::OpenFiles;
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let button = ui
                .small_button(command.text())
                .on_hover_text(command.tooltip());
            if button.clicked() {
                cx.commands.push(command);
            }
        });
    });
    pictures_ui(cx, ui);
}

/// A quiet heading of a group.
pub(super) fn heading(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).strong());
}

fn series_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let tokens = Tokens::of(ui);
    let command = UiCommand::OpenSeries;
    let Some(series) = cx.results.series.shown() else {
        if ui
            .button(command.text())
            .on_hover_text(command.tooltip())
            .clicked()
        {
            cx.commands.push(command);
        }
        return;
    };
    let name = ui.add(
        Button::new((&*series.name, Atom::grow()))
            .truncate()
            .min_size(vec2(ui.available_width(), 0.0)),
    );
    if name
        .on_hover_text(format!(
            "{}\nClick to open another series",
            series.path.display()
        ))
        .clicked()
    {
        cx.commands.push(command);
    }
    let small = |text: String| {
        RichText::new(text)
            .text_style(TextStyle::Small)
            .color(tokens.weak)
    };
    let step = cx.document.step_in(series).unwrap_or_default();
    let place = series.position(step).map_or(0, |i| i + 1);
    ui.label(small(format!(
        "step {step}, checkpoint {place} of {}",
        series.checkpoints.len()
    )));
    let generator = &series.generator;
    ui.label(small(format!(
        "generator: {} layers, {} parameters",
        generator.layers.len(),
        short_count(generator.parameters)
    )));
    if let Some(discriminator) = &series.discriminator {
        ui.label(small(format!(
            "discriminator: {} parameters",
            short_count(discriminator.parameters)
        )));
    }
}

/// `512`, `13.2k`, `4.1M`.
fn short_count(n: usize) -> String {
    match n {
        0..10_000 => n.to_string(),
        10_000..1_000_000 => format!("{:.0}k", n as f64 / 1e3),
        _ => format!("{:.1}M", n as f64 / 1e6),
    }
}

fn pictures_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let tokens = Tokens::of(ui);
    if cx.document.inputs.is_empty() {
        ui.label(RichText::new("Drop pictures on the window.").color(tokens.weak));
        return;
    }
    let height = 22.0;
    let inputs = &cx.document.inputs;
    ScrollArea::vertical()
        .auto_shrink(false)
        .show_rows(ui, height, inputs.len(), |ui, rows| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for path in &inputs[rows] {
                let is_shown = cx.document.input.as_ref() == Some(path);
                let name = path.file_stem().unwrap_or_default().display().to_string();
                let scene = cx.results.scene.shown().filter(|scene| scene.path == *path);
                let factor = scene.map_or(1, |scene| scene.blend.reduction_factor());
                let text = if factor > 1 {
                    format!("{name} (shown {factor} times smaller)")
                } else {
                    name.clone()
                };
                ui.horizontal(|ui| {
                    let width = ui.available_width() - 24.0 - size::GAP;
                    let button = Button::selectable(is_shown, (text.as_str(), Atom::grow()))
                        .truncate()
                        .min_size(vec2(width, height - 2.0));
                    let response = ui.add(button).on_hover_text(path.display().to_string());
                    if response.clicked() && !is_shown {
                        cx.commands.push(Change::ShowInput(path.clone()));
                    }
                    if is_shown {
                        let name = format!("Remove {name}");
                        if icon_button(ui, Icon::Cross, &name, false)
                            .on_hover_text("Take it off the list; the file stays")
                            .clicked()
                        {
                            cx.commands.push(Change::RemoveInput(path.clone()));
                        }
                    }
                });
            }
        });
}
