//! Damaged networks and wrong inputs give typed errors that name the layer, and never a panic.

mod common;

use candle_core::{DType, Device, Tensor};
use common::{parameter, tensor};
use ganoscope_core::network::{
    Affine, ConvSpec, Edits, Network, NetworkBuilder, NetworkError, NodeId, Op, Padding, Param,
    PoolSpec, Retain, Role, UpsampleMode, Wanted,
};

const HUGE: usize = usize::MAX;

type Built<T> = Result<T, NetworkError>;

/// A network of one layer named `broken` after an input of `dims`.
fn build(
    dims: &[usize],
    layer: impl FnOnce(&mut NetworkBuilder<'_>, NodeId) -> Built<NodeId>,
) -> Built<Network> {
    let mut b = NetworkBuilder::new(parameter);
    let x = b.input("input", dims)?;
    let y = layer(&mut b, x)?;
    b.output("output", y);
    b.finish()
}

fn plain(dims: &[usize], op: Op) -> Built<Network> {
    build(dims, |b, x| b.plain("broken", op, &[x]))
}

/// The weighted operation with a weight of the given dimensions.
fn weighted(dims: &[usize], op: Op, weight: &[usize]) -> Built<Network> {
    build(dims, |b, x| {
        let weight = Param {
            role: Role::Weight,
            key: "broken.weight".into(),
            tensor: Tensor::zeros(weight, DType::F64, &Device::Cpu)?,
        };
        b.add("broken", op, &[x], vec![weight])
    })
}

fn conv(change: impl FnOnce(&mut ConvSpec)) -> ConvSpec {
    let mut conv = ConvSpec::square(3, 1, 1);
    change(&mut conv);
    conv
}

fn pool(change: impl FnOnce(&mut PoolSpec)) -> PoolSpec {
    let mut pool = PoolSpec::square(2);
    change(&mut pool);
    pool
}

fn transposed(conv: ConvSpec, output_padding: [usize; 2]) -> Op {
    Op::ConvTranspose2d {
        conv,
        output_padding,
    }
}

#[test]
fn shapes_that_do_not_fit_name_the_layer() {
    let image = [4, 6, 6];
    let pad = |top, left| Padding {
        top,
        left,
        ..Padding::default()
    };
    let up = |scale| Op::Upsample {
        scale,
        mode: UpsampleMode::Nearest,
    };
    let slice = |axis, start, end| Op::Slice { axis, start, end };
    let zero = |op: fn(PoolSpec) -> Op, change: fn(&mut PoolSpec)| plain(&image, op(pool(change)));
    let conv_of = |change: fn(&mut ConvSpec), weight: &[usize]| {
        weighted(&image, Op::Conv2d(conv(change)), weight)
    };
    let transposed_of = |change: fn(&mut ConvSpec), extra, weight: &[usize]| {
        weighted(&image, transposed(conv(change), extra), weight)
    };
    let cases = [
        conv_of(|_| (), &[8, 3, 3, 3]),
        conv_of(|_| (), &[0, 4, 3, 3]),
        conv_of(|_| (), &[8]),
        conv_of(|c| c.groups = 0, &[8, 4, 3, 3]),
        conv_of(|c| c.groups = 3, &[6, 1, 3, 3]),
        conv_of(|c| c.stride = [0, 1], &[8, 4, 3, 3]),
        conv_of(|c| c.dilation = [0, 0], &[8, 4, 3, 3]),
        conv_of(|c| c.dilation = [HUGE, 9], &[8, 4, 3, 3]),
        conv_of(|c| c.kernel = [0, 3], &[8, 4, 0, 3]),
        conv_of(|c| c.kernel = [9, 9], &[8, 4, 9, 9]),
        conv_of(|c| c.padding = Padding::all(HUGE), &[8, 4, 3, 3]),
        conv_of(|c| c.padding = Padding::all(1 << 40), &[8, 4, 3, 3]),
        transposed_of(|_| (), [0, 0], &[3, 8, 3, 3]),
        transposed_of(|_| (), [0, 0], &[4]),
        transposed_of(|_| (), [0, 0], &[4, 0, 3, 3]),
        transposed_of(|c| c.kernel = [0, 0], [0, 0], &[4, 8, 0, 0]),
        transposed_of(|c| c.stride = [0, 1], [0, 0], &[4, 8, 3, 3]),
        transposed_of(|c| c.stride = [HUGE, 1], [0, 0], &[4, 8, 3, 3]),
        transposed_of(|c| c.padding = Padding::all(20), [0, 0], &[4, 8, 3, 3]),
        transposed_of(|_| (), [HUGE, 0], &[4, 8, 3, 3]),
        transposed_of(|_| (), [1, 1], &[4, 8, 3, 3]),
        transposed_of(|c| c.groups = 3, [0, 0], &[4, 8, 3, 3]),
        weighted(&image, Op::Dense, &[2, 144]),
        weighted(&[5], Op::Dense, &[2, 4]),
        weighted(&[5], Op::Dense, &[]),
        zero(Op::AvgPool, |p| p.kernel = [0, 2]),
        zero(Op::MaxPool, |p| p.stride = [0, 0]),
        zero(Op::MaxPool, |p| p.kernel = [7, 7]),
        zero(Op::MaxPool, |p| p.padding = Padding::all(2)),
        zero(Op::AvgPool, |p| p.padding.bottom = 4),
        plain(&image, up([0, 1])),
        plain(&image, up([HUGE, HUGE])),
        plain(&image, up([1 << 20, 1 << 20])),
        plain(&[5], up([2, 2])),
        plain(&image, Op::PixelShuffle { factor: 0 }),
        plain(&image, Op::PixelShuffle { factor: 3 }),
        plain(&image, Op::PixelShuffle { factor: HUGE }),
        plain(&image, Op::Reshape { dims: vec![143] }),
        plain(&image, Op::Reshape { dims: vec![HUGE, 2] }),
        plain(&[1], Op::Reshape { dims: Vec::new() }),
        plain(&image, slice(3, 0, 1)),
        plain(&image, slice(0, 2, 2)),
        plain(&image, slice(0, 3, 1)),
        plain(&image, slice(0, 0, 5)),
        plain(&image, Op::Pad { padding: pad(HUGE, HUGE), value: 0.0 }),
        plain(&[5], Op::Pad { padding: pad(1, 1), value: 0.0 }),
        plain(&image, Op::Concat { axis: 3 }),
        plain(&image, Op::Add),
        plain(&[5], Op::GlobalAvgPool),
        plain(&image, Op::BatchNorm { eps: 1e-3 }),
        plain(&image, Op::Prelu),
        build(&image, |b, x| b.plain("broken", Op::Relu, &[x, x])),
        build(&image, |b, _| b.plain("broken", Op::Concat { axis: 0 }, &[])),
        build(&image, |b, x| b.prelu("broken", x, &[3])),
        build(&image, |b, _| b.constant("broken", &[0, 2])),
        build(&image, |b, x| {
            let other = b.constant("constant", &[3, 6, 6])?;
            b.plain("broken", Op::Mul, &[x, other])
        }),
        build(&image, |b, x| {
            let other = b.constant("constant", &[3, 6, 5])?;
            b.plain("broken", Op::Concat { axis: 0 }, &[x, other])
        }),
    ];
    for (i, case) in cases.into_iter().enumerate() {
        let message = case.map(|_| ()).unwrap_err().to_string();
        assert!(message.contains("layer broken"), "case {i}: {message}");
    }
}

#[test]
fn inputs_of_a_network_have_elements() {
    for dims in [&[0, 4, 4][..], &[], &[HUGE, HUGE], &[1 << 40]] {
        let error = plain(dims, Op::Identity).unwrap_err();
        assert!(error.to_string().contains("layer input"), "{error}");
    }
}

#[test]
fn graphs_that_are_none_are_errors() {
    assert!(matches!(
        NetworkBuilder::new(parameter).finish(),
        Err(NetworkError::NoInputOrOutput)
    ));
    let twice = build(&[3], |b, x| {
        let y = b.plain("same", Op::Relu, &[x])?;
        b.plain("same", Op::Relu, &[y])
    });
    assert!(matches!(twice, Err(NetworkError::DuplicateLayer { .. })));
    // An id that another, larger network gave out.
    let large = build(&[3], |b, x| {
        let mut x = x;
        for i in 0..5 {
            x = b.plain(&format!("layer{i}"), Op::Relu, &[x])?;
        }
        Ok(x)
    })
    .unwrap();
    let late = large.find("layer4").unwrap();
    let stranger = build(&[3], |b, _| b.plain("broken", Op::Relu, &[late]));
    assert!(stranger.unwrap_err().to_string().contains("layer broken"));
    let mut b = NetworkBuilder::new(parameter);
    b.input("input", &[3]).unwrap();
    b.output("broken", late);
    assert!(b.finish().is_err());
}

/// `[3, 6, 6]` to a logit, with normalisation.
fn discriminator() -> Network {
    build(&[3, 6, 6], |b, x| {
        let x = b.conv("conv", x, 4, ConvSpec::square(3, 2, 1), true)?;
        let x = b.batch_norm("norm", x, 1e-3)?;
        let x = b.prelu("act", x, &[4])?;
        let x = b.plain("flat", Op::Flatten, &[x])?;
        b.dense("logit", x, 1, true)
    })
    .and_then(|n| n.to_dtype(DType::F32))
    .unwrap()
}

fn zeros(dims: &[usize]) -> Tensor {
    Tensor::zeros(dims, DType::F32, &Device::Cpu).unwrap()
}

#[test]
fn wrong_inputs_are_errors() {
    let network = discriminator();
    let run = |inputs: &[Tensor]| {
        let run = network.forward(inputs, &Edits::new(), &Retain::Nothing);
        run.map(|_| ()).unwrap_err()
    };
    for dims in [
        &[2, 3, 6, 5][..],
        &[2, 4, 6, 6],
        &[3, 6, 6],
        &[0, 3, 6, 6],
        &[2, 108],
        &[],
    ] {
        let error = run(&[zeros(dims)]);
        assert!(matches!(error, NetworkError::InputShape { .. }), "{dims:?}: {error}");
    }
    let good = zeros(&[1, 3, 6, 6]);
    assert!(matches!(run(&[]), NetworkError::InputCount { .. }));
    let two = run(&[good.clone(), good.clone()]);
    assert_eq!(two.to_string(), "the network takes 1 inputs, got 2");
    for dtype in [DType::F64, DType::U8] {
        let error = run(&[good.to_dtype(dtype).unwrap()]);
        assert!(matches!(error, NetworkError::InputType { .. }), "{error}");
    }
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut pixels = vec![0.5; 108];
        pixels[57] = bad;
        let input = Tensor::from_vec(pixels, (1, 3, 6, 6), &Device::Cpu).unwrap();
        let error = run(&[input]);
        assert!(error.to_string().contains("input input has values"), "{error}");
    }
}

