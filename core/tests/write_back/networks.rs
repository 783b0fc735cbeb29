//! Random networks: layers drawn from a seed, each fitting the one before.

use ganoscope_core::network::{
    ConvSpec, Function, Network, NetworkBuilder, NetworkError, NodeId, Op, Padding, Param,
    PoolSpec, Role, UpsampleMode,
};
use ganoscope_core::seed::hash_uniform;

use super::parameter;

/// Numbers from a seed.
pub(super) struct Draw {
    name: String,
    count: u64,
}

impl Draw {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            count: 0,
        }
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.count += 1;
        let u = hash_uniform(&self.name, 1, self.count)[0];
        (f64::midpoint(u, 1.0) * n as f64) as usize % n
    }
}

/// A network of a picture that ends in a picture, a vector, or both.
pub(super) fn random(seed: usize) -> Network {
    let mut draw = Draw::new(&format!("network {seed}"));
    let mut b = NetworkBuilder::new(parameter);
    build(&mut b, &mut draw).unwrap_or_else(|e| panic!("network {seed}: {e}"));
    b.finish().unwrap_or_else(|e| panic!("network {seed}: {e}"))
}

fn build(b: &mut NetworkBuilder<'_>, draw: &mut Draw) -> Result<(), NetworkError> {
    let mut x = b.input("input", &[4, 8, 8])?;
    for i in 0..4 + draw.below(6) {
        let kind = draw.below(17);
        x = layer(b, draw, x, &format!("layer{i}"), kind)?;
    }
    if draw.below(2) == 0 {
        b.output("image", x);
    }
    let flat = b.plain("flat", Op::Flatten, &[x])?;
    let y = b.dense("hidden", flat, 5, draw.below(2) == 0)?;
    let y = b.plain("hidden.act", Op::LeakyRelu { slope: 0.2 }, &[y])?;
    let y = b.dense("logit", y, 1, true)?;
    b.output("logit", y);
    Ok(())
}

/// A layer, or several, after `x`.
fn layer(
    b: &mut NetworkBuilder<'_>,
    draw: &mut Draw,
    x: NodeId,
    name: &str,
    kind: usize,
) -> Result<NodeId, NetworkError> {
    let channels = b.fact(x).units();
    let [rows, columns] = b.fact(x).size();
    let has_bias = draw.below(2) == 0;
    match kind {
        0..=2 => {
            let padding = if rows.min(columns) < 3 {
                1
            } else {
                draw.below(2)
            };
            let mut conv = ConvSpec::square(3, 1 + draw.below(2), padding);
            if channels.is_multiple_of(2) && draw.below(3) == 0 {
                conv.groups = 2;
            }
            b.conv(name, x, 4, conv, has_bias)
        }
        3 => {
            let mut conv = ConvSpec::square(4, 2, 1);
            if channels.is_multiple_of(2) && draw.below(2) == 0 {
                conv.groups = 2;
            }
            b.conv_transpose(name, x, 4, conv, [0, 0], has_bias)
        }
        4 | 5 => b.batch_norm(name, x, 1e-3),
        6 => b.plain(name, Op::Relu, &[x]),
        7 => b.plain(name, Op::LeakyRelu { slope: 0.3 }, &[x]),
        8 => b.prelu(name, x, &[channels]),
        9 => b.plain(name, Op::Tanh, &[x]),
        10 => {
            let mode = if has_bias {
                UpsampleMode::Nearest
            } else {
                UpsampleMode::Bilinear {
                    align_corners: false,
                }
            };
            let scale = [2, 1];
            b.plain(name, Op::Upsample { scale, mode }, &[x])
        }
        11 if channels.is_multiple_of(4) => b.plain(name, Op::PixelShuffle { factor: 2 }, &[x]),
        12 if rows > 1 && columns > 1 => b.plain(name, Op::AvgPool(PoolSpec::square(2)), &[x]),
        13 if rows > 1 && columns > 1 => b.plain(name, Op::MaxPool(PoolSpec::square(2)), &[x]),
        14 => {
            let side = b.conv(
                &format!("{name}.side"),
                x,
                2,
                ConvSpec::square(1, 1, 0),
                has_bias,
            )?;
            b.plain(name, Op::Concat { axis: 0 }, &[x, side])
        }
        15 => {
            let inner = ConvSpec::square(3, 1, 1);
            let y = b.conv(&format!("{name}.inner"), x, channels, inner, has_bias)?;
            b.plain(name, Op::Add, &[x, y])
        }
        16 => {
            let scale = b.constant(&format!("{name}.scale"), &[1])?;
            let shift = b.constant(&format!("{name}.shift"), &[channels, 1, 1])?;
            let x = b.plain(&format!("{name}.scaled"), Op::Mul, &[x, scale])?;
            b.plain(name, Op::Add, &[x, shift])
        }
        _ => b.plain(name, Op::Identity, &[x]),
    }
}

/// A small network of one operation, with its name.
fn one(op: &Op, dims: &[usize], params: &[(Role, &[usize])]) -> (String, Network) {
    let params = params.iter().map(|(role, dims)| Param {
        role: *role,
        key: format!("layer.op.{role:?}").into(),
        tensor: parameter("op", *role, dims).unwrap(),
    });
    let mut b = NetworkBuilder::new(parameter);
    let x = b.input("input", dims).unwrap();
    let x = b
        .add("layer.op", op.clone(), &[x], params.collect())
        .unwrap();
    b.output("value", x);
    (op.to_string(), b.finish().unwrap())
}

