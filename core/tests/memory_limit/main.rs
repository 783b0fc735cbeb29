//! One ceiling for the memory of every reader: what would need more is refused before it is allocated, and what is opened
//! takes no more than was counted.
//!
//! One test, because the count of memory is that of the whole process.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "../hostile/mod.rs"]
mod hostile;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, PreluKind, discriminator, generator,
};
use ganoscope_core::checkpoint::{
    CheckpointError, Limits, NetworkSpec, Opened, draft_description, open_network_within,
    procedural_weights, write_onnx, write_tensors,
};
use ganoscope_core::edit::EditStack;
use ganoscope_core::jobs::{DeblendSpec, Input, PreviewSpec, Studio};
use ganoscope_core::stamp::{Stamp, ValueRange, io};
use hostile::{
    Counting, archive, field, legacy, number, onnx_model, onnx_node, onnx_tensor, peak_of,
    state_dict,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Blocks in which files are read, their lists of members, names: what no file makes larger.
const BESIDE: usize = 3 << 20;

const GIB: u64 = 1 << 30;

fn open(path: &Path, memory_bytes: u64) -> Result<Opened, CheckpointError> {
    let spec = NetworkSpec::parse(&path.to_string_lossy());
    open_network_within(&spec, Some(16), Limits { memory_bytes })
}

/// A file of `length` bytes that begins with `bytes` and takes no room on the disk.
fn sparse(path: &Path, bytes: &[u8], length: u64) {
    let mut file = File::create(path).unwrap();
    file.write_all(bytes).unwrap();
    file.set_len(length).unwrap();
}

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keras_fixtures");
    let file = File::open(folder.join(format!("{name}.gz"))).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(file)
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

/// Files whose content would need more than 64 MiB, by the word that the message has to name.
fn greedy(folder: &Path) -> Vec<(PathBuf, &'static str)> {
    let mut files = Vec::new();
    let mut add = |name: &str, what: &'static str| {
        let path = folder.join(name);
        files.push((path.clone(), what));
        path
    };
    let header = format!(
        r#"{{"a.weight":{{"dtype":"F32","shape":[1024,1024,256],"data_offsets":[0,{GIB}]}}}}"#
    );
    let prefix = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    let path = add("a.safetensors", "the sum of its tensors needs 1.0 GiB");
    sparse(&path, &prefix, prefix.len() as u64 + GIB);

    let file = legacy(1 << 14, 1 << 14);
    let path = add("legacy.pth", "the sum of its tensors needs 1.0 GiB");
    sparse(&path, &file, file.len() as u64 + GIB);

    let zeros = vec![0; 128 << 20];
    let pickle = state_dict(64, 1024);
    let packed = [("a/data.pkl", &pickle[..]), ("a/data/0", &zeros[..])];
    let path = add("packed.pth", "a/data/0 needs 128.0 MiB");
    fs::write(path, archive(&packed, true)).unwrap();
    let config = br#"{"class_name":"Sequential","config":{"layers":[]}}"#;
    let packed = [
        ("config.json", &config[..]),
        ("model.weights.h5", &zeros[..]),
    ];
    let path = add("packed.keras", "model.weights.h5 needs 128.0 MiB");
    fs::write(path, archive(&packed, true)).unwrap();
    // Objects that a pickle of 4 MiB asks for.
    let tuples = [&b"\x80\x02("[..], &vec![b')'; 4 << 20][..], b"t."].concat();
    let path = add("tuples.pth", "its pickle needs");
    fs::write(path, archive(&[("a/data.pkl", &tuples)], false)).unwrap();

    sparse(
        &add("a.h5", "the file needs 1.0 GiB"),
        &fixture("open_size.h5"),
        GIB,
    );
    let huge = add("huge.h5", "tensor model_weights/c/c/kernel:0 needs 3.0 GiB");
    fs::write(huge, fixture("huge.h5")).unwrap();

    let json = r#"{"modelTopology":{"class_name":"Sequential","config":[]},"weightsManifest":
        [{"paths":["shard.bin"],"weights":[{"name":"k","shape":[16384,16384],"dtype":"float32"}]}]}"#;
    sparse(&folder.join("shard.bin"), b"", GIB);
    fs::write(
        add("model.json", "a group of its weights needs 1.0 GiB"),
        json,
    )
    .unwrap();
    sparse(&add("long.json", "its configuration needs"), b"{", 16 << 20);

    sparse(
        &add("a.onnx", "the file needs 1.0 GiB"),
        b"\x08\x08\x12\x01a",
        GIB,
    );
    let external = [
        field(
            13,
            &[field(1, b"location"), field(2, b"shard.bin")].concat(),
        ),
        number(14, 1),
    ]
    .concat();
    let tensor = onnx_tensor("w", 1, &[16384, 16384, 1, 1], &external);
    let conv = onnx_node("Conv", &["x", "w"], "y");
    let path = add("external.onnx", "tensor w needs 1.0 GiB");
    fs::write(path, onnx_model(16384, &[conv], &[tensor])).unwrap();
    // A constant that is computed: 16 Mi elements of four bytes, of which the file has the two sizes.
    let sizes = [4096_u64, 4096].map(u64::to_le_bytes).concat();
    let sizes = onnx_tensor("sizes", 7, &[2], &field(9, &sizes));
    let nodes = [
        onnx_node("ConstantOfShape", &["sizes"], "large"),
        onnx_node("Add", &["x", "large"], "y"),
    ];
    let path = add("computed.onnx", "(ConstantOfShape) needs");
    fs::write(path, onnx_model(1, &nodes, &[sizes])).unwrap();
    files
}

