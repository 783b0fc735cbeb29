//! Networks of which only the weights are known: every reference network opens without a manifest and equals PyTorch, and its
//! description, written and read back, gives the same network.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::path::Path;

use candle_core::Tensor;
use common::{max_diff, reference, values};
use ganoscope_core::checkpoint::{
    Confidence, NetworkSpec, Opened, draft_description, open_network_for,
};
use ganoscope_core::edit::{Action, Edit, EditStack, Mask, UnitSet};
use ganoscope_core::network::{Edits, Network, Retain, Run};

/// Largest absolute difference of an output; PyTorch in f32 differs by up to 2e-5.
const TOLERANCE: f64 = 1e-4;

/// Every network with reference outputs: its name, the kinds of file it is kept in, rows of its stamps where weights do not
/// tell, and whether a description must say what they cannot.
const NETWORKS: [(&str, &[&str], Option<usize>, bool); 9] = [
    ("deblender_d_q", &["safetensors"], Some(80), false),
    // TensorFlow's padding leaves no trace in weights.
    ("deblender_d_tf", &["safetensors"], Some(80), true),
    ("deblender_g_q", &["safetensors", "pth"], Some(80), false),
    ("deblender_g_hwc", &["safetensors"], None, false),
    ("dcgan_g", &["safetensors"], None, false),
    ("dcgan_d", &["safetensors", "pth"], None, false),
    ("proggan_g", &["safetensors"], None, false),
    ("esrgan_g", &["safetensors"], Some(20), false),
    ("res_d", &["safetensors", "pth"], None, false),
];

/// Layers without parameters that leave no trace: padding is part of the convolution, dropout does nothing.
const TRACELESS: [&str; 5] = ["net.pad1", "net.pad3", "net.pad5", "net.pad7", "drop"];

fn open(path: &Path, size: Option<usize>) -> Opened {
    let spec = NetworkSpec::parse(&path.to_string_lossy());
    open_network_for(&spec, size).unwrap_or_else(|e| panic!("{e}"))
}

/// Opens a network, with a corrected description beside a copy of the weights where it is needed.
fn opened(path: &Path, size: Option<usize>, needs_description: bool) -> Opened {
    if !needs_description {
        return open(path, size);
    }
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join(path.file_name().unwrap());
    std::fs::copy(path, &copy).unwrap();
    let spec = NetworkSpec::parse(&copy.to_string_lossy());
    let draft = draft_description(&spec, size).unwrap();
    assert!(draft.contains("padding = 1  # doubtful: weights from TensorFlow need \"same\""));
    let corrected = draft.replace("stride = 2\npadding = 1", "stride = 2\npadding = \"same\"");
    assert_ne!(corrected, draft);
    std::fs::write(format!("{}.model.toml", copy.display()), corrected).unwrap();
    let opened = open(&copy, size);
    assert_eq!(opened.identity.confidence, Confidence::Stated);
    opened
}

fn each(check: impl Fn(&str, &Path, &Opened)) {
    let Some(folder) = reference::folder() else {
        return;
    };
    for (name, kinds, size, needs_description) in NETWORKS {
        for kind in kinds {
            let path = folder.join(format!("models/{name}.{kind}"));
            let opened = opened(&path, size, needs_description);
            check(&format!("{name}.{kind}"), &folder, &opened);
        }
    }
}

fn stem(name: &str) -> &str {
    name.split_once('.').unwrap().0
}

#[test]
fn outputs_and_activations_equal_pytorch() {
    each(|file, folder, opened| {
        let name = stem(file);
        let network = &opened.network;
        let expected = reference::tensors(&folder.join(format!("forward/{name}.safetensors")));
        let run = network
            .forward(
                std::slice::from_ref(&expected["input"]),
                &Edits::new(),
                &Retain::All,
            )
            .unwrap();
        let worst = worst_output(network, &run, |output| {
            expected[&format!("out.{output}")].clone()
        });
        let identity = &opened.identity;
        eprintln!(
            "{file}: {} ({}), {worst:.1e}",
            identity.family, identity.confidence
        );
        assert!(worst <= TOLERANCE, "{file}: {worst}");
        for (key, expected) in &expected {
            check_activation(file, network, &run, key, expected);
        }
        check_moments(file, folder, network, &run);
        assert_eq!(opened.report.unused, [""; 0], "{file}");
        assert!(!opened.identity.evidence.is_empty(), "{file}");
    });
}

