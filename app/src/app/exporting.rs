//! Export and *Copy as command* of what a pane shows.
//!
//! Invariant: what is written is what was on the screen when the file was asked for, whatever happens until it is chosen.

use std::path::{Path, PathBuf};
use std::time::Duration;

use egui::Context;
use ganoscope_core::jobs::JobId;
use log::Level;

use super::App;
use crate::cli::compose::{Composed, Need, Shell, compose};
use crate::dialogs::Question;
use crate::display::Levels;
use crate::export::{Card, ExportChoice, Exporter, Job, Material, Offer, Shown, Written};
use crate::layout::PaneId;
use crate::notify::TERMINAL;
use crate::workbench::Workbench;

/// How long the end of the program waits for an export.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What is exported and copied.
#[derive(Default)]
pub(super) struct Exporting {
    pub(super) exporter: Exporter,
    /// The graphics card of the window.
    pub(super) card: Option<Card>,
    /// Waits for the file to be chosen.
    waiting: Option<Job>,
    /// A command waits for the file it refers to.
    copy: Option<Copying>,
    /// Files saved since the start that commands can refer to, one of a kind.
    companions: Vec<Companion>,
}

/// A file that holds what a command needs, for as long as the document is as it was then.
struct Companion {
    what: Need,
    path: PathBuf,
    text: String,
    /// Its saving, while that is under way.
    saving: Option<JobId>,
}

/// How far a file is that a command refers to.
#[derive(Clone, Copy)]
enum Copying {
    /// A person is asked where to save it, for a command of a pane.
    Asked(Need, PaneId),
    /// It is being saved.
    Saving(JobId, PaneId),
}

impl App {
    /// A copy of what a pane shows; nothing when it is closed.
    fn material(&mut self, id: PaneId, ctx: &Context) -> Option<Material> {
        let pane = self.workbench.layout.pane(id)?;
        let scene = self.results.scene.shown();
        let mut document = self.document.clone();
        // A pane may have a scale of its own.
        let levels = match self.workbench.display_of(pane) {
            Some(display) => {
                document.display = display;
                scene.map_or(Levels::UNIT, |s| Levels::of(&s.blend, display.limits))
            }
            None => self.levels.of(scene, document.display.limits),
        };
        Some(Material {
            view: pane.view,
            subject: self.views.subject(id),
            document,
            workbench: Workbench {
                view: pane.view,
                attention: id,
                navigation: self.workbench.navigation_of(pane),
                comparison: self.workbench.comparison_of(id).clone(),
                cursor: None,
                ..self.workbench.clone()
            },
            results: self.results.clone(),
            levels,
            is_dark: ctx.theme() == egui::Theme::Dark,
        })
    }

    /// Asks for the file of an export of the pane that the export window is open for, else of the one with the attention.
    pub(super) fn ask_export(&mut self, ctx: &Context) {
        let choice: ExportChoice = self.workbench.export;
        let pane = self.workbench.export_of;
        let pane = pane.unwrap_or(self.workbench.attention);
        let Some(material) = self.material(pane, ctx) else {
            return self.say(Level::Warn, "not exported: the view was closed", ctx);
        };
        let size = self.views.size(pane);
        let offer = match Offer::of(&choice, &material.shown(), size) {
            Ok(offer) => offer,
            Err(why) => return self.say(Level::Warn, &format!("not exported: {why}"), ctx),
        };
        let job = Job {
            view: self.views.twin(pane, material.view),
            size,
            card: self.exporting.card.clone(),
            path: PathBuf::new(),
            choice,
            material,
        };
        let extensions = choice.extensions();
        let name = offer.name;
        if self.ask(Question::Export { name, extensions }, ctx) {
            self.exporting.waiting = Some(job);
        }
    }

    /// The file of an export was chosen.
    pub(super) fn export_to(&mut self, path: PathBuf, ctx: &Context) {
        let Some(job) = self.exporting.waiting.take() else {
            return;
        };
        match self.exporting.exporter.start(Job { path, ..job }, ctx) {
            Ok(()) => self.workbench.export_of = None,
            Err(why) => self.say(Level::Warn, &format!("not exported: {why}"), ctx),
        }
    }

    /// Says how an export ended.
    pub(super) fn finish_export(&mut self, ctx: &Context) {
        match self.exporting.exporter.poll() {
            None => {}
            Some(Ok(written)) => self.say(Level::Info, &written_text(&written), ctx),
            Some(Err(why)) => self.say(Level::Error, &format!("not exported: {why}"), ctx),
        }
    }

    /// Lets an export end before the program does.
    pub(super) fn wait_for_export(&mut self) {
        if let Some(Err(why)) = self.exporting.exporter.finish(PATIENCE) {
            log::error!(target: TERMINAL, "not exported: {why}");
        }
    }

