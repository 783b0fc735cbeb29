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

/// Share of the Glorot noise that stays beside the copied colours in the first and last kernels of
/// [`near_identity_value`].
const IDENTITY_NOISE: f64 = 0.25;

/// Feature `i` of a generator that starts near the identity copies input channel `i % COPIED`: three colours, and two
/// position channels where there are any.
const COPIED: usize = 5;

/// The initial value of a parameter of a generator that starts near "return the blend": the last normalisation of every
/// residual block starts at zero, so that blocks start as the identity (Goyal et al. 2017, arXiv 1706.02677, section
/// 5.1); the first and last kernels copy the colours with their middle taps (as `dirac_` in PyTorch) beside a little
/// noise. A deblender changes few pixels much and most not at all, which this start does not have to learn.
///
/// # Errors
/// When the tensor cannot be made.
pub fn near_identity_value(
    key: &str,
    role: Role,
    dims: &[usize],
    seed: u64,
    prelu_slope: f64,
) -> Result<Tensor, NetworkError> {
    let value = initial_value(key, role, dims, seed, prelu_slope)?;
    let layer = key.rsplit_once('.').map_or(key, |(layer, _)| layer);
    let ends_block = layer.ends_with("bn2") || layer == "bn_root";
    match role {
        Role::Weight if ends_block => Ok(value.zeros_like()?),
        Role::Weight if layer == "conv_in" => copying(&value, dims, |out, input| {
            f64::from(u8::from(out % COPIED == input))
        }),
        Role::Weight if layer.starts_with("out") => {
            // The features that copy a colour share the slope; 2.2 x - 1.1 passes tanh close to 2 x - 1.
            copying(&value, dims, |colour, feature| {
                let copies = (0..dims[1]).filter(|f| f % COPIED == colour).count();
                let copied = f64::from(u8::from(feature % COPIED == colour));
                2.2 * copied / copies.max(1) as f64
            })
        }
        Role::Bias if layer.starts_with("out") => Ok(Tensor::full(-1.1_f32, dims, &Device::Cpu)?),
        _ => Ok(value),
    }
}

/// A kernel `[out, in, rows, columns]` that adds `tap(out, in)` at its middle to a little of `noise`.
fn copying(
    noise: &Tensor,
    dims: &[usize],
    tap: impl Fn(usize, usize) -> f64,
) -> Result<Tensor, NetworkError> {
    let area = dims[2] * dims[3];
    let mut values = (noise * IDENTITY_NOISE)?.flatten_all()?.to_vec1::<f32>()?;
    for (kernel, taps) in values.chunks_mut(area).enumerate() {
        taps[area / 2] += tap(kernel / dims[1], kernel % dims[1]) as f32;
    }
    Ok(Tensor::from_vec(values, dims, &Device::Cpu)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::{GeneratorConfig, generator};
    use crate::network::{Edits, Retain};

    #[test]
    fn a_start_near_the_identity_returns_the_blend() {
        let config = GeneratorConfig {
            filters: 10,
            root_blocks: 2,
            branch_blocks: 1,
            stamp_size: 24,
            position_channels: true,
            ..GeneratorConfig::default()
        };
        let network = generator(&config, |key, role, dims| {
            near_identity_value(key, role, dims, 5, 0.2)
        })
        .unwrap();
        let pixels: Vec<f32> = hash_uniform("blend", 3 * 24 * 24, 1)
            .iter()
            .map(|v| (v + 1.0) as f32 / 2.0)
            .collect();
        let blend = Tensor::from_slice(&pixels, (1, 3, 24, 24), &Device::Cpu).unwrap();
        let run = network
            .forward(&[blend], &Edits::new(), &Retain::Nothing)
            .unwrap();
        for output in run.outputs() {
            let output = output.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            // Correlation: the noise beside the copies and tanh shift values a little.
            let n = output.len() as f32;
            let mean = |v: &[f32]| v.iter().sum::<f32>() / n;
            let (a, b) = (mean(&output), mean(&pixels));
            let product = |x: &[f32], mx: f32, y: &[f32], my: f32| -> f32 {
                x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum()
            };
            let correlation = product(&output, a, &pixels, b)
                / (product(&output, a, &output, a) * product(&pixels, b, &pixels, b)).sqrt();
            assert!(correlation > 0.9, "{correlation}");
        }
    }
}
