//! Time of one map of the discriminator that ships: 16 filters, stamps of 80 by 80 pixels.

#[path = "common/mod.rs"]
mod common;

use std::hint::black_box;

use common::{stamps, weights};
use criterion::{Criterion, criterion_group, criterion_main};
use ganoscope_core::architecture::{DiscriminatorConfig, discriminator};
use ganoscope_core::attribution::{Method, Options, Pole, Prepared, Target};
use ganoscope_core::network::{Edits, Retain};

fn attribution(c: &mut Criterion) {
    common::allocator::keep_freed_memory();
    let config = DiscriminatorConfig {
        filters: 16,
        dense: 64,
        ..DiscriminatorConfig::default()
    };
    let network = discriminator(&config, weights).expect("the architecture is valid");
    let (one, eight) = ([stamps(1)], [stamps(8)]);
    let (options, target) = (Options::default(), Target::default());
    let mut group = c.benchmark_group("attribution of a discriminator, 16 filters, 80x80");
    group.sample_size(20);
    group.bench_function("forward", |b| {
        b.iter(|| {
            network
                .forward(black_box(&one), &Edits::new(), &Retain::Nothing)
                .expect("runs")
        });
    });
    let methods = [
        ("polarized", Method::Polarized { pole: Pole::Auto }),
        (
            "polarized, both poles",
            Method::Polarized { pole: Pole::Both },
        ),
        ("epsilon-plus", Method::EpsilonPlus),
        ("gradient", Method::Gradient),
    ];
    for (name, method) in methods {
        let prepared = Prepared::new(&network, &method, &options).expect("rules fit");
        group.bench_function(name, |b| {
            b.iter(|| prepared.attribute(black_box(&one), &target).expect("runs"));
        });
    }
    let method = Method::Polarized { pole: Pole::Both };
    let prepared = Prepared::new(&network, &method, &options).expect("rules fit");
    group.bench_function("polarized, both poles, batch of 8", |b| {
        b.iter(|| {
            prepared
                .attribute(black_box(&eight), &target)
                .expect("runs")
        });
    });
    group.bench_function("preparing polarized", |b| {
        b.iter(|| Prepared::new(black_box(&network), &method, &options).expect("rules fit"));
    });
    group.finish();
}

criterion_group!(benches, attribution);
criterion_main!(benches);
