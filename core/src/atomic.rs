//! Files that appear complete or not at all: written beside their final name, then renamed over it.
//!
//! Invariant: after an error the file at the final name is what it was before, and nothing else is left in the folder.
//! Source: rename within one folder is atomic on POSIX file systems and on NTFS (`MoveFileEx` with replacement).

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Why a file could not be written. The file that was there, if any, is untouched.
#[derive(Debug, thiserror::Error)]
pub enum AtomicWriteError {
    /// The folder is missing or does not accept new files.
    #[error("cannot create a file in this folder ({why}): {}", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        why: io::Error,
    },
    /// The final name belongs to a folder or to a file marked read-only.
    #[error("cannot replace {what}: {}", .path.display())]
    Taken {
        /// What is there: `a folder`, `a read-only file`.
        what: &'static str,
        /// The final name.
        path: PathBuf,
    },
    /// Writing failed half-way: full disk, broken device, or the producer of the bytes gave up.
    #[error("cannot write ({why}), the old file is kept: {}", .path.display())]
    Write {
        /// The final name.
        path: PathBuf,
        /// What the operating system or the producer said.
        why: io::Error,
    },
}

impl AtomicWriteError {
    /// The file or folder the error is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Folder { path, .. } | Self::Taken { path, .. } | Self::Write { path, .. } => path,
        }
    }
}

/// Writes the file `path` through `write`; the file appears under its name only when `write` and the flush to the disk
/// have succeeded. Permissions of a replaced file are kept and symbolic links are followed. A device or pipe
/// (`/dev/stdout`) cannot be replaced by a rename and is written to directly.
///
/// ```
/// # use std::io::Write as _;
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("note.txt");
/// ganoscope_core::atomic::atomic_write(&path, |out| out.write_all(b"complete"))?;
/// assert_eq!(std::fs::read(&path)?, b"complete");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn atomic_write(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), AtomicWriteError> {
    let failed = |why| AtomicWriteError::Write {
        path: path.to_owned(),
        why,
    };
    // The target of a link is what the person means; a dangling link is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let permissions = match fs::metadata(&target) {
        Ok(meta) if meta.is_dir() => return Err(taken("a folder", path)),
        Ok(meta) if !meta.is_file() => {
            let device = File::options().write(true).open(&target).map_err(failed)?;
            let mut out = BufWriter::new(device);
            return write(&mut out).and_then(|()| out.flush()).map_err(failed);
        }
        Ok(meta) if meta.permissions().readonly() => return Err(taken("a read-only file", path)),
        Ok(meta) => Some(meta.permissions()),
        Err(_) => None,
    };
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let in_folder = |why| AtomicWriteError::Folder {
        path: folder.to_owned(),
        why,
    };
    // Dropping the temporary file on any early return deletes it.
    let temporary = new_file_builder().tempfile_in(folder).map_err(in_folder)?;
    let (file, temporary_path) = temporary.into_parts();
    let mut out = BufWriter::new(file);
    write(&mut out).map_err(failed)?;
    let file = out.into_inner().map_err(|e| failed(e.into_error()))?;
    if let Some(permissions) = permissions {
        file.set_permissions(permissions).map_err(failed)?;
    }
    file.sync_all().map_err(failed)?;
    drop(file); // Windows renames closed files only
    temporary_path.persist(&target).map_err(|e| failed(e.error))
}

/// [`atomic_write`] for bytes that are already in memory.
pub fn atomic_write_bytes(path: &Path, bytes: &[u8]) -> Result<(), AtomicWriteError> {
    atomic_write(path, |out| out.write_all(bytes))
}

fn taken(what: &'static str, path: &Path) -> AtomicWriteError {
    AtomicWriteError::Taken {
        what,
        path: path.to_owned(),
    }
}

/// Temporary files are private by default; the final file should have the permissions of any newly created file.
fn new_file_builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".ganoscope-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666)); // the umask still applies
    }
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_in(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .expect("folder exists")
            .map(|e| e.expect("entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_failed_write_keeps_the_old_file_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("session.ron");
        atomic_write_bytes(&path, b"old").expect("first write");
        let error = atomic_write(&path, |out| {
            out.write_all(&vec![0; 100_000])?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        })
        .expect_err("must fail");
        assert!(error.to_string().contains("session.ron"), "{error}");
        assert!(error.to_string().contains("old file is kept"), "{error}");
        assert_eq!(fs::read(&path).expect("old file"), b"old");
        assert_eq!(names_in(folder.path()), ["session.ron"]);
    }

    #[test]
    fn folders_and_missing_folders_are_refused_by_name() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let error = atomic_write_bytes(folder.path(), b"x").expect_err("a folder");
        assert!(matches!(error, AtomicWriteError::Taken { .. }), "{error}");
        let error = atomic_write_bytes(&folder.path().join("no/where.npy"), b"x")
            .expect_err("no such folder");
        assert!(matches!(error, AtomicWriteError::Folder { .. }), "{error}");
        assert!(error.path().ends_with("no"), "{error}");
    }

    #[test]
    fn a_read_only_file_is_not_replaced() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("kept.txt");
        atomic_write_bytes(&path, b"kept").expect("first write");
        let mut permissions = fs::metadata(&path).expect("metadata").permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).expect("mark read-only");
        let error = atomic_write_bytes(&path, b"lost").expect_err("read-only");
        assert!(error.to_string().contains("read-only"), "{error}");
        assert_eq!(fs::read(&path).expect("file"), b"kept");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_device_is_an_error() {
        let error = atomic_write_bytes(Path::new("/dev/full"), &[1; 10]).expect_err("always full");
        assert!(error.to_string().ends_with("/dev/full"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn permissions_and_links_survive() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().expect("temporary folder");
        let (path, link) = (folder.path().join("a"), folder.path().join("b"));
        atomic_write_bytes(&path, b"1").expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set mode");
        symlink(&path, &link).expect("link");
        atomic_write_bytes(&link, b"2").expect("write through the link");
        assert_eq!(fs::read(&path).expect("file"), b"2");
        let mode = fs::metadata(&path).expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }
}
