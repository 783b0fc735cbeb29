//! Files that are named by a file: the weights of an ONNX model, the shards of a `model.json`, the weights of a description.
//!
//! Invariant: one policy. They lie in the folder of the file that names them, or below it, also behind links; otherwise a
//! file from elsewhere could make the program read anything.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::trouble::Trouble;

/// The place of the file that the file at `owner` names `name`.
///
/// # Errors
/// [`Trouble::Refused`] for what is not in the folder, [`Trouble::Placed`] where nothing can be found there.
pub(super) fn find(owner: &Path, name: &str) -> Result<PathBuf, Trouble> {
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if name.is_empty() || !Path::new(name).components().all(inside) {
        return Err(Trouble::Refused(format!(
            "{name:?} is not inside the folder of the file that names it"
        )));
    }
    let folder = match owner.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let path = folder.join(name);
    let resolved = |path: &Path| {
        fs::canonicalize(path)
            .map_err(|error| Trouble::Placed(super::CheckpointError::read(path)(error)))
    };
    // A link inside the folder may still lead out of it.
    if resolved(&path)?.starts_with(resolved(folder)?) {
        return Ok(path);
    }
    Err(Trouble::Refused(format!(
        "{name:?} is a link out of the folder of the file that names it"
    )))
}
