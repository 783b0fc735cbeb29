//! Adam over the trained parameters of a network, with Muon for the kernels inside it when a recipe says so, on any device.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::TrainError;
use super::muon::{Kernel, is_inner_kernel, muon_step, step_elsewhere};
use crate::kernels::{AdamState, AdamStep};
use crate::network::{
    Gradients, Network, NodeId, Param, Role, floats, has_kernels, own_adam, own_clip,
};

/// First and second moments of one parameter, in its dimensions.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    pub(super) first: Tensor,
    pub(super) second: Tensor,
}

/// The optimiser's state for one network.
#[derive(Clone, Debug)]
pub(super) struct Adam {
    pub(super) beta1: f64,
    pub(super) beta2: f64,
    /// Whether kernels with as many inputs as outputs take Muon's step.
    pub(super) orthogonal: bool,
    /// Largest length of all gradients as one vector; 0 for any.
    pub(super) clip: f64,
    /// Updates made so far.
    pub(super) updates: u64,
    /// By key of the state dict.
    pub(super) moments: BTreeMap<String, Moments>,
}

/// Added to the root of the second moment; the published default.
const EPSILON: f32 = 1e-8;

/// What parameters become, in their order; `None` where no gradient flowed.
type Updated = Vec<Option<(Tensor, Moments)>>;

