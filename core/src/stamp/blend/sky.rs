//! The sky of a picture, measured on its frame.
//!
//! Invariant: levels are in the range of the stamp measured; NaN pixels take no part. Median and median absolute deviation
//! stand a few sources on the frame, a mean would not.

use serde::{Deserialize, Serialize};

use super::Stamp;
use crate::seed::Stream;

/// The sky of one channel: a Gaussian.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SkyLevel {
    /// Median of the frame.
    pub level: f32,
    /// 1.4826 times the median absolute deviation, which is the standard deviation if the noise is Gaussian.
    pub sigma: f32,
}

impl SkyLevel {
    /// The sky of each channel of `stamp`, from its frame of `width` pixels, in the stamp's own range; NaN is left out.
    pub fn of_frame(stamp: &Stamp, width: usize) -> Vec<Self> {
        (0..stamp.channels)
            .map(|channel| {
                let mut values = frame(stamp, channel, width);
                let level = median(&mut values).unwrap_or(stamp.range.low);
                for value in &mut values {
                    *value = (*value - level).abs();
                }
                let sigma = 1.4826 * median(&mut values).unwrap_or(0.0);
                Self { level, sigma }
            })
            .collect()
    }

    /// One pixel of this sky.
    pub fn draw(self, stream: &mut Stream) -> f32 {
        self.level + self.sigma * stream.normal() as f32
    }
}

/// Pixels of one channel within `width` of an edge, each once, without NaN.
fn frame(stamp: &Stamp, channel: usize, width: usize) -> Vec<f32> {
    let (h, w) = (stamp.height, stamp.width);
    let near = |i: usize, n: usize| i < width || i + width >= n;
    stamp
        .plane(channel)
        .iter()
        .enumerate()
        .filter(|(i, v)| !v.is_nan() && (near(i / w, h) || near(i % w, w)))
        .map(|(_, v)| *v)
        .collect()
}

/// The median (mean of the middle two for even counts), or `None` of nothing; reorders `values`.
fn median(values: &mut [f32]) -> Option<f32> {
    if values.is_empty() {
        return None;
    }
    let half = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, middle, _) = values.select_nth_unstable_by(half, f32::total_cmp);
    let middle = *middle;
    if !even {
        return Some(middle);
    }
    let lower = below.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    Some(lower.midpoint(middle))
}
