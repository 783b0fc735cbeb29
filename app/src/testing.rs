//! Help for tests: a tiny series and blends on disk, made from nothing but their names, and results as the worker would
//! give them. Nothing here is used by the program itself.

mod explained;
mod marked;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, PreluKind, discriminator, generator,
};
use ganoscope_core::checkpoint::{
    Metrics, SeriesManifest, create_series, procedural_weights, write_checkpoint,
};
use ganoscope_core::graph::Graph;
use ganoscope_core::jobs::{
    Account, CheckpointInfo, DeblendPreview, Failure, Input, LayerInfo, Measures, NetworkInfo,
    PoleMap, RelevancePreview, RelevanceRow, Scene, SeriesInfo, TimelinePoint, UnitMaps, UnitRange,
};
use ganoscope_core::network::{Network, NetworkError};
use ganoscope_core::stamp::io::{Format, write};
use ganoscope_core::stamp::{Stamp, ValueRange};

use crate::results::{Loadable, Results};
use explained::parts;
pub use explained::{flipping_preview, unit_relevance, with_gradient_beside};
pub use marked::{file_info, regions_preview, tiny_regions};

/// Rows and columns of the tiny stamps.
pub const SIDE: usize = 16;

/// Anything that goes wrong here fails the test that asked.
type Made<T> = Result<T, Box<dyn std::error::Error>>;

/// Writes a series of tiny networks: 4 filters, 16 x 16 pixels, the given steps.
///
/// # Errors
/// When it cannot be written.
pub fn write_tiny_series(folder: &Path, steps: &[u64]) -> Made<()> {
    let generator_config = GeneratorConfig {
        filters: 4,
        root_blocks: 1,
        branch_blocks: 1,
        stamp_size: SIDE,
        prelu: PreluKind::PerChannel,
        ..GeneratorConfig::default()
    };
    let discriminator_config = DiscriminatorConfig {
        filters: 4,
        dense: 8,
        stamp_size: SIDE,
        ..DiscriminatorConfig::default()
    };
    let manifest = SeriesManifest::new(
        "Tiny deblender",
        generator_config.clone(),
        Some(discriminator_config.clone()),
    );
    create_series(folder, &manifest)?;
    for step in steps {
        let g = generator(&generator_config, procedural_weights(*step))?;
        let d = discriminator(&discriminator_config, procedural_weights(*step + 1))?;
        let metrics = Metrics {
            psnr: vec![20.0 + *step as f64 / 100.0, 19.0],
            ..Metrics::default()
        };
        write_checkpoint(folder, *step, &g, &d, &metrics)?;
    }
    Ok(())
}

/// Writes a tiny blend with its truths and returns its path.
///
/// # Errors
/// When it cannot be written.
pub fn write_tiny_blend(folder: &Path, name: &str) -> Made<PathBuf> {
    let path = folder.join(format!("{name}.fits"));
    let scene = tiny_scene(&path, SIDE);
    let named = |stamp: &Stamp, name: &str| Stamp {
        name: name.into(),
        ..stamp.clone()
    };
    let stamps = [
        named(&scene.blend, "BLEND"),
        named(&scene.truths[0], "GALAXY1"),
        named(&scene.truths[1], "GALAXY2"),
    ];
    write(&path, &stamps, Format::Fits, &[])?;
    Ok(path)
}

/// A round galaxy, `[3, side, side]` in `[0, 1]`; place and radius in shares of the side.
fn galaxy(name: &str, side: usize, [x, y, radius]: [f32; 3], colour: [f32; 3]) -> Stamp {
    let place = |i: usize| (i as f32 + 0.5) / side as f32;
    let light = |row: usize, column: usize| {
        let distance = (place(column) - x).hypot(place(row) - y);
        0.02 + 0.9 * (-distance / radius).exp()
    };
    let pixels: Vec<f32> = colour
        .iter()
        .flat_map(|c| (0..side * side).map(move |i| c * light(i / side, i % side)))
        .collect();
    Stamp::new(name, pixels, [3, side, side], ValueRange::UNIT)
}

/// Two galaxies and their blend.
pub fn tiny_scene(path: &Path, side: usize) -> Scene {
    let first = galaxy("galaxy1", side, [0.5, 0.5, 0.12], [1.0, 0.85, 0.6]);
    let second = galaxy("galaxy2", side, [0.72, 0.3, 0.08], [0.6, 0.8, 1.0]);
    let pairs = first.pixels.iter().zip(second.pixels.iter());
    let blend: Vec<f32> = pairs.map(|(a, b)| a.max(*b)).collect();
    Scene {
        picture: path.into(),
        blend: Stamp::new("blend", blend, [3, side, side], ValueRange::UNIT),
        truths: vec![first, second],
        range_in_file: ValueRange::UNIT,
        is_range_guessed: false,
        compass: None,
        notes: Vec::new(),
    }
}

