//! The content of the export window: what is written, how, and one line that says what it comes to.

use egui::{Button, Grid, RichText, ScrollArea, TextStyle, Ui, Vec2};
use ganoscope_core::figure::FigureFormat;
use ganoscope_core::table::TableFormat;

use super::ViewCx;
use super::parts::combo;
use crate::command::{Command, UiCommand};
use crate::export::{DataFormat, ExportChoice, Kind, Offer, Shown, Subject};
use crate::figures::{Paper, Sides};
use crate::notify::sentence;
use crate::theme::{Tokens, size};

/// Width of the content, points.
pub const EXPORT_WIDTH: f32 = 400.0;
/// Height of the list of what is written, points.
const LIST_HEIGHT: f32 = 120.0;

/// Draws it for the pane that has the attention in `cx`. `size` is that of the view on the screen, points; `is_busy` says that an
/// export is being written.
pub fn export_ui(
    cx: &ViewCx<'_>,
    subject: &Subject,
    size: Option<Vec2>,
    is_busy: bool,
    ui: &mut Ui,
) {
    ui.set_width(EXPORT_WIDTH);
    let mut choice = cx.workbench.export;
    ui.horizontal(|ui| {
        for kind in Kind::ALL {
            let button = Button::selectable(choice.kind == kind, kind.name());
            if ui.add(button).on_hover_text(kind.tooltip()).clicked() {
                choice.kind = kind;
            }
        }
    });
    ui.add_space(size::GAP);
    Grid::new("export choices")
        .num_columns(2)
        .min_row_height(24.0)
        .show(ui, |ui| choices_ui(ui, &mut choice));
    if choice != cx.workbench.export {
        cx.commands.push(Command::SetExport(choice));
    }
    ui.add_space(size::GAP);
    let shown = Shown::of(cx, cx.workbench.view, subject);
    let offer = Offer::of(&choice, &shown, size);
    offer_ui(ui, &offer);
    ui.add_space(size::GAP);
    ui.horizontal(|ui| {
        let text = if is_busy {
            "Writing…"
        } else {
            "Choose file…"
        };
        let can_write = offer.is_ok() && !is_busy;
        if ui.add_enabled(can_write, Button::new(text)).clicked() {
            cx.commands.push(Command::AskExport);
        }
        let command = UiCommand::CopyAsCommand;
        let button = ui.button(command.text());
        if button.on_hover_text(command.tooltip()).clicked() {
            let pane = cx.workbench.attention;
            cx.commands.push(Command::CopyCommandOf(pane));
        }
    });
}

/// What will be written, or why nothing can be.
fn offer_ui(ui: &mut Ui, offer: &Result<Offer, String>) {
    let tokens = Tokens::of(ui);
    let (text, color) = match offer {
        Ok(offer) => (offer.line.clone(), tokens.strong),
        Err(why) => (sentence(why), tokens.warning),
    };
    ui.label(RichText::new(text).color(color));
    let name = offer.as_ref().map_or("", |offer| &offer.name);
    ui.label(RichText::new(name).color(tokens.weak));
    let items = offer
        .as_ref()
        .map_or(&[][..], |offer| offer.items.as_slice());
    if items.is_empty() {
        return;
    }
    // All of it, in a window that does not jump from view to view.
    ScrollArea::vertical()
        .id_salt("what is written")
        .max_height(LIST_HEIGHT)
        .auto_shrink([false, true])
        .show(ui, |ui| {
            for item in items {
                let text = RichText::new(item).text_style(TextStyle::Small);
                ui.label(text.color(tokens.weak));
            }
        });
}

/// A row of choices of which one is taken.
fn row<T: Copy + PartialEq>(
    ui: &mut Ui,
    label: &str,
    chosen: &mut T,
    all: &[T],
    name: impl Fn(T) -> String,
) {
    ui.label(RichText::new(label).color(Tokens::of(ui).weak));
    ui.horizontal(|ui| {
        for one in all {
            if ui
                .add(Button::selectable(*chosen == *one, name(*one)))
                .clicked()
            {
                *chosen = *one;
            }
        }
    });
    ui.end_row();
}

fn choices_ui(ui: &mut Ui, choice: &mut ExportChoice) {
    match choice.kind {
        Kind::View => {}
        Kind::Figure => {
            let name = |format: FigureFormat| format.name().to_owned();
            row(ui, "Format", &mut choice.figure, &FigureFormat::ALL, name);
            let name = |paper: Paper| format!("{} ground", sentence(paper.name()));
            row(ui, "Page", &mut choice.paper, &Paper::ALL, name);
            combo(ui, "Axes", choice.sides.name(), |ui| {
                for sides in Sides::ALL {
                    ui.selectable_value(&mut choice.sides, sides, sides.name());
                }
            });
            ui.end_row();
        }
        Kind::Data => {
            let name = |format: DataFormat| format.format().name().to_owned();
            row(ui, "Format", &mut choice.data, &DataFormat::ALL, name);
        }
        Kind::Table => {
            let all = [TableFormat::Ecsv, TableFormat::Csv];
            let name = |format: TableFormat| match format {
                TableFormat::Ecsv => "ECSV, with units".to_owned(),
                TableFormat::Csv => "CSV".to_owned(),
            };
            row(ui, "Format", &mut choice.table, &all, name);
        }
    }
    if choice.has_pixels() {
        let all: Vec<u8> = ExportChoice::SCALES.collect();
        row(ui, "Scale", &mut choice.scale, &all, |scale| {
            format!("{scale}x")
        });
    }
}
