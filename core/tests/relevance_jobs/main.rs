//! Relevance in the preview lane: other rules, other methods, targets, parts, flipping, units; what was computed is kept.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod stage;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ganoscope_core::attribution::{
    Aperture, Flipping, LayerKind, Method, Options, Pole, Prepared, Rule, RuleChange, Score,
    SourcePart, Target,
};
use ganoscope_core::checkpoint::{NetworkRole, Series};
use ganoscope_core::edit::{Action, Edit, EditStack, UnitSet};
use ganoscope_core::jobs::{
    Cancel, DeblendSpec, Engine as _, Event, Explained, Generation, Input, PreviewSpec,
    RelevancePreview, RelevanceSpec, Slot, Step, Studio, StudySpec, ThroughSpec, ThroughWay,
    Worker,
};
use ganoscope_core::region::{Place, Shape};
use ganoscope_core::stamp::ValueRange;
use ganoscope_core::stamp::io::{Format, write};
use stage::{LAYER, SIDE, both, files, flipping, relevance, run, through};

#[test]
fn changed_rules_are_listed_and_change_the_map() {
    let (_folder, series, blend) = files(None);
    let mut studio = Studio::default();
    let mut spec = RelevanceSpec::new(run(&series, &blend), Method::EpsilonPlus);
    let plain = relevance(&mut studio, &spec);
    let rule_of = |preview: &RelevancePreview, layer: &str| {
        let found = preview.rules.iter().find(|rule| &*rule.layer == layer);
        found.map(|rule| (rule.kind, rule.rule))
    };
    let first = plain
        .rules
        .iter()
        .find(|rule| rule.kind == LayerKind::Convolution)
        .unwrap()
        .layer
        .clone();
    let convolution = LayerKind::Convolution;
    assert_eq!(rule_of(&plain, &first), Some((convolution, Rule::ZPlus)));
    spec.rules = vec![
        RuleChange::of_kind(convolution, Rule::Gamma { gamma: 0.25 }),
        RuleChange::of_layer(&first, Rule::Flat),
    ];
    let changed = relevance(&mut studio, &spec);
    assert_eq!(rule_of(&changed, &first), Some((convolution, Rule::Flat)));
    let gammas = changed.rules.iter();
    let gammas = gammas.filter(|rule| rule.rule == Rule::Gamma { gamma: 0.25 });
    let convolutions = changed.rules.iter().filter(|r| r.kind == convolution);
    assert_eq!(gammas.count() + 1, convolutions.count());
    assert_ne!(plain.rows[0].maps[0].map, changed.rows[0].maps[0].map);
    // A rule that fits no layer names the layer; the next preview works again.
    spec.rules = vec![RuleChange::of_kind(convolution, Rule::Pass)];
    let failed = studio.preview_now(&PreviewSpec::Relevance(spec.clone()));
    assert!(failed.unwrap_err().to_string().contains("pass"));
    spec.rules.clear();
    assert_eq!(
        relevance(&mut studio, &spec).rows[0].maps[0].map,
        plain.rows[0].maps[0].map
    );
}

#[test]
fn methods_stand_side_by_side_and_parts_add_up() {
    let (_folder, series, blend) = files(None);
    let mut studio = Studio::default();
    let mut spec = RelevanceSpec::new(run(&series, &blend), both());
    spec.beside = vec![
        Method::Gradient,
        Method::Polarized { pole: Pole::Auto },
        Method::GradCam {
            layer: Some("no such layer".into()),
            rectify: true,
            enlarge: ganoscope_core::attribution::Enlarge::Bilinear,
        },
    ];
    let preview = relevance(&mut studio, &spec);
    assert_eq!(preview.rows.len(), 4);
    for row in &preview.rows {
        assert_eq!((row.maps.len(), row.beside.len()), (2, 3));
        assert!(row.beside[2].map.is_err(), "said in its place");
        assert!((-1.0..=1.0).contains(&row.beside[0].agreement));
        for map in row.every_map() {
            let total: f64 = map.map.pixels.iter().map(|v| f64::from(*v)).sum();
            let parts: f64 = map.regions.iter().map(|part| part.sum).sum();
            assert!((total - parts).abs() <= 1e-5 * map.whole, "{total} {parts}");
            let area: f64 = map.regions.iter().map(|part| part.area_share).sum();
            assert!((area - 1.0).abs() < 1e-9);
            assert!(map.regions.iter().any(|p| p.part == SourcePart::Border));
        }
        let shares = |of: &dyn Fn(&ganoscope_core::attribution::RegionSum) -> f64| -> f64 {
            let maps = row.maps.iter().flat_map(|map| &map.regions);
            maps.map(of).sum()
        };
        assert!((shares(&|p| p.share) - 2.0).abs() < 1e-6);
    }
    assert!(preview.has_beside() && preview.share_scale > 0.0);
}

