//! The list of what is open: the series with its checkpoint, and the pictures.

use egui::{Atom, Button, Id, Rect, RichText, ScrollArea, Stroke, TextStyle, Ui, Vec2, vec2};
use ganoscope_core::checkpoint::NetworkRole;
use ganoscope_core::jobs::{Failure, Input, SeriesInfo};
use ganoscope_core::latent::Takes;

use super::ViewCx;
use super::inspector::edit_text;
use crate::command::{Change, Command, UiCommand};
use crate::glossary::Explained;
use crate::results::SmallPicture;
use crate::theme::{DARK, Tokens, size};
use crate::widgets::{Icon, Look, Picture, Spot, fitted, icon_button, rgb, visible_part};
use crate::workbench::Navigation;

/// Height of the list of edits, points; more of them scroll.
const EDITS_HEIGHT: f32 = 110.0;

/// Draws the list, filling `ui`.
pub fn library_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    ui.take_available_width();
    heading(ui, "Series");
    series_ui(cx, ui);
    edits_ui(cx, ui);
    ui.add_space(size::GROUP_GAP);
    let takes = takes(cx);
    ui.horizontal(|ui| {
        let (text, command) = match takes {
            Takes::Pictures => ("Pictures", UiCommand::OpenFiles),
            Takes::Latents { .. } => ("Seeds", UiCommand::RandomSeed),
        };
        heading(ui, text);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let keys = command.keys_text(ui.ctx());
            let tooltip = format!("{} ({keys})", command.tooltip());
            let button = ui.small_button(command.text()).on_hover_text(tooltip);
            if button.clicked() {
                cx.commands.push(command);
            }
        });
    });
    if let Takes::Latents { classes: 2.. } = takes {
        class_ui(cx, ui, takes);
    }
    pictures_ui(cx, ui, takes);
}

/// What the network that is open takes.
fn takes(cx: &ViewCx<'_>) -> Takes {
    let series = cx.results.series.shown();
    series.map_or(Takes::Pictures, |series| series.takes)
}

/// The class of the seed shown.
fn class_ui(cx: &ViewCx<'_>, ui: &mut Ui, takes: Takes) {
    let (Takes::Latents { classes }, Some(latent)) =
        (takes, cx.document.input.as_ref().and_then(Input::latent))
    else {
        return;
    };
    let mut class = latent.class.unwrap_or(0);
    let before = class;
    ui.horizontal(|ui| {
        let label = ui.label("Class");
        let value = egui::DragValue::new(&mut class).range(0..=classes.saturating_sub(1));
        let tooltip = format!("Which of {classes} classes is drawn, from 0");
        ui.add(value).labelled_by(label.id).on_hover_text(tooltip);
    });
    if class != before {
        cx.commands.push(Change::SetClass(class));
    }
}

/// What is edited, where anything is: a click selects the units, whose sliders are in the inspector.
fn edits_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let edits = &cx.document.edits.edits;
    if edits.is_empty() {
        return;
    }
    ui.add_space(size::GROUP_GAP);
    heading(ui, "Edits");
    let rows = ScrollArea::vertical()
        .id_salt("edits")
        .max_height(EDITS_HEIGHT);
    rows.show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for (index, edit) in edits.iter().enumerate() {
            let off = if edit.enabled { "" } else { " (off)" };
            let text = format!("{}{off}", edit_text(edit));
            let text = RichText::new(text).text_style(TextStyle::Small);
            let button = Button::new((text, Atom::grow()))
                .frame(false)
                .truncate()
                .min_size(vec2(ui.available_width(), 18.0));
            let response = ui.add(button);
            let name = format!("Select the units of edit {}", index + 1);
            let response = response
                .accessible_name(name)
                .on_hover_text(format!("{}\nClick to select these units", edit.units));
            if response.clicked() {
                cx.commands.push(Change::SelectUnits(edit.units.clone()));
            }
        }
    });
}

/// A quiet heading of a group.
pub(super) fn heading(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).strong()).explained(text);
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
            "{}\nClick to open another one",
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
    if !series.is_file {
        let step = cx.document.step_in(series).unwrap_or_default();
        let place = series.position(step).map_or(0, |i| i + 1);
        ui.label(small(format!(
            "step {step}, checkpoint {place} of {}",
            series.checkpoints.len()
        )));
    }
    let network = &series.network;
    ui.label(small(format!(
        "{}: {} layers, {} parameters",
        series.role,
        network.layers.len(),
        short_count(network.parameters)
    )));
    identity_ui(cx, ui, series);
    if let Some(discriminator) = &series.discriminator {
        ui.label(small(format!(
            "discriminator: {} parameters",
            short_count(discriminator.parameters)
        )));
    }
}

