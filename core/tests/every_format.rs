//! Every reference network in every format it exists in, as a person would open it: outputs, activations and edited outputs
//! beside PyTorch's and TensorFlow's, in one table (`--nocapture` shows it).
//!
//! The files are those that are there, so a new one is compared or the test fails. Networks of Keras and TensorFlow.js lie beside
//! the tests, the others with the reference outputs.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use common::compare::{self, Difference};
use common::{max_abs, max_diff, reference};
use ganoscope_core::checkpoint::{
    Confidence, NetworkRole, NetworkSpec, Opened, draft_description, open_network_for,
};
use ganoscope_core::edit::{Action, Edit, EditStack, UnitSet};
use ganoscope_core::network::{Edits, Network, Retain};

/// Modules without a layer of their own: padding is part of the convolution, dropout does nothing.
fn leaves_no_trace(module: &str) -> bool {
    module.starts_with("net.pad") || module == "drop"
}

/// Rows of the stamps of a network, where its weights do not tell.
fn stamp_size(name: &str) -> Option<usize> {
    match name {
        "deblender_d_q" | "deblender_d_tf" | "deblender_g_q" => Some(80),
        "esrgan_g" => Some(20),
        _ => None,
    }
}

fn open(path: &Path, size: Option<usize>) -> Opened {
    let spec = NetworkSpec::parse(&path.to_string_lossy());
    open_network_for(&spec, size).unwrap_or_else(|e| panic!("{e}"))
}

/// Opens weights whose padding is TensorFlow's, which leaves no trace in them: with the corrected draft beside a copy.
fn open_corrected(path: &Path, size: Option<usize>) -> Opened {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join(path.file_name().unwrap());
    fs::copy(path, &copy).unwrap();
    let spec = NetworkSpec::parse(&copy.to_string_lossy());
    let draft = draft_description(&spec, size).unwrap();
    assert!(draft.contains("padding = 1  # doubtful: weights from TensorFlow need \"same\""));
    let corrected = draft.replace("stride = 2\npadding = 1", "stride = 2\npadding = \"same\"");
    assert_ne!(corrected, draft);
    fs::write(format!("{}.model.toml", copy.display()), corrected).unwrap();
    let opened = open(&copy, size);
    assert_eq!(opened.identity.confidence, Confidence::Stated);
    opened
}

/// The files of a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{e}: {}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// The table: a file, and what it differs by.
struct Table(String);

impl Table {
    fn new() -> Self {
        let mut text =
            "\n| file | outputs | activations | mean and spread | edited outputs |\n".to_owned();
        text.push_str("| --- | --- | --- | --- | --- |\n");
        Self(text)
    }

    fn row(&mut self, file: &str, cells: [Difference; 4]) {
        let cell = |d: Difference| match d.compared {
            0 => "-".to_owned(),
            compared => format!("{:.1e} ({compared})", d.worst),
        };
        let [outputs, activations, moments, edited] = cells.map(cell);
        writeln!(
            self.0,
            "| {file} | {outputs} | {activations} | {moments} | {edited} |"
        )
        .unwrap();
    }
}

#[test]
fn every_network_in_every_format_equals_its_reference() {
    let mut table = Table::new();
    if let Some(folder) = reference::folder() {
        whole_networks(&folder, &mut table);
        dialects(&folder.join("model_variants"), &mut table);
    }
    layers_models(&mut table);
    eprintln!("{}", table.0);
}

/// The networks of `models`, each as safetensors and ONNX and some as files of PyTorch.
fn whole_networks(folder: &Path, table: &mut Table) {
    let mut count = 0;
    for path in files(&folder.join("models")) {
        let file = file_name(&path);
        let (stem, kind) = file.rsplit_once('.').unwrap();
        let name = stem.strip_suffix("_same").unwrap_or(stem);
        let is_corrected = name == "deblender_d_tf" && kind != "onnx";
        let opened = match (kind, is_corrected) {
            ("onnx", _) => open(&path, None),
            (_, true) => open_corrected(&path, stamp_size(name)),
            (_, false) => open(&path, stamp_size(name)),
        };
        let is_judge = name.ends_with("_d") || name.contains("_d_");
        let role = if is_judge {
            NetworkRole::Discriminator
        } else {
            NetworkRole::Generator
        };
        assert_eq!(opened.role, role, "{file}");
        assert_eq!(opened.report.unused, [""; 0], "{file}");
        let is_inferred = kind != "onnx";
        assert!(
            !is_inferred || !opened.identity.evidence.is_empty(),
            "{file}"
        );
        let found = compare::forward(&file, name, folder, &opened.network);
        assert!(found.activations.compared == 3, "{file}: {found:?}");
        for module in &found.without_layer {
            assert!(leaves_no_trace(module), "{file} has no layer {module}");
        }
        let edited = compare::interventions(&file, name, folder, &opened.network);
        assert!(edited.compared > 3, "{file}: {edited:?}");
        let cells = [found.outputs, found.activations, found.moments, edited];
        table.row(&file, cells);
        count += 1;
    }
    assert!(count >= 22, "{count}");
}

