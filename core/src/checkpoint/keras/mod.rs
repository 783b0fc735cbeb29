//! Layers models of Keras and TensorFlow.js: a configuration in JSON that names the layers, and weights in one of three
//! containers (HDF5, the zip archive of Keras 3, shards of TensorFlow.js).
//!
//! Invariants: no code of a file is run, and layers that are code are refused by name; pictures are turned from rows,
//! columns, channels to channels, rows, columns with everything that reads them, so results are the same numbers.
//! Sources: `keras/src/saving` and `keras/src/layers` of Keras 2 and 3, `tfjs-layers/src` of TensorFlow.js.

mod ahead;
mod archive;
mod connect;
mod fields;
mod graph;
mod hdf5;
mod lower;
mod names;
mod order;
mod store;
mod tfjs;
mod value;

use std::borrow::Cow;
use std::path::Path;

use serde_json::Value as Json;

use self::lower::{Lowered, Setting};
use self::store::Store;
pub(super) use self::tfjs::shards;
use super::memory::{Budget, Held, JSON_BYTES};
use super::zip_archive::Archive;
use super::{CheckpointError, Confidence, Identity, LoadReport, ReadNetwork, role};
use crate::network::GoOn;

/// What files of this kind are called in errors.
const KIND: &str = "Keras layers model";

/// Where a layer is: the models around it from outside to inside, then itself.
struct Place<'a> {
    /// Names.
    names: Vec<&'a str>,
    /// Where Keras 3 stores its weights.
    stored: String,
}

impl<'a> Place<'a> {
    /// Name of the layer itself.
    fn layer(&self) -> &'a str {
        self.names.last().copied().unwrap_or_default()
    }

    /// The place of a layer of the model that is here.
    fn inside(&self, name: &'a str, stored: &str) -> Self {
        let mut names = self.names.clone();
        names.push(name);
        let stored = if self.stored.is_empty() {
            format!("layers/{stored}")
        } else {
            format!("{}/layers/{stored}", self.stored)
        };
        Self { names, stored }
    }
}

/// A model out of its container.
struct Contents {
    /// Class and configuration of the outermost model.
    topology: Json,
    /// Its weights.
    store: Store,
    /// What wrote the file, as far as it says.
    writer: String,
    /// First number of the version of Keras, 2 where it is not said.
    keras: u32,
    /// The container, as a person calls it.
    container: &'static str,
    /// SHA-256 of the file, in hexadecimal.
    sha256: String,
}

/// Reads a `model.json` of TensorFlow.js with its shards.
///
/// `stamp_size`: rows and columns of the stamps to be run, taken where the file leaves them open.
///
/// # Errors
/// When the file is damaged or another kind of JSON, a shard is missing, or a layer cannot be computed exactly.
pub(super) fn read_json(
    path: &Path,
    stamp_size: Option<usize>,
    budget: &Budget,
    go_on: GoOn<'_>,
) -> Result<ReadNetwork, CheckpointError> {
    let contents = tfjs::read(path, budget, go_on)?;
    build(contents, path, stamp_size, budget, go_on)
}

/// Reads an HDF5 file that Keras 2 wrote, or Keras 3 in that format.
///
/// # Errors
/// As [`read_json`].
pub(super) fn read_hdf5(
    path: &Path,
    stamp_size: Option<usize>,
    budget: &Budget,
    go_on: GoOn<'_>,
) -> Result<ReadNetwork, CheckpointError> {
    let contents = hdf5::read(path, budget, go_on)?;
    build(contents, path, stamp_size, budget, go_on)
}

/// Whether a zip archive is one of Keras 3, told from the names in it.
pub(super) fn is_archive(archive: &Archive) -> bool {
    archive::is_one(archive)
}

/// Counts what is made of a JSON text of `length` bytes.
fn json_held(length: usize, budget: &Budget, path: &Path) -> Result<Held, CheckpointError> {
    let bytes = JSON_BYTES.saturating_mul(length as u64);
    budget.take(bytes, "its configuration", path)
}

/// Reads a zip archive of Keras 3.
///
/// # Errors
/// As [`read_json`].
pub(super) fn read_archive(
    path: &Path,
    stamp_size: Option<usize>,
    budget: &Budget,
    go_on: GoOn<'_>,
) -> Result<ReadNetwork, CheckpointError> {
    let contents = archive::read(path, budget, go_on)?;
    build(contents, path, stamp_size, budget, go_on)
}

fn build(
    contents: Contents,
    path: &Path,
    stamp_size: Option<usize>,
    budget: &Budget,
    go_on: GoOn<'_>,
) -> Result<ReadNetwork, CheckpointError> {
    let Contents {
        topology,
        store,
        writer,
        keras,
        container,
        sha256,
    } = contents;
    let broken = |what: &str| CheckpointError::Broken {
        format: KIND,
        what: what.to_owned(),
        path: path.to_owned(),
    };
    let class = topology.get("class_name").and_then(Json::as_str);
    let class = class.ok_or_else(|| broken("its topology has no class_name"))?;
    let config = topology.get("config");
    let config = config.ok_or_else(|| broken("its topology has no config"))?;
    if !graph::is_model(class, config) {
        return Err(CheckpointError::Unsupported {
            what: format!(
                "the model is of the class {class}, whose layers are code; only Sequential and Functional models state \
                 theirs"
            ),
            path: path.to_owned(),
        });
    }
    let model = graph::model(class, config, path, 0)?;
    let setting = Setting {
        path,
        budget,
        go_on,
        stamp_size,
        keras,
        is_javascript: container == tfjs::CONTAINER,
    };
    let Lowered {
        network,
        store,
        mut guesses,
    } = lower::lower(&model, store, &setting)?;
    let (unused, applied) = store.unused_and_used();
    let role = role::of(&network, &mut guesses);
    let name = config.get("name").and_then(Json::as_str);
    let mut evidence = vec![format!("{container}, written by {writer}")];
    if let Some(name) = name {
        evidence.push(format!("{class} model named {name}"));
    }
    Ok(ReadNetwork {
        network,
        role,
        identity: Identity {
            family: Cow::Borrowed(KIND),
            confidence: Confidence::Stated,
            evidence,
        },
        report: LoadReport {
            applied,
            unused,
            ..LoadReport::default()
        },
        guesses,
        sha256,
    })
}

/// The first number of a version such as `2.10.0`.
fn major(version: &str) -> Option<u32> {
    let digits = version.trim_start_matches(|c: char| !c.is_ascii_digit());
    digits
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}
