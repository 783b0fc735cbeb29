//! Attribution: every method says which layer is not finite instead of drawing a map of it.

use candle_core::{DType, Device, Tensor};
use ganoscope_core::attribution::{
    AttributionError, Method, Options, PathRule, Precision, Prepared, RegionMask, Rule, Score,
    Target,
};
use ganoscope_core::network::{
    Affine, ConvSpec, Edits, Network, NetworkBuilder, NetworkError, Op, Retain,
};

use crate::common::{parameter, values};
use crate::{BAD, PIXEL, SIZE};

/// `[3, 9, 9]` to a logit with the layers of a discriminator, its parameters changed by `f(key, value)`.
fn discriminator(f: impl Fn(&str, f64) -> f64) -> Network {
    let mut b = NetworkBuilder::new(parameter);
    let x = b.input("input", &[3, SIZE, SIZE]).unwrap();
    let x = b
        .conv("conv1", x, 4, ConvSpec::square(3, 1, 1), true)
        .unwrap();
    let x = b.plain("act1", Op::LeakyRelu { slope: 0.3 }, &[x]).unwrap();
    let x = b.batch_norm("norm", x, 1e-3).unwrap();
    let x = b
        .conv("conv2", x, 4, ConvSpec::square(3, 2, 1), true)
        .unwrap();
    let x = b.plain("act2", Op::LeakyRelu { slope: 0.3 }, &[x]).unwrap();
    let x = b.plain("flat", Op::Flatten, &[x]).unwrap();
    let x = b.dense("logit", x, 1, true).unwrap();
    b.output("logit", x);
    let network = b.finish().unwrap().to_dtype(DType::F32).unwrap();
    network
        .map_params(|_, p| {
            let changed = values(&p.tensor).into_iter().map(|v| f(&p.key, v) as f32);
            Ok(Tensor::from_iter(changed, &Device::Cpu)?.reshape(p.tensor.dims())?)
        })
        .unwrap()
}

fn stamp(value: f32) -> [Tensor; 1] {
    let mut pixels = vec![0.25; 3 * SIZE * SIZE];
    pixels[PIXEL[0] * SIZE + PIXEL[1]] = value;
    [Tensor::from_vec(pixels, (1, 3, SIZE, SIZE), &Device::Cpu).unwrap()]
}

/// What every method says about a network and a stamp: its name and the error, in all precisions.
fn explain_all(
    network: &Network,
    stamp: &[Tensor],
) -> Vec<(String, Result<Tensor, AttributionError>)> {
    let mut said = Vec::new();
    for method in Method::all() {
        for precision in [Precision::Auto, Precision::Double] {
            let options = Options {
                precision,
                ..Options::default()
            };
            let map = Prepared::new(network, &method, &options)
                .and_then(|prepared| prepared.attribute(stamp, &Target::default()));
            said.push((
                format!("{method} {precision:?}"),
                map.map(|map| map.relevance),
            ));
        }
    }
    said
}

#[test]
fn every_method_refuses_a_stamp_that_is_not_finite() {
    let network = discriminator(|_, v| v);
    for bad in BAD {
        for (method, map) in explain_all(&network, &stamp(bad as f32)) {
            let error = map.unwrap_err();
            assert!(
                matches!(
                    error,
                    AttributionError::Network(NetworkError::InputNotFinite { .. })
                ),
                "{method}: {error}"
            );
        }
    }
}

#[test]
fn every_method_names_the_layer_that_is_not_finite() {
    for key in [
        "conv1.weight",
        "conv2.bias",
        "logit.weight",
        "norm.running_mean",
    ] {
        for bad in BAD {
            let network = discriminator(|k, v| if k == key { bad } else { v });
            let layer = key.split('.').next().unwrap();
            for (method, map) in explain_all(&network, &stamp(0.5)) {
                let error = map.map(|_| ()).unwrap_err();
                assert!(
                    matches!(error, AttributionError::NotFinite { .. }),
                    "{method}, {key} {bad}: {error}"
                );
                // A normalisation is folded into the layer after it.
                let named = error.to_string();
                let folded = layer == "norm" && named.contains("layer conv2");
                assert!(
                    named.contains(&format!("layer {layer}")) || folded,
                    "{method}: {named}"
                );
            }
        }
    }
}

