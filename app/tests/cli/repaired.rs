//! Generators that other people trained, repaired and exported on the command line: the classes they were written for load
//! them under their own names and draw what we draw.
//!
//! `tests/real_networks/fetch` brings the networks; the Python is that of `core/benches/peers/run.py`. Without them nothing is
//! compared, unless `GANOSCOPE_REQUIRE_REAL_NETWORKS` and `GANOSCOPE_REQUIRE_PEERS` are set.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use candle_core::Tensor;
use ganoscope_core::checkpoint::{NetworkSpec, TensorFile, open_network, write_tensors};
use ganoscope_core::edit::{Action, Edit, EditStack, UnitSet};
use ganoscope_core::network::{Edits, Network, Retain};

use super::desk::{Desk, Failure, Outcome};

/// The packages and where their weights are.
const PACKAGES: [(&str, &str); 2] = [
    ("gan-face-generate", "gan_face_generate/weights.tar"),
    (
        "omniart-eye-generator",
        "omniart_eye_generator/generator_model_state.pth",
    ),
];

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// What is there of it, or `None` after saying so; where the environment variable `required` is set it has to be there.
fn there(path: PathBuf, is_there: bool, required: &str) -> Option<PathBuf> {
    if is_there {
        return Some(path);
    }
    let is_required = env::var_os(required).is_some();
    assert!(
        !is_required,
        "{required} is set, and this is missing: {}",
        path.display()
    );
    eprintln!("{} is not present, nothing compared", path.display());
    None
}

fn networks() -> Option<PathBuf> {
    let usual = || in_repository("target/real_networks");
    let folder = env::var_os("GANOSCOPE_REAL_NETWORKS").map_or_else(usual, PathBuf::from);
    let is_there = folder.join("reference.safetensors").is_file();
    there(folder, is_there, "GANOSCOPE_REQUIRE_REAL_NETWORKS")
}

fn python() -> Option<PathBuf> {
    let given = env::var_os("GANOSCOPE_PEERS").map(PathBuf::from);
    // An installation that was broken off has a Python without the packages.
    let is_complete = given.is_some() || in_repository("target/peers/complete").exists();
    let python = given.unwrap_or_else(|| in_repository("target/peers/bin/python"));
    let is_there = is_complete && python.exists();
    there(python, is_there, "GANOSCOPE_REQUIRE_PEERS")
}

/// Edits of every kind that weights can hold: units of an activation off, of a normalisation weaker or fixed, of a
/// convolution stronger.
fn repair() -> EditStack {
    let edit = |layer: &str, units: &[usize], action| {
        Edit::new(UnitSet::of_layer(layer, units.iter().copied()), action)
    };
    EditStack {
        edits: vec![
            edit("main.0", &[2], Action::Scale { by: 2.0 }),
            edit("main.1", &[40, 41], Action::Insert { level: 0.4 }),
            // Several of an activation, one only in part.
            edit("main.2", &[3, 7, 8, 9, 100], Action::Ablate),
            edit("main.2", &[200], Action::Ablate).with_strength(0.7),
            edit("main.5", &[10, 11], Action::Insert { level: 0.6 }),
        ],
    }
}

fn image(network: &Network, z: &Tensor, edits: &Edits) -> Result<Tensor, Failure> {
    let run = network.forward(std::slice::from_ref(z), edits, &Retain::Nothing)?;
    Ok(run.outputs()[0].clone())
}

#[test]
fn repaired_generators_draw_the_same_in_their_own_classes() -> Outcome {
    let (Some(networks), Some(python)) = (networks(), python()) else {
        return Ok(());
    };
    let desk = Desk::new()?;
    let reference = TensorFile::read(&networks.join("reference.safetensors"))?;
    for (name, file) in PACKAGES {
        let weights = networks.join(name).join(file);
        let weights = weights.to_string_lossy();
        let recipe = format!("{name}.toml");
        fs::write(desk.path(&recipe), repair().to_toml()?)?;
        for ending in ["safetensors", "onnx"] {
            let out = format!("{name}.{ending}");
            let words = ["export", &weights, "--edit", &recipe, "--out", &out];
            let output = desk.run(words)?;
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{errors}");
        }
        let opened = open_network(&NetworkSpec::parse(&weights))?;
        let z = &reference.tensors[&format!("{name}.input")];
        let edits = repair().resolve(&opened.network)?;
        let edited = image(&opened.network, z, &edits)?;
        let plain = image(&opened.network, z, &Edits::new())?;
        let changed = (&edited - &plain)?.abs()?.mean_all()?.to_scalar::<f32>()?;
        assert!(changed > 0.01, "the repair of {name} changes {changed}");
        let io = BTreeMap::from([("z".to_owned(), z.clone()), ("image".to_owned(), edited)]);
        write_tensors(&desk.path(&format!("{name}.io")), &io, &BTreeMap::new())?;
    }
    let done = Command::new(python)
        .arg(in_repository("tests/real_networks/repaired.py"))
        .args([&networks, desk.dir.path()])
        .output()?;
    let said = String::from_utf8_lossy(&done.stdout);
    let wrong = String::from_utf8_lossy(&done.stderr);
    eprintln!("{said}");
    assert!(done.status.success(), "{said}\n{wrong}");
    assert_eq!(said.lines().count(), PACKAGES.len(), "{said}");
    Ok(())
}
