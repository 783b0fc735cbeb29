//! Changed weights written back under the names that their file has for them, for the program they came from.
//!
//! Invariant: what is written has exactly the tensors of the file it was opened from, so that it loads there without a
//! word; where that cannot be, nothing is written.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Tensor};

use super::format::Format;
use super::{CheckpointError, Opened, TensorHeader, write_tensors};
use crate::network::{Network, Param};

/// Metadata key under which PyTorch's own writer says where a file is from.
const FORMAT_KEY: &str = "format";

/// Writes the parameters of `network`, which are those of `opened` or changed ones, as safetensors under `path`; returns
/// the SHA-256 of the file. Numbers that a graph implies and stores nowhere are left out.
///
/// # Errors
/// [`CheckpointError::Unsupported`] when a parameter was changed or added that the file has no tensor for, or one tensor
/// would need two values; else as [`write_tensors`].
pub fn write_weights(
    path: &Path,
    network: &Network,
    opened: &Opened,
) -> Result<String, CheckpointError> {
    let unsupported = |what: String| CheckpointError::Unsupported {
        what,
        path: path.to_owned(),
    };
    let header = match Format::of(&opened.path) {
        Ok(Format::Safetensors) => TensorHeader::read(&opened.path).ok(),
        _ => None,
    };
    let before: BTreeMap<&str, &Tensor> = params(&opened.network).collect();
    let mut tensors: BTreeMap<String, Tensor> = BTreeMap::new();
    for (key, tensor) in params(network) {
        if !opened.report.applied.iter().any(|applied| applied == key) {
            match before.get(key) {
                Some(before) if same(before, tensor)? => continue,
                Some(_) => {
                    let what =
                        format!("the file has no tensor for {key}, which was changed; write ONNX");
                    return Err(unsupported(what));
                }
                None => {
                    let what = format!(
                        "the edits need {key}, which the file does not have and its program would not load; write ONNX"
                    );
                    return Err(unsupported(what));
                }
            }
        }
        let name = original(key, opened);
        let tensor = match header.as_ref().and_then(|header| header.entries.get(name)) {
            Some(entry) if entry.shape.iter().product::<usize>() == tensor.elem_count() => tensor
                .reshape(entry.shape.as_slice())
                .map_err(encode(key))?,
            _ => tensor.clone(),
        };
        if let Some(other) = tensors.get(name)
            && !same(other, &tensor)?
        {
            return Err(unsupported(format!(
                "two layers need {name} with different values; write ONNX"
            )));
        }
        tensors.insert(name.to_owned(), tensor);
    }
    let mut metadata = header.map(|header| header.metadata).unwrap_or_default();
    metadata
        .entry(FORMAT_KEY.to_owned())
        .or_insert_with(|| "pt".to_owned());
    write_tensors(path, &tensors, &metadata)
}

fn params(network: &Network) -> impl Iterator<Item = (&str, &Tensor)> {
    network
        .params()
        .map(|(_, Param { key, tensor, .. })| (&**key, tensor))
}

/// The name that the file has for a key.
fn original<'a>(key: &'a str, opened: &'a Opened) -> &'a str {
    let mut renamed = opened.report.renamed.iter();
    let found = renamed.find(|(_, to)| to == key);
    found.map_or(key, |(from, _)| from.as_str())
}

fn encode(key: &str) -> impl FnOnce(candle_core::Error) -> CheckpointError {
    move |source| CheckpointError::Encode {
        tensor: key.to_owned(),
        source,
    }
}

/// Whether two tensors hold the same numbers.
fn same(a: &Tensor, b: &Tensor) -> Result<bool, CheckpointError> {
    let values = |t: &Tensor| t.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>();
    if a.id() == b.id() {
        return Ok(true);
    }
    let (a, b) = (
        values(a).map_err(encode("value"))?,
        values(b).map_err(encode("value"))?,
    );
    Ok(a == b)
}
