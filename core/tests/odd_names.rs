//! Names of files' own making, with line breaks and control characters in them, are told on one line.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod hostile;

use std::fs;
use std::path::Path;

use ganoscope_core::checkpoint::{NetworkSpec, open_network};
use ganoscope_core::stamp::io::{self, Selector};
use hostile::{onnx_model, onnx_node, onnx_tensor};

/// A safetensors file with the header `text` and four bytes.
fn safetensors(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes.extend([0; 4]);
    bytes
}

fn check(error: &str, expected: &str, path: &Path) {
    assert!(!error.chars().any(char::is_control), "{error:?}");
    assert!(error.contains(expected), "{error:?}");
    assert!(error.ends_with(&*path.to_string_lossy()), "{error:?}");
}

#[test]
fn a_name_with_a_line_break_is_told_on_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let description = "ganoscope_model = 1\n\"odd\\nkey\" = 1\n";
    let node = |op: &str, input: &str| onnx_model(1, &[onnx_node(op, &[input], "y")], &[]);
    let tensor = onnx_tensor("w\n\u{1b}[1m", 77, &[1], &[]);
    let weighted = [onnx_node("Add", &["x", "w\n\u{1b}[1m"], "y")];
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("operator.onnx", node("Un\nknown", "x"), r"Un\nknown"),
        ("input.onnx", node("Relu", "no\r\nwhere"), r"no\r\nwhere"),
        (
            "tensor.onnx",
            onnx_model(1, &weighted, &[tensor]),
            r"w\n\u{1b}[1m",
        ),
        (
            "key.safetensors",
            safetensors(r#"{"a\nb":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#),
            r"a\nb",
        ),
        ("key.toml", description.into(), "odd key"),
    ];
    for (name, bytes, expected) in cases {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = open_network(&NetworkSpec::parse(&path.to_string_lossy())).unwrap_err();
        check(&error.to_string(), expected, &path);
    }
}

#[test]
fn a_picture_with_a_line_break_in_its_name_is_told_on_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let bytes = safetensors(r#"{"a\nb":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}"#);
    fs::write(&path, bytes).unwrap();
    let error = io::read(&path, Some(&Selector::Index(7))).unwrap_err();
    check(&error.to_string(), r"a\nb", &path);
}
