//! Packed files of pictures that would have to be unpacked in memory: refused before that where it is too much.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use super::error::StampProblem;
use super::fits_header::{Header, product};
use super::large_plan::MAX_HELD_PIXELS;

/// Bytes that a packed file may unpack to when it is to be shown: it is unpacked in memory.
const MAX_UNPACKED_BYTES: u32 = 1 << 29;

/// Deflate makes nothing smaller than this many times.
const MOST_TIMES: u64 = 1040;

/// The end of a gzip stream says how much it unpacks to, modulo 4 GiB.
pub(super) fn refuse_large_packed(file: &mut File) -> Result<(), StampProblem> {
    let mut size = [0; 4];
    let end = file.seek(SeekFrom::End(-4));
    if end.and_then(|_| file.read_exact(&mut size)).is_err() {
        return Ok(());
    }
    let size = u32::from_le_bytes(size);
    let length = file.metadata().map_err(StampProblem::Read)?.len();
    // A cut file ends in anything; unpacking it tells that it is damaged.
    let is_plausible = u64::from(size) <= MOST_TIMES * length;
    if size <= MAX_UNPACKED_BYTES || !is_plausible {
        return Ok(());
    }
    Err(StampProblem::unsupported(
        "the file",
        format!("it is packed and has {size} bytes"),
        format!("at most {MAX_UNPACKED_BYTES} packed; unpacked (gunzip) it is read row by row"),
    ))
}

/// A tile-compressed image is unpacked in memory.
pub(super) fn refuse_large_compressed(header: &Header) -> Result<(), StampProblem> {
    if header.flag("ZIMAGE") != Some(true) {
        return Ok(());
    }
    let pixels = product(&header.axes("Z")?);
    if pixels <= MAX_HELD_PIXELS {
        return Ok(());
    }
    Err(StampProblem::unsupported(
        header.part(),
        format!("it is compressed and has {pixels} pixels"),
        format!("at most {MAX_HELD_PIXELS} compressed; unpacked (funpack) it is read row by row"),
    ))
}
