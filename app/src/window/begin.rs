//! What the window begins with: what was asked for, the last session, or the demonstration.
//!
//! Invariant: a session that gives way to files asked for is kept, and what happened to it is said.

use std::path::PathBuf;

use ganoscope_core::session::Lock;
use log::Level;

use super::WindowOptions;
use crate::app::{App, AppParts};
use crate::command::Command;
use crate::demo;
use crate::document::Document;
use crate::store::{self, Recovery};
use crate::workbench::{SessionName, Workbench};

/// What the first frame begins with.
#[derive(Default)]
pub(super) struct Begin {
    pub(super) document: Document,
    pub(super) workbench: Workbench,
    pub(super) recovery: Option<Recovery>,
    /// The last session, when something else was asked for: one undo away.
    last: Option<Document>,
    /// Looked at by the worker before they are opened.
    to_open: Vec<PathBuf>,
    /// Whether nobody has used the program here before.
    is_first_time: bool,
    pub(super) messages: Vec<(Level, String)>,
}

impl Begin {
    /// What was asked for; else the last session; else the demonstration.
    pub(super) fn of(options: &WindowOptions) -> Self {
        let mut begin = Self::default();
        let is_for_a_test = options.smoke || options.screenshot.is_some();
        if !is_for_a_test {
            begin.recover(store::state_folder());
        }
        let is_asked = options.series.is_some() || !options.inputs.is_empty();
        begin.tell_recovered(is_asked);
        if is_asked {
            begin.make_way();
            // The session is opened from anywhere later; a path that cannot be made absolute is told when it is opened.
            let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or(path.clone());
            let asked = options.series.iter().chain(&options.inputs);
            begin.to_open = asked.map(absolute).collect();
        }
        let demo = demo::locate();
        if begin.document == Document::default() && options.series.is_none() {
            begin.document.series = demo.series;
            if options.inputs.is_empty() {
                begin.document = Document::new(begin.document.series.take(), demo.inputs);
            }
        }
        begin
    }

    /// The app in its first window.
    pub(super) fn start(self, cc: &eframe::CreationContext<'_>, parts: AppParts) -> App {
        let mut app = App::new(&cc.egui_ctx, parts);
        for (level, text) in &self.messages {
            app.say(*level, text, &cc.egui_ctx);
        }
        if self.is_first_time && self.to_open.is_empty() {
            app.begin_tour(&cc.egui_ctx);
        }
        if let Some(last) = self.last {
            app.remember(&last);
        }
        if !self.to_open.is_empty() {
            app.push(Command::Open(self.to_open));
        }
        app
    }

    /// Says that a session is there again though the program did not end by itself; not when another is asked for.
    fn tell_recovered(&mut self, is_asked: bool) {
        let was_killed = self.recovery.as_ref().is_some_and(Recovery::was_killed);
        if was_killed && !is_asked && self.document != Document::default() {
            let text = recovered_text(self.workbench.session.as_ref());
            self.messages.push((Level::Warn, text));
        }
    }

    /// What was asked for takes the place of the last session, which is kept.
    fn make_way(&mut self) {
        let last = std::mem::take(&mut self.document);
        if let Some(name) = self.workbench.session.take() {
            // The lock that a killed program left beside the person's file goes with it.
            drop(Lock::take(&name.path));
        }
        let demo = demo::locate();
        let untouched = Document::new(demo.series, demo.inputs);
        if last == Document::default() {
            return;
        }
        if let Some(recovery) = self.recovery.as_ref().filter(|_| last != untouched) {
            let kept = match recovery.set_aside() {
                Ok(()) => (Level::Info, KEPT.to_owned()),
                Err(error) => (
                    Level::Warn,
                    format!("the session before this one is not kept: {error}"),
                ),
            };
            self.messages.push(kept);
        }
        self.last = Some(last);
    }

    /// Takes the last session up, unless another window has it.
    fn recover(&mut self, folder: Option<PathBuf>) {
        let Some(folder) = folder else {
            return;
        };
        let recovery = match Recovery::take(&folder) {
            Ok(recovery) => recovery,
            Err(error) => {
                let text = format!("this window will not be recovered at the next start: {error}");
                self.messages.push((Level::Warn, text));
                return;
            }
        };
        match recovery.load() {
            Ok(Some(session)) => {
                self.document = session.document;
                self.workbench = session.workbench.mended();
            }
            Ok(None) => self.is_first_time = true,
            Err(text) => self.messages.push((Level::Warn, text)),
        }
        self.recovery = Some(recovery);
    }
}

