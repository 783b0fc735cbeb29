//! The skeleton of the rules whose terms are the positive and the negative weights, on a convolution in f32 on the CPU: both
//! terms in one pass, with the division and the product with the input done in its place.

use std::sync::Arc;

use candle_core::{Result, Tensor};

use super::propagate::{PreparedGroup, products_with_bias};
use super::rule::{Change, Group, Part};
use crate::kernels::{self, Reading, SignedConv, zip_run, zip3_run};
use crate::network::{Node, Op, Role, conv_shape, floats, is_fast};

/// The terms of a group as one convolution.
#[derive(Clone, Debug)]
pub(super) struct SignedTerms {
    conv: Arc<SignedConv>,
    /// What the positive and the negative weights read.
    parts: [Option<Part>; 2],
}

impl SignedTerms {
    /// `None` unless `node` is a convolution in f32 on the CPU that reads values of dimensions `input_dims`, and the terms of
    /// `group` are parts of its weights by sign. `shared`: those of another group of the node.
    pub(super) fn new(
        node: &Node,
        group: &Group,
        shared: Option<&Self>,
        input_dims: &[usize],
    ) -> Result<Option<Self>> {
        let (Op::Conv2d(conv), Some(weight)) = (&node.op, node.param(Role::Weight)) else {
            return Ok(None);
        };
        if !is_fast(weight) {
            return Ok(None);
        }
        let mut parts = [None; 2];
        for term in &group.terms {
            let sign = match term.weight {
                Change::Positive => 0,
                Change::Negative => 1,
                _ => return Ok(None),
            };
            if term.input == Part::One || parts[sign].replace(term.input).is_some() {
                return Ok(None);
            }
        }
        let conv = match shared {
            Some(shared) => shared.conv.clone(),
            None => {
                let shape = conv_shape(&[&[1], input_dims].concat(), weight.dims(), conv)?;
                let weight = weight.flatten_all()?.to_vec1::<f32>()?;
                let conv = SignedConv::new(&shape, &weight);
                Arc::new(conv.map_err(candle_core::Error::wrap)?)
            }
        };
        Ok(Some(Self { conv, parts }))
    }
}

/// The value of a part, `x` cut to a range and moved; zero everywhere when it is not there.
#[derive(Clone, Copy)]
struct Cut {
    low: f32,
    high: f32,
    shift: f32,
}

impl Cut {
    fn of(part: Option<Part>) -> Self {
        let all = Self {
            low: f32::NEG_INFINITY,
            high: f32::INFINITY,
            shift: 0.0,
        };
        match part {
            None => Self {
                low: 0.0,
                high: 0.0,
                ..all
            },
            Some(Part::All | Part::One) => all,
            Some(Part::Positive) => Self { low: 0.0, ..all },
            Some(Part::Negative) => Self { high: 0.0, ..all },
            Some(Part::Minus(value)) => Self {
                shift: value as f32,
                ..all
            },
        }
    }

    #[inline(always)]
    #[allow(
        clippy::inline_always,
        reason = "part of loops that are compiled for wide vectors"
    )]
    fn at(self, x: f32) -> f32 {
        // Not `clamp`, which keeps no value that is not a number in vectors.
        let x = if x < self.low { self.low } else { x };
        let x = if x > self.high { self.high } else { x };
        x - self.shift
    }
}

