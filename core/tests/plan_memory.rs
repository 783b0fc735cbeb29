//! A plan that has run once allocates no memory for values.

#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{Device, Tensor};
use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, discriminator, generator,
};
use ganoscope_core::checkpoint::procedural_weights;
use ganoscope_core::network::{
    Affine, ConvSpec, Edits, Function, Network, NetworkBuilder, NetworkError, Op, Padding, Plan,
    PoolSpec, Request, UpsampleMode,
};

struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the contract is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the contract is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A value of the smallest layer has about as many bytes; jobs and the list of edits have less.
const FEW: usize = 8 << 10;

fn bytes_of<E>(work: impl FnOnce() -> Result<(), E>) -> Result<usize, E> {
    let before = BYTES.load(Ordering::Relaxed);
    work()?;
    Ok(BYTES.load(Ordering::Relaxed) - before)
}

/// A chain with every operation that is not in the networks above.
fn of_all_kinds() -> Result<Network, NetworkError> {
    let mut b = NetworkBuilder::new(procedural_weights(5));
    let mut x = b.input("x", &[8, 20, 20])?;
    let bilinear = UpsampleMode::Bilinear {
        align_corners: false,
    };
    let window = PoolSpec::square(2);
    let plain = [
        ("norm", Op::InstanceNorm { eps: 1e-3 }),
        ("pixel", Op::PixelNorm { eps: 1e-6 }),
        (
            "bilinear",
            Op::Upsample {
                scale: [2, 2],
                mode: bilinear,
            },
        ),
        ("max", Op::MaxPool(window)),
        (
            "nearest",
            Op::Upsample {
                scale: [2, 2],
                mode: UpsampleMode::Nearest,
            },
        ),
        ("average", Op::AvgPool(window)),
        ("shuffle", Op::PixelShuffle { factor: 2 }),
        (
            "pad",
            Op::Pad {
                padding: Padding::all(1),
                value: 0.5,
            },
        ),
        (
            "slice",
            Op::Slice {
                axis: 1,
                start: 1,
                end: 41,
            },
        ),
        (
            "select",
            Op::Select {
                axis: 2,
                indices: (0..40).rev().collect(),
            },
        ),
        (
            "transpose",
            Op::Transpose {
                order: vec![0, 2, 1],
            },
        ),
        ("function", Op::Function(Function::Erf)),
    ];
    for (name, op) in plain {
        x = b.plain(name, op, &[x])?;
    }
    x = b.conv_transpose("deconv", x, 4, ConvSpec::square(4, 2, 1), [0, 0], true)?;
    let beside = b.constant("beside", &[4, 1, 1])?;
    x = b.plain("sum", Op::Add, &[x, beside])?;
    let means = b.plain("means", Op::GlobalAvgPool, &[x])?;
    let largest = b.plain("largest", Op::GlobalMaxPool, &[x])?;
    x = b.plain("gate", Op::Mul, &[means, x])?;
    x = b.plain("wide", Op::Concat { axis: 2 }, &[x, x])?;
    b.output("x", x);
    b.output("largest", largest);
    b.finish()
}

// One test, because the count is that of the whole process.
#[test]
fn no_value_is_allocated_after_the_first_run() -> Result<(), Box<dyn Error>> {
    let config = GeneratorConfig {
        filters: 8,
        root_blocks: 2,
        branch_blocks: 2,
        stamp_size: 40,
        ..GeneratorConfig::default()
    };
    let judge = DiscriminatorConfig {
        filters: 8,
        dense: 32,
        stamp_size: 40,
        ..DiscriminatorConfig::default()
    };
    let networks: [(Network, &str); 3] = [
        (
            generator(&config, procedural_weights(3))?,
            "branch1.0.conv1",
        ),
        (discriminator(&judge, procedural_weights(4))?, ""),
        (of_all_kinds()?, "bilinear"),
    ];
    for (network, edited) in networks {
        let edits: Vec<_> = network
            .nodes()
            .iter()
            .map(|n| &n.name)
            .filter(|n| ***n == *edited)
            .cloned()
            .collect();
        let request = Request {
            retain: Vec::new(),
            edits,
        };
        let plan = Plan::compile(&network, &request)?;
        let mut runner = plan.runner();
        let dims = [&[2], network.input_fact().dims.as_slice()].concat();
        let input = [Tensor::full(0.3_f32, dims, &Device::Cpu)?];
        let none = Edits::new();
        let first = bytes_of(|| runner.run(&input, &none))?;
        assert!(first > 20 * FEW, "the first run takes its memory: {first}");
        // Each thread has its own working memory; which thread works on what is chance.
        for _ in 0..20 {
            runner.run(&input, &none)?;
        }
        let later = bytes_of(|| runner.run(&input, &none))?;
        assert!(later < FEW, "{later} bytes");
        if let Some(layer) = request.edits.first() {
            let one = |value: f32| Tensor::full(value, (1, 1, 1, 1), &Device::Cpu);
            let edit = |gain| -> Result<Edits, candle_core::Error> {
                let affine = Affine {
                    gain: one(gain)?,
                    offset: one(0.0)?,
                };
                Ok(Edits::from([(layer.clone(), affine)]))
            };
            let (half, third) = (edit(0.5)?, edit(0.3)?);
            runner.resume(&half)?;
            let resumed = bytes_of(|| runner.resume(&third))?;
            assert!(resumed < 2 * FEW, "{resumed} bytes");
        }
    }
    Ok(())
}
