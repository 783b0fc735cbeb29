//! Folders of checkpoints as people keep them, without a manifest: paired, sorted, opened, and what is left out is told.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use candle_core::{Device, Tensor};
use ganoscope_core::checkpoint::{NetworkRole, NetworkSpec, Series, open_network, write_tensors};
use ganoscope_core::network::{Edits, Retain};
use ganoscope_core::seed::hash_uniform;
use tempfile::TempDir;

type Tensors = BTreeMap<String, Tensor>;

fn kernel(name: &str, dims: &[usize], seed: u64) -> Tensor {
    let values = hash_uniform(name, dims.iter().product(), seed);
    let values = values.into_iter().map(|v| v as f32 * 0.3);
    Tensor::from_iter(values, &Device::Cpu)
        .unwrap()
        .reshape(dims)
        .unwrap()
}

/// A small DCGAN generator: 8 numbers to 16 x 16.
fn generator(prefix: &str, seed: u64) -> Tensors {
    let shapes: [(&str, &[usize]); 3] = [
        ("main.0.weight", &[8, 6, 4, 4]),
        ("main.2.weight", &[6, 4, 4, 4]),
        ("main.4.weight", &[4, 3, 4, 4]),
    ];
    let made = shapes.map(|(name, dims)| (format!("{prefix}{name}"), kernel(name, dims, seed)));
    made.into()
}

/// Its discriminator.
fn discriminator(prefix: &str, seed: u64) -> Tensors {
    let shapes: [(&str, &[usize]); 3] = [
        ("main.0.weight", &[4, 3, 4, 4]),
        ("main.2.weight", &[6, 4, 4, 4]),
        ("main.4.weight", &[1, 6, 4, 4]),
    ];
    let made = shapes.map(|(name, dims)| (format!("{prefix}{name}"), kernel(name, dims, seed)));
    made.into()
}

fn put(dir: &TempDir, name: &str, tensors: &Tensors) {
    let path = dir.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    write_tensors(&path, tensors, &BTreeMap::new()).unwrap();
}

fn steps(series: &Series) -> Vec<u64> {
    series.checkpoints.iter().map(|c| c.step).collect()
}

/// The seed by which the generator of a step was made, told from its picture.
fn drawn(series: &Series, step: u64, seeds: &[u64]) -> u64 {
    let network = series.load(step, NetworkRole::Generator).unwrap().network;
    let z = kernel("z", &[1, 8, 1, 1], 0);
    let run = |network: &ganoscope_core::network::Network| -> Vec<f32> {
        let run = network.forward(std::slice::from_ref(&z), &Edits::new(), &Retain::Nothing);
        run.unwrap().outputs()[0]
            .flatten_all()
            .unwrap()
            .to_vec1()
            .unwrap()
    };
    let got = run(&network);
    let made = |seed: &&u64| {
        let dir = tempfile::tempdir().unwrap();
        put(&dir, "G.safetensors", &generator("", **seed));
        let spec = NetworkSpec::parse(&dir.path().join("G.safetensors").to_string_lossy());
        run(&open_network(&spec).unwrap().network) == got
    };
    *seeds.iter().find(made).expect("one of the seeds")
}

#[test]
fn generators_and_discriminators_are_paired_and_sorted() {
    let dir = tempfile::tempdir().unwrap();
    for (step, seed) in [(100, 1), (9, 2), (20, 3)] {
        put(
            &dir,
            &format!("netG_epoch_{step}.pth"),
            &generator("", seed),
        );
        if step != 20 {
            put(
                &dir,
                &format!("netD_epoch_{step}.pth"),
                &discriminator("module.", seed),
            );
        }
    }
    put(&dir, "latest_netG.pth", &generator("", 1));
    put(&dir, "netD_epoch_7.pth", &discriminator("", 1));
    fs::write(dir.path().join("fakes000200.png"), b"\x89PNG\r\n\x1a\nrest").unwrap();
    fs::write(dir.path().join("log_1.txt"), "epoch 1").unwrap();
    let series = Series::open(dir.path()).unwrap();
    assert_eq!(steps(&series), [9, 20, 100]);
    let paired: Vec<bool> = series
        .checkpoints
        .iter()
        .map(|c| c.has_discriminator)
        .collect();
    assert_eq!(paired, [true, false, true]);
    assert_eq!(drawn(&series, 20, &[1, 2, 3]), 3);
    assert_eq!(drawn(&series, 9, &[1, 2, 3]), 2);
    let loaded = series.load(100, NetworkRole::Discriminator).unwrap();
    assert_eq!(loaded.network.outputs()[0].name.as_ref(), "logit");
    let error = series
        .load(20, NetworkRole::Discriminator)
        .unwrap_err()
        .to_string();
    assert!(error.contains("no discriminator at step 20"), "{error}");
    let warnings = series.warnings.join("\n");
    assert!(warnings.contains("no number in its name"), "{warnings}");
    assert!(
        warnings.contains("step 7 is skipped, it has no generator"),
        "{warnings}"
    );
    assert_eq!(series.warnings.len(), 2, "{warnings}");
}