#[test]
fn damaged_parameters_name_layer_and_key() {
    let with = |bad_key: &str, bad: f64| {
        let mut b = NetworkBuilder::new(|key, role, dims| {
            let good = parameter(key, role, dims)?;
            if key != bad_key {
                return Ok(good);
            }
            let mut values = common::values(&good);
            values[0] = bad;
            Ok(tensor(values, dims))
        });
        let x = b.input("input", &[3, 6, 6])?;
        let x = b.conv("conv", x, 4, ConvSpec::square(3, 2, 1), true)?;
        let x = b.batch_norm("norm", x, 1e-3)?;
        b.output("output", x);
        b.finish().map(|_| ())
    };
    assert!(with("", 0.0).is_ok());
    for key in ["conv.weight", "conv.bias", "norm.running_mean", "norm.running_var"] {
        for bad in [f64::NAN, f64::INFINITY] {
            let message = with(key, bad).unwrap_err().to_string();
            assert!(message.contains(key), "{message}");
        }
    }
    let message = with("norm.running_var", -1.0).unwrap_err().to_string();
    assert!(message.contains("negative variances"), "{message}");
}

#[test]
fn parameters_of_mixed_types_are_errors() {
    let mut b = NetworkBuilder::new(|key, role, dims| {
        let dtype = if role == Role::Bias { DType::F32 } else { DType::F64 };
        Ok(parameter(key, role, dims)?.to_dtype(dtype)?)
    });
    let x = b.input("input", &[3, 6, 6]).unwrap();
    let x = b.conv("conv", x, 4, ConvSpec::square(3, 2, 1), true).unwrap();
    b.output("output", x);
    let error = b.finish().unwrap_err();
    assert!(matches!(error, NetworkError::ParamType { .. }), "{error}");
    assert!(error.to_string().contains("conv.bias"), "{error}");
}

