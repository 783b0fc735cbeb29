//! Networks that cannot be, through their files and the headless commands: one line that names the file and the number,
//! layer or tensor; never a panic, and nothing half-written.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use candle_core::{DType, Device, Tensor};
use ganoscope::testing::{write_tiny_blend, write_tiny_series};
use ganoscope_core::checkpoint::{TensorFile, write_tensors};

/// A folder with a series of one step (`series`) and a blend.
struct Desk {
    dir: tempfile::TempDir,
    blend: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_tiny_series(&dir.path().join("series"), &[100]).unwrap();
        let blend = write_tiny_blend(dir.path(), "blend").unwrap();
        Self { dir, blend }
    }

    fn weights(&self, role: &str) -> PathBuf {
        let file = format!("series/step-0000100/{role}.safetensors");
        self.dir.path().join(file)
    }

    /// Changes one tensor of a network.
    fn change(&self, role: &str, key: &str, f: impl FnOnce(&Tensor) -> Tensor) {
        let path = self.weights(role);
        let file = TensorFile::read(&path).unwrap();
        let mut tensors = file.tensors;
        let changed = f(tensors.get(key).unwrap_or_else(|| panic!("no {key}")));
        tensors.insert(key.to_owned(), changed);
        write_tensors(&path, &tensors, &file.header.metadata).unwrap();
    }

    /// Changes the manifest's text.
    fn edit_manifest(&self, f: impl FnOnce(String) -> String) {
        let path = self.dir.path().join("series/series.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, f(text)).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ganoscope"));
        let command = command.current_dir(self.dir.path()).args(arguments);
        command.env_remove("RUST_BACKTRACE").output().unwrap()
    }

    /// The one line of `inspect`, `run` and `relevance`, which all fail.
    #[track_caller]
    fn refused(&self, role: &str) -> String {
        let (model, blend) = (format!("series@100:{role}"), self.blend.to_str().unwrap());
        let mut lines = Vec::new();
        for arguments in [
            &["inspect", &model, "--quiet"][..],
            &["run", &model, "--input", blend, "--out", "out", "--quiet"],
            &[
                "relevance",
                &model,
                "--input",
                blend,
                "--out",
                "map.npy",
                "--method",
                "gradient",
                "--quiet",
            ],
        ] {
            let output = self.run(arguments);
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
            assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
            lines.push(said);
        }
        assert!(!self.dir.path().join("out").exists() && !self.dir.path().join("map.npy").exists());
        lines.dedup();
        assert_eq!(lines.len(), 1, "all commands say the same: {lines:?}");
        lines.remove(0)
    }
}

#[track_caller]
fn assert_says(line: &str, parts: &[&str]) {
    for part in parts {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[test]
fn numbers_of_a_manifest_that_no_network_can_have_are_named() {
    for (field, value) in [
        ("filters", "0"),
        ("filters", "18446744073709551615"),
        ("filters", "9000000000"),
        ("root_blocks", "100000"),
        ("stamp_size", "0"),
        ("stamp_size", "9223372036854775807"),
        ("batch_norm_eps", "nan"),
        ("batch_norm_eps", "inf"),
        ("batch_norm_eps", "-1.0"),
    ] {
        let desk = Desk::new();
        desk.edit_manifest(|text| {
            let (before, generator) = text.split_once("[generator]").unwrap();
            let mut lines: Vec<String> = generator.lines().map(str::to_owned).collect();
            let at = lines.iter().position(|l| l.starts_with(field));
            match at {
                Some(at) => lines[at] = format!("{field} = {value}"),
                None => lines.insert(1, format!("{field} = {value}")),
            }
            format!("{before}[generator]{}", lines.join("\n"))
        });
        assert_says(&desk.refused("generator"), &[field, "series"]);
    }
}

#[test]
fn ranges_of_pixels_that_are_none_are_named() {
    for (field, range) in [
        ("input_range", "low = nan, high = 1.0"),
        ("input_range", "low = 0.0, high = inf"),
        ("input_range", "low = 1.0, high = 1.0"),
        ("output_range", "low = 1.0, high = -1.0"),
        ("output_range", "low = -inf, high = 1.0"),
    ] {
        let desk = Desk::new();
        desk.edit_manifest(|text| {
            let text = text
                .split("\n\n")
                .filter(|block| !block.contains(&format!("[{field}]")))
                .collect::<Vec<_>>()
                .join("\n\n");
            format!("{field} = {{ {range} }}\n{text}")
        });
        assert_says(&desk.refused("generator"), &[field, "series.toml"]);
    }
}

#[test]
fn weights_of_another_shape_name_layer_tensor_and_file() {
    for (role, key, dims) in [
        ("generator", "conv_in.weight", &[0, 3, 9, 9][..]),
        ("generator", "conv_in.weight", &[4, 3, 0, 9]),
        ("generator", "conv_in.weight", &[4, 3, 99, 99]),
        ("generator", "conv_in.weight", &[4]),
        ("generator", "conv_in.bias", &[]),
        ("discriminator", "net.fc1.weight", &[6, 7]),
        ("discriminator", "net.conv3.weight", &[1, 1, 3, 3]),
    ] {
        let desk = Desk::new();
        desk.change(role, key, |_| {
            Tensor::zeros(dims, DType::F32, &Device::Cpu).unwrap()
        });
        let file = format!("{role}.safetensors");
        let layer = format!("layer {}", key.rsplit_once('.').unwrap().0);
        assert_says(&desk.refused(role), &[key, &layer, &file, "shape"]);
    }
}

#[test]
fn weights_that_are_not_finite_name_tensor_and_file() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for (role, key) in [
            ("generator", "conv_in.weight"),
            ("discriminator", "net.fc1.bias"),
        ] {
            let desk = Desk::new();
            desk.change(role, key, |t| {
                Tensor::full(bad, t.dims(), &Device::Cpu).unwrap()
            });
            let file = format!("{role}.safetensors");
            assert_says(&desk.refused(role), &[key, &file, "NaN or infinite"]);
        }
    }
}

#[test]
fn weights_that_overflow_are_said_and_explained_by_nobody() {
    let desk = Desk::new();
    for key in ["net.conv1.weight", "net.conv3.weight", "net.fc1.weight"] {
        desk.change("discriminator", key, |t| {
            Tensor::full(3e37_f32, t.dims(), &Device::Cpu).unwrap()
        });
    }
    let blend = desk.blend.to_str().unwrap();
    let model = "series@100:discriminator";
    for method in [
        "gradient",
        "polarized",
        "occlusion",
        "integrated-gradients",
        "epsilon",
    ] {
        let output = desk.run(&[
            "relevance",
            model,
            "--input",
            blend,
            "--out",
            "map.npy",
            "--method",
            method,
            "--quiet",
        ]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{method}: {said}");
        assert_says(&said, &["layer ", "is not finite", blend]);
    }
    let output = desk.run(&["run", model, "--input", blend, "--out", "out"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_says(
        &said,
        &["warning: output has 1 of 1 values that are NaN or infinite"],
    );
}