#[test]
fn both_networks_of_one_file_belong_to_its_step() {
    let dir = tempfile::tempdir().unwrap();
    for step in [300, 100] {
        let mut both = generator("generator.", step);
        both.extend(discriminator("discriminator.", step));
        put(&dir, &format!("ckpt-{step}.pt"), &both);
    }
    let series = Series::open(dir.path()).unwrap();
    assert_eq!(steps(&series), [100, 300]);
    assert_eq!(drawn(&series, 100, &[100, 300]), 100);
    for role in NetworkRole::ALL {
        let loaded = series.load(300, role).unwrap();
        assert_eq!(loaded.report.unused, [""; 0]);
    }
    let text = format!("{}@100:discriminator", dir.path().display());
    let opened = open_network(&NetworkSpec::parse(&text)).unwrap();
    assert_eq!(
        (opened.role, opened.step),
        (NetworkRole::Discriminator, Some(100))
    );
}

#[test]
fn folders_of_steps_are_a_series() {
    let dir = tempfile::tempdir().unwrap();
    for (folder, seed) in [("step-1000", 1), ("step-200", 2)] {
        put(&dir, &format!("{folder}/G.pth"), &generator("", seed));
        put(&dir, &format!("{folder}/D.pth"), &discriminator("", seed));
        put(
            &dir,
            &format!("{folder}/G_ema.pth"),
            &generator("", 10 * seed),
        );
    }
    put(&dir, "other/G.pth", &generator("", 5));
    let series = Series::open(dir.path()).unwrap();
    assert_eq!(steps(&series), [200, 1000]);
    assert_eq!(drawn(&series, 200, &[2, 20]), 20);
    let warnings = series.warnings.join("\n");
    assert!(
        warnings.contains("the running average is taken for step 200"),
        "{warnings}"
    );
}

#[test]
fn a_folder_without_numbered_generators_says_so() {
    let dir = tempfile::tempdir().unwrap();
    put(&dir, "netG_epoch_7.pth", &generator("", 1));
    // The newest is still being written.
    fs::write(dir.path().join("netG_epoch_9.pth"), b"PK\x03\x04broken").unwrap();
    let series = Series::open(dir.path()).unwrap();
    assert_eq!(steps(&series), [7]);
    let told = series.warnings.join("\n");
    assert!(
        told.contains("step 9 is skipped") && told.contains("netG_epoch_9.pth"),
        "{told}"
    );

    let dir = tempfile::tempdir().unwrap();
    let refused = |dir: &Path, expected: &str| {
        let error = Series::open(dir).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(
            error.ends_with(&*dir.to_string_lossy()) || expected.is_empty(),
            "{error}"
        );
    };
    refused(dir.path(), "no series.toml");
    put(&dir, "netD_epoch_7.pth", &discriminator("", 1));
    refused(dir.path(), "no generators with numbers");
    fs::write(dir.path().join("netG_epoch_7.pth"), b"PK\x03\x04broken").unwrap();
    let error = Series::open(dir.path()).unwrap_err().to_string();
    assert!(error.ends_with("netG_epoch_7.pth"), "{error}");
}

#[test]
fn archives_of_keras_are_a_series() {
    let dir = tempfile::tempdir().unwrap();
    for (fixture, names) in [
        ("generator.keras.gz", ["G_10.keras", "G_200.keras"]),
        ("judge.keras.gz", ["D_10.keras", "D_200.keras"]),
    ] {
        for name in names {
            fs::write(dir.path().join(name), gunzipped(fixture)).unwrap();
        }
    }
    fs::write(dir.path().join("log_10.zip"), b"PK\x03\x04broken").unwrap();
    let series = Series::open(dir.path()).unwrap();
    assert_eq!(steps(&series), [10, 200]);
    for role in NetworkRole::ALL {
        let loaded = series.load(200, role).unwrap();
        assert_eq!(loaded.identity.family, "Keras layers model");
        let name = loaded
            .path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        assert!(name.ends_with("_200.keras"), "{name}");
    }
    // Without a role in its name a file of one network is a generator.
    fs::write(
        dir.path().join("model-30.keras"),
        gunzipped("generator.keras.gz"),
    )
    .unwrap();
    assert_eq!(steps(&Series::open(dir.path()).unwrap()), [10, 30, 200]);
}

/// The content of a fixture of Keras.
fn gunzipped(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keras_fixtures");
    let file = fs::File::open(folder.join(name)).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(file)
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}