impl Adam {
    pub(super) fn new(beta1: f64, beta2: f64, orthogonal: bool, clip: f64) -> Self {
        Self {
            beta1,
            beta2,
            orthogonal,
            clip,
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
        let updated = if has_kernels(&network.device()) {
            self.with_kernels(&params, gradients, &step)?
        } else {
            self.elsewhere(&params, gradients, &step, rate)?
        };
        let mut updated = updated.into_iter();
        let network = network.map_params(|_, param| {
            let Some((value, moments)) = updated.next().flatten() else {
                if let Some(moments) = self.moments.get(&*param.key) {
                    next.moments.insert(param.key.to_string(), moments.clone());
                }
                return Ok(param.tensor.clone());
            };
            next.moments.insert(param.key.to_string(), moments);
            Ok(value)
        })?;
        Ok((next, network))
    }

    /// The moments of a parameter; zeros before its first update.
    fn moments_of(&self, param: &Param) -> candle_core::Result<Moments> {
        if let Some(moments) = self.moments.get(&*param.key) {
            return Ok(moments.clone());
        }
        let zeros = param.tensor.zeros_like()?;
        Ok(Moments {
            first: zeros.clone(),
            second: zeros,
        })
    }

    /// On the CPU, parameter by parameter on all cores.
    fn with_kernels(
        &self,
        params: &[(NodeId, &Param)],
        gradients: &[Gradients],
        step: &AdamStep,
    ) -> Result<Updated, TrainError> {
        let clipped;
        let gradients = if self.clip > 0.0 {
            clipped = [self.clipped(params, gradients)?];
            &clipped
        } else {
            gradients
        };
        Ok(params
            .par_iter()
            .with_max_len(1)
            .map(|(id, param)| self.updated(param, &(*id, param.role), gradients, step))
            .collect::<candle_core::Result<_>>()?)
    }

    /// The sum of the gradients, shortened where it is too long.
    fn clipped(
        &self,
        params: &[(NodeId, &Param)],
        gradients: &[Gradients],
    ) -> candle_core::Result<Gradients> {
        let mut sum = Gradients::default();
        let mut square = 0.0;
        for (id, param) in params {
            let Some(total) = total(gradients, &(*id, param.role))? else {
                continue;
            };
            let total = total.contiguous()?;
            square += floats(&total)?
                .iter()
                .map(|g| f64::from(*g) * f64::from(*g))
                .sum::<f64>();
            sum.params.insert((*id, param.role), total);
        }
        let norm = square.sqrt();
        if norm > self.clip {
            for gradient in sum.params.values_mut() {
                *gradient = gradient.affine(self.clip / norm, 0.0)?;
            }
        }
        Ok(sum)
    }

    /// One parameter with its moments after the update; `None` where no gradient flowed.
    fn updated(
        &self,
        param: &Param,
        key: &(NodeId, Role),
        gradients: &[Gradients],
        step: &AdamStep,
    ) -> candle_core::Result<Option<(Tensor, Moments)>> {
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
        let moments = self.moments_of(param)?;
        let (first, second) = (moments.first.contiguous()?, moments.second.contiguous()?);
        let (value, first, second) = (floats(&value)?, floats(&first)?, floats(&second)?);
        let before = AdamState {
            value: &*value,
            first: &first,
            second: &second,
        };
        let dims = param.tensor.dims();
        let after = if self.orthogonal && is_inner_kernel(dims) {
            muon_step(before, &slices, dims[0], step.rate)
        } else {
            step.update(before, &slices)
        };
        let put = |values: Vec<f32>| Tensor::from_vec(values, dims, &Device::Cpu);
        let moments = Moments {
            first: put(after.first)?,
            second: put(after.second)?,
        };
        Ok(Some((put(after.value)?, moments)))
    }

    /// On any device; nothing comes back to the computer's own memory.
    fn elsewhere(
        &self,
        params: &[(NodeId, &Param)],
        gradients: &[Gradients],
        step: &AdamStep,
        rate: f64,
    ) -> Result<Updated, TrainError> {
        let totals = params
            .iter()
            .map(|(id, param)| total(gradients, &(*id, param.role)))
            .collect::<candle_core::Result<Vec<_>>>()?;
        let Some(device) = totals.iter().flatten().next().map(Tensor::device) else {
            return Ok(params.iter().map(|_| None).collect());
        };
        let scale = self.scale(&totals, device)?;
        let mut updated: Updated = params.iter().map(|_| None).collect();
        let mut plain = Vec::new();
        let mut groups: BTreeMap<&[usize], Vec<usize>> = BTreeMap::new();
        for (i, ((_, param), gradient)) in params.iter().zip(&totals).enumerate() {
            let Some(gradient) = gradient else {
                continue;
            };
            if self.orthogonal && is_inner_kernel(param.tensor.dims()) {
                groups.entry(param.tensor.dims()).or_default().push(i);
            } else {
                plain.push((i, *param, self.moments_of(param)?, gradient));
            }
        }
        let states: Vec<_> = plain
            .iter()
            .map(|(_, param, moments, gradient)| {
                [&param.tensor, &moments.first, &moments.second, *gradient]
            })
            .collect();
        for ((i, ..), after) in plain.iter().zip(adam_elsewhere(&states, &scale, step)?) {
            updated[*i] = Some(after);
        }
        for group in groups.values() {
            let kernels = group
                .iter()
                .filter_map(|i| Some((params[*i].1, totals[*i].clone()?)))
                .map(|(param, gradient)| {
                    Ok(Kernel {
                        param,
                        moments: self.moments_of(param)?,
                        gradient,
                    })
                })
                .collect::<candle_core::Result<Vec<_>>>()?;
            let stepped = step_elsewhere(&kernels, &scale, rate)?;
            for (i, after) in group.iter().zip(stepped) {
                updated[*i] = Some(after);
            }
        }
        Ok(updated)
    }

    /// What gradients are multiplied by so that they are not too long, `[1]`.
    fn scale(&self, totals: &[Option<Tensor>], device: &Device) -> candle_core::Result<Tensor> {
        if self.clip == 0.0 {
            return Tensor::ones(1, candle_core::DType::F32, device);
        }
        let all: Vec<&Tensor> = totals.iter().flatten().collect();
        if let Some(scale) = own_clip(&all, self.clip)? {
            return Ok(scale);
        }
        let flat: Vec<Tensor> = totals
            .iter()
            .flatten()
            .map(Tensor::flatten_all)
            .collect::<candle_core::Result<_>>()?;
        let square = Tensor::cat(&flat, 0)?.sqr()?.sum_keepdim(0)?;
        // min(1, clip / norm); a gradient of nothing but zeros gives infinity and so 1.
        (square.sqrt()?.recip()? * self.clip)?.minimum(1.0)
    }
}

/// The sum of one parameter's gradients; `None` where none flowed.
fn total(gradients: &[Gradients], key: &(NodeId, Role)) -> candle_core::Result<Option<Tensor>> {
    let mut sum: Option<Tensor> = None;
    for gradient in gradients.iter().filter_map(|g| g.params.get(key)) {
        sum = Some(match sum {
            Some(sum) => (sum + gradient)?,
            None => gradient.clone(),
        });
    }
    Ok(sum)
}

/// Adam's update of every `[value, first moment, second moment, gradient]` on any device.
fn adam_elsewhere(
    states: &[[&Tensor; 4]],
    scale: &Tensor,
    step: &AdamStep,
) -> candle_core::Result<Vec<(Tensor, Moments)>> {
    if let Some(after) = own_adam(states, scale, step)? {
        let after = after.into_iter();
        return Ok(after
            .map(|[value, first, second]| (value, Moments { first, second }))
            .collect());
    }
    let [b1, b2] = step.beta.map(f64::from);
    let [c1, c2] = step.correction.map(f64::from);
    let one = |[value, first, second, gradient]: &[&Tensor; 4]| {
        let gradient = gradient.broadcast_mul(scale)?;
        let first = ((*first * b1)? + (&gradient * (1.0 - b1))?)?;
        let second = ((*second * b2)? + (gradient.sqr()? * (1.0 - b2))?)?;
        let root = ((&second * c2.recip())?.sqrt()? + f64::from(step.epsilon))?;
        let move_by = ((&first * c1.recip())? * f64::from(step.rate))?.div(&root)?;
        Ok(((*value - move_by)?, Moments { first, second }))
    };
    states.iter().map(one).collect()
}