/// A series as the worker describes it, without files.
pub fn tiny_series_info(path: &Path) -> SeriesInfo {
    let layer = |name: &str, kind, dims: &[usize], reaches: &[usize]| LayerInfo {
        name: name.into(),
        kind,
        summary: kind.to_owned(),
        dims: dims.to_vec(),
        parameters: 148,
        reaches: reaches.to_vec(),
    };
    let checkpoint = |(i, step): (usize, u64)| {
        let values = [
            ("psnr.1".to_owned(), 20.0 + i as f64),
            ("psnr.2".to_owned(), 19.0 + 1.4 * i as f64),
        ];
        CheckpointInfo {
            step,
            metrics: values.into(),
        }
    };
    let steps = [0, 100, 500, 1000, 2500, 5000];
    SeriesInfo {
        path: path.to_owned(),
        name: "Tiny deblender".to_owned(),
        checkpoints: steps.into_iter().enumerate().map(checkpoint).collect(),
        network: NetworkInfo {
            layers: vec![
                layer("conv_in", "Conv2d", &[12, 24, 24], &[0, 1]),
                layer("act_in", "PReLU", &[12, 24, 24], &[0, 1]),
                layer("branch1.0.act", "PReLU", &[12, 24, 24], &[0]),
                layer("tanh1", "Tanh", &[3, 24, 24], &[0]),
                layer("tanh2", "Tanh", &[3, 24, 24], &[1]),
            ],
            parameters: 4_812,
            outputs: vec!["galaxy1".to_owned(), "galaxy2".to_owned()],
            picture: Some([3, 24, 24]),
            graph: graph_of(&generator(&drawn_generator(), procedural_weights(0))),
            file: None,
        },
        discriminator: Some(NetworkInfo {
            layers: Vec::new(),
            parameters: 20_331,
            outputs: vec!["logit".to_owned()],
            picture: Some([3, 24, 24]),
            graph: graph_of(&discriminator(
                &drawn_discriminator(),
                procedural_weights(0),
            )),
            file: None,
        }),
        ..SeriesInfo::default()
    }
}

/// The generator that the tests' drawings show: three blocks in the root and in each branch.
fn drawn_generator() -> GeneratorConfig {
    GeneratorConfig {
        filters: 12,
        root_blocks: 3,
        branch_blocks: 3,
        stamp_size: 24,
        prelu: PreluKind::PerChannel,
        position_channels: true,
        ..GeneratorConfig::default()
    }
}

fn drawn_discriminator() -> DiscriminatorConfig {
    DiscriminatorConfig {
        filters: 4,
        dense: 8,
        stamp_size: 24,
        ..DiscriminatorConfig::default()
    }
}

/// The drawing of a network; an empty one for a network that cannot be built, which no test takes for a drawing.
fn graph_of(network: &Result<Network, NetworkError>) -> Arc<Graph> {
    network.as_ref().map(Graph::of).unwrap_or_default().into()
}

/// Results in which everything is there.
pub fn ready_results(series: &Path, input: &Path) -> Results {
    let side = 24;
    let scene = tiny_scene(input, side);
    let smear = |stamp: &Stamp, by: f32| {
        let pixels: Vec<f32> = stamp.pixels.iter().map(|v| v * by + 0.01).collect();
        Stamp::new(&*stamp.name, pixels, stamp.dims(), stamp.range)
    };
    let outputs = vec![smear(&scene.truths[0], 0.9), smear(&scene.truths[1], 0.8)];
    let difference: Vec<f32> = scene
        .blend
        .pixels
        .iter()
        .zip(outputs[0].pixels.iter())
        .map(|(a, b)| a - b)
        .collect();
    let measures = Measures {
        psnr: Some(26.31),
        ssim: Some(0.912),
        psnr_of_blend: Some(21.8),
        flux: Some(88.2),
        flux_of_truth: Some(91.0),
        centroid: Some([12.1, 11.8]),
        centroid_of_truth: Some([11.9, 12.0]),
    };
    let residual = Stamp::new("residual", difference, [3, side, side], ValueRange::SIGNED);
    let deblend = Arc::new(DeblendPreview {
        step: 5000,
        numbers: Vec::new(),
        account: Some(Account {
            recombination: smear(&scene.blend, 0.92),
            residual_mean: residual.mean_of_bands(),
            residual,
            residual_scale: 0.2,
        }),
        measures: vec![measures.clone(), measures],
        has_truth: true,
        outputs: outputs.clone(),
    });
    let relevance = relevance(&scene, &outputs);
    let units = units(&scene);
    let regions = regions_preview(&scene, &outputs);
    let points = [0_u64, 100, 500, 1000, 2500, 5000].map(|step| {
        let point = TimelinePoint {
            step,
            psnr: vec![
                20.0 + (step as f64).sqrt() / 10.0,
                19.0 + (step as f64).sqrt() / 8.0,
            ],
            psnr_of_blend: 21.8,
            blends: 4,
            left_out: 0,
            outputs: outputs.clone(),
            failure: None,
        };
        (step, point)
    });
    let mut results = Results {
        series: Loadable::Ready(Arc::new(tiny_series_info(series))),
        scene: Loadable::Ready(Arc::new(scene)),
        deblend: Loadable::Ready(deblend.clone()),
        unedited: Loadable::Ready(deblend),
        units: Loadable::Ready(Arc::new(units)),
        relevance: Loadable::Ready(Arc::new(relevance)),
        flipping: Loadable::Ready(Arc::new(flipping_preview())),
        through: Loadable::Ready(Arc::new(unit_relevance(series, input))),
        regions: Loadable::Ready(Arc::new(regions)),
        file: Loadable::Ready(Arc::new(file_info(input))),
        ..Results::default()
    };
    results.timeline.points = points.into();
    results.timeline.input = Some(Input::from(input));
    results
}

