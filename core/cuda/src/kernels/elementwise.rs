//! Activations that bend at zero, value by value.

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
