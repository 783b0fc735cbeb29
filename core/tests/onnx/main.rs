//! ONNX models: single operators, one network in many dialects, and files to refuse. Whole networks are in `every_format`.
//!
//! The reference values of operators were computed by ONNX Runtime 1.32 without optimisation, those of networks by
//! PyTorch in f64. Operators, dialects and broken files are beside the tests.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "../common/mod.rs"]
mod common;

mod broken;
mod dialects;
mod operators;

use std::path::{Path, PathBuf};

use ganoscope_core::checkpoint::{CheckpointError, NetworkSpec, Opened, open_network};

/// The files beside the tests.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/onnx")
}

fn open(path: &Path) -> Result<Opened, CheckpointError> {
    open_network(&NetworkSpec::parse(&path.to_string_lossy()))
}

/// The files of a folder that end so, in order.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{e}: {}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == ending));
    files.sort();
    files
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}
