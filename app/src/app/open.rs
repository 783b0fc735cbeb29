//! Opening: what a path turned out to be becomes part of the document. Nothing that is open is lost when it is bad.

use egui::Context;
use ganoscope_core::jobs::{Opened, Slot};
use log::Level;

use super::App;
use crate::command::{Change, Command};
use crate::dialogs::{Answer, Question};
use crate::store;

impl App {
    /// The paths of one gesture were looked at. A series and pictures come together as one change, and last: a session
    /// among them is what they are shown with.
    pub(super) fn opened(&mut self, all: Vec<Opened>, ctx: &Context) {
        let (mut series, mut inputs) = (None, Vec::new());
        for opened in all {
            match opened {
                Opened::Scene(scene) => {
                    let name = scene.path.file_name().unwrap_or_default().display();
                    for note in &scene.notes {
                        // Last, as paths are: a toast begins with a capital, and a name must stay as it is.
                        let note = note.trim_end_matches('.');
                        self.say(Level::Warn, &format!("{note}: {name}"), ctx);
                    }
                    inputs.push(scene.path.clone());
                }
                Opened::Series(info) => {
                    for warning in &info.warnings {
                        self.say(Level::Warn, warning, ctx);
                    }
                    series = Some(info.path.clone());
                }
                other => self.opened_one(other, ctx),
            }
        }
        if series.is_some() {
            // The same folder may hold other checkpoints than before.
            self.forget_timeline();
        }
        for path in inputs.iter().rev().chain(&series) {
            self.workbench.remember(path);
        }
        if series.is_some() || !inputs.is_empty() {
            self.change(Change::Open { series, inputs });
            self.ask_anew();
        }
    }

    fn opened_one(&mut self, opened: Opened, ctx: &Context) {
        match opened {
            Opened::Scene(_) | Opened::Series(_) => {}
            Opened::Recipe { path, edits } => {
                let name = path.file_name().unwrap_or_default().display().to_string();
                self.change(Change::SetEdits {
                    edits,
                    name: format!("open {name}"),
                });
            }
            Opened::Session {
                path,
                text,
                changed,
            } => match store::read(&text) {
                Ok(session) => {
                    self.open_session(session, path, ctx);
                    for file in changed {
                        let text = format!(
                            "not the file it was when the session was saved: {}",
                            file.display()
                        );
                        self.say(Level::Warn, &text, ctx);
                    }
                }
                Err(error) => {
                    let text = format!("{error}: {}", path.display());
                    self.say(Level::Error, &text, ctx);
                }
            },
            Opened::Failed { why, .. } => self.say(Level::Error, &why.to_string(), ctx),
        }
    }

    /// Files may have changed under the same names: nothing computed from them counts any more.
    pub(super) fn ask_anew(&mut self) {
        for slot in Slot::ALL {
            self.bridge.retry(slot);
        }
    }

    /// Opens the bundled demonstration.
    pub(super) fn open_demo(&mut self, ctx: &Context) {
        let Some(series) = self.demo.series.clone() else {
            let text = "the demonstration is not installed; open a series of your own";
            self.say(Level::Warn, text, ctx);
            return;
        };
        self.change(Change::Open {
            series: Some(series),
            inputs: self.demo.inputs.clone(),
        });
    }

    /// The person answered a dialog.
    pub(super) fn answered(&mut self, answer: Answer, ctx: &Context) {
        let Answer { question, paths } = answer;
        let Some(first) = paths.first().cloned() else {
            self.forget_export();
            return;
        };
        match question {
            Question::OpenFiles | Question::OpenSeries => {
                self.commands.push(Command::Open(paths));
            }
            Question::SaveSession { .. } => self.save_as(first, ctx),
            Question::SaveRecipe => self.save_recipe(first, ctx),
            Question::Export { .. } => self.export_to(first, ctx),
        }
    }
}
