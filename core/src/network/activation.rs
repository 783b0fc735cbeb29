//! Activations: their values, also in the place of their input, and their pullbacks.

use std::f64::consts::FRAC_2_SQRT_PI;

use candle_core::cpu::erf::erf_f32;
use candle_core::{Result, Tensor};

use super::elementwise::{floats, from_vec, is_fast, map, map_planes, sum_by_channel};
use super::flow::Flow;
use super::{Function, Node, Op, Role, cuda};
use crate::kernels::{self, sloped};

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// `ln(1 + exp(x))` without overflow.
fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// Not `max`, which would turn a value that is not a number into 0.
fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

fn leaky(x: f32, slope: f32) -> f32 {
    sloped(x > 0.0, x, slope)
}

fn elu(x: f32, alpha: f32) -> f32 {
    if x > 0.0 { x } else { alpha * x.exp_m1() }
}

fn silu(x: f32) -> f32 {
    x * sigmoid(x)
}

fn function(function: Function) -> fn(f32) -> f32 {
    match function {
        Function::Exp => f32::exp,
        Function::Log => f32::ln,
        Function::Sqrt => f32::sqrt,
        Function::Erf => erf_f32,
        Function::Reciprocal => f32::recip,
    }
}

/// The slopes below zero of an activation that is linear on both sides of it; f32 on the CPU.
pub(super) enum Slopes {
    /// One per channel, or one for all.
    PerChannel(Vec<f32>),
    /// One per element of a sample.
    PerElement(Tensor),
}

impl Slopes {
    /// The slopes of a layer; `None` for other operations.
    pub(super) fn of_node(node: &Node) -> Result<Option<Self>> {
        Ok(match (&node.op, node.param(Role::Slope)) {
            (Op::LeakyRelu { slope }, _) => Some(Self::PerChannel(vec![*slope as f32])),
            (Op::Prelu, Some(slope)) if is_fast(slope) => Some(Self::of_prelu(slope)?),
            _ => None,
        })
    }

    fn of_prelu(slope: &Tensor) -> Result<Self> {
        Ok(match slope.rank() {
            1 => Self::PerChannel(slope.to_vec1()?),
            _ => Self::PerElement(slope.contiguous()?),
        })
    }
}

/// Whether the sign of the value is that of the input, so that the pullback may read either.
pub(super) fn keeps_signs(op: &Op) -> bool {
    matches!(op, Op::LeakyRelu { slope } if *slope > 0.0)
}

/// The slopes of a `PReLU` for a run of values.
#[derive(Clone, Copy)]
pub(super) enum Slope<'a> {
    /// Another activation.
    None,
    /// The same for all of them.
    One(f32),
    /// One for each, and perhaps more.
    Each(&'a [f32]),
}

/// [`value`] in the place of its input, for a run of values. Does nothing for an operation that is no activation.
pub(super) fn update_run(op: &Op, slope: Slope<'_>, run: &mut [f32]) {
    match (op, slope) {
        (Op::Relu, _) => kernels::update_run(run, relu),
        (Op::LeakyRelu { slope }, _) => {
            let slope = *slope as f32;
            kernels::update_run(run, move |x| leaky(x, slope));
        }
        (Op::Prelu, Slope::One(slope)) => kernels::update_run(run, move |x| leaky(x, slope)),
        (Op::Prelu, Slope::Each(slopes)) => kernels::zip_run(run, slopes, leaky),
        (Op::Tanh, _) => kernels::update_run(run, f32::tanh),
        (Op::Sigmoid, _) => kernels::update_run(run, sigmoid),
        (Op::Elu { alpha }, _) => {
            let alpha = *alpha as f32;
            kernels::update_run(run, move |x| elu(x, alpha));
        }
        (Op::Silu, _) => kernels::update_run(run, silu),
        (Op::Softplus, _) => kernels::update_run(run, softplus),
        (Op::Function(f), _) => kernels::update_run(run, function(*f)),
        _ => (),
    }
}

