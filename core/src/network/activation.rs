//! Activations: their values, also in the place of their input, and their pullbacks.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::Op;
use super::elementwise::{channel_sums, from_vec, is_fast, map, with_slice, zip, zip_planes};
use crate::kernels;

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
    // Both sides first: a choice between two values needs no branch.
    let below = slope * x;
    if x > 0.0 { x } else { below }
}

fn elu(x: f32, alpha: f32) -> f32 {
    if x > 0.0 { x } else { alpha * x.exp_m1() }
}

fn silu(x: f32) -> f32 {
    x * sigmoid(x)
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
            Op::Prelu => prelu_fast(x, x, slope, |x, _, slope| leaky(x, slope)),
            Op::Tanh => map(x, f32::tanh),
            Op::Sigmoid => map(x, sigmoid),
            Op::Elu { alpha } => {
                let alpha = *alpha as f32;
                map(x, move |x| elu(x, alpha))
            }
            Op::Silu => map(x, silu),
            Op::Softplus => map(x, softplus),
            _ => Ok(x.clone()),
        };
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
        return match op {
            Op::Relu => zip(x, g, |x, g| if x > 0.0 { g } else { 0.0 }),
            Op::LeakyRelu { slope } => {
                let slope = *slope as f32;
                zip(x, g, move |x, g| if x > 0.0 { g } else { slope * g })
            }
            Op::Prelu => prelu_fast(
                x,
                g,
                slope,
                |x, g, slope| if x > 0.0 { g } else { slope * g },
            ),
            Op::Tanh => zip(y, g, |y, g| g * (1.0 - y * y)),
            Op::Sigmoid => zip(y, g, |y, g| g * y * (1.0 - y)),
            Op::Elu { alpha } => {
                let alpha = *alpha as f32;
                zip(
                    x,
                    g,
                    move |x, g| if x > 0.0 { g } else { g * alpha * x.exp() },
                )
            }
            Op::Silu => zip(x, g, |x, g| {
                let s = sigmoid(x);
                g * s * (1.0 + x * (1.0 - s))
            }),
            Op::Softplus => zip(x, g, |x, g| g * sigmoid(x)),
            _ => Ok(g.clone()),
        };
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
        _ => Ok(g.clone()),
    }
}

/// The gradient of a `PReLU`'s slope, summed to the slope's own dimensions.
pub(super) fn slope_pullback(x: &Tensor, g: &Tensor, slope: &Tensor) -> Result<Tensor> {
    if is_fast(x) && is_fast(g) && slope.rank() == 1 {
        let sums = channel_sums(x, g, |_| |x, g| [if x > 0.0 { 0.0 } else { x * g }, 0.0])?;
        let sums: Vec<f32> = match slope.elem_count() {
            1 => vec![sums.iter().map(|s| s[0]).sum::<f64>() as f32],
            _ => sums.iter().map(|s| s[0] as f32).collect(),
        };
        return from_vec(sums, slope.dims());
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

/// `f(x, g, slope)` plane by plane, so that a per-channel slope stays in a register.
fn prelu_fast<F: Fn(f32, f32, f32) -> f32 + Sync + Copy>(
    x: &Tensor,
    g: &Tensor,
    slope: Option<&Tensor>,
    f: F,
) -> Result<Tensor> {
    let Some(slope) = slope else {
        candle_core::bail!("the slope is missing")
    };
    if slope.rank() == 1 {
        let (slope, channels) = (slope.to_vec1::<f32>()?, x.dim(1)?);
        return zip_planes(x, g, |i| {
            let slope = slope[i % channels % slope.len()];
            move |x, g| f(x, g, slope)
        });
    }
    let (x, g, slope) = (x.contiguous()?, g.contiguous()?, slope.contiguous()?);
    let values = with_slice(&x, |x: &[f32]| {
        with_slice(&g, |g: &[f32]| {
            with_slice(&slope, |slope: &[f32]| prelu_samples(x, g, slope, f))
        })
    });
    from_vec(values.flatten().flatten().unwrap_or_default(), x.dims())
}

/// One slope per element of a sample.
fn prelu_samples(
    x: &[f32],
    g: &[f32],
    slope: &[f32],
    f: impl Fn(f32, f32, f32) -> f32 + Sync,
) -> Vec<f32> {
    let mut y = vec![0.0; x.len()];
    y.par_chunks_mut(slope.len())
        .enumerate()
        .for_each(|(i, y)| {
            let at = i * slope.len();
            for (((y, x), g), slope) in y.iter_mut().zip(&x[at..]).zip(&g[at..]).zip(slope) {
                *y = f(*x, *g, *slope);
            }
        });
    y
}
