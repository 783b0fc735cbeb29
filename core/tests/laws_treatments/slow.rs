//! The slow, obvious version: layers as explicit matrices, relevance shared element by element.

use candle_core::Tensor;
use ganoscope_core::network::{Edits, Retain};

use crate::common::{Case, values};

/// A layer between inputs and output, in numbers of one sample.
pub(crate) struct Layer {
    /// `y = sum_k m[k] x[k] + b` where the layer is linear in its inputs.
    pub(crate) matrices: Vec<Vec<Vec<f64>>>,
    x: Vec<Vec<f64>>,
    y: Vec<f64>,
}

pub(crate) fn forward(case: &Case, inputs: &[Tensor]) -> Vec<f64> {
    let run = case
        .network
        .forward(inputs, &Edits::new(), &Retain::Nothing);
    values(&run.unwrap().outputs()[0])
}

pub(crate) fn sample(case: &Case) -> Vec<Tensor> {
    let first = case.inputs.iter().map(|x| x.narrow(0, 0, 1).unwrap());
    first.map(|x| x.contiguous().unwrap()).collect()
}

impl Layer {
    /// Columns are differences to the value at zero (or at `x`, for a layer that is linear only near it).
    pub(crate) fn of(case: &Case, near_x: bool) -> Self {
        let inputs = sample(case);
        let step = if near_x { 1e-7 } else { 1.0 };
        let base: Vec<Tensor> = inputs
            .iter()
            .map(|x| {
                if near_x {
                    x.clone()
                } else {
                    x.zeros_like().unwrap()
                }
            })
            .collect();
        let zero = forward(case, &base);
        let column = |k: usize, i: usize| -> Vec<f64> {
            let mut moved = values(&base[k]);
            moved[i] += step;
            let mut all = base.clone();
            all[k] = Tensor::from_vec(moved, base[k].dims(), base[k].device()).unwrap();
            let found = forward(case, &all);
            found
                .iter()
                .zip(&zero)
                .map(|(a, b)| (a - b) / step)
                .collect()
        };
        let matrices = (0..inputs.len()).map(|k| {
            let columns = (0..inputs[k].elem_count()).map(|i| column(k, i));
            columns.collect()
        });
        Self {
            matrices: matrices.collect(),
            x: inputs.iter().map(values).collect(),
            y: forward(case, &inputs),
        }
    }

    /// `R_i = sum_j m_ij R_j`, for the relevance `R = y`.
    pub(crate) fn routed(&self) -> Vec<Vec<f64>> {
        let share = |column: &Vec<f64>| column.iter().zip(&self.y).map(|(m, r)| m * r).sum();
        let of_input = |matrix: &Vec<Vec<f64>>| matrix.iter().map(share).collect();
        self.matrices.iter().map(of_input).collect()
    }

    /// `R_i = x_i sum_j m_ij R_j / (y_j + 1e-6 sign(y_j))`, for the relevance `R = y`.
    pub(crate) fn normed(&self) -> Vec<Vec<f64>> {
        let s: Vec<f64> = self.y.iter().map(|y| y / (y + sign(*y) * 1e-6)).collect();
        let share = |(column, x): (&Vec<f64>, &f64)| {
            let products = column.iter().zip(&s).map(|(m, s)| m * s);
            x * products.sum::<f64>()
        };
        let inputs = self.matrices.iter().zip(&self.x);
        inputs
            .map(|(matrix, x)| matrix.iter().zip(x).map(share).collect())
            .collect()
    }
}

pub(crate) fn sign(y: f64) -> f64 {
    if y >= 0.0 { 1.0 } else { -1.0 }
}
