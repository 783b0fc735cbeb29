//! Relevance through both networks of the series that ships, against switching units off one by one.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use ganoscope_core::attribution::{
    Composite, Method, Options, Pole, Prepared, Rule, Through, ThroughSettings,
};
use ganoscope_core::checkpoint::{NetworkRole, Series};
use ganoscope_core::network::{Affine, Edits, Network, Retain};
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

#[test]
fn units_with_much_relevance_matter_when_switched_off() {
    let (generator, judge) = networks();
    let layers = ["act_in", "root.1.act", "branch1.0.act"];
    let candidates = [
        ("epsilon-plus", Composite::epsilon_plus()),
        (
            "epsilon 1e-6",
            Composite::single(Rule::Epsilon { epsilon: 1e-6 }),
        ),
        (
            "epsilon 0.1",
            Composite::single(Rule::Epsilon { epsilon: 0.1 }),
        ),
        ("gamma 0.25", Composite::single(Rule::Gamma { gamma: 0.25 })),
        ("gamma 1", Composite::single(Rule::Gamma { gamma: 1.0 })),
        ("alpha2-beta1", Composite::epsilon_alpha2_beta1()),
        (
            "last gamma",
            Composite {
                last: Some(Rule::Gamma { gamma: 1.0 }),
                ..Composite::epsilon_plus()
            },
        ),
    ];
    let mut effects = Vec::new();
    let inputs: Vec<Tensor> = (0..4).map(blend).collect();
    for x in &inputs {
        let plain = logit(&generator, &judge, x, 0, &Edits::new());
        for layer in layers {
            let units = generator.node(generator.find(layer).unwrap()).fact.units();
            let of = |unit| plain - logit(&generator, &judge, x, 0, &off(&generator, layer, unit));
            effects.push((0..units).map(of).collect::<Vec<f64>>());
        }
        eprintln!("logit {plain}");
    }
    for (method_name, method) in [
        ("polarized auto", Method::Polarized { pole: Pole::Auto }),
        ("polarized fake", Method::Polarized { pole: Pole::Fake }),
        ("epsilon-plus", Method::EpsilonPlus),
        ("gamma-box", Method::EpsilonGammaBox),
        ("epsilon", Method::Epsilon),
    ] {
        for (name, composite) in &candidates {
            let prepared = Prepared::new(&judge, &method, &Options::default()).unwrap();
            let settings = ThroughSettings {
                outputs: vec![0],
                composite: composite.clone(),
                ..ThroughSettings::default()
            };
            let through = Through::new(&generator, prepared, settings).unwrap();
            let (mut signed, mut magnitude, mut count, mut gap) = (0.0, 0.0, 0.0, 0.0_f64);
            for (i, x) in inputs.iter().enumerate() {
                let map = through.attribute(std::slice::from_ref(x), &[]).unwrap();
                gap = gap.max(map.parts[0].conservation_gap());
                for (j, layer) in layers.iter().enumerate() {
                    let units = map.parts[0]
                        .units
                        .iter()
                        .find(|u| *u.layer == **layer)
                        .unwrap();
                    let effect = &effects[i * layers.len() + j];
                    let abs = |v: &[f64]| v.iter().map(|v| v.abs()).collect::<Vec<_>>();
                    signed += rank_correlation(&units.sums[0], effect);
                    magnitude += rank_correlation(&abs(&units.sums[0]), &abs(effect));
                    count += 1.0;
                }
            }
            eprintln!(
                "{method_name} / {name}: signed {:.3}, magnitude {:.3}, gap {gap:.1e}",
                signed / count,
                magnitude / count
            );
        }
    }
}
