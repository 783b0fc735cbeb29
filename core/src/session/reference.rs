//! What a session refers to, as it was when the session was saved.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::Reference;
use crate::checkpoint::files_of;
use crate::plain_file;

/// Bytes that are hashed of one file, and of all files of one network: saving must stay a matter of milliseconds.
const MAX_BYTES: u64 = 32 << 20;

/// The present state of files and series directories, of each with all [files that it lies in](files_of). Files that cannot be
/// read are left out, and so are those that do not fit into 32 MiB for each of `paths`.
pub fn references_to<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Vec<Reference> {
    paths.into_iter().flat_map(state_of).collect()
}

/// The files of one path, as they are now.
fn state_of(path: &Path) -> Vec<Reference> {
    let mut left = MAX_BYTES;
    let state = |path: PathBuf| {
        left = left.checked_sub(path.metadata().ok()?.len())?;
        let sha256 = hash_of(&path).ok()?;
        Some(Reference { path, sha256 })
    };
    files_of(path).into_iter().filter_map(state).collect()
}

/// The files of a session's text that are not what they were when it was saved. Files that are gone are not named: who
/// opens them says so.
pub fn changed_references(text: &str) -> Vec<PathBuf> {
    #[derive(Deserialize)]
    struct Head {
        #[serde(default)]
        references: Vec<Reference>,
    }
    // A damaged text is told by who reads all of it.
    let references = ron::from_str::<Head>(text).map_or_else(|_| Vec::new(), |h| h.references);
    let is_changed = |r: &Reference| hash_of(&r.path).is_ok_and(|now| now != r.sha256);
    let changed = references.into_iter().filter(is_changed);
    changed.map(|r| r.path).collect()
}

/// SHA-256 of a file, in hexadecimal.
fn hash_of(path: &Path) -> io::Result<String> {
    struct Hasher(Sha256);
    impl Write for Hasher {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut file = plain_file::open(path)?;
    if file.metadata()?.len() > MAX_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut hasher = Hasher(Sha256::new());
    // A file that grows while it is read is none to wait for.
    io::copy(&mut (&mut file).take(MAX_BYTES), &mut hasher)?;
    let mut hex = String::new();
    for byte in hasher.0.finalize() {
        let _ = write!(hex, "{byte:02x}");
    }
    Ok(hex)
}

#[cfg(test)]
mod tests {
    use super::super::Session;
    use super::*;

    #[test]
    fn a_changed_file_is_named_and_a_missing_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["same.fits", "changed.fits", "gone.fits"].map(|n| folder.path().join(n));
        for path in &paths {
            std::fs::write(path, "as it was").unwrap();
        }
        let references = references_to(paths.iter().map(PathBuf::as_path));
        assert_eq!(references.len(), 3);
        let session = Session::new(1_u8, 2_u8).with_references(references);
        let text = session.to_text().unwrap();
        assert!(changed_references(&text).is_empty());
        std::fs::write(&paths[1], "as it is").unwrap();
        std::fs::remove_file(&paths[2]).unwrap();
        assert_eq!(changed_references(&text), [paths[1].clone()]);
        assert_eq!(
            references_to(paths.iter().map(PathBuf::as_path)).len(),
            2,
            "what is not there has no state"
        );
    }
}
