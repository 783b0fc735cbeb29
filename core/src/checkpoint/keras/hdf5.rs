//! The container of Keras 2: an HDF5 file with the configuration as an attribute and a group of weights for every layer.
//! Source: `keras/src/legacy/saving/legacy_h5_format.py`.
//!
//! Invariant: external files and links are not followed, and no dataset is unpacked to more than its file can hold.

use std::path::Path;

use hdf5_reader::group::Group;
use hdf5_reader::{Dataset, Datatype, Hdf5File, OpenOptions};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::store::{Entry, Naming, Store};
use super::{Contents, json_held, major};
use crate::checkpoint::memory::Budget;
use crate::checkpoint::zip_archive::MOST_UNPACKED;
use crate::checkpoint::{CheckpointError, bytes, hash};
use crate::network::GoOn;

/// What the container is called in errors.
const KIND: &str = "HDF5 file";

/// Groups in groups: models in models, each with a few between.
const MAX_DEPTH: usize = 32;

/// Most groups and datasets of a file.
const MAX_OBJECTS: usize = 200_000;

/// Reads a file of Keras 2, or one that Keras 3 wrote in its format.
pub(super) fn read(
    path: &Path,
    budget: &Budget,
    go_on: GoOn<'_>,
) -> Result<Contents, CheckpointError> {
    let mut hash = Sha256::new();
    let (data, held) = bytes::whole(path, budget, &mut hash, go_on)?;
    // They stay in memory until the network is made.
    held.keep();
    let file = open(data, budget, path)?;
    let root = file.root_group().map_err(broken(path))?;
    let Some(config) = text(&root, "model_config") else {
        return Err(without_model(&root, path));
    };
    json_held(config.len(), budget, path)?.keep();
    let topology: Json = serde_json::from_str(&config).map_err(|e| CheckpointError::Broken {
        format: KIND,
        what: format!("its model_config is no JSON ({e})"),
        path: path.to_owned(),
    })?;
    let weights = root.group("model_weights").map_err(broken(path))?;
    let mut datasets = Vec::new();
    Walk::new(path, go_on).datasets(&weights, "", 0, &mut datasets)?;
    let entries = datasets.into_iter().map(|(name, dataset)| {
        let entry = entry(format!("model_weights/{name}"), dataset);
        (name, entry)
    });
    let version = text(&root, "keras_version");
    Ok(Contents {
        topology,
        store: Store::new(Naming::GroupedNames, entries.collect()),
        keras: version.as_deref().and_then(major).unwrap_or(2),
        writer: version.map_or_else(
            || "an unknown version of Keras".to_owned(),
            |version| format!("Keras {version}"),
        ),
        container: "HDF5 file of Keras",
        sha256: hash::hex(hash),
    })
}

/// Opens a file in memory.
pub(super) fn open(
    data: Vec<u8>,
    budget: &Budget,
    path: &Path,
) -> Result<Hdf5File, CheckpointError> {
    let most = (data.len() as u64).saturating_mul(MOST_UNPACKED);
    let most = usize::try_from(most.min(budget.left())).unwrap_or(usize::MAX);
    let options = OpenOptions {
        chunk_cache_bytes: 0,
        max_chunk_bytes: most,
        max_read_bytes: most,
        max_object_header_bytes: data.len(),
        ..OpenOptions::default()
    };
    Hdf5File::from_vec_with_options(data, options).map_err(broken(path))
}

/// An error of the HDF5 file as one of the whole.
pub(super) fn broken(path: &Path) -> impl FnOnce(hdf5_reader::error::Error) -> CheckpointError {
    move |error| CheckpointError::Broken {
        format: KIND,
        // On one line, whatever the file has in its names.
        what: error
            .to_string()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
        path: path.to_owned(),
    }
}

/// A text that belongs to a group.
fn text(group: &Group, name: &str) -> Option<String> {
    group.attribute(name).ok()?.read_string().ok()
}

/// What a file without a model is.
fn without_model(root: &Group, path: &Path) -> CheckpointError {
    let names = root
        .member_names()
        .map(|(groups, _)| groups)
        .unwrap_or_default();
    let is_weights = root.attribute("layer_names").is_ok()
        || names
            .iter()
            .any(|name| matches!(name.as_str(), "layers" | "model_weights"));
    CheckpointError::Unsupported {
        what: if is_weights {
            "the weights of a Keras model without its layers; save the whole model with model.save(\"name.keras\")"
        } else {
            "an HDF5 file without a Keras model (it has no attribute model_config)"
        }
        .to_owned(),
        path: path.to_owned(),
    }
}

/// A walk through the groups of a file. Links may lead to one group on many ways, so groups are counted every time.
pub(super) struct Walk<'a> {
    path: &'a Path,
    go_on: GoOn<'a>,
    objects: usize,
}

impl<'a> Walk<'a> {
    /// At the beginning; `go_on` is asked before every group.
    pub(super) const fn new(path: &'a Path, go_on: GoOn<'a>) -> Self {
        Self {
            path,
            go_on,
            objects: 0,
        }
    }

    /// All datasets of a group and the groups in it, with their paths.
    pub(super) fn datasets(
        &mut self,
        group: &Group,
        prefix: &str,
        depth: usize,
        found: &mut Vec<(String, Dataset)>,
    ) -> Result<(), CheckpointError> {
        if !(self.go_on)() {
            return Err(CheckpointError::Stopped {
                path: self.path.to_owned(),
            });
        }
        let too_much = |what: String| CheckpointError::Broken {
            format: KIND,
            what,
            path: self.path.to_owned(),
        };
        if depth > MAX_DEPTH {
            return Err(too_much(format!(
                "its groups are nested deeper than {MAX_DEPTH}"
            )));
        }
        let (groups, datasets) = group.members().map_err(broken(self.path))?;
        self.objects = self.objects.saturating_add(1 + datasets.len());
        if self.objects > MAX_OBJECTS {
            let what = format!("it has more than {MAX_OBJECTS} groups and datasets");
            return Err(too_much(what));
        }
        for dataset in datasets {
            let name = format!("{prefix}{}", dataset.name());
            found.push((name, dataset));
        }
        for inner in groups {
            let prefix = format!("{prefix}{}/", inner.name());
            self.datasets(&inner, &prefix, depth + 1, found)?;
        }
        Ok(())
    }
}

/// A dataset as a weight.
pub(super) fn entry(key: String, dataset: Dataset) -> Entry {
    Entry {
        key,
        dims: dataset.shape().iter().map(|dim| *dim as usize).collect(),
        decode: Box::new(move || decoded(&dataset)),
    }
}

fn decoded(dataset: &Dataset) -> Result<Vec<f32>, String> {
    let size = match dataset.dtype() {
        Datatype::FloatingPoint { size, .. } => *size,
        other => return Err(format!("holds {other:?}, expected floating point")),
    };
    let data = dataset
        .read_native_bytes()
        .map_err(|e| format!("cannot be read ({e})"))?;
    match size {
        2 => Ok(bytes::each(&data, |b| half::f16::from_ne_bytes(b).to_f32())),
        4 => Ok(bytes::each(&data, f32::from_ne_bytes)),
        8 => Ok(bytes::each(&data, |b| f64::from_ne_bytes(b) as f32)),
        other => Err(format!(
            "holds floating point of {other} bytes, expected 2, 4 or 8"
        )),
    }
}
