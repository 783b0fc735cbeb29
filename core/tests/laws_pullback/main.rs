//! The pullback of every operation equals central finite differences in f64, and f32 equals f64.
//!
//! `GANOSCOPE_TEST_DEVICE` runs them on another device. One without f64 (Metal) is compared in f32 with f64 on the
//! processor; the finite differences are then those of the processor, which the output says.
//!
//! The table below is both the list of cases and an exhaustive match over [`Op`], so an operation without a case does
//! not compile.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "../common/mod.rs"]
mod common;

mod cases;
mod convolutions;

use candle_core::{DType, Tensor};
use cases::*;
use common::device_support::{has_f64, put, put_network};
use common::{
    Case, away_from_zero, case, case_of, max_abs, max_diff, on_one_thread, values, without_ties,
};
use convolutions::{convolutions, transposed_convolutions};
use ganoscope_core::network::{
    Affine, Edits, Gradients, Mode, Network, NodeId, Op, Retain, Run, Wanted,
};

/// Step of the central differences: truncation and rounding are then both near 1e-10.
const STEP: f64 = 1e-5;
/// Largest difference of pullback and finite differences, over the largest gradient of the tensor.
const TOLERANCE: f64 = 1e-7;
/// Largest difference of f32 and f64, over the largest value of the tensor.
const TOLERANCE_F32: f64 = 1e-5;

macro_rules! every_op {
    ($($variant:ident => $cases:expr),* $(,)?) => {
        #[expect(dead_code, reason = "compiling it is the test: every operation has an entry")]
        fn is_listed(op: &Op) {
            match op {
                $(Op::$variant { .. } => (),)*
            }
        }

        fn every_op() -> Vec<(&'static str, Vec<Case>)> {
            vec![$((stringify!($variant), $cases)),*]
        }
    };
}

every_op! {
    Input => vec![case("input", &[&[2, 3, 3]], |_, x| Ok(x.to_vec()))],
    Constant => constants(),
    Identity => vec![plain(Op::Identity, &[2, 3, 3])],
    Conv2d => convolutions(),
    ConvTranspose2d => transposed_convolutions(),
    Dense => vec![dense(true), dense(false)],
    BatchNorm => batch_norms(),
    InstanceNorm => vec![instance_norm(true), instance_norm(false)],
    PixelNorm => vec![plain(Op::PixelNorm { eps: 1e-2 }, &[4, 3, 2]), plain(Op::PixelNorm { eps: 1e-8 }, &[1, 2, 2])],
    Relu => activations(Op::Relu),
    LeakyRelu => activations(Op::LeakyRelu { slope: 0.3 }),
    Prelu => prelus(),
    Tanh => activations(Op::Tanh),
    Sigmoid => activations(Op::Sigmoid),
    Elu => activations(Op::Elu { alpha: 0.7 }),
    Silu => activations(Op::Silu),
    Softplus => activations(Op::Softplus),
    Function => functions(),
    Add => broadcasting(&Op::Add),
    Mul => broadcasting(&Op::Mul),
    Concat => concatenations(),
    Upsample => upsamplings(),
    PixelShuffle => vec![plain(Op::PixelShuffle { factor: 2 }, &[8, 2, 3]), plain(Op::PixelShuffle { factor: 3 }, &[9, 2, 1])],
    AvgPool => poolings(Op::AvgPool),
    MaxPool => poolings(Op::MaxPool),
    GlobalAvgPool => vec![plain(Op::GlobalAvgPool, &[3, 4, 5])],
    GlobalMaxPool => vec![case_of("global max", &[&[3, 4, 5]], 2, without_ties, |b, x| Ok(vec![b.plain("op", Op::GlobalMaxPool, x)?]))],
    Reshape => vec![plain(Op::Reshape { dims: vec![3, 2, 4] }, &[2, 3, 4]), plain(Op::Reshape { dims: vec![8] }, &[2, 2, 2])],
    Flatten => vec![plain(Op::Flatten, &[2, 3, 4]), plain(Op::Flatten, &[5])],
    Pad => vec![pad(0.0), pad(-1.5)],
    Slice => slices(),
    Select => selections(),
    Transpose => vec![plain(Op::Transpose { order: vec![1, 2, 0] }, &[2, 3, 4]), plain(Op::Transpose { order: vec![3, 0, 2, 1] }, &[2, 1, 3, 2])],
}

