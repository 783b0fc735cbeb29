//! The search over all commands, and the list of changes.

use egui::{Align2, Id, Key, Modifiers, RichText, ScrollArea, TextEdit, Ui, vec2};

use super::chrome::Shell;
use crate::command::{Command, UiCommand};
use crate::theme::{Tokens, size};
use crate::widgets::icon_atom;

/// What is typed and which row is chosen, while the search is open.
#[derive(Clone, Debug, Default)]
struct Search {
    text: String,
    row: usize,
}

impl Shell<'_> {
    /// The search over all commands.
    pub(super) fn palette_ui(&self, ui: &mut Ui) {
        let place = Id::unique("palette search");
        if !self.cx.workbench.palette_open {
            ui.data_mut(|data| data.remove::<Search>(place));
            return;
        }
        let mut search: Search = ui.data(|data| data.get_temp(place)).unwrap_or_default();
        let modal = egui::Modal::new(Id::unique("palette")).show(ui.ctx(), |ui| {
            ui.set_width(460.0_f32.min(ui.ctx().content_rect().width() - 60.0));
            let steps = ui.input_mut(|input| {
                let mut steps = 0;
                for (key, by) in [(Key::ArrowDown, 1), (Key::ArrowUp, -1)] {
                    steps += by * input.count_and_consume_key(Modifiers::NONE, key) as isize;
                }
                steps
            });
            let edit = TextEdit::singleline(&mut search.text)
                .hint_text("Type the name of a command")
                .desired_width(f32::INFINITY);
            let response = ui.add(edit);
            response.request_focus();
            let is_confirmed = ui.input(|i| i.key_pressed(Key::Enter));
            if response.changed() {
                search.row = 0;
            }
            let found = found(&search.text);
            let last = found.len().saturating_sub(1) as isize;
            search.row = (search.row as isize + steps).clamp(0, last) as usize;
            ui.add_space(size::GAP);
            ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
                if found.is_empty() {
                    ui.label(
                        RichText::new("No command has such a name").color(Tokens::of(ui).weak),
                    );
                }
                for (row, command) in found.iter().enumerate() {
                    self.found_ui(ui, *command, row == search.row, steps != 0);
                }
            });
            let chosen = found.get(search.row).filter(|_| is_confirmed);
            if let Some(command) = chosen.filter(|command| self.is_possible(**command)) {
                self.cx.commands.push(UiCommand::Palette);
                self.cx.commands.push(*command);
            }
        });
        ui.data_mut(|data| data.insert_temp(place, search));
        if modal.should_close() {
            self.cx.commands.push(UiCommand::Palette);
        }
    }

    fn found_ui(&self, ui: &mut Ui, command: UiCommand, is_chosen: bool, has_moved: bool) {
        let keys = command.keys_text(ui.ctx());
        let content = (icon_atom(command.icon()), self.text_of(command));
        let button = egui::Button::selectable(is_chosen, content)
            .shortcut_text(keys)
            .min_size(vec2(ui.available_width(), 0.0));
        let response = ui.add_enabled(self.is_possible(command), button);
        if is_chosen && has_moved {
            response.scroll_to_me(None);
        }
        if response.on_hover_text(command.tooltip()).clicked() {
            self.cx.commands.push(UiCommand::Palette);
            self.cx.commands.push(command);
        }
    }

    /// All changes in order; a click goes to the state after it.
    pub(super) fn history_ui(&self, ui: &mut Ui) {
        if !self.cx.workbench.history_open {
            ui.data_mut(|data| data.remove::<usize>(Id::unique("history shown")));
            return;
        }
        let mut is_open = true;
        egui::Window::new("History")
            .open(&mut is_open)
            .default_width(240.0)
            .anchor(Align2::RIGHT_TOP, vec2(-14.0, 44.0))
            .show(ui.ctx(), |ui| {
                let past: Vec<&str> = self.history.past_names().collect();
                let future: Vec<&str> = self.history.future_names().collect();
                // The present state is brought into sight when the list opens and whenever it becomes another.
                let place = Id::unique("history shown");
                let now = Some(past.len());
                let is_moved = ui.data(|data| data.get_temp::<usize>(place)) != now;
                ScrollArea::vertical().max_height(360.0).show(ui, |ui| {
                    let first = -(past.len() as isize);
                    self.change_ui(ui, "as it was opened", first, is_moved);
                    for (i, name) in past.iter().enumerate() {
                        let by = i as isize + 1 - past.len() as isize;
                        self.change_ui(ui, name, by, is_moved);
                    }
                    for (i, name) in future.iter().enumerate() {
                        self.change_ui(ui, name, i as isize + 1, is_moved);
                    }
                });
                ui.data_mut(|data| data.insert_temp(place, past.len()));
            });
        if !is_open {
            self.cx.commands.push(UiCommand::ToggleHistory);
        }
    }

    fn change_ui(&self, ui: &mut Ui, name: &str, by: isize, is_moved: bool) {
        let tokens = Tokens::of(ui);
        let text = RichText::new(name);
        let text = if by > 0 {
            text.color(tokens.weak)
        } else {
            text
        };
        let mut button =
            egui::Button::selectable(by == 0, text).min_size(vec2(ui.available_width(), 0.0));
        if by == 0 {
            // By words too, not by colour alone.
            button = button.right_text(RichText::new("now").color(tokens.weak));
        }
        let tooltip = match by {
            0 => "The present state".to_owned(),
            by if by < 0 => format!("Undo {} changes", -by),
            by => format!("Make {by} changes again"),
        };
        let response = ui.add(button).on_hover_text(tooltip);
        if by == 0 && is_moved {
            response.scroll_to_me(Some(egui::Align::Center));
        }
        if response.clicked() && by != 0 {
            self.cx.commands.push(Command::Jump(by));
        }
    }
}

