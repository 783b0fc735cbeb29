//! A network beside the reference files of `reference::folder`: its outputs, its activations, and its outputs under edits.
//!
//! The reference numbers were computed by PyTorch in f64 from f32 weights.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Tensor;
use ganoscope_core::edit::{Action, Edit, EditStack, Mask, UnitSet};
use ganoscope_core::network::{Edits, Network, Retain, Run};
use serde_json::Value;

use super::device_support::put;
use super::reference::{self, layer_of};
use super::{max_diff, values};

/// Largest absolute difference of a value; PyTorch in f32 differs by up to 2e-5.
pub(crate) const TOLERANCE: f64 = 1e-4;

/// What one comparison came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Difference {
    /// The largest.
    pub(crate) worst: f64,
    /// Values (tensors, or numbers about a tensor) that were compared.
    pub(crate) compared: usize,
}

impl Difference {
    /// Counts one more; fails above `tolerance`.
    pub(crate) fn add(&mut self, difference: f64, tolerance: f64, what: impl FnOnce() -> String) {
        assert!(difference <= tolerance, "{}: {difference}", what());
        self.worst = self.worst.max(difference);
        self.compared += 1;
    }
}

/// One forward pass beside its reference.
#[derive(Debug, Default)]
pub(crate) struct Forward {
    /// Of all outputs.
    pub(crate) outputs: Difference,
    /// Of the activations that are kept in full, of the first sample.
    pub(crate) activations: Difference,
    /// Of mean and standard deviation of every module's value, over the larger of the two.
    pub(crate) moments: Difference,
    /// Modules that have no layer.
    pub(crate) without_layer: Vec<String>,
}

/// Runs a network on the input of `forward/NAME`; fails where it differs.
pub(crate) fn forward(file: &str, name: &str, folder: &Path, network: &Network) -> Forward {
    let expected = reference::tensors(&folder.join(format!("forward/{name}.safetensors")));
    let numbers = reference::json(&folder.join(format!("forward/{name}.json")));
    let input = put(&expected["input"]);
    let run = network.forward(&[input], &Edits::new(), &Retain::All);
    let run = run.unwrap_or_else(|e| panic!("{file}: {e}"));
    let mut found = Forward::default();
    add_outputs(&mut found.outputs, file, "out", network, &run, &expected);
    for (key, expected) in &expected {
        if let Some(difference) = activation_difference(file, network, &run, key, expected) {
            found
                .activations
                .add(difference, TOLERANCE, || format!("{file} {key}"));
        }
    }
    for (module, numbers) in numbers["activations"].as_object().unwrap() {
        let Some(layer) = layer_of(network, module) else {
            found.without_layer.push(module.clone());
            continue;
        };
        let value = run.activation(network, layer).unwrap();
        add_moments(
            &mut found.moments,
            &format!("{file} {module}"),
            value,
            numbers,
        );
    }
    found
}

/// The outputs of a run, whose expected values are called `PREFIX.OUTPUT`.
fn add_outputs(
    found: &mut Difference,
    file: &str,
    prefix: &str,
    network: &Network,
    run: &Run,
    expected: &BTreeMap<String, Tensor>,
) {
    for (output, value) in network.outputs().iter().zip(run.outputs()) {
        let key = format!("{prefix}.{}", output.name);
        let expected = expected
            .get(&key)
            .unwrap_or_else(|| panic!("{file}: no {key}"));
        found.add(max_diff(value, expected), TOLERANCE, || {
            format!("{file} {key}")
        });
    }
}

/// Files keep the first sample of an activation, some of them every second row and column.
fn activation_difference(
    file: &str,
    network: &Network,
    run: &Run,
    key: &str,
    expected: &Tensor,
) -> Option<f64> {
    let (module, thin) = match key.split_once('.') {
        Some(("act", module)) => (module, false),
        Some(("act_every2nd", module)) => (module, true),
        _ => return None,
    };
    let layer = layer_of(network, module);
    let layer = layer.unwrap_or_else(|| panic!("{file} has no layer {module}"));
    let value = run.activation(network, layer).unwrap();
    let mut got = value.narrow(0, 0, 1).unwrap();
    if thin {
        for axis in [2, 3] {
            let every2nd: Vec<u32> = (0..got.dim(axis).unwrap() as u32).step_by(2).collect();
            let index = Tensor::new(every2nd, got.device()).unwrap();
            let whole = got.contiguous().unwrap();
            got = whole.index_select(&index, axis).unwrap();
        }
    }
    Some(max_diff(&got, expected))
}

fn add_moments(found: &mut Difference, what: &str, value: &Tensor, expected: &Value) {
    let values = values(value);
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let std = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    let number = |key: &str| expected[key].as_f64().unwrap();
    let scale = number("std").max(number("mean").abs());
    for (key, got) in [("mean", mean), ("std", std)] {
        let difference = (got - number(key)).abs();
        // A value that is zero everywhere has no scale.
        let relative = if difference == 0.0 {
            0.0
        } else {
            difference / scale
        };
        found.add(relative, 1e-4, || format!("{what} {key}"));
    }
    let positive = values.iter().filter(|v| **v > 0.0).count() as f64 / n;
    let difference = (positive - number("positive_fraction")).abs();
    assert!(difference <= 1e-3, "{what} positive: {difference}");
}

/// Runs a network under every edit of `interventions/NAME`; fails where an output differs, or where a run that is resumed
/// differs in a bit from one from the beginning.
pub(crate) fn interventions(
    file: &str,
    name: &str,
    folder: &Path,
    network: &Network,
) -> Difference {
    let expected = reference::tensors(&folder.join(format!("interventions/{name}.safetensors")));
    let numbers = reference::json(&folder.join(format!("interventions/{name}.json")));
    let input = [put(&expected["input"])];
    let plain = network
        .forward(&input, &Edits::new(), &Retain::All)
        .unwrap();
    let mut found = Difference::default();
    for case in numbers["interventions"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        let edits = edit_stack(network, case, &expected).resolve(network);
        let edits = edits.unwrap_or_else(|e| panic!("{file} {id}: {e}"));
        let run = network.forward(&input, &edits, &Retain::Nothing).unwrap();
        add_outputs(&mut found, file, id, network, &run, &expected);
        let resumed = network.resume(&plain, &edits).unwrap();
        for (a, b) in resumed.outputs().iter().zip(run.outputs()) {
            assert_eq!(values(a), values(b), "{file} {id} resumed");
        }
    }
    found
}

/// One edit per unit, because each unit has its own level.
fn edit_stack(network: &Network, case: &Value, tensors: &BTreeMap<String, Tensor>) -> EditStack {
    let mut stack = EditStack::default();
    for edit in case["edits"].as_array().unwrap() {
        let layer = layer_of(network, edit["layer"].as_str().unwrap()).unwrap();
        let mask = edit["mask"].as_str().map(|name| {
            let values = tensors[name].flatten_all().unwrap().to_vec1().unwrap();
            let (rows, columns) = tensors[name].dims2().unwrap();
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
