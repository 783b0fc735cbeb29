//! Gradients, class activation maps and occlusion equal reference maps of another program (captum 0.9.0), computed in f64.
//! `GANOSCOPE_TEST_DEVICE` runs them on another device.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{DType, Tensor};
use common::device_support::{has_f64, put, put_network};
use common::{max_abs, max_diff, reference, zoo};
use ganoscope_core::attribution::{
    AttributionMap, Enlarge, Method, Options, PathRule, Precision, Score, Target, attribute,
};
use ganoscope_core::network::Network;
use ganoscope_core::seed::hash_gauss;

/// Relative to the largest magnitude of a map; f32 of the other program is 1e-4 off at most.
const TOLERANCE: f64 = 1e-3;

struct Case {
    name: &'static str,
    network: Network,
    inputs: [Tensor; 1],
    maps: BTreeMap<String, Tensor>,
    compared: BTreeSet<String>,
}

impl Case {
    fn map(&self, method: &Method) -> AttributionMap {
        let options = Options::default();
        attribute(
            &self.network,
            &self.inputs,
            method,
            &Target::default(),
            &options,
        )
        .unwrap_or_else(|error| panic!("{} {method}: {error}", self.name))
    }

    fn check(&mut self, key: &str, found: &Tensor) {
        let Some(expected) = self.maps.get(key) else {
            return;
        };
        let difference = max_diff(found, expected) / max_abs(expected);
        eprintln!("{} {key}: {difference:.1e}", self.name);
        assert!(difference < TOLERANCE, "{} {key}: {difference}", self.name);
        self.compared.insert(key.to_owned());
    }
}

fn integrated(baseline: f64, path: PathRule) -> Method {
    Method::IntegratedGradients {
        steps: 32,
        baseline,
        path,
    }
}

#[test]
fn every_map_of_captum_is_met() {
    let Some(folder) = reference::folder() else {
        return;
    };
    for name in ["dcgan_d", "deblender_d_q"] {
        let dict = reference::tensors(&folder.join(format!("models/{name}.safetensors")));
        let network = zoo::build(name, reference::state_dict(dict)).unwrap();
        let maps = reference::tensors(&folder.join(format!("attr/{name}.safetensors")));
        let facts = reference::json(&folder.join(format!("attr/{name}.json")));
        let mut case = Case {
            name,
            network: put_network(&network),
            inputs: [put(&maps["input"].to_dtype(DType::F32).unwrap())],
            compared: ["input".to_owned()].into(),
            maps,
        };
        let (samples, std, seed) = (8, 0.3, 1003);
        for (key, method) in [
            ("gradient", Method::Gradient),
            ("input_x_gradient", Method::InputXGradient),
            ("smoothgrad", Method::SmoothGrad { samples, std, seed }),
            ("vargrad", Method::VarGrad { samples, std, seed }),
            (
                "ig.black.gausslegendre32",
                integrated(-1.0, PathRule::GaussLegendre),
            ),
            (
                "ig.grey.gausslegendre32",
                integrated(0.0, PathRule::GaussLegendre),
            ),
            (
                "ig.black.riemann_trapezoid32",
                integrated(-1.0, PathRule::CaptumTrapezoid),
            ),
        ] {
            if case.maps.contains_key(key) {
                let map = case.map(&method);
                case.check(key, &map.relevance);
            }
        }
        let layer = facts["gradcam_layer"].as_str().unwrap();
        for (key, rectify, enlarge) in [
            ("gradcam.raw", false, None),
            ("gradcam.relu", true, None),
            ("gradcam.relu.bilinear", true, Some(Enlarge::Bilinear)),
            ("gradcam.captum_nearest", true, Some(Enlarge::Nearest)),
        ] {
            let map = case.map(&Method::GradCam {
                layer: Some(layer.into()),
                rectify,
                enlarge: enlarge.unwrap_or_default(),
            });
            let found = match enlarge {
                Some(_) => map.relevance.narrow(1, 0, 1).unwrap(),
                None => map.inner[layer].clone(),
            };
            case.check(key, &found);
        }
        for (window, stride) in [(8, 4), (10, 10), (7, 3)] {
            let map = case.map(&Method::Occlusion {
                window,
                stride,
                baseline: -1.0,
            });
            let found = map.relevance.narrow(1, 0, 1).unwrap();
            case.check(&format!("occlusion.w{window}s{stride}"), &found);
        }
        let all: BTreeSet<String> = case.maps.keys().cloned().collect();
        assert_eq!(case.compared, all, "{name}: every map of the file is met");
    }
}

/// A fixed random projection of all outputs, pulled back to the input: every operation of seven networks.
#[test]
fn input_gradients_of_every_network_equal_pytorch() {
    let Some(folder) = reference::folder() else {
        return;
    };
    let reference_maps = reference::tensors(&folder.join("attr/input_gradients.safetensors"));
    let facts = reference::json(&folder.join("attr/input_gradients.json"));
    let seed = facts["seed"].as_u64().unwrap();
    let scalars = facts["scalars"].as_object().unwrap();
    assert_eq!(scalars.len(), 7);
    for (name, scalar) in scalars {
        let dict = reference::tensors(&folder.join(format!("models/{name}.safetensors")));
        let network = zoo::build(name, reference::state_dict(dict)).unwrap();
        let network = put_network(&network);
        let input = put(&reference_maps[&format!("{name}.input")]);
        let expected = &reference_maps[&format!("{name}.gradient")];
        let scalar = scalar["scalar"].as_f64().unwrap();
        // In f32 an activation of the deep generator lies on the other side of a kink: 1.7e-3 where 1e-3 is asked.
        let in_f32 = if name == "deblender_g_q" {
            2.0 * TOLERANCE
        } else {
            TOLERANCE
        };
        for (precision, tolerance) in [(Precision::Network, in_f32), (Precision::Double, 1e-5)] {
            if precision == Precision::Double && !has_f64() {
                continue;
            }
            let (gradient, score) = projected(&network, &input, seed, precision);
            let difference = max_diff(&gradient, expected) / max_abs(expected);
            eprintln!("{name} {precision:?}: {difference:.1e}, score {score} of {scalar}");
            assert!(difference < tolerance, "{name} {precision:?}: {difference}");
            assert!(
                (score - scalar).abs() < 1e-4 * scalar.abs().max(1.0),
                "{name}: {score}"
            );
        }
    }
}

/// Gradient and value of the random projection of all outputs.
fn projected(network: &Network, input: &Tensor, seed: u64, precision: Precision) -> (Tensor, f64) {
    let options = Options {
        precision,
        ..Options::default()
    };
    let (mut gradient, mut score): (Option<Tensor>, f64) = (None, 0.0);
    for (index, output) in network.outputs().iter().enumerate() {
        let count = network.node(output.node).fact.len();
        let weights = hash_gauss(&format!("grad_weight:{}", output.name), count, seed);
        let scale = (count as f64).sqrt();
        let target = Target {
            output: index,
            score: Score::Weights(weights.iter().map(|w| (w / scale) as f32).collect()),
        };
        let inputs = std::slice::from_ref(input);
        let map = attribute(network, inputs, &Method::Gradient, &target, &options).unwrap();
        score += map.balances[0].score;
        gradient = Some(match gradient {
            Some(sum) => (sum + map.relevance).unwrap(),
            None => map.relevance,
        });
    }
    (gradient.unwrap(), score)
}
