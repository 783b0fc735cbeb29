//! The container of TensorFlow.js: `model.json` with the topology and a list of weights, and their bytes in files beside
//! it. Source: `tfjs-core/src/io/types.ts` and `weights_list` of the converter.
//!
//! Invariant: only files in the folder of `model.json` or below are read, and only as many bytes as the list needs.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::fields::shown;
use super::store::{Entry, Naming, Store};
use super::{Contents, KIND, json_held, major};
use crate::checkpoint::memory::Budget;
use crate::checkpoint::{CheckpointError, beside, bytes, hash};
use crate::network::{GoOn, always};

/// What people call the container.
pub(super) const CONTAINER: &str = "layers model of TensorFlow.js";

/// Reads `model.json` and its shards.
pub(super) fn read(
    path: &Path,
    budget: &Budget,
    go_on: GoOn<'_>,
) -> Result<Contents, CheckpointError> {
    let mut hash = Sha256::new();
    let file = json(path, budget, &mut hash, go_on)?;
    let topology = topology(&file, path)?;
    let store = weights(&file, path, budget, &mut hash, go_on)?;
    let text = |name: &str| file.get(name).and_then(Json::as_str);
    let version = file
        .pointer("/modelTopology/keras_version")
        .and_then(Json::as_str);
    let writer = [text("generatedBy"), text("convertedBy")];
    let writer = writer
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" and ");
    Ok(Contents {
        topology,
        store,
        writer: if writer.is_empty() {
            "an unknown program".to_owned()
        } else {
            writer
        },
        keras: version.and_then(major).unwrap_or(2),
        container: CONTAINER,
        sha256: hash::hex(hash),
    })
}

/// The text of `model.json`, added to `hash`.
fn json(
    path: &Path,
    budget: &Budget,
    hash: &mut Sha256,
    go_on: GoOn<'_>,
) -> Result<Json, CheckpointError> {
    let (text, _held) = bytes::whole(path, budget, hash, go_on)?;
    json_held(text.len(), budget, path)?.keep();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    serde_json::from_slice(text).map_err(|e| CheckpointError::Broken {
        format: "JSON text",
        what: e.to_string(),
        path: path.to_owned(),
    })
}

/// The shards that `model.json` names.
///
/// # Errors
/// When it cannot be read, or names a file outside its folder or none that is there.
pub(in crate::checkpoint) fn shards(
    path: &Path,
    budget: &Budget,
) -> Result<Vec<PathBuf>, CheckpointError> {
    let file = json(path, budget, &mut Sha256::new(), &always)?;
    let groups = file.get("weightsManifest").and_then(Json::as_array);
    let paths = |group: &Json| group.get("paths").and_then(Json::as_array).cloned();
    let shards = groups.into_iter().flatten().filter_map(paths).flatten();
    shards.map(|shard| shard_path(&shard, path)).collect()
}

/// Class and configuration of the model, or what the file is instead.
fn topology(file: &Json, path: &Path) -> Result<Json, CheckpointError> {
    let unsupported = |what: &str| CheckpointError::Unsupported {
        what: what.to_owned(),
        path: path.to_owned(),
    };
    let topology = file.get("modelTopology").filter(|t| t.is_object());
    let is_graph = file.get("format").and_then(Json::as_str) == Some("graph-model")
        || topology.is_some_and(|t| t.get("node").is_some());
    if is_graph {
        return Err(unsupported(
            "a graph model of TensorFlow.js, which has operations instead of layers; convert the original with \
             tensorflowjs_converter --output_format=tfjs_layers_model, or to ONNX with tf2onnx",
        ));
    }
    match topology {
        Some(topology) if file.get("weightsManifest").is_some() => {
            Ok(topology.get("model_config").unwrap_or(topology).clone())
        }
        Some(_) => Err(unsupported(
            "a topology of TensorFlow.js without a weightsManifest; save the model with its weights",
        )),
        None if file.get("class_name").is_some() && file.get("config").is_some() => {
            Err(unsupported(
                "the architecture of a Keras model without weights; save the whole model with model.save",
            ))
        }
        None => Err(unsupported("a JSON text that describes no network")),
    }
}

/// How the bytes of one weight are read.
#[derive(Clone, Copy)]
enum Numbers {
    F32,
    F16,
    I32,
    U8,
    U16,
}

/// One weight of the list.
struct Listed {
    name: String,
    dims: Vec<usize>,
    numbers: Numbers,
    /// `value = scale stored + min`, where values were rounded.
    rounded: Option<(f64, f64)>,
    bytes: usize,
}

fn weights(
    file: &Json,
    path: &Path,
    budget: &Budget,
    hash: &mut Sha256,
    go_on: GoOn<'_>,
) -> Result<Store, CheckpointError> {
    let broken = |what: String| CheckpointError::Broken {
        format: KIND,
        what,
        path: path.to_owned(),
    };
    let groups = file.get("weightsManifest").and_then(Json::as_array);
    let groups = groups.ok_or_else(|| broken("its weightsManifest is no list".to_owned()))?;
    let mut entries = Vec::new();
    for group in groups {
        let list = |name: &str| {
            let list = group.get(name).and_then(Json::as_array);
            list.ok_or_else(|| broken(format!("its weightsManifest has no {name}")))
        };
        let listed = list("weights")?
            .iter()
            .map(|weight| listed(weight, path))
            .collect::<Result<Vec<_>, _>>()?;
        let bytes = listed.iter().map(|weight| weight.bytes as u64);
        let needed = bytes.fold(0, u64::saturating_add);
        // They stay in memory until the network is made.
        budget.take(needed, "a group of its weights", path)?.keep();
        let shards = list("paths")?
            .iter()
            .map(|shard| shard_path(shard, path))
            .collect::<Result<Vec<_>, _>>()?;
        let data = Arc::new(read_shards(&shards, needed, path, hash, go_on)?);
        let mut start = 0;
        for weight in listed {
            let range = start..start + weight.bytes;
            start = range.end;
            let data = Arc::clone(&data);
            let (numbers, rounded) = (weight.numbers, weight.rounded);
            let decode = move || {
                let bytes = data.get(range.clone());
                let bytes = bytes.ok_or_else(|| "lies outside its shards".to_owned())?;
                Ok(decoded(bytes, numbers, rounded))
            };
            let entry = Entry {
                key: weight.name.clone(),
                dims: weight.dims,
                decode: Box::new(decode),
            };
            entries.push((weight.name, entry));
        }
    }
    Ok(Store::new(Naming::Names, entries))
}

