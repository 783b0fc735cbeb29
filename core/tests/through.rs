//! Relevance of a discriminator's logit inside the generator: equal to one walk through both networks as one graph, conserved,
//! and it finds a unit that was made bad.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod attribution_support;

use attribution_support as support;
use candle_core::{DType, Tensor};
use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, discriminator, generator,
};
use ganoscope_core::attribution::{
    Composite, Method, Options, Pole, Prepared, Target, Through, ThroughMap, ThroughSettings,
    attribute,
};
use ganoscope_core::network::{
    Affine, ConvSpec, Edits, Network, NetworkBuilder, NodeId, Op, Retain, Role,
};

const SIZE: usize = 16;

fn draws(seed: u64) -> Network {
    let config = GeneratorConfig {
        filters: 6,
        root_blocks: 2,
        branch_blocks: 1,
        stamp_size: SIZE,
        ..GeneratorConfig::default()
    };
    generator(&config, support::procedural(seed)).unwrap()
}

fn judges(seed: u64) -> Network {
    let config = DiscriminatorConfig {
        filters: 4,
        dense: 8,
        stamp_size: SIZE,
        ..DiscriminatorConfig::default()
    };
    discriminator(&config, support::procedural(seed)).unwrap()
}

fn blend(dtype: DType) -> [Tensor; 1] {
    let values = support::values("blend", &[2, 3, SIZE, SIZE], dtype);
    [values.affine(0.5, 0.5).unwrap()]
}

fn through(
    generator: &Network,
    discriminator: &Network,
    method: &Method,
    settings: ThroughSettings,
    input: &[Tensor],
) -> ThroughMap {
    let judge = Prepared::new(discriminator, method, &Options::default()).unwrap();
    let through = Through::new(generator, judge, settings).unwrap();
    through.attribute(input, &[]).unwrap()
}

/// Both networks as one graph: the discriminator reads an output of the generator.
fn joined(generator: &Network, judge: &Network, output: usize) -> Network {
    let mut b = NetworkBuilder::new(support::procedural(0));
    let mut ids: Vec<NodeId> = Vec::new();
    for node in generator.nodes() {
        let inputs: Vec<NodeId> = node.inputs.iter().map(|i| ids[i.index()]).collect();
        let params = node.params.clone();
        ids.push(b.add(&node.name, node.op.clone(), &inputs, params).unwrap());
    }
    let picture = ids[generator.outputs()[output].node.index()];
    let mut judged: Vec<NodeId> = Vec::new();
    for node in judge.nodes() {
        let id = if matches!(node.op, Op::Input { .. }) {
            picture
        } else {
            let inputs: Vec<NodeId> = node.inputs.iter().map(|i| judged[i.index()]).collect();
            let params = node.params.clone();
            b.add(
                &format!("judge.{}", node.name),
                node.op.clone(),
                &inputs,
                params,
            )
            .unwrap()
        };
        judged.push(id);
    }
    b.output("logit", judged[judge.outputs()[0].node.index()]);
    b.finish().unwrap().to_dtype(generator.dtype()).unwrap()
}

#[test]
fn it_is_one_walk_through_both_networks() {
    let generator = draws(3).to_dtype(DType::F64).unwrap();
    let judge = judges(4).to_dtype(DType::F64).unwrap();
    let x = blend(DType::F64);
    for (method, composite) in [
        (
            Method::ZPlus,
            Composite::single(ganoscope_core::attribution::Rule::ZPlus),
        ),
        (Method::EpsilonPlus, Composite::epsilon_plus()),
        (
            Method::EpsilonAlpha2Beta1,
            Composite::epsilon_alpha2_beta1(),
        ),
    ] {
        let settings = ThroughSettings {
            composite,
            ..ThroughSettings::default()
        };
        let map = through(&generator, &judge, &method, settings, &x);
        assert_eq!(map.parts.len(), 2);
        for part in &map.parts {
            let whole = joined(&generator, &judge, part.output);
            let options = Options {
                unit_sums: true,
                ..Options::default()
            };
            let one = attribute(&whole, &x, &method, &Target::default(), &options).unwrap();
            let difference = support::relative_difference(&part.input, &one.relevance);
            assert!(difference < 1e-9, "{method}: {difference}");
            for units in &part.units {
                let same = one.units.iter().find(|u| u.layer == units.layer).unwrap();
                for (a, b) in units.sums.iter().flatten().zip(same.sums.iter().flatten()) {
                    assert!(
                        (a - b).abs() < 1e-9 * (1.0 + b.abs()),
                        "{method} {}",
                        units.layer
                    );
                }
            }
            for (a, b) in part.balances.iter().zip(&one.balances) {
                assert!(
                    (a.gap.unwrap() - b.gap.unwrap()).abs() < 1e-9,
                    "{method}: {a:?} {b:?}"
                );
                assert!((a.score - b.score).abs() < 1e-12);
            }
        }
        // Layers of the other branch take no part.
        let branch = |part: usize, name: &str| {
            let mut units = map.parts[part].units.iter();
            units.any(|u| u.layer.starts_with(name))
        };
        assert!(branch(0, "branch1") && !branch(0, "branch2"));
        assert!(branch(1, "branch2") && !branch(1, "branch1"));
    }
}

