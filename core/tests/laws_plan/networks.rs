//! Random networks: convolutions with whatever may come after them, and now and then any other operation.

use ganoscope_core::checkpoint::procedural_weights;
use ganoscope_core::network::{
    ConvSpec, Function, Network, NetworkBuilder, NetworkError, NodeId, Op, Padding, Param,
    PoolSpec, Role, UpsampleMode,
};
use ganoscope_core::seed::Stream;

/// A network of some convolutions with whatever may come after them, and now and then something else.
pub(crate) fn random_network(stream: &mut Stream, seed: u64) -> Result<Network, NetworkError> {
    let mut b = NetworkBuilder::new(procedural_weights(seed));
    let size = [8, 12, 20][stream.below(3)];
    let mut values = vec![b.input("x", &[3, size, size])?];
    for i in 0..6 + stream.below(10) {
        let name = format!("n{i}");
        // Mostly the newest value, so that there are chains.
        let x = match stream.below(3) {
            0 => values[stream.below(values.len())],
            _ => values[values.len() - 1],
        };
        let dims = b.fact(x).dims.clone();
        let alike: Vec<NodeId> = values
            .iter()
            .copied()
            .filter(|v| b.fact(*v).dims == dims)
            .collect();
        let other = alike[stream.below(alike.len())];
        let channels = 2 + stream.below(13);
        values.push(match stream.below(18) {
            0..=3 => b.conv(&name, x, channels, ConvSpec::square(3, 1, 1), stream.coin())?,
            4 if dims[1] > 4 => b.conv(&name, x, channels, ConvSpec::square(3, 2, 1), true)?,
            5 | 4 => b.batch_norm(&name, x, 1e-3)?,
            6 => b.prelu(&name, x, &[dims[0]])?,
            7 => b.prelu(&name, x, &dims)?,
            8 => b.plain(&name, Op::LeakyRelu { slope: 0.2 }, &[x])?,
            9 => b.plain(
                &name,
                [Op::Tanh, Op::Relu, Op::Silu][stream.below(3)].clone(),
                &[x],
            )?,
            10 => b.plain(&name, Op::Add, &[x, other])?,
            11 => b.plain(&name, Op::Mul, &[other, x])?,
            12 if dims[0] < 20 => b.plain(&name, Op::Concat { axis: 0 }, &[x, other])?,
            13 if dims[1] > 4 => b.plain(&name, Op::AvgPool(PoolSpec::square(2)), &[x])?,
            13 => {
                let mode = UpsampleMode::Nearest;
                b.plain(
                    &name,
                    Op::Upsample {
                        scale: [2, 2],
                        mode,
                    },
                    &[x],
                )?
            }
            14..17 => rarer(&mut b, stream, &name, x)?,
            _ => b.plain(&name, Op::Identity, &[x])?,
        });
    }
    let last = values[values.len() - 1];
    b.output("last", last);
    b.output("some", values[1 + stream.below(values.len() - 1)]);
    let flat = b.plain("flat", Op::Flatten, &[last])?;
    let dense = b.dense("dense", flat, 5, true)?;
    let logit = b.plain("act", Op::LeakyRelu { slope: 0.3 }, &[dense])?;
    b.output("logit", logit);
    b.finish()
}

/// One of the other operations, on a value `[C, H, W]` to another one.
fn rarer(
    b: &mut NetworkBuilder<'_>,
    stream: &mut Stream,
    name: &str,
    x: NodeId,
) -> Result<NodeId, NetworkError> {
    let dims = b.fact(x).dims.clone();
    let (channels, rows, columns) = (dims[0], dims[1], dims[2]);
    let op = match stream.below(16) {
        0 => {
            let conv = ConvSpec {
                groups: 1 + usize::from(channels.is_multiple_of(2)),
                ..ConvSpec::square(4, 2, 1)
            };
            return b.conv_transpose(name, x, 6, conv, [0, stream.below(2)], stream.coin());
        }
        1 => {
            // A map for each channel, and one value for each pixel.
            let part = if stream.coin() {
                [channels, 1, 1]
            } else {
                [1, rows, columns]
            };
            let beside = b.constant(&format!("{name}.beside"), &part)?;
            let op = if stream.coin() { Op::Add } else { Op::Mul };
            let both = if stream.coin() {
                [x, beside]
            } else {
                [beside, x]
            };
            return b.plain(name, op, &both);
        }
        2 => {
            let means = b.plain(&format!("{name}.means"), Op::GlobalAvgPool, &[x])?;
            return b.plain(name, Op::Mul, &[means, x]);
        }
        3 => {
            let largest = b.plain(&format!("{name}.largest"), Op::GlobalMaxPool, &[x])?;
            return b.plain(name, Op::Add, &[x, largest]);
        }
        4 => return normalised(b, name, x, [stream.coin(), stream.coin()]),
        5 => Op::PixelNorm { eps: 1e-6 },
        _ => return moved(b, stream, name, x),
    };
    b.plain(name, op, &[x])
}

/// What moves elements or looks at windows of them.
fn moved(
    b: &mut NetworkBuilder<'_>,
    stream: &mut Stream,
    name: &str,
    x: NodeId,
) -> Result<NodeId, NetworkError> {
    let dims = b.fact(x).dims.clone();
    let (channels, rows, columns) = (dims[0], dims[1], dims[2]);
    let window = PoolSpec {
        kernel: [3, 2],
        stride: [2, 1],
        padding: Padding::all(1),
        count_padding: stream.coin(),
    };
    let op = match stream.below(10) {
        0 => Op::MaxPool(window),
        1 => Op::AvgPool(window),
        2 => Op::Upsample {
            scale: [1 + stream.below(2), 2],
            mode: UpsampleMode::Bilinear {
                align_corners: stream.coin(),
            },
        },
        3 => Op::Pad {
            padding: Padding {
                top: 1,
                bottom: 0,
                left: 2,
                right: 1,
            },
            value: [0.0, 0.5, -1.0][stream.below(3)],
        },
        4 => {
            let axis = stream.below(3);
            Op::Slice {
                axis,
                start: dims[axis] / 3,
                end: dims[axis],
            }
        }
        5 => {
            let axis = stream.below(3);
            let indices = (0..dims[axis]).map(|_| stream.below(dims[axis])).collect();
            Op::Select { axis, indices }
        }
        6 => Op::Transpose {
            order: vec![0, 2, 1],
        },
        7 => {
            return b.plain(
                name,
                Op::Concat {
                    axis: 1 + stream.below(2),
                },
                &[x, x],
            );
        }
        8 if channels.is_multiple_of(4) => Op::PixelShuffle { factor: 2 },
        8 => Op::Function(Function::Erf),
        _ => Op::Reshape {
            dims: vec![channels, columns, rows],
        },
    };
    b.plain(name, op, &[x])
}

/// Instance normalisation, with weight and bias or without.
fn normalised(
    b: &mut NetworkBuilder<'_>,
    name: &str,
    x: NodeId,
    has: [bool; 2],
) -> Result<NodeId, NetworkError> {
    let channels = b.fact(x).dims[0];
    let mut params = Vec::new();
    let roles = [(Role::Weight, "weight"), (Role::Bias, "bias")];
    for ((role, word), _) in roles.into_iter().zip(has).filter(|(_, has)| *has) {
        let key = format!("{name}.{word}");
        let tensor = procedural_weights(9)(&key, role, &[channels])?;
        params.push(Param {
            role,
            key: key.into(),
            tensor,
        });
    }
    b.add(name, Op::InstanceNorm { eps: 1e-3 }, &[x], params)
}
