//! Pictures and tables of pixels: FITS, packed FITS, TIFF, PNG, JPEG, NumPy, TFRecord, whatever the bytes say.
#![no_main]

use ganoscope_core::stamp::ValueRange;
use ganoscope_core::stamp::io::{self, LargeReader};
use ganoscope_fuzz::{put, within};
use libfuzzer_sys::fuzz_target;

/// Bytes that every byte of a file justifies: deflate makes 1,032 bytes of one, each with 8 pixels of a bit, and a pixel
/// is a number of 4 bytes, kept up to three times on its way.
const BYTES_OF_BYTE: usize = 1032 * 8 * 12;

/// Bytes that any file justifies: large pictures are read in strips.
const BESIDE: usize = 32 << 20;

/// Pixels that a large picture is reduced to.
const MOST_PIXELS: usize = 1 << 8;

fuzz_target!(|bytes: &[u8]| {
    let path = put("a.fits", bytes);
    within(BESIDE + BYTES_OF_BYTE * bytes.len(), || {
        let _ = io::read_header(&path);
        let _ = io::read(&path, None);
        let _ = io::read_blends(&path);
        if let Ok(Some(mut reader)) = LargeReader::open(&path, MOST_PIXELS) {
            while let Ok(None) = reader.advance() {}
        }
        let _ = io::read_window(&path, 1..5, 1..5, ValueRange::UNIT);
    });
});