/// What a network was recognised as; a click says why. Nothing of series whose manifest says it.
fn identity_ui(cx: &ViewCx<'_>, ui: &mut Ui, series: &SeriesInfo) {
    let Some(file) = series.network.file.as_ref().filter(|f| !f.has_manifest) else {
        return;
    };
    let identity = &file.identity;
    let text = format!("{}, {}", identity.family, identity.confidence);
    let text = RichText::new(text)
        .text_style(TextStyle::Small)
        .color(Tokens::of(ui).accent);
    let command = UiCommand::AboutNetwork;
    let button = Button::new((text, Atom::grow())).frame(false).truncate();
    let response = ui.add(button).on_hover_text(command.tooltip());
    if response.clicked() {
        cx.commands.push(command);
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

fn pictures_ui(cx: &ViewCx<'_>, ui: &mut Ui, takes: Takes) {
    let tokens = Tokens::of(ui);
    let inputs: Vec<&Input> = cx.document.inputs_for(takes).collect();
    if inputs.is_empty() {
        let hint = match takes {
            Takes::Pictures => "Drop pictures on the window.",
            Takes::Latents { .. } => "S draws the first seed.",
        };
        ui.label(RichText::new(hint).color(tokens.weak));
        return;
    }
    let height = size::LIST_PICTURE + 6.0;
    ScrollArea::vertical()
        .auto_shrink(false)
        .show_rows(ui, height, inputs.len(), |ui, rows| {
            ui.spacing_mut().item_spacing.y = 0.0;
            let shown = &inputs[rows];
            let thumbnails = &cx.results.thumbnails;
            let missing = shown.iter().find(|input| thumbnails.get(input).is_none());
            if let Some(input) = missing.filter(|_| draws_thumbnails(cx)) {
                cx.commands.push(Command::WantThumbnail((*input).clone()));
            }
            for input in shown {
                picture_ui(cx, ui, input, height);
            }
        });
}

/// Whether small pictures can be made: those of seeds need a network, and one that is fast enough to draw many.
fn draws_thumbnails(cx: &ViewCx<'_>) -> bool {
    match takes(cx) {
        Takes::Pictures => true,
        Takes::Latents { .. } => {
            let series = cx.results.series.ready();
            series.is_some_and(|series| series.role == NetworkRole::Generator)
                && cx.results.deblend.is_settled()
        }
    }
}

/// One row: the small picture and the name; a file that cannot be opened says why.
fn picture_ui(cx: &ViewCx<'_>, ui: &mut Ui, input: &Input, height: f32) {
    let is_shown = cx.document.input.as_ref() == Some(input);
    let name = input.name();
    let thumbnail = cx.results.thumbnails.get(input);
    let scene = cx.results.scene.shown();
    let scene = scene.filter(|scene| input.picture() == Some(&scene.picture));
    let factor = scene.map_or(1, |scene| scene.blend.reduction_factor());
    let text = if factor > 1 {
        format!("{name} (shown {factor} times smaller)")
    } else {
        name.clone()
    };
    ui.horizontal(|ui| {
        let width = ui.available_width() - 24.0 - size::GAP;
        let small = Atom::paint(Vec2::splat(size::LIST_PICTURE), |ui, args| {
            small_picture(cx, ui, args.rect, input, thumbnail);
        });
        let atoms = (small, text.as_str(), Atom::grow());
        let button = Button::selectable(is_shown, atoms)
            .truncate()
            .min_size(vec2(width, height - 2.0));
        let mut tooltip = input.to_string();
        if let Some(Err(why)) = thumbnail {
            tooltip = format!("{tooltip}\nCannot be opened: {why}");
        }
        let response = ui.add(button).on_hover_text(tooltip);
        if response.clicked() && !is_shown {
            cx.commands.push(Change::ShowInput(input.clone()));
        }
        if is_shown {
            let name = format!("Remove {name}");
            if icon_button(ui, Icon::Cross, &name, false)
                .on_hover_text(match input {
                    Input::File(_) => "Take it off the list; the file stays",
                    Input::Latent(_) => "Take it off the list",
                })
                .clicked()
            {
                cx.commands.push(Change::RemoveInput(input.clone()));
            }
        }
    });
}

/// Draws a small picture with the stretch of the document and limits of its own; a cross where there is none.
fn small_picture(
    cx: &ViewCx<'_>,
    ui: &Ui,
    well: Rect,
    input: &Input,
    thumbnail: Option<&Result<SmallPicture, Failure>>,
) {
    let tokens = Tokens::of(ui);
    let painter = ui.painter_at(well);
    painter.rect_filled(well, size::CORNER, tokens.well);
    match thumbnail {
        Some(Ok(picture)) => {
            let look = cx.document.display.look(picture.levels, rgb(DARK.missing));
            let spot = Spot {
                place: Id::unique(("library", input)),
                frame: fitted(well, &picture.stamp),
                visible: visible_part(Navigation::default()),
                opacity: 1.0,
            };
            let picture = Picture::new(&picture.stamp, Look::Exact(look));
            cx.textures.paint(&painter, &picture, &spot);
        }
        Some(Err(_)) => {
            let cross = well.shrink(10.0);
            let stroke = Stroke::new(1.5, tokens.error);
            painter.line_segment([cross.left_top(), cross.right_bottom()], stroke);
            painter.line_segment([cross.right_top(), cross.left_bottom()], stroke);
        }
        None => {}
    }
}
