//! Opening: what a path turned out to be becomes part of the document. Nothing that is open is lost when it is bad.

use std::path::PathBuf;

use egui::Context;
use ganoscope_core::checkpoint::{Confidence, NetworkRole};
use ganoscope_core::jobs::{Opened, SeriesInfo, Slot};
use ganoscope_core::latent::Takes;
use ganoscope_core::stamp::io::PictureFile;
use log::Level;

use super::App;
use super::gathered::Gathered;
use super::regions::TableWish;
use crate::command::{Change, Command};
use crate::dialogs::{Answer, Question};
use crate::store;
use crate::views::ViewKey;

impl App {
    /// The paths of one gesture were looked at. A series and pictures come together as one change, and last: a session
    /// among them is what they are shown with.
    pub(super) fn opened(&mut self, all: Vec<Opened>, ctx: &Context) {
        let mut told = Gathered::of(all.len());
        let (mut series, mut inputs) = (None, Vec::new());
        let (mut region_files, mut first_scene) = (Vec::new(), None);
        for opened in all {
            match opened {
                Opened::Scene(scene) => {
                    let name = scene.picture.name();
                    for note in &scene.notes {
                        // Last, as paths are: a toast begins with a capital, and a name must stay as it is.
                        let note = note.trim_end_matches('.');
                        told.warn(format!("{note}: {name}"));
                    }
                    inputs.push(scene.picture.clone());
                    first_scene.get_or_insert(scene);
                }
                Opened::Regions { path, text } => region_files.push((path, text)),
                Opened::Draft(draft) => self.show_draft(draft, ctx),
                Opened::Series(info) => {
                    info.warnings.iter().for_each(|w| told.warn(w.clone()));
                    self.say_doubt(&info, ctx);
                    series = Some(info);
                }
                Opened::Failed { why, .. } => told.fail(why.to_string()),
                other => self.opened_one(other, ctx),
            }
        }
        if series.is_some() {
            // The same folder may hold other checkpoints than before.
            self.forget_timeline();
        }
        let path = series.as_ref().map(|info| info.path.clone());
        for path in inputs.iter().rev().map(|i| &i.path).chain(&path) {
            self.workbench.remember(path);
        }
        // Where nothing that was asked for can be opened, the demonstration has its own pictures.
        let is_demo = self.demo.series.is_some() && self.document.series == self.demo.series;
        let has_nothing = series.is_none() && inputs.is_empty() && told.has_failures();
        if is_demo && has_nothing && self.document.inputs.is_empty() {
            inputs = self.demo_inputs();
        }
        told.tell(self, ctx);
        if series.is_some() || !inputs.is_empty() {
            let takes = series.as_ref().map_or(Takes::Pictures, |info| info.takes);
            let is_plain = series.as_deref().is_some_and(shows_plain_pictures);
            self.change(Change::Open {
                series: path,
                takes,
                is_plain,
                inputs,
            });
            self.ask_anew();
        }
        // The view of the outputs has nothing to show of a picture that no network takes.
        let is_large = first_scene
            .as_ref()
            .is_some_and(|scene| scene.blend.reduction.is_some());
        if is_large {
            self.workbench.show(ViewKey::Regions);
        }
        // Positions in region files count the rows of the picture that they are opened with.
        for (path, text) in region_files {
            self.open_regions(&path, &text, first_scene.as_deref(), ctx);
        }
    }

    /// Says of a network that was recognised with doubt that it was.
    fn say_doubt(&mut self, info: &SeriesInfo, ctx: &Context) {
        let Some(file) = &info.network.file else {
            return;
        };
        if file.identity.confidence == Confidence::Doubtful {
            let text = format!(
                "taken for a {}, which is doubtful; About the network says why: {}",
                file.identity.family,
                file.path.display()
            );
            self.say(Level::Warn, &text, ctx);
        }
    }

    fn opened_one(&mut self, opened: Opened, ctx: &Context) {
        match opened {
            Opened::Scene(_)
            | Opened::Series(_)
            | Opened::Draft(_)
            | Opened::Regions { .. }
            | Opened::Failed { .. } => {}
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
        }
    }

    /// Files may have changed under the same names: nothing computed from them counts any more.
    pub(super) fn ask_anew(&mut self) {
        for slot in Slot::ALL {
            self.bridge.retry(slot);
        }
        self.results.thumbnails.clear();
    }

    fn demo_inputs(&self) -> Vec<PictureFile> {
        let inputs = self.demo.inputs.iter();
        inputs.map(|path| path.clone().into()).collect()
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
            takes: Takes::Pictures,
            is_plain: false,
            inputs: self.demo_inputs(),
        });
    }

    /// Files were let go over the window.
    pub(super) fn take_dropped_files(&mut self, ctx: &Context) {
        let paths: Vec<PathBuf> = ctx.input(|i| {
            let files = i.raw.dropped_files.iter();
            files.map(|f| f.path().to_owned()).collect()
        });
        if !paths.is_empty() {
            self.commands.push(Command::Open(paths));
        }
    }

    /// Asks for a file; returns whether the person is asked, and says it when another dialog is open.
    pub(super) fn ask(&mut self, question: Question, ctx: &Context) -> bool {
        let is_asked = self.dialogs.ask(question, ctx);
        if !is_asked {
            self.say(Level::Warn, "answer the open dialog first", ctx);
        }
        is_asked
    }

    /// The person answered a dialog.
    pub(super) fn answered(&mut self, answer: Answer, ctx: &Context) {
        let Answer {
            question,
            paths,
            is_impossible,
        } = answer;
        if is_impossible {
            // What waits for the file goes on waiting.
            self.workbench.asked = Some(question);
            return;
        }
        let Some(first) = paths.first().cloned() else {
            self.forget_export();
            return;
        };
        match question {
            Question::OpenFiles | Question::OpenSeries | Question::OpenRegions => {
                self.commands.push(Command::Open(paths));
            }
            Question::SaveSession { .. } => self.save_as(first, ctx),
            Question::SaveRecipe => self.save_recipe(first, ctx),
            Question::Export { .. } => self.export_to(first, ctx),
            Question::SaveRegions { .. } => self.save_regions(first, ctx),
            Question::SaveRegionTable { .. } => {
                self.wish_for_table(TableWish::Save(first), ctx);
            }
        }
    }
}

/// Whether the pictures of a network are most likely photographs, which are shown as they are: not those of deblenders, which
/// have several outputs, nor of series with a manifest.
fn shows_plain_pictures(info: &SeriesInfo) -> bool {
    let is_recognised = info.network.file.as_ref().is_some_and(|f| !f.has_manifest);
    is_recognised && info.role == NetworkRole::Generator && info.network.outputs.len() < 2
}
