//! The skeleton of the rules on a convolution, f32 on the CPU: the same steps as `propagate`, each done in the place where
//! the convolution wrote its result, with weights prepared once.

use candle_core::{Result, Tensor};

use super::propagate::PreparedGroup;
use super::rule::When;
use crate::kernels::{Algorithm, PreparedConv, zip_run, zip3_run};
use crate::network::{Node, Op, conv_shape, with_slice};

/// The convolutions of one term: of its part of the input, and back.
#[derive(Debug)]
pub(super) struct TermConv {
    forward: PreparedConv,
    backward: PreparedConv,
}

impl TermConv {
    /// `None` unless `node` is a convolution in f32 on the CPU that reads values of dimensions `input_dims`.
    pub(super) fn new(node: &Node, weight: &Tensor, input_dims: &[usize]) -> Result<Option<Self>> {
        let Op::Conv2d(conv) = &node.op else {
            return Ok(None);
        };
        if !crate::network::is_fast(weight) {
            return Ok(None);
        }
        let shape = conv_shape(&[&[1], input_dims].concat(), weight.dims(), conv)?;
        let weight = weight.flatten_all()?.to_vec1::<f32>()?;
        // Rules divide by sums that may be small beside their neighbours.
        let algorithm = Algorithm::Direct;
        let forward = PreparedConv::new(algorithm, &shape, &weight, None);
        let backward = PreparedConv::transposed(algorithm, &shape, &weight);
        Ok(Some(Self {
            forward: forward.map_err(candle_core::Error::wrap)?,
            backward: backward.map_err(candle_core::Error::wrap)?,
        }))
    }
}

/// `coefficient r / s(z)` where the group applies, zero elsewhere.
#[derive(Clone, Copy)]
pub(super) struct Quotient {
    pub(super) when: When,
    pub(super) epsilon: f32,
    pub(super) coefficient: f32,
}

impl Quotient {
    #[inline]
    pub(super) fn of(self, r: f32, z: f32, y: f32) -> f32 {
        let applies = match self.when {
            When::Always => true,
            When::OutputPositive => y > 0.0,
            When::OutputNegative => y < 0.0,
            When::RelevancePositive => r > 0.0,
            When::RelevanceNegative => r < 0.0,
        };
        let stabiliser = if z >= 0.0 {
            self.epsilon
        } else {
            -self.epsilon
        };
        if applies {
            self.coefficient * r / (z + stabiliser)
        } else {
            0.0
        }
    }
}

/// The denominator of `group` without its bias: the sum of the terms that have a part in `parts`, `[N, ...]` like the
/// layer's output. `None` when a term is not a convolution with these parts.
pub(super) fn denominator(
    group: &PreparedGroup,
    parts: &[Option<Tensor>],
) -> Result<Option<Vec<f32>>> {
    let mut sum: Option<Vec<f32>> = None;
    for (conv, part) in group.convs().zip(parts) {
        let Some(part) = part else { continue };
        let Some(conv) = conv else { return Ok(None) };
        let (batch, part) = (part.dim(0)?, part.contiguous()?);
        let before = sum.take();
        let add = |offset: usize, run: &mut [f32]| {
            if let Some(before) = &before {
                zip_run(run, &before[offset..], |x, before| before + x);
            }
        };
        let done = with_slice(&part, |part: &[f32]| {
            conv.forward.run_new(batch, part, Some(&add))
        });
        let Some(value) = done else { return Ok(None) };
        sum = Some(value.map_err(candle_core::Error::wrap)?);
    }
    Ok(sum)
}

/// Adds `part * W' s` of every term of `group` to `relevance`, which is stacked like `s` and may be empty at first. The
/// parts repeat for every stacked batch.
pub(super) fn transposed(
    group: &PreparedGroup,
    parts: &[Option<Tensor>],
    s: &[f32],
    stack: usize,
    relevance: &mut Vec<f32>,
) -> Result<()> {
    for (conv, part) in group.convs().zip(parts) {
        let (Some(conv), Some(part)) = (conv, part) else {
            continue;
        };
        let part = part.contiguous()?;
        let before = std::mem::take(relevance);
        let done = with_slice(&part, |part: &[f32]| {
            let share = |offset: usize, run: &mut [f32]| {
                let part = &part[offset % part.len()..];
                if before.is_empty() {
                    zip_run(run, part, |c, part| c * part);
                } else {
                    zip3_run(run, part, &before[offset..], |c, part, before| {
                        before + part * c
                    });
                }
            };
            conv.backward.run_new(stack, s, Some(&share))
        });
        if let Some(done) = done {
            *relevance = done.map_err(candle_core::Error::wrap)?;
        }
    }
    Ok(())
}
