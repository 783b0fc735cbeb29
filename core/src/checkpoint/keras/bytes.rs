//! Reading whole files in pieces, hashed on the way.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::KIND;
use crate::checkpoint::CheckpointError;
use crate::network::GoOn;

/// Bytes read between two questions whether to go on.
const BLOCK_BYTES: u64 = 1 << 20;

/// A whole file of at most `limit` bytes.
pub(super) fn read(
    path: &Path,
    limit: u64,
    hash: &mut Sha256,
    go_on: GoOn<'_>,
) -> Result<Vec<u8>, CheckpointError> {
    let mut file = File::open(path).map_err(CheckpointError::read(path))?;
    let length = file.metadata().map_err(CheckpointError::read(path))?.len();
    if length > limit {
        return Err(CheckpointError::Broken {
            format: KIND,
            what: format!("it has {length} bytes, at most {limit} are read"),
            path: path.to_owned(),
        });
    }
    let mut data = Vec::with_capacity(length as usize);
    append(&mut (&mut file).take(limit), &mut data, path, hash, go_on)?;
    Ok(data)
}

/// Appends what is left of `file` to `data`.
pub(super) fn append(
    file: &mut impl Read,
    data: &mut Vec<u8>,
    path: &Path,
    hash: &mut Sha256,
    go_on: GoOn<'_>,
) -> Result<(), CheckpointError> {
    loop {
        if !go_on() {
            let path = path.to_owned();
            return Err(CheckpointError::Stopped { path });
        }
        let start = data.len();
        let mut block = Read::by_ref(file).take(BLOCK_BYTES);
        let count = block
            .read_to_end(data)
            .map_err(CheckpointError::read(path))?;
        hash.update(&data[start..]);
        if count == 0 {
            return Ok(());
        }
    }
}

/// Every `N` bytes as a number; a rest is left out.
pub(super) fn each<const N: usize>(bytes: &[u8], f: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks::<N>().0.iter().map(|b| f(*b)).collect()
}
