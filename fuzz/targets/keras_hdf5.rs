//! HDF5 files of Keras.
#![no_main]

use ganoscope_fuzz::{begun, open, put};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    open(&put("a.h5", &begun(b"\x89HDF\r\n\x1a\n", bytes)));
});
