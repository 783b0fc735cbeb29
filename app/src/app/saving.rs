//! Saving: the session under its name, the running session for the next start, recipes. All writing is the worker's.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use egui::Context;
use ganoscope_core::atomic::atomic_write;
use ganoscope_core::jobs::{Failure, JobId, TextToSave};
use ganoscope_core::session::Lock;
use log::Level;

use super::App;
use super::changing::Before;
use super::exporting::PATIENCE;
use crate::bridge::Notice;
use crate::cli::compose::Need;
use crate::dialogs::Question;
use crate::document::Document;
use crate::notify::TERMINAL;
use crate::store::{self, Recovery, SavedSession};
use crate::theme;
use crate::workbench::{SessionName, Workbench};

/// The running session is written at most this often, seconds.
const KEEP_EVERY_SECS: f64 = 2.0;

/// What is saved where.
pub(super) struct Saving {
    recovery: Option<Recovery>,
    /// Those that were there when the window opened; no others come while it is open.
    earlier: Vec<PathBuf>,
    /// The file saved by name, locked for this window.
    named: Option<Named>,
    /// What the running session's file holds.
    kept: Option<(Document, Workbench)>,
    kept_at: f64,
    /// Set when the window has written that file for the last time: what still waits with the worker is older.
    is_over: Arc<AtomicBool>,
    /// Savings under way that a person asked for.
    asked: Vec<(JobId, Option<Document>)>,
}

struct Named {
    lock: Lock,
    /// What the file holds.
    saved: Option<Document>,
}

impl Saving {
    /// The window's clock begins anew: the session may be kept at once.
    pub(super) fn restart(&mut self) {
        self.kept_at = f64::NEG_INFINITY;
    }

    pub(super) fn new(recovery: Option<Recovery>) -> Self {
        let earlier = recovery.as_ref().map(Recovery::earlier);
        Self {
            recovery,
            earlier: earlier.unwrap_or_default(),
            named: None,
            kept: None,
            kept_at: f64::NEG_INFINITY,
            is_over: Arc::default(),
            asked: Vec::new(),
        }
    }

    /// The file saved by name.
    pub(super) fn path(&self) -> Option<&Path> {
        self.named.as_ref().map(|n| n.lock.path())
    }

    /// The name for the running session's file.
    fn name(&self, document: &Document) -> Option<SessionName> {
        let path = self.path()?.to_owned();
        let is_changed = self.is_unsaved(document);
        Some(SessionName { path, is_changed })
    }

    /// The sessions that this one took the place of, the latest first.
    pub(super) fn earlier(&self) -> &[PathBuf] {
        &self.earlier
    }

    /// Whether the document differs from the file saved by name.
    pub(super) fn is_unsaved(&self, document: &Document) -> bool {
        let named = self.named.as_ref();
        named.is_some_and(|n| n.saved.as_ref() != Some(document))
    }
}

impl App {
    /// Saves under the name there is, or asks for one.
    pub(super) fn save(&mut self, ctx: &Context) {
        match self.saving.path().map(Path::to_owned) {
            Some(path) => self.save_as(path, ctx),
            None => self.ask_where_to_save(ctx),
        }
    }

    pub(super) fn ask_where_to_save(&mut self, ctx: &Context) {
        let name = self.saving.path().and_then(Path::file_name);
        let name = name.map_or_else(|| "session.ron".to_owned(), |n| n.display().to_string());
        self.ask(Question::SaveSession { name }, ctx);
    }

    /// Saves under a name, which the session has from then on.
    pub(super) fn save_as(&mut self, path: PathBuf, ctx: &Context) {
        let path = with_extension(path, "ron");
        if let Err(error) = self.name_session(path.clone()) {
            self.say(Level::Error, &error, ctx);
            return;
        }
        let (document, mut workbench) = (self.document.clone(), self.workbench.clone());
        // Both belong to this machine.
        (workbench.session, workbench.window) = (None, None);
        // The files it refers to are read for it, which the window does not wait for.
        let text =
            TextToSave::made_by(move || Ok(store::text_with_references(&document, &workbench)?));
        match self.bridge.save(path, text) {
            Some(id) => self.saving.asked.push((id, Some(self.document.clone()))),
            None => self.say(Level::Warn, "the program is busy; save again", ctx),
        }
    }

