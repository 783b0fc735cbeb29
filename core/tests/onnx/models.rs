//! Whole networks exported by PyTorch: outputs, activations of every module, and outputs under edits.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Tensor;
use ganoscope_core::checkpoint::NetworkRole;
use ganoscope_core::edit::{Action, Edit, EditStack, Mask, UnitSet};
use ganoscope_core::network::{Edits, Network, Retain, Run};

use super::common::{max_diff, reference, values};
use super::{files, open, stem};

/// Largest absolute difference; PyTorch in f32 differs by up to 2e-5.
const TOLERANCE: f64 = 1e-4;

/// The file of reference outputs for a model.
fn reference_name(name: &str) -> &str {
    name.strip_suffix("_same").unwrap_or(name)
}

/// Modules without a layer: padding is part of the convolution, dropout is left out by the exporter.
fn is_left_out(module: &str) -> bool {
    module.starts_with("net.pad") || module == "drop"
}

#[test]
fn outputs_activations_and_edits_equal_pytorch() {
    let Some(folder) = reference::folder() else {
        return;
    };
    let models = files(&folder.join("models"), "onnx");
    assert_eq!(models.len(), 10);
    for path in models {
        let name = stem(&path);
        let opened = open(&path).unwrap_or_else(|e| panic!("{e}"));
        let role = if name.contains("_d") {
            NetworkRole::Discriminator
        } else {
            NetworkRole::Generator
        };
        assert_eq!(opened.role, role, "{name}");
        assert!(opened.report.unused.is_empty(), "{name}: {}", opened.report);
        let outputs = check_forward(&folder, &name, &opened.network);
        let edited = check_interventions(&folder, &name, &opened.network);
        eprintln!("{name}: outputs {outputs:.1e}, edited {edited:.1e}");
    }
}

fn check_forward(folder: &Path, name: &str, network: &Network) -> f64 {
    let stored = reference_name(name);
    let expected = reference::tensors(&folder.join(format!("forward/{stored}.safetensors")));
    let numbers = reference::json(&folder.join(format!("forward/{stored}.json")));
    let input = expected["input"].clone();
    let run = network
        .forward(&[input], &Edits::new(), &Retain::All)
        .unwrap();
    let worst = worst_output(network, &run, |output| {
        expected[&format!("out.{output}")].clone()
    });
    assert!(worst <= TOLERANCE, "{name}: {worst}");
    for (key, expected) in &expected {
        check_activation(name, network, &run, key, expected);
    }
    let modules = numbers["activations"].as_object().unwrap();
    let mut checked = 0;
    for (module, numbers) in modules {
        let Some(layer) = reference::layer_of(network, module) else {
            assert!(is_left_out(module), "{name} has no layer {module}");
            continue;
        };
        check_moments(
            name,
            module,
            run.activation(network, layer).unwrap(),
            numbers,
        );
        checked += 1;
    }
    assert!(
        checked + 5 > modules.len(),
        "{name}: {checked} of {}",
        modules.len()
    );
    worst
}

fn worst_output(network: &Network, run: &Run, expected: impl Fn(&str) -> Tensor) -> f64 {
    let pairs = network.outputs().iter().zip(run.outputs());
    pairs
        .map(|(output, value)| max_diff(value, &expected(&output.name)))
        .fold(0.0, f64::max)
}

/// Files keep the first sample of an activation, some of them every second row and column.
fn check_activation(name: &str, network: &Network, run: &Run, key: &str, expected: &Tensor) {
    let (module, step) = match key.split_once('.') {
        Some(("act", module)) => (module, 1),
        Some(("act_every2nd", module)) => (module, 2),
        _ => return,
    };
    let layer = reference::layer_of(network, module).unwrap();
    let mut got = run
        .activation(network, layer)
        .unwrap()
        .narrow(0, 0, 1)
        .unwrap();
    if step > 1 {
        for axis in [2, 3] {
            let index: Vec<u32> = (0..got.dim(axis).unwrap() as u32).step_by(step).collect();
            let index = Tensor::new(index, got.device()).unwrap();
            got = got
                .contiguous()
                .unwrap()
                .index_select(&index, axis)
                .unwrap();
        }
    }
    let difference = max_diff(&got, expected);
    assert!(difference <= TOLERANCE, "{name} {module}: {difference}");
}

fn check_moments(name: &str, module: &str, value: &Tensor, expected: &serde_json::Value) {
    let values = values(value);
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let std = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    let number = |key: &str| expected[key].as_f64().unwrap();
    let scale = number("std").max(number("mean").abs());
    for (key, got) in [("mean", mean), ("std", std)] {
        let difference = (got - number(key)).abs();
        assert!(
            difference <= 1e-4 * scale,
            "{name} {module} {key}: {difference}"
        );
    }
}

fn check_interventions(folder: &Path, name: &str, network: &Network) -> f64 {
    let stored = reference_name(name);
    let expected = reference::tensors(&folder.join(format!("interventions/{stored}.safetensors")));
    let numbers = reference::json(&folder.join(format!("interventions/{stored}.json")));
    let mut worst = 0.0_f64;
    for case in numbers["interventions"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        let edits = edit_stack(network, case, &expected)
            .resolve(network)
            .unwrap();
        let input = expected["input"].clone();
        let run = network.forward(&[input], &edits, &Retain::Nothing).unwrap();
        let difference = worst_output(network, &run, |output| {
            expected[&format!("{id}.{output}")].clone()
        });
        assert!(difference <= TOLERANCE, "{name} {id}: {difference}");
        worst = worst.max(difference);
    }
    worst
}

/// One edit per unit, because each unit has its own level.
fn edit_stack(
    network: &Network,
    case: &serde_json::Value,
    tensors: &BTreeMap<String, Tensor>,
) -> EditStack {
    let mut stack = EditStack::default();
    for edit in case["edits"].as_array().unwrap() {
        let layer = reference::layer_of(network, edit["layer"].as_str().unwrap()).unwrap();
        let mask = edit["mask"].as_str().map(|name| {
            let values = tensors[name].flatten_all().unwrap().to_vec1().unwrap();
            let (rows, columns) = tensors[name].dims2().unwrap();
            Mask::new([rows, columns], values).unwrap()
        });
        let units = edit["units"].as_array().unwrap();
        for (unit, level) in units.iter().zip(edit["value"].as_array().unwrap()) {
            let level = level.as_f64().unwrap();
            let units = UnitSet::of_layer(layer, [unit.as_u64().unwrap() as usize]);
            let mut edit = Edit::new(units, Action::Insert { level });
            edit.mask.clone_from(&mask);
            stack.edits.push(edit);
        }
    }
    stack
}
