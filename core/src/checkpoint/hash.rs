//! SHA-256 of what is read: a network is known by that of its file, or of all its files where it has several.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::{CheckpointError, bytes};
use crate::network::GoOn;

/// A reader that hashes what passes.
pub(super) struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R> Hashing<R> {
    /// Nothing has passed yet.
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
        }
    }

    /// The hash of what passed, in hexadecimal.
    pub(super) fn finish(self) -> String {
        hex(self.hash)
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hash.update(&buffer[..n]);
        Ok(n)
    }
}

/// Adds a whole file to a hash.
///
/// # Errors
/// [`CheckpointError::Read`], and [`CheckpointError::Stopped`] when `go_on` says no.
pub(super) fn add_file(
    hash: &mut Sha256,
    path: &Path,
    go_on: GoOn<'_>,
) -> Result<(), CheckpointError> {
    let file = File::open(path).map_err(CheckpointError::read(path))?;
    bytes::blocks(file, go_on, |block| hash.update(block))
        .map_err(|trouble| trouble.at("file", path))
}

/// The hash of a whole file, in hexadecimal.
///
/// # Errors
/// As [`add_file`].
pub(super) fn of_file(path: &Path, go_on: GoOn<'_>) -> Result<String, CheckpointError> {
    let mut hash = Sha256::new();
    add_file(&mut hash, path, go_on)?;
    Ok(hex(hash))
}

/// The hash of weights and of the description that makes a network of them, told from the hash of the weights and the text.
pub(super) fn described(weights: &str, description: &[u8]) -> String {
    hex(Sha256::new()
        .chain_update(weights)
        .chain_update(description))
}

/// A finished hash in hexadecimal.
pub(super) fn hex(hash: Sha256) -> String {
    hash.finalize()
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
