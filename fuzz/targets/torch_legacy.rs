//! Files of PyTorch before 1.6: pickles and storages in one stream.
#![no_main]

use ganoscope_fuzz::{begun, draft, open, put};
use libfuzzer_sys::fuzz_target;

const MAGIC: [u8; 15] = [
    0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.',
];

fuzz_target!(|bytes: &[u8]| {
    let path = put("a.pth", &begun(&MAGIC, bytes));
    open(&path);
    draft(&path);
});
