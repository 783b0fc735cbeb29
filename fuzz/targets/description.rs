//! Descriptions of the layers of a small weights file.
#![no_main]

use ganoscope_fuzz::{folder, open, put};
use libfuzzer_sys::fuzz_target;

/// Tensors of the descriptions in the corpus, all zeros.
fn weights() -> Vec<u8> {
    let tensors: [(&str, &[usize]); 6] = [
        ("a.weight", &[4, 3, 3, 3]),
        ("a.bias", &[4]),
        ("b.weight", &[4, 4, 3, 3]),
        ("c.weight", &[4]),
        ("c.bias", &[4]),
        ("d.weight", &[2, 64]),
    ];
    let (mut header, mut end) = (Vec::new(), 0);
    for (key, dims) in tensors {
        let start = end;
        end += 4 * dims.iter().product::<usize>();
        header.push(format!(r#""{key}":{{"dtype":"F32","shape":{dims:?},"data_offsets":[{start},{end}]}}"#));
    }
    let header = format!("{{{}}}", header.join(","));
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + end, 0);
    bytes
}

fuzz_target!(init: { put("w.safetensors", &weights()); }, |bytes: &[u8]| {
    put("w.safetensors.model.toml", bytes);
    open(&folder().join("w.safetensors"));
});
