//! Relevance equals reference maps of another program (zennit 0.5.1), computed in f64.
//! `GANOSCOPE_TEST_DEVICE` runs them on another device.

mod attribution_support;
mod device_support;

use std::collections::HashMap;

use attribution_support as support;
use candle_core::{DType, Tensor};
use device_support::{has_f64, put, put_network};
use ganoscope_core::attribution::{
    AttributionMap, BatchNormHandling, Composite, LayerKind, Method, Options, Pole, Rule, Target,
    attribute,
};
use ganoscope_core::network::Network;

fn network(name: &str, dict: HashMap<String, Tensor>) -> Network {
    match name {
        "deblender_d_q" => support::deblender_d_q(support::from_dict(dict)),
        "dcgan_d" => support::dcgan_d(dict).expect("the architecture is valid"),
        _ => support::res_d(dict).expect("the architecture is valid"),
    }
}

/// The method and the handling of batch normalisation of a reference configuration.
fn configuration(name: &str, key: &str) -> (Method, BatchNormHandling) {
    let (key, additions) = match key.strip_suffix(".sum_gradient") {
        Some(key) => (key, Some(Rule::Gradient)),
        None => (key.trim_end_matches(".sum_norm"), None),
    };
    let (key, batch_norm) = if let Some(key) = key.strip_suffix(".canon") {
        (key, BatchNormHandling::Fold)
    } else if let Some(key) = key.strip_suffix("+bn_norm") {
        (key, BatchNormHandling::Norm)
    } else if name == "res_d" {
        (key, BatchNormHandling::Fold)
    } else {
        (key, BatchNormHandling::Pass)
    };
    let first = |rule, rest| {
        Method::Composite(Composite {
            first: Some(rule),
            ..Composite::single(rest)
        })
    };
    let method = match key {
        "epsilon" => Method::Epsilon,
        "epsilon_0.1" => Method::Composite(Composite::single(Rule::Epsilon { epsilon: 0.1 })),
        "zplus" => Method::ZPlus,
        "alpha2beta1" => Method::Alpha2Beta1,
        "gamma_0.25" => Method::Gamma,
        "wsquare" => Method::WSquare,
        "flat" => Method::Flat,
        "zbox_first_epsilon" => Method::ZBox,
        "wsquare_first_zplus" => first(Rule::WSquare, Rule::ZPlus),
        "flat_first_zplus" => first(Rule::Flat, Rule::ZPlus),
        "epsilon_plus" => Method::EpsilonPlus,
        "epsilon_alpha2_beta1" => Method::EpsilonAlpha2Beta1,
        "epsilon_gamma_box" => Method::EpsilonGammaBox,
        other => panic!("configuration {other} is unknown"),
    };
    let Some(rule) = additions else {
        return (method, batch_norm);
    };
    let mut composite = method.composite((-1.0, 1.0)).expect("rules");
    composite.by_kind.insert(LayerKind::Addition, rule);
    (Method::Composite(composite), batch_norm)
}

/// One reference configuration and how far a map of ours may be from it.
struct Case<'a> {
    key: &'a str,
    expected: &'a serde_json::Value,
    reference: &'a HashMap<String, Tensor>,
    method: Method,
    tolerance: f64,
}

impl Case<'_> {
    /// What differs from the reference.
    fn differences(&self, network: &Network, batch_norm: BatchNormHandling) -> Vec<String> {
        let key = self.key;
        let inner = self.reference.keys();
        let inner = inner.filter_map(|k| k.strip_prefix(&format!("{key}@")).map(Into::into));
        let options = Options {
            batch_norm,
            layer_sums: true,
            retain: inner.collect(),
            ..Options::default()
        };
        let input = self.reference["input"].to_dtype(network.dtype());
        let inputs = [put(&input.expect("converts"))];
        let map = attribute(network, &inputs, &self.method, &Target::default(), &options)
            .unwrap_or_else(|error| panic!("{key}: {error}"));
        let mut pairs = vec![(key.to_owned(), map.relevance.clone())];
        for (layer, value) in &map.inner {
            pairs.push((format!("{key}@{layer}"), value.clone()));
        }
        let mut found = Vec::new();
        for (name, value) in pairs {
            let difference = support::relative_difference(&value, &self.reference[&name]);
            let report = format!("{name}: {difference:.1e} of {:.1e}", self.tolerance);
            eprintln!("{report}");
            if difference.is_nan() || difference > self.tolerance {
                found.push(report);
            }
        }
        if network.dtype() == DType::F64 {
            found.extend(wrong_sums(key, &map, &self.expected["at_layer_output"]));
        }
        found
    }
}