/// The small discriminator of `model_variants`: logits beside the reference, layers and edited logits beside those of the plain
/// file, because the reference has none.
fn dialects(folder: &Path, table: &mut Table) {
    let variants = reference::json(&folder.join("variants.json"));
    let io = reference::tensors(&folder.join("io.safetensors"));
    let plain = open(&folder.join("plain.safetensors"), Some(20)).network;
    let mut count = 0;
    for (file, note) in variants["files"].as_object().unwrap() {
        let is_refused = note
            .as_str()
            .is_some_and(|note| note.starts_with("MUST BE REFUSED"));
        if is_refused || file == "odd_tensors.pth" {
            continue;
        }
        let opened = open(&folder.join(file), Some(20));
        let is_rounded = ["half", "bf", "f16"]
            .iter()
            .any(|word| file.starts_with(word));
        let tolerance = if is_rounded { 2e-2 } else { 1e-5 };
        let input = std::slice::from_ref(&io["input"]);
        let run = |network: &Network, edits: &Edits| network.forward(input, edits, &Retain::All);
        let (ours, theirs) = (
            run(&opened.network, &Edits::new()).unwrap(),
            run(&plain, &Edits::new()).unwrap(),
        );
        let mut outputs = Difference::default();
        let difference = max_diff(&ours.outputs()[0], &io["logit"]);
        outputs.add(difference, tolerance, || file.clone());
        let mut layers = Difference::default();
        for layer in plain.nodes().iter().filter(|node| !node.inputs.is_empty()) {
            if opened.network.find(&layer.name).is_err() {
                continue;
            }
            let theirs = theirs.activation(&plain, &layer.name).unwrap();
            let ours = ours.activation(&opened.network, &layer.name).unwrap();
            let difference = max_diff(ours, theirs) / max_abs(theirs).max(1.0);
            layers.add(difference, tolerance, || format!("{file} {}", layer.name));
        }
        assert!(layers.compared >= 20, "{file}: {layers:?}");
        let edited_of = |network: &Network| {
            let run = run(network, &an_edit().resolve(network).unwrap()).unwrap();
            run.outputs()[0].clone()
        };
        let (ours, theirs) = (edited_of(&opened.network), edited_of(&plain));
        assert!(
            max_diff(&theirs, &io["logit"]) > 1e-3,
            "the edit does nothing"
        );
        let mut edited = Difference::default();
        edited.add(max_diff(&ours, &theirs), tolerance, || {
            format!("{file} edited")
        });
        table.row(file, [outputs, layers, Difference::default(), edited]);
        count += 1;
    }
    assert!(count >= 24, "{count}");
}

/// An edit of two layers of the small discriminator.
fn an_edit() -> EditStack {
    let mut stack = EditStack::default();
    let inserted = UnitSet::of_layer("net.act1", [1]);
    stack
        .edits
        .push(Edit::new(inserted, Action::Insert { level: 2.0 }));
    let ablated = UnitSet::of_layer("net.bn3", [0]);
    stack.edits.push(Edit::new(ablated, Action::Ablate));
    stack
}

/// The content of a fixture of Keras.
fn unpacked(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(File::open(path).unwrap())
        .read_to_end(&mut bytes)
        .unwrap_or_else(|e| panic!("{e}: {}", path.display()));
    bytes
}

/// What TensorFlow computes of a file: version 2 writes `.h5`, version 3 `.keras`, and each the other's under another name.
fn expectation(file: &str) -> Option<String> {
    if let Some(stem) = file.strip_suffix(".json") {
        return Some(stem.to_owned());
    }
    let (model, rest) = file.split_once('.')?;
    match rest {
        "h5" | "old.keras" | "packed.h5" | "latest.h5" => Some(format!("{model}.keras2")),
        "keras" | "new.h5" => Some(format!("{model}.keras3")),
        _ => None,
    }
}

/// Networks of Keras and TensorFlow.js beside TensorFlow; every inner layer that can be told apart is an output of one of them.
fn layers_models(table: &mut Table) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keras_fixtures");
    let dir = tempfile::tempdir().unwrap();
    let mut count = 0;
    for packed in files(&fixtures) {
        let name = file_name(&packed);
        let Some(file) = name.strip_suffix(".gz") else {
            continue;
        };
        let wanted = expectation(file).map(|name| fixtures.join(format!("{name}.safetensors.gz")));
        // Files that are refused have none.
        let Some(wanted) = wanted.filter(|path| path.is_file()) else {
            continue;
        };
        let path = dir.path().join(file);
        fs::write(&path, unpacked(&packed)).unwrap();
        if let Some(stem) = file.strip_suffix(".json") {
            let shard = unpacked(&fixtures.join(format!("{stem}.bin.gz")));
            fs::write(dir.path().join(format!("{stem}.bin")), shard).unwrap();
        }
        let opened = open(&path, Some(6));
        let expected = candle_core::safetensors::load_buffer(&unpacked(&wanted), &Device::Cpu);
        let expected = expected.unwrap().into_iter().collect();
        let outputs = layers_model(file, &opened.network, &expected);
        let none = Difference::default();
        table.row(file, [outputs, none, none, none]);
        count += 1;
    }
    assert!(count >= 34, "{count}");
}

fn layers_model(file: &str, network: &Network, expected: &BTreeMap<String, Tensor>) -> Difference {
    let inputs: Vec<_> = (0..network.inputs().len())
        .map(|i| expected[&format!("input{i}")].clone())
        .collect();
    let run = network.forward(&inputs, &Edits::new(), &Retain::Nothing);
    let run = run.unwrap_or_else(|e| panic!("{file}: {e}"));
    let mut found = Difference::default();
    for (i, value) in run.outputs().iter().enumerate() {
        let wanted = &expected[&format!("output{i}")];
        let difference = max_diff(value, wanted) / max_abs(wanted).max(1.0);
        found.add(difference, 1e-5, || format!("{file} output {i}"));
    }
    found
}
