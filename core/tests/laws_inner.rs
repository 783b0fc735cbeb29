//! Relevance that stops at, starts from or passes through inner layers, rules chosen by name, kind and pattern, and targets of
//! every kind.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod attribution_support;

use attribution_support as support;
use candle_core::{DType, Tensor};
use ganoscope_core::attribution::{
    Aperture, AttributionMap, Composite, LayerKind, Method, Options, Pole, Prepared, Rule, Score,
    Target, attribute,
};
use ganoscope_core::network::{ConvSpec, Edits, Network, NetworkBuilder, Op, Retain};
use ganoscope_core::region::{Place, Shape};

fn discriminator() -> Network {
    support::small_discriminator(3)
        .to_dtype(DType::F64)
        .unwrap()
}

fn stamps() -> [Tensor; 1] {
    [support::values("stamps", &[2, 3, 16, 16], DType::F64)]
}

/// Two branches over a shared root, as a small generator.
fn generator() -> Network {
    let mut b = NetworkBuilder::new(support::procedural(9));
    let conv = ConvSpec::square(3, 1, 1);
    let x = b.input("blend", &[3, 8, 8]).unwrap();
    let x = b.conv("root", x, 6, conv, true).unwrap();
    let x = b
        .plain("root.act", Op::LeakyRelu { slope: 0.2 }, &[x])
        .unwrap();
    for name in ["galaxy1", "galaxy2"] {
        let y = b.conv(&format!("{name}.conv"), x, 4, conv, true).unwrap();
        let y = b.plain(&format!("{name}.act"), Op::Relu, &[y]).unwrap();
        let y = b.conv(&format!("{name}.out"), y, 3, conv, true).unwrap();
        let y = b.plain(&format!("{name}.tanh"), Op::Tanh, &[y]).unwrap();
        b.output(name, y);
    }
    b.finish().unwrap().to_dtype(DType::F64).unwrap()
}

