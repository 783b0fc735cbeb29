//! What a network is built of: a layer that cannot be is named at load, and what was accepted runs.

use candle_core::{DType, Device, Tensor};
use ganoscope_core::network::{
    ConvSpec, Edits, Network, NetworkBuilder, NetworkError, NodeId, Op, Padding, Param, Plan,
    PoolSpec, Retain, Role, UpsampleMode, Wanted,
};

use crate::common::parameter;
use crate::{HUGE, SIZES};

type Built = Result<Network, NetworkError>;

/// A network of one layer named `broken` after an input of `dims`.
fn build(
    dims: &[usize],
    layer: impl FnOnce(&mut NetworkBuilder<'_>, NodeId) -> Result<NodeId, NetworkError>,
) -> Built {
    let mut b = NetworkBuilder::new(parameter);
    let x = b.input("input", dims)?;
    let y = layer(&mut b, x)?;
    b.output("output", y);
    b.finish()
}

/// The weighted operation with a weight of the given dimensions; one element of memory, however large they are.
fn weighted(dims: &[usize], op: Op, weight: &[usize]) -> Built {
    build(dims, |b, x| {
        let one = Tensor::zeros(vec![1; weight.len()], DType::F64, &Device::Cpu)?;
        let weight = Param {
            role: Role::Weight,
            key: "broken.weight".into(),
            tensor: one.expand(weight)?,
        };
        b.add("broken", op, &[x], vec![weight])
    })
}

#[track_caller]
fn assert_named(case: Built) {
    let message = case.map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("layer broken"), "{message}");
}

/// A pass and all its gradients.
fn forward_and_back(network: &Network, input: &Tensor) {
    let inputs = std::slice::from_ref(input);
    let run = network
        .forward(inputs, &Edits::new(), &Retain::All)
        .unwrap();
    let seed = run.outputs()[0].ones_like().unwrap();
    let wanted = Wanted {
        inputs: true,
        params: true,
        ..Wanted::default()
    };
    let seeds = [(network.outputs()[0].node, seed)];
    network.pullback(&run, &seeds, &wanted).unwrap();
}

#[test]
fn every_number_of_every_window_is_checked_at_load() {
    let image = [4, 6, 6];
    let mut conv_specs = Vec::new();
    let mut pools = Vec::new();
    for size in SIZES {
        for axis in 0..2 {
            let mut spec = ConvSpec::square(3, 1, 1);
            spec.stride[axis] = size;
            conv_specs.push(spec);
            let mut spec = ConvSpec::square(3, 1, 1);
            spec.dilation[axis] = size;
            conv_specs.push(spec);
            let mut pool = PoolSpec::square(2);
            pool.stride[axis] = size;
            pools.push(pool);
            let mut pool = PoolSpec::square(2);
            pool.kernel[axis] = size;
            pools.push(pool);
        }
        conv_specs.push(ConvSpec::square(3, 1, size));
        // Few outputs of a padding that nothing can hold.
        conv_specs.push(ConvSpec::square(3, size, size));
        let mut spec = ConvSpec::square(3, 1, 1);
        spec.groups = size;
        conv_specs.push(spec);
        let mut pool = PoolSpec::square(2);
        pool.padding = Padding::all(size);
        pools.push(pool);
        let mut pool = PoolSpec::square(size);
        pool.padding = Padding::all(size.saturating_sub(1));
        pools.push(pool);
    }
    // Whatever is accepted must run; whatever is refused must name the layer.
    let input = Tensor::ones((1, 4, 6, 6), DType::F64, &Device::Cpu).unwrap();
    let is_small = |network: &Network| {
        let mut facts = network.nodes().iter().map(|node| &node.fact);
        facts.all(|fact| fact.len() < 1 << 20)
    };
    let run = |case: Built| match case {
        Ok(network) if is_small(&network) => {
            for dtype in [DType::F64, DType::F32] {
                let network = network.to_dtype(dtype).unwrap();
                let input = input.to_dtype(dtype).unwrap();
                forward_and_back(&network, &input);
                Plan::new(&network).unwrap().run(&[input]).unwrap();
            }
        }
        // Larger than a test should compute.
        Ok(_) => (),
        Err(error) => {
            let message = error.to_string();
            assert!(message.contains("layer broken"), "{message}");
        }
    };
    for spec in conv_specs {
        let per_group = 4 / spec.groups.clamp(1, 4);
        run(weighted(&image, Op::Conv2d(spec), &[8, per_group, 3, 3]));
        for output_padding in [[0, 0], [1, 0], [HUGE, HUGE]] {
            let op = Op::ConvTranspose2d {
                conv: spec,
                output_padding,
            };
            run(weighted(&image, op, &[4, 2, 3, 3]));
        }
    }
    for pool in pools {
        run(build(&image, |b, x| {
            b.plain("broken", Op::MaxPool(pool), &[x])
        }));
        run(build(&image, |b, x| {
            b.plain("broken", Op::AvgPool(pool), &[x])
        }));
    }
}