fn worst_output(network: &Network, run: &Run, expected: impl Fn(&str) -> Tensor) -> f64 {
    let outputs = network.outputs().iter().zip(run.outputs());
    let differences = outputs.map(|(output, value)| max_diff(value, &expected(&output.name)));
    differences.fold(0.0, f64::max)
}

/// Files keep the first sample of an activation, some of them every second row and column.
fn check_activation(file: &str, network: &Network, run: &Run, key: &str, expected: &Tensor) {
    let (module, thin) = match key.split_once('.') {
        Some(("act", module)) => (module, false),
        Some(("act_every2nd", module)) => (module, true),
        _ => return,
    };
    let layer = reference::layer_of(network, module);
    let layer = layer.unwrap_or_else(|| panic!("{file} has no layer {module}"));
    let mut got = run
        .activation(network, layer)
        .unwrap()
        .narrow(0, 0, 1)
        .unwrap();
    if thin {
        for axis in [2, 3] {
            let every2nd: Vec<u32> = (0..got.dim(axis).unwrap() as u32).step_by(2).collect();
            let index = Tensor::new(every2nd, got.device()).unwrap();
            got = got
                .contiguous()
                .unwrap()
                .index_select(&index, axis)
                .unwrap();
        }
    }
    let difference = max_diff(&got, expected);
    assert!(difference <= TOLERANCE, "{file} {module}: {difference}");
}

fn check_moments(file: &str, folder: &Path, network: &Network, run: &Run) {
    let numbers = reference::json(&folder.join(format!("forward/{}.json", stem(file))));
    for (module, numbers) in numbers["activations"].as_object().unwrap() {
        if TRACELESS.contains(&module.as_str()) {
            continue;
        }
        let layer = reference::layer_of(network, module);
        let layer = layer.unwrap_or_else(|| panic!("{file} has no layer {module}"));
        let values = values(run.activation(network, layer).unwrap());
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let std = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
        let number = |key: &str| numbers[key].as_f64().unwrap();
        let scale = number("std").max(number("mean").abs());
        for (key, got) in [("mean", mean), ("std", std)] {
            let difference = (got - number(key)).abs();
            assert!(
                difference <= 1e-4 * scale,
                "{file} {module} {key}: {difference} of {scale}"
            );
        }
    }
}

#[test]
fn edited_outputs_equal_pytorch() {
    each(|file, folder, opened| {
        let (name, network) = (stem(file), &opened.network);
        let expected =
            reference::tensors(&folder.join(format!("interventions/{name}.safetensors")));
        let numbers = reference::json(&folder.join(format!("interventions/{name}.json")));
        let input = &expected["input"];
        for case in numbers["interventions"].as_array().unwrap() {
            let id = case["id"].as_str().unwrap();
            let stack = edit_stack(network, case, |mask| &expected[mask]);
            let edits = stack.resolve(network).unwrap();
            let run = network
                .forward(std::slice::from_ref(input), &edits, &Retain::Nothing)
                .unwrap();
            let worst = worst_output(network, &run, |output| {
                expected[&format!("{id}.{output}")].clone()
            });
            assert!(worst <= TOLERANCE, "{file} {id}: {worst}");
        }
    });
}

/// One edit per unit, because each unit has its own level.
fn edit_stack<'a>(
    network: &Network,
    case: &serde_json::Value,
    mask: impl Fn(&str) -> &'a Tensor,
) -> EditStack {
    let mut stack = EditStack::default();
    for edit in case["edits"].as_array().unwrap() {
        let layer = reference::layer_of(network, edit["layer"].as_str().unwrap()).unwrap();
        let mask = edit["mask"].as_str().map(|name| {
            let tensor = mask(name);
            let values = tensor.flatten_all().unwrap().to_vec1().unwrap();
            let (rows, columns) = tensor.dims2().unwrap();
            Mask::new([rows, columns], values).unwrap()
        });
        let units = edit["units"].as_array().unwrap();
        for (unit, level) in units.iter().zip(edit["value"].as_array().unwrap()) {
            let level = level.as_f64().unwrap();
            let action = if level == 0.0 {
                Action::Ablate
            } else {
                Action::Insert { level }
            };
            let units = UnitSet::of_layer(layer, [unit.as_u64().unwrap() as usize]);
            let mut edit = Edit::new(units, action);
            edit.mask.clone_from(&mask);
            stack.edits.push(edit);
        }
    }
    stack
}

