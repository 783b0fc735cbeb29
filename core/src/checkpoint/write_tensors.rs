//! Writing safetensors: complete under the final name or not at all, hashed on the way.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use half::f16;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::CheckpointError;
use super::hash::hex;
use crate::atomic::atomic_write;

/// How the values of a weights file are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32 bits.
    #[default]
    Full,
    /// 16 bits (IEEE half precision) for kernels and matrices, half the room; 32 for what there is one of for each channel,
    /// and for tensors with values that 16 bits cannot hold. Reading gives 32 bits again.
    Half,
}

impl Precision {
    /// Whether a tensor with these values gets 16 bits.
    fn is_half(self, tensor: &Tensor, values: &[f32]) -> bool {
        let fits = |v: &f32| v.abs() <= f32::from(f16::MAX);
        self == Self::Half && tensor.rank() > 1 && values.iter().all(fits)
    }
}

/// Writes tensors as F32 under `path`, atomically and in the order of their keys; returns the SHA-256 of the file.
///
/// # Errors
/// [`CheckpointError::Write`] when the file cannot be written, [`CheckpointError::Encode`] when a tensor cannot be
/// brought to the CPU.
pub fn write_tensors(
    path: &Path,
    tensors: &BTreeMap<String, Tensor>,
    metadata: &BTreeMap<String, String>,
) -> Result<String, CheckpointError> {
    write_tensors_as(path, tensors, metadata, Precision::Full)
}

/// [`write_tensors`] with a choice of how values are stored.
///
/// # Errors
/// As [`write_tensors`].
pub fn write_tensors_as(
    path: &Path,
    tensors: &BTreeMap<String, Tensor>,
    metadata: &BTreeMap<String, String>,
    precision: Precision,
) -> Result<String, CheckpointError> {
    let mut stored = Vec::new();
    for (key, tensor) in tensors {
        let values = values_of(tensor).map_err(|source| CheckpointError::Encode {
            tensor: key.clone(),
            source,
        })?;
        let is_half = precision.is_half(tensor, &values);
        let bytes: Vec<u8> = if is_half {
            let halves = values.iter().map(|v| f16::from_f32(*v));
            halves.flat_map(f16::to_le_bytes).collect()
        } else {
            values.iter().flat_map(|v| v.to_le_bytes()).collect()
        };
        stored.push((
            key,
            tensor.dims(),
            if is_half { "F16" } else { "F32" },
            bytes,
        ));
    }
    let mut header = serde_json::Map::new();
    if !metadata.is_empty() {
        header.insert("__metadata__".to_owned(), serde_json::json!(metadata));
    }
    let mut offset = 0;
    for (key, dims, dtype, bytes) in &stored {
        let end = offset + bytes.len();
        let entry = serde_json::json!({
            "dtype": dtype, "shape": dims, "data_offsets": [offset, end],
        });
        header.insert((*key).clone(), entry);
        offset = end;
    }
    let mut header = serde_json::Value::Object(header).to_string().into_bytes();
    // Data start at a multiple of eight bytes; the format pads with spaces.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut hash = Sha256::new();
    atomic_write(path, |out| {
        let mut put = |bytes: &[u8]| {
            hash.update(bytes);
            out.write_all(bytes)
        };
        put(&(header.len() as u64).to_le_bytes())?;
        put(&header)?;
        stored.iter().try_for_each(|(.., bytes)| put(bytes))
    })?;
    Ok(hex(hash))
}

/// All elements of a tensor as f32, row-major.
fn values_of(tensor: &Tensor) -> Result<Vec<f32>, candle_core::Error> {
    tensor
        .to_dtype(DType::F32)?
        .to_device(&Device::Cpu)?
        .flatten_all()?
        .to_vec1()
}
