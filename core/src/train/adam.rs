//! Adam (Kingma and Ba 2015, arXiv 1412.6980, algorithm 1) over the trained parameters of a network, and Muon (Jordan et
//! al. 2024, <https://kellerjordan.github.io/posts/muon/>) for the kernels inside it when a recipe says so.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::TrainError;
use crate::network::{Gradients, Network};

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

    /// One update: the network with `parameter - rate * m / (sqrt(v) + eps)`.
    pub(super) fn update(
        &mut self,
        network: &Network,
        gradients: &Gradients,
        rate: f64,
    ) -> Result<Network, TrainError> {
        self.updates += 1;
        let correction =
            |beta: f64| 1.0 - beta.powi(i32::try_from(self.updates).unwrap_or(i32::MAX));
        let (c1, c2) = (correction(self.beta1) as f32, correction(self.beta2) as f32);
        let (b1, b2, rate) = (self.beta1 as f32, self.beta2 as f32, rate as f32);
        let moments = &mut self.moments;
        Ok(network.map_params(|id, param| {
            let Some(gradient) = gradients.params.get(&(id, param.role)) else {
                return Ok(param.tensor.clone());
            };
            let gradient = gradient.flatten_all()?.to_vec1::<f32>()?;
            let mut values = param.tensor.flatten_all()?.to_vec1::<f32>()?;
            let n = values.len();
            let zeros = || Moments {
                first: vec![0.0; n],
                second: vec![0.0; n],
            };
            let state = moments.entry(param.key.to_string()).or_insert_with(zeros);
            if self.orthogonal && is_inner_kernel(param.tensor.dims()) {
                let rows = param.tensor.dims()[0];
                muon_step(&mut values, &mut state.first, &gradient, rows, rate);
                return Ok(Tensor::from_vec(values, param.tensor.dims(), &Device::Cpu)?);
            }
            let parts = state.first.par_iter_mut().zip(state.second.par_iter_mut());
            values
                .par_iter_mut()
                .zip(parts)
                .zip(gradient.par_iter())
                .with_min_len(1 << 14)
                .for_each(|((value, (m, v)), g)| {
                    *m = b1 * *m + (1.0 - b1) * g;
                    *v = b2 * *v + (1.0 - b2) * g * g;
                    *value -= rate * (*m / c1) / ((*v / c2).sqrt() + EPSILON);
                });
            Ok(Tensor::from_vec(values, param.tensor.dims(), &Device::Cpu)?)
        })?)
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
fn muon_step(values: &mut [f32], momentum: &mut [f32], gradient: &[f32], rows: usize, rate: f32) {
    for (m, g) in momentum.iter_mut().zip(gradient) {
        *m = MUON_MOMENTUM * *m + (1.0 - MUON_MOMENTUM) * g;
    }
    let ahead: Vec<f32> = momentum
        .iter()
        .zip(gradient)
        .map(|(m, g)| MUON_MOMENTUM * m + (1.0 - MUON_MOMENTUM) * g)
        .collect();
    let columns = values.len() / rows;
    let step = MUON_STEP * (rows.max(columns) as f32).sqrt() * rate;
    for (value, direction) in values.iter_mut().zip(orthogonal(ahead, rows)) {
        *value -= step * direction;
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
