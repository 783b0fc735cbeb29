//! A field for a path, where the system has no file dialog that can be shown.
//!
//! Invariant: it answers the question that the dialog was asked; nothing is replaced that the person was not told of.

use std::path::PathBuf;

use egui::{Context, Id, Key, RichText, TextEdit, Ui};

use super::App;
use super::chrome::Shell;
use crate::command::Command;
use crate::dialogs::{Answer, Question};
use crate::theme::{Tokens, size};

impl App {
    /// A path was typed, or the field was closed.
    pub(super) fn typed(&mut self, path: Option<PathBuf>, ctx: &Context) {
        let Some(question) = self.workbench.asked.take() else {
            return;
        };
        let answer = Answer {
            question,
            paths: path.into_iter().collect(),
            is_impossible: false,
        };
        self.answered(answer, ctx);
    }
}

impl Shell<'_> {
    /// The field, while a path is asked for.
    pub(super) fn path_field_ui(&self, ui: &Ui) {
        let place = Id::unique("typed path");
        let Some(question) = &self.cx.workbench.asked else {
            ui.data_mut(|data| data.remove::<String>(place));
            return;
        };
        let kept: Option<String> = ui.data(|data| data.get_temp(place));
        let mut text = kept.unwrap_or_else(|| first_text(question));
        let modal = egui::Modal::new(Id::unique("path")).show(ui.ctx(), |ui| {
            ui.set_width(520.0_f32.min(ui.ctx().content_rect().width() - 60.0));
            ui.heading(question.title());
            ui.add_space(size::GAP);
            let label = ui.label("Path");
            let edit = TextEdit::singleline(&mut text).desired_width(f32::INFINITY);
            let response = ui.add(edit).labelled_by(label.id);
            response.request_focus();
            let path = path_of(&text);
            let problem = path.as_ref().and_then(|path| problem_of(question, path));
            let note = problem.as_deref().unwrap_or_default();
            ui.label(RichText::new(note).color(Tokens::of(ui).warning));
            let is_confirmed = ui.input(|i| i.key_pressed(Key::Enter));
            ui.horizontal(|ui| {
                let verb = match (question.suggested(), problem.is_some()) {
                    (None, _) => "Open",
                    (Some(_), false) => "Save",
                    (Some(_), true) => "Replace",
                };
                let is_there = question.suggested().is_some() || problem.is_none();
                let button = ui.add_enabled(path.is_some() && is_there, egui::Button::new(verb));
                // A key that is pressed by habit replaces no file.
                let is_chosen = button.clicked() || (is_confirmed && problem.is_none());
                if let Some(path) = path.filter(|_| is_chosen) {
                    self.cx.commands.push(Command::Typed(Some(path)));
                }
                if ui.button("Cancel").clicked() {
                    self.cx.commands.push(Command::Typed(None));
                }
            });
        });
        ui.data_mut(|data| data.insert_temp(place, text));
        if modal.should_close() {
            self.cx.commands.push(Command::Typed(None));
        }
    }
}

/// The present folder, and the name suggested.
fn first_text(question: &Question) -> String {
    let folder = std::env::current_dir().unwrap_or_default();
    let path = folder.join(question.suggested().unwrap_or_default());
    path.display().to_string()
}

/// The path that a text names; none of an empty one.
fn path_of(text: &str) -> Option<PathBuf> {
    let text = text.trim();
    let absolute = std::path::absolute(text).ok()?;
    (!text.is_empty()).then_some(absolute)
}

/// What a person should know of a path before it is taken: for a file that is written, that there is one; for one that is
/// read, that there is none.
fn problem_of(question: &Question, path: &std::path::Path) -> Option<String> {
    let is_there = path.exists();
    if question.suggested().is_some() {
        is_there.then(|| "There is a file of this name; it would be replaced".to_owned())
    } else {
        (!is_there).then(|| "There is no such file or folder".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_not_replaced_unasked_and_none_opened_that_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("there.toml");
        std::fs::write(&there, "").unwrap();
        let gone = folder.path().join("gone.toml");
        assert!(problem_of(&Question::SaveRecipe, &there).is_some());
        assert!(problem_of(&Question::SaveRecipe, &gone).is_none());
        assert!(problem_of(&Question::OpenFiles, &there).is_none());
        assert!(problem_of(&Question::OpenFiles, &gone).is_some());
        assert_eq!(path_of("  "), None);
        assert!(path_of("a.toml").unwrap().is_absolute());
    }
}
