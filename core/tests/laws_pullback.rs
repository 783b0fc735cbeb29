//! The pullback of every operation equals central finite differences in f64, and f32 equals f64.
//!
//! The table below is both the list of cases and an exhaustive match over [`Op`], so an operation without a case does
//! not compile.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use candle_core::{DType, Tensor};
use common::{
    Case, away_from_zero, case, case_of, max_abs, max_diff, on_one_thread, values, without_ties,
};
use ganoscope_core::network::{
    Affine, ConvSpec, Edits, Gradients, Mode, Network, NetworkError, NodeId, Op, Padding, Param,
    PoolSpec, Retain, Role, Run, UpsampleMode, Wanted,
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
}

#[test]
fn pullback_of_every_op_matches_finite_differences() {
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

/// Weights that turn all outputs into one scalar.
fn seeds(network: &Network, run: &Run) -> Vec<(NodeId, Tensor)> {
    let outputs = network.outputs().iter().zip(run.outputs());
    outputs
        .map(|(output, value)| {
            let seed = away_from_zero(&format!("seed.{}", output.name), value.dims());
            (output.node, seed.to_dtype(value.dtype()).unwrap())
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
    let network = case.network.to_dtype(DType::F32).unwrap();
    let inputs: Vec<_> = case
        .inputs
        .iter()
        .map(|t| t.to_dtype(DType::F32).unwrap())
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

// Cases

fn plain(op: Op, dims: &[usize]) -> Case {
    let label = format!("{op} {dims:?}");
    case(&label, &[dims], |b, x| Ok(vec![b.plain("op", op, x)?]))
}

fn param(key: &str, role: Role, dims: &[usize]) -> Result<Param, NetworkError> {
    Ok(Param {
        role,
        key: key.into(),
        tensor: common::parameter(key, role, dims)?,
    })
}

fn constants() -> Vec<Case> {
    let with = |op: Op, dims: &'static [usize]| {
        case(&format!("constant {dims:?} {op}"), &[&[2, 3, 3]], |b, x| {
            let constant = b.constant("constant", dims)?;
            Ok(vec![b.plain("op", op, &[x[0], constant])?])
        })
    };
    vec![
        with(Op::Concat { axis: 0 }, &[2, 3, 3]),
        with(Op::Mul, &[2, 1, 1]),
        with(Op::Add, &[1]),
        with(Op::Mul, &[3, 3]),
    ]
}

#[allow(clippy::too_many_lines, reason = "one list of cases")]
fn convolutions() -> Vec<Case> {
    let asymmetric = Padding {
        top: 0,
        bottom: 1,
        left: 2,
        right: 1,
    };
    let plain = ConvSpec::square(3, 1, 1);
    let specs = [
        ("same", 2, 3, plain),
        ("1x1", 3, 2, ConvSpec::square(1, 1, 0)),
        ("stride 2", 2, 3, ConvSpec::square(3, 2, 1)),
        (
            "stride 2 leaves rows unread",
            2,
            2,
            ConvSpec::square(2, 3, 0),
        ),
        (
            "stride 2 asymmetric",
            2,
            2,
            ConvSpec {
                padding: asymmetric,
                ..ConvSpec::square(3, 2, 0)
            },
        ),
        (
            "dilation",
            2,
            2,
            ConvSpec {
                dilation: [2, 2],
                ..ConvSpec::square(3, 1, 2)
            },
        ),
        (
            "dilation stride",
            2,
            2,
            ConvSpec {
                dilation: [2, 2],
                ..ConvSpec::square(3, 2, 1)
            },
        ),
        ("groups", 4, 6, ConvSpec { groups: 2, ..plain }),
        ("depthwise", 3, 3, ConvSpec { groups: 3, ..plain }),
        (
            "wide kernel",
            1,
            2,
            ConvSpec {
                kernel: [1, 5],
                padding: Padding {
                    top: 0,
                    bottom: 0,
                    left: 2,
                    right: 2,
                },
                ..plain
            },
        ),
        ("padding beyond the kernel", 1, 2, ConvSpec::square(2, 1, 2)),
    ];
    let mut cases: Vec<Case> = specs
        .into_iter()
        .flat_map(|(label, ci, co, conv)| {
            [true, false].map(|bias| {
                case(&format!("conv {label}"), &[&[ci, 6, 5]], |b, x| {
                    Ok(vec![b.conv("conv", x[0], co, conv, bias)?])
                })
            })
        })
        .collect();
    cases.push(case("conv bias map", &[&[2, 5, 4]], |b, x| {
        let params = vec![
            param("weight", Role::Weight, &[3, 2, 3, 3])?,
            param("bias", Role::Bias, &[3, 3, 2])?,
        ];
        Ok(vec![b.add(
            "conv",
            Op::Conv2d(ConvSpec::square(3, 2, 1)),
            x,
            params,
        )?])
    }));
    cases
}

fn transposed_convolutions() -> Vec<Case> {
    let asymmetric = Padding {
        top: 1,
        bottom: 0,
        left: 0,
        right: 1,
    };
    [
        ("from a point", 3, 2, ConvSpec::square(4, 1, 0), [0, 0]),
        ("double", 2, 3, ConvSpec::square(4, 2, 1), [0, 0]),
        ("output padding", 2, 3, ConvSpec::square(3, 2, 1), [1, 1]),
        (
            "groups",
            4,
            6,
            ConvSpec {
                groups: 2,
                ..ConvSpec::square(3, 2, 1)
            },
            [1, 0],
        ),
        (
            "dilation",
            2,
            2,
            ConvSpec {
                dilation: [2, 2],
                ..ConvSpec::square(3, 1, 1)
            },
            [0, 0],
        ),
        (
            "asymmetric",
            2,
            2,
            ConvSpec {
                padding: asymmetric,
                ..ConvSpec::square(3, 2, 0)
            },
            [0, 0],
        ),
        ("gaps", 1, 2, ConvSpec::square(2, 3, 0), [2, 1]),
    ]
    .into_iter()
    .flat_map(|(label, ci, co, conv, extra)| {
        let size: &[usize] = if label == "from a point" {
            &[3, 1, 1]
        } else {
            &[ci, 3, 2]
        };
        [true, false].map(|bias| {
            case(&format!("conv transpose {label}"), &[size], |b, x| {
                Ok(vec![b.conv_transpose("conv", x[0], co, conv, extra, bias)?])
            })
        })
    })
    .collect()
}

fn dense(bias: bool) -> Case {
    case("dense", &[&[5]], |b, x| {
        Ok(vec![b.dense("dense", x[0], 3, bias)?])
    })
}

fn batch_norms() -> Vec<Case> {
    let mut cases = Vec::new();
    for mode in [Mode::Inference, Mode::Training] {
        for dims in [&[3, 4, 3][..], &[1, 9, 1], &[4]] {
            let label = format!("batch norm {mode:?} {dims:?}");
            let mut case = case_of(&label, &[dims], 3, away_from_zero, |b, x| {
                Ok(vec![b.batch_norm("norm", x[0], 1e-3)?])
            });
            case.mode = mode;
            cases.push(case);
        }
    }
    cases
}

fn instance_norm(affine: bool) -> Case {
    case("instance norm", &[&[3, 4, 2]], |b, x| {
        let params = if affine {
            vec![
                param("weight", Role::Weight, &[3])?,
                param("bias", Role::Bias, &[3])?,
            ]
        } else {
            Vec::new()
        };
        Ok(vec![b.add(
            "norm",
            Op::InstanceNorm { eps: 1e-3 },
            x,
            params,
        )?])
    })
}

fn activations(op: Op) -> Vec<Case> {
    vec![plain(op.clone(), &[3, 3, 5]), plain(op, &[7])]
}

fn prelus() -> Vec<Case> {
    let with = |dims: &[usize], slope: &[usize]| {
        case(&format!("prelu {dims:?} {slope:?}"), &[dims], |b, x| {
            Ok(vec![b.prelu("prelu", x[0], slope)?])
        })
    };
    vec![
        with(&[3, 2, 4], &[1]),
        with(&[3, 2, 4], &[3]),
        with(&[3, 2, 4], &[3, 2, 4]),
        with(&[1, 2, 4], &[1, 2, 4]),
        with(&[3, 1, 1], &[3, 1, 1]),
        with(&[5], &[5]),
        with(&[5], &[1]),
    ]
}

fn broadcasting(op: &Op) -> Vec<Case> {
    let shapes: [[&[usize]; 2]; 7] = [
        [&[3, 2, 4], &[3, 2, 4]],
        [&[3, 2, 4], &[3, 1, 1]],
        [&[1, 1, 1], &[3, 2, 4]],
        [&[3, 2, 4], &[1]],
        [&[2, 4], &[3, 2, 4]],
        [&[3, 1, 4], &[1, 2, 1]],
        [&[5], &[5]],
    ];
    let mut cases: Vec<Case> = shapes
        .iter()
        .map(|dims| {
            case(&format!("{op} {dims:?}"), dims, |b, x| {
                Ok(vec![b.plain("op", op.clone(), x)?])
            })
        })
        .collect();
    // Both inputs one node: the gradient is counted twice.
    cases.push(case(&format!("{op} with itself"), &[&[2, 3, 3]], |b, x| {
        Ok(vec![b.plain("op", op.clone(), &[x[0], x[0]])?])
    }));
    cases
}

fn concatenations() -> Vec<Case> {
    let join = |label: &str, dims: &[&[usize]], axis: usize| {
        case(label, dims, |b, x| {
            Ok(vec![b.plain("op", Op::Concat { axis }, x)?])
        })
    };
    vec![
        join("concat of 3", &[&[2, 3, 2], &[1, 3, 2], &[3, 3, 2]], 0),
        join("concat of 1", &[&[2, 3, 2]], 0),
        join("concat rows", &[&[2, 1, 2], &[2, 3, 2]], 1),
        join("concat columns", &[&[2, 3, 1], &[2, 3, 2]], 2),
        join("concat vectors", &[&[3], &[2]], 0),
    ]
}

fn upsamplings() -> Vec<Case> {
    let modes = [
        UpsampleMode::Nearest,
        UpsampleMode::Bilinear {
            align_corners: false,
        },
        UpsampleMode::Bilinear {
            align_corners: true,
        },
    ];
    let shapes = [
        ([2, 2], [2, 3, 4]),
        ([3, 1], [2, 3, 2]),
        ([1, 2], [1, 1, 3]),
        ([2, 2], [1, 1, 1]),
    ];
    let of = |mode| shapes.map(|(scale, dims)| plain(Op::Upsample { scale, mode }, &dims));
    modes.into_iter().flat_map(of).collect()
}

fn poolings(op: fn(PoolSpec) -> Op) -> Vec<Case> {
    let pad = Padding {
        top: 1,
        bottom: 0,
        left: 1,
        right: 1,
    };
    let pools = [
        ("2x2", PoolSpec::square(2)),
        (
            "overlapping",
            PoolSpec {
                stride: [1, 2],
                ..PoolSpec::square(3)
            },
        ),
        (
            "gaps",
            PoolSpec {
                stride: [3, 3],
                ..PoolSpec::square(2)
            },
        ),
        (
            "padded",
            PoolSpec {
                stride: [2, 1],
                padding: pad,
                ..PoolSpec::square(3)
            },
        ),
        (
            "padded, padding not counted",
            PoolSpec {
                padding: pad,
                count_padding: false,
                ..PoolSpec::square(2)
            },
        ),
        (
            "rows only",
            PoolSpec {
                kernel: [2, 1],
                stride: [2, 1],
                ..PoolSpec::square(1)
            },
        ),
    ];
    pools
        .into_iter()
        .map(|(label, pool)| {
            let label = format!("{} {label}", op(pool));
            case_of(&label, &[&[2, 7, 6]], 2, without_ties, |b, x| {
                Ok(vec![b.plain("op", op(pool), x)?])
            })
        })
        .collect()
}

fn pad(value: f64) -> Case {
    let padding = Padding {
        top: 1,
        bottom: 0,
        left: 2,
        right: 3,
    };
    plain(Op::Pad { padding, value }, &[2, 3, 2])
}

fn slices() -> Vec<Case> {
    let slice = |axis, start, end, dims: &[usize]| plain(Op::Slice { axis, start, end }, dims);
    vec![
        slice(0, 1, 3, &[4, 2, 3]),
        slice(1, 0, 1, &[2, 3, 3]),
        slice(2, 2, 3, &[2, 3, 3]),
        slice(0, 0, 5, &[5]),
    ]
}

/// Two inputs, two outputs, skips, an inner node that is an output too, and a constant.
fn branched() -> Case {
    case_of(
        "branched",
        &[&[2, 6, 6], &[3]],
        3,
        away_from_zero,
        |b, x| {
            let stem = b.conv("stem", x[0], 3, ConvSpec::square(3, 1, 1), true)?;
            let stem = b.prelu("stem.act", stem, &[3])?;
            let style = b.dense("style", x[1], 3, true)?;
            let style = b.plain(
                "style.map",
                Op::Reshape {
                    dims: vec![3, 1, 1],
                },
                &[style],
            )?;
            let styled = b.plain("styled", Op::Mul, &[stem, style])?;
            let normed = b.batch_norm("norm", styled, 1e-3)?;
            let skip = b.plain("skip", Op::Add, &[stem, normed])?;
            let small = b.plain("pool", Op::AvgPool(PoolSpec::square(2)), &[skip])?;
            let large = b.plain(
                "up",
                Op::Upsample {
                    scale: [2, 2],
                    mode: UpsampleMode::Nearest,
                },
                &[small],
            )?;
            let place = b.constant("place", &[1, 6, 6])?;
            let joined = b.plain("joined", Op::Concat { axis: 0 }, &[skip, large, place])?;
            let image = b.conv("image", joined, 2, ConvSpec::square(3, 1, 1), true)?;
            let image = b.plain("tanh", Op::Tanh, &[image])?;
            let flat = b.plain("flat", Op::Flatten, &[small])?;
            let logit = b.dense("logit", flat, 1, true)?;
            Ok(vec![image, logit, skip])
        },
    )
}

/// Gains and offsets of every shape an edit can have, at inner layers, an input and an output.
fn edits(dtype: DType) -> Edits {
    let affine = |name: &str, dims: &[usize]| Affine {
        gain: away_from_zero(&format!("{name}.gain"), dims)
            .to_dtype(dtype)
            .unwrap(),
        offset: away_from_zero(&format!("{name}.offset"), dims)
            .to_dtype(dtype)
            .unwrap(),
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