#[test]
fn finite_weights_that_overflow_are_named_or_give_finite_maps() {
    // Activations overflow.
    let network = discriminator(|k, v| {
        if k.ends_with("conv1.weight") || k.ends_with("conv2.weight") {
            v * 1e30
        } else {
            v
        }
    });
    for (method, map) in explain_all(&network, &stamp(0.5)) {
        match map {
            Ok(map) => assert!(values(&map).iter().all(|v| v.is_finite()), "{method}"),
            Err(error) => assert!(
                matches!(error, AttributionError::NotFinite { .. }),
                "{method}: {error}"
            ),
        }
    }
    // Every activation is small, and the gradient overflows: weights are huge where the input is zero.
    let black = [Tensor::zeros((1, 3, SIZE, SIZE), DType::F32, &Device::Cpu).unwrap()];
    let network = discriminator(|k, v| match k {
        "conv1.weight" | "logit.weight" => v * 1e25,
        "conv1.bias" | "conv2.bias" | "norm.bias" | "norm.running_mean" => 0.0,
        _ => v,
    });
    for (method, map) in explain_all(&network, &black) {
        match map {
            Ok(map) => assert!(values(&map).iter().all(|v| v.is_finite()), "{method}"),
            Err(error) => assert!(
                matches!(error, AttributionError::NotFinite { .. }),
                "{method}: {error}"
            ),
        }
    }
}

#[test]
fn parameters_of_methods_that_are_not_finite_are_errors() {
    let network = discriminator(|_, v| v);
    let attribute = |method: &Method, options: &Options, target: &Target| {
        Prepared::new(&network, method, options)?.attribute(&stamp(0.5), target)
    };
    for bad in BAD {
        let methods = [
            Method::SmoothGrad {
                samples: 2,
                std: bad,
                seed: 0,
            },
            Method::IntegratedGradients {
                steps: 2,
                baseline: bad,
                path: PathRule::default(),
            },
            Method::Occlusion {
                window: 3,
                stride: 3,
                baseline: bad,
            },
        ];
        for method in methods {
            let said = attribute(&method, &Options::default(), &Target::default());
            assert!(
                matches!(said, Err(AttributionError::Method { .. })),
                "{method} {bad}: {said:?}"
            );
        }
        for range in [(bad, 1.0), (-1.0, bad)] {
            let options = Options {
                input_range: range,
                ..Options::default()
            };
            for method in [Method::ZBox, Method::EpsilonGammaBox] {
                let said = attribute(&method, &options, &Target::default());
                assert!(
                    matches!(said, Err(AttributionError::Rule { .. })),
                    "{range:?}: {said:?}"
                );
            }
        }
        for rule in [
            Rule::Epsilon { epsilon: bad },
            Rule::Gamma { gamma: bad },
            Rule::AlphaBeta {
                alpha: bad,
                beta: bad,
            },
            Rule::AlphaBeta {
                alpha: bad,
                beta: 1.0,
            },
            Rule::AlphaBeta {
                alpha: 2.0,
                beta: bad,
            },
        ] {
            assert!(rule.check().is_err(), "{rule:?}");
        }
    }
}

#[test]
fn masks_that_are_not_finite_are_errors() {
    let mut b = NetworkBuilder::new(parameter);
    let x = b.input("input", &[3, SIZE, SIZE]).unwrap();
    let x = b
        .conv("conv", x, 2, ConvSpec::square(3, 1, 1), true)
        .unwrap();
    b.output("image", x);
    let network = b.finish().unwrap().to_dtype(DType::F32).unwrap();
    for bad in BAD {
        let mut weights = vec![0.0; SIZE * SIZE];
        weights[3] = bad as f32;
        let target = Target {
            output: 0,
            score: Score::Region(RegionMask {
                rows: SIZE,
                columns: SIZE,
                weights,
            }),
        };
        for method in Method::all() {
            let said = Prepared::new(&network, &method, &Options::default())
                .and_then(|prepared| prepared.attribute(&stamp(0.5), &target));
            assert!(
                matches!(said, Err(AttributionError::Target { .. })),
                "{method} {bad}: {said:?}"
            );
        }
    }
}

#[test]
fn edits_that_are_not_finite_reach_what_they_edit() {
    let network = discriminator(|_, v| v);
    let run = network
        .forward(&stamp(0.5), &Edits::new(), &Retain::All)
        .unwrap();
    for bad in BAD {
        let one = Tensor::ones((1, 1, 1, 1), DType::F32, &Device::Cpu).unwrap();
        let offset = Tensor::full(bad as f32, (1, 1, 1, 1), &Device::Cpu).unwrap();
        let edits = Edits::from([("conv2".into(), Affine { gain: one, offset })]);
        let resumed = network.resume(&run, &edits).unwrap();
        assert!(values(&resumed.outputs()[0]).iter().all(|v| !v.is_finite()));
        // The run that was resumed is as it was.
        let back = network.resume(&resumed, &Edits::new()).unwrap();
        assert_eq!(values(&back.outputs()[0]), values(&run.outputs()[0]));
    }
}
