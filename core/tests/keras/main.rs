//! Layers models of Keras and TensorFlow.js: small ones of every layer compared with TensorFlow, damaged ones, refused
//! ones. The files and what TensorFlow computes of them are made by `keras_fixtures/make.py`.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "../common/mod.rs"]
mod common;

mod agree;
mod damaged;
mod refused;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use ganoscope_core::checkpoint::{CheckpointError, NetworkSpec, Opened, open_network_for};

/// Rows and columns where a file leaves them open.
const SIZE: usize = 6;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keras_fixtures")
}

/// The content of a fixture.
fn unpacked(name: &str) -> Vec<u8> {
    let path = fixtures().join(format!("{name}.gz"));
    let file = File::open(&path).unwrap_or_else(|e| panic!("{e}: {}", path.display()));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(file)
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

/// Writes `content` under `name` into `folder`.
fn written(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn open(path: &Path) -> Result<Opened, CheckpointError> {
    open_network_for(&NetworkSpec::parse(&path.to_string_lossy()), Some(SIZE))
}

/// Opening fails, on one line that contains `expected` and ends with a file of the folder.
fn assert_refused(path: &Path, expected: &str) {
    let error = open(path).expect_err(expected).to_string();
    let folder = path.parent().unwrap_or(path).to_string_lossy();
    assert!(error.contains(expected), "{expected}: {error}");
    assert!(error.contains(&*folder), "{error}");
    assert!(!error.contains('\n'), "{error}");
}
