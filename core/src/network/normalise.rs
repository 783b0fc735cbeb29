//! Batch, instance and pixel normalisation with their pullbacks.
//!
//! Batch statistics are population moments accumulated in f64, so they do not depend on the number of threads.

use super::elementwise::{channel_sums, from_vec, is_fast, map_planes, zip_planes};
use super::{BatchStats, NetworkError, Node, Role};
use candle_core::{D, Result, Tensor};

/// Shapes a `[C]` tensor to broadcast with `x`.
fn per_channel(values: &Tensor, x: &Tensor) -> Result<Tensor> {
    let mut dims = vec![1; x.rank()];
    dims[1] = values.elem_count();
    values.reshape(dims)
}

/// The map `y = g x + d` that inference-time normalisation is: `(g, d)`, each `[C]`.
pub(super) fn affine_of(
    node: &Node,
    eps: f64,
) -> std::result::Result<(Tensor, Tensor), NetworkError> {
    let gain = (node.require(Role::Weight)? / (node.require(Role::Var)? + eps)?.sqrt()?)?;
    let offset = (node.require(Role::Bias)? - (node.require(Role::Mean)? * &gain)?)?;
    Ok((gain, offset))
}

/// `y = gain x + offset` per channel, both `[C]`.
pub(super) fn scale_shift(x: &Tensor, gain: &Tensor, offset: &Tensor) -> Result<Tensor> {
    if !is_fast(x) {
        return x
            .broadcast_mul(&per_channel(gain, x)?)?
            .broadcast_add(&per_channel(offset, x)?);
    }
    let (gain, offset) = (gain.to_vec1::<f32>()?, offset.to_vec1::<f32>()?);
    map_planes(x, |i| {
        let (gain, offset) = (gain[i % gain.len()], offset[i % offset.len()]);
        move |x| gain * x + offset
    })
}

/// Normalisation by stored statistics.
pub(super) fn batch_norm(
    node: &Node,
    x: &Tensor,
    eps: f64,
) -> std::result::Result<Tensor, NetworkError> {
    let (gain, offset) = affine_of(node, eps)?;
    Ok(scale_shift(x, &gain, &offset)?)
}

/// Normalisation by the statistics of the batch, which are returned too.
pub(super) fn batch_norm_training(
    node: &Node,
    x: &Tensor,
    eps: f64,
) -> std::result::Result<(Tensor, BatchStats), NetworkError> {
    let stats = batch_stats(x)?;
    let gain = (node.require(Role::Weight)? / (&stats.var + eps)?.sqrt()?)?;
    let offset = (node.require(Role::Bias)? - (&stats.mean * &gain)?)?;
    Ok((scale_shift(x, &gain, &offset)?, stats))
}

/// Mean and population variance of every channel over batch and pixels.
fn batch_stats(x: &Tensor) -> Result<BatchStats> {
    let channels = x.dim(1)?;
    let count = x.elem_count() / channels;
    if !is_fast(x) {
        let by_channel = x.transpose(0, 1)?.flatten_from(1)?.contiguous()?;
        let mean = by_channel.mean(D::Minus1)?;
        let var = by_channel
            .broadcast_sub(&mean.unsqueeze(1)?)?
            .sqr()?
            .mean(D::Minus1)?;
        return Ok(BatchStats { mean, var, count });
    }
    let sums = channel_sums(x, x, |_| |x, _| [x, 0.0])?;
    let mean: Vec<f64> = sums.iter().map(|s| s[0] / count as f64).collect();
    let squares = channel_sums(x, x, |c| {
        let mean = mean[c] as f32;
        move |x, _| [x - mean, (x - mean) * (x - mean)]
    })?;
    // The mean was rounded to f32 for the differences; the first moment of those differences corrects for it.
    let var = squares
        .iter()
        .map(|s| (s[1] / count as f64 - (s[0] / count as f64).powi(2)) as f32)
        .collect();
    let mean = mean.iter().map(|m| *m as f32).collect();
    Ok(BatchStats {
        mean: from_vec(mean, &[channels])?,
        var: from_vec(var, &[channels])?,
        count,
    })
}

