//! Operations that move or mix pixels with fixed weights: padding, pooling, enlarging, pixel shuffle.
//!
//! Separable resampling is written as one small matrix per axis, so forward and pullback are the matrix and its
//! transpose and cannot disagree.

use candle_core::{D, DType, Result, Tensor};

use super::{Padding, PoolSpec, UpsampleMode};

/// Adds rows and columns of `value`.
pub(super) fn pad(x: &Tensor, padding: Padding, value: f64) -> Result<Tensor> {
    let fill = |x: &Tensor, axis: usize, before: usize, after: usize| -> Result<Tensor> {
        let border = |n: usize| -> Result<Tensor> {
            let mut dims = x.dims().to_vec();
            dims[axis] = n;
            Tensor::full(value, dims, x.device())?.to_dtype(x.dtype())
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
    y.reshape((n, c, h, r, w, r))?
        .permute((0, 1, 3, 5, 2, 4))?
        .contiguous()?
        .reshape((n, c * r * r, h, w))
}

/// The rows of a resampling matrix `[out, in]`: which inputs, with which weights.
fn axis_matrix(size: usize, scale: usize, mode: UpsampleMode, like: &Tensor) -> Result<Tensor> {
    let out = size * scale;
    let mut weights = vec![0_f64; out * size];
    for o in 0..out {
        match mode {
            UpsampleMode::Nearest => weights[o * size + o / scale] = 1.0,
            UpsampleMode::Bilinear { align_corners } => {
                let source = if align_corners {
                    o as f64 * (size - 1) as f64 / (out - 1).max(1) as f64
                } else {
                    ((o as f64 + 0.5) / scale as f64 - 0.5).max(0.0)
                };
                let low = (source.floor() as usize).min(size - 1);
                let high = (low + 1).min(size - 1);
                let part = source - low as f64;
                weights[o * size + low] += 1.0 - part;
                weights[o * size + high] += part;
            }
        }
    }
    Tensor::from_vec(weights, (out, size), like.device())?.to_dtype(like.dtype())
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

/// All window positions of a pooling as shifted, strided views: for every tap `(ky, kx)` a tensor `[N, C, H', W']`.
fn windows(x: &Tensor, pool: &PoolSpec, fill: f64) -> Result<Vec<Tensor>> {
    let (h, w) = (x.dim(2)?, x.dim(3)?);
    let [oh, ow] = output_size(pool, [h, w])?;
    let padded = if pool.padding.is_zero() {
        x.clone()
    } else {
        pad(x, pool.padding, fill)?
    };
    let mut taps = Vec::with_capacity(pool.kernel[0] * pool.kernel[1]);
    for ky in 0..pool.kernel[0] {
        let rows = strided(&padded, 2, ky, pool.stride[0], oh)?;
        for kx in 0..pool.kernel[1] {
            taps.push(strided(&rows, 3, kx, pool.stride[1], ow)?);
        }
    }
    Ok(taps)
}

fn output_size(pool: &PoolSpec, size: [usize; 2]) -> Result<[usize; 2]> {
    match pool.as_conv().output_size(size) {
        Some(size) => Ok(size),
        None => candle_core::bail!("a window of {:?} does not fit {size:?}", pool.kernel),
    }
}

/// Every `stride`-th index of an axis from `start`, `count` of them.
fn strided(x: &Tensor, axis: usize, start: usize, stride: usize, count: usize) -> Result<Tensor> {
    let index: Vec<u32> = (0..count).map(|i| (start + i * stride) as u32).collect();
    x.contiguous()?
        .index_select(&Tensor::from_vec(index, count, x.device())?, axis)
}

/// The transpose of [`strided`]: puts `g` back into an axis of length `len`.
fn unstrided(g: &Tensor, axis: usize, start: usize, stride: usize, len: usize) -> Result<Tensor> {
    let index: Vec<u32> = (0..g.dim(axis)?)
        .map(|i| (start + i * stride) as u32)
        .collect();
    let mut dims = g.dims().to_vec();
    dims[axis] = len;
    let index = Tensor::from_vec(index, g.dim(axis)?, g.device())?;
    Tensor::zeros(dims, g.dtype(), g.device())?.index_add(&index, &g.contiguous()?, axis)
}

/// The transpose of [`windows`]: adds every tap's gradient back to where it was read.
fn unwindows(taps: &[Tensor], pool: &PoolSpec, size: [usize; 2]) -> Result<Tensor> {
    let padded = [
        size[0] + pool.padding.top + pool.padding.bottom,
        size[1] + pool.padding.left + pool.padding.right,
    ];
    let mut total: Option<Tensor> = None;
    for (ky, row) in taps.chunks(pool.kernel[1]).enumerate() {
        let mut rows: Option<Tensor> = None;
        for (kx, tap) in row.iter().enumerate() {
            let wide = unstrided(tap, 3, kx, pool.stride[1], padded[1])?;
            rows = Some(match rows {
                Some(sum) => (sum + wide)?,
                None => wide,
            });
        }
        let Some(rows) = rows else { continue };
        let tall = unstrided(&rows, 2, ky, pool.stride[0], padded[0])?;
        total = Some(match total {
            Some(sum) => (sum + tall)?,
            None => tall,
        });
    }
    match total {
        Some(total) => pad_pullback(&total, pool.padding),
        None => candle_core::bail!("a pooling window has no taps"),
    }
}

/// How many real pixels each window of an average pool covers, `[1, 1, H', W']`, or the whole window's size.
fn divisor(x: &Tensor, pool: &PoolSpec) -> Result<Tensor> {
    let whole = (pool.kernel[0] * pool.kernel[1]) as f64;
    if pool.count_padding || pool.padding.is_zero() {
        return Tensor::full(whole, (1, 1, 1, 1), x.device())?.to_dtype(x.dtype());
    }
    let ones = Tensor::ones((1, 1, x.dim(2)?, x.dim(3)?), x.dtype(), x.device())?;
    sum_all(windows(&ones, pool, 0.0)?)
}

fn sum_all(taps: Vec<Tensor>) -> Result<Tensor> {
    let mut taps = taps.into_iter();
    let Some(first) = taps.next() else {
        candle_core::bail!("a pooling window has no taps")
    };
    taps.try_fold(first, |sum, tap| sum + tap)
}

/// Mean over windows.
pub(super) fn avg_pool(x: &Tensor, pool: &PoolSpec) -> Result<Tensor> {
    sum_all(windows(x, pool, 0.0)?)?.broadcast_div(&divisor(x, pool)?)
}

/// Pullback of [`avg_pool`].
pub(super) fn avg_pool_pullback(x: &Tensor, g: &Tensor, pool: &PoolSpec) -> Result<Tensor> {
    let share = g.broadcast_div(&divisor(x, pool)?)?;
    let taps = vec![share; pool.kernel[0] * pool.kernel[1]];
    unwindows(&taps, pool, [x.dim(2)?, x.dim(3)?])
}

/// Maximum over windows, and for every tap a 0/1 map of where it won (ties go to the first tap).
pub(super) fn max_pool(x: &Tensor, pool: &PoolSpec) -> Result<(Tensor, Vec<Tensor>)> {
    let taps = windows(x, pool, f64::NEG_INFINITY)?;
    let mut best = taps[0].clone();
    for tap in &taps[1..] {
        best = best.maximum(tap)?;
    }
    let mut free = Tensor::ones(best.dims(), best.dtype(), best.device())?;
    let mut wins = Vec::with_capacity(taps.len());
    for tap in &taps {
        let win = (tap.eq(&best)?.to_dtype(best.dtype())? * &free)?;
        free = (free - &win)?;
        wins.push(win);
    }
    Ok((best, wins))
}

/// Pullback of [`max_pool`]: the winner takes all.
pub(super) fn max_pool_pullback(x: &Tensor, g: &Tensor, pool: &PoolSpec) -> Result<Tensor> {
    let (_, wins) = max_pool(x, pool)?;
    let taps = wins.iter().map(|win| win * g).collect::<Result<Vec<_>>>()?;
    unwindows(&taps, pool, [x.dim(2)?, x.dim(3)?])
}

/// Pullback of the mean over all pixels.
pub(super) fn global_avg_pool_pullback(x: &Tensor, g: &Tensor) -> Result<Tensor> {
    let pixels = (x.dim(2)? * x.dim(3)?) as f64;
    (g / pixels)?.broadcast_as(x.dims())?.contiguous()
}

/// Pullback of the maximum over all pixels: to the first pixel that attains it.
pub(super) fn global_max_pool_pullback(x: &Tensor, g: &Tensor) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    let flat = x.contiguous()?.reshape((n, c, h * w))?;
    let first = flat.argmax_keepdim(D::Minus1)?;
    let places = Tensor::arange(0_u32, (h * w) as u32, x.device())?.reshape((1, 1, h * w))?;
    let route = places
        .broadcast_as((n, c, h * w))?
        .eq(&first.broadcast_as((n, c, h * w))?)?
        .to_dtype(DType::F32)?;
    route
        .to_dtype(x.dtype())?
        .reshape((n, c, h, w))?
        .broadcast_mul(g)
}
