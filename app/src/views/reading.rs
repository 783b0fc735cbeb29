//! The section of the inspector that says how the picture is taken from its file: the values of black and white, the bands, the
//! part of it.

use std::path::Path;

use egui::{CollapsingHeader, DragValue, Id, RichText, TextEdit, Ui};
use ganoscope_core::jobs::Scene;
use ganoscope_core::stamp::ValueRange;
use ganoscope_core::stamp::io::Reading;

use super::ViewCx;
use crate::command::Change;
use crate::theme::Tokens;

/// Draws the section, closed until it is opened; nothing where no picture of a file is shown.
pub(super) fn reading_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let Some(picture) = cx.document.picture() else {
        return;
    };
    let scene = cx.results.scene.shown();
    // While it is read another way, the fields stay where they are.
    let scene = scene.filter(|scene| scene.picture.path == picture.path);
    CollapsingHeader::new(RichText::new("Reading").strong())
        .id_salt("reading")
        .show_unindented(ui, |ui| {
            let (before, file) = (&picture.reading, &picture.path);
            let mut reading = before.clone();
            if let Some(scene) = scene {
                range_ui(scene, ui, &mut reading);
            }
            let has_bands = scene.is_some_and(|scene| scene.blend.channels > 1);
            if has_bands || !reading.bands.is_empty() {
                bands_ui(ui, file, &mut reading);
            }
            section_ui(ui, file, &mut reading);
            if let Some(image) = &reading.image {
                let text = format!("image {image} of the file; Header chooses another");
                ui.label(RichText::new(text).color(Tokens::of(ui).weak));
            }
            if reading != *before {
                cx.commands.push(Change::ReadAs(reading));
            }
        });
}

/// Black and white in the file's values.
fn range_ui(scene: &Scene, ui: &mut Ui, reading: &mut Reading) {
    let id = Id::unique(("range of", &scene.picture));
    let held = ui.data(|data| data.get_temp::<[f32; 2]>(id));
    let ValueRange { low, high } = reading.range().unwrap_or(scene.range_in_file);
    let [mut low, mut high] = held.unwrap_or([low, high]);
    let speed = f64::from((high - low).abs().max(1e-9)) / 200.0;
    ui.horizontal(|ui| {
        let black = ui.label("Black");
        let low_field = ui.add(number(&mut low, speed)).labelled_by(black.id);
        let white = ui.label("White");
        let high_field = ui.add(number(&mut high, speed)).labelled_by(white.id);
        let tooltip = "The file's value that the network sees as no light, or as the brightest";
        let fields = low_field.on_hover_text(tooltip) | high_field.on_hover_text(tooltip);
        // The file is read again when the hand is taken off, not at every step of a drag.
        if fields.dragged() {
            ui.data_mut(|data| data.insert_temp(id, [low, high]));
        } else if fields.changed() || held.is_some() {
            ui.data_mut(|data| data.remove::<[f32; 2]>(id));
            // Ends that would cross say nothing, and the fields show the old ones again.
            if low < high {
                *reading = std::mem::take(reading).with_range(Some(ValueRange { low, high }));
            }
        }
    });
    let tokens = Tokens::of(ui);
    ui.horizontal(|ui| {
        let (text, color) = match (reading.range(), scene.is_range_guessed) {
            (Some(_), _) => ("given here", tokens.accent),
            (None, true) => ("guessed from the pixels", tokens.warning),
            (None, false) => ("said by the file or its format", tokens.weak),
        };
        ui.label(RichText::new(text).color(color));
        let as_found = ui.add_enabled(reading.range().is_some(), egui::Button::new("As found"));
        let tooltip = "Take the range that the file says, or the guess";
        if as_found.on_hover_text(tooltip).clicked() {
            *reading = std::mem::take(reading).with_range(None);
        }
    });
}

/// A number that is taken when it is complete.
fn number(value: &mut f32, speed: f64) -> DragValue<'_> {
    DragValue::new(value)
        .speed(speed)
        .max_decimals(6)
        .update_while_editing(false)
}

/// Numbers of bands, in their order.
fn bands_ui(ui: &mut Ui, file: &Path, reading: &mut Reading) {
    let numbers: Vec<String> = reading.bands.iter().map(ToString::to_string).collect();
    let field = Field {
        file,
        label: "Bands",
        hint: "all",
        tooltip: "Numbers of bands from 1, for example 3,2,1 for red, green and blue; all where empty",
    };
    field.ui(ui, &numbers.join(","), |text| {
        let numbers = text.split(',').map(|n| n.trim().parse::<usize>());
        let bands: Vec<usize> = match text {
            "" => Vec::new(),
            _ => numbers.collect::<Result<_, _>>().ok()?,
        };
        (!bands.contains(&0)).then(|| reading.bands = bands)
    });
}

/// Columns and rows.
fn section_ui(ui: &mut Ui, file: &Path, reading: &mut Reading) {
    let section = reading.section.map(|section| section.to_string());
    let field = Field {
        file,
        label: "Section",
        hint: "all pixels",
        tooltip: "First and last column and row, counted as DS9 does, for example 101:180,201:280; all where empty",
    };
    field.ui(ui, &section.unwrap_or_default(), |text| {
        let section = match text {
            "" => None,
            text => Some(text.parse().ok()?),
        };
        reading.section = section;
        Some(())
    });
}

/// A text that is taken when it is complete: by Enter, or when the field is left.
struct Field<'a> {
    /// The file it says something about.
    file: &'a Path,
    label: &'static str,
    hint: &'static str,
    tooltip: &'static str,
}

impl Field<'_> {
    /// Draws it with the text that holds; `take` says whether another one makes sense.
    fn ui(&self, ui: &mut Ui, holds: &str, take: impl FnOnce(&str) -> Option<()>) {
        let id = Id::unique(("reading", self.label, self.file));
        let typed = ui.data(|data| data.get_temp::<String>(id));
        let mut text = typed.unwrap_or_else(|| holds.to_owned());
        let is_bad = ui.data(|data| data.get_temp::<bool>(id.with("bad"))) == Some(true);
        let tokens = Tokens::of(ui);
        ui.horizontal(|ui| {
            let name = ui.label(self.label);
            let mut edit = TextEdit::singleline(&mut text)
                .hint_text(self.hint)
                .desired_width(f32::INFINITY);
            if is_bad {
                edit = edit.text_color(tokens.error);
            }
            let response = ui
                .add(edit)
                .labelled_by(name.id)
                .on_hover_text(self.tooltip);
            let set = |text: Option<String>, is_bad: bool| {
                ui.data_mut(|data| {
                    data.remove::<String>(id);
                    if let Some(text) = text {
                        data.insert_temp(id, text);
                    }
                    data.insert_temp(id.with("bad"), is_bad);
                });
            };
            if response.lost_focus() {
                let text = text.trim();
                let is_taken = text == holds || take(text).is_some();
                // What makes no sense stays to be mended.
                set((!is_taken).then(|| text.to_owned()), !is_taken);
            } else if response.changed() {
                set(Some(text), false);
            }
        });
    }
}