    /// Locks the file at `path` and gives the session its name.
    fn name_session(&mut self, path: PathBuf) -> Result<(), String> {
        let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let named = self.saving.named.as_ref();
        if named.is_some_and(|n| whole(n.lock.path()) == whole(&path)) {
            return Ok(());
        }
        let lock = Lock::take(&path).map_err(|error| error.to_string())?;
        self.saving.named = Some(Named { lock, saved: None });
        Ok(())
    }

    /// Gives the session the name that it had when the program's own file was written.
    pub(super) fn take_name_up(&mut self, ctx: &Context) {
        let Some(SessionName { path, is_changed }) = self.workbench.session.take() else {
            return;
        };
        match self.name_session(path) {
            Ok(()) => {
                let saved = (!is_changed).then(|| self.document.clone());
                if let Some(named) = &mut self.saving.named {
                    named.saved = saved;
                }
            }
            Err(error) => {
                let text = format!("the session has lost its name: {error}");
                self.say(Level::Warn, &text, ctx);
            }
        }
    }

    /// Opens a session read from `path`.
    pub(super) fn open_session(&mut self, session: SavedSession, path: PathBuf, ctx: &Context) {
        // The program's own files are no names to save under.
        let is_own = self.saving.earlier.contains(&path);
        if is_own {
            self.saving.named = None;
        } else if let Err(error) = self.name_session(path) {
            self.say(Level::Error, &error, ctx);
            return;
        }
        let SavedSession {
            document,
            workbench,
            ..
        } = session;
        if let Some(named) = &mut self.saving.named {
            named.saved = Some(document.clone());
        }
        let before = Before::of(&self.document);
        // What was open before is one undo away.
        self.history
            .about_to_change(&self.document, "open the session".to_owned(), "session");
        self.document = document;
        self.history.close(&self.document);
        let name = workbench.session.clone().filter(|_| is_own);
        self.workbench = Workbench {
            session: name,
            ..workbench
        };
        self.take_name_up(ctx);
        self.let_go_of_others(&before);
        // Its files may have changed since they were shown last.
        self.forget_timeline();
        self.ask_anew();
        theme::wear(ctx, &self.workbench);
    }

    pub(super) fn save_recipe(&mut self, path: PathBuf, ctx: &Context) {
        let path = with_extension(path, "toml");
        match self.document.edits.to_toml() {
            Ok(text) => {
                let id = self.save_text(path.clone(), text.clone(), ctx);
                self.companion_is_saving(Need::Recipe, id, (path, text));
            }
            Err(error) => {
                self.say(Level::Error, &error.to_string(), ctx);
                self.forget_export();
            }
        }
    }

    /// Writes a small file that a person asked for; nothing when the program is busy, which is said.
    pub(super) fn save_text(
        &mut self,
        path: PathBuf,
        text: String,
        ctx: &Context,
    ) -> Option<JobId> {
        let id = self.bridge.save(path, text);
        match id {
            Some(id) => self.saving.asked.push((id, None)),
            None => self.say(Level::Warn, "the program is busy; save again", ctx),
        }
        id
    }

    /// Waits until what a person asked to be saved is written, when the program ends. Studies are stopped for it; a network's
    /// layer that takes longer than anybody waits is not.
    pub(super) fn wait_for_saving(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        if !self.saving.asked.is_empty() {
            self.results.jobs.iter().for_each(|job| job.cancel.cancel());
        }
        while !self.saving.asked.is_empty() {
            let notices = self.bridge.wait(&mut self.results, deadline);
            if notices.is_empty() && Instant::now() >= deadline {
                let count = self.saving.asked.len();
                log::error!(target: TERMINAL, "not saved: {count} files; the program was busy");
                return;
            }
            for notice in notices {
                if let Notice::Saved { id, outcome, .. } = notice {
                    self.saving.asked.retain(|(job, _)| *job != id);
                    if let Err(why) = outcome {
                        log::error!(target: TERMINAL, "not saved: {why}");
                    }
                }
            }
        }
    }

