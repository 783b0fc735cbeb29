//! The bytes of a pickle, counted: what is claimed to follow is compared with what is left before it is read.

use std::io::{BufRead, Read as _};

use crate::checkpoint::trouble::Trouble;

/// Longest line of the textual opcodes: numbers and names, never weights.
const MAX_LINE_BYTES: u64 = 4096;

/// A stream of which the length is known.
pub(in crate::checkpoint::torch) struct Bytes<R> {
    inner: R,
    left: u64,
    read: u64,
}

impl<R: BufRead> Bytes<R> {
    /// The next `length` bytes of `inner`.
    pub(in crate::checkpoint::torch) const fn new(inner: R, length: u64) -> Self {
        Self {
            inner,
            left: length,
            read: 0,
        }
    }

    /// Bytes read so far.
    pub(in crate::checkpoint::torch) const fn position(&self) -> u64 {
        self.read
    }

    /// Bytes that follow.
    pub(in crate::checkpoint::torch) const fn left(&self) -> u64 {
        self.left
    }

    /// The next `count` bytes.
    pub(in crate::checkpoint::torch) fn take(&mut self, count: u64) -> Result<Vec<u8>, Trouble> {
        self.spend(count)?;
        // No more than is left in the file.
        let mut bytes = vec![0; count as usize];
        self.inner.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// The next `N` bytes.
    pub(in crate::checkpoint::torch) fn array<const N: usize>(
        &mut self,
    ) -> Result<[u8; N], Trouble> {
        self.spend(N as u64)?;
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// The next byte.
    pub(in crate::checkpoint::torch) fn byte(&mut self) -> Result<u8, Trouble> {
        Ok(self.array::<1>()?[0])
    }

    /// What comes before the next line feed, which is dropped.
    pub(in crate::checkpoint::torch) fn line(&mut self) -> Result<String, Trouble> {
        let mut bytes = Vec::new();
        let limit = MAX_LINE_BYTES.min(self.left);
        (&mut self.inner)
            .take(limit)
            .read_until(b'\n', &mut bytes)?;
        self.spend(bytes.len() as u64)?;
        if bytes.pop() != Some(b'\n') {
            return Err(Trouble::broken("a line does not end"));
        }
        text(bytes)
    }

    /// Passes over `count` bytes.
    pub(in crate::checkpoint::torch) fn spend(&mut self, count: u64) -> Result<(), Trouble> {
        let Some(left) = self.left.checked_sub(count) else {
            let what = format!(
                "{count} bytes should follow byte {}, {} do; it was cut short",
                self.read, self.left
            );
            return Err(Trouble::broken(what));
        };
        self.left = left;
        self.read += count;
        Ok(())
    }

    /// The stream itself; what is read from it must be told by [`Self::spend`].
    pub(in crate::checkpoint::torch) const fn inner(&mut self) -> &mut R {
        &mut self.inner
    }
}

/// UTF-8, as all names in a pickle are.
pub(in crate::checkpoint::torch) fn text(bytes: Vec<u8>) -> Result<String, Trouble> {
    String::from_utf8(bytes).map_err(|_| Trouble::broken("a name is not UTF-8"))
}