    /// The file that holds what a command needs, where the document did not change since it was saved.
    fn companion(&self, what: Need) -> Option<PathBuf> {
        let text = match what {
            Need::Recipe => self.document.edits.to_toml().ok()?,
            Need::Regions => self.regions_text().ok()?,
        };
        let companions = self.exporting.companions.iter();
        let mut held = companions.filter(|c| c.what == what && c.saving.is_none());
        let held = held.find(|c| c.text == text && c.path.is_file())?;
        Some(held.path.clone())
    }

    /// Copies the command for what a pane shows; `saved` is a file that was saved for it.
    pub(super) fn copy_command(&mut self, id: PaneId, saved: Option<&Path>, ctx: &Context) {
        let Some(view) = self.workbench.layout.pane(id).map(|pane| pane.view) else {
            return self.say(Level::Warn, "not copied: the view was closed", ctx);
        };
        let subject = self.views.subject(id);
        let shown = Shown {
            view,
            subject: &subject,
            document: &self.document,
            workbench: &self.workbench,
            results: &self.results,
        };
        let mut composed = compose(&shown, saved);
        if let Ok(Composed::Needs(need)) = composed
            && let Some(path) = self.companion(need)
        {
            composed = compose(&shown, Some(&path));
        }
        let line = match composed {
            Ok(Composed::Arguments(arguments)) => Shell::of_this_system().line(&arguments),
            Ok(Composed::Needs(need)) => return self.ask_for_companion(need, id, ctx),
            Err(why) => Err(why),
        };
        match line {
            Ok(line) => {
                log::info!(target: TERMINAL, "copied: {line}");
                let saved = saved.map_or_else(String::new, |saved| {
                    let name = saved.file_name().unwrap_or_default().display();
                    format!("saved {name} and ")
                });
                self.say(Level::Info, &format!("{saved}copied: {line}"), ctx);
                ctx.copy_text(line);
            }
            Err(why) => self.say(Level::Warn, &format!("not copied: {why}"), ctx),
        }
    }

    /// Asks where to save what a command refers to.
    fn ask_for_companion(&mut self, need: Need, pane: PaneId, ctx: &Context) {
        let (question, text) = match need {
            Need::Recipe => (
                Question::SaveRecipe,
                "the edits have masks: save them as a recipe, the command refers to it",
            ),
            Need::Regions => (
                self.where_to_save_regions(),
                "save the regions as a file, the command refers to it",
            ),
        };
        if self.ask(question, ctx) {
            self.exporting.copy = Some(Copying::Asked(need, pane));
            self.say(Level::Info, text, ctx);
        }
    }

    /// A file of `text` is being saved; a command may wait for it, and later ones refer to it.
    pub(super) fn companion_is_saving(
        &mut self,
        what: Need,
        id: Option<JobId>,
        (path, text): (PathBuf, String),
    ) {
        self.exporting.companions.retain(|c| c.what != what);
        if id.is_some() {
            self.exporting.companions.push(Companion {
                what,
                path,
                text,
                saving: id,
            });
        }
        if let Some(Copying::Asked(need, pane)) = self.exporting.copy
            && need == what
        {
            self.exporting.copy = id.map(|id| Copying::Saving(id, pane));
        }
    }

    /// A file could not be saved: no command refers to it.
    pub(super) fn companion_failed(&mut self, id: JobId) {
        let companions = &mut self.exporting.companions;
        companions.retain(|c| c.saving != Some(id));
    }

    /// A file was saved; returns whether a command waited for it.
    pub(super) fn copy_with_companion(&mut self, id: JobId, path: &Path, ctx: &Context) -> bool {
        for companion in &mut self.exporting.companions {
            companion.saving = companion.saving.filter(|saving| *saving != id);
        }
        match self.exporting.copy {
            Some(Copying::Saving(job, pane)) if job == id => {
                self.exporting.copy = None;
                self.copy_command(pane, Some(path), ctx);
                true
            }
            _ => false,
        }
    }

    /// Nothing waits for a file any more.
    pub(super) fn forget_export(&mut self) {
        self.exporting.waiting = None;
        self.exporting.copy = None;
    }
}

/// `exported a.pdf, 84 kB: /folder`.
fn written_text(written: &Written) -> String {
    let Written { paths, bytes } = written;
    let first = paths.first().cloned().unwrap_or_default();
    let name = first.file_name().unwrap_or_default().display().to_string();
    let what = match paths.len() {
        0 | 1 => name,
        count => format!("{name} and {} more files", count - 1),
    };
    let folder = first
        .parent()
        .unwrap_or(Path::new(""))
        .display()
        .to_string();
    format!("exported {what}, {}: {folder}", bytes_text(*bytes))
}

/// `84 kB`, `1.2 MB`.
fn bytes_text(bytes: u64) -> String {
    let value = bytes as f64;
    match bytes {
        0..1000 => format!("{bytes} bytes"),
        1000..1_000_000 => format!("{:.0} kB", value / 1e3),
        _ => format!("{:.1} MB", value / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_their_own_unit() {
        let texts = [17, 1000, 84_321, 1_234_567].map(bytes_text);
        assert_eq!(texts, ["17 bytes", "1 kB", "84 kB", "1.2 MB"]);
    }
}
