//! Networks of others without a series: lone files and unnumbered folders, run on seeds and on pictures of any size.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use ganoscope_core::checkpoint::{
    NetworkRole, NetworkSpec, Series, can_be_described, holds_parameters, looks_like_network,
    open_network, open_network_for, write_tensors,
};
use ganoscope_core::edit::{Action, Edit, EditStack, UnitSet};
use ganoscope_core::jobs::{
    DeblendPreview, DeblendSpec, Failure, Input, Preview, PreviewSpec, Studio, ThumbnailSpec,
    UnitsSpec,
};
use ganoscope_core::latent::{self, Takes};
use ganoscope_core::network::{Edits, Network, Retain};
use ganoscope_core::seed::hash_uniform;
use ganoscope_core::stamp::io::{Format, write};
use ganoscope_core::stamp::{Stamp, ValueRange};

type Shapes = &'static [(&'static str, &'static [usize])];

/// 8 numbers to 16 x 16 pixels.
const GENERATOR: Shapes = &[
    ("main.0.weight", &[8, 6, 4, 4]),
    ("main.2.weight", &[6, 4, 4, 4]),
    ("main.4.weight", &[4, 3, 4, 4]),
];

/// 16 x 16 pixels to a logit.
const DISCRIMINATOR: Shapes = &[
    ("main.0.weight", &[4, 3, 4, 4]),
    ("main.2.weight", &[6, 4, 4, 4]),
    ("main.4.weight", &[1, 6, 4, 4]),
];

/// Enlarges pictures of any size twice.
const UPSCALER: Shapes = &[
    ("head.weight", &[4, 3, 3, 3]),
    ("body.0.conv1.weight", &[4, 4, 3, 3]),
    ("body.0.conv2.weight", &[4, 4, 3, 3]),
    ("body.1.conv1.weight", &[4, 4, 3, 3]),
    ("body.1.conv2.weight", &[4, 4, 3, 3]),
    ("join.weight", &[4, 4, 3, 3]),
    ("up.weight", &[16, 4, 3, 3]),
    ("tail.weight", &[3, 4, 3, 3]),
];

fn tensors(shapes: Shapes, prefix: &str) -> BTreeMap<String, Tensor> {
    let made = shapes.iter().map(|(name, dims)| {
        let values = hash_uniform(name, dims.iter().product(), 3);
        let values = values.into_iter().map(|v| v as f32 * 0.3);
        let tensor = Tensor::from_iter(values, &Device::Cpu).unwrap();
        (format!("{prefix}{name}"), tensor.reshape(*dims).unwrap())
    });
    made.collect()
}

/// A file of tensors in a folder of its own.
fn put(dir: &Path, name: &str, tensors: &BTreeMap<String, Tensor>) -> PathBuf {
    let path = dir.join(name);
    write_tensors(&path, tensors, &BTreeMap::new()).unwrap();
    path
}

fn deblend(studio: &mut Studio, spec: DeblendSpec) -> Result<DeblendPreview, Failure> {
    match studio.preview_now(&PreviewSpec::Deblend(spec))? {
        Preview::Deblend(preview) => Ok((*preview).clone()),
        other => panic!("{other:?}"),
    }
}

fn run_of(series: &Path, step: u64, input: Input) -> DeblendSpec {
    DeblendSpec {
        series: series.to_owned(),
        step,
        input,
        edits: EditStack::default(),
    }
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().and_then(|t| t.to_vec1()).unwrap()
}

fn output_of(network: &Network, inputs: &[Tensor]) -> Vec<f32> {
    let run = network.forward(inputs, &Edits::new(), &Retain::Nothing);
    values(&run.unwrap().outputs()[0])
}

