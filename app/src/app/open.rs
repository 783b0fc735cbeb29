//! Opening: what a path turned out to be becomes part of the document. Nothing that is open is lost when it is bad.

use egui::Context;
use ganoscope_core::jobs::Opened;
use log::Level;

use super::App;
use crate::command::{Change, Command};
use crate::dialogs::{Answer, Question};
use crate::store;

impl App {
    /// A path was looked at.
    pub(super) fn opened(&mut self, opened: Opened, ctx: &Context) {
        match opened {
            Opened::Series(info) => {
                for warning in &info.warnings {
                    self.say(Level::Warn, warning, ctx);
                }
                self.change(Change::OpenSeries(info.path.clone()));
                // The same folder may hold other checkpoints than before.
                self.bridge.retry(ganoscope_core::jobs::Slot::Series);
            }
            Opened::Scene(scene) => {
                for note in &scene.notes {
                    self.say(Level::Warn, note, ctx);
                }
                self.change(Change::OpenInputs(vec![scene.path.clone()]));
                self.bridge.retry(ganoscope_core::jobs::Slot::Scene);
            }
            Opened::Recipe { path, edits } => {
                let name = path.file_name().unwrap_or_default().display().to_string();
                self.change(Change::SetEdits {
                    edits,
                    name: format!("open {name}"),
                });
            }
            Opened::Session { path, text } => match store::read(&text) {
                Ok(session) => self.open_session(session, path, ctx),
                Err(error) => {
                    let text = format!("{error}: {}", path.display());
                    self.say(Level::Error, &text, ctx);
                }
            },
            Opened::Failed { why, .. } => self.say(Level::Error, &why.to_string(), ctx),
        }
    }

    /// Opens the bundled demonstration.
    pub(super) fn open_demo(&mut self, ctx: &Context) {
        let Some(series) = self.demo.series.clone() else {
            let text = "the demonstration is not installed; open a series of your own";
            self.say(Level::Warn, text, ctx);
            return;
        };
        self.change(Change::OpenSeries(series));
        if let Some(first) = self.demo.inputs.first().cloned() {
            self.change(Change::OpenInputs(self.demo.inputs.clone()));
            self.change(Change::ShowInput(first));
        }
    }

    /// The person answered a dialog.
    pub(super) fn answered(&mut self, answer: Answer, ctx: &Context) {
        let Answer { question, paths } = answer;
        let Some(first) = paths.first().cloned() else {
            return;
        };
        match question {
            Question::OpenFiles | Question::OpenSeries => {
                self.commands.push(Command::Open(paths));
            }
            Question::SaveSession { .. } => self.save_as(first, ctx),
            Question::SaveRecipe => self.save_recipe(first, ctx),
        }
    }
}