fn blend() -> [Tensor; 1] {
    [support::values("blend", &[2, 3, 8, 8], DType::F64)]
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

#[test]
fn a_layer_can_be_the_target() {
    let (network, x) = (generator(), blend());
    let (inner, target) = Target::resolve(&network, "root.act:unit=2").unwrap();
    assert_eq!(inner.nodes().len(), 3);
    let run = network.forward(&x, &Edits::new(), &Retain::All).unwrap();
    let value = run.activation(&network, "root.act").unwrap();
    for method in [Method::Gradient, Method::EpsilonPlus, Method::Gamma] {
        let map = explain(&inner, &x, &method, &target, &Options::default());
        for (sample, balance) in map.balances.iter().enumerate() {
            let unit = value.narrow(0, sample, 1).unwrap().narrow(1, 2, 1).unwrap();
            assert!((balance.score - total(&unit)).abs() < 1e-9);
        }
    }
    // An output is meant before a layer; the second branch has the first one's layers left out.
    let (same, target) = Target::resolve(&network, "galaxy2:5").unwrap();
    assert_eq!(
        (same.nodes().len(), target.output),
        (network.nodes().len(), 1)
    );
    let branch = network.ending_at("galaxy2.conv").unwrap();
    assert!(branch.find("galaxy1.conv").is_err());
    let again = branch.forward(&x, &Edits::new(), &Retain::Nothing).unwrap();
    let expected = run.activation(&network, "galaxy2.conv").unwrap();
    assert_eq!(
        support::relative_difference(&again.outputs()[0], expected),
        0.0
    );
    for bad in [
        "galaxy3",
        "root.act:unit=6",
        "root.act:unit=x",
        "galaxy1:box=1,1,0,2",
        "root.act:5:5",
    ] {
        let error = Target::resolve(&network, bad).unwrap_err();
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn targets_are_read_as_people_write_them() {
    let network = generator();
    let score = |text: &str| Target::parse(&network, text).unwrap().score;
    assert_eq!(score("galaxy1"), Score::Sum);
    assert_eq!(score("galaxy1:7"), Score::Element(7));
    assert_eq!(score("1:channel=2"), Score::Channel(2));
    let Score::Region(mask) = score("galaxy1:box=1,2,3,2") else {
        panic!("a box is a mask");
    };
    assert_eq!(mask.weights.iter().sum::<f32>(), 6.0);
    assert_eq!(mask.weights[2 * 8 + 1], 1.0);
    assert_eq!(mask.weights[8 + 1], 0.0);
    let Score::Region(pixel) = score("galaxy1:pixel=4,5") else {
        panic!("a pixel is a mask");
    };
    assert_eq!(
        pixel.weights.iter().position(|w| *w == 1.0),
        Some(5 * 8 + 4)
    );
    let aperture = Aperture {
        shape: Shape::Circle {
            centre: Place::new(3.0, 4.0),
            radius: 2.5,
        },
        channel: Some(1),
        level: -1.0,
    };
    let target = Target::parse(&network, "galaxy1:circle=3,4,2.5,channel=1").unwrap();
    assert_eq!(target.with_black(-1.0).score, Score::Flux(aperture));
    for bad in [
        "galaxy1:",
        "galaxy1:192",
        "galaxy1:channel=3",
        "galaxy1:channel=-1",
        "galaxy1:box=6,6,3,1",
        "galaxy1:box=0,0,1e30,1",
        "galaxy1:circle=3,4",
        "galaxy1:circle=3,4,nan",
        "galaxy1:circle=3,4,-1",
        "galaxy1:circle=100,100,2",
        "galaxy1:circle=3,4,2,channel=3",
        "galaxy1:pixel=1,1,channel=1",
        "galaxy3",
    ] {
        let error = Target::parse(&network, bad).unwrap_err().to_string();
        assert!(error.contains("galaxy"), "{error}");
    }
}

#[test]
fn light_is_counted_from_black() {
    let (network, x) = (generator(), blend());
    let shape = Shape::Ellipse {
        centre: Place::new(3.2, 4.1),
        semi_axes: [3.0, 1.5],
        angle: 30.0,
    };
    let flux = |level: f64, channel| Target {
        output: 0,
        score: Score::Flux(Aperture {
            shape: shape.clone(),
            channel,
            level,
        }),
    };
    let run = network
        .forward(&x, &Edits::new(), &Retain::Nothing)
        .unwrap();
    let drawn = run.outputs()[0].to_dtype(DType::F64).unwrap();
    let cover = ganoscope_core::region::Coverage::of(&shape, [8, 8]);
    for method in [
        Method::EpsilonPlus,
        Method::Gradient,
        Method::Polarized { pole: Pole::Real },
    ] {
        let map = explain(
            &network,
            &x,
            &method,
            &flux(-1.0, None),
            &Options::default(),
        );
        for (sample, balance) in map.balances.iter().enumerate() {
            let mut expected = 0.0;
            let pixels = drawn.get(sample).unwrap().to_vec3::<f64>().unwrap();
            for ([column, row], share) in cover.pixels() {
                expected += share * pixels.iter().map(|p| p[row][column] + 1.0).sum::<f64>();
            }
            assert!((balance.score - expected).abs() < 1e-5, "{method}");
            if method == Method::EpsilonPlus {
                assert!((balance.start - expected).abs() < 1e-5);
                assert!(balance.gap.unwrap().abs() < 1e-3, "{balance:?}");
            }
        }
    }
    // The bands add up, and a level moves no gradient.
    let gradient = |target: &Target| {
        explain(&network, &x, &Method::Gradient, target, &Options::default()).relevance
    };
    let bands: Vec<_> = (0..3).map(|c| gradient(&flux(-1.0, Some(c)))).collect();
    let sum = ((&bands[0] + &bands[1]).unwrap() + &bands[2]).unwrap();
    assert!(support::relative_difference(&sum, &gradient(&flux(0.0, None))) < 1e-9);
    let occlusion = Method::Occlusion {
        window: 4,
        stride: 4,
        baseline: -1.0,
    };
    let maps = [-1.0, 0.0].map(|level| {
        explain(
            &network,
            &x,
            &occlusion,
            &flux(level, None),
            &Options::default(),
        )
        .relevance
    });
    assert!(support::relative_difference(&maps[0], &maps[1]) < 1e-9);
}

#[test]
fn weights_of_elements_are_any_target() {
    let (network, x) = (generator(), blend());
    let weights: Vec<f32> = (0..192).map(|i| if i == 71 { 1.0 } else { 0.0 }).collect();
    let map = |score| {
        let target = Target { output: 1, score };
        explain(
            &network,
            &x,
            &Method::EpsilonPlus,
            &target,
            &Options::default(),
        )
        .relevance
    };
    let one = map(Score::Weights(weights));
    assert_eq!(
        support::relative_difference(&one, &map(Score::Element(71))),
        0.0
    );
    for bad in [vec![1.0; 191], vec![f32::NAN; 192]] {
        let target = Target {
            output: 1,
            score: Score::Weights(bad),
        };
        assert!(
            attribute(
                &network,
                &x,
                &Method::Gradient,
                &target,
                &Options::default()
            )
            .is_err()
        );
    }
}

#[test]
fn rules_go_to_layers_by_name_pattern_place_and_kind() {
    let (network, x) = (discriminator(), stamps());
    let map = |changes: &[&str]| {
        let mut composite = Composite::epsilon_plus();
        for change in changes {
            composite.set(&network, change, (-1.0, 1.0)).unwrap();
        }
        explain(
            &network,
            &x,
            &Method::Composite(composite),
            &Target::default(),
            &Options::default(),
        )
        .relevance
    };
    let plain = map(&[]);
    // The same choice said in different words.
    let by_name = map(&["net.conv0=flat"]);
    for words in [
        &["first=flat"][..],
        &["net.conv0*=flat"],
        &["*0=gamma", "*onv0=flat"],
    ] {
        assert_eq!(
            support::relative_difference(&map(words), &by_name),
            0.0,
            "{words:?}"
        );
    }
    let flat = explain(
        &network,
        &x,
        &Method::EpsilonPlusFlat,
        &Target::default(),
        &Options::default(),
    );
    assert_eq!(support::relative_difference(&flat.relevance, &by_name), 0.0);
    assert!(support::relative_difference(&plain, &by_name) > 1e-3);
    // A pattern that also names activations changes only what its rule applies to; a name says more than a pattern.
    let gamma = map(&["convolution=gamma"]);
    assert_eq!(
        support::relative_difference(
            &map(&["net.*=gamma", "dense=epsilon", "net.fc*=epsilon"]),
            &gamma
        ),
        0.0
    );
    let mixed = map(&["net.conv?=gamma", "net.conv0=flat"]);
    let same = map(&["convolution=gamma", "first=flat"]);
    assert_eq!(support::relative_difference(&mixed, &same), 0.0);
    let box_first = map(&["convolution=gamma", "first=z-box"]);
    let named = explain(
        &network,
        &x,
        &Method::EpsilonGammaBox,
        &Target::default(),
        &Options::default(),
    );
    assert_eq!(
        support::relative_difference(&box_first, &named.relevance),
        0.0
    );
}

#[test]
fn rules_that_cannot_be_are_named() {
    let network = discriminator();
    let mut composite = Composite::epsilon_plus();
    for (text, culprit) in [
        ("net.conv9=zplus", "net.conv9"),
        ("first", "PLACE=RULE"),
        ("first=layerwise", "layerwise"),
        ("first=epsilon x", "epsilon x"),
        ("first=epsilon 0", "epsilon"),
        ("first=z-box 1,1", "z-box"),
        ("first=alpha2-beta2", "alpha"),
        ("first=zplus 3", "zplus 3"),
    ] {
        let error = composite.set(&network, text, (-1.0, 1.0)).unwrap_err();
        assert!(error.to_string().contains(culprit), "{text}: {error}");
    }
    composite
        .set(&network, "*.conv9=zplus", (-1.0, 1.0))
        .unwrap();
    let method = Method::Composite(composite);
    let error = Prepared::new(&network, &method, &Options::default()).unwrap_err();
    assert!(error.to_string().contains("*.conv9"), "{error}");
    let options = Options {
        stop_at: vec!["net.conv9".into()],
        ..Options::default()
    };
    let error = Prepared::new(&network, &Method::ZPlus, &options).unwrap_err();
    assert!(error.to_string().contains("net.conv9"), "{error}");
}

#[test]
fn rules_and_kinds_are_written_as_they_are_read() {
    for rule in [
        Rule::Epsilon { epsilon: 1e-6 },
        Rule::Gamma { gamma: 0.25 },
        Rule::ZPlus,
        Rule::AlphaBeta {
            alpha: 2.0,
            beta: 1.0,
        },
        Rule::ZBox {
            low: -1.0,
            high: 1.0,
        },
        Rule::WSquare,
        Rule::Flat,
        Rule::Norm,
        Rule::Polar,
        Rule::Pass,
        Rule::Gradient,
    ] {
        assert_eq!(rule.to_string().parse::<Rule>().unwrap(), rule);
    }
    for kind in LayerKind::ALL {
        assert_eq!(kind.name().parse::<LayerKind>().unwrap(), kind);
        let written = toml::Value::try_from(kind).unwrap();
        assert_eq!(written.as_str(), Some(kind.name()));
    }
    let mut composite = Composite::epsilon_plus();
    let network = discriminator();
    for change in [
        "net.*=zplus",
        "addition=gradient",
        "net.conv0=flat",
        "last=polar",
    ] {
        composite.set(&network, change, (-1.0, 1.0)).unwrap();
    }
    let text = toml::to_string(&composite).unwrap();
    assert_eq!(
        toml::from_str::<Composite>(&text).unwrap(),
        composite,
        "{text}"
    );
}