/// Compares every configuration of one network: in its own type with batch normalisation as a person would have it, and
/// in f64, where only the formulas count, with the folding of the reference.
fn check(name: &str, dtype: DType) {
    let Some(root) = support::oracles() else {
        return;
    };
    if dtype == DType::F64 && !has_f64() {
        eprintln!("{name}: skipped, the device has no f64");
        return;
    }
    let reference = support::tensors(root.join(format!("lrp/{name}.safetensors")));
    let configs = support::json(root.join(format!("lrp/{name}.json")))["configs"].clone();
    let dict = support::tensors(root.join(format!("models/{name}.safetensors")));
    let network = network(name, dict).to_dtype(dtype).expect("converts");
    let folded = support::folded_like_the_reference(&network).expect("folds");
    let (network, folded) = (put_network(&network), put_network(&folded));
    let (mut differences, mut compared) = (Vec::new(), 0);
    for (key, expected) in configs.as_object().expect("an object of configurations") {
        if !expected.is_object() {
            continue;
        }
        let (method, batch_norm) = configuration(name, key);
        let deviation = expected["float32_relative_deviation"].as_f64();
        let case = Case {
            key,
            expected,
            reference: &reference,
            method,
            tolerance: match dtype {
                DType::F64 => 2e-6,
                _ => f64::max(1e-4, 10.0 * deviation.unwrap_or(0.0)),
            },
        };
        // In f32 only what the other program computed in f32 too: where additions double relevance, nothing is left of the digits.
        if dtype == DType::F64 || deviation.is_some() {
            compared += 1;
        }
        if dtype == DType::F64 && batch_norm == BatchNormHandling::Fold {
            differences.extend(case.differences(&folded, BatchNormHandling::Pass));
        } else if dtype == DType::F64 || deviation.is_some() {
            differences.extend(case.differences(&network, batch_norm));
        }
    }
    let maps = reference
        .keys()
        .filter(|key| *key != "input" && !key.contains('@') && !key.ends_with(".sum_gradient"));
    let doubled = reference
        .keys()
        .filter(|key| key.ends_with(".sum_gradient"));
    let expected = match dtype {
        DType::F64 => maps.count() + doubled.count(),
        _ => maps.count(),
    };
    assert_eq!(compared, expected, "{name}: every map of the file is met");
    assert!(differences.is_empty(), "{name}: {differences:#?}");
}

/// Layers whose sum of relevance differs from the reference.
fn wrong_sums(key: &str, map: &AttributionMap, expected: &serde_json::Value) -> Vec<String> {
    let sums: HashMap<&str, f64> = map.layers.iter().map(|l| (&*l.layer, l.sums[0])).collect();
    let layers = expected.as_object().into_iter().flatten();
    layers
        .filter_map(|(layer, value)| {
            let (expected, got) = (value[0].as_f64()?, *sums.get(layer.as_str())?);
            let difference = (got - expected).abs() / expected.abs().max(1.0);
            (difference > 1e-5).then(|| format!("{key}: {layer} has {got}, not {expected}"))
        })
        .collect()
}

#[test]
fn deblender_discriminator_matches_zennit() {
    check("deblender_d_q", DType::F32);
}

#[test]
fn deblender_discriminator_matches_zennit_in_f64() {
    check("deblender_d_q", DType::F64);
}

#[test]
fn dcgan_discriminator_matches_zennit() {
    check("dcgan_d", DType::F32);
}

#[test]
fn dcgan_discriminator_matches_zennit_in_f64() {
    check("dcgan_d", DType::F64);
}

#[test]
fn residual_discriminator_matches_zennit() {
    check("res_d", DType::F32);
}

#[test]
fn residual_discriminator_matches_zennit_in_f64() {
    check("res_d", DType::F64);
}

/// Maps of a small procedural discriminator, kept here so that a change of the rules is seen without other files.
#[test]
fn small_discriminator_keeps_its_maps() {
    let network = put_network(&support::small_discriminator(3));
    let inputs = [put(&support::values("stamp", &[1, 3, 16, 16], DType::F32))];
    let mut methods: Vec<_> = Method::all()
        .into_iter()
        .filter(Method::is_relevance)
        .collect();
    methods.push(Method::Polarized { pole: Pole::Real });
    methods.push(Method::Polarized { pole: Pole::Fake });
    let kept = include_str!("attribution_support/small_discriminator.txt");
    let mut found = String::new();
    let mut differences = Vec::new();
    for (line, method) in methods.iter().enumerate() {
        let options = Options::default();
        let map = attribute(&network, &inputs, method, &Target::default(), &options)
            .unwrap_or_else(|error| panic!("{method}: {error}"));
        let values = map.relevance.flatten_all().and_then(|t| t.to_vec1::<f32>());
        let values = values.expect("a map has values");
        let some = [0, 111, 300, 500, 767].map(|i| f64::from(values[i]));
        let text = some.map(|v| format!("{v:.6e}")).join(" ");
        found += &format!("{method} {text}\n");
        let expected = kept
            .lines()
            .nth(line)
            .unwrap_or_default()
            .split(' ')
            .skip(1);
        let expected: Vec<f64> = expected.filter_map(|v| v.parse().ok()).collect();
        let largest = support::max_abs(&map.relevance);
        let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-4 * largest;
        if expected.len() != some.len() || !some.iter().zip(&expected).all(close) {
            differences.push(method.to_string());
        }
    }
    assert!(
        differences.is_empty(),
        "{differences:?} changed; the maps are now\n{found}"
    );
}
