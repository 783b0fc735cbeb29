//! A network written as ONNX and read again is the same network.

use std::collections::BTreeMap;

use ganoscope_core::checkpoint::{NetworkSpec, open_network, write_onnx};
use ganoscope_core::network::{Edits, Network, Op};

use super::networks::{others, random};
use super::{difference, outputs, zoo};
use crate::common::zoo::NAMES;

/// Writes and reads a network.
fn again(network: &Network) -> Network {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.onnx");
    write_onnx(&path, network).unwrap();
    let opened = open_network(&NetworkSpec::parse(&path.to_string_lossy()));
    opened.unwrap_or_else(|e| panic!("{e}")).network
}

fn check(what: &str, network: &Network, same_layers: bool) -> f64 {
    let read = again(network);
    let difference = difference(
        &outputs(&read, &Edits::new()),
        &outputs(network, &Edits::new()),
    );
    assert!(difference <= 1e-6, "{what}: {difference}");
    let inputs = |n: &Network| -> Vec<String> {
        let ids = n.inputs().iter();
        ids.map(|id| n.node(*id).name.to_string()).collect()
    };
    assert_eq!(inputs(&read), inputs(network), "{what}");
    let outputs =
        |n: &Network| -> Vec<String> { n.outputs().iter().map(|o| o.name.to_string()).collect() };
    // In the format no value is called like another one.
    let called = |name: String| {
        let mark = if inputs(network).contains(&name) {
            "_out"
        } else {
            ""
        };
        format!("{name}{mark}")
    };
    let expected: Vec<String> = outputs(network).into_iter().map(called).collect();
    assert_eq!(outputs(&read), expected, "{what}");
    if same_layers {
        assert_eq!(layers(&read), layers(network), "{what}");
        let shapes = |n: &Network| -> BTreeMap<String, Vec<usize>> {
            let dict = n.state_dict().into_iter();
            // Constants are repeated along leading axes of one, however many they have.
            let dims = |tensor: &candle_core::Tensor| -> Vec<usize> {
                let dims = tensor.dims().iter().copied();
                dims.skip_while(|dim| *dim == 1).collect()
            };
            dict.map(|(key, tensor)| (key, dims(&tensor))).collect()
        };
        // A normalisation without scale and shift gets ones and zeros, because the format has none without.
        let mut found = shapes(&read);
        let expected = shapes(network);
        found.retain(|key, _| expected.contains_key(key) || !what.starts_with("InstanceNorm"));
        assert_eq!(found, expected, "{what}");
    }
    difference
}

/// Names and operations of all layers that are read, in order of names.
fn layers(network: &Network) -> BTreeMap<String, String> {
    let nodes = network
        .nodes()
        .iter()
        .filter(|node| node.op != Op::Constant);
    nodes
        .map(|node| {
            // A vector is made by `Flatten` whichever way it was asked for.
            let op = match &node.op {
                Op::Reshape { dims } if dims.len() == 1 => Op::Flatten,
                op => op.clone(),
            };
            (node.name.to_string(), op.to_string())
        })
        .collect()
}

#[test]
fn known_networks_come_back_with_their_layers_and_keys() {
    let mut worst = 0.0_f64;
    for name in NAMES {
        worst = worst.max(check(name, &zoo(name), true));
    }
    eprintln!(
        "{} networks written and read, largest difference {worst:.1e}",
        NAMES.len()
    );
}

#[test]
fn random_networks_and_every_operation_come_back() {
    for seed in 0..60 {
        check(&format!("network {seed}"), &random(seed), true);
    }
    for (what, network) in others() {
        let is_itself = !matches!(what.as_str(), "bias map" | "constants" | "outputs");
        check(&what, &network, is_itself);
    }
}
