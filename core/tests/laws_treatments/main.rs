//! What happens to relevance at every layer without weights of its own equals a slow version written with the layer's matrix,
//! and nothing is lost on the way.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod cases;
#[path = "../common/mod.rs"]
mod common;
mod slow;

use std::collections::BTreeSet;

use candle_core::Tensor;
use cases::{passes, plain, pool, routes, sums};
use common::{Case, case, values};
use ganoscope_core::attribution::{
    AttributionMap, BatchNormHandling, Composite, LayerKind, Method, Options, Rule, Target,
    attribute,
};
use ganoscope_core::network::{Op, PoolSpec, Role};
use slow::{Layer, forward, sample, sign};

fn map(case: &Case, method: &Method) -> AttributionMap {
    let options = Options {
        batch_norm: BatchNormHandling::Norm,
        ..Options::default()
    };
    let map = attribute(
        &case.network,
        &sample(case),
        method,
        &Target::default(),
        &options,
    );
    map.unwrap_or_else(|error| panic!("{}: {error}", case.label))
}

/// Compares the relevance of all inputs, and counts what is lost.
fn check(case: &Case, expected: &[Vec<f64>], tolerance: f64) {
    let map = map(case, &Method::EpsilonPlus);
    let found = std::iter::once(&map.relevance).chain(&map.other_inputs);
    for (found, expected) in found.zip(expected) {
        let found = values(found);
        assert_eq!(found.len(), expected.len(), "{}", case.label);
        let scale = expected.iter().fold(1e-3_f64, |m, v| m.max(v.abs()));
        for (a, b) in found.iter().zip(expected) {
            assert!(
                (a - b).abs() <= tolerance * scale,
                "{}: {a} is not {b}",
                case.label
            );
        }
    }
    assert_eq!(map.other_inputs.len() + 1, expected.len(), "{}", case.label);
    let balance = map.balances[0];
    let magnitudes: f64 = map
        .output
        .abs()
        .unwrap()
        .sum_all()
        .unwrap()
        .to_scalar()
        .unwrap();
    let rest = balance.start - balance.sum - balance.absorbed;
    assert!(
        rest.abs() < 1e-4 * magnitudes,
        "{}: {balance:?}",
        case.label
    );
}

fn kinds<'a>(cases: impl IntoIterator<Item = &'a Case>) -> BTreeSet<&'static str> {
    let last = |case: &'a Case| case.network.nodes().last().map(|node| node.op.kind());
    cases.into_iter().filter_map(last).collect()
}

#[test]
fn what_moves_elements_moves_their_relevance() {
    let cases = routes();
    for case in &cases {
        check(case, &Layer::of(case, false).routed(), 1e-12);
    }
    assert_eq!(kinds(&cases).len(), 8);
}

#[test]
fn sums_share_by_contribution() {
    let cases = sums();
    for case in &cases {
        check(case, &Layer::of(case, false).normed(), 1e-9);
    }
    assert_eq!(kinds(&cases).len(), 5);
}

#[test]
fn activations_and_division_by_the_mean_square_pass() {
    for case in passes() {
        let y = forward(&case, &sample(&case));
        check(&case, &[y], 0.0);
    }
}

#[test]
fn the_winner_of_a_maximum_takes_all() {
    for op in [
        Op::MaxPool(PoolSpec::square(2)),
        Op::MaxPool(pool(true)),
        Op::GlobalMaxPool,
    ] {
        let label = op.to_string();
        let case = common::case_of(&label, &[&[2, 6, 4]], 1, common::without_ties, |b, x| {
            Ok(vec![b.plain("op", op, x)?])
        });
        let layer = Layer::of(&case, true);
        // Near a point without ties the layer only selects.
        let selects = |v: &f64| v.abs() < 1e-6 || (v - 1.0).abs() < 1e-6;
        assert!(layer.matrices[0].iter().flatten().all(selects), "{label}");
        check(&case, &layer.routed(), 1e-6);
    }
    // Ties go to the first.
    let case = plain(Op::GlobalMaxPool, &[&[1, 2, 2]]);
    let tied = Tensor::from_vec(
        vec![1.0, 3.0, 3.0, 2.0],
        (1, 1, 2, 2),
        case.inputs[0].device(),
    );
    let found = attribute(
        &case.network,
        &[tied.unwrap()],
        &Method::ZPlus,
        &Target::default(),
        &Options::default(),
    );
    assert_eq!(values(&found.unwrap().relevance), [0.0, 3.0, 0.0, 0.0]);
}