/// A target of an output is explained by the generator as trained, whatever is edited.
#[test]
fn the_light_in_an_aperture_is_explained_as_by_the_command() {
    let (_folder, series, blend) = files(None);
    let mut studio = Studio::default();
    let shape = Shape::Circle {
        centre: Place::new(7.0, 7.5),
        radius: 3.25,
    };
    let target = Target {
        output: 1,
        score: Score::Flux(Aperture {
            shape,
            channel: Some(2),
            level: 0.0,
        }),
    };
    let mut spec = RelevanceSpec::new(run(&series, &blend), Method::EpsilonPlus);
    spec.explained = Explained::Output(target.clone());
    let preview = relevance(&mut studio, &spec);
    assert_eq!(preview.rows.len(), 1);
    assert!(preview.is_of_blend());
    let generator = Series::open(&series)
        .unwrap()
        .load(10, NetworkRole::Generator)
        .unwrap();
    let network = generator.network;
    let options = Options {
        input_range: (0.0, 1.0),
        ..Options::default()
    };
    let file = ganoscope_core::stamp::io::read_blend(&blend).unwrap();
    let pixels = file.blend.to_range(ValueRange::UNIT).pixels.to_vec();
    let dims = (1, 3, SIDE, SIDE);
    let input = candle_core::Tensor::from_vec(pixels, dims, &candle_core::Device::Cpu).unwrap();
    let prepared = Prepared::new(&network, &Method::EpsilonPlus, &options).unwrap();
    let map = prepared
        .attribute(std::slice::from_ref(&input), &target.with_black(-1.0))
        .unwrap();
    let heat = map.heat().unwrap().flatten_all().unwrap();
    assert_eq!(
        preview.rows[0].maps[0].map.pixels.to_vec(),
        heat.to_vec1::<f32>().unwrap()
    );
    assert_eq!(preview.rows[0].logit, map.balances[0].score as f32);
    // Sums of both sources of the blend.
    let parts = &preview.rows[0].maps[0].regions;
    assert!(parts.iter().any(|part| part.part == SourcePart::Core(1)));
}

#[test]
fn flipping_in_steps_is_flipping_at_once() {
    let (_folder, series, blend) = files(None);
    let mut studio = Studio::default();
    let mut spec = RelevanceSpec::new(run(&series, &blend), both());
    spec.beside = vec![Method::InputXGradient];
    let preview = flipping(&mut studio, &spec);
    assert_eq!(preview.rows.len(), 4);
    let judge = Series::open(&series)
        .unwrap()
        .load(10, NetworkRole::Discriminator)
        .unwrap();
    let truths = ganoscope_core::stamp::io::read_blend(&blend)
        .unwrap()
        .truths;
    let pixels = truths[0]
        .to_range(ValueRange::UNIT)
        .to_range(ValueRange::SIGNED);
    let dims = (1, 3, SIDE, SIDE);
    let device = candle_core::Device::Cpu;
    let input = candle_core::Tensor::from_vec(pixels.pixels.to_vec(), dims, &device).unwrap();
    for (i, method) in [both(), Method::InputXGradient].into_iter().enumerate() {
        let prepared = Prepared::new(&judge.network, &method, &Options::default()).unwrap();
        let inputs = std::slice::from_ref(&input);
        let map = prepared.attribute(inputs, &Target::default()).unwrap();
        let curves = Flipping::default()
            .curves(&judge.network, inputs, &map.relevance, &Target::default())
            .unwrap();
        let (found, curve) = &preview.rows[0].curves[i];
        assert_eq!(found, &method);
        assert_eq!(curve.as_ref().unwrap(), &curves[0]);
    }
}

/// How many steps a preview takes that have something to compute.
fn time_of(studio: &mut Studio, spec: &PreviewSpec) -> Duration {
    let begun = Instant::now();
    let mut job = studio.preview(spec, &Cancel::default()).unwrap();
    while let Step::More { progress, .. } = job.step(studio).unwrap() {
        assert!(progress.done <= progress.total);
    }
    begun.elapsed()
}

/// What was computed once is not computed again, unless the files are read again.
#[test]
fn results_are_kept() {
    let (_folder, series, blend) = files(None);
    let mut studio = Studio::default();
    let spec = RelevanceSpec {
        beside: vec![Method::SmoothGrad {
            samples: 8,
            std: 0.3,
            seed: 0,
        }],
        ..RelevanceSpec::new(run(&series, &blend), both())
    };
    let all = PreviewSpec::Flipping(spec.clone());
    let first = time_of(&mut studio, &all);
    let second = time_of(&mut studio, &all);
    assert!(second * 5 < first, "{first:?}, then {second:?}");
    // Without the method beside, and with it again.
    let kept = relevance(&mut studio, &spec);
    let alone = RelevanceSpec {
        beside: Vec::new(),
        ..spec.clone()
    };
    assert!(relevance(&mut studio, &alone).rows[0].beside.is_empty());
    let again = relevance(&mut studio, &spec);
    let map = |p: &RelevancePreview| p.rows[3].beside[0].map.as_ref().unwrap().map.clone();
    assert!(Arc::ptr_eq(&map(&kept).pixels, &map(&again).pixels));
    // Edits change the outputs alone.
    let mut edited = spec.clone();
    edited.run.edits.edits = vec![Edit::new(UnitSet::of_layer(LAYER, [0]), Action::Ablate)];
    let edited = relevance(&mut studio, &edited);
    let pixels = |p: &RelevancePreview, row: usize| p.rows[row].maps[0].map.pixels.clone();
    assert!(Arc::ptr_eq(&pixels(&kept, 0), &pixels(&edited, 0)));
    assert!(!Arc::ptr_eq(&pixels(&kept, 2), &pixels(&edited, 2)));
    // Opened again, files may have changed.
    studio.preview_now(&PreviewSpec::Series(series)).unwrap();
    let anew = relevance(&mut studio, &spec);
    assert!(!Arc::ptr_eq(&pixels(&kept, 0), &pixels(&anew, 0)));
    assert_eq!(pixels(&kept, 0), pixels(&anew, 0));
}

