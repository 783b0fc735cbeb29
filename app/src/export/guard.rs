//! What an export must not be written over.
//!
//! Invariant: a file is only replaced when the person was asked about that very file, and never one that the results are
//! made from.

use std::path::{Path, PathBuf};

use ganoscope_core::checkpoint::{MANIFEST_FILE, NetworkRole};
use ganoscope_core::jobs::Input;

use crate::document::Document;

/// Refuses files that an export would replace unasked, or that it is made from. `chosen` is the path a person chose, which
/// their dialog asked about if it was there.
///
/// # Errors
/// With the file and what to do, in words for a person.
pub(super) fn refuse_to_replace<'a>(
    files: impl IntoIterator<Item = &'a Path>,
    chosen: &Path,
    document: &Document,
) -> Result<(), String> {
    for file in files {
        let shown = file.display();
        if is_source(file, document) {
            return Err(format!(
                "the export would replace what it is made from, choose another name: {shown}"
            ));
        }
        if is_weights_folder(file) {
            return Err(format!(
                "the folder holds weights of a series, choose another one: {shown}"
            ));
        }
        if file != chosen && file.symlink_metadata().is_ok() {
            return Err(format!(
                "a file that was not chosen is there already, choose its whole name to replace it, or another one: {shown}"
            ));
        }
    }
    Ok(())
}

/// Whether a file is an open picture, the open network, or describes the open series.
fn is_source(file: &Path, document: &Document) -> bool {
    // What is not there yet has no canonical path, and replaces nothing.
    let Ok(target) = file.canonicalize() else {
        return false;
    };
    let is_it = |source: &Path| source.canonicalize().is_ok_and(|source| source == target);
    let manifest = document.series.as_ref().map(|dir| dir.join(MANIFEST_FILE));
    let pictures = document.inputs.iter().chain(&document.input);
    let pictures = pictures.filter_map(Input::file);
    let series = document
        .series
        .iter()
        .chain(&manifest)
        .map(PathBuf::as_path);
    pictures.chain(series).any(is_it)
}

/// Whether a file lies where weights lie.
fn is_weights_folder(file: &Path) -> bool {
    let roles = [NetworkRole::Generator, NetworkRole::Discriminator];
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut weights = roles.iter().map(|role| folder.join(role.file_name()));
    weights.any(|weights| weights.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_file_chosen_is_replaced_and_never_a_source() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let checkpoint = path("series/step-100");
        std::fs::create_dir_all(&checkpoint).unwrap();
        let weights = checkpoint.join(NetworkRole::Generator.file_name());
        let manifest = path("series").join(MANIFEST_FILE);
        let there = [path("blend.fits"), path("a.pdf"), manifest, weights];
        for file in &there {
            std::fs::write(file, "kept").unwrap();
        }
        let document = Document::new(Some(path("series")), vec![path("blend.fits")]);
        let check = |file: &Path, chosen: &Path| refuse_to_replace([file], chosen, &document);
        // New files, and those the dialog asked about.
        assert_eq!(check(&path("b.pdf"), &path("b")), Ok(()));
        assert_eq!(check(&path("a.pdf"), &path("a.pdf")), Ok(()));
        // `a` became `a.pdf` after the dialog.
        let why = check(&path("a.pdf"), &path("a")).unwrap_err();
        assert!(why.contains("not chosen") && why.contains("a.pdf"), "{why}");
        for source in [&there[0], &there[2]] {
            let why = check(source, source).unwrap_err();
            assert!(why.contains("made from"), "{why}");
        }
        for file in [there[3].clone(), checkpoint.join("new.npy")] {
            let why = check(&file, &file).unwrap_err();
            assert!(why.contains("weights"), "{why}");
        }
    }
}