#[test]
fn nothing_is_lost_and_pictures_are_those_of_the_generator() {
    let (generator, judge) = (draws(3), judges(4));
    let x = blend(DType::F32);
    let run = generator
        .forward(&x, &Edits::new(), &Retain::Nothing)
        .unwrap();
    for method in [
        Method::Polarized { pole: Pole::Auto },
        Method::Polarized { pole: Pole::Both },
        Method::EpsilonPlus,
        Method::EpsilonGammaBox,
    ] {
        let map = through(&generator, &judge, &method, ThroughSettings::default(), &x);
        let poles = if method == (Method::Polarized { pole: Pole::Both }) {
            2
        } else {
            1
        };
        assert_eq!(map.parts.len(), 2 * poles);
        for (index, picture) in map.pictures.iter().enumerate() {
            let difference = support::relative_difference(picture, &run.outputs()[index]);
            assert!(difference < 1e-5, "{difference}");
        }
        for part in &map.parts {
            let gap = part.conservation_gap();
            eprintln!("{method} of output {}: gap {gap:.1e}", part.output);
            assert!(gap < 1e-3, "{method}: {gap}");
            // What arrives at the picture is what the discriminator's own map says.
            let shown = [run.outputs()[part.output].clone()];
            let own = attribute(
                &judge,
                &shown,
                &method,
                &Target::default(),
                &Options::default(),
            );
            let own = own.unwrap();
            let expected = match (&own.poles, part.pole) {
                (Some(poles), Some(Pole::Real)) => &poles.real.relevance,
                (Some(poles), _) => &poles.fake.relevance,
                (None, _) => &own.relevance,
            };
            let difference = support::relative_difference(&part.picture, expected);
            assert!(difference < 1e-3, "{method}: {difference}");
        }
        // Both outputs together are the sum of their parts.
        let together = map.together(None);
        let layer = together
            .iter()
            .find(|u| &*u.layer == "root.0.conv1")
            .unwrap();
        let sum: f64 = map
            .parts
            .iter()
            .flat_map(|p| &p.units)
            .filter(|u| u.layer == layer.layer)
            .flat_map(|u| &u.sums[1])
            .sum();
        assert!((layer.sums[1].iter().sum::<f64>() - sum).abs() < 1e-9 * (1.0 + sum.abs()));
    }
}

#[test]
fn ranges_are_converted_exactly() {
    let (generator, judge) = (draws(3), judges(4));
    let x = blend(DType::F32);
    let settings = ThroughSettings {
        outputs: vec![1],
        drawn_range: (-1.0, 1.0),
        ..ThroughSettings::default()
    };
    let options = Options {
        input_range: (0.0, 1.0),
        ..Options::default()
    };
    let method = Method::Polarized { pole: Pole::Auto };
    let prepared = Prepared::new(&judge, &method, &options).unwrap();
    let through = Through::new(&generator, prepared.clone(), settings.clone()).unwrap();
    let map = through.attribute(&x, &[]).unwrap();
    let run = generator
        .forward(&x, &Edits::new(), &Retain::Nothing)
        .unwrap();
    let shown = [run.outputs()[1].affine(0.5, 0.5).unwrap()];
    let own = attribute(&judge, &shown, &method, &Target::default(), &options).unwrap();
    assert_eq!(map.parts.len(), 1);
    let (found, expected) = (map.parts[0].judged[0].score, own.balances[0].score);
    assert!((found - expected).abs() < 1e-4 * expected.abs().max(1.0));
    let difference = support::relative_difference(&map.parts[0].picture, &own.relevance);
    assert!(difference < 1e-3, "{difference}");
    assert!(map.parts[0].conservation_gap() < 1e-3);
    for (outputs, drawn_range) in [
        (vec![2], (-1.0, 1.0)),
        (vec![0], (1.0, 1.0)),
        (vec![0], (f64::NAN, 1.0)),
    ] {
        let bad = ThroughSettings {
            outputs,
            drawn_range,
            ..settings.clone()
        };
        let error = Through::new(&generator, prepared.clone(), bad).unwrap_err();
        assert!(
            error.to_string().contains("through the generator"),
            "{error}"
        );
    }
    let gradient = Prepared::new(&judge, &Method::Gradient, &options).unwrap();
    assert!(Through::new(&generator, gradient, settings.clone()).is_err());
    let mut b = NetworkBuilder::new(support::procedural(1));
    let small = b.input("galaxy", &[3, 8, 8]).unwrap();
    let small = b
        .conv("logit", small, 1, ConvSpec::square(8, 1, 0), true)
        .unwrap();
    b.output("logit", small);
    let small = b.finish().unwrap();
    let small = Prepared::new(&small, &method, &options).unwrap();
    let error = Through::new(&generator, small, settings).unwrap_err();
    assert!(error.to_string().contains("galaxy2"), "{error}");
}

