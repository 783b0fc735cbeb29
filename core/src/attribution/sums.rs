//! Sums of relevance over samples and units, in f64 whatever the type of the map.

use candle_core::{DType, Result, Tensor};

use crate::kernels::{self, Weights};
use crate::network::{is_fast, with_slice};

/// The sum over each sample, in f64.
pub(super) fn sample_sums(t: &Tensor) -> Result<Vec<f64>> {
    if is_fast(t) && t.elem_count() > 0 {
        let t = t.contiguous()?;
        let sample = t.elem_count() / t.dim(0)?;
        let sums = with_slice(&t, |t: &[f32]| {
            kernels::weighted_sums(t, sample, |_| Weights::One(1.0))
        });
        return Ok(sums.unwrap_or_default());
    }
    t.flatten_from(1)?.to_dtype(DType::F64)?.sum(1)?.to_vec1()
}

/// The sum over each unit of each sample, in f64, of `[N, C, H, W]` or `[N, F]`: `[N][C]`.
pub(super) fn plane_sums(t: &Tensor) -> Result<Vec<Vec<f64>>> {
    if t.rank() < 2 {
        return Ok(sample_sums(t)?.into_iter().map(|sum| vec![sum]).collect());
    }
    let units = t.dim(1)?;
    if is_fast(t) && t.elem_count() > 0 {
        let t = t.contiguous()?;
        let plane = t.elem_count() / (t.dim(0)? * units);
        let sums = with_slice(&t, |t: &[f32]| {
            kernels::weighted_sums(t, plane, |_| Weights::One(1.0))
        });
        let sums = sums.unwrap_or_default();
        return Ok(sums.chunks(units).map(<[f64]>::to_vec).collect());
    }
    let wide = t.to_dtype(DType::F64)?;
    if t.rank() == 2 {
        return wide.to_vec2();
    }
    wide.flatten_from(2)?.sum(2)?.to_vec2()
}

/// Adds the amounts of each sample.
pub(super) fn add_to(total: &mut [f64], more: &[f64]) {
    for (total, more) in total.iter_mut().zip(more) {
        *total += more;
    }
}
