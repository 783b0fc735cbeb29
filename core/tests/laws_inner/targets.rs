//! Targets of every kind: outputs and layers, boxes, light in apertures, any weights.

use candle_core::{DType, Tensor};
use ganoscope_core::attribution::{Aperture, Method, Options, Pole, Score, Target, attribute};
use ganoscope_core::network::{ConvSpec, Edits, Network, NetworkBuilder, Op, Retain};
use ganoscope_core::region::{Place, Shape};

use crate::{explain, support, total};

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
