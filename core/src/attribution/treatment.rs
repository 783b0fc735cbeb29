//! What happens to relevance at one layer, for every kind of layer and rule.

use candle_core::{D, Tensor};

use super::propagate::{PreparedGroup, propagate, stabilise, stacked_mul};
use super::rule::STABILISER;
use super::sums::{add_to, sample_sums};
use super::{AttributionError, Rule};
use crate::network::{Mode, Network, Node, Op, Role, node_forward, node_pullback};

/// What happens to relevance at a layer.
#[derive(Clone, Debug)]
pub(super) enum Treatment {
    /// It stays: an input or a constant.
    End,
    /// Unchanged.
    Pass,
    /// Pulled back like a gradient.
    Gradient,
    /// Shared by a rule through weights.
    Weighted(Vec<PreparedGroup>),
    /// Shared by a rule through fixed weights.
    Fixed(Rule),
    /// Instance normalisation: the deviations are constants, the means are not.
    Centred { eps: f64 },
    /// Half to each factor, all to the only one that depends on an input.
    Product([f64; 2]),
}

/// What a treatment reads of a run.
#[derive(Clone, Copy)]
pub(super) struct Reads {
    pub(super) inputs: bool,
    pub(super) output: bool,
}

impl Treatment {
    /// What [`Treatment::share`] reads.
    pub(super) fn reads(&self) -> Reads {
        let (inputs, output) = match self {
            Self::End | Self::Pass => (false, false),
            Self::Weighted(groups) => (true, groups.iter().any(PreparedGroup::reads_output)),
            Self::Gradient | Self::Fixed(_) | Self::Centred { .. } | Self::Product(_) => {
                (true, true)
            }
        };
        Reads { inputs, output }
    }

    /// Prepares `rule` for a node; `live`: which values depend on an input.
    pub(super) fn new(
        network: &Network,
        node: &Node,
        rule: Rule,
        live: &[bool],
        zero_bias: bool,
    ) -> Result<Self, AttributionError> {
        Ok(match (&node.op, rule) {
            (Op::Input { .. } | Op::Constant, _) => Self::End,
            (_, Rule::Gradient) => Self::Gradient,
            // Division by the root mean square is a constant factor: every relevance stays where it is.
            (_, Rule::Pass) | (Op::PixelNorm { .. }, _) => Self::Pass,
            (Op::Conv2d(_) | Op::ConvTranspose2d { .. } | Op::Dense, rule) => {
                let input_dims = &network.node(node.inputs[0]).fact.dims;
                let mut groups = Vec::new();
                for group in rule.groups() {
                    let prepared =
                        PreparedGroup::new(node, &group, &groups, input_dims, zero_bias)?;
                    groups.push(prepared);
                }
                Self::Weighted(groups)
            }
            (Op::InstanceNorm { eps }, _) => Self::Centred { eps: *eps },
            (Op::Mul, _) => {
                let [a, b] = [0, 1].map(|i| live[node.inputs[i].index()]);
                Self::Product(match (a, b) {
                    (true, false) => [1.0, 0.0],
                    (false, true) => [0.0, 1.0],
                    _ => [0.5, 0.5],
                })
            }
            (_, rule) => Self::Fixed(rule),
        })
    }

    /// The relevance of the inputs `x` of `node` from the relevance `r` at its value `y`; what goes to no input is added to
    /// `absorbed`.
    pub(super) fn share(
        &self,
        node: &Node,
        x: &[Tensor],
        y: &Tensor,
        r: &Tensor,
        absorbed: &mut [f64],
    ) -> Result<Vec<Tensor>, AttributionError> {
        match self {
            Self::End => {
                add_to(absorbed, &sample_sums(r)?);
                Ok(Vec::new())
            }
            Self::Pass => Ok(vec![r.clone()]),
            Self::Gradient => {
                let pulled = pull(node, x, y, r)?;
                if let Op::Pad { value, .. } = &node.op
                    && *value != 0.0
                {
                    let (before, after) = (sample_sums(r)?, sample_sums(&pulled[0])?);
                    let lost: Vec<_> = before.iter().zip(after).map(|(b, a)| b - a).collect();
                    add_to(absorbed, &lost);
                }
                Ok(pulled)
            }
            Self::Weighted(groups) => {
                let (relevance, taken) = propagate(node, groups, &x[0], y, r)?;
                add_to(absorbed, &taken);
                Ok(vec![relevance])
            }
            Self::Fixed(rule) => {
                let shares = fixed(node, *rule, x, y, r)?;
                if let (Op::BatchNorm { .. }, Rule::Norm | Rule::Epsilon { .. }) = (&node.op, rule)
                {
                    let epsilon = match rule {
                        Rule::Epsilon { epsilon } => *epsilon,
                        _ => STABILISER,
                    };
                    add_to(absorbed, &taken_by_shift(y, r, &shares[0], epsilon)?);
                }
                Ok(shares)
            }
            Self::Centred { eps } => {
                let share = centred(node, *eps, &x[0], y, r)?;
                add_to(absorbed, &taken_by_shift(y, r, &share, STABILISER)?);
                Ok(vec![share])
            }
            Self::Product(shares) => {
                let sum = Node {
                    op: Op::Add,
                    ..node.clone()
                };
                let pulled = pull(&sum, x, y, r)?;
                let scaled = pulled.iter().zip(shares).map(|(r, share)| r * *share);
                Ok(scaled.collect::<Result<_, _>>()?)
            }
        }
    }
}

