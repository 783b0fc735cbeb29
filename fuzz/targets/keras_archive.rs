//! The configuration and the weights inside an archive of Keras 3, divided where the weights begin.
#![no_main]

use ganoscope_fuzz::{archive, halves, open, put};
use libfuzzer_sys::fuzz_target;

const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";

fuzz_target!(|bytes: &[u8]| {
    let (config, weights) = halves(bytes, HDF5);
    let weights = [HDF5, weights].concat();
    let members: [(&str, &[u8]); 3] = [
        ("metadata.json", br#"{"keras_version": "3.8.0"}"#),
        ("config.json", config),
        ("model.weights.h5", &weights),
    ];
    open(&put("a.keras", &archive(&members)));
});
