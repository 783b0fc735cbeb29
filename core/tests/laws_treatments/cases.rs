//! Layers of every kind without weights of their own.

use ganoscope_core::network::{Op, Padding, PoolSpec, UpsampleMode};

use crate::common::{Case, case};

pub(crate) fn plain(op: Op, dims: &[&[usize]]) -> Case {
    let label = format!("{op} {dims:?}");
    case(&label, dims, |b, x| Ok(vec![b.plain("op", op, x)?]))
}

fn shape() -> Padding {
    Padding {
        top: 1,
        bottom: 0,
        left: 2,
        right: 1,
    }
}

fn bilinear(align_corners: bool) -> Op {
    Op::Upsample {
        scale: [2, 3],
        mode: UpsampleMode::Bilinear { align_corners },
    }
}

pub(crate) fn pool(count_padding: bool) -> PoolSpec {
    PoolSpec {
        kernel: [3, 2],
        stride: [2, 1],
        padding: Padding {
            top: 1,
            bottom: 1,
            left: 0,
            right: 1,
        },
        count_padding,
    }
}

/// Layers that only move elements, and those that repeat them.
pub(crate) fn routes() -> Vec<Case> {
    let nearest = Op::Upsample {
        scale: [2, 3],
        mode: UpsampleMode::Nearest,
    };
    vec![
        plain(Op::Identity, &[&[2, 3, 3]]),
        plain(Op::Flatten, &[&[2, 3, 3]]),
        plain(
            Op::Reshape {
                dims: vec![3, 2, 3],
            },
            &[&[2, 3, 3]],
        ),
        plain(Op::PixelShuffle { factor: 2 }, &[&[8, 2, 3]]),
        plain(Op::Concat { axis: 0 }, &[&[2, 2, 3], &[3, 2, 3]]),
        plain(
            Op::Concat { axis: 2 },
            &[&[2, 2, 3], &[2, 2, 1], &[2, 2, 2]],
        ),
        plain(nearest, &[&[2, 2, 3]]),
        plain(
            Op::Slice {
                axis: 0,
                start: 1,
                end: 3,
            },
            &[&[4, 2, 2]],
        ),
        plain(
            Op::Pad {
                padding: shape(),
                value: 0.0,
            },
            &[&[2, 2, 3]],
        ),
        plain(
            Op::Pad {
                padding: shape(),
                value: 0.5,
            },
            &[&[2, 2, 3]],
        ),
    ]
}

/// Layers with fixed weights.
pub(crate) fn sums() -> Vec<Case> {
    vec![
        plain(Op::Add, &[&[2, 3, 3], &[2, 3, 3]]),
        plain(Op::Add, &[&[2, 3, 3], &[2, 1, 1]]),
        plain(Op::AvgPool(pool(true)), &[&[2, 5, 4]]),
        plain(Op::AvgPool(pool(false)), &[&[2, 5, 4]]),
        plain(Op::GlobalAvgPool, &[&[3, 3, 4]]),
        plain(bilinear(false), &[&[2, 3, 3]]),
        plain(bilinear(true), &[&[2, 3, 3]]),
        case("batch norm", &[&[3, 2, 2]], |b, x| {
            Ok(vec![b.batch_norm("norm", x[0], 1e-3)?])
        }),
    ]
}

/// The relevance stays where it is.
pub(crate) fn passes() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        Op::Relu,
        Op::LeakyRelu { slope: 0.3 },
        Op::Tanh,
        Op::Sigmoid,
        Op::Elu { alpha: 0.7 },
        Op::Silu,
        Op::Softplus,
        Op::PixelNorm { eps: 1e-8 },
    ]
    .into_iter()
    .map(|op| plain(op, &[&[3, 2, 3]]))
    .collect();
    for slopes in [&[1][..], &[3], &[3, 2, 3]] {
        cases.push(case(&format!("PReLU {slopes:?}"), &[&[3, 2, 3]], |b, x| {
            Ok(vec![b.prelu("act", x[0], slopes)?])
        }));
    }
    cases
}
