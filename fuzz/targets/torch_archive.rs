//! Zip archives of PyTorch as whole files.
#![no_main]

use ganoscope_fuzz::{begun, draft, open, put};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = put("a.pth", &begun(b"PK\x03\x04", bytes));
    open(&path);
    draft(&path);
});
