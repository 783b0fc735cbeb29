//! Element-wise operations and their pullbacks.
//!
//! On the CPU in f32 each runs in one pass over memory; other types and devices go through candle's operations, which
//! the f64 law tests exercise.

use candle_core::{CpuStorage, DType, Result, Storage, Tensor, WithDType};
use rayon::prelude::*;

use super::Op;
use crate::kernels;

/// Calls `f` with the elements of a contiguous CPU tensor; `None` when it is elsewhere or of another type.
pub(crate) fn with_slice<T: WithDType, R>(tensor: &Tensor, f: impl FnOnce(&[T]) -> R) -> Option<R> {
    if tensor.dtype() != T::DTYPE {
        return None;
    }
    let (storage, layout) = tensor.storage_and_layout();
    let (start, end) = layout.contiguous_offsets()?;
    match &*storage {
        Storage::Cpu(cpu) => cpu.as_slice::<T>().ok().map(|slice| f(&slice[start..end])),
        _ => None,
    }
}

/// Whether the fast path applies: f32 on the CPU.
pub(crate) fn is_fast(tensor: &Tensor) -> bool {
    tensor.dtype() == DType::F32 && tensor.device().is_cpu()
}

/// A CPU tensor that takes over the vector.
pub(super) fn from_vec(values: Vec<f32>, dims: &[usize]) -> Result<Tensor> {
    Tensor::from_vec(values, dims, &candle_core::Device::Cpu)
}

/// Whether no value is infinite or not a number.
pub(super) fn is_finite(tensor: &Tensor) -> Result<bool> {
    let tensor = tensor.contiguous()?;
    let here = with_slice(&tensor, |v: &[f32]| v.iter().all(|v| v.is_finite()))
        .or_else(|| with_slice(&tensor, |v: &[f64]| v.iter().all(|v| v.is_finite())));
    match here {
        Some(finite) => Ok(finite),
        // Elsewhere: 0 x is 0 for finite numbers alone.
        None => {
            let zeros = tensor.affine(0.0, 0.0)?.sum_all()?;
            Ok(zeros.to_dtype(DType::F32)?.to_scalar::<f32>()? == 0.0)
        }
    }
}

/// The exact bits of a one-dimensional f32 or f64 tensor, for comparing edits.
pub(super) fn bits(flat: &Tensor) -> Option<Vec<u64>> {
    let storage = flat.to_device(&candle_core::Device::Cpu).ok()?;
    let storage = storage.contiguous().ok()?;
    let (guard, layout) = storage.storage_and_layout();
    let (start, end) = layout.contiguous_offsets()?;
    match &*guard {
        Storage::Cpu(CpuStorage::F32(v)) => Some(
            v[start..end]
                .iter()
                .map(|x| u64::from(x.to_bits()))
                .collect(),
        ),
        Storage::Cpu(CpuStorage::F64(v)) => {
            Some(v[start..end].iter().map(|x| x.to_bits()).collect())
        }
        _ => None,
    }
}

/// Elements of one channel of one sample of a `[N, C, ...]` value; the whole value when that would be tiny.
fn plane_len(x: &Tensor) -> usize {
    x.dims().iter().skip(2).product()
}

/// `f(x_i)` for every element; contiguous f32 on the CPU only.
fn map<F: Fn(f32) -> f32 + Sync + Copy>(x: &Tensor, f: F) -> Result<Tensor> {
    map_planes(x, |_| f)
}

/// `f(i)(x)` for every element of every plane `i`; f32 on the CPU only.
pub(super) fn map_planes<F: Fn(f32) -> f32>(
    x: &Tensor,
    f: impl Fn(usize) -> F + Sync,
) -> Result<Tensor> {
    let x = x.contiguous()?;
    match with_slice(&x, |values: &[f32]| {
        kernels::map_planes(values, plane_len(&x), f)
    }) {
        Some(values) => from_vec(values, x.dims()),
        None => candle_core::bail!("the value must be f32 on the CPU"),
    }
}

