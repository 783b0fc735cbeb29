//! Values one by one: activations that bend at zero, sums with factors, and updates by Adam.

use candle_core::cuda_backend::WrapErr as _;
use candle_core::cuda_backend::cudarc::driver::PushKernelArg as _;
use candle_core::{Result, Tensor};

use super::normalisation::planes;
use super::{Values, expect_len, int, one_each, room, tensor};

/// Fails unless there is one slope, one per channel or one per element of a sample.
fn check_slopes(slope: &Tensor, channels: usize, plane: usize) -> Result<i32> {
    let n = slope.elem_count();
    if n == 1 || n == channels || n == channels * plane {
        int(n)
    } else {
        candle_core::bail!("{n} slopes for {channels} channels of {plane} values")
    }
}

/// `x` where it is positive, `slope x` elsewhere.
///
/// # Errors
/// When a tensor is not a contiguous f32 one of the right size on the device.
pub fn bend(x: &Tensor, slope: &Tensor) -> Result<Tensor> {
    let device = x.device().as_cuda_device()?;
    let [_, channels, plane] = planes(x)?;
    let slopes = check_slopes(slope, channels, plane)?;
    let mut y = room(device, x.elem_count())?;
    let (xs, slope) = (Values::of(x)?, Values::of(slope)?);
    let (xs, slope) = (xs.view()?, slope.view()?);
    let [n, channels, plane] = [int(x.elem_count())?, int(channels)?, int(plane)?];
    launch!(
        device,
        "bend",
        one_each(x.elem_count()),
        &xs,
        &slope,
        &mut y,
        &n,
        &slopes,
        &channels,
        &plane
    )?;
    Ok(tensor(y, device, x.dims()))
}

/// The gradient at the input of [`bend`] from `g`, that at its value.
///
/// # Errors
/// As [`bend`].
pub fn bend_pullback(x: &Tensor, g: &Tensor, slope: &Tensor) -> Result<Tensor> {
    let device = x.device().as_cuda_device()?;
    let [_, channels, plane] = planes(x)?;
    let slopes = check_slopes(slope, channels, plane)?;
    expect_len(g, x.elem_count(), "the gradient")?;
    let mut y = room(device, x.elem_count())?;
    let (xs, gs, slope) = (Values::of(x)?, Values::of(g)?, Values::of(slope)?);
    let (xs, gs, slope) = (xs.view()?, gs.view()?, slope.view()?);
    let [n, channels, plane] = [int(x.elem_count())?, int(channels)?, int(plane)?];
    launch!(
        device,
        "bend_pullback",
        one_each(x.elem_count()),
        &xs,
        &gs,
        &slope,
        &mut y,
        &n,
        &slopes,
        &channels,
        &plane
    )?;
    Ok(tensor(y, device, x.dims()))
}

/// `g` where `x` is positive, `slope g` elsewhere.
///
/// # Errors
/// As [`bend`].
pub fn leak(x: &Tensor, g: &Tensor, slope: f64) -> Result<Tensor> {
    let device = x.device().as_cuda_device()?;
    expect_len(g, x.elem_count(), "the gradient")?;
    let mut y = room(device, x.elem_count())?;
    let (xs, gs) = (Values::of(x)?, Values::of(g)?);
    let (xs, gs) = (xs.view()?, gs.view()?);
    let (n, slope) = (int(x.elem_count())?, slope as f32);
    launch!(
        device,
        "leak",
        one_each(x.elem_count()),
        &xs,
        &gs,
        &mut y,
        &n,
        &slope
    )?;
    Ok(tensor(y, device, x.dims()))
}

/// `a x + b y`.
///
/// # Errors
/// As [`bend`].
pub fn mix(x: &Tensor, y: &Tensor, a: f64, b: f64) -> Result<Tensor> {
    let device = x.device().as_cuda_device()?;
    expect_len(y, x.elem_count(), "the second value")?;
    let mut z = room(device, x.elem_count())?;
    let (xs, ys) = (Values::of(x)?, Values::of(y)?);
    let (xs, ys) = (xs.view()?, ys.view()?);
    let (n, a, b) = (int(x.elem_count())?, a as f32, b as f32);
    launch!(
        device,
        "mix",
        one_each(x.elem_count()),
        &xs,
        &ys,
        &mut z,
        &n,
        &a,
        &b
    )?;
    Ok(tensor(z, device, x.dims()))
}

/// The numbers of an update by Adam.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// Decays of the moments.
    pub beta: [f32; 2],
    /// What the moments are divided by because they began at zero.
    pub correction: [f32; 2],
    /// Learning rate.
    pub rate: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
}

/// Value and moments after one update by the gradient `g` times the one number `scale`.
///
/// # Errors
/// As [`bend`].
pub fn adam(
    state: [&Tensor; 3],
    g: &Tensor,
    scale: &Tensor,
    step: &AdamStep,
) -> Result<[Tensor; 3]> {
    let [value, first, second] = state;
    let device = value.device().as_cuda_device()?;
    let n = value.elem_count();
    expect_len(first, n, "the first moment")?;
    expect_len(second, n, "the second moment")?;
    expect_len(g, n, "the gradient")?;
    expect_len(scale, 1, "the scale")?;
    let mut y = room(device, 3 * n)?;
    let [values, firsts, seconds, gs, scale] = [value, first, second, g, scale].map(Values::of);
    let (values, firsts, seconds, gs, scale) = (values?, firsts?, seconds?, gs?, scale?);
    let (values, firsts, seconds) = (values.view()?, firsts.view()?, seconds.view()?);
    let (gs, scale) = (gs.view()?, scale.view()?);
    let [beta1, beta2] = step.beta;
    let [correction1, correction2] = step.correction;
    let count = int(n)?;
    launch!(
        device,
        "adam",
        one_each(n),
        &values,
        &firsts,
        &seconds,
        &gs,
        &scale,
        &mut y,
        &count,
        &beta1,
        &beta2,
        &correction1,
        &correction2,
        &step.rate,
        &step.epsilon
    )?;
    let all = tensor(y, device, &[3, n]);
    let part = |i: usize| all.narrow(0, i, 1)?.reshape(value.dims());
    Ok([part(0)?, part(1)?, part(2)?])
}
