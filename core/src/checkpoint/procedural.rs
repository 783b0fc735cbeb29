//! Weights made from nothing but their names: networks for tests and trials that need no file.
//!
//! Every value is [`hash_uniform`] of the tensor's key, scaled so that activations keep their size through the published
//! architectures; another program that follows the same formulas makes the same networks bit by bit.

use candle_core::{Device, Tensor};

use crate::network::{NetworkError, Role};
use crate::seed::hash_uniform;

/// A source for [`generator`](crate::architecture::generator) and
/// [`discriminator`](crate::architecture::discriminator) that makes every parameter from its key and `seed`.
///
/// With `u` uniform in `[-1, 1)`: kernels and matrices `u * sqrt(6 / (1.09 fan_in))` (a fifth of that for `outB`, to
/// keep tanh out of saturation), biases `0.05 u`; normalisation scale `1 + 0.2 u` (a quarter of that for `.bn2`, to damp
/// the residual branches), shift and mean `0.1 u`, variance `1 + 0.5 u`; slopes `0.2 + 0.1 u`.
pub fn procedural_weights(
    seed: u64,
) -> impl FnMut(&str, Role, &[usize]) -> Result<Tensor, NetworkError> {
    move |key, role, dims| {
        let layer = key.rsplit_once('.').map_or(key, |(layer, _)| layer);
        let is_norm = layer
            .rsplit('.')
            .next()
            .is_some_and(|part| part.starts_with("bn"));
        let fan_in: usize = dims.iter().skip(1).product();
        let (offset, factor) = match role {
            Role::Weight if is_norm => (1.0, 0.2),
            Role::Weight => (0.0, (6.0 / (1.0 + 0.3_f64.powi(2)) / fan_in as f64).sqrt()),
            Role::Bias | Role::Mean if is_norm => (0.0, 0.1),
            Role::Bias | Role::Mean => (0.0, 0.05),
            Role::Var => (1.0, 0.5),
            Role::Slope => (0.2, 0.1),
            Role::Value => (0.0, 1.0),
        };
        let damping = match role {
            Role::Weight if layer.ends_with(".bn2") => 0.25,
            Role::Weight if matches!(layer, "out1" | "out2") => 0.2,
            _ => 1.0,
        };
        let count = dims.iter().product();
        let values: Vec<f32> = hash_uniform(key, count, seed)
            .into_iter()
            .map(|u| (damping * (offset + factor * u)) as f32)
            .collect();
        Ok(Tensor::from_vec(values, dims, &Device::Cpu)?)
    }
}
