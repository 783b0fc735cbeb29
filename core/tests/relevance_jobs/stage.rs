//! A tiny series and blend on disk, and previews computed to their end.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, PreluKind, discriminator, generator,
};
use ganoscope_core::attribution::{Method, Pole};
use ganoscope_core::checkpoint::{
    Metrics, SeriesManifest, create_series, procedural_weights, write_checkpoint,
};
use ganoscope_core::edit::EditStack;
use ganoscope_core::jobs::{
    DeblendSpec, FlippingPreview, Input, Preview, PreviewSpec, RelevancePreview, RelevanceSpec,
    Studio, ThroughSpec, UnitRelevance,
};
use ganoscope_core::network::{Network, Role};
use ganoscope_core::stamp::io::{Format, write};
use ganoscope_core::stamp::{Stamp, ValueRange};

pub(crate) const SIDE: usize = 16;
pub(crate) const LAYER: &str = "root.0.act";

/// A series of one checkpoint and a blend with two truths; the output weights of one unit may be made large.
pub(crate) fn files(bad_unit: Option<usize>) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let series = folder.path().join("series");
    let drawing = GeneratorConfig {
        filters: 4,
        root_blocks: 1,
        branch_blocks: 1,
        stamp_size: SIDE,
        prelu: PreluKind::PerChannel,
        ..GeneratorConfig::default()
    };
    let judging = DiscriminatorConfig {
        filters: 4,
        dense: 8,
        stamp_size: SIDE,
        ..DiscriminatorConfig::default()
    };
    create_series(
        &series,
        &SeriesManifest::new("tiny", drawing.clone(), Some(judging.clone())),
    )
    .unwrap();
    let mut g = generator(&drawing, procedural_weights(1)).unwrap();
    if let Some(unit) = bad_unit {
        g = with_bad_unit(&g, unit);
    }
    let d = discriminator(&judging, procedural_weights(2)).unwrap();
    write_checkpoint(&series, 10, &g, &d, &Metrics::default()).unwrap();
    let galaxy = |name: &str, x: f32, y: f32| {
        let light = |i: usize| {
            let (row, column) = ((i / SIDE) as f32, (i % SIDE) as f32);
            0.02 + 0.9 * (-(column - x).hypot(row - y) / 1.6).exp()
        };
        let plane: Vec<f32> = (0..SIDE * SIDE).map(light).collect();
        Stamp::new(name, plane.repeat(3), [3, SIDE, SIDE], ValueRange::UNIT)
    };
    let (first, second) = (galaxy("GALAXY1", 7.5, 7.5), galaxy("GALAXY2", 11.0, 5.0));
    let pairs = first.pixels.iter().zip(second.pixels.iter());
    let blend: Vec<f32> = pairs.map(|(a, b)| a.max(*b)).collect();
    let blend = Stamp::new("BLEND", blend, first.dims(), ValueRange::UNIT);
    let path = folder.path().join("blend.fits");
    write(&path, &[blend, first, second], Format::Fits, &[]).unwrap();
    (folder, series, path)
}

/// The convolution that reads the units of the layer reads one of them thirty times as strongly.
fn with_bad_unit(network: &Network, unit: usize) -> Network {
    network
        .map_params(|id, param| {
            let is_reader = &*network.node(id).name == "root.0.conv2";
            if !is_reader || param.role != Role::Weight {
                return Ok(param.tensor.clone());
            }
            let units = param.tensor.dim(1)?;
            let factors = (0..units).map(|u| if u == unit { 30.0_f32 } else { 1.0 });
            let factors = candle_core::Tensor::from_iter(factors, &candle_core::Device::Cpu)?;
            Ok(param
                .tensor
                .broadcast_mul(&factors.reshape((1, units, 1, 1))?)?)
        })
        .unwrap()
}

pub(crate) fn run(series: &Path, input: &Path) -> DeblendSpec {
    DeblendSpec {
        series: series.to_owned(),
        step: 10,
        input: Input::from(input.to_owned()),
        edits: EditStack::default(),
    }
}

pub(crate) fn both() -> Method {
    Method::Polarized { pole: Pole::Both }
}

pub(crate) fn relevance(studio: &mut Studio, spec: &RelevanceSpec) -> Arc<RelevancePreview> {
    match studio.preview_now(&PreviewSpec::Relevance(spec.clone())) {
        Ok(Preview::Relevance(preview)) => preview,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn flipping(studio: &mut Studio, spec: &RelevanceSpec) -> Arc<FlippingPreview> {
    match studio.preview_now(&PreviewSpec::Flipping(spec.clone())) {
        Ok(Preview::Flipping(preview)) => preview,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn through(studio: &mut Studio, spec: &ThroughSpec) -> Arc<UnitRelevance> {
    match studio.preview_now(&PreviewSpec::Through(spec.clone())) {
        Ok(Preview::Through(found)) => found,
        other => panic!("{other:?}"),
    }
}