/// The commands whose names hold the letters of `text` in order, the best matches first.
fn found(text: &str) -> Vec<UiCommand> {
    let mut scored: Vec<(usize, UiCommand)> = UiCommand::ALL
        .iter()
        .copied()
        .filter(|command| *command != UiCommand::Palette)
        .filter_map(|command| {
            let by_name = misfit(command.text(), text);
            // Another word for it counts less than its name.
            let by_word = other_words(command)
                .iter()
                .filter_map(|word| Some(misfit(word, text)? + BY_WORD))
                .min();
            let misfit = by_name.into_iter().chain(by_word).min()?;
            Some((misfit, command))
        })
        .collect();
    scored.sort_by_key(|(misfit, _)| *misfit);
    scored.into_iter().map(|(_, command)| command).collect()
}

/// What a match of another word is worse than one of the name.
const BY_WORD: usize = 3;

/// Other words that people look for a command by.
const fn other_words(command: UiCommand) -> &'static [&'static str] {
    match command {
        UiCommand::ShowDisplay => &[
            "limits",
            "range of values",
            "stretch",
            "zscale",
            "black and white",
            "colour map",
            "histogram",
            "inverted",
        ],
        UiCommand::ToggleScale => &["own limits"],
        UiCommand::ResetZoom => &["fit to window"],
        UiCommand::ToggleLibrary => &["files", "list of pictures"],
        UiCommand::Reload => &["refresh", "reload"],
        UiCommand::Export => &["save picture", "save figure", "print", "FITS", "PDF"],
        UiCommand::KeepPicture => &["snapshot", "freeze"],
        UiCommand::ShowCompare => &["difference", "blink", "versus"],
        UiCommand::ShowRelevance => &["attribution", "saliency", "explain"],
        UiCommand::ShowUnits => &["activations", "channels", "neurons"],
        UiCommand::ShowTimeline => &["checkpoints", "training", "PSNR"],
        UiCommand::AblateSelection => &["switch off", "remove unit"],
        UiCommand::Help => &["shortcuts"],
        _ => &[],
    }
}

/// How badly `text` fits `name`: letters skipped before and between its own; nothing when one is missing.
fn misfit(name: &str, text: &str) -> Option<usize> {
    let name = name.to_lowercase();
    let mut letters = name.chars();
    let mut skipped = 0;
    let mut is_first = true;
    for wanted in text.to_lowercase().chars().filter(|c| !c.is_whitespace()) {
        // Where the match begins matters less than holes in it.
        let passed = letters.position(|letter| letter == wanted)?;
        skipped += if is_first { passed } else { 4 * passed };
        is_first = false;
    }
    Some(skipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_by_letters_in_order() {
        assert_eq!(found("undo").first(), Some(&UiCommand::Undo));
        assert_eq!(found("all units").first(), Some(&UiCommand::SelectAll));
        assert_eq!(found("comp").first(), Some(&UiCommand::ShowCompare));
        assert!(found("zzzz").is_empty());
        for word in ["limits", "range", "zscale", "stretch"] {
            let first = found(word).first().copied();
            assert_eq!(first, Some(UiCommand::ShowDisplay), "{word}");
        }
        assert_eq!(found("").len(), UiCommand::ALL.len() - 1);
        assert_eq!(misfit("Undo", "undoo"), None);
        assert_eq!(misfit("Undo", "o"), Some(3));
    }
}