#[test]
fn pullback_of_every_op_matches_finite_differences() {
    say_where_f64_is();
    on_one_thread(|| {
        for (op, cases) in every_op() {
            assert!(!cases.is_empty(), "{op} has no case");
            for case in cases {
                check_against_differences(&case, &Edits::new());
            }
        }
    });
}

#[test]
fn pullback_of_whole_networks_matches_finite_differences() {
    say_where_f64_is();
    on_one_thread(|| {
        for mode in [Mode::Inference, Mode::Training] {
            let mut case = branched();
            case.mode = mode;
            check_against_differences(&case, &Edits::new());
            check_against_differences(&case, &edits(DType::F64));
        }
    });
}

#[test]
fn f32_equals_f64_in_forward_and_pullback() {
    on_one_thread(|| {
        for case in every_op().into_iter().flat_map(|(_, cases)| cases) {
            check_f32(&case, [&Edits::new(), &Edits::new()]);
        }
        for mode in [Mode::Inference, Mode::Training] {
            let mut case = branched();
            case.mode = mode;
            check_f32(&case, [&edits(DType::F32), &edits(DType::F64)]);
        }
    });
}

// Checks

fn say_where_f64_is() {
    if !has_f64() {
        eprintln!("the device has no f64: finite differences are computed on the processor");
    }
}

/// Weights that turn all outputs into one scalar.
fn seeds(network: &Network, run: &Run) -> Vec<(NodeId, Tensor)> {
    let outputs = network.outputs().iter().zip(run.outputs());
    outputs
        .map(|(output, value)| {
            let seed = away_from_zero(&format!("seed.{}", output.name), value.dims());
            let seed = seed.to_dtype(value.dtype()).unwrap();
            (output.node, seed.to_device(value.device()).unwrap())
        })
        .collect()
}

fn gradients(case: &Case, network: &Network, inputs: &[Tensor], edits: &Edits) -> (Run, Gradients) {
    let label = &case.label;
    let run = network
        .run(inputs, edits, &Retain::All, case.mode)
        .unwrap_or_else(|e| panic!("{label}: {e}"));
    let wanted = Wanted {
        inputs: true,
        params: true,
        nodes: Vec::new(),
    };
    let gradients = network
        .pullback(&run, &seeds(network, &run), &wanted)
        .unwrap_or_else(|e| panic!("{label}: {e}"));
    (run, gradients)
}

fn scalar(case: &Case, network: &Network, inputs: &[Tensor], edits: &Edits) -> f64 {
    let run = network
        .run(inputs, edits, &Retain::Nothing, case.mode)
        .unwrap();
    let outputs = run.outputs().iter().zip(seeds(network, &run));
    outputs
        .map(|(y, (_, seed))| values(&(y * seed).unwrap()).iter().sum::<f64>())
        .sum()
}

