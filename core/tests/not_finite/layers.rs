//! Networks: forward, resumed, planned and pulled back, by the fast loops (f32) and by candle's operations (f64).

use candle_core::{DType, Device, Tensor};
use ganoscope_core::network::{
    Affine, ConvSpec, Edits, Network, NetworkBuilder, NetworkError, NodeId, Op, Padding, Plan,
    PoolSpec, Retain, UpsampleMode, Wanted,
};

use crate::common::{away_from_zero, parameter, values};
use crate::{BAD, PIXEL, SIZE};

type Layers = fn(&mut NetworkBuilder<'_>, NodeId) -> Result<NodeId, NetworkError>;

/// An input `[2, 9, 9]` to which the constant `poison` is added, of which one pixel of channel 0 is `bad`, and layers.
fn poisoned(bad: f64, dtype: DType, layers: Layers) -> Network {
    let mut b = NetworkBuilder::new(parameter);
    let input = b.input("input", &[2, SIZE, SIZE]).unwrap();
    let poison = b.constant("poison", &[2, SIZE, SIZE]).unwrap();
    let sum = b.plain("sum", Op::Add, &[input, poison]).unwrap();
    let output = layers(&mut b, sum).unwrap();
    b.output("output", output);
    let network = b.finish().unwrap();
    let network = network.map_params(|_, p| {
        if &*p.key != "poison" && &*p.key != "poison.value" {
            return Ok(p.tensor.clone());
        }
        let mut values = values(&p.tensor);
        values[PIXEL[0] * SIZE + PIXEL[1]] = bad;
        Ok(Tensor::from_vec(values, p.tensor.dims(), &Device::Cpu)?)
    });
    network.unwrap().to_dtype(dtype).unwrap()
}

fn input(dtype: DType) -> [Tensor; 1] {
    let input = away_from_zero("input", &[2, 2, SIZE, SIZE]);
    [input.to_dtype(dtype).unwrap()]
}

/// Runs, resumes, plans and pulls back; returns the outputs of the three, which must agree about what is not finite.
fn all_ways(network: &Network, dtype: DType) -> Vec<bool> {
    let inputs = input(dtype);
    let run = network
        .forward(&inputs, &Edits::new(), &Retain::All)
        .unwrap();
    let planned = Plan::new(network).unwrap().run(&inputs).unwrap();
    let one = Tensor::ones((1, 1, 1, 1), dtype, &Device::Cpu).unwrap();
    let edits = Edits::from([(
        "sum".into(),
        Affine {
            gain: one.clone(),
            offset: one.zeros_like().unwrap(),
        },
    )]);
    let resumed = network.resume(&run, &edits).unwrap();
    let is_bad = |t: &Tensor| -> Vec<bool> { values(t).iter().map(|v| !v.is_finite()).collect() };
    let found = is_bad(&run.outputs()[0]);
    assert_eq!(is_bad(&planned[0]), found, "plan");
    assert_eq!(is_bad(&resumed.outputs()[0]), found, "resume");
    let seed = (
        network.outputs()[0].node,
        run.outputs()[0].ones_like().unwrap(),
    );
    let wanted = Wanted {
        inputs: true,
        params: true,
        ..Wanted::default()
    };
    network.pullback(&run, &[seed], &wanted).unwrap();
    found
}

fn conv(b: &mut NetworkBuilder<'_>, x: NodeId) -> Result<NodeId, NetworkError> {
    b.conv("conv", x, 3, ConvSpec::square(3, 1, 1), true)
}

/// What a layer after the convolution does to the rows and columns that are not finite.
#[derive(Clone, Copy, Debug)]
enum Reach {
    /// The pixels within this distance of the bad one, in all channels.
    Within(usize),
    /// Every value.
    All,
}

#[test]
#[allow(clippy::too_many_lines, reason = "one table of cases")]
fn what_is_not_a_number_reaches_exactly_what_sees_it() {
    use Reach::{All, Within};
    let cases: [(&str, Reach, Layers); 19] = [
        ("conv", Within(1), conv),
        ("relu", Within(1), |b, x| {
            let x = conv(b, x)?;
            b.plain("act", Op::Relu, &[x])
        }),
        ("leaky", Within(1), |b, x| {
            let x = conv(b, x)?;
            b.plain("act", Op::LeakyRelu { slope: 0.3 }, &[x])
        }),
        ("leaky 0", Within(1), |b, x| {
            let x = conv(b, x)?;
            b.plain("act", Op::LeakyRelu { slope: 0.0 }, &[x])
        }),
        ("prelu 1", Within(1), |b, x| {
            let x = conv(b, x)?;
            b.prelu("act", x, &[1])
        }),
        ("prelu C", Within(1), |b, x| {
            let x = conv(b, x)?;
            b.prelu("act", x, &[3])
        }),
        ("prelu CHW", Within(1), |b, x| {
            let x = conv(b, x)?;
            b.prelu("act", x, &[3, SIZE, SIZE])
        }),
        ("tanh", Within(1), |b, x| {
            let x = conv(b, x)?;
            b.plain("act", Op::Tanh, &[x])
        }),
        ("sigmoid", Within(1), |b, x| {
            let x = conv(b, x)?;
            b.plain("act", Op::Sigmoid, &[x])
        }),
        ("elu", Within(1), |b, x| {
            let x = conv(b, x)?;
            b.plain("act", Op::Elu { alpha: 1.0 }, &[x])
        }),
        ("silu", Within(1), |b, x| {
            let x = conv(b, x)?;
            b.plain("act", Op::Silu, &[x])
        }),
        ("softplus", Within(1), |b, x| {
            let x = conv(b, x)?;
            b.plain("act", Op::Softplus, &[x])
        }),
        ("batch norm", Within(1), |b, x| {
            let x = conv(b, x)?;
            b.batch_norm("norm", x, 1e-3)
        }),
        ("max pool", Within(2), |b, x| {
            let x = conv(b, x)?;
            b.plain(
                "pool",
                Op::MaxPool(PoolSpec {
                    stride: [1, 1],
                    padding: Padding::all(1),
                    ..PoolSpec::square(3)
                }),
                &[x],
            )
        }),
        ("avg pool", Within(2), |b, x| {
            let x = conv(b, x)?;
            b.plain(
                "pool",
                Op::AvgPool(PoolSpec {
                    stride: [1, 1],
                    padding: Padding::all(1),
                    ..PoolSpec::square(3)
                }),
                &[x],
            )
        }),
        ("global max pool", All, |b, x| {
            let x = conv(b, x)?;
            b.plain("pool", Op::GlobalMaxPool, &[x])
        }),
        ("global avg pool", All, |b, x| {
            let x = conv(b, x)?;
            b.plain("pool", Op::GlobalAvgPool, &[x])
        }),
        ("dense", All, |b, x| {
            let x = conv(b, x)?;
            let x = b.plain("act", Op::Relu, &[x])?;
            let x = b.plain("flat", Op::Flatten, &[x])?;
            b.dense("logit", x, 2, true)
        }),
        ("residual", Within(2), |b, x| {
            let x = conv(b, x)?;
            let y = b.conv("conv2", x, 3, ConvSpec::square(3, 1, 1), true)?;
            let y = b.prelu("act", y, &[3])?;
            b.plain("add", Op::Add, &[x, y])
        }),
    ];
    for dtype in [DType::F32, DType::F64] {
        for (name, reach, layers) in cases {
            let found = all_ways(&poisoned(f64::NAN, dtype, layers), dtype);
            for (i, is_bad) in found.iter().enumerate() {
                let near = |at: usize, pixel: usize, d: usize| at.abs_diff(pixel) <= d;
                let expected = match reach {
                    Within(d) => near(i / SIZE % SIZE, PIXEL[0], d) && near(i % SIZE, PIXEL[1], d),
                    All => true,
                };
                assert_eq!(*is_bad, expected, "{name} {dtype:?} at {i}");
            }
        }
    }
}

#[test]
fn infinities_pass_through_every_layer_without_a_panic() {
    let cases: [Layers; 12] = [
        |b, x| {
            let x = conv(b, x)?;
            b.plain("act", Op::Relu, &[x])
        },
        |b, x| {
            let x = conv(b, x)?;
            b.prelu("act", x, &[3, SIZE, SIZE])
        },
        |b, x| b.plain("act", Op::Tanh, &[x]),
        |b, x| b.plain("act", Op::Silu, &[x]),
        |b, x| b.plain("act", Op::Elu { alpha: 1.0 }, &[x]),
        |b, x| b.plain("act", Op::Softplus, &[x]),
        |b, x| b.plain("pool", Op::MaxPool(PoolSpec::square(2)), &[x]),
        |b, x| b.plain("pool", Op::GlobalMaxPool, &[x]),
        |b, x| b.plain("norm", Op::InstanceNorm { eps: 1e-3 }, &[x]),
        |b, x| b.plain("norm", Op::PixelNorm { eps: 1e-3 }, &[x]),
        |b, x| {
            b.plain(
                "up",
                Op::Upsample {
                    scale: [2, 3],
                    mode: UpsampleMode::Bilinear {
                        align_corners: false,
                    },
                },
                &[x],
            )
        },
        |b, x| b.plain("mul", Op::Mul, &[x, x]),
    ];
    for dtype in [DType::F32, DType::F64] {
        for bad in BAD {
            for layers in cases {
                all_ways(&poisoned(bad, dtype, layers), dtype);
            }
        }
    }
    // The maximum of a window with an infinity is that infinity, and a saturated activation is finite again.
    let largest = |bad: f64, dtype, layers: Layers| {
        let found = all_ways(&poisoned(bad, dtype, layers), dtype);
        found.iter().filter(|is_bad| **is_bad).count()
    };
    for dtype in [DType::F32, DType::F64] {
        let pooled: Layers = |b, x| b.plain("pool", Op::MaxPool(PoolSpec::square(3)), &[x]);
        assert_eq!(largest(f64::INFINITY, dtype, pooled), 2);
        assert_eq!(largest(f64::NEG_INFINITY, dtype, pooled), 0);
        assert_eq!(
            largest(f64::INFINITY, dtype, |b, x| b.plain("act", Op::Tanh, &[x])),
            0
        );
    }
}
