//! The skeleton of all rules on layers with weights: denominators, division, transpose, recombination.
//!
//! Several relevances can share one pass: `r` may hold P stacked batches `[P N, ...]` for an input of batch N, whose
//! denominators are computed once. f32 on the CPU runs in single passes over memory, other types by tensor operations.

use std::sync::Arc;

use candle_core::{DType, Result, Tensor};

use super::AttributionError;
use super::rule::{Change, Group, Part, When};
use super::shared_conv::{self, Quotient, TermConv};
use super::signed_conv::{self, SignedTerms};
use super::sums::sample_sums;
use crate::kernels::{self, Algorithm, Weights};
use crate::network::{Node, Role, floats, is_fast, linear_apply, linear_pullback, with_slice};

/// A group with its weights changed once, for many maps.
#[derive(Clone, Debug)]
pub(super) struct PreparedGroup {
    coefficient: f64,
    when: When,
    epsilon: f64,
    /// Whether the denominator is the layer's own output.
    is_output: bool,
    /// The sum of the terms' biases.
    bias: Option<Tensor>,
    /// What to take from the layer's output when biases are left out.
    without: Option<Tensor>,
    terms: Vec<PreparedTerm>,
    /// The terms as one convolution, where they are parts of the weights by sign.
    signed: Option<SignedTerms>,
}

#[derive(Clone, Debug)]
struct PreparedTerm {
    input: Part,
    weight: Tensor,
    /// Its convolutions, where `shared_conv` can run them.
    conv: Option<Arc<TermConv>>,
    /// The term's value where it does not depend on the input, `[1, ...]`.
    value: Option<Tensor>,
}

impl PreparedGroup {
    /// Changes the weights of `node`, which reads values of dimensions `input_dims` (batch left out). `before`: the groups
    /// of this node that are there.
    pub(super) fn new(
        node: &Node,
        group: &Group,
        before: &[Self],
        input_dims: &[usize],
        zero_bias: bool,
    ) -> std::result::Result<Self, AttributionError> {
        let weight = node.require(Role::Weight)?;
        let shared = before.iter().find_map(|group| group.signed.as_ref());
        let signed = SignedTerms::new(node, group, shared, input_dims)?;
        let (own_bias, without) = match node.param(Role::Bias) {
            Some(bias) if zero_bias => (None, Some(bias.clone())),
            bias => (bias, None),
        };
        let (mut bias, mut terms) = (None, Vec::new());
        for term in &group.terms {
            if let Some(own) = own_bias
                && let Some(part) = term.bias.of(own)?
            {
                bias = Some(sum(bias, part)?);
            }
            let Some(weight) = term.weight.of(weight)? else {
                continue;
            };
            if is_zero(&weight)? {
                continue;
            }
            let value = if term.input == Part::One {
                let mut dims = vec![1];
                dims.extend_from_slice(input_dims);
                let ones = Tensor::ones(dims, weight.dtype(), weight.device())?;
                Some(linear_apply(
                    Algorithm::Direct,
                    &node.op,
                    &ones,
                    &weight,
                    None,
                )?)
            } else {
                None
            };
            terms.push(PreparedTerm {
                input: term.input,
                conv: if term.input == Part::One || signed.is_some() {
                    None
                } else {
                    TermConv::new(node, &weight, input_dims)?.map(Arc::new)
                },
                weight: weight.contiguous()?,
                value,
            });
        }
        let is_output = match group.terms.as_slice() {
            [term] => {
                term.input == Part::All
                    && [term.weight, term.bias].iter().all(|c| *c == Change::All)
            }
            _ => false,
        };
        Ok(Self {
            coefficient: group.coefficient,
            when: group.when,
            epsilon: group.epsilon,
            is_output,
            bias,
            without,
            terms,
            signed,
        })
    }

    /// The convolutions of the terms.
    pub(super) fn convs(&self) -> impl Iterator<Item = Option<&TermConv>> {
        self.terms.iter().map(|term| term.conv.as_deref())
    }

    /// The part of the bias in the denominators.
    pub(super) fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    /// Whether the layer's own output is read.
    pub(super) fn reads_output(&self) -> bool {
        let by_output = matches!(self.when, When::OutputPositive | When::OutputNegative);
        by_output || self.is_output || self.signed.is_none()
    }

    pub(super) fn quotient(&self) -> Quotient {
        Quotient {
            when: self.when,
            epsilon: self.epsilon as f32,
            coefficient: self.coefficient as f32,
        }
    }

