//! SHA-256 of what is read: a network is known by that of its file.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::CheckpointError;
use crate::network::GoOn;

/// Bytes hashed between two looks at whether anybody still wants them.
const BLOCK_BYTES: usize = 1 << 20;

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

/// The hash of a whole file, in hexadecimal.
///
/// # Errors
/// [`CheckpointError::Read`], and [`CheckpointError::Stopped`] when `go_on` says no.
pub(super) fn of_file(path: &Path, go_on: GoOn<'_>) -> Result<String, CheckpointError> {
    let mut file = File::open(path).map_err(CheckpointError::read(path))?;
    let mut hash = Sha256::new();
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        if !go_on() {
            let path = path.to_owned();
            return Err(CheckpointError::Stopped { path });
        }
        let count = file.read(&mut block).map_err(CheckpointError::read(path))?;
        if count == 0 {
            return Ok(hex(hash));
        }
        hash.update(&block[..count]);
    }
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
