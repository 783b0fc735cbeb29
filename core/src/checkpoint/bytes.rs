//! Bytes of files, read block by block: the one loop of all readers, which can be stopped between blocks.
//!
//! Invariant: no more is allocated than the caller has counted.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::CheckpointError;
use super::memory::{Budget, Held};
use super::trouble::Trouble;
use crate::network::GoOn;

/// Bytes read at a time: a few milliseconds between two looks at whether anybody still wants them.
const BLOCK_BYTES: usize = 1 << 20;

/// Gives everything that `reader` has to `each`, in blocks.
///
/// # Errors
/// [`Trouble::Stopped`] when `go_on` says no, and what the system says.
pub(super) fn blocks(
    mut reader: impl Read,
    go_on: GoOn<'_>,
    mut each: impl FnMut(&[u8]),
) -> Result<(), Trouble> {
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        if !go_on() {
            return Err(Trouble::Stopped);
        }
        match reader.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(count) => each(block.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The next `length` bytes, which the caller has counted.
///
/// # Errors
/// As [`blocks`], and where there are fewer.
pub(super) fn exactly(
    reader: impl Read,
    length: usize,
    go_on: GoOn<'_>,
) -> Result<Vec<u8>, Trouble> {
    let mut reader = reader;
    let mut bytes = vec![0; length];
    for block in bytes.chunks_mut(BLOCK_BYTES) {
        if !go_on() {
            return Err(Trouble::Stopped);
        }
        reader.read_exact(block)?;
    }
    Ok(bytes)
}

/// A whole file, added to `hash`.
///
/// # Errors
/// When it cannot be read, nobody wants it, or there is no room for it.
pub(super) fn whole(
    path: &Path,
    budget: &Budget,
    hash: &mut Sha256,
    go_on: GoOn<'_>,
) -> Result<(Vec<u8>, Held), CheckpointError> {
    let file = File::open(path).map_err(CheckpointError::read(path))?;
    let length = file.metadata().map_err(CheckpointError::read(path))?.len();
    let held = budget.take(length, "the file", path)?;
    let mut bytes = Vec::with_capacity(length as usize);
    // No more than was counted, though the file may be growing.
    blocks(file.take(length), go_on, |block| {
        hash.update(block);
        bytes.extend_from_slice(block);
    })
    .map_err(|trouble| trouble.at("file", path))?;
    Ok((bytes, held))
}

/// Every `N` bytes as a number; a rest is left out.
pub(super) fn each<const N: usize, T>(bytes: &[u8], f: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|b| f(*b)).collect()
}
