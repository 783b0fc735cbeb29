//! The bundled demonstration: a trained series and blends, found beside the source or beside the installed program.

use std::fs;
use std::path::{Path, PathBuf};

/// What the demonstration consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demo {
    /// The series directory.
    pub series: Option<PathBuf>,
    /// Blends with truths first, in the order of their names.
    pub inputs: Vec<PathBuf>,
}

/// The series of the demonstration, below the folder of models.
const SERIES: &str = "deblender-first";

/// Finds the demonstration; empty when it is not installed.
pub fn locate() -> Demo {
    let roots = roots();
    let found = |name: &str| roots.iter().map(|r| r.join(name)).find(|p| p.is_dir());
    let series = found("models")
        .map(|m| m.join(SERIES))
        .filter(|p| p.is_dir());
    let inputs = found("assets").map(|a| blends_in(&a)).unwrap_or_default();
    Demo { series, inputs }
}

/// Folders that may hold `models` and `assets`, best first.
fn roots() -> Vec<PathBuf> {
    let mut roots = Vec::new();
    if let Ok(program) = std::env::current_exe()
        && let Some(folder) = program.parent()
    {
        roots.push(folder.to_owned());
        // Linux packages: bin/ganoscope and share/ganoscope; macOS bundles: MacOS/ and Resources/.
        roots.push(folder.join("../share/ganoscope"));
        roots.push(folder.join("../Resources"));
    }
    roots.push(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    roots
        .into_iter()
        .filter_map(|root| root.canonicalize().ok())
        .collect()
}

/// FITS files below `folder` in a folder named `blends`, or directly in it.
fn blends_in(folder: &Path) -> Vec<PathBuf> {
    let blends = folder.join("blends");
    let folder = if blends.is_dir() { &blends } else { folder };
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let is_fits = |path: &PathBuf| {
        let name = path.to_string_lossy();
        name.ends_with(".fits") || name.ends_with(".fits.gz")
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_fits)
        .collect();
    paths.sort();
    paths
}
