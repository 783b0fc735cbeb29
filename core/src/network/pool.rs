//! Pooling over windows and over whole planes, with pullbacks.
//!
//! On the CPU in f32 each output reads its window directly (see `plane_work`); other types and devices gather one strided
//! view per tap of the window, which the f64 law tests exercise. Ties of a maximum go to the first tap, row by row.

use std::ops::Range;

use candle_core::{D, DType, Result, Tensor};
use rayon::prelude::*;

use super::PoolSpec;
use super::elementwise::{from_vec, is_fast, with_slice};
use super::resample::{filled, map_whole_planes, pad, pad_pullback};

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
        return filled(whole, &[1, 1, 1, 1], x);
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

/// The windows of a pooling over planes of one size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    pool: PoolSpec,
    size: [usize; 2],
    out: [usize; 2],
}

impl Windows {
    fn new(x: &Tensor, pool: &PoolSpec) -> Result<Self> {
        Self::over([x.dim(2)?, x.dim(3)?], pool)
    }

    /// Over planes of `size` rows and columns.
    pub(super) fn over(size: [usize; 2], pool: &PoolSpec) -> Result<Self> {
        Ok(Self {
            pool: *pool,
            size,
            out: output_size(pool, size)?,
        })
    }

    /// Rows and columns of the planes.
    pub(super) fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Rows and columns of the result.
    pub(super) fn out(&self) -> [usize; 2] {
        self.out
    }

    /// The mean of every window of plane `x`.
    pub(super) fn means(&self, x: &[f32], y: &mut [f32]) {
        self.each(|at, rows, columns| {
            let row_sum = |row: usize| x[row * self.size[1]..][columns.clone()].iter().sum::<f32>();
            let sum: f32 = rows.clone().map(row_sum).sum();
            y[at] = sum / self.divisor(&rows, &columns);
        });
    }

    /// The maximum of every window of plane `x`.
    pub(super) fn maxima(&self, x: &[f32], y: &mut [f32]) {
        self.each(|at, rows, columns| y[at] = x[self.winner(x, rows, columns)]);
    }

    /// The real rows (axis 0) or columns (axis 1) of window `at`.
    fn span(&self, axis: usize, at: usize) -> Range<usize> {
        let PoolSpec {
            kernel,
            stride,
            padding,
            ..
        } = self.pool;
        let before = [padding.top, padding.left][axis];
        let start = at * stride[axis];
        let end = (start + kernel[axis]).saturating_sub(before);
        start.saturating_sub(before)..end.min(self.size[axis])
    }

    /// Calls `f` with the index of every window and its rows and columns.
    fn each(&self, mut f: impl FnMut(usize, Range<usize>, Range<usize>)) {
        for oy in 0..self.out[0] {
            let rows = self.span(0, oy);
            for ox in 0..self.out[1] {
                f(oy * self.out[1] + ox, rows.clone(), self.span(1, ox));
            }
        }
    }

    /// What the sum over a window is divided by.
    fn divisor(&self, rows: &Range<usize>, columns: &Range<usize>) -> f32 {
        let count = if self.pool.count_padding {
            self.pool.kernel[0] * self.pool.kernel[1]
        } else {
            rows.len() * columns.len()
        };
        count as f32
    }

    /// The place of the first largest value of a window.
    fn winner(&self, plane: &[f32], rows: Range<usize>, columns: Range<usize>) -> usize {
        let width = self.size[1];
        let mut best = rows.start * width + columns.start;
        for row in rows {
            for at in row * width + columns.start..row * width + columns.end {
                // A value that is not a number wins, so that it is not hidden.
                if plane[at] > plane[best] || (plane[at].is_nan() && !plane[best].is_nan()) {
                    best = at;
                }
            }
        }
        best
    }
}

/// Mean over windows, for any type and device.
pub(super) fn avg_pool(x: &Tensor, pool: &PoolSpec) -> Result<Tensor> {
    sum_all(windows(x, pool, 0.0)?)?.broadcast_div(&divisor(x, pool)?)
}

