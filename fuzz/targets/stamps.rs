//! Pictures and tables of pixels: FITS, packed FITS, TIFF, PNG, JPEG, NumPy, TFRecord, whatever the bytes say.
#![no_main]

use ganoscope_core::stamp::io;
use ganoscope_fuzz::put;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = put("a.fits", bytes);
    let _ = io::read_header(&path);
    let _ = io::read(&path, None);
    let _ = io::read_blends(&path);
});
