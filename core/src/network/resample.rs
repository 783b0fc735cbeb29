//! Operations that move or mix pixels with fixed weights: padding, enlarging, pixel shuffle.
//!
//! Separable resampling is written as one small matrix per axis, so forward and pullback are the matrix and its
//! transpose and cannot disagree. Moving pixels is one pass over memory in f32 on the CPU.

use candle_core::{Device, Result, Tensor};
use rayon::prelude::*;

use super::elementwise::{from_vec, is_fast, with_slice};
use super::{Padding, UpsampleMode};

/// Values written per parallel task, at least.
const TASK: usize = 1 << 14;

/// `f(input plane, output plane)` for every plane of a `[N, C, H, W]` value, f32 on the CPU only.
///
/// `planes` of `[rows, columns]` each come out of equal shares of the input, in order; outputs start as zeros.
pub(super) fn map_whole_planes(
    x: &Tensor,
    planes: usize,
    [rows, columns]: [usize; 2],
    f: impl Fn(&[f32], &mut [f32]) + Sync,
) -> Result<Tensor> {
    let (x, out) = (x.contiguous()?, rows * columns);
    let (batch, share) = (x.dim(0)?, x.elem_count() / planes.max(1));
    let values = with_slice(&x, |x: &[f32]| {
        let mut y = vec![0.0; planes * out];
        y.par_chunks_mut(out)
            .zip(x.par_chunks(share))
            .with_min_len(TASK.div_ceil(out))
            .for_each(|(y, x)| f(x, y));
        y
    });
    match values {
        Some(values) => from_vec(values, &[batch, planes / batch, rows, columns]),
        None => candle_core::bail!("the value must be f32 on the CPU"),
    }
}

/// A tensor of one value, in the type and on the device of `like`. Converted before it goes there: Metal has no f64.
pub(super) fn filled(value: f64, dims: &[usize], like: &Tensor) -> Result<Tensor> {
    let one = Tensor::new(value, &Device::Cpu)?.to_dtype(like.dtype())?;
    one.to_device(like.device())?
        .broadcast_as(dims)?
        .contiguous()
}

/// Adds rows and columns of `value`.
pub(super) fn pad(x: &Tensor, padding: Padding, value: f64) -> Result<Tensor> {
    let fill = |x: &Tensor, axis: usize, before: usize, after: usize| -> Result<Tensor> {
        let border = |n: usize| -> Result<Tensor> {
            let mut dims = x.dims().to_vec();
            dims[axis] = n;
            filled(value, &dims, x)
        };
        let mut parts = vec![x.clone()];
        if before > 0 {
            parts.insert(0, border(before)?);
        }
        if after > 0 {
            parts.push(border(after)?);
        }
        Tensor::cat(&parts, axis)
    };
    if value == 0.0 {
        return x
            .pad_with_zeros(2, padding.top, padding.bottom)?
            .pad_with_zeros(3, padding.left, padding.right)?
            .contiguous();
    }
    fill(
        &fill(x, 2, padding.top, padding.bottom)?,
        3,
        padding.left,
        padding.right,
    )
}

/// Takes `indices` of an axis (the batch counted).
pub(super) fn select(x: &Tensor, axis: usize, indices: &[usize]) -> Result<Tensor> {
    x.contiguous()?
        .index_select(&as_indices(x, indices)?, axis)?
        .contiguous()
}

/// Pullback of [`select`]: every element gets the sum of what was taken from it.
pub(super) fn select_pullback(
    x: &Tensor,
    g: &Tensor,
    axis: usize,
    indices: &[usize],
) -> Result<Tensor> {
    let zeros = Tensor::zeros(x.dims(), g.dtype(), g.device())?;
    zeros.index_add(&as_indices(x, indices)?, &g.contiguous()?, axis)
}

fn as_indices(x: &Tensor, indices: &[usize]) -> Result<Tensor> {
    let indices: Vec<u32> = indices.iter().map(|i| *i as u32).collect();
    Tensor::new(indices, x.device())
}

/// Reorders the axes after the batch.
pub(super) fn transpose(x: &Tensor, order: &[usize]) -> Result<Tensor> {
    let axes: Vec<usize> = std::iter::once(0)
        .chain(order.iter().map(|axis| axis + 1))
        .collect();
    x.permute(axes)?.contiguous()
}

/// Pullback of [`transpose`]: the axes go back.
pub(super) fn transpose_pullback(g: &Tensor, order: &[usize]) -> Result<Tensor> {
    let mut back = vec![0; order.len()];
    for (to, from) in order.iter().enumerate() {
        back[*from] = to;
    }
    transpose(g, &back)
}

/// Pullback of padding: the middle of the gradient.
pub(super) fn pad_pullback(g: &Tensor, padding: Padding) -> Result<Tensor> {
    let (h, w) = (
        g.dim(2)? - padding.top - padding.bottom,
        g.dim(3)? - padding.left - padding.right,
    );
    g.narrow(2, padding.top, h)?
        .narrow(3, padding.left, w)?
        .contiguous()
}

/// `[C r r, H, W] -> [C, H r, W r]`, channel `c r r + i r + j` goes to row offset i and column offset j (PyTorch order).
pub(super) fn pixel_shuffle(x: &Tensor, r: usize) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    let c = c / (r * r);
    if is_fast(x) {
        return map_whole_planes(x, n * c, [h * r, w * r], |x, y| {
            for (row, y) in y.chunks_exact_mut(w * r).enumerate() {
                for j in 0..r {
                    let x = &x[((row % r * r + j) * h + row / r) * w..][..w];
                    for (y, x) in y[j..].iter_mut().step_by(r).zip(x) {
                        *y = *x;
                    }
                }
            }
        });
    }
    x.reshape((n, c, r, r, h * w))?
        .permute((0, 1, 4, 2, 3))?
        .reshape((n, c, h, w, r, r))?
        .permute((0, 1, 2, 4, 3, 5))?
        .contiguous()?
        .reshape((n, c, h * r, w * r))
}