/// `f(a_i, b_i)` for every pair of elements; equal dimensions, f32 on the CPU only.
fn zip<F: Fn(f32, f32) -> f32 + Sync + Copy>(a: &Tensor, b: &Tensor, f: F) -> Result<Tensor> {
    zip_planes(a, b, |_| f)
}

/// `f(i)(a, b)` for every pair of elements of every plane `i`; equal dimensions, f32 on the CPU only.
pub(super) fn zip_planes<F: Fn(f32, f32) -> f32>(
    a: &Tensor,
    b: &Tensor,
    f: impl Fn(usize) -> F + Sync,
) -> Result<Tensor> {
    let (a, b) = (a.contiguous()?, b.contiguous()?);
    let plane = plane_len(&a);
    match with_slice(&a, |a: &[f32]| {
        with_slice(&b, |b: &[f32]| kernels::zip_planes(a, b, plane, f))
    })
    .flatten()
    {
        Some(values) => from_vec(values, a.dims()),
        None => candle_core::bail!("both values must be f32 on the CPU"),
    }
}

/// Two sums over every channel, of both components of `f(channel)(a, b)`; equal dimensions, f32 on the CPU only.
pub(super) fn channel_sums<F: Fn(f32, f32) -> [f32; 2]>(
    a: &Tensor,
    b: &Tensor,
    f: impl Fn(usize) -> F + Sync,
) -> Result<Vec<[f64; 2]>> {
    let (a, b) = (a.contiguous()?, b.contiguous()?);
    let (channels, plane) = (a.dim(1)?, plane_len(&a));
    let sums = |a: &[f32]| {
        with_slice(&b, |b: &[f32]| {
            kernels::sum_planes(a, b, plane, |i| f(i % channels))
        })
    };
    let Some(planes) = with_slice(&a, sums).flatten() else {
        candle_core::bail!("both values must be f32 on the CPU")
    };
    let mut sums = vec![[0.0; 2]; channels];
    for (i, plane) in planes.iter().enumerate() {
        sums[i % channels][0] += plane[0];
        sums[i % channels][1] += plane[1];
    }
    Ok(sums)
}

/// Gives two `[N, ...]` values the same rank, so that their dimensions align at the end (the batch stays first).
pub(super) fn align(a: &Tensor, b: &Tensor) -> Result<(Tensor, Tensor)> {
    let rank = a.rank().max(b.rank());
    let lift = |t: &Tensor| {
        let mut dims = vec![t.dim(0)?];
        dims.resize(1 + rank - t.rank(), 1);
        dims.extend_from_slice(&t.dims()[1..]);
        t.reshape(dims)
    };
    Ok((lift(a)?, lift(b)?))
}

/// `a + b` with broadcasting.
pub(super) fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.dims() == b.dims() && is_fast(a) && is_fast(b) {
        return zip(a, b, |a, b| a + b);
    }
    let (a, b) = align(a, b)?;
    a.broadcast_add(&b)
}

/// `a * b` with broadcasting.
pub(super) fn mul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (a, b) = align(a, b)?;
    a.broadcast_mul(&b)
}

/// `gain x + offset` for `x` of `[N, ...]`; gain and offset broadcast to one sample, `[1, ...]`.
pub(super) fn gain_offset(x: &Tensor, gain: &Tensor, offset: &Tensor) -> Result<Tensor> {
    if !is_fast(x) || !is_fast(gain) || !is_fast(offset) || x.rank() < 2 {
        return x.broadcast_mul(gain)?.broadcast_add(offset);
    }
    let channels = x.dim(1)?;
    let per_channel = |t: &Tensor| {
        let n = t.elem_count();
        n == 1 || (n == channels && t.rank() == x.rank() && t.dims()[1] == n)
    };
    if per_channel(gain) && per_channel(offset) {
        let flat = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
        let (gain, offset) = (flat(gain)?, flat(offset)?);
        return map_planes(x, |i| {
            let channel = i % channels;
            let (gain, offset) = (gain[channel % gain.len()], offset[channel % offset.len()]);
            move |x| gain * x + offset
        });
    }
    let mut sample = x.dims().to_vec();
    sample[0] = 1;
    let whole = |t: &Tensor| t.broadcast_as(sample.as_slice())?.contiguous();
    let (x, gain, offset) = (x.contiguous()?, whole(gain)?, whole(offset)?);
    let values = with_slice(&x, |x: &[f32]| {
        with_slice(&gain, |gain: &[f32]| {
            with_slice(&offset, |offset: &[f32]| {
                let mut y = x.to_vec();
                for y in y.chunks_mut(gain.len()) {
                    for ((y, gain), offset) in y.iter_mut().zip(gain).zip(offset) {
                        *y = gain * *y + offset;
                    }
                }
                y
            })
        })
    });
    from_vec(values.flatten().flatten().unwrap_or_default(), x.dims())
}

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
    if x > 0.0 { x } else { slope * x }
}

