//! What operations do to every plane by itself, f32 on the CPU: from rows and columns of a channel to those of the result.
//!
//! Invariant: tensors and plans compute these operations here, so both give the same bits.

use candle_core::{Result, Tensor};

use super::pool::Windows;
use super::resample::{between, map_whole_planes};
use super::{Op, UpsampleMode};

/// One such operation over planes of one size.
#[derive(Clone, Debug)]
pub(super) enum PlaneWork {
    /// Means over windows.
    Means(Windows),
    /// Maxima over windows.
    Maxima(Windows),
    /// The mean of the plane of rows and columns.
    Mean([usize; 2]),
    /// The maximum of the plane of rows and columns.
    Maximum([usize; 2]),
    /// Mean 0 and variance 1 (without weight and bias).
    Normalised {
        /// Added to the variance.
        eps: f64,
        /// Rows and columns.
        size: [usize; 2],
    },
    /// Enlarged between pixels.
    Bilinear {
        /// Per row of the result: the row before, the row after, and the weight of the row after.
        rows: Vec<(usize, usize, f32)>,
        /// The same for columns.
        columns: Vec<(usize, usize, f32)>,
        /// Rows and columns of the plane.
        size: [usize; 2],
    },
}

impl PlaneWork {
    /// The work of `op` for values of `dims` `[C, H, W]`; `None` for an operation that is none.
    pub(super) fn of(op: &Op, dims: &[usize]) -> Result<Option<Self>> {
        let &[_, height, width] = dims else {
            return Ok(None);
        };
        let size = [height, width];
        Ok(Some(match op {
            Op::AvgPool(pool) => Self::Means(Windows::over(size, pool)?),
            Op::MaxPool(pool) => Self::Maxima(Windows::over(size, pool)?),
            Op::GlobalAvgPool => Self::Mean(size),
            Op::GlobalMaxPool => Self::Maximum(size),
            Op::InstanceNorm { eps } => Self::Normalised { eps: *eps, size },
            Op::Upsample {
                scale,
                mode: UpsampleMode::Bilinear { align_corners },
            } => {
                let along = |axis: usize| {
                    let place = |at| {
                        let (low, high, part) =
                            between(at, size[axis], scale[axis], *align_corners);
                        (low, high, part as f32)
                    };
                    (0..size[axis] * scale[axis]).map(place).collect()
                };
                Self::Bilinear {
                    rows: along(0),
                    columns: along(1),
                    size,
                }
            }
            _ => return Ok(None),
        }))
    }

    /// Elements of a plane, and of a plane of the result.
    pub(super) fn lens(&self) -> [usize; 2] {
        let [rows, columns] = match self {
            Self::Means(windows) | Self::Maxima(windows) => windows.size(),
            Self::Mean(size)
            | Self::Maximum(size)
            | Self::Normalised { size, .. }
            | Self::Bilinear { size, .. } => *size,
        };
        [rows * columns, self.out().iter().product()]
    }

    /// Rows and columns of the result.
    fn out(&self) -> [usize; 2] {
        match self {
            Self::Means(windows) | Self::Maxima(windows) => windows.out(),
            Self::Mean(_) | Self::Maximum(_) => [1, 1],
            Self::Normalised { size, .. } => *size,
            Self::Bilinear { rows, columns, .. } => [rows.len(), columns.len()],
        }
    }

    /// From plane `x` to plane `y`.
    pub(super) fn run(&self, x: &[f32], y: &mut [f32]) {
        match self {
            Self::Means(windows) => windows.means(x, y),
            Self::Maxima(windows) => windows.maxima(x, y),
            Self::Mean(_) => y[0] = mean(x) as f32,
            Self::Maximum(_) => {
                // A value that is not a number wins, so that it is not hidden.
                let larger = |best: f32, x: &f32| {
                    if *x > best || x.is_nan() { *x } else { best }
                };
                y[0] = x.iter().fold(f32::NEG_INFINITY, larger);
            }
            Self::Normalised { eps, .. } => normalise(x, y, *eps),
            Self::Bilinear {
                rows,
                columns,
                size: [_, width],
            } => {
                for (y, (low, high, part)) in y.chunks_exact_mut(columns.len()).zip(rows) {
                    let (above, below) =
                        (&x[low * width..][..*width], &x[high * width..][..*width]);
                    for (y, (left, right, across)) in y.iter_mut().zip(columns) {
                        let top = (1.0 - across) * above[*left] + across * above[*right];
                        let bottom = (1.0 - across) * below[*left] + across * below[*right];
                        *y = (1.0 - part) * top + part * bottom;
                    }
                }
            }
        }
    }

    /// [`PlaneWork::run`] for every plane of `[N, C, H, W]`.
    pub(super) fn map(&self, x: &Tensor) -> Result<Tensor> {
        map_whole_planes(x, x.dim(0)? * x.dim(1)?, self.out(), |x, y| self.run(x, y))
    }
}

/// The mean of a plane, summed in f64.
fn mean(x: &[f32]) -> f64 {
    x.iter().map(|x| f64::from(*x)).sum::<f64>() / x.len() as f64
}

/// `(x - mean) / sqrt(var + eps)`, mean and variance in f64.
fn normalise(x: &[f32], y: &mut [f32], eps: f64) {
    let mean = mean(x);
    let square = |x: &f32| (f64::from(*x) - mean) * (f64::from(*x) - mean);
    let variance = x.iter().map(square).sum::<f64>() / x.len() as f64;
    let scale = 1.0 / (variance + eps).sqrt();
    for (y, x) in y.iter_mut().zip(x) {
        *y = ((f64::from(*x) - mean) * scale) as f32;
    }
}
