//! Files of PyTorch: every dialect of one small network gives its logits, and what is damaged or hostile is refused by name
//! without running anything.
//!
//! `tests/weights` has a part of the reference files; the others are compared where they lie beside the repository.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use common::{max_diff, reference, values};
use ganoscope_core::checkpoint::{
    CheckpointError, NetworkRole, NetworkSpec, Opened, TensorFile, open_network_for,
    read_state_dict,
};
use ganoscope_core::network::{Edits, Retain};
use tempfile::TempDir;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/weights")
}

/// The small network takes 20 x 20 pixels, which its tensors leave open.
fn open(text: &str) -> Result<Opened, CheckpointError> {
    open_network_for(&NetworkSpec::parse(text), Some(20))
}

/// Largest difference of the logits from the reference.
fn logit_error(opened: &Opened, folder: &Path) -> f64 {
    let io = reference::tensors(&folder.join("io.safetensors"));
    let run = opened.network.forward(
        std::slice::from_ref(&io["input"]),
        &Edits::new(),
        &Retain::Nothing,
    );
    max_diff(&run.unwrap().outputs()[0], &io["logit"])
}

#[test]
fn every_dialect_gives_the_same_logits() {
    let Some(folder) = reference::folder() else {
        return;
    };
    let folder = folder.join("model_variants");
    let variants = reference::json(&folder.join("variants.json"));
    let mut compared = 0;
    for (name, note) in variants["files"].as_object().unwrap() {
        let is_ours = [".pth", ".safetensors"]
            .iter()
            .any(|end| name.ends_with(end));
        if !is_ours || name == "odd_tensors.pth" {
            continue;
        }
        let path = folder.join(name);
        let opened = open(&path.to_string_lossy());
        if note.as_str().unwrap().starts_with("MUST BE REFUSED") {
            let error = opened.expect_err(name).to_string();
            assert!(error.ends_with(&*path.to_string_lossy()), "{error}");
            eprintln!("{error}");
            continue;
        }
        let opened = opened.unwrap_or_else(|e| panic!("{name}: {e}"));
        let error = logit_error(&opened, &folder);
        let is_half = ["half", "bf", "f16"]
            .iter()
            .any(|word| name.starts_with(word));
        let tolerance = if is_half { 2e-2 } else { 1e-5 };
        eprintln!("{name}: {error:.1e}");
        assert!(error <= tolerance, "{name}: {error}");
        compared += 1;
    }
    assert!(compared >= 12, "{compared}");
}

#[test]
fn legacy_files_give_the_same_logits() {
    let opened = open(&fixtures().join("legacy.pth").to_string_lossy()).unwrap();
    assert!(logit_error(&opened, &fixtures()) <= 1e-5);
    assert_eq!(opened.role, NetworkRole::Discriminator);
    assert_eq!(opened.report.unused, [""; 0]);
}

#[test]
fn a_network_of_a_file_of_several_is_named() {
    let path = fixtures().join("gan_checkpoint.pth");
    for end in ["", ":discriminator", ":D", ":d"] {
        let opened = open(&format!("{}{end}", path.display())).unwrap();
        assert!(logit_error(&opened, &fixtures()) <= 1e-5, "{end}");
    }
    let error = open(&format!("{}:generator", path.display())).unwrap_err();
    assert!(
        error.to_string().contains("no generator; the file holds D"),
        "{error}"
    );
    let error = open(&format!("{}:E", path.display())).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no network is named E: the file holds D"),
        "{error}"
    );
}