/// Gradients of a normalisation: at its input, its weight and its bias.
pub(super) struct NormPullback {
    pub(super) input: Tensor,
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
}

/// Pullback with stored statistics (constants).
pub(super) fn batch_norm_pullback(
    node: &Node,
    x: &Tensor,
    g: &Tensor,
    eps: f64,
) -> std::result::Result<NormPullback, NetworkError> {
    let (gain, _) = affine_of(node, eps)?;
    let mean = node.require(Role::Mean)?;
    let rstd = (node.require(Role::Var)? + eps)?.sqrt()?.recip()?;
    let (sum_g, sum_gx) = gradient_sums(x, g, mean, &rstd)?;
    let zero = gain.zeros_like()?;
    Ok(NormPullback {
        input: scale_shift(g, &gain, &zero)?,
        weight: sum_gx,
        bias: sum_g,
    })
}

/// Pullback with batch statistics (Ioffe and Szegedy 2015): the statistics depend on the input.
pub(super) fn batch_norm_training_pullback(
    node: &Node,
    x: &Tensor,
    g: &Tensor,
    eps: f64,
) -> std::result::Result<NormPullback, NetworkError> {
    let stats = batch_stats(x)?;
    let rstd = (&stats.var + eps)?.sqrt()?.recip()?;
    let (sum_g, sum_gx) = gradient_sums(x, g, &stats.mean, &rstd)?;
    let gain = (node.require(Role::Weight)? * &rstd)?;
    // gx = gain (g - mean(g) - xhat mean(g xhat)), written as gain g + a x + b with per-channel a and b.
    let slope = ((&sum_gx * &rstd)? * (-1.0 / stats.count as f64))?;
    let shift = ((&sum_g * (-1.0 / stats.count as f64))? - (&slope * &stats.mean)?)?;
    let (a, b) = ((&gain * &slope)?, (&gain * &shift)?);
    let input = combine(g, x, &gain, &a, &b)?;
    Ok(NormPullback {
        input,
        weight: sum_gx,
        bias: sum_g,
    })
}

/// Per-channel sums of `g` and of `g (x - mean) rstd`.
fn gradient_sums(x: &Tensor, g: &Tensor, mean: &Tensor, rstd: &Tensor) -> Result<(Tensor, Tensor)> {
    if is_fast(x) && is_fast(g) {
        let (mean, rstd) = (mean.to_vec1::<f32>()?, rstd.to_vec1::<f32>()?);
        let sums = channel_sums(x, g, |c| {
            let (mean, rstd) = (mean[c], rstd[c]);
            move |x, g| [g, g * (x - mean) * rstd]
        })?;
        let column = |i: usize| from_vec(sums.iter().map(|s| s[i] as f32).collect(), &[sums.len()]);
        return Ok((column(0)?, column(1)?));
    }
    let normed = x
        .broadcast_sub(&per_channel(mean, x)?)?
        .broadcast_mul(&per_channel(rstd, x)?)?;
    let sum = |t: &Tensor| {
        t.transpose(0, 1)?
            .flatten_from(1)?
            .contiguous()?
            .sum(D::Minus1)
    };
    Ok((sum(g)?, sum(&(g * normed)?)?))
}

/// `gain g + a x + b` per channel.
fn combine(g: &Tensor, x: &Tensor, gain: &Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if !(is_fast(x) && is_fast(g)) {
        let [gain, a, b] = [
            per_channel(gain, x)?,
            per_channel(a, x)?,
            per_channel(b, x)?,
        ];
        return (g.broadcast_mul(&gain)? + x.broadcast_mul(&a)?)?.broadcast_add(&b);
    }
    let [gain, a, b] = [
        gain.to_vec1::<f32>()?,
        a.to_vec1::<f32>()?,
        b.to_vec1::<f32>()?,
    ];
    zip_planes(g, x, |i| {
        let c = i % gain.len();
        let (gain, a, b) = (gain[c], a[c], b[c]);
        move |g, x| gain * g + a * x + b
    })
}

