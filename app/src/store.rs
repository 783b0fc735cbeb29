//! Sessions on disk: where the program keeps its own, and what it writes there.
//!
//! Invariant: a session appears complete or not at all, and a file is written by one window at a time.

use std::path::{Path, PathBuf};

use ganoscope_core::jobs::Input;
use ganoscope_core::session::{Lock, LockError, Session, SessionError, references_to};

use crate::document::Document;
use crate::workbench::Workbench;

/// A session of this program.
pub type SavedSession = Session<Document, Workbench>;

/// The file the running session is kept in, so that it is there again at the next start.
const RECOVERED: &str = "session.ron";
/// Sessions that are kept when another one takes their place; older ones are forgotten.
const MOST_EARLIER: usize = 5;

/// The folder for the program's own files, by the custom of the system; `GANOSCOPE_STATE` overrides it.
pub fn state_folder() -> Option<PathBuf> {
    let var = |name: &str| std::env::var_os(name).map(PathBuf::from);
    if let Some(folder) = var("GANOSCOPE_STATE") {
        return Some(folder);
    }
    let home = std::env::home_dir();
    if cfg!(target_os = "windows") {
        var("APPDATA").map(|p| p.join("Ganoscope"))
    } else if cfg!(target_os = "macos") {
        home.map(|p| p.join("Library/Application Support/Ganoscope"))
    } else {
        var("XDG_DATA_HOME")
            .filter(|p| p.is_absolute())
            .or_else(|| home.map(|p| p.join(".local/share")))
            .map(|p| p.join("ganoscope"))
    }
}

/// The running session's own file, locked for this window.
#[derive(Debug)]
pub struct Recovery {
    lock: Lock,
    was_killed: bool,
}

impl Recovery {
    /// Takes the file in `folder`, made if needed.
    ///
    /// # Errors
    /// When another window has it, or the folder does not accept it.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        // A failure here shows as a failure of the lock, with the path.
        let _ = std::fs::create_dir_all(folder);
        let path = folder.join(RECOVERED);
        // A program that ends by itself takes the lock's file away.
        let was_killed = path.with_extension("ron.lock").exists();
        let lock = Lock::take(&path)?;
        Ok(Self { lock, was_killed })
    }

    /// Whether the program did not end by itself the last time.
    pub const fn was_killed(&self) -> bool {
        self.was_killed
    }

    /// The sessions that others took the place of, the latest first.
    pub fn earlier(&self) -> Vec<PathBuf> {
        let all = (1..=MOST_EARLIER).map(|n| self.earlier_path(n));
        all.filter(|path| path.exists()).collect()
    }

    fn earlier_path(&self, n: usize) -> PathBuf {
        self.path()
            .with_file_name(format!("session-before-{n}.ron"))
    }

    /// Keeps the session of the last time beside this one, as the latest of the [earlier](Self::earlier) ones.
    ///
    /// # Errors
    /// When the folder does not accept it.
    pub fn set_aside(&self) -> std::io::Result<()> {
        for n in (1..MOST_EARLIER).rev() {
            let path = self.earlier_path(n);
            if path.exists() {
                std::fs::rename(path, self.earlier_path(n + 1))?;
            }
        }
        // Renamed, not copied: it is there complete, whatever happens.
        std::fs::rename(self.path(), self.earlier_path(1))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.lock.path()
    }

    /// The session of the last time; nothing when there was none.
    ///
    /// # Errors
    /// When there is one that cannot be read, with the file set aside so that it is not lost.
    pub fn load(&self) -> Result<Option<SavedSession>, String> {
        let text = match std::fs::read_to_string(self.path()) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(format!(
                    "the last session cannot be read ({error}): {}",
                    self.path().display()
                ));
            }
        };
        read(&text).map(Some).map_err(|error| {
            let aside = self.path().with_extension("ron.unreadable");
            match std::fs::rename(self.path(), &aside) {
                Ok(()) => format!(
                    "the last session is set aside, {error}: {}",
                    aside.display()
                ),
                Err(_) => format!("the last session: {error}: {}", self.path().display()),
            }
        })
    }
}

/// Reads a session from its text.
///
/// # Errors
/// When it is too new or damaged.
pub fn read(text: &str) -> Result<SavedSession, SessionError> {
    SavedSession::from_text(text)
}

/// A session as text.
///
/// # Errors
/// When the document has no text form.
pub fn text_of(document: &Document, workbench: &Workbench) -> Result<String, SessionError> {
    SavedSession::new(document.clone(), workbench.clone()).to_text()
}

/// A session as text that names what it refers to as it is when the text is made.
///
/// # Errors
/// As [`text_of`].
pub fn text_with_references(
    document: &Document,
    workbench: &Workbench,
) -> Result<String, SessionError> {
    let series = document.series.iter().map(PathBuf::as_path);
    let pictures = document.inputs.iter().filter_map(Input::file);
    let references = references_to(series.chain(pictures));
    SavedSession::new(document.clone(), workbench.clone())
        .with_references(references)
        .to_text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_session_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let recovery = Recovery::take(folder.path()).unwrap();
        assert_eq!(recovery.load(), Ok(None));
        std::fs::write(recovery.path(), "(version: 1, oops").unwrap();
        let error = recovery.load().unwrap_err();
        assert!(error.ends_with("session.ron.unreadable"), "{error}");
        assert_eq!(recovery.load(), Ok(None));
    }

    #[test]
    fn sessions_that_others_took_the_place_of_are_kept_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let recovery = Recovery::take(folder.path()).unwrap();
        assert!(!recovery.was_killed() && recovery.earlier().is_empty());
        for n in 0..7 {
            std::fs::write(recovery.path(), n.to_string()).unwrap();
            recovery.set_aside().unwrap();
        }
        let texts: Vec<String> = recovery
            .earlier()
            .iter()
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect();
        assert_eq!(texts, ["6", "5", "4", "3", "2"]);
        assert_eq!(recovery.load(), Ok(None));
    }

    #[test]
    fn a_lock_that_was_left_behind_tells_that_the_program_was_killed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("session.ron.lock"), "4242").unwrap();
        let recovery = Recovery::take(folder.path()).unwrap();
        assert!(recovery.was_killed());
        drop(recovery);
        assert!(!Recovery::take(folder.path()).unwrap().was_killed());
    }

    #[test]
    fn sessions_survive_their_text() {
        let document = Document::new(Some("series".into()), vec!["a.fits".into()]);
        let workbench = Workbench {
            timeline_open: false,
            ..Workbench::default()
        };
        let text = text_of(&document, &workbench).unwrap();
        let session = read(&text).unwrap();
        assert_eq!(session.document, document);
        assert_eq!(session.workbench, workbench);
    }
}