#[test]
fn views_of_a_storage_have_their_elements() {
    let spec = NetworkSpec::parse(&fixtures().join("odd_tensors.pth").to_string_lossy());
    let (file, _) = read_state_dict(&spec).unwrap();
    let expected = TensorFile::read(&fixtures().join("odd_tensors_expected.safetensors")).unwrap();
    assert_eq!(file.header.entries.len(), expected.header.entries.len());
    for (key, entry) in &expected.header.entries {
        let got = &file.header.entries[key];
        // The reference has the scalar as a row of one.
        let shape = if key == "scalar" {
            &Vec::new()
        } else {
            &entry.shape
        };
        assert_eq!((&got.dtype, &got.shape), (&entry.dtype, shape), "{key}");
    }
    assert_eq!(file.tensors.len(), 8);
    for (key, expected) in &expected.tensors {
        assert_eq!(values(&file.tensors[key]), values(expected), "{key}");
    }
    assert_eq!(file.order.first().map(String::as_str), Some("shared_a"));
    assert_eq!(file.tensors["expanded"].dims(), [3, 2]);
    assert_eq!(file.tensors["scalar"].dims(), [0; 0]);
}

#[test]
fn nothing_of_a_file_is_run() {
    for (name, culprit) in [
        ("malicious.pth", "builtins.eval"),
        ("whole_module.pth", "torch.nn.modules.container.Sequential"),
    ] {
        let path = fixtures().join(name);
        let error = open(&path.to_string_lossy()).unwrap_err().to_string();
        assert!(error.contains(culprit), "{error}");
        assert!(
            error.contains("torch.save(network.state_dict(), PATH)"),
            "{error}"
        );
        assert!(error.ends_with(&*path.to_string_lossy()), "{error}");
    }
    assert!(!Path::new("pickle_was_executed").exists());
}

/// An archive as `torch.save` writes it, with this pickle and one storage of four numbers.
fn archive(pickle: &[u8]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made.pth");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in [("made/data.pkl", pickle), ("made/data/0", &[0; 16])] {
        zip.start_file(name, stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    (dir, path)
}

/// `{"w": tensor}` over the storage of [`archive`]; `view` is the text of offset, dimensions and strides.
fn with_view(view: &[u8]) -> Vec<u8> {
    let mut pickle = b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n".to_vec();
    pickle.extend(b"((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ");
    pickle.extend(view);
    pickle.extend(b"\x89ccollections\nOrderedDict\n)RtRs.");
    pickle
}

#[test]
fn a_made_archive_is_read() {
    // Offset 0, dimensions (2, 2), strides (2, 1).
    let (_dir, path) = archive(&with_view(b"K\x00K\x02K\x02\x86K\x02K\x01\x86"));
    let (file, _) = read_state_dict(&NetworkSpec::parse(&path.to_string_lossy())).unwrap();
    assert_eq!(values(&file.tensors["w"]), [0.0; 4]);
}

#[test]
fn hostile_pickles_are_refused_by_name() {
    let deep: Vec<u8> = b"\x80\x02"
        .iter()
        .copied()
        .chain(std::iter::repeat_n(*b"]", 200_000).flatten())
        .chain(std::iter::repeat_n(*b"a", 199_999).flatten())
        .chain(*b".")
        .collect();
    // A list put into itself, and a dictionary made of a list again and again.
    let copies: Vec<u8> = b"\x80\x02(X\x01\x00\x00\x00aK\x01\x86q\x00"
        .iter()
        .copied()
        .chain(std::iter::repeat_n(*b"h\x00", 5000).flatten())
        .chain(*b"lq\x01")
        .chain(std::iter::repeat_n(*b"0ccollections\nOrderedDict\nh\x01\x85R", 5000).flatten())
        .chain(*b".")
        .collect();
    let cases: [(&str, Vec<u8>, &str); 14] = [
        (
            "a command",
            b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R.".to_vec(),
            "posix.system",
        ),
        (
            "a command of protocol 4",
            b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02ls\x85R.".to_vec(),
            "os.system",
        ),
        ("an instance", b"\x80\x02(ios\nsystem\n.".to_vec(), "INST"),
        (
            "a method of a known name",
            b"\x80\x02ctorch\nload\n.".to_vec(),
            "torch.load",
        ),
        (
            "a text beyond the file",
            b"\x80\x02X\xff\xff\xff\x7fa.".to_vec(),
            "cut short",
        ),
        (
            "a text beyond memory",
            b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fa.".to_vec(),
            "cut short",
        ),
        (
            "an unknown value",
            b"\x80\x02h\x07.".to_vec(),
            "value 7 is unknown",
        ),
        (
            "nothing on the stack",
            b"\x80\x02.".to_vec(),
            "the stack is empty",
        ),
        ("no end", b"\x80\x02}".to_vec(), "cut short"),
        ("deep nesting", deep, "without tensors"),
        ("copies of copies", copies, "copies itself"),
        (
            "a view beyond its storage",
            with_view(b"K\x01K\x02K\x02\x86K\x02K\x01\x86"),
            "beyond its storage",
        ),
        (
            "a huge view without steps",
            with_view(b"K\x00J\xff\xff\xff\x7fK\x02\x86K\x00K\x00\x86"),
            "claim 4294967294 elements",
        ),
        (
            "impossible dimensions",
            with_view(b"K\x00J\xff\xff\xff\xffK\x02\x86K\x00K\x00\x86"),
            "impossible dimensions",
        ),
    ];
    for (what, pickle, expected) in cases {
        let (_dir, path) = archive(&pickle);
        let error = open(&path.to_string_lossy()).expect_err(what).to_string();
        assert!(error.contains(expected), "{what}: {error}");
        assert!(error.ends_with(&*path.to_string_lossy()), "{what}: {error}");
    }
}

#[test]
fn cut_files_are_refused_wherever_they_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.pth");
    for name in ["legacy.pth", "odd_tensors.pth"] {
        let bytes = fs::read(fixtures().join(name)).unwrap();
        let step = bytes.len() / 150 + 1;
        for end in (0..bytes.len()).step_by(step) {
            fs::write(&path, &bytes[..end]).unwrap();
            let read = read_state_dict(&NetworkSpec::parse(&path.to_string_lossy()));
            assert!(read.is_err(), "{name} of {end} bytes");
        }
    }
}