#[test]
fn a_description_gives_the_same_network() {
    let Some(folder) = reference::folder() else {
        return;
    };
    for (name, _, size, _) in NETWORKS {
        let dir = tempfile::tempdir().unwrap();
        let weights = dir.path().join("weights.safetensors");
        std::fs::copy(folder.join(format!("models/{name}.safetensors")), &weights).unwrap();
        let inferred = open(&weights, size);
        let spec = NetworkSpec::parse(&weights.to_string_lossy());
        let draft = draft_description(&spec, size).unwrap();
        // Named by itself, not beside the weights.
        let description = dir.path().join("mine.toml");
        assert!(
            draft.contains("weights = \"weights.safetensors\""),
            "{draft}"
        );
        std::fs::write(&description, draft).unwrap();
        let described = open(&description, size);
        let (a, b) = (inferred.network.nodes(), described.network.nodes());
        assert_eq!(a.len(), b.len(), "{name}");
        for (a, b) in a.iter().zip(b) {
            assert_eq!(
                (&a.name, &a.op, &a.fact),
                (&b.name, &b.op, &b.fact),
                "{name}"
            );
            assert_eq!(a.inputs, b.inputs, "{name} {}", a.name);
        }
        assert_eq!(inferred.role, described.role, "{name}");
    }
}

/// Networks in the spelling of repositories that many people copy: rows of their pictures where any would do, what they are
/// and how sure that is.
const SPELLINGS: [(&str, Option<usize>, &str, Confidence); 10] = [
    (
        "upsampling_g",
        None,
        "up-sampling generator",
        Confidence::Doubtful,
    ),
    (
        "dropout_d",
        None,
        "convolutional discriminator",
        Confidence::Doubtful,
    ),
    (
        "dense_g",
        None,
        "fully connected generator",
        Confidence::Likely,
    ),
    (
        "dense_d",
        None,
        "fully connected discriminator",
        Confidence::Likely,
    ),
    (
        "residual_g",
        Some(6),
        "residual super-resolution generator (SRGAN)",
        Confidence::Likely,
    ),
    (
        "dense_blocks_g",
        Some(6),
        "residual-dense super-resolution generator (ESRGAN)",
        Confidence::Likely,
    ),
    (
        "alternating_d",
        None,
        "convolutional discriminator",
        Confidence::Doubtful,
    ),
    (
        "patch_d",
        Some(32),
        "PatchGAN discriminator",
        Confidence::Doubtful,
    ),
    (
        "spectral_d",
        None,
        "DCGAN discriminator",
        Confidence::Likely,
    ),
    (
        "residual_d",
        Some(16),
        "residual discriminator",
        Confidence::Doubtful,
    ),
];

#[test]
fn spellings_of_other_repositories_equal_pytorch() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/weights");
    let expected = reference::tensors(&folder.join("families_expected.safetensors"));
    for (name, size, family, confidence) in SPELLINGS {
        let text = format!("{}:{name}", folder.join("families.pth").display());
        let opened = open_network_for(&NetworkSpec::parse(&text), size);
        let opened = opened.unwrap_or_else(|e| panic!("{name}: {e}"));
        let identity = &opened.identity;
        assert_eq!(
            (&*identity.family, identity.confidence),
            (family, confidence),
            "{name}"
        );
        assert_eq!(opened.report.unused, [""; 0], "{name}");
        assert!(
            !opened.guesses.is_empty() && !identity.evidence.is_empty(),
            "{name}"
        );
        let input = &expected[&format!("{name}.input")];
        let run = opened
            .network
            .forward(std::slice::from_ref(input), &Edits::new(), &Retain::Nothing)
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let difference = max_diff(&run.outputs()[0], &expected[&format!("{name}.output")]);
        eprintln!("{name}: {difference:.1e}");
        assert!(difference <= 1e-5, "{name}: {difference}");
    }
}