    /// The worker has written a file, or could not.
    pub(super) fn saved(
        &mut self,
        id: JobId,
        path: &Path,
        outcome: Result<(), Failure>,
        ctx: &Context,
    ) {
        let asked = self.saving.asked.iter().position(|(job, _)| *job == id);
        let asked = asked.map(|at| self.saving.asked.remove(at));
        match (asked, outcome) {
            (Some((_, document)), Ok(())) => {
                if let Some(named) = self.saving.named.as_mut().filter(|n| n.lock.path() == path)
                    && document.is_some()
                {
                    named.saved = document;
                }
                if self.copy_with_companion(id, path, ctx) {
                    return;
                }
                let name = path.file_name().unwrap_or_default().display();
                self.say(Level::Info, &format!("saved {name}"), ctx);
            }
            (Some(_), Err(why)) => {
                self.companion_failed(id);
                self.say(Level::Error, &format!("not saved: {why}"), ctx);
            }
            (None, Ok(())) => {}
            (None, Err(why)) => {
                // Said once: without this file nothing is lost that is on the screen.
                self.saving.recovery = None;
                let text = format!("this session will not be recovered at the next start: {why}");
                self.say(Level::Warn, &text, ctx);
            }
        }
    }

    /// Keeps the running session's file up to date, when the document rests.
    pub(super) fn keep_session(&mut self, ctx: &Context) {
        self.workbench.session = self.saving.name(&self.document);
        let Some(recovery) = &self.saving.recovery else {
            return;
        };
        let same =
            |kept: &(Document, Workbench)| kept.0 == self.document && kept.1 == self.workbench;
        if self.saving.kept.as_ref().is_some_and(same) {
            return;
        }
        let wait = self.saving.kept_at + KEEP_EVERY_SECS - ctx.time();
        if wait > 0.0 {
            ctx.request_repaint_after_secs(wait as f32);
            return;
        }
        let Ok(text) = store::text_of(&self.document, &self.workbench) else {
            return;
        };
        let is_over = Arc::clone(&self.saving.is_over);
        let text = TextToSave::made_by(move || {
            if is_over.load(Ordering::Acquire) {
                return Err(Failure::new("a newer state was written"));
            }
            Ok(text.clone())
        });
        let path = recovery.path().to_owned();
        if self.bridge.save(path, text).is_some() {
            self.saving.kept_at = ctx.time();
            self.saving.kept = Some((self.document.clone(), self.workbench.clone()));
        }
    }

    /// Writes the running session's file before the program ends.
    pub(super) fn save_now(&mut self) {
        self.workbench.session = self.saving.name(&self.document);
        let Some(recovery) = &self.saving.recovery else {
            return;
        };
        self.saving.is_over.store(true, Ordering::Release);
        let written = store::text_of(&self.document, &self.workbench)
            .map_err(|error| error.to_string())
            .and_then(|text| {
                atomic_write(recovery.path(), |out| {
                    std::io::Write::write_all(out, text.as_bytes())
                })
                .map_err(|error| error.to_string())
            });
        if let Err(error) = written {
            log::error!(target: TERMINAL, "the session is not kept: {error}");
        }
    }
}

/// The path with the extension of what is written there: one of another kind would be read as such, and what has it now
/// would be lost. A dot in a name does not begin an extension.
pub(super) fn with_extension(path: PathBuf, extension: &str) -> PathBuf {
    let own = path.extension().and_then(|own| own.to_str());
    if own.is_some_and(|own| own.eq_ignore_ascii_case(extension)) {
        return path;
    }
    let mut name = path.into_os_string();
    name.push(".");
    name.push(extension);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_kind_is_not_taken() {
        for (given, wanted) in [
            ("a", "a.reg"),
            ("a.REG", "a.REG"),
            ("table.ecsv", "table.ecsv.reg"),
            ("ngc.1300", "ngc.1300.reg"),
        ] {
            assert_eq!(with_extension(given.into(), "reg"), Path::new(wanted));
        }
    }
}
