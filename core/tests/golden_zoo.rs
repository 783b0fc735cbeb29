//! Networks of nine kinds equal PyTorch: outputs, activations of every layer, and outputs under edits.
//!
//! `GANOSCOPE_TEST_DEVICE` runs them on another device. The reference numbers were computed in f64 from f32 weights; without them the tests only build the networks.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::path::Path;

use common::device_support::put_network;
use common::{compare, reference, zoo};
use ganoscope_core::network::Network;

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
        let found = compare::forward(name, name, &folder, &load(&folder, name));
        assert!(
            found.outputs.compared > 0 && found.activations.compared == 3,
            "{name}"
        );
        // Padding is part of the convolution here.
        let is_padding = |module: &String| module.starts_with("net.pad");
        assert!(
            found.without_layer.iter().all(is_padding),
            "{name}: {found:?}"
        );
    }
}

#[test]
fn edited_outputs_equal_pytorch() {
    let Some(folder) = reference::folder() else {
        return;
    };
    for name in zoo::NAMES {
        let found = compare::interventions(name, name, &folder, &load(&folder, name));
        assert!(found.compared > 3, "{name}: {found:?}");
    }
}