#[test]
fn the_type_of_a_network_is_that_of_its_parameters() {
    let network = discriminator();
    assert_eq!(network.dtype(), DType::F32);
    let network = network.to_dtype(DType::F64).unwrap();
    // Replacing parameters keeps the type.
    let same = network.map_params(|_, p| Ok(p.tensor.clone())).unwrap();
    assert_eq!(same.dtype(), DType::F64);
    assert!(same.nodes().iter().all(|n| n.fact.dtype == DType::F64));
}

#[test]
fn wrong_edits_are_errors() {
    let network = discriminator();
    let input = zeros(&[1, 3, 6, 6]);
    let run = |layer: &str, dims: &[usize]| {
        let affine = Affine {
            gain: zeros(dims),
            offset: zeros(&[1]),
        };
        let edits = Edits::from([(layer.into(), affine)]);
        let run = network.forward(&[input.clone()], &edits, &Retain::Nothing);
        run.map(|_| ()).unwrap_err()
    };
    let shapes: [(&str, &[usize]); 4] = [
        ("conv", &[1, 5, 1, 1]),
        ("conv", &[2, 4, 1, 1]),
        ("logit", &[1, 1, 3, 3]),
        // Would enlarge the single logit to four.
        ("logit", &[1, 4]),
    ];
    for (layer, dims) in shapes {
        let error = run(layer, dims);
        assert!(matches!(error, NetworkError::EditShape { .. }), "{dims:?}: {error}");
    }
    assert!(matches!(run("cnov", &[1]), NetworkError::UnknownLayer { .. }));
}

