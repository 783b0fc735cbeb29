//! Edits folded into weights, and networks written as ONNX and safetensors: equal to the edited run, here and in the
//! programs they are for.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "../common/mod.rs"]
mod common;

mod folding;
mod networks;
mod peers;
mod round_trip;

use candle_core::{DType, Tensor};
use ganoscope_core::network::{Edits, Network, NetworkError, Retain, Role};
use ganoscope_core::seed::hash_uniform;

/// Procedural parameters in f32.
fn parameter(key: &str, role: Role, dims: &[usize]) -> Result<Tensor, NetworkError> {
    Ok(common::parameter(key, role, dims)?.to_dtype(DType::F32)?)
}

/// A network of the zoo with procedural weights small enough for a deep one.
fn zoo(name: &str) -> Network {
    let network = common::zoo::build(name, |key, role, dims| {
        let tensor = parameter(key, role, dims)?;
        let fan_in = dims.iter().skip(1).product::<usize>().max(1);
        Ok(match role {
            Role::Weight if dims.len() > 1 => (tensor * (2.0 / (fan_in as f64).sqrt()))?,
            _ => tensor,
        })
    });
    network.unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Two samples for every input.
fn inputs(network: &Network) -> Vec<Tensor> {
    let ids = network.inputs().iter().enumerate();
    ids.map(|(i, id)| {
        let dims = [&[2], network.node(*id).fact.dims.as_slice()].concat();
        let values = hash_uniform(&format!("input {i}"), dims.iter().product(), 3);
        let values: Vec<f32> = values.into_iter().map(|u| u as f32).collect();
        let tensor = Tensor::from_vec(values, dims, &candle_core::Device::Cpu).unwrap();
        tensor.to_dtype(network.dtype()).unwrap()
    })
    .collect()
}

fn outputs(network: &Network, edits: &Edits) -> Vec<Tensor> {
    let run = network.forward(&inputs(network), edits, &Retain::Nothing);
    run.unwrap().outputs().to_vec()
}

/// Largest difference of all outputs, over the largest value where that is above 1.
fn difference(a: &[Tensor], b: &[Tensor]) -> f64 {
    assert_eq!(a.len(), b.len());
    let pairs = a.iter().zip(b);
    let scaled = pairs.map(|(a, b)| common::max_diff(a, b) / common::max_abs(b).max(1.0));
    scaled.fold(0.0, f64::max)
}
