//! One window per session file: an operating system lock on a file beside it, which vanishes with the process.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Why a session cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another window has it.
    #[error(
        "the session is open in another window{}; close it there or save this one under another name: {}",
        process.as_ref().map(|p| format!(" (process {p})")).unwrap_or_default(),
        path.display()
    )]
    Taken {
        /// The session.
        path: PathBuf,
        /// The process that has it, if it said so.
        process: Option<String>,
    },
    /// The folder does not accept the lock.
    #[error("cannot lock the session ({source}): {}", path.display())]
    Io {
        /// The session.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// A locked session file; unlocked when dropped.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Locks the session at `path`, which need not exist yet.
    ///
    /// # Errors
    /// When another process or window has it, or the folder does not accept the lock.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let beside = lock_path(path);
        let failed = |source| LockError::Io {
            path: path.to_owned(),
            source,
        };
        let (mut file, locked) = loop {
            let file = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&beside)
                .map_err(failed)?;
            // Who had it may have removed the file between opening and locking: a lock on a file without a name keeps
            // nobody off.
            let locked = file.try_lock();
            if locked.is_err() || is_still_named(&file, &beside) {
                break (file, locked);
            }
        };
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let process = fs::read_to_string(&beside).ok();
                return Err(LockError::Taken {
                    path: path.to_owned(),
                    process: process
                        .map(|p| p.trim().to_owned())
                        .filter(|p| !p.is_empty()),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // Who has it is a courtesy for the message; the lock holds without it.
        let _ = file.set_len(0);
        let _ = write!(file, "{}", std::process::id());
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// The session that is locked.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removed while still locked, so that a file someone else locks meanwhile is never the one removed.
        let _ = fs::remove_file(lock_path(&self.path));
        let _ = self.file.unlock();
    }
}

/// Whether `path` still names the open `file`.
#[cfg(unix)]
fn is_still_named(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |m: fs::Metadata| (m.dev(), m.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => identity(open) == identity(named),
        _ => false,
    }
}

/// Elsewhere an open file cannot be removed.
#[cfg(not(unix))]
fn is_still_named(_: &File, _: &Path) -> bool {
    true
}

fn lock_path(session: &Path) -> PathBuf {
    let mut name = session.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    session.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_removed_file_is_not_locked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let file = File::create(&path).unwrap();
        assert!(is_still_named(&file, &path));
        fs::remove_file(&path).unwrap();
        assert!(!is_still_named(&file, &path));
        let other = File::create(&path).unwrap();
        assert!(!is_still_named(&file, &path) && is_still_named(&other, &path));
    }

    #[test]
    fn a_second_lock_is_refused_with_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ron");
        let first = Lock::take(&path).unwrap();
        let error = Lock::take(&path).unwrap_err();
        assert!(
            matches!(
                &error,
                LockError::Taken {
                    process: Some(_),
                    ..
                }
            ),
            "{error}"
        );
        assert!(error.to_string().ends_with("a.ron"), "{error}");
        drop(first);
        Lock::take(&path).unwrap();
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            0,
            "no lock is left behind"
        );
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let error = Lock::take(Path::new("/nonexistent/folder/a.ron")).unwrap_err();
        assert!(matches!(error, LockError::Io { .. }));
    }
}