/// Activation times gradient is the slope of the logit when a unit is scaled, whatever the ranges of the pixels are.
#[test]
fn activation_times_gradient_is_the_slope_of_the_logit() {
    let generator = draws(3).to_dtype(DType::F64).unwrap();
    let judge = judges(4).to_dtype(DType::F64).unwrap();
    let x = [blend(DType::F64)[0]
        .narrow(0, 0, 1)
        .unwrap()
        .contiguous()
        .unwrap()];
    for (range, scale, shift) in [((-1.0, 1.0), 1.0, 0.0), ((0.0, 1.0), 0.5, 0.5)] {
        let options = Options {
            input_range: range,
            ..Options::default()
        };
        let prepared = Prepared::new(&judge, &Method::InputXGradient, &options).unwrap();
        let through = Through::new(&generator, prepared, ThroughSettings::default()).unwrap();
        let map = through.attribute(&x, &[]).unwrap();
        assert_eq!(map.parts.len(), 2);
        for part in &map.parts {
            let logit = |edits: &Edits| -> f64 {
                let run = generator.forward(&x, edits, &Retain::Nothing).unwrap();
                let shown = [run.outputs()[part.output].affine(scale, shift).unwrap()];
                let run = judge
                    .forward(&shown, &Edits::new(), &Retain::Nothing)
                    .unwrap();
                total(&run.outputs()[0])
            };
            assert!((part.judged[0].score - logit(&Edits::new())).abs() < 1e-9);
            let mut checked = 0;
            for layer in ["root.0.act", "bn_root", "branch1.0.conv1", "branch2.0.bn2"] {
                let Some(units) = part.units.iter().find(|u| *u.layer == *layer) else {
                    continue;
                };
                for (unit, sum) in units.sums[0].iter().enumerate() {
                    let step = 1e-6;
                    let rise = logit(&scaled(&generator, layer, unit, 1.0 + step))
                        - logit(&scaled(&generator, layer, unit, 1.0 - step));
                    let slope = rise / (2.0 * step);
                    let close = (slope - sum).abs() < 1e-4 * slope.abs().max(1e-3);
                    assert!(close, "{layer}:{unit}: {sum} is not {slope}");
                    checked += 1;
                }
            }
            assert!(checked >= 18, "three layers of six units");
        }
    }
}

/// An edit that scales one unit.
fn scaled(network: &Network, layer: &str, unit: usize, by: f64) -> Edits {
    let units = network.node(network.find(layer).unwrap()).fact.units();
    let gain = (0..units).map(|u| if u == unit { by } else { 1.0 });
    let gain = Tensor::from_iter(gain, &candle_core::Device::Cpu).unwrap();
    let gain = gain.reshape((1, units, 1, 1)).unwrap();
    let offset = gain.zeros_like().unwrap();
    Edits::from([(layer.into(), Affine { gain, offset })])
}

fn total(t: &Tensor) -> f64 {
    t.sum_all().unwrap().to_scalar().unwrap()
}

/// The generator with the weights by which `reader` reads unit `unit` multiplied.
fn planted(generator: &Network, reader: &str, unit: usize, factor: f64) -> Network {
    let planted = generator.map_params(|id, param| {
        if &*generator.node(id).name != reader || param.role != Role::Weight {
            return Ok(param.tensor.clone());
        }
        let units = param.tensor.dim(1)?;
        let factors = (0..units).map(|u| if u == unit { factor as f32 } else { 1.0 });
        let factors = Tensor::from_iter(factors, param.tensor.device())?;
        Ok(param
            .tensor
            .broadcast_mul(&factors.reshape((1, units, 1, 1))?)?)
    });
    planted.unwrap()
}

/// A unit whose output weights are made large decides what is drawn: it is found first, whichever side is asked for.
#[test]
fn a_planted_bad_unit_is_ranked_first() {
    let (generator, judge) = (draws(3), judges(4));
    let x = blend(DType::F32);
    for (layer, reader, output) in [
        ("root.0.act", "root.0.conv2", 0),
        ("root.1.act", "root.1.conv2", 1),
        ("branch1.0.act", "branch1.0.conv2", 0),
        ("branch2.0.act", "branch2.0.conv2", 1),
    ] {
        for unit in 0..6 {
            let bad = planted(&generator, reader, unit, 30.0);
            for method in [
                Method::Polarized { pole: Pole::Fake },
                Method::Polarized { pole: Pole::Real },
                Method::EpsilonPlus,
            ] {
                let settings = ThroughSettings {
                    outputs: vec![output],
                    ..ThroughSettings::default()
                };
                let map = through(&bad, &judge, &method, settings, &x);
                let mut ranked = map.ranked(None, Some(layer));
                assert_eq!(ranked.len(), 6);
                if method == (Method::Polarized { pole: Pole::Fake }) {
                    assert!(ranked[0].sum < 0.0, "it spoke for generated");
                } else {
                    ranked.sort_by(|a, b| b.share.total_cmp(&a.share));
                }
                assert_eq!(ranked[0].channel, unit, "{method} {layer}: {ranked:?}");
                assert!(ranked[0].share > 0.4, "{method} {layer}: {ranked:?}");
            }
        }
    }
}
