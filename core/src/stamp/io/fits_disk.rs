//! The headers of FITS files, read where they lie without the data between them.
//!
//! Invariant: memory is that of the headers, whatever they claim.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use super::error::StampProblem;
use super::fits_header::{BLOCK, Header};

/// Bytes of the largest header that is read; real ones have a few hundred thousand.
const MAX_HEADER_BYTES: usize = 64 << 20;

/// HDUs after which no more are looked for.
const MAX_HDUS: usize = 10_000;

/// An HDU whose data stayed on the disk.
pub(super) struct HduOnDisk {
    pub(super) header: Header,
    /// Lengths of the axes, fastest first.
    pub(super) axes: Vec<usize>,
    /// Where the data begins.
    pub(super) data_at: u64,
    /// Bytes of data that the header claims.
    pub(super) claimed_bytes: u128,
    /// Bytes that are there.
    pub(super) found_bytes: u64,
}

/// The headers of an open FITS file up to the first that cannot be read, and what is wrong with that one.
pub(super) fn headers(
    file: &mut File,
) -> Result<(Vec<Header>, Option<StampProblem>), StampProblem> {
    let (hdus, stopped) = scan(file)?;
    let headers = hdus.into_iter().map(|hdu| hdu.header).collect();
    Ok((headers, stopped))
}

/// The HDUs of an open FITS file up to the first that cannot be read, and what is wrong with that one.
pub(super) fn scan(
    file: &mut File,
) -> Result<(Vec<HduOnDisk>, Option<StampProblem>), StampProblem> {
    let length = file.metadata().map_err(StampProblem::Read)?.len();
    let mut found = Vec::new();
    let mut at = 0;
    while found.len() < MAX_HDUS {
        match next_hdu(file, found.len(), at, length) {
            Ok(Some((hdu, next))) => {
                found.push(hdu);
                at = next;
            }
            Ok(None) => return Ok((found, None)),
            Err(problem) => return Ok((found, Some(problem))),
        }
    }
    Ok((found, None))
}

/// The HDU that begins at `at` and where the next one begins; `None` at the end of the HDUs.
fn next_hdu(
    file: &mut File,
    index: usize,
    at: u64,
    length: u64,
) -> Result<Option<(HduOnDisk, u64)>, StampProblem> {
    file.seek(SeekFrom::Start(at)).map_err(StampProblem::Read)?;
    let mut bytes = Vec::new();
    loop {
        let read = file.by_ref().take(BLOCK as u64).read_to_end(&mut bytes);
        let read = read.map_err(StampProblem::Read)?;
        if index > 0 && !bytes.starts_with(b"XTENSION") {
            return Ok(None);
        }
        let from = bytes.len() - read;
        let block = bytes.get(from..).unwrap_or_default();
        let is_end = |card: &[u8]| card.trim_ascii_end() == b"END";
        if block.chunks(80).any(is_end) || read < BLOCK || bytes.len() > MAX_HEADER_BYTES {
            break;
        }
    }
    let (header, header_bytes) = Header::parse(index, &bytes)?;
    let axes = header.axes("")?;
    let claimed_bytes = header.data_bytes(&axes)?;
    let data_at = at + header_bytes as u64;
    let rest = length.saturating_sub(data_at);
    let found_bytes = u64::try_from(claimed_bytes).unwrap_or(u64::MAX).min(rest);
    let next = data_at.saturating_add(found_bytes.next_multiple_of(BLOCK as u64));
    let hdu = HduOnDisk {
        header,
        axes,
        data_at,
        claimed_bytes,
        found_bytes,
    };
    Ok(Some((hdu, next)))
}
