//! One small discriminator in many dialects of ONNX gives the same logit under the same names.

use std::path::Path;

use ganoscope_core::checkpoint::{Confidence, NetworkRole};
use ganoscope_core::network::{Edits, Retain};

use super::common::{max_diff, reference};
use super::{files, fixtures, open, stem};

fn check(folder: &Path) -> usize {
    let io = reference::tensors(&folder.join("io.safetensors"));
    let files = files(folder, "onnx");
    for path in &files {
        let name = stem(path);
        let opened = open(path).unwrap_or_else(|e| panic!("{e}"));
        let network = &opened.network;
        let run = network.forward(&[io["input"].clone()], &Edits::new(), &Retain::Nothing);
        let difference = max_diff(&run.unwrap().outputs()[0], &io["logit"]);
        // ONNX Runtime itself differs by 3e-4 with weights of 16 bits.
        let tolerance = if name == "half_weights" { 2e-2 } else { 1e-5 };
        assert!(difference <= tolerance, "{name}: {difference}");
        eprintln!("{name}: {difference:.1e}");

        assert_eq!(opened.role, NetworkRole::Discriminator, "{name}");
        assert_eq!(opened.identity.confidence, Confidence::Stated, "{name}");
        assert!(
            opened.report.missing.is_empty() && opened.report.unused.is_empty(),
            "{name}"
        );
        assert_eq!(&*network.outputs()[0].name, "logit", "{name}");
        // Nodes without a name have the names of their values, in which the modules are.
        for layer in [
            "net.conv0",
            "net.act0",
            "net.bn1",
            "net.conv7",
            "net.fc1",
            "net.fc2",
        ] {
            assert!(network.find(layer).is_ok(), "{name} has no layer {layer}");
        }
        let key = if name == "half_weights" {
            "net.fc2.weight"
        } else {
            "net.conv3.weight"
        };
        assert!(
            network.params().any(|(_, p)| &*p.key == key),
            "{name} has no {key}"
        );
    }
    files.len()
}

#[test]
fn every_dialect_is_the_same_network() {
    assert_eq!(check(&fixtures().join("variants")), 5);
    if let Some(folder) = reference::folder() {
        assert_eq!(check(&folder.join("model_variants")), 12);
    }
}

#[test]
fn what_was_taken_to_be_so_is_said() {
    let opened = open(&fixtures().join("variants/nhwc_input.onnx")).unwrap();
    let said: Vec<String> = opened.guesses.iter().map(ToString::to_string).collect();
    assert!(
        said.iter().any(|guess| guess.contains("axes of the input")),
        "{said:?}"
    );
    assert!(
        said.iter().any(|guess| guess.contains("discriminator")),
        "{said:?}"
    );
    assert_eq!(opened.network.input_fact().dims, [3, 20, 20]);
    let evidence = opened.identity.evidence.join(" ");
    assert!(
        evidence.contains("pytorch") && evidence.contains("17"),
        "{evidence}"
    );
}

#[test]
fn the_hash_of_a_network_covers_the_weights_beside_its_model() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["external_data.onnx", "external_data.bin"] {
        std::fs::copy(fixtures().join("variants").join(name), at(name)).unwrap();
    }
    let hash = || open(&at("external_data.onnx")).unwrap().sha256;
    let first = hash();
    assert_eq!(hash(), first);
    let mut weights = std::fs::read(at("external_data.bin")).unwrap();
    weights[40] ^= 1;
    std::fs::write(at("external_data.bin"), weights).unwrap();
    assert_ne!(hash(), first);
}
