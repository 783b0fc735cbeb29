//! Cases of every operation but the convolutions, and of whole networks.

use super::common::{self, Case, away_from_zero, case, case_of, without_ties};
use ganoscope_core::network::{
    ConvSpec, Function, Mode, NetworkError, Op, Padding, Param, PoolSpec, Role, UpsampleMode,
};

pub(super) fn plain(op: Op, dims: &[usize]) -> Case {
    let label = format!("{op} {dims:?}");
    case(&label, &[dims], |b, x| Ok(vec![b.plain("op", op, x)?]))
}

pub(super) fn param(key: &str, role: Role, dims: &[usize]) -> Result<Param, NetworkError> {
    Ok(Param {
        role,
        key: key.into(),
        tensor: common::parameter(key, role, dims)?,
    })
}

pub(super) fn constants() -> Vec<Case> {
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

pub(super) fn dense(bias: bool) -> Case {
    case("dense", &[&[5]], |b, x| {
        Ok(vec![b.dense("dense", x[0], 3, bias)?])
    })
}

pub(super) fn batch_norms() -> Vec<Case> {
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

pub(super) fn instance_norm(affine: bool) -> Case {
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

pub(super) fn activations(op: Op) -> Vec<Case> {
    vec![plain(op.clone(), &[3, 3, 5]), plain(op, &[7])]
}

pub(super) fn functions() -> Vec<Case> {
    // Logarithm and root are functions of positive numbers.
    let positive = |name: &str, dims: &[usize]| away_from_zero(name, dims).abs().unwrap();
    let of = |function, dims: &[usize], fill| {
        let op = Op::Function(function);
        case_of(&format!("{op} {dims:?}"), &[dims], 2, fill, |b, x| {
            Ok(vec![b.plain("op", op, x)?])
        })
    };
    let (image, vector) = ([3, 3, 5], [7]);
    vec![
        of(Function::Exp, &image, away_from_zero),
        of(Function::Exp, &vector, away_from_zero),
        of(Function::Erf, &image, away_from_zero),
        of(Function::Reciprocal, &image, away_from_zero),
        of(Function::Log, &image, positive),
        of(Function::Sqrt, &vector, positive),
    ]
}

pub(super) fn selections() -> Vec<Case> {
    let select = |axis, indices: &[usize], dims: &[usize]| {
        let indices = indices.to_vec();
        plain(Op::Select { axis, indices }, dims)
    };
    vec![
        select(0, &[3, 1], &[4, 2, 3]),
        select(1, &[1, 0, 1, 2, 2], &[2, 3, 3]),
        select(2, &[0, 0, 0], &[2, 3, 1]),
        select(0, &[4, 2, 0], &[5]),
    ]
}

pub(super) fn prelus() -> Vec<Case> {
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

pub(super) fn broadcasting(op: &Op) -> Vec<Case> {
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

pub(super) fn concatenations() -> Vec<Case> {
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

pub(super) fn upsamplings() -> Vec<Case> {
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

pub(super) fn poolings(op: fn(PoolSpec) -> Op) -> Vec<Case> {
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

pub(super) fn pad(value: f64) -> Case {
    let padding = Padding {
        top: 1,
        bottom: 0,
        left: 2,
        right: 3,
    };
    plain(Op::Pad { padding, value }, &[2, 3, 2])
}

pub(super) fn slices() -> Vec<Case> {
    let slice = |axis, start, end, dims: &[usize]| plain(Op::Slice { axis, start, end }, dims);
    vec![
        slice(0, 1, 3, &[4, 2, 3]),
        slice(1, 0, 1, &[2, 3, 3]),
        slice(2, 2, 3, &[2, 3, 3]),
        slice(0, 0, 5, &[5]),
    ]
}

/// Two inputs, two outputs, skips, an inner node that is an output too, and a constant.
pub(super) fn branched() -> Case {
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
