//! Descriptions of networks, `model.toml`: beside the weights or named, and what is said when one does not fit.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::collections::BTreeMap;
use std::fs;

use candle_core::{DType, Device, Tensor};
use ganoscope_core::checkpoint::{
    CheckpointError, Confidence, NetworkRole, NetworkSpec, Opened, draft_description, open_network,
    write_tensors,
};
use ganoscope_core::network::{Edits, Retain};
use ganoscope_core::stamp::ValueRange;
use tempfile::TempDir;

/// Two branches that no family has: a dense layer on one half of the input, a factor on the other.
const DESCRIPTION: &str = r#"ganoscope_model = 1
family = "made by hand"
role = "generator"
output_range = { low = 0.0, high = 5.0 }

[[input]]
name = "z"
dims = [4]

[[layer]]
name = "first"
op = "slice"
start = 0
end = 2

[[layer]]
name = "second"
op = "slice"
inputs = ["z"]
start = 2
end = 4

[[layer]]
name = "third"
op = "scale"
by = 3.0

[[layer]]
name = "mixed"
op = "dense"
inputs = ["first"]
weight = "odd.matrix"

[[layer]]
name = "joined"
op = "add"
inputs = ["mixed", "third"]

[[output]]
name = "numbers"
layer = "joined"
"#;

fn weights() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let matrix = Tensor::new(&[[1.0_f32, 2.0], [3.0, 4.0]], &Device::Cpu).unwrap();
    let unused = Tensor::zeros((2, 3, 5), DType::F32, &Device::Cpu).unwrap();
    let tensors = BTreeMap::from([
        ("odd.matrix".to_owned(), matrix),
        ("odd.rest".to_owned(), unused),
    ]);
    write_tensors(
        &dir.path().join("w.safetensors"),
        &tensors,
        &BTreeMap::new(),
    )
    .unwrap();
    dir
}

fn open(dir: &TempDir, name: &str) -> Result<Opened, CheckpointError> {
    open_network(&NetworkSpec::parse(
        &dir.path().join(name).to_string_lossy(),
    ))
}

fn check(opened: &Opened) {
    assert_eq!(opened.identity.family, "made by hand");
    assert_eq!(opened.identity.confidence, Confidence::Stated);
    assert_eq!(opened.role, NetworkRole::Generator);
    let range = ValueRange {
        low: 0.0,
        high: 5.0,
    };
    assert_eq!(opened.output_range, Some(range));
    assert_eq!(opened.report.unused, ["odd.rest"]);
    let z = Tensor::new(&[[1.0_f32, 10.0, 100.0, 1000.0]], &Device::Cpu).unwrap();
    let run = opened
        .network
        .forward(&[z], &Edits::new(), &Retain::Nothing);
    let numbers = run.unwrap().outputs()[0].to_vec2::<f32>().unwrap();
    assert_eq!(numbers, [[321.0, 3043.0]]);
}

#[test]
fn a_description_beside_the_weights_is_used() {
    let dir = weights();
    assert!(open(&dir, "w.safetensors").is_err());
    fs::write(dir.path().join("w.safetensors.model.toml"), DESCRIPTION).unwrap();
    check(&open(&dir, "w.safetensors").unwrap());
}

#[test]
fn a_description_names_its_weights() {
    let dir = weights();
    let named = DESCRIPTION.replace("family", "weights = \"w.safetensors\"\nfamily");
    fs::write(dir.path().join("described"), named).unwrap();
    check(&open(&dir, "described").unwrap());
    fs::write(dir.path().join("described"), DESCRIPTION).unwrap();
    let error = open(&dir, "described").unwrap_err().to_string();
    assert!(error.contains("weights is missing"), "{error}");
}

#[test]
fn what_does_not_fit_is_told_with_its_line() {
    let dir = weights();
    let path = dir.path().join("w.safetensors.model.toml");
    for (from, to, expected) in [
        (
            "odd.matrix",
            "odd.matrices",
            "line 28: layer mixed: parameter odd.matrices is missing",
        ),
        ("odd.matrix", "odd.rest", "line 28: layer mixed"),
        (
            "inputs = [\"first\"]",
            "inputs = [\"fourth\"]",
            "line 28: layer mixed (input): no layer before it is named fourth",
        ),
        (
            "name = \"third\"",
            "name = \"first\"",
            "line 23: two layers are named first",
        ),
        (
            "end = 4",
            "end = 5",
            "line 16: layer second (Slice): slice 2..5",
        ),
        (
            "layer = \"joined\"",
            "layer = \"jointed\"",
            "no layer before it is named jointed",
        ),
    ] {
        let text = DESCRIPTION.replacen(from, to, 1);
        assert_ne!(text, DESCRIPTION);
        fs::write(&path, text).unwrap();
        let error = open(&dir, "w.safetensors").unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(error.ends_with(&*path.to_string_lossy()), "{error}");
    }
}

