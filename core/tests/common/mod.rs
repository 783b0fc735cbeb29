//! What several integration tests share: procedural networks and values, comparisons, reference files.
#![allow(
    dead_code,
    reason = "every test binary compiles this module and uses a part of it"
)]

pub(crate) mod compare;
#[path = "../device_support/mod.rs"]
pub(crate) mod device_support;
pub(crate) mod reference;
pub(crate) mod zoo;

use candle_core::{DType, Device, Tensor};
use device_support::{exact_device, fetch};
use ganoscope_core::network::{Mode, Network, NetworkBuilder, NetworkError, NodeId, Role};
use ganoscope_core::seed::hash_uniform;

/// Runs `f` on one thread: thousands of tiny networks would spend their time handing work to other threads.
pub(crate) fn on_one_thread(f: impl FnOnce() + Send) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    pool.unwrap().install(f);
}

/// Procedural parameters in f64: small weights, normalisation near 1, variances positive.
pub(crate) fn parameter(key: &str, role: Role, dims: &[usize]) -> Result<Tensor, NetworkError> {
    let of = |u: f64| match role {
        Role::Weight if dims.len() == 1 => 1.0 + 0.3 * u,
        Role::Weight => 0.7 * u,
        Role::Bias | Role::Mean => 0.3 * u,
        Role::Var => 1.0 + 0.5 * u,
        Role::Slope => 0.2 + 0.3 * u,
        Role::Value => u,
    };
    let values = hash_uniform(key, dims.iter().product(), 11);
    Ok(Tensor::from_iter(values.into_iter().map(of), &Device::Cpu)?.reshape(dims)?)
}

/// Values of magnitude 0.1 to 1.1, so that finite differences do not step over a kink at 0.
pub(crate) fn away_from_zero(name: &str, dims: &[usize]) -> Tensor {
    let values = hash_uniform(name, dims.iter().product(), 5);
    tensor(
        values
            .into_iter()
            .map(|u| u + 0.1_f64.copysign(u))
            .collect(),
        dims,
    )
}

/// Values of which no two are closer than the reciprocal of their number: no ties in a maximum.
pub(crate) fn without_ties(name: &str, dims: &[usize]) -> Tensor {
    let keys = hash_uniform(name, dims.iter().product(), 5);
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by(|a, b| keys[*a].total_cmp(&keys[*b]));
    let mut values = vec![0.0; keys.len()];
    for (rank, place) in order.into_iter().enumerate() {
        values[place] = (rank as f64 + 0.5) / keys.len() as f64 - 0.5;
    }
    tensor(values, dims)
}

/// An f64 tensor, where the test computes in f64.
pub(crate) fn tensor(values: Vec<f64>, dims: &[usize]) -> Tensor {
    Tensor::from_vec(values, dims, exact_device()).unwrap()
}

/// The elements in f64, whatever the type and dimensions.
pub(crate) fn values(tensor: &Tensor) -> Vec<f64> {
    let flat = fetch(tensor).to_dtype(DType::F64).unwrap();
    let flat = flat.flatten_all().unwrap();
    flat.to_vec1().unwrap()
}

/// Largest absolute difference; infinite when the dimensions differ or a value is not a number.
pub(crate) fn max_diff(a: &Tensor, b: &Tensor) -> f64 {
    if a.dims() != b.dims() {
        return f64::INFINITY;
    }
    let differences = values(a).into_iter().zip(values(b)).map(|(a, b)| {
        let d = (a - b).abs();
        if d.is_nan() { f64::INFINITY } else { d }
    });
    differences.fold(0.0, f64::max)
}

/// Largest magnitude.
pub(crate) fn max_abs(a: &Tensor) -> f64 {
    values(a).into_iter().fold(0.0, |m, v| m.max(v.abs()))
}

/// A small network with the inputs on which a law is tested.
pub(crate) struct Case {
    /// What the message of a failure names.
    pub(crate) label: String,
    /// In f64.
    pub(crate) network: Network,
    /// In f64, `[N, ...]` each.
    pub(crate) inputs: Vec<Tensor>,
    /// Mode of the run.
    pub(crate) mode: Mode,
}

/// Builds a case: `dims` are those of its inputs, batch left out; `layers` returns the nodes that become outputs.
pub(crate) fn case(
    label: &str,
    dims: &[&[usize]],
    layers: impl FnOnce(&mut NetworkBuilder<'_>, &[NodeId]) -> Result<Vec<NodeId>, NetworkError>,
) -> Case {
    case_of(label, dims, 2, away_from_zero, layers)
}

/// [`case`] with a batch size and a way to fill the inputs.
pub(crate) fn case_of(
    label: &str,
    dims: &[&[usize]],
    batch: usize,
    fill: fn(&str, &[usize]) -> Tensor,
    layers: impl FnOnce(&mut NetworkBuilder<'_>, &[NodeId]) -> Result<Vec<NodeId>, NetworkError>,
) -> Case {
    let mut builder = NetworkBuilder::new(parameter);
    let (mut ids, mut inputs) = (Vec::new(), Vec::new());
    for (i, dims) in dims.iter().enumerate() {
        let name = format!("input{i}");
        ids.push(builder.input(&name, dims).unwrap());
        let full = [&[batch], *dims].concat();
        inputs.push(fill(&format!("{label}.{name}"), &full));
    }
    let outputs = layers(&mut builder, &ids).unwrap_or_else(|e| panic!("{label}: {e}"));
    for (i, id) in outputs.into_iter().enumerate() {
        builder.output(&format!("output{i}"), id);
    }
    let network = builder.finish().and_then(|n| n.to_dtype(DType::F64));
    let network = network.and_then(|n| n.to_device(exact_device()));
    Case {
        label: label.to_owned(),
        network: network.unwrap_or_else(|e| panic!("{label}: {e}")),
        inputs,
        mode: Mode::Inference,
    }
}
