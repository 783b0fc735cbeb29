//! What several benchmarks share: the published networks with procedural weights, stamps, and the tasks that are measured
//! beside the peers. No file is needed.
#![allow(
    dead_code,
    reason = "every benchmark compiles this module and uses a part of it"
)]
#![allow(
    clippy::expect_used,
    reason = "a benchmark that cannot prepare itself has failed"
)]

#[path = "../../../app/src/allocator.rs"]
pub(crate) mod allocator;
pub(crate) mod tasks;

use candle_core::{DType, Device, Tensor};
use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, PreluKind, discriminator, generator,
};
use ganoscope_core::network::{Affine, Edits, Network, NetworkError, Role};
use ganoscope_core::seed::hash_uniform;

/// The generator as published: 10 root blocks, 6 blocks per branch, slopes per element.
pub(crate) fn published_generator(filters: usize) -> Network {
    let config = GeneratorConfig {
        filters,
        prelu: PreluKind::PerElement,
        ..GeneratorConfig::default()
    };
    generator(&config, weights).expect("the architecture is valid")
}

/// The discriminator as published.
pub(crate) fn published_discriminator(filters: usize) -> Network {
    let config = DiscriminatorConfig {
        filters,
        ..DiscriminatorConfig::default()
    };
    discriminator(&config, weights).expect("the architecture is valid")
}

/// Values that are drawn at a time, so that drawing needs little memory beside the values.
const BLOCK: usize = 1 << 16;

/// Weights with which activations keep their size from layer to layer.
pub(crate) fn weights(key: &str, role: Role, dims: &[usize]) -> Result<Tensor, NetworkError> {
    let fan_in = dims.iter().skip(1).product::<usize>().max(1) as f64;
    let scaled = |u: f64| match role {
        Role::Weight if dims.len() > 1 => u * (3.0 / fan_in).sqrt(),
        Role::Weight | Role::Var => 1.0 + 0.2 * u,
        _ => 0.1 * u,
    };
    let len = dims.iter().product();
    let mut values = Vec::with_capacity(len);
    for start in (0..len).step_by(BLOCK) {
        let block = hash_uniform(&format!("{key}:{start}"), BLOCK.min(len - start), 1);
        values.extend(block.into_iter().map(|u| scaled(u) as f32));
    }
    Ok(Tensor::from_vec(values, dims, &Device::Cpu)?)
}

/// `[n, 3, 80, 80]` in `[0, 1]`.
pub(crate) fn stamps(n: usize) -> Tensor {
    let values = hash_uniform("stamps", n * 3 * 80 * 80, 1);
    let values: Vec<f32> = values.iter().map(|v| (v + 1.0) as f32 / 2.0).collect();
    Tensor::from_vec(values, (n, 3, 80, 80), &Device::Cpu).expect("values fit")
}

/// One of the `units` of a layer multiplied by `strength`.
pub(crate) fn one_unit(layer: &str, units: usize, strength: f32) -> Edits {
    let gain: Vec<f32> = (0..units)
        .map(|c| if c == 3 { strength } else { 1.0 })
        .collect();
    let dims = (1, units, 1, 1);
    let gain = Tensor::from_vec(gain, dims, &Device::Cpu).expect("values fit");
    let offset = Tensor::zeros(dims, DType::F32, &Device::Cpu).expect("values fit");
    Edits::from([(layer.into(), Affine { gain, offset })])
}