/// Pullback of [`avg_pool`].
pub(super) fn avg_pool_pullback(x: &Tensor, g: &Tensor, pool: &PoolSpec) -> Result<Tensor> {
    if is_fast(g) {
        let windows = Windows::new(x, pool)?;
        return map_whole_planes(g, g.dim(0)? * g.dim(1)?, windows.size, |g, y| {
            windows.each(|at, rows, columns| {
                let share = g[at] / windows.divisor(&rows, &columns);
                for row in rows {
                    for y in &mut y[row * windows.size[1]..][columns.clone()] {
                        *y += share;
                    }
                }
            });
        });
    }
    let share = g.broadcast_div(&divisor(x, pool)?)?;
    let taps = vec![share; pool.kernel[0] * pool.kernel[1]];
    unwindows(&taps, pool, [x.dim(2)?, x.dim(3)?])
}

/// Maximum over windows, for any type and device.
pub(super) fn max_pool(x: &Tensor, pool: &PoolSpec) -> Result<Tensor> {
    maximum(&windows(x, pool, f64::NEG_INFINITY)?)
}

fn maximum(taps: &[Tensor]) -> Result<Tensor> {
    let Some((first, rest)) = taps.split_first() else {
        candle_core::bail!("a pooling window has no taps")
    };
    rest.iter().try_fold(first.clone(), |best, tap| {
        // Not candle's `maximum`, which loses a value that is not a number; that one must not be hidden.
        let wins = (tap.gt(&best)? + tap.ne(tap)?)?;
        wins.where_cond(tap, &best)
    })
}

/// Maximum over all pixels, `[N, C, 1, 1]`, for any type and device; of pixels that are not all numbers it is none either.
pub(super) fn global_max_pool(x: &Tensor) -> Result<Tensor> {
    let over_pixels = |t: &Tensor| t.max_keepdim(D::Minus1)?.max_keepdim(D::Minus2);
    let largest = over_pixels(x)?;
    let none = (largest.zeros_like()? + f64::NAN)?;
    over_pixels(&x.ne(x)?)?.where_cond(&none, &largest)
}

/// Pullback of [`max_pool`]: the winner takes all.
pub(super) fn max_pool_pullback(x: &Tensor, g: &Tensor, pool: &PoolSpec) -> Result<Tensor> {
    if is_fast(x) && is_fast(g) {
        return max_pool_pullback_fast(x, g, &Windows::new(x, pool)?);
    }
    let taps = windows(x, pool, f64::NEG_INFINITY)?;
    let best = maximum(&taps)?;
    let mut free = Tensor::ones(best.dims(), best.dtype(), best.device())?;
    let mut shares = Vec::with_capacity(taps.len());
    for tap in &taps {
        let win = (tap.eq(&best)?.to_dtype(best.dtype())? * &free)?;
        free = (free - &win)?;
        shares.push((win * g)?);
    }
    unwindows(&shares, pool, [x.dim(2)?, x.dim(3)?])
}

fn max_pool_pullback_fast(x: &Tensor, g: &Tensor, windows: &Windows) -> Result<Tensor> {
    let (x, g) = (x.contiguous()?, g.contiguous()?);
    let (plane, out) = (
        windows.size[0] * windows.size[1],
        windows.out[0] * windows.out[1],
    );
    let values = with_slice(&x, |x: &[f32]| {
        with_slice(&g, |g: &[f32]| {
            let mut y = vec![0.0; x.len()];
            y.par_chunks_mut(plane)
                .zip(x.par_chunks(plane).zip(g.par_chunks(out)))
                .for_each(|(y, (x, g))| {
                    windows.each(|at, rows, columns| y[windows.winner(x, rows, columns)] += g[at]);
                });
            y
        })
    });
    match values.flatten() {
        Some(values) => from_vec(values, x.dims()),
        None => candle_core::bail!("both values must be f32 on the CPU"),
    }
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