/// The inverse of [`pixel_shuffle`], which is also its transpose.
pub(super) fn pixel_unshuffle(y: &Tensor, r: usize) -> Result<Tensor> {
    let (n, c, h, w) = y.dims4()?;
    let (h, w) = (h / r, w / r);
    if is_fast(y) {
        let flat = map_whole_planes(y, n * c, [r * r * h, w], |y, x| {
            for (row, y) in y.chunks_exact(w * r).enumerate() {
                for j in 0..r {
                    let x = &mut x[((row % r * r + j) * h + row / r) * w..][..w];
                    for (x, y) in x.iter_mut().zip(y[j..].iter().step_by(r)) {
                        *x = *y;
                    }
                }
            }
        })?;
        return flat.reshape((n, c * r * r, h, w));
    }
    y.reshape((n, c, h, r, w, r))?
        .permute((0, 1, 3, 5, 2, 4))?
        .contiguous()?
        .reshape((n, c * r * r, h, w))
}

/// Where row (or column) `at` of a bilinear enlargement of `size` rows reads: the row before, the row after, and the
/// weight of the row after.
pub(super) fn between(
    at: usize,
    size: usize,
    scale: usize,
    align_corners: bool,
) -> (usize, usize, f64) {
    let source = if align_corners {
        at as f64 * (size - 1) as f64 / (size * scale - 1).max(1) as f64
    } else {
        ((at as f64 + 0.5) / scale as f64 - 0.5).max(0.0)
    };
    let low = (source.floor() as usize).min(size - 1);
    (low, (low + 1).min(size - 1), source - low as f64)
}

/// The rows of a resampling matrix `[out, in]`: which inputs, with which weights.
fn axis_matrix(size: usize, scale: usize, mode: UpsampleMode, like: &Tensor) -> Result<Tensor> {
    let out = size * scale;
    let mut weights = vec![0_f64; out * size];
    for o in 0..out {
        match mode {
            UpsampleMode::Nearest => weights[o * size + o / scale] = 1.0,
            UpsampleMode::Bilinear { align_corners } => {
                let (low, high, part) = between(o, size, scale, align_corners);
                weights[o * size + low] += 1.0 - part;
                weights[o * size + high] += part;
            }
        }
    }
    // Converted before it goes there: Metal has no f64.
    Tensor::from_vec(weights, (out, size), &Device::Cpu)?
        .to_dtype(like.dtype())?
        .to_device(like.device())
}

/// Applies `rows` `[H', H]` and `columns` `[W', W]` to the last two axes of `[N, C, H, W]`.
fn apply_axes(x: &Tensor, rows: &Tensor, columns: &Tensor) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    let (oh, ow) = (rows.dim(0)?, columns.dim(0)?);
    let wide = x
        .contiguous()?
        .reshape((n * c * h, w))?
        .matmul(&columns.t()?.contiguous()?)?;
    let wide = wide.reshape((n * c, h, ow))?;
    rows.unsqueeze(0)?
        .broadcast_matmul(&wide)?
        .reshape((n, c, oh, ow))
}

/// Enlarges `[N, C, H, W]` by integer factors.
pub(super) fn upsample(x: &Tensor, scale: [usize; 2], mode: UpsampleMode) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    let [sy, sx] = scale;
    if mode == UpsampleMode::Nearest && is_fast(x) {
        return map_whole_planes(x, n * c, [h * sy, w * sx], |x, y| {
            for (row, y) in y.chunks_exact_mut(w * sx).enumerate() {
                for (y, x) in y.chunks_exact_mut(sx).zip(&x[row / sy * w..]) {
                    y.fill(*x);
                }
            }
        });
    }
    if mode == UpsampleMode::Nearest {
        return x
            .reshape((n, c, h, 1, w, 1))?
            .expand((n, c, h, scale[0], w, scale[1]))?
            .contiguous()?
            .reshape((n, c, h * scale[0], w * scale[1]));
    }
    apply_axes(
        x,
        &axis_matrix(h, scale[0], mode, x)?,
        &axis_matrix(w, scale[1], mode, x)?,
    )
}

/// Pullback of [`upsample`]: the transposed matrices.
pub(super) fn upsample_pullback(
    g: &Tensor,
    scale: [usize; 2],
    mode: UpsampleMode,
) -> Result<Tensor> {
    let (n, c, oh, ow) = g.dims4()?;
    let (h, w) = (oh / scale[0], ow / scale[1]);
    let [sy, sx] = scale;
    if mode == UpsampleMode::Nearest && is_fast(g) {
        return map_whole_planes(g, n * c, [h, w], |g, x| {
            for (row, g) in g.chunks_exact(ow).enumerate() {
                let x = &mut x[row / sy * w..][..w];
                for (x, g) in x.iter_mut().zip(g.chunks_exact(sx)) {
                    *x += g.iter().sum::<f32>();
                }
            }
        });
    }
    if mode == UpsampleMode::Nearest {
        let blocks = g.contiguous()?.reshape((n, c, h, scale[0], w, scale[1]))?;
        return blocks.sum(5)?.sum(3);
    }
    let (rows, columns) = (
        axis_matrix(h, scale[0], mode, g)?,
        axis_matrix(w, scale[1], mode, g)?,
    );
    apply_axes(g, &rows.t()?.contiguous()?, &columns.t()?.contiguous()?)
}