/// The value of an activation. `x`: `[N, ...]`; `slope`: the parameter of a `PReLU`.
pub(super) fn value(op: &Op, x: &Tensor, slope: Option<&Tensor>) -> Result<Tensor> {
    if is_fast(x) {
        return match op {
            Op::Relu => map(x, relu),
            Op::LeakyRelu { slope } => {
                let slope = *slope as f32;
                map(x, move |x| leaky(x, slope))
            }
            Op::Prelu => prelu_fast(x, slope),
            Op::Tanh => map(x, f32::tanh),
            Op::Sigmoid => map(x, sigmoid),
            Op::Elu { alpha } => {
                let alpha = *alpha as f32;
                map(x, move |x| elu(x, alpha))
            }
            Op::Silu => map(x, silu),
            Op::Softplus => map(x, softplus),
            Op::Function(f) => map(x, function(*f)),
            _ => Ok(x.clone()),
        };
    }
    let own = match op {
        Op::LeakyRelu { slope } => cuda::leak(x, x, *slope)?,
        Op::Prelu => slope.map_or(Ok(None), |slope| cuda::bend(x, slope))?,
        _ => None,
    };
    if let Some(y) = own {
        return Ok(y);
    }
    // Chosen, not added from two halves cut by candle's `relu`: that turns a value that is not a number into 0.
    let positive_or = |below: Tensor| x.gt(0.0)?.where_cond(x, &below);
    match op {
        Op::Relu => x.lt(0.0)?.where_cond(&x.zeros_like()?, x),
        Op::LeakyRelu { slope } => positive_or((x * *slope)?),
        Op::Prelu => positive_or(x.broadcast_mul(&slope_map(slope, x)?)?),
        Op::Tanh => x.tanh(),
        Op::Sigmoid => candle_nn::ops::sigmoid(x),
        Op::Elu { alpha } => x.elu(*alpha),
        Op::Silu => x * candle_nn::ops::sigmoid(x)?,
        Op::Softplus => x.relu()? + (x.abs()?.neg()?.exp()? + 1.0)?.log()?,
        Op::Function(Function::Exp) => x.exp(),
        Op::Function(Function::Log) => x.log(),
        Op::Function(Function::Sqrt) => x.sqrt(),
        Op::Function(Function::Erf) => x.erf(),
        Op::Function(Function::Reciprocal) => x.recip(),
        _ => Ok(x.clone()),
    }
}

/// The pullback of an activation: from the gradient `g` at its output to the gradient at its input.
pub(super) fn pullback(
    op: &Op,
    x: &Tensor,
    y: &Tensor,
    g: &Tensor,
    slope: Option<&Tensor>,
) -> Result<Tensor> {
    if is_fast(x) && is_fast(g) {
        return pull(op, x, y, Flow::Shared(g.contiguous()?), slope)?.into_tensor();
    }
    let own = match op {
        Op::LeakyRelu { slope } => cuda::leak(x, g, *slope)?,
        Op::Prelu => slope.map_or(Ok(None), |slope| cuda::bend_back(x, g, slope))?,
        _ => None,
    };
    if let Some(g) = own {
        return Ok(g);
    }
    let positive = || x.gt(0.0)?.to_dtype(x.dtype());
    match op {
        Op::Relu => g * positive()?,
        Op::LeakyRelu { slope } => g * positive()?.affine(1.0 - slope, *slope)?,
        Op::Prelu => {
            let p = positive()?;
            g * (&p + p.affine(-1.0, 1.0)?.broadcast_mul(&slope_map(slope, x)?)?)?
        }
        Op::Tanh => g * y.sqr()?.affine(-1.0, 1.0)?,
        Op::Sigmoid => g * (y * y.affine(-1.0, 1.0)?)?,
        Op::Elu { alpha } => {
            let p = positive()?;
            // Where x > 0 the exponential is not used; capping it there keeps infinity out of 0 * inf.
            let below = (x.minimum(0.0)?.exp()? * *alpha)?;
            g * (&p + p.affine(-1.0, 1.0)?.mul(&below)?)?
        }
        Op::Silu => {
            let s = candle_nn::ops::sigmoid(x)?;
            g * (&s * (x * s.affine(-1.0, 1.0)?)?.affine(1.0, 1.0)?)?
        }
        Op::Softplus => g * candle_nn::ops::sigmoid(x)?,
        Op::Function(Function::Exp) => g * y,
        Op::Function(Function::Log) => g / x,
        Op::Function(Function::Sqrt) => g / (y * 2.0)?,
        Op::Function(Function::Erf) => g * (x.sqr()?.neg()?.exp()? * FRAC_2_SQRT_PI)?,
        Op::Function(Function::Reciprocal) => g * y.sqr()?.neg()?,
        _ => Ok(g.clone()),
    }
}