    /// The denominator before stabilising: `[N, ...]`, or `[1, ...]` where it does not depend on the input.
    fn denominator(
        &self,
        node: &Node,
        parts: &[Option<Tensor>],
        y: &Tensor,
    ) -> std::result::Result<Tensor, AttributionError> {
        if self.is_output {
            return Ok(y.clone());
        }
        let mut bias = self.bias.as_ref();
        if is_fast(y)
            && let Some(z) = shared_conv::denominator(self, parts)?
        {
            let z = Tensor::from_vec(z, y.dims(), y.device())?;
            return Ok(match bias {
                Some(bias) => z.broadcast_add(&bias_shape(bias, z.rank())?)?,
                None => z,
            });
        }
        let mut z: Option<Tensor> = None;
        for (term, part) in self.terms.iter().zip(parts) {
            let value = match (&term.value, part) {
                (Some(value), _) => value.clone(),
                // The first product takes the bias along.
                (None, Some(part)) => {
                    linear_apply(Algorithm::Direct, &node.op, part, &term.weight, bias.take())?
                }
                (None, None) => continue,
            };
            z = Some(sum(z, value)?);
        }
        let z = match z {
            Some(z) => z,
            None => y.zeros_like()?,
        };
        match bias {
            Some(bias) => Ok(z.broadcast_add(&bias_shape(bias, z.rank())?)?),
            None => Ok(z),
        }
    }
}

/// Shares the relevance `r` at the output `y` of a weighted layer among its inputs `x`; `y` may be anything for groups that
/// do not read it.
///
/// Returns the relevance of the input, stacked like `r`, and what the bias of each stacked sample took.
pub(super) fn propagate(
    node: &Node,
    groups: &[PreparedGroup],
    x: &Tensor,
    y: &Tensor,
    r: &Tensor,
) -> std::result::Result<(Tensor, Vec<f64>), AttributionError> {
    let stack = r.dim(0)?;
    let mut input_dims = x.dims().to_vec();
    input_dims[0] = stack;
    let mut relevance: Option<Tensor> = None;
    let mut absorbed = vec![0.0; stack];
    let mut parts_seen: Vec<(Part, Option<Tensor>)> = Vec::new();
    // Without biases the layer's output is that of the weights alone.
    let is_read = groups.iter().any(PreparedGroup::reads_output);
    let y = match groups.first().and_then(|group| group.without.as_ref()) {
        Some(bias) if is_read => &y.broadcast_sub(&bias_shape(bias, y.rank())?)?,
        _ => y,
    };
    for group in groups {
        if let Some(terms) = &group.signed {
            let done = signed_conv::propagate(terms, group, x, r, relevance.take(), &mut absorbed)?;
            relevance = Some(done);
            continue;
        }
        let parts = group
            .terms
            .iter()
            .map(|term| part_of(x, term.input, &mut parts_seen))
            .collect::<Result<Vec<_>>>()?;
        let z = group.denominator(node, &parts, y)?;
        let s = divide(r, &z, y, group)?;
        if let Some(bias) = &group.bias {
            for (sum, taken) in absorbed.iter_mut().zip(taken_by_bias(&s, bias)?) {
                *sum += taken;
            }
        }
        if is_fast(&s) && group.convs().all(|conv| conv.is_some()) {
            let mut sum = match relevance.take() {
                Some(before) => before.flatten_all()?.to_vec1()?,
                None => Vec::new(),
            };
            let s = s.contiguous()?;
            with_slice(&s, |s: &[f32]| {
                shared_conv::transposed(group, &parts, s, stack, &mut sum)
            })
            .transpose()?;
            if !sum.is_empty() {
                relevance = Some(Tensor::from_vec(sum, input_dims.as_slice(), r.device())?);
            }
            continue;
        }
        for (term, part) in group.terms.iter().zip(&parts) {
            let Some(part) = part else { continue };
            let c = linear_pullback(Algorithm::Direct, &node.op, &s, &term.weight, &input_dims)?;
            relevance = Some(if term.input == Part::One {
                sum(relevance, c)?
            } else {
                add_product(relevance, part, &c)?
            });
        }
    }
    let relevance = match relevance {
        Some(relevance) => relevance,
        None => Tensor::zeros(input_dims, r.dtype(), r.device())?,
    };
    Ok((relevance, absorbed))
}

/// The part of `x`, computed once for all groups of a layer.
fn part_of(
    x: &Tensor,
    part: Part,
    seen: &mut Vec<(Part, Option<Tensor>)>,
) -> Result<Option<Tensor>> {
    if let Some((_, value)) = seen.iter().find(|(p, _)| *p == part) {
        return Ok(value.clone());
    }
    let value = part.of(x)?;
    seen.push((part, value.clone()));
    Ok(value)
}

/// `coefficient r / s(z)` where the group applies, zero elsewhere; `z` and `y` are shared by the stacked batches of `r`.
fn divide(r: &Tensor, z: &Tensor, y: &Tensor, group: &PreparedGroup) -> Result<Tensor> {
    let (when, epsilon, coefficient) = (group.when, group.epsilon, group.coefficient);
    if is_fast(r) && is_fast(z) && is_fast(y) {
        let quotient = group.quotient();
        return zip3(r, z, y, move |r, z, y| quotient.of(r, z, y));
    }
    let mask = |t: Tensor| t.to_dtype(r.dtype());
    let z = stabilise(z, epsilon)?;
    let r = match when {
        When::Always => r.clone(),
        When::OutputPositive => stacked_mul(r, &mask(y.gt(0.0)?)?)?,
        When::OutputNegative => stacked_mul(r, &mask(y.lt(0.0)?)?)?,
        When::RelevancePositive => r.maximum(0.0)?,
        When::RelevanceNegative => r.minimum(0.0)?,
    };
    stacked_mul(&r, &z.recip()?)? * coefficient
}

