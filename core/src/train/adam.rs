//! Adam over the trained parameters of a network, and Muon (Jordan et
//! al. 2024, <https://kellerjordan.github.io/posts/muon/>) for the kernels inside it when a recipe says so.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::TrainError;
use crate::kernels::{AdamState, AdamStep};
use crate::network::{Gradients, Network, NodeId, Param, Role, floats};

/// First and second moments of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moments {
    pub(super) first: Vec<f32>,
    pub(super) second: Vec<f32>,
}

/// The optimiser's state for one network.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Adam {
    pub(super) beta1: f64,
    pub(super) beta2: f64,
    /// Whether kernels with as many inputs as outputs take Muon's step.
    pub(super) orthogonal: bool,
    /// Updates made so far.
    pub(super) updates: u64,
    /// By key of the state dict.
    pub(super) moments: BTreeMap<String, Moments>,
}

/// Added to the root of the second moment; the published default.
const EPSILON: f32 = 1e-8;

impl Adam {
    pub(super) fn new(beta1: f64, beta2: f64, orthogonal: bool) -> Self {
        Self {
            beta1,
            beta2,
            orthogonal,
            updates: 0,
            moments: BTreeMap::new(),
        }
    }

    /// One update by the sum of the gradients: the optimiser and the network after it.
    pub(super) fn update(
        &self,
        network: &Network,
        gradients: &[Gradients],
        rate: f64,
    ) -> Result<(Self, Network), TrainError> {
        let mut next = Self {
            updates: self.updates + 1,
            moments: BTreeMap::new(),
            ..*self
        };
        let correction =
            |beta: f64| 1.0 - beta.powi(i32::try_from(next.updates).unwrap_or(i32::MAX));
        let step = AdamStep {
            beta: [self.beta1 as f32, self.beta2 as f32],
            correction: [correction(self.beta1) as f32, correction(self.beta2) as f32],
            rate: rate as f32,
            epsilon: EPSILON,
        };
        let params: Vec<(NodeId, &Param)> = network.params().collect();
        let updated: Vec<Option<AdamState<Vec<f32>>>> = params
            .par_iter()
            .with_max_len(1)
            .map(|(id, param)| self.updated(param, &(*id, param.role), gradients, &step))
            .collect::<Result<_, candle_core::Error>>()?;
        let mut updated = updated.into_iter();
        let network = network.map_params(|_, param| {
            let Some(AdamState {
                value,
                first,
                second,
            }) = updated.next().flatten()
            else {
                if let Some(moments) = self.moments.get(&*param.key) {
                    next.moments.insert(param.key.to_string(), moments.clone());
                }
                return Ok(param.tensor.clone());
            };
            let moments = Moments { first, second };
            next.moments.insert(param.key.to_string(), moments);
            Ok(Tensor::from_vec(value, param.tensor.dims(), &Device::Cpu)?)
        })?;
        Ok((next, network))
    }

    /// One parameter with its moments after the update; `None` where no gradient flowed.
    fn updated(
        &self,
        param: &Param,
        key: &(NodeId, Role),
        gradients: &[Gradients],
        step: &AdamStep,
    ) -> candle_core::Result<Option<AdamState<Vec<f32>>>> {
        let tensors = gradients.iter().filter_map(|g| g.params.get(key));
        let tensors = tensors
            .map(Tensor::contiguous)
            .collect::<candle_core::Result<Vec<_>>>()?;
        if tensors.is_empty() {
            return Ok(None);
        }
        let slices = tensors
            .iter()
            .map(floats)
            .collect::<candle_core::Result<Vec<_>>>()?;
        let slices: Vec<&[f32]> = slices.iter().map(|s| &**s).collect();
        let value = param.tensor.contiguous()?;
        let value = floats(&value)?;
        let zeros;
        let moments = match self.moments.get(&*param.key) {
            Some(moments) => moments,
            None => {
                zeros = Moments {
                    first: vec![0.0; value.len()],
                    second: vec![0.0; value.len()],
                };
                &zeros
            }
        };
        let before = AdamState {
            value: &*value,
            first: &moments.first,
            second: &moments.second,
        };
        Ok(Some(
            if self.orthogonal && is_inner_kernel(param.tensor.dims()) {
                muon_step(before, &slices, param.tensor.dims()[0], step.rate)
            } else {
                step.update(before, &slices)
            },
        ))
    }
}

