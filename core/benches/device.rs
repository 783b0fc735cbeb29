//! Time of the published networks at 16 and 64 filters on one device: the processor, or what `GANOSCOPE_TEST_DEVICE`
//! names (`cuda`, `cuda:N`, `metal`), with which it fails when that device cannot be used.
//!
//! The clock stops when the device has finished: a GPU's work is only queued when a call returns. Inputs and weights are
//! there before, and results stay there.

#[path = "../tests/device_support/mod.rs"]
mod device_support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use device_support::{device, put, put_network};
use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, PreluKind, discriminator, generator,
};
use ganoscope_core::attribution::{Method, Options, Prepared, Target};
use ganoscope_core::network::{Network, NetworkError, Plan, Role};
use ganoscope_core::seed::hash_uniform;
use ganoscope_core::train::data::{ExclusionList, PairSource};
use ganoscope_core::train::{Recipe, Trainer};

/// Allocates as the program does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One stamp, and enough to fill a GPU. A processor takes minutes for the large batch of a wide network and shows nothing
/// new by it.
fn batches(filters: usize) -> &'static [usize] {
    if device().is_cpu() && filters > 16 {
        eprintln!("{filters} filters: batch 64 is left to GPUs");
        return &[1];
    }
    &[1, 64]
}

/// Weights with which activations keep their size from layer to layer.
fn weights(key: &str, role: Role, dims: &[usize]) -> Result<Tensor, NetworkError> {
    let fan_in = dims.iter().skip(1).product::<usize>().max(1) as f64;
    let values = hash_uniform(key, dims.iter().product(), 1);
    let values = values.into_iter().map(|u| match role {
        Role::Weight if dims.len() > 1 => u * (3.0 / fan_in).sqrt(),
        Role::Weight | Role::Var => 1.0 + 0.2 * u,
        _ => 0.1 * u,
    });
    let values: Vec<f32> = values.map(|v| v as f32).collect();
    Ok(Tensor::from_vec(values, dims, &Device::Cpu)?)
}

fn published_generator(filters: usize) -> Network {
    let config = GeneratorConfig {
        filters,
        prelu: PreluKind::PerElement,
        ..GeneratorConfig::default()
    };
    put_network(&generator(&config, weights).expect("the architecture is valid"))
}

fn published_discriminator(filters: usize) -> Network {
    let config = DiscriminatorConfig {
        filters,
        ..DiscriminatorConfig::default()
    };
    put_network(&discriminator(&config, weights).expect("the architecture is valid"))
}

fn stamps(n: usize) -> Tensor {
    let values = hash_uniform("stamps", n * 3 * 80 * 80, 1);
    let values: Vec<f32> = values.iter().map(|v| (v + 1.0) as f32 / 2.0).collect();
    put(&Tensor::from_vec(values, (n, 3, 80, 80), &Device::Cpu).expect("values fit"))
}

/// Measures `call` until the device has done all of it.
fn measure<R>(
    c: &mut Criterion,
    what: &str,
    filters: usize,
    batch: usize,
    mut call: impl FnMut() -> R,
) {
    let synchronise = || device().synchronize().expect("the device finishes");
    let mut group = c.benchmark_group(what);
    // Ten samples of what takes seconds on a processor and milliseconds on a GPU.
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1));
    let id = BenchmarkId::new(format!("{filters} filters"), format!("batch {batch}"));
    group.bench_function(id, |b| {
        b.iter_custom(|count| {
            synchronise();
            let begun = Instant::now();
            for _ in 0..count {
                black_box(call());
            }
            synchronise();
            begun.elapsed()
        });
    });
    group.finish();
}

fn networks(c: &mut Criterion) {
    for filters in [16, 64] {
        let batches = batches(filters);
        let plan = Plan::new(&published_generator(filters)).expect("it can be folded");
        for &batch in batches {
            let inputs = [stamps(batch)];
            measure(c, "generator forward", filters, batch, || {
                plan.run(&inputs).expect("runs")
            });
        }
        let network = published_discriminator(filters);
        let plan = Plan::new(&network).expect("it can be folded");
        for &batch in batches {
            let inputs = [stamps(batch)];
            measure(c, "discriminator forward", filters, batch, || {
                plan.run(&inputs).expect("runs")
            });
        }
        let options = Options::default();
        let prepared = Prepared::new(&network, &Method::EpsilonPlus, &options);
        let prepared = prepared.expect("rules fit");
        for &batch in batches {
            let inputs = [stamps(batch)];
            measure(c, "epsilon-plus", filters, batch, || {
                prepared
                    .attribute(&inputs, &Target::default())
                    .expect("runs")
            });
        }
    }
}

/// Training steps: the published networks, and those of the recipe that ships.
fn training(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let shipped = include_str!("../../models/recipes/deblender.toml");
    // Without the file that the recipe lies beside.
    let shipped: Vec<&str> = shipped
        .lines()
        .filter(|l| !l.starts_with("exclude"))
        .collect();
    for (what, text) in [
        ("training step, published", PUBLISHED),
        ("training step, shipped recipe", &shipped.join("\n")),
    ] {
        let path = folder.path().join("recipe.toml");
        std::fs::write(&path, text).expect("written");
        let mut recipe = Recipe::read(&path).expect("the recipe is valid");
        // Both networks from the first step on, and few pictures to render.
        recipe.training.burn_in = 0;
        recipe.data.simulated = 16;
        if device().is_cpu() {
            recipe.training.batch = recipe.training.batch.min(8);
        }
        let (filters, batch) = (recipe.generator.filters, recipe.training.batch);
        let none = ExclusionList::default();
        let source = PairSource::new(recipe.data.clone(), Vec::new(), &none).expect("galaxies");
        let pairs: Vec<_> = (0..batch as u64)
            .map(|i| source.pair(i).expect("a pair"))
            .collect();
        measure(c, "one pair of galaxies", 0, 1, || {
            source.pair(7).expect("a pair")
        });
        let mut trainer = Trainer::on(recipe, device()).expect("the networks can be built");
        measure(c, what, filters, batch, || {
            trainer.train(&pairs).expect("trains")
        });
    }
}

/// The published networks; the step does not depend on what they learn.
const PUBLISHED: &str = r#"
name = "published"
seed = 1
provenance = "simulated galaxies"
licence = "MIT OR Apache-2.0"
[generator]
[discriminator]
[training]
batch = 8
[data]
[checkpoints]
steps = []
"#;

criterion_group!(benches, networks, training);
criterion_main!(benches);