/// Said when files asked for take the place of the last session.
const KEPT: &str =
    "the session before this one is kept: File, Open recent, Session before this one; or undo";

/// Said when the program did not end by itself the last time.
fn recovered_text(name: Option<&SessionName>) -> String {
    let Some(name) = name else {
        return "recovered the session of the last time, which ended unexpectedly; it has no name yet"
            .to_owned();
    };
    let file = name.path.file_name().unwrap_or_default().display();
    let changed = if name.is_changed {
        "; it has changes that are not saved"
    } else {
        ""
    };
    format!("recovered the session of the last time, which ended unexpectedly{changed}: {file}")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_first_time_is_the_first_time_only() {
        let folder = tempfile::tempdir().unwrap();
        let start = || {
            let mut begin = Begin::default();
            begin.recover(Some(folder.path().to_owned()));
            begin
        };
        let first = start();
        assert!(first.is_first_time);
        let text = store::text_of(&first.document, &first.workbench).unwrap();
        std::fs::write(first.recovery.unwrap().path(), text).unwrap();
        assert!(!start().is_first_time);
        let mut nowhere = Begin::default();
        nowhere.recover(None);
        assert!(!nowhere.is_first_time, "it would be the first time always");
    }

    /// A state folder that a killed window left behind: a changed session under a name, and both locks.
    fn left_behind(folder: &Path) -> (Document, PathBuf) {
        let named = folder.join("mine.ron");
        let document = Document::new(Some("series".into()), vec!["a.fits".into()]);
        let workbench = Workbench {
            session: Some(SessionName {
                path: named.clone(),
                is_changed: true,
            }),
            ..Workbench::default()
        };
        let text = store::text_of(&document, &workbench).unwrap();
        std::fs::write(folder.join("session.ron"), text).unwrap();
        for lock in ["session.ron.lock", "mine.ron.lock"] {
            std::fs::write(folder.join(lock), "4242").unwrap();
        }
        (document, named)
    }

    #[test]
    fn after_a_kill_the_session_has_its_name_and_it_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let (document, named) = left_behind(folder.path());
        let mut begin = Begin::default();
        begin.recover(Some(folder.path().to_owned()));
        begin.tell_recovered(false);
        assert_eq!(begin.document, document);
        assert_eq!(begin.workbench.session.map(|s| s.path), Some(named));
        let [(Level::Warn, text)] = begin.messages.as_slice() else {
            panic!("{:?}", begin.messages)
        };
        assert!(
            text.starts_with("recovered") && text.ends_with("mine.ron"),
            "{text}"
        );
    }

    #[test]
    fn files_that_are_asked_for_leave_the_session_before_within_reach() {
        let folder = tempfile::tempdir().unwrap();
        let (document, named) = left_behind(folder.path());
        let mut begin = Begin::default();
        begin.recover(Some(folder.path().to_owned()));
        begin.make_way();
        assert_eq!(begin.document, Document::default());
        assert_eq!(begin.last, Some(document.clone()));
        assert!(begin.workbench.session.is_none());
        assert!(!named.with_extension("ron.lock").exists());
        let earlier = begin.recovery.as_ref().unwrap().earlier();
        let [path] = earlier.as_slice() else {
            panic!("{earlier:?}")
        };
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(store::read(&text).unwrap().document, document);
        assert!(begin.messages.iter().any(|(_, text)| text == KEPT));
    }

    #[test]
    fn a_folder_that_takes_no_file_is_told_and_the_window_opens() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("in the way");
        std::fs::write(&file, "").unwrap();
        let mut begin = Begin::default();
        begin.recover(Some(file.join("state")));
        assert!(begin.recovery.is_none() && !begin.is_first_time);
        let [(Level::Warn, text)] = begin.messages.as_slice() else {
            panic!("{:?}", begin.messages)
        };
        assert!(
            text.contains("will not be recovered") && text.contains("in the way"),
            "{text}"
        );
    }
}
