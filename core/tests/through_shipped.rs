//! Relevance through both networks of the series that ships, against switching units off one by one.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use ganoscope_core::attribution::{Method, Options, Pole, Prepared, Through, ThroughSettings};
use ganoscope_core::checkpoint::{NetworkRole, Series};
use ganoscope_core::network::{Affine, Edits, Network, Retain, Role};
use ganoscope_core::stamp::ValueRange;
use ganoscope_core::stamp::io::read_blend;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn networks() -> (Network, Network) {
    let series = Series::open(&folder().join("models/deblender-first")).unwrap();
    let step = series.checkpoints.last().unwrap().step;
    let load = |role| series.load(step, role).unwrap().network;
    (
        load(NetworkRole::Generator),
        load(NetworkRole::Discriminator),
    )
}

fn blend(index: usize) -> Tensor {
    let path = folder().join(format!("assets/blends/demo-{:02}.fits.gz", index + 1));
    let blend = read_blend(&path).unwrap().blend.to_range(ValueRange::UNIT);
    let [c, h, w] = blend.dims();
    Tensor::from_vec(blend.pixels.to_vec(), (1, c, h, w), &Device::Cpu).unwrap()
}

/// The discriminator's logit over one output of the generator.
fn logit(generator: &Network, judge: &Network, x: &Tensor, output: usize, edits: &Edits) -> f64 {
    let run = generator
        .forward(std::slice::from_ref(x), edits, &Retain::Nothing)
        .unwrap();
    let shown = [run.outputs()[output].clone()];
    let run = judge
        .forward(&shown, &Edits::new(), &Retain::Nothing)
        .unwrap();
    f64::from(
        run.outputs()[0]
            .flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap()[0],
    )
}

/// One unit switched off.
fn off(network: &Network, layer: &str, unit: usize) -> Edits {
    let units = network.node(network.find(layer).unwrap()).fact.units();
    let gain = (0..units).map(|u| if u == unit { 0.0_f32 } else { 1.0 });
    let gain = Tensor::from_iter(gain, &Device::Cpu).unwrap();
    let gain = gain.reshape((1, units, 1, 1)).unwrap();
    let offset = gain.zeros_like().unwrap();
    Edits::from([(layer.into(), Affine { gain, offset })])
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    for (rank, place) in order.into_iter().enumerate() {
        ranks[place] = rank as f64;
    }
    ranks
}

fn rank_correlation(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let n = a.len() as f64;
    let squares: f64 = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum();
    1.0 - 6.0 * squares / (n * (n * n - 1.0))
}

/// Rank correlations of units with what switching them off does to the logit, mean over layers and blends: signed, of magnitudes.
fn agreement(
    through: &Through,
    inputs: &[Tensor],
    layers: &[&str],
    effects: &[Vec<f64>],
) -> [f64; 2] {
    let (mut signed, mut magnitude) = (0.0, 0.0);
    for (i, x) in inputs.iter().enumerate() {
        let map = through.attribute(std::slice::from_ref(x), &[]).unwrap();
        for (j, layer) in layers.iter().enumerate() {
            let units = map.parts[0].units.iter().find(|u| *u.layer == **layer);
            let sums = &units.unwrap().sums[0];
            let effect = &effects[i * layers.len() + j];
            let abs = |v: &[f64]| v.iter().map(|v| v.abs()).collect::<Vec<_>>();
            signed += rank_correlation(sums, effect);
            magnitude += rank_correlation(&abs(sums), &abs(effect));
        }
    }
    [signed, magnitude].map(|sum| sum / effects.len() as f64)
}

#[test]
fn units_are_compared_with_switching_them_off() {
    let (generator, judge) = networks();
    let layers = ["root.1.act", "branch1.0.act"];
    let inputs: Vec<Tensor> = (0..2).map(blend).collect();
    let mut effects = Vec::new();
    for x in &inputs {
        let plain = logit(&generator, &judge, x, 0, &Edits::new());
        for layer in layers {
            let units = generator.node(generator.find(layer).unwrap()).fact.units();
            let of = |unit| plain - logit(&generator, &judge, x, 0, &off(&generator, layer, unit));
            effects.push((0..units).map(of).collect::<Vec<f64>>());
        }
    }
    let through = |method: Method| {
        let prepared = Prepared::new(&judge, &method, &Options::default()).unwrap();
        let settings = ThroughSettings {
            outputs: vec![0],
            ..ThroughSettings::default()
        };
        Through::new(&generator, prepared, settings).unwrap()
    };
    let relevance = through(Method::Polarized { pole: Pole::Auto });
    let relevance = agreement(&relevance, &inputs, &layers, &effects);
    let slopes = agreement(&through(Method::InputXGradient), &inputs, &layers, &effects);
    eprintln!(
        "rank correlation with switching off, signed and of magnitudes: relevance {relevance:.3?}, activation x gradient {slopes:.3?}"
    );
    assert!(relevance[1] > 0.15, "{relevance:?}");
    assert!(slopes[0] > relevance[0], "{slopes:?}");
}

/// A unit of the shipped generator whose output weights are made large is found first.
#[test]
fn a_bad_unit_of_the_shipped_generator_is_found() {
    let (generator, judge) = networks();
    let x = blend(0);
    for (layer, reader, output, unit) in [
        ("root.1.act", "root.1.conv2", 0, 5),
        ("branch2.0.act", "branch2.0.conv2", 1, 3),
    ] {
        let bad = generator
            .map_params(|id, param| {
                if &*generator.node(id).name != reader || param.role != Role::Weight {
                    return Ok(param.tensor.clone());
                }
                let units = param.tensor.dim(1)?;
                let factors = (0..units).map(|u| if u == unit { 30.0_f32 } else { 1.0 });
                let factors = Tensor::from_iter(factors, &Device::Cpu)?;
                Ok(param
                    .tensor
                    .broadcast_mul(&factors.reshape((1, units, 1, 1))?)?)
            })
            .unwrap();
        for method in [
            Method::Polarized { pole: Pole::Fake },
            Method::InputXGradient,
        ] {
            let prepared = Prepared::new(&judge, &method, &Options::default()).unwrap();
            let settings = ThroughSettings {
                outputs: vec![output],
                ..ThroughSettings::default()
            };
            let through = Through::new(&bad, prepared, settings).unwrap();
            let map = through.attribute(std::slice::from_ref(&x), &[]).unwrap();
            let mut ranked = map.ranked(None, Some(layer));
            if method == Method::InputXGradient {
                ranked.sort_by(|a, b| b.share.total_cmp(&a.share));
            } else {
                assert!(map.parts[0].conservation_gap() < 1e-3);
            }
            eprintln!("{method} {layer}: {:?}", &ranked[..2]);
            assert_eq!(ranked[0].channel, unit, "{method} {layer}: {ranked:?}");
        }
    }
}