fn units(scene: &Scene) -> UnitMaps {
    let (channels, side) = (12, scene.blend.width);
    let plane = scene.blend.plane(0);
    let values: Vec<f32> = (0..channels)
        .flat_map(|c| plane.iter().map(move |v| v * (0.3 + 0.1 * c as f32) - 0.1))
        .collect();
    UnitMaps {
        layer: "act_in".into(),
        dims: [channels, side, side],
        ranges: values.chunks(side * side).map(UnitRange::of).collect(),
        values: values.into(),
    }
}

fn relevance(scene: &Scene, outputs: &[Stamp]) -> RelevancePreview {
    let map = |stamp: &Stamp, is_real: bool, by: f32| PoleMap {
        is_real_pole: Some(is_real),
        map: Stamp::new(
            "relevance",
            stamp.plane(0).iter().map(|v| v * by).collect::<Vec<_>>(),
            [1, stamp.height, stamp.width],
            ValueRange::SIGNED,
        ),
        conservation_gap: Some(if is_real { 0.03 } else { 0.21 }),
        absorbed: Some(0.12),
        warnings: Vec::new(),
        whole: 40.0,
        regions: parts(is_real),
    };
    let row = |(galaxy, image): (usize, &Stamp), is_generated: bool| RelevanceRow {
        galaxy,
        is_generated,
        is_blend: false,
        image: image.clone(),
        logit: if is_generated { -0.8 } else { 1.7 },
        maps: vec![map(image, true, 0.6), map(image, false, -0.5)],
        beside: Vec::new(),
    };
    let truths = scene.truths.iter().enumerate().map(|t| row(t, false));
    let generated = outputs.iter().enumerate().map(|o| row(o, true));
    RelevancePreview {
        step: 5000,
        method: "polarized".to_owned(),
        rows: truths.chain(generated).collect(),
        scale: 0.5,
        share_scale: 0.012,
        rules: explained::layer_rules(),
        input_range: (-1.0, 1.0),
    }
}

/// Results in which nothing is there yet and everything was asked for.
pub fn loading_results() -> Results {
    const fn pending<T>() -> Loadable<T> {
        Loadable::Pending {
            previous: None,
            since: 0.0,
        }
    }
    Results {
        series: pending(),
        scene: pending(),
        deblend: pending(),
        units: pending(),
        relevance: pending(),
        flipping: pending(),
        through: pending(),
        regions: pending(),
        file: pending(),
        ..Results::default()
    }
}

/// Results in which everything failed.
pub fn failed_results() -> Results {
    fn failed<T>(why: &str) -> Loadable<T> {
        Loadable::Failed {
            why: Failure {
                headline: why.to_owned(),
                causes: vec!["expected [4, 3, 9, 9], got [8, 3, 9, 9]".to_owned()],
            },
            previous: None,
        }
    }
    Results {
        series: failed("the series has no checkpoint"),
        scene: failed("the file ends too early"),
        deblend: failed("layer conv_in: parameter weight has another shape"),
        units: failed("layer conv_in: parameter weight has another shape"),
        relevance: failed("layer net.conv0: the activation is not finite"),
        flipping: failed("layer net.conv0: the activation is not finite"),
        through: failed("layer net.conv0: the activation is not finite"),
        regions: failed("the file ends too early"),
        file: failed("the file ends too early"),
        ..Results::default()
    }
}
