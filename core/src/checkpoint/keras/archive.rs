//! The container of Keras 3: a zip archive of `metadata.json`, `config.json` and `model.weights.h5`.
//! Source: `keras/src/saving/saving_lib.py`.

use std::path::Path;

use serde_json::Value as Json;

use super::store::{Naming, Store};
use super::{Contents, hdf5, json_held, major};
use crate::checkpoint::memory::Budget;
use crate::checkpoint::trouble::Trouble;
use crate::checkpoint::zip_archive::Archive;
use crate::checkpoint::{CheckpointError, hash};
use crate::network::GoOn;

/// What the container is called in errors.
const KIND: &str = "Keras archive";

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.weights.h5";

/// Groups that hold the layers of a model; the second in files of Keras 2.12 and 2.13.
const CONTAINERS: [&str; 2] = ["layers", "_layer_checkpoint_dependencies"];

/// Whether an archive is one of Keras 3: by the names in it.
pub(super) fn is_one(archive: &Archive) -> bool {
    archive.names().any(|name| name == CONFIG)
}

/// Reads an archive.
pub(super) fn read(
    path: &Path,
    budget: &Budget,
    go_on: GoOn<'_>,
) -> Result<Contents, CheckpointError> {
    let at = |trouble: Trouble| match trouble {
        Trouble::Broken(what) => broken(&what, path),
        other => other.at(KIND, path),
    };
    let mut archive = Archive::open(path, budget).map_err(at)?;
    let json = |archive: &mut Archive, name: &str| {
        let (text, _held) = archive.member(name, true, go_on).map_err(at)?;
        let held = json_held(text.len(), budget, path)?;
        serde_json::from_slice::<Json>(&text)
            .map(|json| (json, held))
            .map_err(|e| broken(&format!("{name} is no JSON ({e})"), path))
    };
    let (topology, held) = json(&mut archive, CONFIG)?;
    held.keep();
    let metadata = json(&mut archive, "metadata.json").map_or(Json::Null, |(json, _)| json);
    let (weights, held) = archive.member(WEIGHTS, true, go_on).map_err(at)?;
    // They stay in memory until the network is made.
    held.keep();
    drop(archive);
    let file = hdf5::open(weights, budget, path)?;
    let root = file.root_group().map_err(hdf5::broken(path))?;
    let mut datasets = Vec::new();
    hdf5::Walk::new(path, go_on).datasets(&root, "", 0, &mut datasets)?;
    let entries = datasets.into_iter().filter_map(|(key, dataset)| {
        let name = key.replace('\\', "/");
        // What an optimiser keeps is no part of the network.
        let is_layer = CONTAINERS
            .iter()
            .any(|container| name.starts_with(container));
        let name = name.replace(CONTAINERS[1], CONTAINERS[0]);
        is_layer.then(|| (name, hdf5::entry(key, dataset)))
    });
    let version = metadata.get("keras_version").and_then(Json::as_str);
    Ok(Contents {
        topology,
        store: Store::new(Naming::Numbers, entries.collect()),
        keras: version.and_then(major).unwrap_or(3),
        writer: version.map_or_else(
            || "an unknown version of Keras".to_owned(),
            |version| format!("Keras {version}"),
        ),
        container: "Keras archive",
        sha256: hash::of_file(path, go_on)?,
    })
}

fn broken(what: &str, path: &Path) -> CheckpointError {
    CheckpointError::Broken {
        format: KIND,
        what: what.split_whitespace().collect::<Vec<_>>().join(" "),
        path: path.to_owned(),
    }
}
