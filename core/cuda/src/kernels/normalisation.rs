//! Batch normalisation with its gradients, and sums over channels. Values are `[N, C, ...]`.

use candle_core::cuda_backend::WrapErr as _;
use candle_core::cuda_backend::cudarc::driver::{LaunchConfig, PushKernelArg as _};
use candle_core::{Result, Tensor};

use super::{BLOCK, Values, expect_len, int, one_each, room, tensor};

/// Batch, channels and elements of a plane.
pub(super) fn planes(x: &Tensor) -> Result<[usize; 3]> {
    let dims = x.dims();
    let (Some(&batch), Some(&channels)) = (dims.first(), dims.get(1)) else {
        candle_core::bail!("the value must be [N, C, ...], not {dims:?}")
    };
    Ok([batch, channels, dims[2..].iter().product()])
}

/// What is summed over a channel; as in `kernels.cu`.
#[derive(Clone, Copy)]
enum Kind {
    Statistics = 0,
    Normalised = 1,
    Below = 2,
}

/// Two numbers for each channel, `[2, C]`.
fn sums(
    x: &Tensor,
    g: &Tensor,
    statistics: Option<(&Tensor, &Tensor)>,
    eps: f32,
    kind: Kind,
) -> Result<Tensor> {
    let device = x.device().as_cuda_device()?;
    let [batch, channels, plane] = planes(x)?;
    let count = batch * plane;
    expect_len(g, x.elem_count(), "the gradient")?;
    if let Some((mean, variance)) = statistics {
        expect_len(mean, channels, "the mean")?;
        expect_len(variance, channels, "the variance")?;
    }
    let (mean, variance) = statistics.unwrap_or((x, x));
    // Enough blocks for a large card, with enough to do for each.
    let parts = (1024 / channels.max(1)).clamp(1, count.div_ceil(4 * BLOCK).max(1));
    // SAFETY: the kernel writes two numbers for every channel and part.
    let mut part = unsafe { device.alloc::<f64>(2 * channels * parts)? };
    let mut y = room(device, 2 * channels)?;
    let (xs, gs) = (Values::of(x)?, Values::of(g)?);
    let (means, variances) = (Values::of(mean)?, Values::of(variance)?);
    let (xs, gs, means, variances) = (xs.view()?, gs.view()?, means.view()?, variances.view()?);
    let config = LaunchConfig {
        grid_dim: (channels as u32, parts as u32, 1),
        block_dim: (BLOCK as u32, 1, 1),
        shared_mem_bytes: 0,
    };
    let kind = kind as i32;
    let [batch, all, plane_len] = [int(batch)?, int(channels)?, int(plane)?];
    launch!(
        device,
        "sum_channels",
        config,
        &xs,
        &gs,
        &means,
        &mut part,
        &batch,
        &all,
        &plane_len,
        &kind
    )?;
    let [parts, count] = [int(parts)?, int(count)?];
    launch!(
        device,
        "finish_channels",
        one_each(channels),
        &part,
        &xs,
        &variances,
        &mut y,
        &parts,
        &all,
        &count,
        &plane_len,
        &eps,
        &kind
    )?;
    Ok(tensor(y, device, &[2, channels]))
}

/// Row `i` of two.
fn row(pair: &Tensor, i: usize) -> Result<Tensor> {
    pair.narrow(0, i, 1)?.squeeze(0)
}

/// Mean and population variance of every channel, `[C]` each.
///
/// # Errors
/// When the tensor is not a contiguous f32 one on the device.
pub fn batch_statistics(x: &Tensor) -> Result<(Tensor, Tensor)> {
    let both = sums(x, x, None, 0.0, Kind::Statistics)?;
    Ok((row(&both, 0)?, row(&both, 1)?))
}

/// The sum of every channel, `[C]`.
///
/// # Errors
/// As [`batch_statistics`].
pub fn channel_sums(g: &Tensor) -> Result<Tensor> {
    row(&sums(g, g, None, 0.0, Kind::Below)?, 0)
}

