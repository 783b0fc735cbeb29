//! What a person waits for: a first image, a slider move, a training step, with the networks of the demonstration.
//!
//! Networks have the demonstration's architecture and procedural weights, so no file is needed.

#[path = "common/mod.rs"]
mod common;

use common::{one_unit, stamps};
use criterion::{Criterion, criterion_group, criterion_main};
use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, PreluKind, discriminator, generator,
};
use ganoscope_core::network::{Edits, Network, Retain};
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

fn interactive(c: &mut Criterion) {
    common::allocator::keep_freed_memory();
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
            let edits = one_unit("root.2.add", 16, strength);
            network.resume(&run, &edits).expect("runs")
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
