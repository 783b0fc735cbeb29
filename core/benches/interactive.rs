//! What a person waits for: a first image, a slider move, a training step, with the networks of the demonstration.
//!
//! Networks have the demonstration's architecture and procedural weights, so no file is needed.

use candle_core::{DType, Device, Tensor};
use criterion::{Criterion, criterion_group, criterion_main};
use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, PreluKind, discriminator, generator,
};
use ganoscope_core::network::{Affine, Edits, Network, Retain};
use ganoscope_core::seed::hash_uniform;
use ganoscope_core::train::initial_value;

fn demo_generator() -> Network {
    let config = GeneratorConfig {
        filters: 16,
        root_blocks: 5,
        branch_blocks: 3,
        prelu: PreluKind::PerChannel,
        position_channels: true,
        ..GeneratorConfig::default()
    };
    generator(&config, |key, role, dims| {
        initial_value(key, role, dims, 1, 0.2)
    })
    .expect("the architecture is valid")
}

fn demo_discriminator() -> Network {
    let config = DiscriminatorConfig {
        filters: 12,
        dense: 32,
        ..DiscriminatorConfig::default()
    };
    discriminator(&config, |key, role, dims| {
        initial_value(key, role, dims, 1, 0.2)
    })
    .expect("the architecture is valid")
}

fn stamps(batch: usize) -> Tensor {
    let values: Vec<f32> = hash_uniform("stamps", batch * 3 * 80 * 80, 1)
        .iter()
        .map(|v| (v + 1.0) as f32 / 2.0)
        .collect();
    Tensor::from_vec(values, (batch, 3, 80, 80), &Device::Cpu).expect("the sizes fit")
}

/// One unit of `root.2.add` at `strength`.
fn edit(strength: f32) -> Edits {
    let gain: Vec<f32> = (0..16)
        .map(|c| if c == 3 { strength } else { 1.0 })
        .collect();
    let gain = Tensor::from_vec(gain, (1, 16, 1, 1), &Device::Cpu).expect("the sizes fit");
    let offset = Tensor::zeros((1, 16, 1, 1), DType::F32, &Device::Cpu).expect("the sizes fit");
    Edits::from([("root.2.add".into(), Affine { gain, offset })])
}

fn interactive(c: &mut Criterion) {
    let network = demo_generator();
    for batch in [1, 16] {
        let input = [stamps(batch)];
        c.bench_function(&format!("generator_forward_batch_{batch}"), |b| {
            b.iter(|| {
                network
                    .forward(&input, &Edits::new(), &Retain::Nothing)
                    .expect("runs")
            });
        });
    }
    let run = network
        .forward(&[stamps(1)], &Edits::new(), &Retain::All)
        .expect("runs");
    let mut strength = 0.0;
    c.bench_function("slider_move_to_image", |b| {
        b.iter(|| {
            strength = (strength + 0.1) % 4.0;
            network.resume(&run, &edit(strength)).expect("runs")
        });
    });
    let judge = demo_discriminator();
    c.bench_function("discriminator_forward_batch_4", |b| {
        let input = [stamps(4)];
        b.iter(|| {
            judge
                .forward(&input, &Edits::new(), &Retain::Nothing)
                .expect("runs")
        });
    });
}

criterion_group!(benches, interactive);
criterion_main!(benches);