#[test]
fn a_lone_file_is_a_series_of_one_step() {
    let dir = tempfile::tempdir().unwrap();
    let path = put(
        dir.path(),
        "netG_epoch_25.safetensors",
        &tensors(GENERATOR, ""),
    );
    let series = Series::open_any(&path).unwrap();
    assert_eq!(series.main_role(), NetworkRole::Generator);
    assert!(!series.has_manifest());
    let steps: Vec<u64> = series.checkpoints.iter().map(|c| c.step).collect();
    assert_eq!(steps, [25]);
    assert!(!series.checkpoints[0].has_discriminator);

    let path = put(dir.path(), "netD.safetensors", &tensors(DISCRIMINATOR, ""));
    let series = Series::open_any(&path).unwrap();
    assert_eq!(series.main_role(), NetworkRole::Discriminator);
    assert_eq!(series.checkpoints[0].step, 0);
    assert_eq!(series.manifest.output_range, ValueRange::SIGNED);

    let mut both = tensors(GENERATOR, "generator.");
    both.extend(tensors(DISCRIMINATOR, "discriminator."));
    let path = put(dir.path(), "both.safetensors", &both);
    let series = Series::open_any(&path).unwrap();
    assert_eq!(series.main_role(), NetworkRole::Generator);
    for role in NetworkRole::ALL {
        assert!(series.load(0, role).unwrap().report.unused.is_empty());
    }
    let error = Series::open_any(&dir.path().join("gone.pth")).unwrap_err();
    assert!(error.to_string().ends_with("gone.pth"), "{error}");
}

#[test]
fn what_had_to_be_read_to_open_a_series_is_not_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let lone = put(dir.path(), "netG.safetensors", &tensors(GENERATOR, ""));
    let numbered = dir.path().join("run");
    fs::create_dir(&numbered).unwrap();
    put(&numbered, "netG_1.safetensors", &tensors(GENERATOR, ""));
    let last = put(&numbered, "netG_2.safetensors", &tensors(GENERATOR, ""));
    for (path, file, step) in [(&lone, &lone, 0), (&numbered, &last, 2)] {
        let series = Series::open_any(path).unwrap();
        fs::remove_file(file).unwrap();
        let loaded = series.load(step, NetworkRole::Generator).unwrap();
        assert_eq!(&loaded.path, file);
        // The series keeps no weights: from now on they come from the disk.
        let error = series.load(step, NetworkRole::Generator).unwrap_err();
        assert!(
            error.to_string().ends_with(&*file.to_string_lossy()),
            "{error}"
        );
    }
}

#[test]
fn a_folder_without_numbers_is_one_step() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "generator.safetensors", &tensors(GENERATOR, ""));
    put(
        dir.path(),
        "discriminator.safetensors",
        &tensors(DISCRIMINATOR, ""),
    );
    let series = Series::open_any(dir.path()).unwrap();
    let [only] = series.checkpoints.as_slice() else {
        panic!("{:?}", series.checkpoints)
    };
    assert!(only.step == 0 && only.has_discriminator);
    assert_eq!(series.warnings, [""; 0]);
}

#[test]
fn contents_tell_networks_from_pictures() {
    let dir = tempfile::tempdir().unwrap();
    let weights = put(dir.path(), "w.safetensors", &tensors(GENERATOR, ""));
    assert!(looks_like_network(&weights) && holds_parameters(&weights));
    assert!(can_be_described(&weights));
    let stamp = Stamp::new("s", vec![0.5; 48], [3, 4, 4], ValueRange::UNIT);
    for (name, format) in [
        ("s.safetensors", Format::Safetensors),
        ("s.npz", Format::Npz),
        ("s.npy", Format::Npy),
        ("s.fits", Format::Fits),
        ("s.png", Format::Png),
    ] {
        let path = dir.path().join(name);
        write(&path, std::slice::from_ref(&stamp), format, &[]).unwrap();
        assert!(!looks_like_network(&path), "{name}");
        assert!(!holds_parameters(&path), "{name}");
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let torch = repository.join("tests/weights/gan_checkpoint.pth");
    assert!(looks_like_network(&torch) && !holds_parameters(&torch));
    assert!(can_be_described(&torch));
    assert!(!looks_like_network(&repository.join("README.md")));
}

#[test]
fn a_seed_is_what_the_window_and_the_commands_run_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = put(dir.path(), "netG.safetensors", &tensors(GENERATOR, ""));
    let mut studio = Studio::default();
    let of_seed = |studio: &mut Studio, seed| {
        let preview = deblend(studio, run_of(&path, 0, Input::seed(seed))).unwrap();
        preview.outputs[0].pixels.to_vec()
    };
    let first = of_seed(&mut studio, 7);
    let opened = open_network(&NetworkSpec::parse(&path.to_string_lossy())).unwrap();
    let takes = Takes::of(&opened.network, false);
    let seven = Input::seed(7).latent().unwrap();
    let z = latent::tensors(&opened.network, seven, takes).unwrap();
    let expected = output_of(&opened.network, &z);
    let expected: Vec<f32> = expected.iter().map(|v| (v + 1.0) / 2.0).collect();
    let largest = first.iter().zip(&expected).map(|(a, b)| (a - b).abs());
    assert!(largest.fold(0.0, f32::max) < 1e-6);
    assert_ne!(of_seed(&mut studio, 8), first);
    assert_eq!(of_seed(&mut studio, 7), first);

    // Edits resume the run, and the small picture is without them.
    let mut run = run_of(&path, 0, Input::seed(7));
    let units = UnitSet::of_layer("main.0", [1]);
    run.edits.edits = vec![Edit::new(units, Action::Ablate)];
    let edited = deblend(&mut studio, run.clone()).unwrap();
    assert_ne!(edited.outputs[0].pixels.to_vec(), first);
    assert!(edited.account.is_none() && edited.measures.is_empty());
    let layer = "main.0".into();
    let units = studio.preview_now(&PreviewSpec::Units(UnitsSpec { run, layer }));
    assert!(matches!(units.unwrap(), Preview::Units(maps) if maps.dims == [6, 4, 4]));
    let spec = ThumbnailSpec::Drawn {
        series: path.clone(),
        step: 0,
        input: Input::seed(7),
    };
    let small = studio.preview_now(&PreviewSpec::Thumbnail(spec)).unwrap();
    let Preview::Thumbnail(small) = small else {
        panic!("{small:?}")
    };
    assert_eq!(small.picture.as_ref().unwrap().pixels.to_vec(), first);

    let picture = Input::from(dir.path().join("stamp.fits"));
    let why = deblend(&mut studio, run_of(&path, 0, picture)).unwrap_err();
    assert!(why.to_string().contains("choose a seed"), "{why}");
}

