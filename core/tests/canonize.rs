//! Canonisation keeps every output, keeps names, says what it did, and can be undone.

mod attribution_support;

use attribution_support as support;
use candle_core::{DType, Device, Tensor};
use ganoscope_core::network::{
    Canonical, ConvSpec, Edits, Network, NetworkBuilder, NetworkError, NodeId, Op, Padding, Retain,
    Role, canonize,
};

/// Builds a network on an input `[3, 7, 6]`; `gain` sets every normalisation's scale from its channel.
fn build(
    gain: impl Fn(usize) -> f32,
    body: impl FnOnce(&mut NetworkBuilder<'_>, NodeId) -> Result<NodeId, NetworkError>,
) -> Network {
    let mut source = support::procedural(11);
    let mut b = NetworkBuilder::new(move |key, role, dims| {
        if role == Role::Weight && key.contains("bn") {
            let gains: Vec<f32> = (0..dims[0]).map(&gain).collect();
            return Ok(Tensor::from_vec(gains, dims, &Device::Cpu)?);
        }
        source(key, role, dims)
    });
    let x = b.input("input", &[3, 7, 6]).expect("valid");
    let y = body(&mut b, x).expect("valid");
    b.output("output", y);
    b.finish().expect("valid")
}

fn output(network: &Network) -> Tensor {
    let x = support::values("input", &[2, 3, 7, 6], DType::F32);
    let run = network
        .forward(&[x], &Edits::new(), &Retain::Nothing)
        .expect("runs");
    run.outputs()[0].clone()
}

/// Canonises and checks outputs, names and the undoing.
fn check(network: &Network, what: &str) -> Canonical {
    let before = output(network);
    let canonical = canonize(network).expect("folds");
    let after = output(&canonical.network);
    let difference = support::max_abs(&(&after - &before).expect("equal dimensions"));
    assert!(difference < 1e-5, "{what}: outputs differ by {difference}");
    for (old, new) in network.nodes().iter().zip(canonical.network.nodes()) {
        assert_eq!((&old.name, &old.fact), (&new.name, &new.fact), "{what}");
    }
    let undone = canonical.clone().undo();
    assert_eq!(
        support::relative_difference(&output(&undone), &before),
        0.0,
        "{what}"
    );
    assert_eq!(
        undone.parameter_count(),
        network.parameter_count(),
        "{what}"
    );
    canonical
}

/// A name and the gain of every channel.
type Gain = (&'static str, fn(usize) -> f32);

fn gains() -> [Gain; 3] {
    [
        ("mixed gains", |c| 0.5 + c as f32 * 0.3),
        ("negative gains", |c| if c % 2 == 0 { -1.2 } else { 0.7 }),
        ("zero gains", |c| if c == 1 { 0.0 } else { 0.9 }),
    ]
}

#[test]
fn a_normalisation_after_a_convolution_is_folded_back() {
    for (what, gain) in gains() {
        for bias in [true, false] {
            let network = build(gain, |b, x| {
                let x = b.conv("conv", x, 4, ConvSpec::square(3, 2, 1), bias)?;
                let x = b.batch_norm("bn", x, 1e-3)?;
                b.plain("act", Op::LeakyRelu { slope: 0.3 }, &[x])
            });
            let canonical = check(&network, what);
            assert_eq!(canonical.folded, [("bn".into(), vec!["conv".into()])]);
        }
    }
}

#[test]
fn a_normalisation_after_an_activation_is_folded_forward_exactly_at_borders() {
    let uneven = ConvSpec {
        padding: Padding {
            top: 0,
            bottom: 1,
            left: 0,
            right: 1,
        },
        ..ConvSpec::square(3, 2, 0)
    };
    for (what, gain) in gains() {
        for spec in [ConvSpec::square(3, 1, 1), ConvSpec::square(3, 2, 1), uneven] {
            let network = build(gain, |b, x| {
                let x = b.conv("conv", x, 4, ConvSpec::square(3, 1, 1), true)?;
                let x = b.plain("act", Op::LeakyRelu { slope: 0.3 }, &[x])?;
                let x = b.batch_norm("bn", x, 1e-3)?;
                let spec = ConvSpec { groups: 2, ..spec };
                let x = b.conv("next", x, 6, spec, true)?;
                let x = b.plain("act_next", Op::Relu, &[x])?;
                let x = b.batch_norm("bn_next", x, 1e-3)?;
                let x = b.plain("drop", Op::Identity, &[x])?;
                let x = b.plain("flatten", Op::Flatten, &[x])?;
                b.dense("dense", x, 3, true)
            });
            let canonical = check(&network, what);
            assert!(canonical.left.is_empty(), "{what}: {:?}", canonical.left);
            assert_eq!(canonical.folded.len(), 2);
        }
    }
}

#[test]
fn a_transposed_convolution_takes_its_normalisation_in() {
    for (what, gain) in gains() {
        for groups in [1, 3] {
            let network = build(gain, |b, x| {
                let conv = ConvSpec {
                    groups,
                    ..ConvSpec::square(4, 2, 1)
                };
                let x = b.conv_transpose("up", x, 6, conv, [1, 1], true)?;
                b.batch_norm("bn", x, 1e-5)
            });
            let canonical = check(&network, what);
            assert_eq!(canonical.folded, [("bn".into(), vec!["up".into()])]);
        }
    }
}

#[test]
fn both_directions_meet_in_one_convolution() {
    for (what, gain) in gains() {
        let network = build(gain, |b, x| {
            let x = b.plain("act", Op::LeakyRelu { slope: 0.3 }, &[x])?;
            let x = b.batch_norm("bn_before", x, 1e-3)?;
            let x = b.conv("conv", x, 4, ConvSpec::square(3, 1, 1), true)?;
            b.batch_norm("bn_after", x, 1e-3)
        });
        let canonical = check(&network, what);
        assert_eq!(canonical.folded.len(), 2, "{what}");
    }
}

#[test]
fn dense_layers_take_normalisations_in_on_both_sides() {
    for (what, gain) in gains() {
        let network = build(gain, |b, x| {
            let x = b.plain("flatten", Op::Flatten, &[x])?;
            let x = b.dense("first", x, 5, true)?;
            let x = b.batch_norm("bn_first", x, 1e-3)?;
            let x = b.plain("act", Op::Relu, &[x])?;
            let x = b.batch_norm("bn_act", x, 1e-3)?;
            b.dense("last", x, 2, true)
        });
        assert_eq!(check(&network, what).folded.len(), 2, "{what}");
    }
}

#[test]
fn what_cannot_be_folded_is_left_and_named() {
    let network = build(
        |_| 0.8,
        |b, x| {
            let c = b.conv("conv", x, 3, ConvSpec::square(3, 1, 1), true)?;
            let a = b.plain("act", Op::Relu, &[c])?;
            let n = b.batch_norm("bn", a, 1e-3)?;
            let sum = b.plain("add", Op::Add, &[n, x])?;
            b.conv("out", sum, 2, ConvSpec::square(3, 1, 1), true)
        },
    );
    let canonical = check(&network, "a normalisation read by an addition");
    assert_eq!(canonical.left, ["bn".into()]);
    let shared = build(
        |_| 0.8,
        |b, x| {
            let c = b.conv("conv", x, 3, ConvSpec::square(3, 1, 1), true)?;
            let n = b.batch_norm("bn", c, 1e-3)?;
            b.plain("add", Op::Add, &[n, c])
        },
    );
    let canonical = check(&shared, "a convolution read twice");
    assert_eq!(canonical.left, ["bn".into()]);
}

#[test]
fn deblender_networks_are_folded_whole() {
    use ganoscope_core::architecture::{
        DiscriminatorConfig, GeneratorConfig, PaddingConvention, discriminator, generator,
    };
    for padding in [PaddingConvention::Symmetric, PaddingConvention::TfSame] {
        let config = DiscriminatorConfig {
            filters: 4,
            dense: 8,
            stamp_size: 32,
            padding,
            ..DiscriminatorConfig::default()
        };
        let network = discriminator(&config, support::procedural(1)).expect("valid");
        let canonical = canonize(&network).expect("folds");
        assert_eq!((canonical.folded.len(), canonical.left.len()), (7, 0));
        let x = [support::values("galaxy", &[2, 3, 32, 32], DType::F32)];
        let logit = |network: &Network| {
            let run = network
                .forward(&x, &Edits::new(), &Retain::Nothing)
                .expect("runs");
            run.outputs()[0].clone()
        };
        let difference = (logit(&canonical.network) - logit(&network)).expect("equal dimensions");
        assert!(support::max_abs(&difference) < 1e-5);
    }
    let config = GeneratorConfig {
        filters: 4,
        root_blocks: 1,
        branch_blocks: 1,
        stamp_size: 12,
        ..GeneratorConfig::default()
    };
    let network = generator(&config, support::procedural(1)).expect("valid");
    let canonical = canonize(&network).expect("folds");
    assert_eq!((canonical.folded.len(), canonical.left.len()), (7, 0));
}
