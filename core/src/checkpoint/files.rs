//! The files that a network or a series of networks lies in.
//!
//! Invariant: only what opening reads is named, so nothing outside the folder of the file that names it.

use std::fs;
use std::path::{Path, PathBuf};

use super::blueprint::Blueprint;
use super::format::Format;
use super::memory::Budget;
use super::series::{GRAPH_FILE, Series};
use super::{
    CheckpointError, Limits, MANIFEST_FILE, METRICS_FILE, NetworkSpec, beside, description_of,
    keras, onnx,
};

/// The files that stand for what lies at `path`, a network, a series or a picture; weights are not read.
///
/// A file comes with what it names (the shards of a layers model of TensorFlow.js, the weights beside an ONNX model or a
/// description) and with the description beside it. A series with a manifest stands for that and for the metrics of its
/// checkpoints, which hold the hashes of all weights; one without for the files of its checkpoints. What cannot be read is
/// left out.
pub fn files_of(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        return of_folder(path);
    }
    let mut files = vec![path.to_owned()];
    files.extend(named_by(path).unwrap_or_default());
    files.extend(Some(description_of(path)).filter(|file| file.is_file()));
    files
}

fn of_folder(dir: &Path) -> Vec<PathBuf> {
    let manifest = dir.join(MANIFEST_FILE);
    if manifest.is_file() {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let metrics = entries.map(|entry| entry.path().join(METRICS_FILE));
        let mut files: Vec<PathBuf> = metrics.filter(|file| file.is_file()).collect();
        files.sort();
        files.insert(0, manifest);
        return files;
    }
    let graph = dir.join(GRAPH_FILE);
    if graph.is_file() {
        return files_of(&graph);
    }
    let mut files: Vec<PathBuf> = Series::foreign_files(dir)
        .iter()
        .flat_map(|file| files_of(file))
        .collect();
    files.sort();
    files.dedup();
    files
}

/// The files that a file says it needs.
fn named_by(path: &Path) -> Result<Vec<PathBuf>, CheckpointError> {
    let budget = Budget::new(Limits::default());
    match Format::told(path)? {
        Some(Format::Json) => keras::shards(path, &budget),
        Some(Format::Onnx) => onnx::files_beside(path, &budget),
        Some(Format::Description) => {
            let (description, _) = Blueprint::read(path, &budget)?;
            let Some(weights) = description.weights else {
                return Ok(Vec::new());
            };
            let weights = NetworkSpec::parse(&weights).path;
            let place = beside::find(path, &weights.to_string_lossy());
            Ok(vec![place.map_err(|t| t.at("description", path))?])
        }
        _ => Ok(Vec::new()),
    }
}
