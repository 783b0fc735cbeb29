//! Initial weights by name and seed: the same on every machine, whatever the order of layers.

use candle_core::{Device, Tensor};

use crate::network::{NetworkError, Role};
use crate::seed::hash_uniform;

/// The initial value of a parameter: Glorot-uniform kernels and matrices (Keras default; Glorot and Bengio 2010),
/// zero biases and means, unit scales and variances, slopes of `prelu_slope`.
///
/// # Errors
/// When the tensor cannot be made.
pub fn initial_value(
    key: &str,
    role: Role,
    dims: &[usize],
    seed: u64,
    prelu_slope: f64,
) -> Result<Tensor, NetworkError> {
    let n: usize = dims.iter().product();
    let values = match role {
        Role::Weight if dims.len() > 1 => {
            let taps: usize = dims[2..].iter().product();
            let limit = (6.0 / ((dims[0] + dims[1]) * taps) as f64).sqrt();
            hash_uniform(key, n, seed)
                .iter()
                .map(|u| (u * limit) as f32)
                .collect()
        }
        Role::Weight | Role::Var => vec![1.0; n],
        Role::Bias | Role::Mean | Role::Value => vec![0.0; n],
        Role::Slope => vec![prelu_slope as f32; n],
    };
    Ok(Tensor::from_vec(values, dims, &Device::Cpu)?)
}
