//! Safetensors files.
#![no_main]

use ganoscope_fuzz::{draft, open, put};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = put("a.safetensors", bytes);
    open(&path);
    draft(&path);
});
