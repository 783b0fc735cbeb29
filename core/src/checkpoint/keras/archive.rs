//! The container of Keras 3: a zip archive of `metadata.json`, `config.json` and `model.weights.h5`.
//! Source: `keras/src/saving/saving_lib.py`.
//!
//! Invariant: a member is unpacked to no more than its stated size, which its packed size has to make possible.

use std::fs::File;
use std::io::{Cursor, Read as _};
use std::path::Path;

use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use zip::ZipArchive;

use super::store::{Naming, Store};
use super::{Contents, bytes, hdf5, major};
use crate::checkpoint::{CheckpointError, Limits, hash};
use crate::network::GoOn;

/// What the container is called in errors.
const KIND: &str = "Keras archive";

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.weights.h5";

/// Longest configuration read.
const MAX_JSON_BYTES: u64 = 64 << 20;

/// DEFLATE never makes more of a byte.
const MOST_UNPACKED: u64 = 1032;

/// Groups that hold the layers of a model; the second in files of Keras 2.12 and 2.13.
const CONTAINERS: [&str; 2] = ["layers", "_layer_checkpoint_dependencies"];

/// Whether a zip archive is one of Keras 3: by the names in it.
pub(super) fn is_one(path: &Path) -> bool {
    let archive = File::open(path)
        .ok()
        .and_then(|file| ZipArchive::new(file).ok());
    archive.is_some_and(|archive| {
        archive
            .file_names()
            .any(|name| name.is_ok_and(|name| name == CONFIG))
    })
}

/// Reads an archive.
pub(super) fn read(
    path: &Path,
    limits: &Limits,
    go_on: GoOn<'_>,
) -> Result<Contents, CheckpointError> {
    let mut hash = Sha256::new();
    let length = path.metadata().map_err(CheckpointError::read(path))?.len();
    limits.check(length, path)?;
    let data = bytes::read(path, length, &mut hash, go_on)?;
    let mut archive =
        ZipArchive::new(Cursor::new(data)).map_err(|e| broken(e.to_string(), path))?;
    let json = |archive: &mut ZipArchive<_>, name: &str| {
        let text = member(archive, name, MAX_JSON_BYTES, path, go_on)?;
        serde_json::from_slice::<Json>(&text)
            .map_err(|e| broken(format!("{name} is no JSON ({e})"), path))
    };
    let topology = json(&mut archive, CONFIG)?;
    let metadata = json(&mut archive, "metadata.json").unwrap_or_default();
    let weights = member(&mut archive, WEIGHTS, limits.memory_bytes, path, go_on)?;
    drop(archive);
    let file = hdf5::open(weights, limits, path)?;
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
        sha256: hash::hex(hash),
    })
}

fn broken(what: String, path: &Path) -> CheckpointError {
    CheckpointError::Broken {
        format: KIND,
        what: what.split_whitespace().collect::<Vec<_>>().join(" "),
        path: path.to_owned(),
    }
}

/// The bytes of one member.
fn member(
    archive: &mut ZipArchive<Cursor<Vec<u8>>>,
    name: &str,
    limit: u64,
    path: &Path,
    go_on: GoOn<'_>,
) -> Result<Vec<u8>, CheckpointError> {
    let file = archive.by_name(name);
    let mut file = file.map_err(|e| broken(format!("{name} cannot be read ({e})"), path))?;
    let (size, packed) = (file.size(), file.compressed_size());
    if size > limit
        || size
            > packed
                .saturating_mul(MOST_UNPACKED)
                .saturating_add(MOST_UNPACKED)
    {
        return Err(broken(
            format!("{name} claims {size} bytes, packed into {packed}"),
            path,
        ));
    }
    let mut data = Vec::with_capacity(size as usize);
    // The whole archive is hashed already.
    bytes::append(
        &mut (&mut file).take(size + 1),
        &mut data,
        path,
        &mut Sha256::new(),
        go_on,
    )
    .map_err(|e| match e {
        CheckpointError::Read { source, .. } => {
            broken(format!("{name} is damaged ({source})"), path)
        }
        other => other,
    })?;
    if data.len() as u64 != size {
        let count = data.len();
        return Err(broken(
            format!("{name} has {count} bytes, it claims {size}"),
            path,
        ));
    }
    Ok(data)
}
