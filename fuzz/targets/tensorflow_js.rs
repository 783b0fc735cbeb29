//! Layers models of TensorFlow.js: `model.json`, a byte of zero, and a shard that is made as long as it has to be.
#![no_main]

use ganoscope_fuzz::{halves, open, put};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (json, shard) = halves(bytes, b"\0");
    put("group1-shard1of1.bin", shard);
    open(&put("model.json", json));
});