#[test]
fn runs_of_another_network_are_refused() {
    let network = discriminator();
    let other = build(&[3, 6, 6], |b, x| b.plain("tanh", Op::Tanh, &[x]))
        .and_then(|n| n.to_dtype(DType::F32))
        .unwrap();
    let input = zeros(&[1, 3, 6, 6]);
    let run = other.forward(&[input], &Edits::new(), &Retain::All).unwrap();
    assert!(matches!(network.resume(&run, &Edits::new()), Err(NetworkError::OtherNetwork)));
    let pulled = network.pullback(&run, &[], &Wanted::inputs());
    assert!(matches!(pulled, Err(NetworkError::OtherNetwork)));
    assert!(matches!(run.activation(&network, "logit"), Err(NetworkError::OtherNetwork)));
}

#[test]
fn pullback_checks_its_seeds_and_what_was_retained() {
    let network = discriminator();
    let input = zeros(&[2, 3, 6, 6]);
    let logit = network.outputs()[0].node;
    let run = |retain| network.forward(&[input.clone()], &Edits::new(), retain).unwrap();
    let all = run(&Retain::All);
    let wrong = network.pullback(&all, &[(logit, zeros(&[1, 1]))], &Wanted::inputs());
    assert!(matches!(wrong, Err(NetworkError::SeedShape { .. })), "{wrong:?}");
    let logit_only = Retain::Layers(vec!["logit".into()]);
    let some = run(&logit_only);
    let missing = network.pullback(&some, &[(logit, zeros(&[2, 1]))], &Wanted::inputs());
    let message = missing.unwrap_err().to_string();
    assert!(message.contains("was not retained"), "{message}");
    let nothing = run(&Retain::Nothing);
    assert!(network.resume(&nothing, &Edits::new()).is_err());
}

#[test]
fn padding_of_nothing_is_nothing() {
    for size in [0, 1, 5] {
        let padding = Padding::same([size, size], [3, 3], [2, 0], [1, 1]);
        assert!(padding.top <= 2 && padding.right <= 2, "{padding:?}");
    }
    assert!(Padding::same([4, 4], [0, 0], [1, 1], [1, 1]).is_zero());
}