/// `z + epsilon sign(z)` with `sign(0) = 1`.
pub(super) fn stabilise(z: &Tensor, epsilon: f64) -> Result<Tensor> {
    let sign = z.ge(0.0)?.to_dtype(z.dtype())?.affine(2.0, -1.0)?;
    z + (sign * epsilon)?
}

/// `r * m` with `m` repeated for every stacked batch of `r`.
pub(super) fn stacked_mul(r: &Tensor, m: &Tensor) -> Result<Tensor> {
    if r.dims() == m.dims() {
        return r * m;
    }
    let (n, stack) = (m.dim(0)?, r.dim(0)?);
    let mut dims = vec![stack / n, n];
    dims.extend_from_slice(&r.dims()[1..]);
    r.reshape(dims)?
        .broadcast_mul(&m.unsqueeze(0)?)?
        .reshape(r.dims())
}

/// `total + part * c` with `part` repeated for every stacked batch of `c`.
fn add_product(total: Option<Tensor>, part: &Tensor, c: &Tensor) -> Result<Tensor> {
    if let (true, true, Some(t)) = (is_fast(part), is_fast(c), &total) {
        return zip3(c, part, t, |c, part, total| part.mul_add(c, total));
    }
    sum(total, stacked_mul(c, part)?)
}

fn sum(total: Option<Tensor>, more: Tensor) -> Result<Tensor> {
    match total {
        Some(total) if total.dims() == more.dims() && is_fast(&total) && is_fast(&more) => {
            zip3(&total, &more, &more, |total, more, _| total + more)
        }
        Some(total) if total.dims() == more.dims() => total + more,
        Some(total) => total.broadcast_add(&more),
        None => Ok(more),
    }
}

/// `f(a_i, b_i, c_i)` in f32 on the CPU; `b` and `c` repeat when they are shorter.
fn zip3(
    a: &Tensor,
    b: &Tensor,
    c: &Tensor,
    f: impl Fn(f32, f32, f32) -> f32 + Sync,
) -> Result<Tensor> {
    let (a, b, c) = (a.contiguous()?, b.contiguous()?, c.contiguous()?);
    let plane = plane_of(&a);
    let values = with_slice(&a, |a: &[f32]| {
        with_slice(&b, |b: &[f32]| {
            with_slice(&c, |c: &[f32]| kernels::zip3_planes(a, b, c, plane, |_| &f))
        })
    });
    match values.flatten().flatten() {
        Some(values) => Tensor::from_vec(values, a.dims(), a.device()),
        None => candle_core::bail!("expected f32 values on the CPU"),
    }
}

/// Elements of a plane: of a channel of a picture, of a whole sample of features.
fn plane_of(t: &Tensor) -> usize {
    let dims = t.dims();
    let from = if dims.len() > 2 { 2 } else { 1 };
    dims.iter().skip(from).product::<usize>().max(1)
}

/// What the bias takes of every stacked sample: the sum of `s` times the bias.
fn taken_by_bias(s: &Tensor, bias: &Tensor) -> Result<Vec<f64>> {
    if !is_fast(s) || !is_fast(bias) {
        return sample_sums(&s.broadcast_mul(&bias_shape(bias, s.rank())?)?);
    }
    let bias = bias.flatten_all()?.to_vec1::<f32>()?;
    Ok(products_with_bias(
        &floats(&s.contiguous()?)?,
        s.dims(),
        &bias,
    ))
}

/// The sum of `s`, of dimensions `dims`, times the bias for every sample.
pub(super) fn products_with_bias(s: &[f32], dims: &[usize], bias: &[f32]) -> Vec<f64> {
    let sample = (s.len() / dims[0].max(1)).max(1);
    let channels = dims.get(1).copied().unwrap_or(1).max(1);
    // One value for every plane (`[C]`), or for every element of a sample (a map, features).
    if bias.len() == channels && sample > channels {
        let plane = sample / channels;
        let sums = kernels::weighted_sums(s, plane, |i| Weights::One(bias[i % channels]));
        return sums.chunks(channels).map(|s| s.iter().sum()).collect();
    }
    kernels::weighted_sums(s, sample, |_| Weights::Each(bias))
}

/// A bias of `[C]`, `[F]` or `[C, H, W]` shaped to broadcast with a value of `rank`.
fn bias_shape(bias: &Tensor, rank: usize) -> Result<Tensor> {
    match (bias.rank(), rank) {
        (1, 4) => bias.reshape((1, bias.elem_count(), 1, 1)),
        _ => bias.unsqueeze(0),
    }
}

fn is_zero(t: &Tensor) -> Result<bool> {
    let total = t.abs()?.sum_all()?.to_dtype(DType::F64)?;
    Ok(total.to_scalar::<f64>()? == 0.0)
}