/// Pulls the stacked relevance `r` back like a gradient, one batch at a time.
fn pull(
    node: &Node,
    x: &[Tensor],
    y: &Tensor,
    r: &Tensor,
) -> Result<Vec<Tensor>, AttributionError> {
    let need = vec![true; x.len()];
    let batch = y.dim(0)?;
    let mut batches: Vec<Vec<Tensor>> = vec![Vec::new(); x.len()];
    for start in (0..r.dim(0)?).step_by(batch) {
        let g = r.narrow(0, start, batch)?.contiguous()?;
        let local = node_pullback(node, x, y, &g, &need, false, Mode::Inference)?;
        for ((slot, pulled), x) in batches.iter_mut().zip(local.inputs).zip(x) {
            slot.push(match pulled {
                Some(pulled) => pulled,
                None => x.zeros_like()?,
            });
        }
    }
    let joined = batches.iter().map(|batches| match batches.as_slice() {
        [one] => Ok(one.clone()),
        many => Tensor::cat(many, 0),
    });
    Ok(joined.collect::<Result<_, _>>()?)
}

/// Rules on layers whose weights are fixed and not negative (and normalisation by stored statistics): the share of an
/// input is its part of the stabilised sum.
fn fixed(
    node: &Node,
    rule: Rule,
    x: &[Tensor],
    y: &Tensor,
    r: &Tensor,
) -> Result<Vec<Tensor>, AttributionError> {
    let through = |x: &[Tensor], y: &Tensor, r: &Tensor, epsilon: f64| {
        let s = stacked_mul(r, &stabilise(y, epsilon)?.recip()?)?;
        let pulled = pull(node, x, y, &s)?;
        let shares = pulled.iter().zip(x).map(|(g, x)| stacked_mul(g, x));
        Ok::<_, AttributionError>(shares.collect::<Result<Vec<_>, _>>()?)
    };
    let of_part = |part: fn(&Tensor) -> Result<Tensor, candle_core::Error>, r: &Tensor| {
        let x = x.iter().map(part).collect::<Result<Vec<_>, _>>()?;
        let inputs: Vec<&Tensor> = x.iter().collect();
        let y = node_forward(node, &inputs, y.dim(0)?, Mode::Inference, |_| ())?;
        through(&x, &y, r, STABILISER)
    };
    let positive: fn(&Tensor) -> _ = |x| x.maximum(0.0);
    let negative: fn(&Tensor) -> _ = |x| x.minimum(0.0);
    match rule {
        Rule::Epsilon { epsilon } => through(x, y, r, epsilon),
        Rule::ZPlus => of_part(positive, r),
        Rule::Polar => {
            let real = of_part(positive, &r.maximum(0.0)?)?;
            let fake = of_part(negative, &r.minimum(0.0)?)?;
            let both = real.iter().zip(&fake).map(|(a, b)| a + b);
            Ok(both.collect::<Result<_, _>>()?)
        }
        _ => through(x, y, r, STABILISER),
    }
}

/// What the shift of a normalisation takes of the relevance `r` at its value `y`: the part of the stabilised quotients that the
/// input's `share` has not.
fn taken_by_shift(
    y: &Tensor,
    r: &Tensor,
    share: &Tensor,
    epsilon: f64,
) -> Result<Vec<f64>, AttributionError> {
    let whole = stacked_mul(r, &(y / &stabilise(y, epsilon)?)?)?;
    let parts = sample_sums(&whole)?.into_iter().zip(sample_sums(share)?);
    Ok(parts.map(|(whole, share)| whole - share).collect())
}

/// Instance normalisation with its deviations held constant: `y = a (x - mean(x)) + b` per sample and channel, shared by
/// the norm rule (the layer-normalisation rule of Ali et al. 2022, arXiv 2202.07304).
fn centred(
    node: &Node,
    eps: f64,
    x: &Tensor,
    y: &Tensor,
    r: &Tensor,
) -> Result<Tensor, AttributionError> {
    let mean = |t: &Tensor| t.mean_keepdim(D::Minus1)?.mean_keepdim(D::Minus2);
    let var = mean(&x.broadcast_sub(&mean(x)?)?.sqr()?)?;
    let mut gain = (var + eps)?.sqrt()?.recip()?;
    if let Some(weight) = node.param(Role::Weight) {
        gain = gain.broadcast_mul(&weight.reshape((1, weight.elem_count(), 1, 1))?)?;
    }
    let per_element = gain.broadcast_div(&stabilise(y, STABILISER)?)?;
    let s = stacked_mul(r, &per_element)?;
    Ok(stacked_mul(&s.broadcast_sub(&mean(&s)?)?, x)?)
}
