//! Adam (Kingma and Ba 2015, arXiv 1412.6980, algorithm 1) over the trained parameters of a network.

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
    /// Updates made so far.
    pub(super) updates: u64,
    /// By key of the state dict.
    pub(super) moments: BTreeMap<String, Moments>,
}

/// Added to the root of the second moment; the published default.
const EPSILON: f32 = 1e-8;

impl Adam {
    pub(super) fn new(beta1: f64, beta2: f64) -> Self {
        Self {
            beta1,
            beta2,
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
