//! Damaged files give errors that name the file, whatever the damage, and never a panic.

use std::io::Write as _;
use std::path::Path;

use ganoscope_core::seed::hash_uniform;

use super::{assert_refused, open, unpacked, written};

/// Opens `content` and only wants it not to panic; an error has to name the file.
fn survives(folder: &Path, name: &str, content: &[u8]) -> bool {
    let path = written(folder, name, content);
    match open(&path) {
        Ok(_) => true,
        Err(error) => {
            let error = error.to_string();
            assert!(error.contains(&*folder.to_string_lossy()), "{error}");
            false
        }
    }
}

/// One of `count` numbers, told by `key` alone.
fn part(key: &str, count: usize) -> usize {
    // `[-1, 1)` as `[0, 1)`.
    let unit = hash_uniform(key, 1, 7)[0].mul_add(0.5, 0.5);
    ((unit * count as f64) as usize).min(count - 1)
}

fn cut_and_flipped(name: &str, step: usize) {
    let folder = tempfile::tempdir().unwrap();
    let whole = unpacked(name);
    for end in (0..whole.len()).step_by(step) {
        let opened = survives(folder.path(), name, &whole[..end]);
        assert!(!opened, "{name} cut to {end} bytes opens");
    }
    for round in 0..300 {
        let mut damaged = whole.clone();
        // One to four bytes.
        for i in 0..=round % 4 {
            let place = part(&format!("{name}/{round}/{i}/place"), whole.len());
            let more = 1 + part(&format!("{name}/{round}/{i}/value"), 255) as u8;
            damaged[place] = damaged[place].wrapping_add(more);
        }
        survives(folder.path(), name, &damaged);
    }
}

#[test]
fn hdf5_files_cut_short_or_with_bytes_changed_do_not_panic() {
    cut_and_flipped("open_size.h5", 64);
    cut_and_flipped("judge.latest.h5", 64);
    cut_and_flipped("judge.packed.h5", 64);
}

#[test]
fn archives_cut_short_or_with_bytes_changed_do_not_panic() {
    cut_and_flipped("open_size.keras", 64);
}

#[test]
fn topologies_cut_short_or_with_bytes_changed_do_not_panic() {
    cut_and_flipped("javascript_plain.json", 64);
}

/// The weights inside an archive, damaged in a whole archive.
#[test]
fn damaged_weights_in_a_whole_archive_do_not_panic() {
    let folder = tempfile::tempdir().unwrap();
    let archive = unpacked("judge.keras");
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        std::io::copy(&mut file, &mut bytes).unwrap();
        members.push((file.name().unwrap().into_owned(), bytes));
    }
    for round in 0..300 {
        let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, bytes) in &members {
            let stored = zip::write::SimpleFileOptions::default()
                .compression_method(zip::CompressionMethod::Stored);
            out.start_file(name.as_str(), stored).unwrap();
            let mut bytes = bytes.clone();
            if name.ends_with("h5") {
                let at = part(&format!("weights/{round}/place"), bytes.len());
                bytes[at] ^= 1 << part(&format!("weights/{round}/bit"), 8);
            }
            out.write_all(&bytes).unwrap();
        }
        let content = out.finish().unwrap().into_inner();
        survives(folder.path(), "judge.keras", &content);
    }
}

#[test]
fn sizes_that_a_file_cannot_hold_are_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let json = |shape: &str, filters: u64| {
        format!(
            r#"{{"format":"layers-model","modelTopology":{{"class_name":"Sequential","config":[
            {{"class_name":"Conv2D","config":{{"name":"c","filters":{filters},"kernel_size":[3,3],
            "batch_input_shape":[null,null,null,3],"use_bias":false}}}}]}},
            "weightsManifest":[{{"paths":["a.bin"],"weights":[{{"name":"c/kernel","shape":{shape},"dtype":"float32"}}]}}]}}"#
        )
    };
    let path = written(folder.path(), "huge.h5", &unpacked("huge.h5"));
    assert_refused(&path, "tensor model_weights/c/c/kernel:0 cannot be read (");
    written(folder.path(), "a.bin", &[0; 108]);
    let path = written(folder.path(), "model.json", json("[3,3,3,1]", 1).as_bytes());
    assert!(open(&path).is_ok());
    for (shape, filters, expected) in [
        (
            "[3,3,3,2]",
            2,
            "its shards hold 108 bytes, its weights need 216",
        ),
        ("[4294967295,4294967295,3,2]", 2, "which is too large"),
        ("[1000000,1000000,3,2]", 2, "of memory, the limit is"),
        (
            "[3,3,3,1]",
            4,
            "tensor c/kernel has shape [3, 3, 3, 1], layer c needs [3, 3, 3, 4]",
        ),
        (
            "[3,3,3,1]",
            1 << 40,
            "layer c (Conv2D): filters is 1099511627776",
        ),
        ("[3,3,-3,1]", 1, "tensor c/kernel has no shape"),
        ("3", 1, "tensor c/kernel has no shape"),
    ] {
        let path = written(folder.path(), "model.json", json(shape, filters).as_bytes());
        assert_refused(&path, expected);
    }
}

#[test]
fn deep_and_wide_nesting_ends_in_an_error() {
    let folder = tempfile::tempdir().unwrap();
    // Each level uses the one below it ten times: ten to the power of seven layers, in a few kilobytes.
    let mut model = r#"{"class_name":"Sequential","config":{"layers":[
        {"class_name":"InputLayer","config":{"name":"i","batch_input_shape":[null,2,2,1]}},
        {"class_name":"ReLU","config":{"name":"r"}}]}}"#
        .to_owned();
    for _ in 0..7 {
        let calls: Vec<String> = (0..10)
            .map(|call| match call {
                0 => r#"[["i",0,0,{}]]"#.to_owned(),
                call => format!(r#"[["m",{},0,{{}}]]"#, call - 1),
            })
            .collect();
        model.pop();
        model = format!(
            r#"{{"class_name":"Functional","config":{{"layers":[
            {{"class_name":"InputLayer","config":{{"name":"i","batch_input_shape":[null,2,2,1]}},"inbound_nodes":[]}},
            {model},"name":"m","inbound_nodes":[{}]}}],
            "input_layers":[["i",0,0]],"output_layers":[["m",9,0]]}}}}"#,
            calls.join(",")
        );
    }
    let wrap = |model: &str| format!(r#"{{"modelTopology":{model},"weightsManifest":[]}}"#);
    let path = written(folder.path(), "model.json", wrap(&model).as_bytes());
    assert_refused(&path, "more than 50000 operations");
    for _ in 0..20 {
        model = format!(r#"{{"class_name":"Sequential","config":[{model}]}}"#);
    }
    let path = written(folder.path(), "model.json", wrap(&model).as_bytes());
    assert_refused(&path, "nested deeper than 8");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let path = written(
        folder.path(),
        "model.json",
        format!("{{\"a\":{deep}}}").as_bytes(),
    );
    assert_refused(&path, "a broken JSON text");
}