#[test]
fn an_unknown_network_is_drafted_in_the_order_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let zeros = |dims: &[usize]| Tensor::zeros(dims, DType::F32, &Device::Cpu).unwrap();
    // A convolution whose channels fit nothing.
    let tensors = BTreeMap::from([
        ("stem.weight".to_owned(), zeros(&[4, 3, 3, 3])),
        ("tail.weight".to_owned(), zeros(&[2, 7, 1, 1])),
        ("tail.bias".to_owned(), zeros(&[2])),
    ]);
    write_tensors(
        &dir.path().join("w.safetensors"),
        &tensors,
        &BTreeMap::new(),
    )
    .unwrap();
    let error = open(&dir, "w.safetensors").unwrap_err().to_string();
    assert!(error.contains("unknown architecture"), "{error}");
    assert!(error.contains(".model.toml"), "{error}");
    let path = dir.path().join("w.safetensors");
    let draft = draft_description(&NetworkSpec::parse(&path.to_string_lossy()), None).unwrap();
    assert!(
        draft.contains("# As it stands it cannot be built: layer tail"),
        "{draft}"
    );
    assert!(
        draft.contains("weight = \"tail.weight\"\nbias = \"tail.bias\""),
        "{draft}"
    );
    assert!(draft.contains("# doubtful: "), "{draft}");
    // Corrected by a person: the second layer takes what the first gives beside the picture.
    let corrected = draft.replace("inputs = [\"stem_act\"]", "").replace(
        "[[layer]]\nname = \"tail\"",
        "[[layer]]\nname = \"joined\"\nop = \"concat\"\ninputs = [\"stem_act\", \"input\"]\n\n[[layer]]\nname = \"tail\"",
    );
    fs::write(dir.path().join("w.safetensors.model.toml"), corrected).unwrap();
    let opened = open(&dir, "w.safetensors").unwrap();
    assert_eq!(opened.network.outputs().len(), 1);
    assert_eq!(opened.report.unused, [""; 0]);
}

#[test]
fn the_weights_of_a_description_stay_in_its_folder() {
    let dir = weights();
    let inner = dir.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let outside = dir.path().join("w.safetensors");
    fs::copy(&outside, inner.join("w.safetensors")).unwrap();
    let named = |weights: &str| {
        let line = format!("family = \"made by hand\"\nweights = {weights:?}");
        let text = DESCRIPTION.replacen("family = \"made by hand\"", &line, 1);
        fs::write(inner.join("a.model.toml"), text).unwrap();
        open(&dir, "inner/a.model.toml")
    };
    check(&named("w.safetensors").unwrap());
    check(&named("./w.safetensors").unwrap());
    for place in ["../w.safetensors", &*outside.to_string_lossy(), ""] {
        let error = named(place).unwrap_err().to_string();
        assert!(error.contains("is not inside the folder"), "{error}");
        assert!(error.ends_with("a.model.toml"), "{error}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&outside, inner.join("link.safetensors")).unwrap();
        let error = named("link.safetensors").unwrap_err().to_string();
        assert!(error.contains("is a link out of the folder"), "{error}");
    }
}

#[test]
fn the_hash_of_a_network_covers_its_description() {
    let dir = weights();
    let path = dir.path().join("w.safetensors.model.toml");
    fs::write(&path, DESCRIPTION).unwrap();
    let first = open(&dir, "w.safetensors").unwrap().sha256;
    assert_eq!(open(&dir, "w.safetensors").unwrap().sha256, first);
    fs::write(&path, DESCRIPTION.replacen("by = 3.0", "by = 4.0", 1)).unwrap();
    let second = open(&dir, "w.safetensors").unwrap().sha256;
    assert_ne!(second, first);
    assert_eq!(second.len(), 64);
}