/// [`pullback`] in f32 on the CPU.
pub(super) fn pull(
    op: &Op,
    x: &Tensor,
    y: &Tensor,
    g: Flow,
    slope: Option<&Tensor>,
) -> Result<Flow> {
    let (x, y) = (x.contiguous()?, y.contiguous()?);
    let (x, y) = (floats(&x)?, floats(&y)?);
    let below = |g: Flow, slope: f32| g.zip_planes(&x, |_| move |g, x| sloped(x > 0.0, g, slope));
    match op {
        Op::Relu => g.zip_planes(&x, |_| |g, x| if x > 0.0 { g } else { 0.0 }),
        Op::LeakyRelu { slope } => below(g, *slope as f32),
        Op::Prelu => {
            let Some(slope) = slope else {
                candle_core::bail!("the slope is missing")
            };
            match Slopes::of_prelu(slope)? {
                Slopes::PerChannel(slopes) => {
                    let channels = g.dims()[1];
                    g.zip_planes(&x, |i| {
                        let slope = slopes[i % channels % slopes.len()];
                        move |g, x| sloped(x > 0.0, g, slope)
                    })
                }
                Slopes::PerElement(slopes) => {
                    let below = |g: f32, x: f32, slope: f32| sloped(x > 0.0, g, slope);
                    g.zip3_planes(&x, &floats(&slopes)?, |_| below)
                }
            }
        }
        Op::Tanh => g.zip_planes(&y, |_| |g, y| g * (1.0 - y * y)),
        Op::Sigmoid => g.zip_planes(&y, |_| |g, y| g * y * (1.0 - y)),
        Op::Elu { alpha } => {
            let alpha = *alpha as f32;
            g.zip_planes(&x, |_| {
                move |g, x| if x > 0.0 { g } else { g * alpha * x.exp() }
            })
        }
        Op::Silu => g.zip_planes(&x, |_| {
            |g, x| {
                let s = sigmoid(x);
                g * s * (1.0 + x * (1.0 - s))
            }
        }),
        Op::Softplus => g.zip_planes(&x, |_| |g, x| g * sigmoid(x)),
        Op::Function(Function::Exp) => g.zip_planes(&y, |_| |g, y| g * y),
        Op::Function(Function::Log) => g.zip_planes(&x, |_| |g, x| g / x),
        Op::Function(Function::Sqrt) => g.zip_planes(&y, |_| |g, y| g / (2.0 * y)),
        Op::Function(Function::Erf) => g.zip_planes(&x, |_| {
            |g, x| g * std::f32::consts::FRAC_2_SQRT_PI * (-x * x).exp()
        }),
        Op::Function(Function::Reciprocal) => g.zip_planes(&y, |_| |g, y| -g * y * y),
        _ => Ok(g),
    }
}

/// The gradient of a `PReLU`'s slope, summed to the slope's own dimensions.
pub(super) fn slope_pullback(x: &Tensor, g: &Tensor, slope: &Tensor) -> Result<Tensor> {
    if is_fast(x) && is_fast(g) {
        let g = Flow::Shared(g.contiguous()?);
        return pull_slope(&floats(&x.contiguous()?)?, &g, slope);
    }
    if slope.rank() == 1
        && slope.elem_count() > 1
        && let Some(sums) = cuda::slope_sums(x, g)?
    {
        return Ok(sums);
    }
    let over_batch = (g * x.minimum(0.0)?)?.sum(0)?;
    if slope.dims() == over_batch.dims() {
        return Ok(over_batch);
    }
    if slope.elem_count() == 1 {
        return over_batch.sum_all()?.reshape(slope.dims());
    }
    over_batch.flatten_from(1)?.sum(1)?.reshape(slope.dims())
}

/// [`slope_pullback`] in f32 on the CPU.
pub(super) fn pull_slope(x: &[f32], g: &Flow, slope: &Tensor) -> Result<Tensor> {
    let values = g.values()?;
    let below = |x: f32, g: f32| if x > 0.0 { 0.0 } else { x * g };
    if slope.rank() == 1 {
        let planes = kernels::sum_planes(x, &values, g.plane(), |_| move |x, g| [below(x, g)]);
        let sums = sum_by_channel(&planes, g.dims()[1]);
        let sums = slope_sums(sums.iter().map(|[sum]| *sum), slope.elem_count());
        return from_vec(sums, slope.dims());
    }
    let slopes = slope.contiguous()?;
    let inputs = [x, &*values, &*floats(&slopes)?];
    let (_, sums) =
        kernels::sum_planes_and_samples(inputs, g.plane(), |_| move |x, g, _| ([], below(x, g)));
    from_vec(sums, slope.dims())
}

/// The gradients of `count` slopes, one per channel or one for all, from the sums over each channel.
pub(super) fn slope_sums(sums: impl Iterator<Item = f64>, count: usize) -> Vec<f32> {
    match count {
        1 => vec![sums.sum::<f64>() as f32],
        _ => sums.map(|sum| sum as f32).collect(),
    }
}

/// A slope of `[1]`, `[C]` or `[C, H, W]` shaped to broadcast with `x`.
fn slope_map(slope: Option<&Tensor>, x: &Tensor) -> Result<Tensor> {
    let Some(slope) = slope else {
        candle_core::bail!("the slope is missing")
    };
    if slope.rank() > 1 {
        return slope.unsqueeze(0);
    }
    let mut dims = vec![1; x.rank()];
    dims[1] = slope.elem_count();
    slope.reshape(dims)
}

/// A `PReLU` in f32 on the CPU, plane by plane, so that a slope per channel stays in a register.
fn prelu_fast(x: &Tensor, slope: Option<&Tensor>) -> Result<Tensor> {
    let Some(slope) = slope else {
        candle_core::bail!("the slope is missing")
    };
    let x = x.contiguous()?;
    match Slopes::of_prelu(slope)? {
        Slopes::PerChannel(slopes) => {
            let channels = x.dim(1)?;
            map_planes(&x, |i| {
                let slope = slopes[i % channels % slopes.len()];
                move |x| leaky(x, slope)
            })
        }
        Slopes::PerElement(slopes) => {
            let plane = x.dims().iter().skip(2).product();
            let y = kernels::zip_planes(&floats(&x)?, &floats(&slopes)?, plane, |_| leaky);
            from_vec(y, x.dims())
        }
    }
}
