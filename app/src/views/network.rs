//! What is known of the networks that are open: what they were recognised as and why, where their tensors went, what was guessed;
//! and the description that a person corrects where weights alone do not tell.

use egui::{CollapsingHeader, Grid, RichText, ScrollArea, TextEdit, TextStyle, Ui};
use ganoscope_core::checkpoint::{Guess, LoadReport};
use ganoscope_core::jobs::NetworkFile;

use super::ViewCx;
use crate::command::{Command, UiCommand};
use crate::theme::{Tokens, size};
use crate::widgets::empty_ui;
use crate::workbench::DescriptionSheet;

/// Width of both sheets, points.
pub const SHEET_WIDTH: f32 = 620.0;
/// Rows of names that are shown at once.
const NAMES_HEIGHT: f32 = 160.0;
/// Rows of a description that are shown at once.
const DESCRIPTION_ROWS: usize = 22;

/// What is known of every network that is open, filling `ui`.
pub fn network_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let Some(series) = cx.results.series.shown() else {
        let hint = "Open a network or a series first.";
        empty_ui(ui, "No network is open", hint, |_| {});
        return;
    };
    ui.set_width(SHEET_WIDTH);
    let height = (ui.ctx().content_rect().height() - 160.0).max(160.0);
    let area = ScrollArea::vertical().auto_shrink([false, true]);
    area.max_height(height).show(ui, |ui| {
        for warning in &series.warnings {
            ui.label(RichText::new(warning).color(Tokens::of(ui).warning));
        }
        let discriminator = series
            .discriminator
            .as_ref()
            .map(|network| ("discriminator".to_owned(), network));
        let all = std::iter::once((series.role.to_string(), &series.network)).chain(discriminator);
        for (role, network) in all {
            if let Some(file) = &network.file {
                ui.push_id(role.as_str(), |ui| file_ui(cx, ui, &role, file));
                ui.add_space(size::GROUP_GAP);
            }
        }
    });
}

fn file_ui(cx: &ViewCx<'_>, ui: &mut Ui, role: &str, file: &NetworkFile) {
    let weak = Tokens::of(ui).weak;
    let small = |text: &str| RichText::new(text).text_style(TextStyle::Small).color(weak);
    let identity = &file.identity;
    ui.label(RichText::new(format!("{}, {}", identity.family, identity.confidence)).strong());
    ui.label(small(&format!("{role} of {}", file.path.display())));
    ui.label(small(&format!("SHA-256 {}", file.sha256)));
    for port in &file.ports {
        ui.label(port);
    }
    for evidence in &identity.evidence {
        ui.label(format!("because {evidence}"));
    }
    guesses_ui(ui, &file.guesses);
    report_ui(ui, &file.report);
    if file.can_be_described {
        let command = UiCommand::Describe;
        let button = ui.button(command.text()).on_hover_text(command.tooltip());
        if button.clicked() {
            cx.commands.push(command);
        }
    }
}

/// What was guessed, with the value and the reason.
fn guesses_ui(ui: &mut Ui, guesses: &[Guess]) {
    if guesses.is_empty() {
        return;
    }
    ui.add_space(size::GAP);
    ui.label(RichText::new("Guessed").strong());
    let weak = Tokens::of(ui).weak;
    Grid::new("guesses")
        .num_columns(3)
        .spacing([14.0, 2.0])
        .show(ui, |ui| {
            for Guess { what, value, why } in guesses {
                ui.label(&**what);
                ui.label(value);
                ui.add(egui::Label::new(RichText::new(&**why).color(weak)).wrap());
                ui.end_row();
            }
        });
}

/// Where the tensors went: the kinds that are there, each opened to its names.
fn report_ui(ui: &mut Ui, report: &LoadReport) {
    ui.add_space(size::GAP);
    ui.label(RichText::new("Tensors").strong());
    let renamed: Vec<String> = report
        .renamed
        .iter()
        .map(|(from, to)| format!("{from} became {to}"))
        .collect();
    let kinds = [
        ("applied", &report.applied, false),
        ("missing", &report.missing, true),
        ("unused", &report.unused, true),
        ("renamed", &renamed, false),
    ];
    for (what, names, is_strange) in kinds {
        if names.is_empty() {
            continue;
        }
        let mut title = RichText::new(format!("{} {what}", names.len()));
        if is_strange {
            title = title.color(Tokens::of(ui).warning);
        }
        let header = CollapsingHeader::new(title).id_salt(what);
        header.show(ui, |ui| {
            let height = ui.text_style_height(&TextStyle::Monospace);
            ScrollArea::vertical()
                .id_salt(what)
                .max_height(NAMES_HEIGHT)
                .show_rows(ui, height, names.len(), |ui, rows| {
                    for name in names.get(rows).unwrap_or_default() {
                        ui.label(RichText::new(name).monospace());
                    }
                });
        });
    }
}

/// The description as a text to be corrected, filling `ui`.
pub fn description_ui(cx: &ViewCx<'_>, ui: &mut Ui, sheet: &DescriptionSheet) {
    let tokens = Tokens::of(ui);
    ui.set_width(SHEET_WIDTH);
    if let Some(why) = &sheet.draft.why {
        ui.label(RichText::new(why.to_string()).color(tokens.error));
    }
    let hint = "Correct the lines marked doubtful where you know better. The text is kept beside the weights and says from then \
                on what the network is.";
    ui.label(hint);
    let mut text = sheet.text.clone();
    let height = (ui.ctx().content_rect().height() - 260.0).max(120.0);
    ScrollArea::vertical().max_height(height).show(ui, |ui| {
        let edit = TextEdit::multiline(&mut text)
            .code_editor()
            .desired_rows(DESCRIPTION_ROWS)
            .desired_width(f32::INFINITY);
        ui.add(edit).accessible_name("Description of the network");
    });
    if text != sheet.text {
        cx.commands.push(Command::EditDescription(text));
    }
    let path = sheet.draft.description.display().to_string();
    ui.label(
        RichText::new(path)
            .text_style(TextStyle::Small)
            .color(tokens.weak),
    );
    ui.horizontal(|ui| {
        if sheet.is_saving {
            ui.label("Saving");
        } else if ui.button("Save and open").clicked() {
            cx.commands.push(Command::SaveDescription);
        }
        if ui.button("Put away").clicked() {
            cx.commands.push(Command::CloseDescription);
        }
    });
}
