//! Weights that are damaged, foreign or wrong: every one is an error that names the file and the tensor or layer.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use ganoscope_core::architecture::{DiscriminatorConfig, discriminator};
use ganoscope_core::checkpoint::{
    CheckpointError, NetworkRole, NetworkSpec, Opened, TensorFile, TensorHeader, open_network,
    open_network_for, procedural_weights, write_tensors,
};
use ganoscope_core::network::{Edits, Retain};
use tempfile::TempDir;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// A safetensors file made by hand.
fn bytes(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

fn config() -> DiscriminatorConfig {
    DiscriminatorConfig {
        filters: 2,
        dense: 6,
        stamp_size: 16,
        ..DiscriminatorConfig::default()
    }
}

fn weights() -> Result<BTreeMap<String, Tensor>, Box<dyn std::error::Error>> {
    Ok(discriminator(&config(), procedural_weights(1))?.state_dict())
}

/// A folder with a weights file.
fn written(tensors: &BTreeMap<String, Tensor>) -> Result<(TempDir, PathBuf), CheckpointError> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("weights.safetensors");
    write_tensors(&path, tensors, &BTreeMap::new())?;
    Ok((dir, path))
}

fn open(path: &Path) -> Result<Opened, CheckpointError> {
    open_network(&NetworkSpec::parse(&path.to_string_lossy()))
}