#[test]
fn axes_and_indices_that_are_not_there_name_the_layer() {
    for op in [
        Op::Select {
            axis: 0,
            indices: vec![4],
        },
        Op::Select {
            axis: 1,
            indices: Vec::new(),
        },
        Op::Select {
            axis: HUGE,
            indices: vec![0],
        },
        Op::Transpose { order: vec![0, 1] },
        Op::Transpose {
            order: vec![0, HUGE, 1],
        },
        Op::Transpose {
            order: vec![0, 0, 1],
        },
    ] {
        assert_named(build(&[4, 6, 6], |b, x| b.plain("broken", op, &[x])));
    }
}

#[test]
fn layers_that_would_be_too_large_name_the_layer() {
    let image = [4, 6, 6];
    let up = |scale| Op::Upsample {
        scale,
        mode: UpsampleMode::Bilinear {
            align_corners: true,
        },
    };
    // Kernels larger than the padded image.
    assert_named(weighted(
        &image,
        Op::Conv2d(ConvSpec::square(7, 1, 0)),
        &[8, 4, 7, 7],
    ));
    for op in [
        up([0, 2]),
        up([HUGE, 1]),
        up([1 << 33, 1 << 33]),
        Op::PixelShuffle { factor: HUGE },
        Op::PixelShuffle { factor: 1 << 32 },
        Op::MaxPool(PoolSpec::square(7)),
        Op::AvgPool(PoolSpec::square(HUGE)),
        Op::Reshape {
            dims: vec![HUGE, 2, 72],
        },
        Op::Reshape {
            dims: vec![1 << 32, 1 << 32, 144],
        },
        Op::Reshape {
            dims: vec![0, HUGE],
        },
        Op::Slice {
            axis: 0,
            start: HUGE,
            end: HUGE,
        },
        Op::Slice {
            axis: HUGE,
            start: 0,
            end: 1,
        },
        Op::Concat { axis: HUGE },
        Op::Pad {
            padding: Padding::all(HUGE),
            value: 0.0,
        },
    ] {
        assert_named(build(&image, |b, x| b.plain("broken", op, &[x])));
    }
    // Outputs of more elements than a sample may have, from weights that are one number repeated.
    for channels in [0, 1 << 28, 1 << 40, 1 << 59] {
        assert_named(weighted(
            &image,
            Op::Conv2d(ConvSpec::square(3, 1, 1)),
            &[channels, 4, 3, 3],
        ));
        let op = Op::ConvTranspose2d {
            conv: ConvSpec::square(1, 1 << 15, 0),
            output_padding: [0, 0],
        };
        assert_named(weighted(&image, op, &[4, channels, 1, 1]));
        assert_named(weighted(&[5], Op::Dense, &[channels << 3, 5]));
    }
    // Channels times groups beyond the address space.
    let mut grouped = ConvSpec::square(1, 1, 0);
    grouped.groups = 4;
    let op = Op::ConvTranspose2d {
        conv: grouped,
        output_padding: [0, 0],
    };
    assert_named(weighted(&image, op, &[4, HUGE / 4 + 1, 1, 1]));
    // Constants and sums of parts.
    assert_named(build(&image, |b, _| b.constant("broken", &[4, 0, 6])));
    let half = [1 << 15, 1 << 14];
    assert_named(build(&half, |b, x| {
        b.plain("broken", Op::Concat { axis: 0 }, &[x, x, x])
    }));
}

#[test]
fn inputs_without_elements_or_too_many_are_refused() {
    for dims in [
        &[3, 0, 8][..],
        &[0],
        &[HUGE],
        &[1 << 20, 1 << 20],
        &[HUGE, 0],
    ] {
        let message = build(dims, |b, x| b.plain("next", Op::Identity, &[x]))
            .unwrap_err()
            .to_string();
        assert!(message.contains("layer input"), "{dims:?}: {message}");
    }
    let network = build(&[2, 4, 4], |b, x| b.plain("next", Op::Relu, &[x]))
        .and_then(|n| n.to_dtype(DType::F32))
        .unwrap();
    let none = Tensor::zeros((0, 2, 4, 4), DType::F32, &Device::Cpu).unwrap();
    for error in [
        network
            .forward(std::slice::from_ref(&none), &Edits::new(), &Retain::All)
            .map(|_| ()),
        Plan::new(&network).unwrap().run(&[none]).map(|_| ()),
        Plan::new(&network).unwrap().run(&[]).map(|_| ()),
    ] {
        assert!(
            matches!(
                error,
                Err(NetworkError::InputShape { .. } | NetworkError::InputCount { .. })
            ),
            "{error:?}"
        );
    }
}