/// `before` and the shares of `group`: the relevance of the input `x` from `r` at the output, both perhaps stacked batches of
/// `x`. Adds what the bias of each stacked sample took to `absorbed`.
pub(super) fn propagate(
    terms: &SignedTerms,
    group: &PreparedGroup,
    x: &Tensor,
    r: &Tensor,
    before: Option<Tensor>,
    absorbed: &mut [f64],
) -> Result<Tensor> {
    let (batch, stack) = (x.dim(0)?, r.dim(0)?);
    let (x, r) = (x.contiguous()?, r.contiguous()?);
    let mut dims = x.dims().to_vec();
    dims[0] = stack;
    let out_dims = r.dims();
    let (x, r) = (floats(&x)?, floats(&r)?);
    let (x, r): (&[f32], &[f32]) = (&x, &r);
    let parts = there(terms.parts, x);
    let moved = parts.map(|part| match part {
        Some(Part::Minus(value)) => kernels::map_planes(x, x.len(), |_| move |x| x - value as f32),
        _ => Vec::new(),
    });
    let readings = [0, 1].map(|i| match parts[i] {
        None => Reading::Nothing,
        Some(Part::All | Part::One) => Reading::All(x),
        Some(Part::Positive) => Reading::Positive(x),
        Some(Part::Negative) => Reading::Negative(x),
        Some(Part::Minus(_)) => Reading::All(&moved[i]),
    });
    let bias = group
        .bias()
        .map(|bias| bias.flatten_all()?.to_vec1::<f32>());
    let bias = bias.transpose()?;
    let s = shares_per_output(
        terms,
        group,
        (batch, readings),
        (r, out_dims),
        bias.as_deref(),
    )?;
    if let Some(bias) = &bias {
        let taken = products_with_bias(&s, out_dims, bias);
        absorbed
            .iter_mut()
            .zip(taken)
            .for_each(|(sum, taken)| *sum += taken);
    }
    let before = before.map(|before| before.contiguous()).transpose()?;
    let before = before.as_ref().map(floats).transpose()?;
    let cuts = parts.map(Cut::of);
    let combine = |offset: usize, positive: &mut [f32], negative: &[f32]| {
        let x = &x[offset % x.len()..];
        zip3_run(positive, negative, x, move |p, n, x| {
            cuts[0].at(x) * p + cuts[1].at(x) * n
        });
        if let Some(before) = &before {
            zip_run(positive, &before[offset..], |new, before| before + new);
        }
    };
    let wanted = parts.map(|part| part.is_some());
    let relevance = terms.conv.transposed(stack, &s, wanted, &combine);
    let relevance = relevance.map_err(candle_core::Error::wrap)?;
    Tensor::from_vec(relevance, dims, &candle_core::Device::Cpu)
}

/// Relevance divided by the stabilised sum of each output, of `r` with dimensions `dims`.
fn shares_per_output(
    terms: &SignedTerms,
    group: &PreparedGroup,
    (batch, readings): (usize, [Reading<'_>; 2]),
    (r, dims): (&[f32], &[usize]),
    bias: Option<&[f32]>,
) -> Result<Vec<f32>> {
    let quotient = group.quotient();
    let (sample, plane) = (dims[1..].iter().product::<usize>(), dims[2] * dims[3]);
    let is_stacked = dims[0] != batch;
    let finish = |offset: usize, run: &mut [f32]| {
        match bias {
            Some(bias) if bias.len() == dims[1] => {
                let bias = bias[offset % sample / plane];
                kernels::update_run(run, move |z| z + bias);
            }
            Some(map) => zip_run(run, &map[offset % sample..], |z, bias| z + bias),
            None => {}
        }
        if !is_stacked {
            // These groups apply wherever the output stands.
            zip_run(run, &r[offset..], move |z, r| quotient.of(r, z, z));
        }
    };
    let z = terms.conv.forward(batch, readings, Some(&finish));
    let z = z.map_err(candle_core::Error::wrap)?;
    if is_stacked {
        return Ok(kernels::zip_planes(r, &z, plane, |_| {
            move |r, z| quotient.of(r, z, z)
        }));
    }
    Ok(z)
}

/// The parts that are not zero everywhere; a part that is the whole input is read as such.
fn there(parts: [Option<Part>; 2], x: &[f32]) -> [Option<Part>; 2] {
    // Mostly found at once. A value that is not a number counts as both.
    let has = |sign: f32| x.iter().any(|x| sign * x > 0.0 || x.is_nan());
    let (has_positive, has_negative) = (has(1.0), has(-1.0));
    parts.map(|part| match part {
        Some(Part::Positive) if !has_positive => None,
        Some(Part::Negative) if !has_negative => None,
        Some(Part::Positive) if !has_negative => Some(Part::All),
        Some(Part::Negative) if !has_positive => Some(Part::All),
        part => part,
    })
}
