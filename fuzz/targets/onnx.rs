//! ONNX models, with a file of weights beside them.
#![no_main]

use ganoscope_fuzz::{begun, open, put};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // The name that the models in the corpus have for it.
    put("external_data.bin", &[0; 4096]);
    let path = put("a.onnx", &begun(&[0x08, 0x08], bytes));
    open(&path);
});