/// Reads one line of the list of weights.
fn listed(weight: &Json, path: &Path) -> Result<Listed, CheckpointError> {
    let name = weight.get("name").and_then(Json::as_str);
    let name = name.ok_or_else(|| CheckpointError::Broken {
        format: KIND,
        what: format!("a weight of its weightsManifest is {}", shown(weight)),
        path: path.to_owned(),
    })?;
    let wrong = |what: String| CheckpointError::tensor(path, name, what);
    let shape = weight.get("shape").and_then(Json::as_array);
    let dims: Option<Vec<usize>> = shape.and_then(|dims| {
        let sizes = dims.iter().map(|n| usize::try_from(n.as_u64()?).ok());
        sizes.collect()
    });
    let dims = dims.ok_or_else(|| wrong("has no shape".to_owned()))?;
    let stored = weight
        .pointer("/quantization/dtype")
        .or(weight.get("dtype"));
    let stored = stored.and_then(Json::as_str).unwrap_or_default();
    let (numbers, width) = match stored {
        "float32" => (Numbers::F32, 4),
        "float16" => (Numbers::F16, 2),
        "int32" => (Numbers::I32, 4),
        "uint8" | "bool" => (Numbers::U8, 1),
        "uint16" => (Numbers::U16, 2),
        other => return Err(wrong(format!("has the type {other:?}, which is not read"))),
    };
    let number = |name: &str| {
        let number = weight.pointer(&format!("/quantization/{name}"));
        number.and_then(Json::as_f64).filter(|n| n.is_finite())
    };
    let rounded = match (number("scale"), number("min"), numbers) {
        (Some(scale), Some(min), _) => Some((scale, min)),
        (None, None, Numbers::U8 | Numbers::U16) if weight.get("quantization").is_some() => {
            return Err(wrong("is rounded, but has no scale and min".to_owned()));
        }
        _ => None,
    };
    let bytes = dims
        .iter()
        .try_fold(width, |bytes: usize, dim| bytes.checked_mul(*dim));
    let bytes = bytes.filter(|bytes| *bytes <= usize::MAX / 2);
    Ok(Listed {
        name: name.to_owned(),
        numbers,
        rounded,
        bytes: bytes.ok_or_else(|| wrong(format!("has the shape {dims:?}, which is too large")))?,
        dims,
    })
}

/// The place of a shard.
fn shard_path(shard: &Json, path: &Path) -> Result<PathBuf, CheckpointError> {
    let name = shard.as_str().ok_or_else(|| CheckpointError::Broken {
        format: KIND,
        what: format!("a shard has the path {}, expected a text", shown(shard)),
        path: path.to_owned(),
    })?;
    beside::find(path, name).map_err(|trouble| trouble.at(KIND, path))
}

/// The bytes of all shards of a group, which must be `needed` in all.
fn read_shards(
    shards: &[PathBuf],
    needed: u64,
    path: &Path,
    hash: &mut Sha256,
    go_on: GoOn<'_>,
) -> Result<Vec<u8>, CheckpointError> {
    let mut lengths = 0_u64;
    for shard in shards {
        let metadata = shard.metadata().map_err(CheckpointError::read(shard))?;
        lengths = lengths.saturating_add(metadata.len());
    }
    if lengths != needed {
        return Err(CheckpointError::Broken {
            format: KIND,
            what: format!("its shards hold {lengths} bytes, its weights need {needed}"),
            path: path.to_owned(),
        });
    }
    let mut data = Vec::with_capacity(needed as usize);
    for shard in shards {
        let file = File::open(shard).map_err(CheckpointError::read(shard))?;
        let left = needed - data.len() as u64;
        bytes::blocks(file.take(left), go_on, |block| {
            hash.update(block);
            data.extend_from_slice(block);
        })
        .map_err(|trouble| trouble.at(KIND, shard))?;
    }
    Ok(data)
}

fn decoded(bytes: &[u8], numbers: Numbers, rounded: Option<(f64, f64)>) -> Vec<f32> {
    let values: Vec<f32> = match numbers {
        Numbers::F32 => bytes::each(bytes, f32::from_le_bytes),
        Numbers::F16 => bytes::each(bytes, |b| half::f16::from_le_bytes(b).to_f32()),
        Numbers::I32 => bytes::each(bytes, |b| i32::from_le_bytes(b) as f32),
        Numbers::U8 => bytes.iter().map(|b| f32::from(*b)).collect(),
        Numbers::U16 => bytes::each(bytes, |b| f32::from(u16::from_le_bytes(b))),
    };
    match rounded {
        Some((scale, min)) => {
            let value = |stored: f32| (f64::from(stored) * scale + min) as f32;
            values.into_iter().map(value).collect()
        }
        None => values,
    }
}