/// `(x - mean) / sqrt(var + eps)` over the pixels of every channel of every sample, and `1 / sqrt(var + eps)`.
fn instance_normed(x: &Tensor, eps: f64) -> Result<(Tensor, Tensor)> {
    let mean = x.mean_keepdim(D::Minus1)?.mean_keepdim(D::Minus2)?;
    let centred = x.broadcast_sub(&mean)?;
    let var = centred
        .sqr()?
        .mean_keepdim(D::Minus1)?
        .mean_keepdim(D::Minus2)?;
    let rstd = (var + eps)?.sqrt()?.recip()?;
    Ok((centred.broadcast_mul(&rstd)?, rstd))
}

/// Instance normalisation, with weight and bias where the layer has them.
pub(super) fn instance_norm(node: &Node, x: &Tensor, eps: f64) -> Result<Tensor> {
    let (mut y, _) = instance_normed(x, eps)?;
    if let Some(weight) = node.param(Role::Weight) {
        y = y.broadcast_mul(&per_channel(weight, x)?)?;
    }
    if let Some(bias) = node.param(Role::Bias) {
        y = y.broadcast_add(&per_channel(bias, x)?)?;
    }
    Ok(y)
}

/// Pullback of instance normalisation.
pub(super) fn instance_norm_pullback(
    node: &Node,
    x: &Tensor,
    g: &Tensor,
    eps: f64,
) -> Result<NormPullback> {
    let (normed, rstd) = instance_normed(x, eps)?;
    let sum = |t: &Tensor| {
        t.transpose(0, 1)?
            .flatten_from(1)?
            .contiguous()?
            .sum(D::Minus1)
    };
    let (weight_gradient, bias) = (sum(&(g * &normed)?)?, sum(g)?);
    let g = match node.param(Role::Weight) {
        Some(weight) => g.broadcast_mul(&per_channel(weight, x)?)?,
        None => g.clone(),
    };
    let mean = |t: &Tensor| t.mean_keepdim(D::Minus1)?.mean_keepdim(D::Minus2);
    let projected = normed.broadcast_mul(&mean(&(&g * &normed)?)?)?;
    let input = (g.broadcast_sub(&mean(&g)?)? - projected)?.broadcast_mul(&rstd)?;
    Ok(NormPullback {
        input,
        weight: weight_gradient,
        bias,
    })
}

/// `x / sqrt(mean_c(x^2) + eps)` (Karras et al. 2018, section 4.2).
pub(super) fn pixel_norm(x: &Tensor, eps: f64) -> Result<Tensor> {
    x.broadcast_mul(&pixel_rms_recip(x, eps)?)
}

fn pixel_rms_recip(x: &Tensor, eps: f64) -> Result<Tensor> {
    (x.sqr()?.mean_keepdim(1)? + eps)?.sqrt()?.recip()
}

/// Pullback of pixel normalisation: `r (g - y mean_c(g y))` with `y` the output and `r` the reciprocal RMS.
pub(super) fn pixel_norm_pullback(x: &Tensor, y: &Tensor, g: &Tensor, eps: f64) -> Result<Tensor> {
    let projected = y.broadcast_mul(&(g * y)?.mean_keepdim(1)?)?;
    (g - projected)?.broadcast_mul(&pixel_rms_recip(x, eps)?)
}

/// The gradient of a bias of dimensions `[C]`, `[F]` or `[C, H, W]`: `g` summed over everything else.
pub(super) fn bias_pullback(g: &Tensor, dims: &[usize]) -> Result<Tensor> {
    if dims.len() == 3 || g.rank() == 2 {
        return g.sum(0);
    }
    if is_fast(g) {
        let sums = channel_sums(g, g, |_| |g, _| [g, 0.0])?;
        return from_vec(sums.iter().map(|s| s[0] as f32).collect(), &[sums.len()]);
    }
    g.transpose(0, 1)?
        .flatten_from(1)?
        .contiguous()?
        .sum(D::Minus1)
}