/// A small network with one operation of every kind that random networks do not have.
pub(super) fn others() -> Vec<(String, Network)> {
    let scale_and_shift = [(Role::Weight, &[4][..]), (Role::Bias, &[4])];
    let mut cases = vec![
        one(
            &Op::InstanceNorm { eps: 1e-3 },
            &[4, 6, 5],
            &scale_and_shift,
        ),
        one(&Op::Softplus, &[7], &[]),
        one(&Op::Prelu, &[7], &[(Role::Slope, &[7])]),
        one(&Op::Prelu, &[3, 2, 2], &[(Role::Slope, &[3, 2, 2])]),
        one(&Op::Prelu, &[3, 2, 2], &[(Role::Slope, &[1])]),
    ];
    cases.extend(element_wise().iter().map(|op| one(op, &[4, 6, 5], &[])));
    cases.extend(moving().iter().map(|op| one(op, &[4, 6, 5], &[])));
    for function in [
        Function::Exp,
        Function::Erf,
        Function::Reciprocal,
        Function::Log,
        Function::Sqrt,
    ] {
        let mut b = NetworkBuilder::new(parameter);
        let x = b.input("input", &[3, 2, 2]).unwrap();
        // Roots and logarithms are of positive numbers.
        let x = b.plain("positive", Op::Softplus, &[x]).unwrap();
        let x = b.plain("layer.op", Op::Function(function), &[x]).unwrap();
        b.output("value", x);
        cases.push((format!("{function:?}"), b.finish().unwrap()));
    }
    cases.extend([bias_map(), constants(), shared_output()]);
    cases
}

fn element_wise() -> [Op; 7] {
    [
        Op::Identity,
        Op::InstanceNorm { eps: 1e-3 },
        Op::PixelNorm { eps: 1e-6 },
        Op::Sigmoid,
        Op::Elu { alpha: 0.7 },
        Op::Silu,
        Op::Softplus,
    ]
}

fn moving() -> [Op; 12] {
    let padding = Padding {
        top: 1,
        bottom: 0,
        left: 2,
        right: 1,
    };
    let pool = PoolSpec {
        stride: [2, 1],
        padding: Padding { left: 1, ..padding },
        count_padding: false,
        ..PoolSpec::square(3)
    };
    let counted = PoolSpec {
        count_padding: true,
        ..pool
    };
    let mode = UpsampleMode::Bilinear {
        align_corners: true,
    };
    let scale = [3, 2];
    let pad = |value| Op::Pad { padding, value };
    [
        Op::Upsample { scale, mode },
        Op::AvgPool(pool),
        Op::AvgPool(counted),
        Op::MaxPool(pool),
        Op::GlobalAvgPool,
        Op::GlobalMaxPool,
        Op::Reshape { dims: vec![6, 20] },
        pad(0.0),
        pad(-0.5),
        Op::Slice {
            axis: 2,
            start: 1,
            end: 4,
        },
        Op::Select {
            axis: 1,
            indices: vec![5, 0, 0, 2],
        },
        Op::Transpose {
            order: vec![1, 2, 0],
        },
    ]
}

/// A bias that differs from pixel to pixel, as folding a normalisation forward makes one.
fn bias_map() -> (String, Network) {
    let mut b = NetworkBuilder::new(parameter);
    let x = b.input("input", &[2, 4, 4]).unwrap();
    let params = [(Role::Weight, &[3, 2, 3, 3][..]), (Role::Bias, &[3, 4, 4])];
    let params = params.map(|(role, dims)| Param {
        role,
        key: format!("c.{role:?}").into(),
        tensor: parameter("c", role, dims).unwrap(),
    });
    let conv = Op::Conv2d(ConvSpec::square(3, 1, 1));
    let x = b.add("c", conv, &[x], params.to_vec()).unwrap();
    b.output("value", x);
    ("bias map".to_owned(), b.finish().unwrap())
}

/// Constants that are joined, added and multiplied in all dimensions.
fn constants() -> (String, Network) {
    let mut b = NetworkBuilder::new(parameter);
    let x = b.input("input", &[2, 4, 3]).unwrap();
    let place = b.constant("place", &[2, 4, 3]).unwrap();
    let mut y = b
        .plain("with place", Op::Concat { axis: 0 }, &[x, place])
        .unwrap();
    for (i, dims) in [&[][..], &[1], &[4, 3], &[4, 1, 1]].into_iter().enumerate() {
        let constant = b.constant(&format!("constant{i}"), dims).unwrap();
        let op = if i % 2 == 0 { Op::Add } else { Op::Mul };
        y = b
            .plain(&format!("combined{i}"), op, &[y, constant])
            .unwrap();
    }
    let row = b.input("row", &[3]).unwrap();
    y = b.plain("with row", Op::Mul, &[y, row]).unwrap();
    b.output("value", y);
    ("constants".to_owned(), b.finish().unwrap())
}

/// A value that leaves under two names and is read on, and one that is an input.
fn shared_output() -> (String, Network) {
    let mut b = NetworkBuilder::new(parameter);
    let x = b.input("input", &[2, 3, 3]).unwrap();
    let y = b.plain("value", Op::Tanh, &[x]).unwrap();
    let z = b.plain("other", Op::Relu, &[y]).unwrap();
    for (name, id) in [("a", y), ("value", z), ("b", y), ("same", x)] {
        b.output(name, id);
    }
    ("outputs".to_owned(), b.finish().unwrap())
}
