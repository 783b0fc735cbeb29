//! The super-resolution networks of npm `@upscalerjs/esrgan-slim` 1.0.0, compared layer by layer with ONNX Runtime.
//!
//! The files come by `tests/real_networks/fetch`, the reference by `tests/real_networks/esrgan_reference.py`; without
//! them the test says so and passes, unless `GANOSCOPE_REQUIRE_REAL_NETWORKS` is set.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use common::{max_abs, max_diff, reference};
use ganoscope_core::checkpoint::{Confidence, NetworkRole, NetworkSpec, Opened, open_network_for};
use ganoscope_core::network::{Edits, Retain};

/// Largest difference from ONNX Runtime, of values of magnitude up to a few.
const TOLERANCE: f64 = 1e-4;

const SCALES: [usize; 4] = [2, 3, 4, 8];

/// The folder with the networks and what ONNX Runtime made of them, or `None` after saying what is missing.
fn folder() -> Option<PathBuf> {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/real_networks");
    let folder = env::var_os("GANOSCOPE_REAL_NETWORKS").map_or_else(usual, PathBuf::from);
    if SCALES
        .iter()
        .all(|scale| reference_of(&folder, *scale).is_file())
    {
        return Some(folder);
    }
    let is_required = env::var_os("GANOSCOPE_REQUIRE_REAL_NETWORKS").is_some();
    assert!(
        !is_required,
        "real networks are required, but {} has no esrgan-slim-x2.safetensors and the like; run \
         tests/real_networks/fetch and esrgan_reference.py",
        folder.display()
    );
    eprintln!("real upscalers are not present, nothing compared");
    None
}

fn reference_of(folder: &Path, scale: usize) -> PathBuf {
    folder.join(format!("esrgan-slim-x{scale}.safetensors"))
}

fn open(path: &Path, size: usize) -> Opened {
    let spec = NetworkSpec::parse(&path.to_string_lossy());
    open_network_for(&spec, Some(size)).unwrap_or_else(|e| panic!("{e}"))
}

/// Largest difference over all layers, and how many were compared.
fn compare(opened: &Opened, expected: &BTreeMap<String, Tensor>) -> (f64, usize) {
    let input = &expected["input"];
    let run = opened
        .network
        .forward(std::slice::from_ref(input), &Edits::new(), &Retain::All)
        .unwrap();
    let mut worst = 0.0_f64;
    let mut compared = 0;
    for (key, value) in expected {
        let Some(layer) = key.strip_prefix("layer:") else {
            continue;
        };
        let difference = max_diff(run.activation(&opened.network, layer).expect(layer), value);
        let allowed = TOLERANCE * max_abs(value).max(1.0);
        assert!(difference <= allowed, "{layer}: {difference} > {allowed}");
        worst = worst.max(difference);
        compared += 1;
    }
    (worst, compared)
}

#[test]
fn upscalers_of_the_registry_agree_with_onnx_runtime_layer_by_layer() {
    let Some(folder) = folder() else {
        return;
    };
    for factor in SCALES {
        let path = folder.join(format!("esrgan-slim/models/x{factor}/model.json"));
        let expected = reference::tensors(&reference_of(&folder, factor));
        let input = expected["input"].dims().to_vec();
        let opened = open(&path, input[2]);
        assert_eq!(opened.role, NetworkRole::Generator);
        assert_eq!(opened.identity.confidence, Confidence::Stated);
        assert!(opened.report.missing.is_empty() && opened.report.unused.is_empty());
        assert!(
            opened
                .guesses
                .iter()
                .any(|guess| guess.what == "stamp size")
        );
        let (worst, compared) = compare(&opened, &expected);
        let output = opened.network.outputs()[0].node;
        assert_eq!(
            opened.network.node(output).fact.dims,
            [3, input[2] * factor, input[3] * factor]
        );
        eprintln!("x{factor}: {compared} layers, largest difference {worst:.2e}");
        assert!(compared >= 20);
    }
}
