//! Relevance that stops at, starts from or passes through inner layers, rules chosen by name, kind and pattern, and targets of
//! every kind.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "../attribution_support/mod.rs"]
mod attribution_support;
mod rules;
mod targets;

use attribution_support as support;
use candle_core::{DType, Tensor};
use ganoscope_core::attribution::{
    AttributionMap, Method, Options, Pole, Prepared, Target, attribute,
};
use ganoscope_core::network::Network;

fn discriminator() -> Network {
    support::small_discriminator(3)
        .to_dtype(DType::F64)
        .unwrap()
}

fn stamps() -> [Tensor; 1] {
    [support::values("stamps", &[2, 3, 16, 16], DType::F64)]
}

fn explain(
    network: &Network,
    inputs: &[Tensor],
    method: &Method,
    target: &Target,
    options: &Options,
) -> AttributionMap {
    attribute(network, inputs, method, target, options).unwrap()
}

fn total(t: &Tensor) -> f64 {
    t.sum_all()
        .unwrap()
        .to_dtype(DType::F64)
        .unwrap()
        .to_scalar()
        .unwrap()
}

#[test]
fn stopping_and_carrying_on_is_the_same_walk() {
    let (network, x) = (discriminator(), stamps());
    let layer = "net.conv3";
    for method in [Method::EpsilonPlus, Method::Polarized { pole: Pole::Auto }] {
        let plain = Options {
            retain: vec![layer.into()],
            ..Options::default()
        };
        let whole = explain(&network, &x, &method, &Target::default(), &plain);
        let stop = Options {
            stop_at: vec![layer.into()],
            ..Options::default()
        };
        let stopped = explain(&network, &x, &method, &Target::default(), &stop);
        assert_eq!(
            support::max_abs(&stopped.relevance),
            0.0,
            "nothing passes the layer"
        );
        let inner = &stopped.inner[layer];
        assert_eq!(
            support::relative_difference(inner, &whole.inner[layer]),
            0.0
        );
        for balance in &stopped.balances {
            assert!(
                (balance.start - balance.absorbed - balance.stopped).abs()
                    < 1e-3 * balance.start.abs()
            );
            assert!(balance.gap.unwrap().abs() < 1e-3, "{balance:?}");
        }
        let prepared = Prepared::new(&network, &method, &Options::default()).unwrap();
        let rest = prepared
            .carry(&x, &[(layer.into(), inner.clone())])
            .unwrap();
        assert!(support::relative_difference(&rest.relevance, &whole.relevance) < 1e-12);
        // Where nothing was stopped the sum of both parts' losses is that of the whole.
        for ((a, b), whole) in stopped
            .balances
            .iter()
            .zip(&rest.balances)
            .zip(&whole.balances)
        {
            assert!((a.absorbed + b.absorbed - whole.absorbed).abs() < 1e-9 * whole.start.abs());
            assert!((a.stopped - b.start).abs() < 1e-9 * whole.start.abs());
        }
    }
}

#[test]
fn the_parts_through_single_units_add_up() {
    let (network, x) = (discriminator(), stamps());
    let layer = "net.conv2";
    let options = Options {
        retain: vec![layer.into()],
        ..Options::default()
    };
    let prepared = Prepared::new(&network, &Method::EpsilonPlus, &options).unwrap();
    let whole = prepared.attribute(&x, &Target::default()).unwrap();
    let inner = &whole.inner[layer];
    let units = inner.dim(1).unwrap();
    let mut sum = whole.relevance.zeros_like().unwrap();
    for unit in 0..units {
        let zeros = inner.zeros_like().unwrap();
        let one = inner.narrow(1, unit, 1).unwrap();
        let (n, _, h, w) = inner.dims4().unwrap();
        let only = zeros
            .slice_assign(&[0..n, unit..unit + 1, 0..h, 0..w], &one)
            .unwrap();
        let part = prepared.carry(&x, &[(layer.into(), only)]).unwrap();
        sum = (sum + part.relevance).unwrap();
    }
    assert!(support::relative_difference(&sum, &whole.relevance) < 1e-9);
    for (layer, relevance) in [("net.conv2", x[0].clone()), ("nothing", inner.clone())] {
        let error = prepared
            .carry(&x, &[(layer.into(), relevance)])
            .unwrap_err();
        assert!(error.to_string().contains(layer), "{error}");
    }
    assert!(prepared.carry(&x, &[]).is_err());
    let gradient = Prepared::new(&network, &Method::Gradient, &Options::default()).unwrap();
    assert!(
        gradient
            .carry(&x, &[(layer.into(), inner.clone())])
            .is_err()
    );
}

#[test]
fn sums_of_units_are_those_of_the_inner_relevance() {
    let (network, x) = (discriminator(), stamps());
    let layers = ["net.conv3", "net.fc1", "net.conv0"];
    for (method, dtype) in [
        (Method::EpsilonPlus, DType::F64),
        (Method::EpsilonPlus, DType::F32),
        (Method::Polarized { pole: Pole::Both }, DType::F64),
    ] {
        let options = Options {
            unit_sums: true,
            layer_sums: true,
            retain: layers.map(Into::into).to_vec(),
            ..Options::default()
        };
        let network = network.to_dtype(dtype).unwrap();
        let x = [x[0].to_dtype(dtype).unwrap()];
        let map = explain(&network, &x, &method, &Target::default(), &options);
        assert_eq!(map.units.len(), map.layers.len());
        for (units, sums) in map.units.iter().zip(&map.layers) {
            assert_eq!(units.layer, sums.layer);
            for (units, sum) in units.sums.iter().zip(&sums.sums) {
                let together: f64 = units.iter().sum();
                assert!(
                    (together - sum).abs() < 1e-5 * (1.0 + sum.abs()),
                    "{}",
                    sums.layer
                );
            }
        }
        for layer in layers {
            let units = map.units.iter().find(|u| *u.layer == *layer).unwrap();
            let inner = map.inner[layer].to_dtype(DType::F64).unwrap();
            let found = inner.flatten_from(1).unwrap().dims().to_vec();
            assert_eq!(units.sums.len(), found[0], "one row per sample");
            for (sample, sums) in units.sums.iter().enumerate() {
                for (unit, sum) in sums.iter().enumerate() {
                    let one = inner
                        .narrow(0, sample, 1)
                        .unwrap()
                        .narrow(1, unit, 1)
                        .unwrap();
                    assert!((total(&one) - sum).abs() < 1e-5, "{layer}:{unit}");
                    let absolute = units.absolutes[sample][unit];
                    assert!(absolute >= sum.abs() - 1e-9, "{layer}:{unit}");
                }
            }
        }
    }
}
