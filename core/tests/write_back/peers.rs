//! PyTorch and ONNX Runtime load what is written and give our edited outputs.
//!
//! The Python environment is that of `core/benches/peers/run.py`; without it nothing is compared, unless
//! `GANOSCOPE_REQUIRE_PEERS` is set. `GANOSCOPE_PEERS` names another Python.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use candle_core::Tensor;
use ganoscope_core::checkpoint::{
    NetworkSpec, open_network, write_onnx, write_tensors, write_weights,
};
use ganoscope_core::edit::{Action, Edit, EditStack, UnitSet, fold};
use ganoscope_core::network::Network;

use super::networks::{others, random};
use super::{inputs, outputs, zoo};
use crate::common::zoo::NAMES;

fn python() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let given = std::env::var_os("GANOSCOPE_PEERS").map(PathBuf::from);
    // An installation that was broken off has a Python without the packages.
    let is_complete = given.is_some() || root.join("target/peers/complete").exists();
    let python = given.unwrap_or_else(|| root.join("target/peers/bin/python"));
    if is_complete && python.exists() {
        return Some(python);
    }
    let required = std::env::var_os("GANOSCOPE_REQUIRE_PEERS").is_some();
    assert!(
        !required,
        "there is no Python with PyTorch and ONNX Runtime: {}",
        python.display()
    );
    eprintln!("PyTorch and ONNX Runtime are not present, nothing compared with them");
    None
}

/// Edits of a few units of a network's weighted layers and normalisations.
fn edits(network: &Network) -> EditStack {
    let mut stack = EditStack::default();
    let foldable = network.nodes().iter().filter(|node| {
        node.param(ganoscope_core::network::Role::Bias).is_some() && node.fact.units() > 1
    });
    for (i, node) in foldable.enumerate() {
        let action = match i % 3 {
            0 => Action::Ablate,
            1 => Action::Insert { level: 0.5 },
            _ => Action::Scale { by: 1.5 },
        };
        let units = UnitSet::of_layer(&*node.name, [i % node.fact.units()]);
        stack
            .edits
            .push(Edit::new(units, action).with_strength(0.8));
    }
    stack
}

/// Writes a network as ONNX with its inputs and outputs beside it.
fn write_case(folder: &Path, name: &str, network: &Network, outputs: &[Tensor]) {
    write_onnx(&folder.join(format!("{name}.onnx")), network).unwrap();
    let mut tensors = BTreeMap::new();
    for (id, tensor) in network.inputs().iter().zip(inputs(network)) {
        tensors.insert(format!("in.{}", network.node(*id).name), tensor);
    }
    for (i, tensor) in outputs.iter().enumerate() {
        tensors.insert(format!("out.{i}"), tensor.clone());
    }
    write_tensors(
        &folder.join(format!("{name}.io")),
        &tensors,
        &BTreeMap::new(),
    )
    .unwrap();
}

#[test]
fn pytorch_and_onnx_runtime_give_our_edited_outputs() {
    let Some(python) = python() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for name in NAMES {
        let network = zoo(name);
        let stack = edits(&network);
        let edited = outputs(&network, &stack.resolve(&network).unwrap());
        let folded = fold(&network, &stack).unwrap_or_else(|e| panic!("{name}: {e}"));
        write_case(folder, name, &folded.network, &edited);
    }
    for seed in 0..20 {
        let network = random(seed);
        let plain = outputs(&network, &ganoscope_core::network::Edits::new());
        write_case(folder, &format!("random{seed}"), &network, &plain);
    }
    for (i, (_, network)) in others().into_iter().enumerate() {
        let plain = outputs(&network, &ganoscope_core::network::Edits::new());
        write_case(folder, &format!("other{i}"), &network, &plain);
    }
    for name in ["deblender_d_q", "deblender_g_q"] {
        write_state_dict(folder, name);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/write_back/check.py");
    let done = Command::new(python)
        .arg(script)
        .arg(folder)
        .output()
        .unwrap();
    let (said, wrong) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    eprintln!("{said}");
    assert!(done.status.success(), "{said}\n{wrong}");
}

/// The weights of an edited network that was opened from a file, for PyTorch: with a wrapper's prefix and shapes of its
/// own, which have to come back.
fn write_state_dict(folder: &Path, name: &str) {
    let mut tensors: BTreeMap<String, Tensor> = BTreeMap::new();
    for (key, tensor) in zoo(name).state_dict() {
        tensors.insert(format!("module.{key}"), tensor);
    }
    let original = folder.join(format!("{name}.original"));
    write_tensors(&original, &tensors, &BTreeMap::new()).unwrap();
    let opened = open_network(&NetworkSpec::parse(&original.to_string_lossy())).unwrap();
    let stack = edits(&opened.network);
    let edited = outputs(&opened.network, &stack.resolve(&opened.network).unwrap());
    let folded = fold(&opened.network, &stack).unwrap();
    assert!(folded.added.is_empty() && folded.changed.len() > 10);
    let written = folder.join(format!("{name}.safetensors"));
    write_weights(&written, &folded.network, &opened).unwrap();
    let mut io = BTreeMap::from([("in.input".to_owned(), inputs(&opened.network)[0].clone())]);
    for (output, tensor) in opened.network.outputs().iter().zip(&edited) {
        io.insert(format!("out.{}", output.name), tensor.clone());
    }
    write_tensors(
        &folder.join(format!("{name}.weights_io")),
        &io,
        &BTreeMap::new(),
    )
    .unwrap();
}
