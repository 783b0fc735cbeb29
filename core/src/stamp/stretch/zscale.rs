//! IRAF's zscale limits.
//!
//! Invariant: the same limits as astropy's `ZScaleInterval` (which follows the NOAO algorithm) on the same pixels.

use serde::{Deserialize, Serialize};

/// Parameters of zscale.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZScale {
    /// The line's slope is divided by this; smaller shows a wider range.
    pub contrast: f64,
    /// How many pixels are looked at.
    pub samples: usize,
}

impl Default for ZScale {
    /// Contrast 0.25, 1000 samples: astropy's defaults.
    fn default() -> Self {
        Self {
            contrast: 0.25,
            samples: 1000,
        }
    }
}

/// Largest share of samples that may be rejected before the line is given up.
const MAX_REJECTED: f64 = 0.5;
/// Fewest samples for a line.
const MIN_SAMPLES: usize = 5;
/// Samples further from the line than this many standard deviations are rejected.
const REJECTION: f64 = 2.5;
/// Rounds of fitting and rejecting.
const ROUNDS: usize = 5;

impl ZScale {
    /// `[low, high]` of finite `values`; `None` for none.
    pub(super) fn of(self, values: &[f32]) -> Option<[f32; 2]> {
        let wanted = self.samples.max(1);
        let stride = (values.len() / wanted).max(1);
        let mut samples: Vec<f64> = values
            .iter()
            .step_by(stride)
            .take(wanted)
            .map(|v| f64::from(*v))
            .collect();
        samples.sort_by(f64::total_cmp);
        let (low, high) = (*samples.first()?, *samples.last()?);
        let n = samples.len();
        let Some(slope) = slope(&samples) else {
            return Some([low as f32, high as f32]);
        };
        let slope = if self.contrast > 0.0 {
            slope / self.contrast
        } else {
            slope
        };
        let median = samples[(n - 1) / 2].midpoint(samples[n / 2]);
        let centre = ((n - 1) / 2) as f64;
        Some([
            low.max(median - (centre - 1.0) * slope) as f32,
            high.min(median + (n as f64 - centre) * slope) as f32,
        ])
    }
}

/// Slope per sample of the line through sorted samples after clipping; `None` when too many were rejected.
fn slope(samples: &[f64]) -> Option<f64> {
    let n = samples.len();
    let fewest = MIN_SAMPLES.max((n as f64 * MAX_REJECTED) as usize);
    let grow = ((n as f64 * 0.01) as usize).max(1);
    let mut bad = vec![false; n];
    let (mut good, mut last_good) = (n, n + 1);
    let mut slope = None;
    for _ in 0..ROUNDS {
        if good >= last_good || good < fewest {
            break;
        }
        let (offset, gradient) = line(samples, &bad);
        slope = Some(gradient);
        let flat: Vec<f64> = samples
            .iter()
            .enumerate()
            .map(|(i, v)| v - (offset + gradient * i as f64))
            .collect();
        let limit = REJECTION * deviation(&flat, &bad);
        for (bad, flat) in bad.iter_mut().zip(&flat) {
            *bad |= flat.abs() > limit;
        }
        bad = grown(&bad, grow);
        last_good = good;
        good = bad.iter().filter(|bad| !**bad).count();
    }
    slope.filter(|_| good >= fewest)
}

/// Least-squares line (offset, gradient) through the good samples.
fn line(samples: &[f64], bad: &[bool]) -> (f64, f64) {
    let good = || {
        samples
            .iter()
            .enumerate()
            .zip(bad)
            .filter(|(_, bad)| !**bad)
    };
    let count = good().count().max(1) as f64;
    let mean_x = good().map(|((i, _), _)| i as f64).sum::<f64>() / count;
    let mean_y = good().map(|((_, v), _)| v).sum::<f64>() / count;
    let (mut xx, mut xy) = (0.0, 0.0);
    for ((i, v), _) in good() {
        xx += (i as f64 - mean_x).powi(2);
        xy += (i as f64 - mean_x) * (v - mean_y);
    }
    let gradient = if xx > 0.0 { xy / xx } else { 0.0 };
    (mean_y - gradient * mean_x, gradient)
}

/// Population standard deviation of the good values.
fn deviation(values: &[f64], bad: &[bool]) -> f64 {
    let good = || {
        values
            .iter()
            .zip(bad)
            .filter(|(_, bad)| !**bad)
            .map(|(v, _)| v)
    };
    let count = good().count().max(1) as f64;
    let mean = good().sum::<f64>() / count;
    (good().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt()
}

/// Marks every place with a mark within a window of `width`, centred as numpy's `convolve(mode="same")`.
fn grown(marks: &[bool], width: usize) -> Vec<bool> {
    let after = (width - 1) / 2;
    let before = width - 1 - after;
    (0..marks.len())
        .map(|i| {
            let window = i.saturating_sub(before)..(i + after + 1).min(marks.len());
            marks[window].contains(&true)
        })
        .collect()
}

/// Values with a tail of bright ones, by formula.
#[cfg(test)]
pub(super) fn sample(n: usize) -> Vec<f32> {
    (0..n)
        .map(|i| {
            let value = ((i * 7919) % 1009) as f64 / 1009.0;
            (value * value + if i % 97 == 0 { 30.0 } else { 0.0 }) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_match_astropy() {
        // astropy 8.0.2: ZScaleInterval().get_limits of the same values.
        for (n, low, high) in [
            (4096, 9.822_401e-7, 2.251_962_1),
            (700, 9.822_401e-7, 2.251_259_6),
            (60, 6.139_001e-4, 2.359_022_5),
        ] {
            let got = ZScale::default().of(&sample(n)).unwrap();
            assert!(
                (got[0] - low).abs() < 1e-9 && (got[1] - high).abs() < 1e-5,
                "{n}: {got:?}"
            );
        }
    }

    #[test]
    fn few_or_equal_values_fall_back_to_their_extremes() {
        assert_eq!(ZScale::default().of(&[1.0, 5.0, 2.0]), Some([1.0, 5.0]));
        assert_eq!(ZScale::default().of(&[4.0; 100]), Some([4.0, 4.0]));
    }
}