/// Opening fails, on one line that contains `expected` and ends with the file.
fn assert_refused(path: &Path, expected: &str) {
    let error = open(path).expect_err(expected).to_string();
    assert!(error.contains(expected), "{expected}: {error}");
    assert!(error.ends_with(&*path.to_string_lossy()), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

#[test]
#[allow(clippy::too_many_lines, reason = "one list of damages")]
fn damaged_headers_are_refused() -> Outcome {
    let tensor = |dtype: &str, shape: &str, start: u64, end: u64| {
        format!(r#"{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{start},{end}]}}"#)
    };
    let one = |entry: String| format!(r#"{{"a.weight":{entry}}}"#);
    let two = |a: String, b: String| format!(r#"{{"a.weight":{a},"b.bias":{b}}}"#);
    let huge = {
        let mut file = (1_u64 << 60).to_le_bytes().to_vec();
        file.extend(b"{}");
        file
    };
    let wrong_endian = {
        let mut file = 300_u64.to_be_bytes().to_vec();
        file.resize(400, b' ');
        file
    };
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "it has 0 bytes"),
        (vec![1, 2, 3], "it has 3 bytes"),
        (huge, "claims 1152921504606846976 bytes"),
        (wrong_endian, "big-endian header length"),
        (bytes(r#"{"a":1"#, 0), "its header is broken"),
        (bytes("[]", 0), "its header is broken"),
        (
            [99_u64.to_le_bytes().as_slice(), b"{}"].concat(),
            "cut short",
        ),
        (
            bytes(&one(tensor("F32", "[4]", 0, 16)), 8),
            "tensor a.weight needs 16 bytes of data, but the file ends after 8",
        ),
        (
            bytes(&one(tensor("F32", "[4]", 0, 12)), 12),
            "tensor a.weight has offsets 0..12 that do not match its shape [4]",
        ),
        (
            bytes(&one(tensor("F32", "[4]", 16, 0)), 16),
            "tensor a.weight has offsets 16..0",
        ),
        (
            bytes(
                &one(tensor("F32", "[1099511627776,1099511627776]", 0, 16)),
                16,
            ),
            "tensor a.weight has offsets",
        ),
        (
            bytes(&one(tensor("F99", "[4]", 0, 16)), 16),
            "tensor a.weight has the unknown type F99",
        ),
        (
            bytes(&one(tensor("F32", "[-4]", 0, 16)), 16),
            "tensor a.weight has a broken header entry",
        ),
        (
            bytes(r#"{"a.weight":{"dtype":"F32"}}"#, 0),
            "tensor a.weight has a broken header entry",
        ),
        (
            bytes(
                &two(tensor("F32", "[2]", 0, 8), tensor("F32", "[2]", 4, 12)),
                12,
            ),
            "tensor b.bias overlaps the tensor before it",
        ),
        (
            bytes(
                &two(tensor("F32", "[2]", 0, 8), tensor("F32", "[2]", 12, 20)),
                20,
            ),
            "tensor b.bias leaves a hole",
        ),
        (
            bytes(&one(tensor("F32", "[2]", 0, 8)), 11),
            "3 bytes follow the last tensor",
        ),
        (
            bytes(&one(tensor("F32", "[0]", 0, 0)), 0),
            "unknown architecture, 1 tensors beginning with a.weight",
        ),
        (bytes("{}", 0), "unknown architecture, no tensors"),
    ];
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("weights.safetensors");
    for (content, expected) in cases {
        fs::write(&path, content)?;
        assert_refused(&path, expected);
    }
    Ok(())
}

#[test]
fn misnamed_files_are_recognised_and_say_what_to_do() -> Outcome {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("weights.safetensors");
    let cases: [(&[u8], &str); 5] = [
        (b"PK\x03\x04\x14\x00\x00\x00\x08\x00", "cut short"),
        (
            b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.",
            "a broken PyTorch file, 1 bytes should follow byte 15, 0 do; it was cut short",
        ),
        (b"\x89HDF\r\n\x1a\n\0\0", "a broken HDF5 file"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a picture"),
        (b"SIMPLE  =                    T", "a FITS file"),
    ];
    for (content, expected) in cases {
        fs::write(&path, content)?;
        assert_refused(&path, expected);
    }
    let missing = dir.path().join("nothing.safetensors");
    assert_refused(&missing, "no such file or folder");
    assert_refused(dir.path(), "no series.toml");
    let error = TensorHeader::read(dir.path()).expect_err("a folder");
    assert!(error.to_string().contains("it is a folder"), "{error}");
    Ok(())
}

#[test]
fn header_lengths_that_look_like_other_formats_are_accepted() -> Outcome {
    // 640 is written 80 02 00 ..., like the first bytes of a pickle.
    let mut header = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#.to_owned();
    header.extend(std::iter::repeat_n(' ', 640 - header.len()));
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("a.safetensors");
    fs::write(&path, bytes(&header, 4))?;
    assert_eq!(TensorFile::read(&path)?.tensors.len(), 1);
    Ok(())
}

#[test]
fn values_that_cannot_be_weights_name_their_tensor() -> Outcome {
    let cases: [(&str, f32, &str); 4] = [
        (
            "net.conv3.weight",
            f32::NAN,
            "tensor net.conv3.weight has 1 of 144 values that are NaN or infinite",
        ),
        (
            "net.fc1.bias",
            f32::INFINITY,
            "tensor net.fc1.bias has 1 of 6 values",
        ),
        (
            "net.bn5.running_var",
            -1.0,
            "tensor net.bn5.running_var is a variance with negative values",
        ),
        (
            "net.bn5.running_mean",
            f32::NEG_INFINITY,
            "tensor net.bn5.running_mean",
        ),
    ];
    for (key, value, expected) in cases {
        let mut tensors = weights()?;
        let tensor = tensors.get(key).ok_or("no such tensor")?;
        let mut values = tensor.flatten_all()?.to_vec1::<f32>()?;
        values[1] = value;
        let tensor = Tensor::from_vec(values, tensor.dims(), &Device::Cpu)?;
        tensors.insert(key.to_owned(), tensor);
        let (_dir, path) = written(&tensors)?;
        assert_refused(&path, expected);
    }
    Ok(())
}

#[test]
fn missing_wrong_and_foreign_tensors_name_tensor_and_layer() -> Outcome {
    let change = |f: &dyn Fn(&mut BTreeMap<String, Tensor>)| -> Outcome2 {
        let mut tensors = weights()?;
        f(&mut tensors);
        Ok(written(&tensors)?)
    };
    let zeros = |dims: &[usize]| Tensor::zeros(dims, DType::F32, &Device::Cpu).expect("zeros");

    let (_dir, path) = change(&|t| drop(t.remove("net.conv4.bias")))?;
    assert_refused(&path, "tensor net.conv4.bias is missing");
    let (_dir, path) = change(&|t| t.retain(|key, _| !key.starts_with("net.bn")))?;
    assert_refused(&path, "tensor net.bn1.weight is missing, and 27 more");
    let (_dir, path) =
        change(&|t| drop(t.insert("net.conv2.weight".to_owned(), zeros(&[4, 2, 5, 5]))))?;
    assert_refused(
        &path,
        "layer net.conv2: parameter net.conv2.weight has shape [4, 2, 5, 5], expected [4, 2, 3, 3]",
    );
    let (_dir, path) =
        change(&|t| drop(t.insert("net.conv0.weight".to_owned(), zeros(&[2, 3, 9]))))?;
    assert_refused(
        &path,
        "unknown architecture, net.conv0.weight has shape [2, 3, 9]",
    );
    let (_dir, path) = change(&|t| drop(t.insert("net.fc1.weight".to_owned(), zeros(&[6, 17]))))?;
    assert_refused(
        &path,
        "unknown architecture, net.fc1.weight has shape [6, 17]",
    );
    let (_dir, path) = change(&|t| {
        t.clear();
        t.insert("deconv0.weight".to_owned(), zeros(&[1, 1, 4, 4]));
    })?;
    assert_refused(&path, "describe its layers in a file of the same name");
    Ok(())
}

type Outcome2 = Result<(TempDir, PathBuf), Box<dyn std::error::Error>>;

#[test]
fn numbers_of_a_kind_that_cannot_be_weights_are_named() -> Outcome {
    // The same file with one parameter declared as integers of the same size.
    let (_dir, path) = written(&weights()?)?;
    let file = fs::read(&path)?;
    let length = u64::from_le_bytes(file[..8].try_into()?) as usize;
    let header = String::from_utf8(file[8..8 + length].to_vec())?;
    let mut values: serde_json::Value = serde_json::from_str(&header)?;
    values["net.conv1.bias"]["dtype"] = "I32".into();
    let mut changed = bytes(&values.to_string(), 0);
    changed.extend(&file[8 + length..]);
    fs::write(&path, changed)?;
    assert_refused(
        &path,
        "tensor net.conv1.bias holds I32 elements, expected floating point",
    );
    Ok(())
}

#[test]
fn counters_and_extra_tensors_are_tolerated_and_reported() -> Outcome {
    let mut tensors = weights()?;
    let one = Tensor::ones((), DType::F32, &Device::Cpu)?;
    tensors.insert("net.bn1.num_batches_tracked".to_owned(), one.clone());
    tensors.insert("optimiser.step".to_owned(), one);
    let (_dir, path) = written(&tensors)?;
    let opened = open(&path)?;
    assert_eq!(opened.report.unused, ["optimiser.step"]);
    assert_eq!(opened.report.applied.len(), tensors.len() - 2);
    assert_eq!(opened.role, NetworkRole::Discriminator);
    assert!(
        opened
            .guesses
            .iter()
            .any(|g| g.what == "padding" && g.value == "symmetric")
    );
    Ok(())
}

#[test]
fn an_impossible_configuration_in_the_metadata_is_refused() -> Outcome {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("weights.safetensors");
    let huge = r#"{"discriminator":{"filters":9000000000,"dense":6}}"#;
    let metadata = BTreeMap::from([("ganoscope.config".to_owned(), huge.to_owned())]);
    write_tensors(&path, &weights()?, &metadata)?;
    assert_refused(&path, "discriminator.filters is 9000000000");
    // Not understood at all: said, and inferred instead.
    let metadata = BTreeMap::from([("ganoscope.config".to_owned(), "{".to_owned())]);
    write_tensors(&path, &weights()?, &metadata)?;
    assert!(
        open(&path)?
            .guesses
            .iter()
            .any(|g| g.what == "configuration")
    );
    Ok(())
}

#[test]
fn steps_and_roles_that_a_file_does_not_have_are_refused() -> Outcome {
    let (_dir, path) = written(&weights()?)?;
    let spec = NetworkSpec::parse(&format!("{}@100", path.display()));
    let error = open_network(&spec).expect_err("one file").to_string();
    assert!(
        error.contains("this is one weights file, not a series"),
        "{error}"
    );
    let spec = NetworkSpec::parse(&format!("{}:generator", path.display()));
    let error = open_network(&spec)
        .expect_err("a discriminator")
        .to_string();
    assert!(
        error.contains("weights of a discriminator, expected a generator"),
        "{error}"
    );
    Ok(())
}

#[test]
fn a_full_disk_is_an_error_and_keeps_what_was_there() -> Outcome {
    let full = Path::new("/dev/full");
    if full.exists() {
        let error = write_tensors(full, &weights()?, &BTreeMap::new()).expect_err("full");
        assert!(error.to_string().ends_with("/dev/full"), "{error}");
    }
    let dir = tempfile::tempdir()?;
    let error = write_tensors(dir.path(), &weights()?, &BTreeMap::new()).expect_err("a folder");
    assert!(
        error.to_string().contains("cannot replace a folder"),
        "{error}"
    );
    Ok(())
}

/// The dialects and broken files that `../shared/oracles` keeps of one tiny discriminator.
#[test]
fn dialects_give_equal_answers_and_broken_files_none() -> Outcome {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/oracles/public/model_variants");
    if !folder.is_dir() {
        eprintln!("skipped: no variants at {}", folder.display());
        return Ok(());
    }
    let io = TensorFile::read(&folder.join("io.safetensors"))?.tensors;
    let input = io.get("input").ok_or("no input")?;
    let expected = io
        .get("logit")
        .ok_or("no logit")?
        .flatten_all()?
        .to_vec1::<f32>()?;
    for (name, tolerance) in [
        ("plain", 1e-5),
        ("f64", 1e-5),
        ("f16", 2e-2),
        ("bf16", 2e-2),
    ] {
        let path = folder.join(format!("{name}.safetensors"));
        let spec = NetworkSpec::parse(&path.to_string_lossy());
        let opened = open_network_for(&spec, Some(20))?;
        let run =
            opened
                .network
                .forward(std::slice::from_ref(input), &Edits::new(), &Retain::Nothing)?;
        let got = run.outputs()[0].flatten_all()?.to_vec1::<f32>()?;
        for (a, b) in got.iter().zip(&expected) {
            assert!((a - b).abs() <= tolerance, "{name}: {a} {b}");
        }
    }
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_onnx = path.extension().is_some_and(|ending| ending == "onnx");
        let is_refused = ["truncated.pth", "malicious.pth", "whole_module.pth"];
        if name.starts_with("bad_") || is_onnx || is_refused.contains(&name.as_str()) {
            let error = open(&path).expect_err(&name).to_string();
            assert!(error.contains(&name), "{error}");
        }
    }
    Ok(())
}