#[test]
fn changed_bytes_never_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("changed.pth");
    for name in ["legacy.pth", "odd_tensors.pth"] {
        let bytes = fs::read(fixtures().join(name)).unwrap();
        for round in 0..300_usize {
            let mut changed = bytes.clone();
            // The pickles are at the beginning, where a change matters most.
            let at = round * 7919 % changed.len().min(4000);
            changed[at] = changed[at].wrapping_add(1 + (round * 31 % 255) as u8);
            fs::write(&path, &changed).unwrap();
            let _ = open(&path.to_string_lossy());
        }
    }
}

#[test]
fn normalised_weights_are_made_effective() {
    let expected = reference::tensors(&fixtures().join("normalised_expected.safetensors"));
    let path = fixtures().join("normalised.pth");
    let mut compared = 0;
    for part in [
        "spectral",
        "spectral_parametrised",
        "lengths",
        "lengths_parametrised",
    ] {
        let spec = NetworkSpec::parse(&format!("{}:{part}", path.display()));
        let (file, _) = read_state_dict(&spec).unwrap();
        for layer in ["conv", "square", "up", "dense"] {
            let expected = &expected[&format!("{part}/{layer}.weight")];
            let difference = max_diff(&file.tensors[&format!("{layer}.weight")], expected);
            assert!(difference <= 1e-6, "{part} {layer}: {difference}");
            compared += 1;
        }
        let keys: Vec<&str> = file.tensors.keys().map(String::as_str).collect();
        let plain = [
            "conv.bias",
            "conv.weight",
            "dense.bias",
            "dense.weight",
            "square.bias",
            "square.weight",
            "up.weight",
        ];
        assert_eq!(keys, plain, "{part}");
        assert!(
            file.renamed.iter().any(|(_, to)| to == "conv.weight"),
            "{part}"
        );
    }
    assert_eq!(compared, 16);
}