fn elu(x: f32, alpha: f32) -> f32 {
    if x > 0.0 { x } else { alpha * x.exp_m1() }
}

fn silu(x: f32) -> f32 {
    x * sigmoid(x)
}

/// [`activation`] in the place of its input: `values` of dimensions `[N, ...]` on the CPU. `false` for an operation that is
/// no activation.
pub(super) fn update_activation(
    op: &Op,
    values: &mut [f32],
    dims: &[usize],
    slope: Option<&Tensor>,
) -> Result<bool> {
    let plane = dims.iter().skip(2).product();
    let each = |values: &mut [f32], f: fn(f32) -> f32| kernels::update_planes(values, plane, |_| f);
    match op {
        Op::Relu => kernels::update_planes(values, plane, |_| relu),
        Op::LeakyRelu { slope } => {
            let slope = *slope as f32;
            kernels::update_planes(values, plane, |_| move |x| leaky(x, slope));
        }
        Op::Prelu => {
            let Some(slope) = slope else {
                candle_core::bail!("a PReLU needs its slopes")
            };
            let slopes = slope.flatten_all()?.to_vec1::<f32>()?;
            let channels = dims.get(1).copied().unwrap_or(1).max(1);
            if slopes.len() == channels {
                kernels::update_planes(values, plane, |i| {
                    let slope = slopes[i % channels];
                    move |x| leaky(x, slope)
                });
            } else {
                for sample in values.chunks_mut(slopes.len().max(1)) {
                    kernels::update_zip_planes(sample, &slopes, plane, |_| leaky);
                }
            }
        }
        Op::Tanh => each(values, f32::tanh),
        Op::Sigmoid => each(values, sigmoid),
        Op::Elu { alpha } => {
            let alpha = *alpha as f32;
            kernels::update_planes(values, plane, |_| move |x| elu(x, alpha));
        }
        Op::Silu => each(values, silu),
        Op::Softplus => each(values, softplus),
        _ => return Ok(false),
    }
    Ok(true)
}

/// The value of an activation. `x`: `[N, ...]`; `slope`: the parameter of a `PReLU`.
pub(super) fn activation(op: &Op, x: &Tensor, slope: Option<&Tensor>) -> Result<Tensor> {
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
    match op {
        Op::Relu => x.relu(),
        Op::LeakyRelu { slope } => x.relu()? - (x.neg()?.relu()? * *slope)?,
        Op::Prelu => x
            .relu()?
            .broadcast_sub(&x.neg()?.relu()?.broadcast_mul(&slope_map(slope, x)?)?),
        Op::Tanh => x.tanh(),
        Op::Sigmoid => candle_nn::ops::sigmoid(x),
        Op::Elu { alpha } => x.elu(*alpha),
        Op::Silu => x * candle_nn::ops::sigmoid(x)?,
        Op::Softplus => x.relu()? + (x.abs()?.neg()?.exp()? + 1.0)?.log()?,
        _ => Ok(x.clone()),
    }
}

/// The pullback of an activation: from the gradient `g` at its output to the gradient at its input.
pub(super) fn activation_pullback(
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
pub(super) fn prelu_slope_pullback(x: &Tensor, g: &Tensor, slope: &Tensor) -> Result<Tensor> {
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
