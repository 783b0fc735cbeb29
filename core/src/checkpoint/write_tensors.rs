//! Writing safetensors: complete under the final name or not at all, hashed on the way.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use sha2::{Digest as _, Sha256};

use super::CheckpointError;
use super::hash::hex;
use crate::atomic::atomic_write;

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
    let mut header = serde_json::Map::new();
    if !metadata.is_empty() {
        header.insert("__metadata__".to_owned(), serde_json::json!(metadata));
    }
    let mut offset = 0;
    for (key, tensor) in tensors {
        let end = offset + tensor.elem_count() * 4;
        let entry = serde_json::json!({
            "dtype": "F32", "shape": tensor.dims(), "data_offsets": [offset, end],
        });
        header.insert(key.clone(), entry);
        offset = end;
    }
    let mut header = serde_json::Value::Object(header).to_string().into_bytes();
    // Data start at a multiple of eight bytes; the format pads with spaces.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut hash = Sha256::new();
    let mut failed = None;
    let written = atomic_write(path, |out| {
        let mut put = |bytes: &[u8]| {
            hash.update(bytes);
            out.write_all(bytes)
        };
        put(&(header.len() as u64).to_le_bytes())?;
        put(&header)?;
        for (key, tensor) in tensors {
            match values_of(tensor) {
                Ok(values) => {
                    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                    put(&bytes)?;
                }
                Err(source) => {
                    let tensor = key.clone();
                    failed = Some(CheckpointError::Encode { tensor, source });
                    return Err(io::Error::other("a tensor cannot be encoded"));
                }
            }
        }
        Ok(())
    });
    match (written, failed) {
        (_, Some(error)) => Err(error),
        (Err(error), None) => Err(error.into()),
        (Ok(()), None) => Ok(hex(hash)),
    }
}

/// All elements of a tensor as f32, row-major.
fn values_of(tensor: &Tensor) -> Result<Vec<f32>, candle_core::Error> {
    tensor
        .to_dtype(DType::F32)?
        .to_device(&Device::Cpu)?
        .flatten_all()?
        .to_vec1()
}
