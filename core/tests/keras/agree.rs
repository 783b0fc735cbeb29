//! Every layer in every container gives what TensorFlow gives.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use ganoscope_core::checkpoint::{Confidence, NetworkRole, Opened};
use ganoscope_core::network::{Edits, Retain};

use super::common::{max_abs, max_diff};
use super::{open, unpacked, written};

/// Largest difference from TensorFlow, of values of magnitude 1; TensorFlow itself adds in another order.
const TOLERANCE: f64 = 1e-5;

fn tensors(name: &str) -> BTreeMap<String, Tensor> {
    let bytes = unpacked(&format!("{name}.safetensors"));
    let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).unwrap();
    tensors.into_iter().collect()
}

/// Largest difference of all outputs, relative where values are above 1.
fn difference(opened: &Opened, expected: &BTreeMap<String, Tensor>, label: &str) -> f64 {
    let network = &opened.network;
    let inputs: Vec<_> = (0..network.inputs().len())
        .map(|i| expected[&format!("input{i}")].clone())
        .collect();
    let run = network
        .forward(&inputs, &Edits::new(), &Retain::Nothing)
        .unwrap_or_else(|e| panic!("{label}: {e}"));
    let given = expected
        .keys()
        .filter(|key| key.starts_with("output"))
        .count();
    assert_eq!(run.outputs().len(), given, "{label}");
    let mut worst = 0.0_f64;
    for (i, (output, value)) in network.outputs().iter().zip(run.outputs()).enumerate() {
        let wanted = &expected[&format!("output{i}")];
        let difference = max_diff(value, wanted) / max_abs(wanted).max(1.0);
        assert!(
            difference <= TOLERANCE,
            "{label}: {} differs by {difference}",
            output.name
        );
        worst = worst.max(difference);
    }
    worst
}

fn check(folder: &Path, file: &str, expected: &str) -> Opened {
    let path = written(folder, file, &unpacked(file));
    let opened = open(&path).unwrap_or_else(|e| panic!("{file}: {e}"));
    assert_eq!(opened.identity.confidence, Confidence::Stated, "{file}");
    assert!(
        opened.report.missing.is_empty(),
        "{file}: {:?}",
        opened.report.missing
    );
    // The vectors of the power iteration are of no use outside training.
    let unused = &opened.report.unused;
    assert!(
        file.starts_with("spectral") || unused.is_empty(),
        "{file}: {unused:?}"
    );
    let worst = difference(&opened, &tensors(expected), file);
    eprintln!(
        "{file}: {} outputs, largest difference {worst:.1e}",
        opened.network.outputs().len()
    );
    opened
}

#[test]
fn every_layer_of_keras_2_and_3_agrees_with_tensorflow() {
    let folder = tempfile::tempdir().unwrap();
    for model in [
        "convolutions",
        "transposed",
        "depthwise",
        "windows",
        "generator",
        "judge",
        "activations",
        "merges",
        "norms",
        "functions",
        "open_size",
    ] {
        check(
            folder.path(),
            &format!("{model}.h5"),
            &format!("{model}.keras2"),
        );
        check(
            folder.path(),
            &format!("{model}.keras"),
            &format!("{model}.keras3"),
        );
    }
}

#[test]
fn each_version_of_keras_writes_the_container_of_the_other() {
    let folder = tempfile::tempdir().unwrap();
    for model in ["judge", "merges"] {
        check(
            folder.path(),
            &format!("{model}.old.keras"),
            &format!("{model}.keras2"),
        );
        check(
            folder.path(),
            &format!("{model}.new.h5"),
            &format!("{model}.keras3"),
        );
    }
}

#[test]
fn weights_in_chunks_and_in_the_newest_hdf5_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for form in ["packed", "latest"] {
        check(folder.path(), &format!("judge.{form}.h5"), "judge.keras2");
    }
}

#[test]
fn rounded_weights_of_tensorflow_js_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for form in ["plain", "uint8", "uint16", "float16"] {
        let name = format!("javascript_{form}");
        written(
            folder.path(),
            &format!("{name}.bin"),
            &unpacked(&format!("{name}.bin")),
        );
        check(folder.path(), &format!("{name}.json"), &name);
    }
}

#[test]
fn roles_sizes_and_ranges_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let generator = check(folder.path(), "generator.h5", "generator.keras2");
    assert_eq!(generator.role, NetworkRole::Generator);
    assert!(
        generator
            .output_range
            .is_some_and(|range| range.low == -1.0)
    );
    let judge = check(folder.path(), "judge.keras", "judge.keras3");
    assert_eq!(judge.role, NetworkRole::Discriminator);
    assert!(judge.output_range.is_none());
    let open = check(folder.path(), "open_size.keras", "open_size.keras3");
    assert!(open.output_range.is_some_and(|range| range.low == 0.0));
    let size = open.guesses.iter().find(|guess| guess.what == "stamp size");
    assert_eq!(size.map(|guess| guess.value.as_str()), Some("6"));
    // The names of layers and weights are those of the file.
    let layer = open.network.find("down").unwrap();
    let keys: Vec<_> = open
        .network
        .node(layer)
        .params
        .iter()
        .map(|p| &*p.key)
        .collect();
    assert_eq!(keys, ["layers/conv2d/vars/0", "layers/conv2d/vars/1"]);
}
