//! A plan gives the outputs of its network, whatever follows a convolution.

use std::error::Error;

use candle_core::{DType, Device, Tensor};
use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, PreluKind, discriminator, generator,
};
use ganoscope_core::checkpoint::procedural_weights;
use ganoscope_core::network::{
    ConvSpec, Edits, Network, NetworkBuilder, NetworkError, NodeId, Op, Plan, Retain,
};
use ganoscope_core::seed::hash_uniform;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn stamps(dims: &[usize], seed: u64) -> Outcome<Tensor> {
    let n = dims.iter().product();
    let values: Vec<f32> = hash_uniform("stamps", n, seed)
        .iter()
        .map(|v| *v as f32)
        .collect();
    Ok(Tensor::from_vec(values, dims, &Device::Cpu)?)
}

/// Runs the plan twice and compares with the network, and to the last bit with the folded network.
fn check(what: &str, network: &Network) -> Outcome {
    let plan = Plan::new(network)?;
    for batch in [1, 3] {
        let mut dims = vec![batch];
        dims.extend(&network.input_fact().dims);
        let input = [stamps(&dims, batch as u64)?];
        let expected = network.forward(&input, &Edits::new(), &Retain::Nothing)?;
        let folded = plan
            .network()
            .forward(&input, &Edits::new(), &Retain::Nothing)?;
        for _ in 0..2 {
            let outputs = plan.run(&input)?;
            assert_eq!(outputs.len(), expected.outputs().len(), "{what}");
            let pairs = expected.outputs().iter().zip(folded.outputs());
            for (got, (expected, folded)) in outputs.iter().zip(pairs) {
                assert_eq!(got.dims(), expected.dims(), "{what}");
                let flat = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
                let (got, expected, folded) = (flat(got)?, flat(expected)?, flat(folded)?);
                assert!(
                    got == folded,
                    "{what}: a plan runs the folded network exactly"
                );
                let largest = expected.iter().fold(1.0_f32, |m, v| m.max(v.abs()));
                for (a, b) in got.iter().zip(&expected) {
                    assert!((a - b).abs() <= 1e-5 * largest, "{what}: {a} {b}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn plans_give_the_outputs_of_deblenders() -> Outcome {
    for (prelu, position_channels) in [
        (PreluKind::PerChannel, true),
        (PreluKind::PerElement, false),
    ] {
        let config = GeneratorConfig {
            filters: 5,
            root_blocks: 2,
            branch_blocks: 1,
            stamp_size: 20,
            prelu,
            position_channels,
            ..GeneratorConfig::default()
        };
        check("generator", &generator(&config, procedural_weights(3))?)?;
    }
    let config = DiscriminatorConfig {
        filters: 4,
        dense: 7,
        stamp_size: 20,
        ..DiscriminatorConfig::default()
    };
    check(
        "discriminator",
        &discriminator(&config, procedural_weights(4))?,
    )
}

type Build = fn(&mut NetworkBuilder<'_>, NodeId) -> Result<Vec<NodeId>, NetworkError>;

fn small(build: Build) -> Result<Network, NetworkError> {
    let mut builder = NetworkBuilder::new(procedural_weights(5));
    let x = builder.input("x", &[2, 6, 5])?;
    for (i, node) in build(&mut builder, x)?.into_iter().enumerate() {
        builder.output(&format!("y{i}"), node);
    }
    builder.finish()
}

const SAME: ConvSpec = ConvSpec::square(3, 1, 1);

#[test]
fn what_is_read_elsewhere_is_not_overwritten() -> Outcome {
    let cases: [(&str, Build); 9] = [
        ("one slope for all channels", |b, x| {
            let y = b.conv("conv", x, 3, SAME, true)?;
            Ok(vec![b.prelu("act", y, &[1])?])
        }),
        ("the result is an output too", |b, x| {
            let y = b.conv("conv", x, 3, SAME, true)?;
            Ok(vec![y, b.plain("act", Op::Relu, &[y])?])
        }),
        ("two readers", |b, x| {
            let y = b.conv("conv", x, 2, SAME, true)?;
            let a = b.plain("a", Op::Tanh, &[y])?;
            let c = b.plain("c", Op::Sigmoid, &[y])?;
            Ok(vec![b.plain("sum", Op::Add, &[a, c])?])
        }),
        ("skip over a block", |b, x| {
            let y = b.conv("conv1", x, 2, SAME, true)?;
            let y = b.plain("act", Op::LeakyRelu { slope: 0.2 }, &[y])?;
            let y = b.conv("conv2", y, 2, SAME, false)?;
            let y = b.plain("sum", Op::Add, &[x, y])?;
            Ok(vec![b.plain("end", Op::Silu, &[y])?])
        }),
        ("the sum of two convolutions", |b, x| {
            let y = b.conv("conv1", x, 2, SAME, true)?;
            let z = b.conv("conv2", x, 2, SAME, true)?;
            Ok(vec![b.plain("sum", Op::Add, &[z, y])?])
        }),
        ("a value added to itself", |b, x| {
            let y = b.conv("conv", x, 2, SAME, true)?;
            Ok(vec![b.plain("sum", Op::Add, &[y, y])?])
        }),
        ("a sum that broadcasts", |b, x| {
            let y = b.conv("conv", x, 2, SAME, true)?;
            let mean = b.plain("mean", Op::GlobalAvgPool, &[x])?;
            Ok(vec![b.plain("sum", Op::Add, &[y, mean])?])
        }),
        ("the later branch first", |b, x| {
            let early = b.conv("conv1", x, 2, SAME, true)?;
            let late = b.plain("late", Op::Softplus, &[x])?;
            Ok(vec![b.plain("sum", Op::Add, &[early, late])?])
        }),
        ("normalisation before and after", |b, x| {
            let y = b.conv("conv1", x, 3, SAME, true)?;
            let y = b.batch_norm("bn1", y, 1e-3)?;
            let y = b.prelu("act", y, &[3])?;
            let y = b.batch_norm("bn2", y, 1e-3)?;
            let y = b.conv("conv2", y, 2, SAME, true)?;
            let unread = b.plain("unread", Op::Relu, &[y])?;
            let _ = b.plain("unread too", Op::Tanh, &[unread])?;
            Ok(vec![b.plain("elu", Op::Elu { alpha: 0.5 }, &[y])?])
        }),
    ];
    for (what, build) in cases {
        check(what, &small(build)?)?;
    }
    Ok(())
}

#[test]
fn other_types_and_bad_inputs_are_handled_as_by_the_network() -> Outcome {
    let network = small(|b, x| {
        let y = b.conv("conv", x, 3, SAME, true)?;
        Ok(vec![b.plain("act", Op::Relu, &[y])?])
    })?;
    let plan = Plan::new(&network)?;
    let wrong = stamps(&[1, 2, 6, 6], 1)?;
    assert!(matches!(
        plan.run(&[wrong]),
        Err(NetworkError::InputShape { .. })
    ));
    let nan = Tensor::full(f32::NAN, (1, 2, 6, 5), &Device::Cpu)?;
    assert!(matches!(
        plan.run(&[nan]),
        Err(NetworkError::InputNotFinite { .. })
    ));
    let double = stamps(&[1, 2, 6, 5], 1)?.to_dtype(DType::F64)?;
    assert!(matches!(
        plan.run(&[double]),
        Err(NetworkError::InputType { .. })
    ));
    Ok(())
}
