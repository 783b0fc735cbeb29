//! The pickle inside an archive of PyTorch; its storages hold a kilobyte of zeros each.
#![no_main]

use ganoscope_fuzz::{archive, draft, open, put};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let names: Vec<String> = (0..24).map(|n| format!("a/data/{n}")).collect();
    let mut members = vec![("a/data.pkl", bytes)];
    members.extend(names.iter().map(|name| (name.as_str(), &[0; 1024][..])));
    let path = put("a.pth", &archive(&members));
    open(&path);
    draft(&path);
});
