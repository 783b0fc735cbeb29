//! Speed of the convolution kernels on the layers of deblender networks; elements per second are floating-point
//! operations per second.
//!
//! `cargo bench -p ganoscope-core --bench convolution`; the environment variable `GANOSCOPE_KERNELS` chooses the
//! instruction set and `RAYON_NUM_THREADS` the number of threads.

use std::hint::black_box;
use std::time::Duration;

use candle_core::{Device, Tensor};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ganoscope_core::kernels::{
    Algorithm, ConvShape, DenseShape, InstructionSet, Window, conv2d, conv2d_input_gradient,
    conv2d_weight_gradient, dense, dense_input_gradient, dense_weight_gradient,
};
use ganoscope_core::seed::hash_uniform;

/// A layer: name, batch, channels in and out, input size, kernel and stride.
type Layer = (&'static str, usize, [usize; 2], usize, usize, usize);

const LAYERS: [Layer; 10] = [
    ("3x3, 16 channels, 80x80", 1, [16, 16], 80, 3, 1),
    ("3x3, 64 channels, 40x40", 1, [64, 64], 40, 3, 1),
    ("3x3, 256 channels, 10x10", 1, [256, 256], 10, 3, 1),
    ("3x3, 16 channels, 80x80, batch 16", 16, [16, 16], 80, 3, 1),
    ("3x3, 64 channels, 5x5, batch 16", 16, [64, 64], 5, 3, 1),
    (
        "3x3, stride 2, 32 to 64 channels, 80x80, batch 8",
        8,
        [32, 64],
        80,
        3,
        2,
    ),
    (
        "3x3, stride 2, 128 channels, 10x10",
        1,
        [128, 128],
        10,
        3,
        2,
    ),
    ("9x9, colours to 32 channels, 80x80", 1, [3, 32], 80, 9, 1),
    ("3x3, 32 channels to colours, 80x80", 1, [32, 3], 80, 3, 1),
    ("1x1, 64 to 256 channels, 40x40", 1, [64, 256], 40, 1, 1),
];

fn values(name: &str, len: usize) -> Vec<f32> {
    hash_uniform(name, len, 0)
        .into_iter()
        .map(|v| v as f32)
        .collect()
}

fn convolutions(criterion: &mut Criterion) {
    log_instruction_set();
    let mut group = criterion.benchmark_group("convolution");
    group
        .measurement_time(Duration::from_secs(2))
        .warm_up_time(Duration::from_millis(500));
    for (name, batch, [inputs, outputs], size, kernel, stride) in LAYERS {
        let window = Window {
            stride: [stride; 2],
            pad_before: [kernel / 2; 2],
            pad_after: [kernel / 2; 2],
            ..Window::default()
        };
        let input = [batch, inputs, size, size];
        let shape = ConvShape::new(input, [outputs, inputs, kernel, kernel], window)
            .expect("the layers above fit together");
        let x = values("x", shape.x_len());
        let w = values("w", shape.w_len());
        let g = values("g", shape.out_len());
        group.throughput(Throughput::Elements(shape.flops() as u64));
        group.bench_function(BenchmarkId::new("forward", name), |bencher| {
            bencher.iter(|| conv2d(Algorithm::Fastest, &shape, black_box(&x), &w, None));
        });
        group.bench_function(BenchmarkId::new("input gradient", name), |bencher| {
            bencher.iter(|| conv2d_input_gradient(Algorithm::Fastest, &shape, black_box(&g), &w));
        });
        group.bench_function(BenchmarkId::new("weight gradient", name), |bencher| {
            bencher.iter(|| conv2d_weight_gradient(Algorithm::Fastest, &shape, black_box(&x), &g));
        });
    }
    group.finish();
}

/// What candle needs for the first layer, for comparison.
fn candle(criterion: &mut Criterion) {
    let (name, batch, [inputs, outputs], size, kernel, stride) = LAYERS[0];
    let tensor = |name: &str, dims: [usize; 4]| {
        Tensor::from_vec(values(name, dims.iter().product()), &dims, &Device::Cpu)
            .expect("the values fill the dimensions")
    };
    let x = tensor("x", [batch, inputs, size, size]);
    let w = tensor("w", [outputs, inputs, kernel, kernel]);
    let flops = 2 * batch * size * size * inputs * outputs * kernel * kernel;
    let mut group = criterion.benchmark_group("candle convolution");
    group
        .measurement_time(Duration::from_secs(2))
        .sample_size(20);
    group.throughput(Throughput::Elements(flops as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| x.conv2d(black_box(&w), kernel / 2, stride, 1, 1));
    });
    group.finish();
}

fn dense_layers(criterion: &mut Criterion) {
    let shape = DenseShape {
        batch: 16,
        inputs: 6400,
        outputs: 256,
    };
    let x = values("x", shape.batch * shape.inputs);
    let w = values("w", shape.outputs * shape.inputs);
    let g = values("g", shape.batch * shape.outputs);
    let mut group = criterion.benchmark_group("dense 6400 to 256, batch 16");
    group
        .measurement_time(Duration::from_secs(2))
        .warm_up_time(Duration::from_millis(500));
    let flops = 2 * shape.batch * shape.inputs * shape.outputs;
    group.throughput(Throughput::Elements(flops as u64));
    group.bench_function("forward", |bencher| {
        bencher.iter(|| dense(shape, black_box(&x), &w, None));
    });
    group.bench_function("input gradient", |bencher| {
        bencher.iter(|| dense_input_gradient(shape, black_box(&g), &w));
    });
    group.bench_function("weight gradient", |bencher| {
        bencher.iter(|| dense_weight_gradient(shape, black_box(&x), &g));
    });
    group.finish();
}

fn log_instruction_set() {
    eprintln!(
        "instruction set: {}, threads: {}",
        InstructionSet::best().name(),
        rayon::current_num_threads()
    );
}

criterion_group!(benches, convolutions, dense_layers, candle);
criterion_main!(benches);