/// The gradient of one slope below zero for each channel, `[C]`, from the input and the gradient at the value.
///
/// # Errors
/// As [`batch_statistics`].
pub fn slope_sums(x: &Tensor, g: &Tensor) -> Result<Tensor> {
    row(&sums(x, g, None, 0.0, Kind::Below)?, 1)
}

/// `weight (x - mean) / sqrt(variance + eps) + bias`, `[C]` each.
#[derive(Clone, Copy, Debug)]
pub struct Normalisation<'a> {
    /// Mean.
    pub mean: &'a Tensor,
    /// Variance.
    pub variance: &'a Tensor,
    /// Gain.
    pub weight: &'a Tensor,
    /// Offset.
    pub bias: &'a Tensor,
    /// Added to the variance.
    pub eps: f64,
}

impl Normalisation<'_> {
    fn check(&self, channels: usize) -> Result<()> {
        expect_len(self.mean, channels, "the mean")?;
        expect_len(self.variance, channels, "the variance")?;
        expect_len(self.weight, channels, "the weight")?;
        expect_len(self.bias, channels, "the bias")
    }

    /// The value.
    ///
    /// # Errors
    /// When a tensor is not a contiguous f32 one of the right size on the device.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let device = x.device().as_cuda_device()?;
        let [_, channels, plane] = planes(x)?;
        self.check(channels)?;
        let mut y = room(device, x.elem_count())?;
        let (xs, mean, variance) = (
            Values::of(x)?,
            Values::of(self.mean)?,
            Values::of(self.variance)?,
        );
        let (weight, bias) = (Values::of(self.weight)?, Values::of(self.bias)?);
        let (xs, mean, variance) = (xs.view()?, mean.view()?, variance.view()?);
        let (weight, bias) = (weight.view()?, bias.view()?);
        let [n, channels, plane] = [int(x.elem_count())?, int(channels)?, int(plane)?];
        let eps = self.eps as f32;
        launch!(
            device,
            "normalise",
            one_each(x.elem_count()),
            &xs,
            &mean,
            &variance,
            &weight,
            &bias,
            &mut y,
            &n,
            &channels,
            &plane,
            &eps
        )?;
        Ok(tensor(y, device, x.dims()))
    }

    /// The gradients at the input, the weight and the bias from `g`, that at the value. `of_batch`: whether mean and variance
    /// are those of `x`.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn pullback(&self, x: &Tensor, g: &Tensor, of_batch: bool) -> Result<[Tensor; 3]> {
        let device = x.device().as_cuda_device()?;
        let [batch, channels, plane] = planes(x)?;
        self.check(channels)?;
        let eps = self.eps as f32;
        let both = sums(
            x,
            g,
            Some((self.mean, self.variance)),
            eps,
            Kind::Normalised,
        )?;
        let mut y = room(device, x.elem_count())?;
        let (xs, gs, sums) = (Values::of(x)?, Values::of(g)?, Values::of(&both)?);
        let (mean, variance, weight) = (
            Values::of(self.mean)?,
            Values::of(self.variance)?,
            Values::of(self.weight)?,
        );
        let (xs, gs, sums) = (xs.view()?, gs.view()?, sums.view()?);
        let (mean, variance, weight) = (mean.view()?, variance.view()?, weight.view()?);
        let count = if of_batch { int(batch * plane)? } else { 0 };
        let [n, channels, plane] = [int(x.elem_count())?, int(channels)?, int(plane)?];
        launch!(
            device,
            "normalise_pullback",
            one_each(x.elem_count()),
            &xs,
            &gs,
            &mean,
            &variance,
            &weight,
            &sums,
            &mut y,
            &n,
            &channels,
            &plane,
            &eps,
            &count
        )?;
        let input = tensor(y, device, x.dims());
        Ok([input, row(&both, 1)?, row(&both, 0)?])
    }
}
