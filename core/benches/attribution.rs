//! Time of one map of the discriminator that ships: 16 filters, stamps of 80 by 80 pixels.

use std::hint::black_box;

use candle_core::{Device, Tensor};
use criterion::{Criterion, criterion_group, criterion_main};
use ganoscope_core::architecture::{DiscriminatorConfig, discriminator};
use ganoscope_core::attribution::{Method, Options, Pole, Prepared, Target};
use ganoscope_core::network::{Edits, Network, Retain, Role};
use ganoscope_core::seed::hash_uniform;

fn network() -> Network {
    let config = DiscriminatorConfig {
        filters: 16,
        dense: 64,
        ..DiscriminatorConfig::default()
    };
    let source = |key: &str, role: Role, dims: &[usize]| {
        let fan_in = dims.iter().skip(1).product::<usize>().max(1) as f64;
        let values = hash_uniform(key, dims.iter().product(), 1);
        let values = values.into_iter().map(|u| match role {
            Role::Weight if dims.len() > 1 => u * (5.5 / fan_in).sqrt(),
            Role::Weight | Role::Var => 1.0 + 0.2 * u,
            _ => 0.1 * u,
        });
        let values: Vec<f32> = values.map(|v| v as f32).collect();
        Ok(Tensor::from_vec(values, dims, &Device::Cpu)?)
    };
    discriminator(&config, source).expect("the architecture is valid")
}

fn stamps(n: usize) -> [Tensor; 1] {
    let values = hash_uniform("stamps", n * 3 * 80 * 80, 1);
    let values: Vec<f32> = values.into_iter().map(|v| v as f32).collect();
    [Tensor::from_vec(values, (n, 3, 80, 80), &Device::Cpu).expect("values fit")]
}

fn attribution(c: &mut Criterion) {
    let (network, one, eight) = (network(), stamps(1), stamps(8));
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