/// Files of a few MiB that are in order.
fn modest(folder: &Path) -> Vec<PathBuf> {
    let config = DiscriminatorConfig {
        filters: 24,
        dense: 512,
        stamp_size: 16,
        ..DiscriminatorConfig::default()
    };
    let network = discriminator(&config, procedural_weights(1)).unwrap();
    let paths = ["a.safetensors", "a.onnx"].map(|name| folder.join(name));
    write_tensors(&paths[0], &network.state_dict(), &BTreeMap::new()).unwrap();
    write_onnx(&paths[1], &network).unwrap();
    let mut paths = paths.to_vec();
    for name in ["transposed.h5", "transposed.keras", "judge.packed.h5"] {
        let path = folder.join(name);
        fs::write(&path, fixture(name)).unwrap();
        paths.push(path);
    }
    fs::write(
        folder.join("javascript_plain.bin"),
        fixture("javascript_plain.bin"),
    )
    .unwrap();
    let path = folder.join("model.json");
    fs::write(&path, fixture("javascript_plain.json")).unwrap();
    paths.push(path);
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/weights");
    for name in ["legacy.pth", "gan_checkpoint.pth"] {
        let path = folder.join(name);
        fs::copy(weights.join(name), &path).unwrap();
        paths.push(path);
    }
    let described = folder.join("described.safetensors");
    fs::copy(&paths[0], &described).unwrap();
    let draft = draft_description(&NetworkSpec::parse(&described.to_string_lossy()), Some(16));
    fs::write(
        folder.join("described.safetensors.model.toml"),
        draft.unwrap(),
    )
    .unwrap();
    paths.push(described);
    paths
}

#[test]
fn no_reader_takes_more_than_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let limit = 64 << 20;
    for (path, what) in greedy(folder.path()) {
        let (opened, peak) = peak_of(|| open(&path, limit));
        let error = opened.expect_err(what);
        assert!(matches!(error, CheckpointError::TooLarge { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains(what), "{what}: {error}");
        assert!(
            error.contains("the limit is 64.0 MiB; raise it with --memory-limit"),
            "{error}"
        );
        assert!(error.ends_with(&*path.to_string_lossy()), "{error}");
        assert!(
            peak <= limit as usize + BESIDE,
            "{}: {peak} bytes",
            path.display()
        );
    }

    let folder = tempfile::tempdir().unwrap();
    for path in modest(folder.path()) {
        let name = path.display();
        // The least limit that is enough, to a part in a hundred.
        let (mut low, mut high) = (0, 1 << 30);
        open(&path, high).unwrap_or_else(|error| panic!("{error}"));
        while high - low > high / 100 + 1 {
            let middle = low + (high - low) / 2;
            match peak_of(|| open(&path, middle)) {
                (Ok(_), _) => high = middle,
                (Err(CheckpointError::TooLarge { .. }), peak) => {
                    assert!(
                        peak <= middle as usize + BESIDE,
                        "{name}: {peak} of {middle}"
                    );
                    low = middle;
                }
                (Err(error), _) => panic!("{error}"),
            }
        }
        let (opened, peak) = peak_of(|| open(&path, high));
        assert!(opened.is_ok(), "{name}");
        eprintln!("{name}: limit {high}, held at most {peak}");
        assert!(peak <= high as usize + BESIDE, "{name}: {peak} of {high}");
        let length = fs::metadata(&path).unwrap().len();
        assert!(
            high <= 6 * length + BESIDE as u64,
            "{name}: {high} of {length}"
        );
    }
    a_run_is_refused_too(folder.path());
}

/// A network of few weights whose layers have very many values: opened within the limit, refused when it is run.
fn a_run_is_refused_too(folder: &Path) {
    let config = GeneratorConfig {
        filters: 2,
        root_blocks: 2,
        branch_blocks: 1,
        stamp_size: 256,
        prelu: PreluKind::PerChannel,
        ..GeneratorConfig::default()
    };
    let network = generator(&config, procedural_weights(1)).unwrap();
    assert!(
        network.value_bytes() > 12 << 20,
        "{}",
        network.value_bytes()
    );
    let path = folder.join("wide.onnx");
    write_onnx(&path, &network).unwrap();
    let pixels = vec![0.5; 3 * 256 * 256];
    let stamp = Stamp::new("s", pixels, [3, 256, 256], ValueRange::UNIT);
    let picture = folder.join("s.fits");
    io::write(&picture, &[stamp], io::Format::Fits, &[]).unwrap();
    let spec = PreviewSpec::Deblend(DeblendSpec {
        series: path,
        step: 0,
        input: Input::from(picture),
        edits: EditStack::default(),
    });
    let mut studio = Studio::default();
    studio.preview_now(&spec).expect("there is room enough");
    Limits {
        memory_bytes: 12 << 20,
    }
    .install();
    let why = Studio::default()
        .preview_now(&spec)
        .unwrap_err()
        .to_string();
    assert!(
        why.contains("--memory-limit") && why.contains("12 MiB"),
        "{why}"
    );
}