fn check_against_differences(case: &Case, edits: &Edits) {
    let (_, gradients) = gradients(case, &case.network, &case.inputs, edits);
    for (i, input) in case.inputs.iter().enumerate() {
        let f = |changed: Tensor| {
            let mut inputs = case.inputs.clone();
            inputs[i] = changed;
            scalar(case, &case.network, &inputs, edits)
        };
        let gradient = gradients.nodes.get(&case.network.inputs()[i]);
        compare(&format!("{} input {i}", case.label), input, gradient, f);
    }
    let trained = case.network.params().filter(|(_, p)| p.role.is_trained());
    for (id, param) in trained {
        let f = |changed: Tensor| {
            let network = case.network.map_params(|at, p| {
                let this = at == id && p.role == param.role;
                Ok(if this { &changed } else { &p.tensor }.clone())
            });
            scalar(case, &network.unwrap(), &case.inputs, edits)
        };
        let gradient = gradients.params.get(&(id, param.role));
        assert!(
            gradient.is_some(),
            "{}: {} has no gradient",
            case.label,
            param.key
        );
        compare(
            &format!("{} {}", case.label, param.key),
            &param.tensor,
            gradient,
            f,
        );
    }
}

/// `gradient` at `x` against central differences of `f`, element by element.
fn compare(what: &str, x: &Tensor, gradient: Option<&Tensor>, f: impl Fn(Tensor) -> f64) {
    let Some(gradient) = gradient else {
        panic!("{what} has no gradient")
    };
    assert_eq!(gradient.dims(), x.dims(), "{what}");
    let (at, gradient) = (values(x), values(gradient));
    let scale = gradient.iter().fold(1.0, |m: f64, g| m.max(g.abs()));
    for (i, g) in gradient.iter().enumerate() {
        let stepped = |step: f64| {
            let mut moved = at.clone();
            moved[i] += step;
            f(common::tensor(moved, x.dims()))
        };
        let difference = (stepped(STEP) - stepped(-STEP)) / (2.0 * STEP);
        assert!(
            (difference - g).abs() <= TOLERANCE * scale,
            "{what}[{i}]: pullback {g}, differences {difference}"
        );
    }
}

/// `edits`: those of the f32 run and those of the f64 run.
fn check_f32(case: &Case, edits: [&Edits; 2]) {
    let network = put_network(&case.network.to_dtype(DType::F32).unwrap());
    let inputs: Vec<_> = case
        .inputs
        .iter()
        .map(|t| put(&t.to_dtype(DType::F32).unwrap()))
        .collect();
    let (run, fast) = gradients(case, &network, &inputs, edits[0]);
    let (run64, exact) = gradients(case, &case.network, &case.inputs, edits[1]);
    let close = |what: &str, a: &Tensor, b: &Tensor| {
        assert_eq!(a.dtype(), DType::F32, "{} {what}", case.label);
        let (difference, scale) = (max_diff(a, b), max_abs(b).max(1.0));
        assert!(
            difference <= TOLERANCE_F32 * scale,
            "{} {what}: {difference} of {scale}",
            case.label
        );
    };
    for (id, node) in network.iter() {
        let of = |network, run: &Run| run.value(network, id).unwrap().clone();
        close(&node.name, &of(&network, &run), &of(&case.network, &run64));
    }
    for (id, gradient) in &exact.nodes {
        close("input gradient", &fast.nodes[id], gradient);
    }
    for (key, gradient) in &exact.params {
        close(&format!("gradient of {key:?}"), &fast.params[key], gradient);
    }
}

/// Gains and offsets of every shape an edit can have, at inner layers, an input and an output.
fn edits(dtype: DType) -> Edits {
    let part = |name: String, dims: &[usize]| {
        let part = away_from_zero(&name, dims).to_dtype(dtype).unwrap();
        match dtype {
            DType::F64 => part,
            _ => put(&part),
        }
    };
    let affine = |name: &str, dims: &[usize]| Affine {
        gain: part(format!("{name}.gain"), dims),
        offset: part(format!("{name}.offset"), dims),
    };
    [
        ("input0", &[1, 2, 6, 6][..]),
        ("stem.act", &[1, 3, 1, 1]),
        ("skip", &[1, 3, 6, 6]),
        ("style", &[1, 3]),
        ("tanh", &[1, 2, 1, 1]),
    ]
    .into_iter()
    .map(|(layer, dims)| (layer.into(), affine(layer, dims)))
    .collect()
}