#[test]
fn a_planted_bad_unit_comes_first() {
    for unit in 0..4 {
        let (_folder, series, blend) = files(Some(unit));
        let mut studio = Studio::default();
        let spec = |way| ThroughSpec {
            series: series.clone(),
            step: 10,
            input: Input::from(blend.clone()),
            way,
        };
        let found = through(&mut studio, &spec(ThroughWay::Relevance));
        let sums = found.of_layer(LAYER).unwrap();
        let least = (0..4).min_by(|a, b| sums[*a].total_cmp(&sums[*b])).unwrap();
        assert_eq!(least, unit, "{sums:?}");
        assert!(found.gap.unwrap() < 1e-3, "{:?}", found.gap);
        assert_eq!(found.logits.len(), 2);
        let gradient = through(&mut studio, &spec(ThroughWay::Gradient));
        assert!(gradient.gap.is_none());
        let again = through(&mut studio, &spec(ThroughWay::Relevance));
        assert!(Arc::ptr_eq(&found, &again), "kept");
    }
}

/// The real pictures of another file stand in the place of the truths.
#[test]
fn real_pictures_may_come_from_another_file() {
    let (folder, series, blend) = files(None);
    let galaxy = ganoscope_core::stamp::io::read_blend(&blend)
        .unwrap()
        .truths[1]
        .clone();
    let real = folder.path().join("real.fits");
    write(&real, std::slice::from_ref(&galaxy), Format::Fits, &[]).unwrap();
    let mut studio = Studio::default();
    let mut spec = RelevanceSpec::new(run(&series, &blend), both());
    let own = relevance(&mut studio, &spec);
    spec.real = Some(real.into());
    let other = relevance(&mut studio, &spec);
    let generated: Vec<bool> = other.rows.iter().map(|row| row.is_generated).collect();
    assert_eq!(generated, [false, true, true]);
    assert_eq!(other.rows[0].image.pixels, own.rows[1].image.pixels);
    assert_eq!(other.rows[0].logit, own.rows[1].logit);
}

/// The asking side hears how far a preview is, and then its answer.
#[test]
fn a_preview_says_how_far_it_is() {
    let (_folder, series, blend) = files(None);
    let mut worker = Worker::spawn(Studio::default, Arc::new(|| ())).unwrap();
    let spec = PreviewSpec::Relevance(RelevanceSpec::new(run(&series, &blend), both()));
    worker.preview(Generation(7), spec).unwrap();
    let mut seen = Vec::new();
    loop {
        match worker
            .events()
            .recv_timeout(Duration::from_mins(1))
            .unwrap()
        {
            Event::PreviewProgress {
                generation: Generation(7),
                slot: Slot::Relevance,
                progress,
            } => seen.push((progress.done, progress.total)),
            Event::Preview { outcome, .. } => {
                assert!(outcome.is_ok());
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, [(1, 4), (2, 4), (3, 4)]);
    // A study is still told apart.
    assert!(worker.start(StudySpec::Open(vec![blend])).is_ok());
}

/// How long the demonstration takes, for people who measure: printed, not judged.
#[test]
fn the_demonstration_is_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let series = folder.join("models/deblender-first");
    let step = Series::open(&series)
        .unwrap()
        .checkpoints
        .last()
        .unwrap()
        .step;
    let input = folder.join("assets/blends/demo-01.fits.gz");
    let run = DeblendSpec {
        series: series.clone(),
        step,
        input: Input::from(input.clone()),
        edits: EditStack::default(),
    };
    let mut studio = Studio::default();
    for method in [both(), Method::EpsilonPlus, Method::EpsilonGammaBox] {
        let spec = PreviewSpec::Relevance(RelevanceSpec::new(run.clone(), method.clone()));
        eprintln!("{method}: {:.2?}", time_of(&mut studio, &spec));
        eprintln!("{method} again: {:.2?}", time_of(&mut studio, &spec));
    }
    for way in [ThroughWay::Relevance, ThroughWay::Gradient] {
        let spec = ThroughSpec {
            series: series.clone(),
            step,
            input: Input::from(input.clone()),
            way,
        };
        let took = time_of(&mut studio, &PreviewSpec::Through(spec.clone()));
        let found = through(&mut studio, &spec);
        eprintln!(
            "{way:?}: {took:.2?}, gap {:?}, logits {:?}",
            found.gap, found.logits
        );
        assert!(found.gap.is_none_or(|gap| gap < 1e-2));
    }
}
