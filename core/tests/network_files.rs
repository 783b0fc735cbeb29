//! A network that lies in several files is all of them: what stands for it in a saved session changes when any of them does.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use ganoscope_core::checkpoint::files_of;
use ganoscope_core::session::{Session, changed_references, references_to};

/// The names of the files that stand for `folder/name`.
fn names_of(folder: &Path, name: &str) -> Vec<String> {
    let files = files_of(&folder.join(name));
    let name = |file: &PathBuf| {
        let inside = file.strip_prefix(folder).unwrap();
        inside.to_string_lossy().into_owned()
    };
    files.iter().map(name).collect()
}

fn put(folder: &Path, name: &str, content: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

#[test]
fn a_network_in_several_files_is_all_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let graph = r#"{"weightsManifest": [{"paths": ["a.bin", "b.bin"]}, {"paths": ["c.bin"]}]}"#;
    put(folder, "tfjs/model.json", graph.as_bytes());
    for name in ["a", "b", "c"] {
        put(folder, &format!("tfjs/{name}.bin"), b"0000");
    }
    let all = ["model.json", "a.bin", "b.bin", "c.bin"].map(|name| format!("tfjs/{name}"));
    assert_eq!(names_of(folder, "tfjs/model.json"), all);
    assert_eq!(names_of(folder, "tfjs"), all);

    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/onnx/variants");
    for name in ["external_data.onnx", "external_data.bin"] {
        let content = fs::read(fixtures.join(name)).unwrap();
        put(folder, name, &content);
    }
    let all = ["external_data.onnx", "external_data.bin"];
    assert_eq!(names_of(folder, "external_data.onnx"), all);

    put(folder, "w.pth", b"PK\x03\x04");
    assert_eq!(names_of(folder, "w.pth"), ["w.pth"]);
    put(folder, "w.pth.model.toml", b"ganoscope_model = 1");
    assert_eq!(names_of(folder, "w.pth"), ["w.pth", "w.pth.model.toml"]);
}

#[test]
fn a_folder_without_a_manifest_is_its_checkpoints() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    for name in ["netG_1.pth", "netD_1.pth", "netG_2.pth"] {
        put(folder, &format!("run/{name}"), b"PK\x03\x04");
    }
    let description = "run/netG_2.pth.model.toml";
    put(folder, description, b"ganoscope_model = 1");
    put(folder, "run/notes.txt", b"loss went down");
    let all = [
        "netD_1.pth",
        "netG_1.pth",
        "netG_2.pth",
        "netG_2.pth.model.toml",
    ];
    assert_eq!(
        names_of(folder, "run"),
        all.map(|name| format!("run/{name}"))
    );
}

#[test]
fn what_a_file_must_not_name_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    put(folder, "secret.bin", b"0000");
    let graph = r#"{"weightsManifest": [{"paths": ["../secret.bin"]}]}"#;
    put(folder, "tfjs/model.json", graph.as_bytes());
    assert_eq!(names_of(folder, "tfjs/model.json"), ["tfjs/model.json"]);
    assert_eq!(names_of(folder, "gone.pth"), ["gone.pth"]);
    put(folder, "broken.json", b"{");
    assert_eq!(names_of(folder, "broken.json"), ["broken.json"]);
}

#[test]
fn a_changed_shard_of_a_network_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let [graph, shard] = ["model.json", "a.bin"].map(|name| folder.path().join(name));
    fs::write(&graph, r#"{"weightsManifest": [{"paths": ["a.bin"]}]}"#).unwrap();
    fs::write(&shard, "as it was").unwrap();
    let session = Session::new(1_u8, 2_u8).with_references(references_to([&*graph]));
    let text = session.to_text().unwrap();
    assert!(changed_references(&text).is_empty());
    fs::write(&shard, "as it is").unwrap();
    assert_eq!(changed_references(&text), [shard]);
}

#[test]
fn what_does_not_fit_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let [graph, large, small] =
        ["model.json", "large.bin", "small.bin"].map(|name| folder.path().join(name));
    let text = r#"{"weightsManifest": [{"paths": ["large.bin", "small.bin"]}]}"#;
    fs::write(&graph, text).unwrap();
    File::create(&large).unwrap().set_len(32 << 20).unwrap();
    fs::write(&small, "1234").unwrap();
    let paths = references_to([&*graph]).into_iter().map(|r| r.path);
    assert_eq!(paths.collect::<Vec<_>>(), [graph, small]);
}
