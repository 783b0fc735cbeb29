//! The choices of the Relevance view: what is explained, how, beside what, and how it is drawn.

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{Button, PopupCloseBehavior, RichText, Slider, Ui};
use ganoscope_core::attribution::{Method, Pole};
use ganoscope_core::jobs::{Input, RelevancePreview, SeriesInfo};
use ganoscope_core::stamp::io::PictureFile;

use super::set;
use crate::command::{Change, Command};
use crate::explain::{Explain, TargetChoice};
use crate::theme::Tokens;
use crate::views::ViewCx;
use crate::views::contours::contours_ui;
use crate::views::parts::combo;
use crate::widgets::{legend_ui, region_name};
use crate::workbench::RelevanceSection;

/// Everything that is chosen, in as many lines as it takes.
pub(super) fn bar_ui(
    cx: &ViewCx<'_>,
    ui: &mut Ui,
    series: &SeriesInfo,
    preview: Option<&RelevancePreview>,
) {
    ui.horizontal_wrapped(|ui| {
        target_ui(cx, ui, series);
        method_ui(cx, ui);
        beside_ui(cx, ui);
        real_ui(cx, ui);
        display_ui(cx, ui);
        sections_ui(cx, ui);
    });
    if let Some(preview) = preview {
        scale_ui(ui, preview);
    }
    let is_output = cx.document.explain.target != TargetChoice::Verdict;
    if is_output && !cx.document.edits.is_idle() {
        let text = "The network as trained is explained: edits are no part of this map.";
        ui.label(RichText::new(text).color(Tokens::of(ui).weak));
    }
}

/// What is explained, and which part of it.
fn target_ui(cx: &ViewCx<'_>, ui: &mut Ui, series: &SeriesInfo) {
    let explain = &cx.document.explain;
    let mut target = explain.target;
    let outputs = series.drawn();
    let chosen = match target {
        TargetChoice::Verdict => "verdict",
        TargetChoice::Output { output, .. } => outputs.get(output).map_or("output", |o| &**o),
    };
    combo(ui, "Explain", chosen, |ui| {
        if series.has_discriminator() {
            ui.selectable_value(&mut target, TargetChoice::Verdict, "verdict")
                .on_hover_text("The discriminator's logit over truths and outputs");
        }
        for (output, name) in outputs.iter().enumerate() {
            let is_it = matches!(target, TargetChoice::Output { output: o, .. } if o == output);
            let button = ui.selectable_label(is_it, name);
            if button
                .on_hover_text("What the generator draws, out of the blend")
                .clicked()
                && !is_it
            {
                target = TargetChoice::Output {
                    output,
                    region: None,
                    band: None,
                };
            }
        }
    });
    if let TargetChoice::Output { region, band, .. } = &mut target {
        part_ui(cx, ui, region);
        band_ui(cx, ui, band);
    }
    if target != explain.target {
        let name = match target {
            TargetChoice::Verdict => "explain the verdict".to_owned(),
            TargetChoice::Output { output, .. } => {
                let name = outputs.get(output).map_or("the output", |o| &**o);
                format!("explain {name}")
            }
        };
        let explain = Explain {
            target,
            ..explain.clone()
        };
        set(cx, explain, name);
    }
}

/// The light of a marked area, or all of it.
fn part_ui(cx: &ViewCx<'_>, ui: &mut Ui, region: &mut Option<usize>) {
    let regions = &cx.document.regions;
    let name = |index: usize| {
        let region = regions.get(index);
        region.map_or_else(
            || "removed region".to_owned(),
            |region| format!("region {}", region_name(index, region)),
        )
    };
    let chosen = region.map_or_else(|| "all of it".to_owned(), name);
    combo(ui, "Part", &chosen, |ui| {
        ui.selectable_value(region, None, "all of it");
        for index in 0..regions.len() {
            ui.selectable_value(region, Some(index), name(index))
                .on_hover_text("The light in this region");
        }
        if regions.is_empty() {
            ui.label(RichText::new("Draw a region to explain its light").weak());
        }
    });
}

fn band_ui(cx: &ViewCx<'_>, ui: &mut Ui, band: &mut Option<usize>) {
    let shown = cx.results.deblend.shown();
    let output = shown.and_then(|preview| preview.outputs.first());
    let bands = output.map_or(0, |output| output.channels);
    let name = |band: usize| {
        let name = output.and_then(|output| output.bands.get(band).cloned());
        name.unwrap_or_else(|| format!("band {}", band + 1))
    };
    if bands < 2 && band.is_none() {
        return;
    }
    let chosen = band.map_or_else(|| "all".to_owned(), name);
    combo(ui, "Band", &chosen, |ui| {
        ui.selectable_value(band, None, "all");
        for index in 0..bands {
            ui.selectable_value(band, Some(index), name(index));
        }
    });
}

