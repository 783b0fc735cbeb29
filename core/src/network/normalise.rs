//! Instance and pixel normalisation with their pullbacks, and what they share with batch normalisation.

use candle_core::{D, Result, Tensor};
use rayon::prelude::*;

use super::elementwise::{channel_sums, from_vec, is_fast, with_slice};
use super::plane_work::PlaneWork;
use super::{NetworkError, Node, Role, cuda};

/// Shapes a `[C]` tensor to broadcast with `x`.
pub(super) fn per_channel(values: &Tensor, x: &Tensor) -> Result<Tensor> {
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

/// Gradients of a normalisation: at its input, its weight and its bias.
pub(super) struct NormPullback {
    pub(super) input: Tensor,
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
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
    let mut y = match PlaneWork::of(&node.op, &x.dims()[1..])? {
        Some(work) if is_fast(x) => work.map(x)?,
        _ => instance_normed(x, eps)?.0,
    };
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
    if is_fast(x) && x.rank() >= 2 && x.elem_count() > 0 {
        let x = x.contiguous()?;
        let plane: usize = x.dims()[2..].iter().product();
        let sample = plane * x.dim(1)?;
        let mut y = vec![0.0; x.elem_count()];
        with_slice(&x, |x: &[f32]| {
            y.par_chunks_mut(sample)
                .zip(x.par_chunks(sample))
                .for_each(|(y, x)| pixel_norm_sample(x, y, plane, eps));
        });
        return from_vec(y, x.dims());
    }
    x.broadcast_mul(&pixel_rms_recip(x, eps)?)
}

/// [`pixel_norm`] of one sample `[C, plane]`, f32.
pub(super) fn pixel_norm_sample(x: &[f32], y: &mut [f32], plane: usize, eps: f64) {
    /// Pixels at a time, so that their sums stay in registers and on the stack.
    const BLOCK: usize = 64;
    let channels = x.len() / plane;
    for start in (0..plane).step_by(BLOCK) {
        let len = BLOCK.min(plane - start);
        let mut sums = [0.0_f64; BLOCK];
        for channel in x.chunks_exact(plane) {
            for (sum, x) in sums.iter_mut().zip(&channel[start..start + len]) {
                *sum += f64::from(*x) * f64::from(*x);
            }
        }
        let scales = sums.map(|sum| (1.0 / (sum / channels as f64 + eps).sqrt()) as f32);
        for (x, y) in x.chunks_exact(plane).zip(y.chunks_exact_mut(plane)) {
            let (x, y) = (&x[start..start + len], &mut y[start..start + len]);
            for ((y, x), scale) in y.iter_mut().zip(x).zip(&scales) {
                *y = x * scale;
            }
        }
    }
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
    if let Some(sums) = cuda::channel_sums(g)? {
        return Ok(sums);
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
