//! Our side of the comparison with peers: one task, measured now. `run.py` beside this file calls it between the peers,
//! so that all are measured under the same load.
//!
//! `ours TASK THREADS SECONDS` prints the median time of one call in milliseconds.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints its result, and one that cannot prepare itself has failed"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, PreluKind, discriminator, generator,
};
use ganoscope_core::attribution::{Method, Options, Prepared, Target};
use ganoscope_core::network::{Affine, Edits, Network, NetworkError, Plan, Retain, Role};
use ganoscope_core::seed::hash_uniform;
use ganoscope_core::train::data::{DataRecipe, ExclusionList, PairSource};
use ganoscope_core::train::{Recipe, Trainer};

/// Allocates as the program does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let words: Vec<String> = std::env::args().filter(|a| a != "--bench").collect();
    let [_, task, threads, seconds] = words.as_slice() else {
        println!("usage: ours TASK THREADS SECONDS; called by run.py");
        return;
    };
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.parse().expect("threads"))
        .build_global()
        .expect("threads start");
    let budget = Duration::from_secs_f64(seconds.parse().expect("seconds"));
    let mut call = task_of(task);
    // The first call fills caches and pools.
    call();
    let begun = Instant::now();
    let mut times = Vec::new();
    while times.len() < 3 || begun.elapsed() < budget {
        let start = Instant::now();
        call();
        times.push(start.elapsed());
    }
    times.sort();
    println!("{:.4}", 1e3 * times[times.len() / 2].as_secs_f64());
}

/// `g16-forward-1`, `d64-forward-16`, `d16-epsilon-plus-1`, `g16-train-8`, `g16-resume-1`.
fn task_of(task: &str) -> Box<dyn FnMut()> {
    let parts: Vec<&str> = task.splitn(2, '-').collect();
    let (network, rest) = (parts[0], parts[1]);
    let (what, batch) = rest.rsplit_once('-').expect("a batch");
    let batch: usize = batch.parse().expect("a batch");
    let (kind, filters) = network.split_at(1);
    let filters: usize = filters.parse().expect("filters");
    match (kind, what) {
        ("g", "forward") => forward(published_generator(filters), stamps(batch)),
        ("d", "forward") => forward(published_discriminator(filters), stamps(batch)),
        ("d", "epsilon-plus") => {
            let (network, input) = (published_discriminator(filters), [stamps(batch)]);
            let prepared = Prepared::new(&network, &Method::EpsilonPlus, &Options::default())
                .expect("rules fit");
            Box::new(move || {
                let map = prepared.attribute(&input, &Target::default());
                black_box(map.expect("runs"));
            })
        }
        ("g", "resume") => resume(published_generator(filters)),
        ("g", "train") => train(filters, batch),
        _ => panic!("unknown task {task}"),
    }
}

fn forward(network: Network, input: Tensor) -> Box<dyn FnMut()> {
    let input = [input];
    let plan = Plan::new(&network).expect("it can be folded");
    Box::new(move || {
        black_box(plan.run(&input).expect("runs"));
    })
}

/// One unit in the middle of the first branch turned down, from cached activations.
fn resume(network: Network) -> Box<dyn FnMut()> {
    let run = network
        .forward(&[stamps(1)], &Edits::new(), &Retain::All)
        .expect("runs");
    let mut strength = 0.0;
    Box::new(move || {
        strength = (strength + 0.1) % 2.0;
        let gain: Vec<f32> = (0..16)
            .map(|c| if c == 3 { strength } else { 1.0 })
            .collect();
        let gain = Tensor::from_vec(gain, (1, 16, 1, 1), &Device::Cpu).expect("fits");
        let offset = Tensor::zeros((1, 16, 1, 1), DType::F32, &Device::Cpu).expect("fits");
        let edits = Edits::from([("branch1.2.add".into(), Affine { gain, offset })]);
        black_box(network.resume(&run, &edits).expect("runs"));
    })
}

/// A whole step of both networks.
fn train(filters: usize, batch: usize) -> Box<dyn FnMut()> {
    let text = format!(
        "name = 'peer'\nseed = 1\nprovenance = ''\nlicence = ''\n\
         generator = {{ filters = {filters} }}\ndiscriminator = {{ filters = {filters} }}\n\
         training = {{ schedule = [{{ until = 1000000, from = 1e-4, to = 1e-4 }}], batch = {batch}, burn_in = 0 }}\n\
         checkpoints = {{ steps = [] }}\n"
    );
    let recipe: Recipe = toml::from_str(&text).expect("a recipe");
    let data = DataRecipe {
        simulated: 16,
        ..DataRecipe::default()
    };
    let source =
        PairSource::new(data, Vec::new(), &ExclusionList::default()).expect("galaxies are there");
    let pairs: Vec<_> = (0..batch as u64)
        .map(|i| source.pair(i).expect("a pair"))
        .collect();
    let mut trainer = Trainer::new(recipe).expect("networks fit");
    Box::new(move || {
        trainer.train(&pairs).expect("losses are finite");
    })
}

fn published_generator(filters: usize) -> Network {
    let config = GeneratorConfig {
        filters,
        prelu: PreluKind::PerElement,
        ..GeneratorConfig::default()
    };
    generator(&config, weights).expect("the architecture is valid")
}

fn published_discriminator(filters: usize) -> Network {
    let config = DiscriminatorConfig {
        filters,
        ..DiscriminatorConfig::default()
    };
    discriminator(&config, weights).expect("the architecture is valid")
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

fn stamps(n: usize) -> Tensor {
    let values = hash_uniform("stamps", n * 3 * 80 * 80, 1);
    let values: Vec<f32> = values.iter().map(|v| (v + 1.0) as f32 / 2.0).collect();
    Tensor::from_vec(values, (n, 3, 80, 80), &Device::Cpu).expect("values fit")
}