#[test]
fn a_product_halves_between_what_depends_on_an_input() {
    let case = plain(Op::Mul, &[&[2, 3, 3], &[2, 1, 1]]);
    let y = forward(&case, &sample(&case));
    let half: Vec<f64> = y.iter().map(|v| v / 2.0).collect();
    let rows = half.chunks(9).map(|channel| channel.iter().sum()).collect();
    check(&case, &[half, rows], 1e-12);
    let scaled = common::case("scaled", &[&[2, 3, 3]], |b, x| {
        let factor = b.constant("factor", &[2, 1, 1])?;
        Ok(vec![b.plain("op", Op::Mul, &[x[0], factor])?])
    });
    let y = forward(&scaled, &sample(&scaled));
    check(&scaled, &[y], 1e-12);
    // A constant that is added takes its share and is counted.
    let shifted = common::case("shifted", &[&[2, 3, 3]], |b, x| {
        let shift = b.constant("shift", &[2, 1, 1])?;
        Ok(vec![b.plain("op", Op::Add, &[x[0], shift])?])
    });
    let layer = Layer::of(&shifted, false);
    check(&shifted, &layer.normed(), 1e-9);
    assert!(
        map(&shifted, &Method::EpsilonPlus).balances[0]
            .absorbed
            .abs()
            > 1e-3
    );
}

/// `y = a (x - mean) + b` with the deviation as a constant: a matrix again.
#[test]
fn instance_normalisation_shares_by_its_means() {
    for affine in [false, true] {
        let case = case(&format!("instance {affine}"), &[&[2, 3, 2]], |b, x| {
            let param = |role, key: &str| {
                Ok::<_, ganoscope_core::network::NetworkError>(ganoscope_core::network::Param {
                    role,
                    key: key.into(),
                    tensor: common::parameter(key, role, &[2])?,
                })
            };
            let params = if affine {
                vec![param(Role::Weight, "weight")?, param(Role::Bias, "bias")?]
            } else {
                Vec::new()
            };
            Ok(vec![b.add(
                "norm",
                Op::InstanceNorm { eps: 1e-3 },
                x,
                params,
            )?])
        });
        let inputs = sample(&case);
        let (x, y) = (values(&inputs[0]), forward(&case, &inputs));
        let gains = if affine {
            values(&common::parameter("weight", Role::Weight, &[2]).unwrap())
        } else {
            vec![1.0; 2]
        };
        let mut expected = vec![0.0; x.len()];
        for (channel, gain) in gains.iter().enumerate() {
            let at = channel * 6..(channel + 1) * 6;
            let x = &x[at.clone()];
            let mean = x.iter().sum::<f64>() / 6.0;
            let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 6.0;
            let a = gain / (variance + 1e-3).sqrt();
            for i in 0..6 {
                for k in 0..6 {
                    let m = a * (f64::from(u8::from(i == k)) - 1.0 / 6.0);
                    let y = y[at.start + k];
                    expected[at.start + i] += x[i] * m * y / (y + sign(y) * 1e-6);
                }
            }
        }
        let found = values(&map(&case, &Method::EpsilonPlus).relevance);
        for (a, b) in found.iter().zip(&expected) {
            assert!((a - b).abs() < 1e-9, "{a} is not {b}");
        }
    }
}

/// Other tools pull relevance back through additions like a gradient: both sides get all of it.
#[test]
fn additions_under_the_gradient_double() {
    let case = plain(Op::Add, &[&[2, 3, 3], &[2, 3, 3]]);
    let mut composite = Composite::epsilon_plus();
    composite
        .by_kind
        .insert(LayerKind::Addition, Rule::Gradient);
    let found = map(&case, &Method::Composite(composite));
    let y = forward(&case, &sample(&case));
    assert_eq!(values(&found.relevance), y);
    assert_eq!(values(&found.other_inputs[0]), y);
}

/// Normalisation that stays in the network: passed in the faithful mode, shared by value otherwise.
#[test]
fn batch_normalisation_passes_when_asked() {
    let case = case("batch norm", &[&[3, 2, 2]], |b, x| {
        Ok(vec![b.batch_norm("norm", x[0], 1e-3)?])
    });
    let options = Options {
        batch_norm: BatchNormHandling::Pass,
        ..Options::default()
    };
    let found = attribute(
        &case.network,
        &sample(&case),
        &Method::ZPlus,
        &Target::default(),
        &options,
    );
    assert_eq!(
        values(&found.unwrap().relevance),
        forward(&case, &sample(&case))
    );
}