/// The method, and its pole where it has two.
fn method_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let mut method = cx.document.method.clone();
    combo(ui, "Method", cx.document.method.name(), |ui| {
        let weak = Tokens::of(ui).weak;
        let mut was_relevance = None;
        for choice in methods() {
            if was_relevance != Some(choice.is_relevance()) {
                was_relevance = Some(choice.is_relevance());
                let head = if choice.is_relevance() {
                    "By rules, shares add up"
                } else {
                    "By gradients and trials"
                };
                ui.label(RichText::new(head).color(weak));
            }
            let is_it = method.name() == choice.name();
            if ui.selectable_label(is_it, choice.name()).clicked() && !is_it {
                method = choice;
            }
        }
    });
    if let Method::Polarized { pole } = &mut method {
        combo(ui, "Pole", pole_name(*pole), |ui| {
            for choice in [Pole::Both, Pole::Auto, Pole::Real, Pole::Fake] {
                ui.selectable_value(pole, choice, pole_name(choice));
            }
        });
    }
    if method != cx.document.method {
        cx.commands.push(Change::SetMethod(method));
    }
}

const fn pole_name(pole: Pole) -> &'static str {
    match pole {
        Pole::Both => "both",
        Pole::Auto => "as decided",
        Pole::Real => "real",
        Pole::Fake => "generated",
    }
}

/// The methods to choose from; the polarised one with both poles.
fn methods() -> Vec<Method> {
    let all = Method::all().into_iter();
    all.map(|method| match method {
        Method::Polarized { .. } => Method::Polarized { pole: Pole::Both },
        other => other,
    })
    .collect()
}

/// Methods side by side with the one chosen.
fn beside_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let explain = &cx.document.explain;
    let text = match explain.beside.len() {
        0 => "Beside".to_owned(),
        count => format!("Beside: {count}"),
    };
    let stays = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let button = Button::selectable(!explain.beside.is_empty(), text);
    let (response, _) = MenuButton::from_button(button).config(stays).ui(ui, |ui| {
        for method in Method::all() {
            if method.name() == cx.document.method.name() {
                continue;
            }
            let mut is_wanted = explain.beside.iter().any(|m| m.name() == method.name());
            if ui.checkbox(&mut is_wanted, method.name()).changed() {
                let verb = if is_wanted {
                    "compare with"
                } else {
                    "leave out"
                };
                let name = format!("{verb} {method}");
                set(cx, explain.with_beside(&method, is_wanted), name);
            }
        }
    });
    response.on_hover_text("Other methods side by side with this one, on one scale of shares");
}

/// The file whose real pictures stand beside the generated ones.
fn real_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let (explain, inputs) = (&cx.document.explain, &cx.document.inputs);
    let is_choice = inputs.len() > 1 || explain.real.is_some();
    if explain.target != TargetChoice::Verdict || !is_choice {
        return;
    }
    let file = |picture: &PictureFile| {
        let name = picture.path.file_name();
        let name = name.map_or_else(
            || picture.path.display().to_string(),
            |n| n.display().to_string(),
        );
        format!("{name}{}", picture.reading)
    };
    let mut real = explain.real.clone();
    let chosen = real.as_ref().map_or_else(|| "this blend".to_owned(), file);
    combo(ui, "Real of", &chosen, |ui| {
        ui.selectable_value(&mut real, None, "this blend");
        let others = inputs
            .iter()
            .filter(|other| Some(*other) != cx.document.input.as_ref());
        for picture in others.filter_map(Input::picture) {
            let name = file(picture);
            ui.selectable_value(&mut real, Some(picture.clone()), name);
        }
    });
    if real != explain.real {
        let explain = Explain {
            real,
            ..explain.clone()
        };
        set(cx, explain, "choose the real pictures".to_owned());
    }
}

/// What changes nothing but the drawing.
fn display_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let mut display = cx.document.display;
    let label = ui.label(RichText::new("Overlay").color(Tokens::of(ui).weak));
    ui.spacing_mut().slider_width = ui.spacing().slider_width.min(100.0);
    let slider = Slider::new(&mut display.overlay, 0.0..=1.0).show_value(false);
    ui.add(slider).labelled_by(label.id);
    contours_ui(cx, ui, &mut display);
    if display != cx.document.display {
        cx.commands.push(Change::SetDisplay(display));
    }
}

/// The parts that are opened beside the maps.
fn sections_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    for section in RelevanceSection::ALL {
        let is_open = cx.workbench.relevance == Some(section);
        let mut button = Button::selectable(is_open, section.name());
        if section == RelevanceSection::Rules && !cx.document.explain.rules.is_empty() {
            let count = cx.document.explain.rules.len();
            button = Button::selectable(is_open, format!("Rules: {count} changed"));
        }
        if ui.add(button).on_hover_text(section.help()).clicked() {
            let next = (!is_open).then_some(section);
            cx.commands.push(Command::ShowRelevanceSection(next));
        }
    }
}

/// The colours and what they stand for.
fn scale_ui(ui: &mut Ui, preview: &RelevancePreview) {
    let tokens = Tokens::of(ui);
    let colors = [tokens.generated, tokens.ground, tokens.real];
    let [low, high] = if preview.is_of_blend() {
        ["against", "for it"]
    } else {
        ["generated", "real"]
    };
    let end = if preview.has_beside() {
        format!("{:.2} %", 100.0 * preview.share_scale)
    } else {
        format!("{:.1e}", preview.scale)
    };
    let (low, high) = (format!("{low}  -{end}"), format!("+{end}  {high}"));
    let response = ui
        .scope(|ui| legend_ui(ui, 90.0, &colors, &low, &high))
        .response;
    if preview.has_beside() {
        response.on_hover_text("Share of each map's own magnitudes in one pixel");
    }
}