#[test]
fn a_network_of_any_size_equals_itself_read_for_that_size() {
    let dir = tempfile::tempdir().unwrap();
    let path = put(dir.path(), "up.safetensors", &tensors(UPSCALER, ""));
    let spec = NetworkSpec::parse(&path.to_string_lossy());
    let opened = open_network(&spec).unwrap();
    let read = open_network_for(&spec, Some(12)).unwrap().network;
    let resized = opened.network.with_input_size([12, 12]).unwrap();
    let pixels = hash_uniform("picture", 3 * 12 * 12, 1);
    let picture = Tensor::from_iter(pixels.into_iter().map(|v| v as f32), &Device::Cpu).unwrap();
    let picture = picture.reshape((1, 3, 12, 12)).unwrap();
    let inputs = [picture];
    assert_eq!(output_of(&read, &inputs), output_of(&resized, &inputs));
    assert_eq!(opened.output_range, Some(ValueRange::UNIT));

    // Pictures that are not square, through the window's own way.
    let stamp = Stamp::new("wide", vec![0.5; 3 * 6 * 10], [3, 6, 10], ValueRange::UNIT);
    let file = dir.path().join("wide.fits");
    write(&file, &[stamp], Format::Fits, &[]).unwrap();
    let mut studio = Studio::default();
    let preview = deblend(&mut studio, run_of(&path, 0, Input::from(file))).unwrap();
    assert_eq!(preview.outputs[0].dims(), [3, 12, 20]);

    let path = put(dir.path(), "netD.safetensors", &tensors(DISCRIMINATOR, ""));
    let judge = open_network(&NetworkSpec::parse(&path.to_string_lossy())).unwrap();
    let error = judge
        .network
        .with_input_size([20, 20])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("layer main.0") && error.contains("stride"),
        "{error}"
    );
}

#[test]
fn a_lone_discriminator_gives_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let path = put(dir.path(), "netD.safetensors", &tensors(DISCRIMINATOR, ""));
    let stamp = Stamp::new("s", vec![0.25; 3 * 256], [3, 16, 16], ValueRange::UNIT);
    let file = dir.path().join("stamp.fits");
    write(&file, &[stamp], Format::Fits, &[]).unwrap();
    let mut studio = Studio::default();
    let preview = deblend(&mut studio, run_of(&path, 0, Input::from(file))).unwrap();
    assert!(preview.outputs.is_empty());
    assert_eq!(preview.numbers.len(), 1);
    assert!(preview.numbers[0].values[0].is_finite());
    let why = deblend(&mut studio, run_of(&path, 0, Input::seed(1))).unwrap_err();
    assert!(why.to_string().contains("open a picture"), "{why}");
}
