//! Small networks of other people, as they keep them: weights without a manifest.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use ganoscope_core::checkpoint::write_tensors;
use ganoscope_core::seed::hash_uniform;

/// Writes tensors of these names and shapes.
pub fn put(path: &Path, shapes: &[(&str, &[usize])]) {
    let tensors: BTreeMap<String, Tensor> = shapes
        .iter()
        .map(|(name, dims)| {
            let values = hash_uniform(name, dims.iter().product(), 3);
            let values = values.into_iter().map(|v| v as f32 * 0.3);
            let tensor = Tensor::from_iter(values, &Device::Cpu).unwrap();
            ((*name).to_owned(), tensor.reshape(*dims).unwrap())
        })
        .collect();
    write_tensors(path, &tensors, &BTreeMap::new()).unwrap();
}

/// A generator of the DCGAN family: 8 numbers to 16 x 16 pixels.
pub const GENERATOR: [(&str, &[usize]); 3] = [
    ("main.0.weight", &[8, 6, 4, 4]),
    ("main.2.weight", &[6, 4, 4, 4]),
    ("main.4.weight", &[4, 3, 4, 4]),
];

/// The same that chooses one of 5 classes by the last of 105 numbers.
pub const CONDITIONAL: [(&str, &[usize]); 3] = [
    ("main.0.weight", &[105, 6, 4, 4]),
    ("main.2.weight", &[6, 4, 4, 4]),
    ("main.4.weight", &[4, 3, 4, 4]),
];

/// Its discriminator: 16 x 16 pixels to a logit.
pub const DISCRIMINATOR: [(&str, &[usize]); 3] = [
    ("main.0.weight", &[4, 3, 4, 4]),
    ("main.2.weight", &[6, 4, 4, 4]),
    ("main.4.weight", &[1, 6, 4, 4]),
];

/// A network of the SRGAN family that enlarges pictures of any size twice.
pub const UPSCALER: [(&str, &[usize]); 8] = [
    ("head.weight", &[4, 3, 3, 3]),
    ("body.0.conv1.weight", &[4, 4, 3, 3]),
    ("body.0.conv2.weight", &[4, 4, 3, 3]),
    ("body.1.conv1.weight", &[4, 4, 3, 3]),
    ("body.1.conv2.weight", &[4, 4, 3, 3]),
    ("join.weight", &[4, 4, 3, 3]),
    ("up.weight", &[16, 4, 3, 3]),
    ("tail.weight", &[3, 4, 3, 3]),
];

/// Tensors that are of no known family.
pub const UNKNOWN: [(&str, &[usize]); 2] =
    [("odd.weight", &[3, 3, 3, 3]), ("rest.weight", &[2, 3, 5])];