/// Whether a parameter is the kernel of a layer between features, `[n, n, rows, columns]`.
fn is_inner_kernel(dims: &[usize]) -> bool {
    matches!(dims, [out, input, _, _] if out == input)
}

/// Decay of Muon's momentum.
const MUON_MOMENTUM: f32 = 0.95;
/// Root mean square of Muon's step in learning rates, which makes rates of Adam fit (Liu et al. 2025, arXiv 2502.16982,
/// section 2.2).
const MUON_STEP: f32 = 0.2;

/// One update by Muon: momentum with a look ahead, made orthogonal as a matrix `[rows, taps]`.
fn muon_step(
    before: AdamState<&[f32]>,
    gradients: &[&[f32]],
    rows: usize,
    rate: f32,
) -> AdamState<Vec<f32>> {
    let mut gradient = vec![0.0; before.value.len()];
    for part in gradients {
        for (sum, g) in gradient.iter_mut().zip(*part) {
            *sum += g;
        }
    }
    let moved = |m: &f32, g: &f32| MUON_MOMENTUM * m + (1.0 - MUON_MOMENTUM) * g;
    let zip = |m: &[f32]| -> Vec<f32> {
        let pairs = m.iter().zip(&gradient);
        pairs.map(|(m, g)| moved(m, g)).collect()
    };
    let first = zip(before.first);
    let columns = gradient.len() / rows;
    let step = MUON_STEP * (rows.max(columns) as f32).sqrt() * rate;
    let directions = orthogonal(zip(&first), rows);
    let value = before.value.iter().zip(directions);
    AdamState {
        value: value.map(|(value, d)| value - step * d).collect(),
        first,
        second: before.second.to_vec(),
    }
}

/// The nearest matrix with orthonormal rows, roughly (singular values 0.7 to 1.2): five steps of the quintic
/// Newton-Schulz iteration. `rows` must not exceed the number of columns.
fn orthogonal(mut x: Vec<f32>, rows: usize) -> Vec<f32> {
    const COEFFICIENTS: [f32; 3] = [3.4445, -4.7750, 2.0315];
    let columns = x.len() / rows;
    let norm = x.iter().map(|v| v * v).sum::<f32>().sqrt() + 1e-12;
    for value in &mut x {
        *value /= norm;
    }
    let [a, b, c] = COEFFICIENTS;
    for _ in 0..5 {
        // gram = x xᵀ; mixed = b gram + c gram gram + a 1
        let row = |i: usize| &x[i * columns..][..columns];
        let gram: Vec<f32> = (0..rows * rows)
            .map(|k| dot(row(k / rows), row(k % rows)))
            .collect();
        let mixed: Vec<f32> = (0..rows * rows)
            .map(|k| {
                let (i, j) = (k / rows, k % rows);
                // The Gram matrix is symmetric, so its columns are its rows.
                let square = dot(&gram[i * rows..][..rows], &gram[j * rows..][..rows]);
                let diagonal = if i == j { a } else { 0.0 };
                diagonal + b * gram[k] + c * square
            })
            .collect();
        let mut next = vec![0.0; x.len()];
        for (i, out) in next.chunks_mut(columns).enumerate() {
            for (j, input) in x.chunks(columns).enumerate() {
                let weight = mixed[i * rows + j];
                for (o, v) in out.iter_mut().zip(input) {
                    *o += weight * v;
                }
            }
        }
        x = next;
    }
    x
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_nearly_orthonormal() {
        let (rows, columns) = (6, 20);
        let values = crate::seed::hash_uniform("kernel", rows * columns, 3);
        let x = orthogonal(values.iter().map(|v| *v as f32).collect(), rows);
        for i in 0..rows {
            for j in 0..rows {
                let product = dot(&x[i * columns..][..columns], &x[j * columns..][..columns]);
                let range = if i == j { 0.4..1.5 } else { -0.4..0.4 };
                assert!(range.contains(&product), "{i} {j}: {product}");
            }
        }
    }
}
