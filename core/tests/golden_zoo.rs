//! Networks of nine kinds equal PyTorch: outputs, activations of every layer, and outputs under edits.
//!
//! `GANOSCOPE_TEST_DEVICE` runs them on another device. The reference numbers were computed in f64 from f32 weights; without them the tests only build the networks.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::path::Path;

use candle_core::Tensor;
use common::device_support::{put, put_network};
use common::{max_diff, reference, values, zoo};
use ganoscope_core::edit::{Action, Edit, EditStack, Mask, UnitSet};
use ganoscope_core::network::{Edits, Network, Retain, Run};

/// Largest absolute difference of an output; PyTorch in f32 differs by up to 2e-5.
const TOLERANCE: f64 = 1e-4;

fn load(folder: &Path, name: &str) -> Network {
    let tensors = reference::tensors(&folder.join(format!("models/{name}.safetensors")));
    let network = zoo::build(name, reference::state_dict(tensors));
    put_network(&network.unwrap_or_else(|e| panic!("{name}: {e}")))
}

#[test]
fn every_network_builds_from_procedural_weights() {
    for name in zoo::NAMES {
        let network = zoo::build(name, |key, role, dims| {
            Ok(common::parameter(key, role, dims)?.to_dtype(candle_core::DType::F32)?)
        });
        assert!(network.is_ok(), "{name}: {network:?}");
    }
}

#[test]
fn outputs_and_activations_equal_pytorch() {
    let Some(folder) = reference::folder() else {
        return;
    };
    for name in zoo::NAMES {
        let network = load(&folder, name);
        let expected = reference::tensors(&folder.join(format!("forward/{name}.safetensors")));
        let numbers = reference::json(&folder.join(format!("forward/{name}.json")));
        let input = put(&expected["input"]);
        let run = network
            .forward(&[input], &Edits::new(), &Retain::All)
            .unwrap();
        check_outputs(name, &network, &run, |output| {
            expected[&format!("out.{output}")].clone()
        });
        for (key, expected) in &expected {
            check_activation(name, &network, &run, key, expected);
        }
        let modules = numbers["activations"].as_object().unwrap();
        for (module, numbers) in modules {
            // Padding is part of the convolution here.
            if module.starts_with("net.pad") {
                continue;
            }
            let layer = reference::layer_of(&network, module);
            let layer = layer.unwrap_or_else(|| panic!("{name} has no layer {module}"));
            check_moments(
                name,
                module,
                run.activation(&network, layer).unwrap(),
                numbers,
            );
        }
    }
}

fn check_outputs(what: &str, network: &Network, run: &Run, expected: impl Fn(&str) -> Tensor) {
    for (output, value) in network.outputs().iter().zip(run.outputs()) {
        let difference = max_diff(value, &expected(&output.name));
        assert!(
            difference <= TOLERANCE,
            "{what} {}: {difference}",
            output.name
        );
    }
}

/// Files keep the first sample of an activation, some of them every second row and column.
fn check_activation(name: &str, network: &Network, run: &Run, key: &str, expected: &Tensor) {
    let (module, thin) = match key.split_once('.') {
        Some(("act", module)) => (module, false),
        Some(("act_every2nd", module)) => (module, true),
        _ => return,
    };
    let layer = reference::layer_of(network, module).unwrap();
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
    assert!(difference <= TOLERANCE, "{name} {module}: {difference}");
}

fn check_moments(name: &str, module: &str, value: &Tensor, expected: &serde_json::Value) {
    let values = values(value);
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let std = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    let positive = values.iter().filter(|v| **v > 0.0).count() as f64 / n;
    let number = |key: &str| expected[key].as_f64().unwrap();
    let scale = number("std").max(number("mean").abs());
    for (key, got) in [("mean", mean), ("std", std)] {
        let difference = (got - number(key)).abs();
        assert!(
            difference <= 1e-4 * scale,
            "{name} {module} {key}: {difference} of {scale}"
        );
    }
    let difference = (positive - number("positive_fraction")).abs();
    assert!(difference <= 1e-3, "{name} {module} positive: {difference}");
}

#[test]
fn edited_outputs_equal_pytorch() {
    let Some(folder) = reference::folder() else {
        return;
    };
    for name in zoo::NAMES {
        let network = load(&folder, name);
        let expected =
            reference::tensors(&folder.join(format!("interventions/{name}.safetensors")));
        let numbers = reference::json(&folder.join(format!("interventions/{name}.json")));
        let input = put(&expected["input"]);
        let plain = network
            .forward(std::slice::from_ref(&input), &Edits::new(), &Retain::All)
            .unwrap();
        for case in numbers["interventions"].as_array().unwrap() {
            let id = case["id"].as_str().unwrap();
            let stack = edit_stack(&network, case, |mask| &expected[mask]);
            let edits = stack.resolve(&network).unwrap();
            let run = network
                .forward(std::slice::from_ref(&input), &edits, &Retain::Nothing)
                .unwrap();
            check_outputs(&format!("{name} {id}"), &network, &run, |output| {
                expected[&format!("{id}.{output}")].clone()
            });
            let resumed = network.resume(&plain, &edits).unwrap();
            for (a, b) in resumed.outputs().iter().zip(run.outputs()) {
                assert_eq!(values(a), values(b), "{name} {id} resumed");
            }
        }
    }
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
