//! How often values occur, for choosing limits by eye.
//!
//! Invariant: every finite value is counted in exactly one bin; values beyond the range are counted in the bin at its end.

use super::stretch::{Limits, between};

/// Counts of values in bins of equal width.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// The values at the left edge of the first bin and the right edge of the last.
    pub range: [f32; 2],
    /// Values per bin.
    pub counts: Vec<u32>,
    /// Values that are not finite; in no bin.
    pub missing: usize,
}

/// The share of values between the ends, percent: a few hot pixels must not squeeze the sky into one bin.
const CENTRAL: f64 = 99.8;
/// What is shown beyond the central values on either side, as a share of their range.
const MARGIN: f32 = 0.1;

impl Histogram {
    /// The histogram of `values` over their central 99.8 % and a tenth more on either side, never beyond their extremes;
    /// `None` where no value is finite or `bins` is zero.
    ///
    /// ```
    /// use ganoscope_core::stamp::histogram::Histogram;
    /// let histogram = Histogram::of(&[0.0, 0.1, 0.1, 1.0, f32::NAN], 4).unwrap();
    /// assert_eq!(histogram.counts, [3, 0, 0, 1]);
    /// assert_eq!(histogram.missing, 1);
    /// ```
    pub fn of(values: &[f32], bins: usize) -> Option<Self> {
        let [smallest, largest] = Limits::MinMax.of(values)?;
        let [low, high] = Limits::Percentile(CENTRAL).of(values)?;
        let margin = MARGIN * (high - low);
        let range = [(low - margin).max(smallest), (high + margin).min(largest)];
        let last = bins.checked_sub(1)?;
        let mut counts = vec![0; bins];
        let mut missing = 0;
        for value in values {
            if value.is_finite() {
                let place = between(range, *value) * bins as f32;
                counts[(place.max(0.0) as usize).min(last)] += 1;
            } else {
                missing += 1;
            }
        }
        Some(Self {
            range,
            counts,
            missing,
        })
    }

    /// The counts from 0 to 1 on a logarithmic scale, on which the few bright pixels are seen beside the sky.
    pub fn heights(&self) -> Vec<f32> {
        let height = |count: &u32| (*count as f32).ln_1p();
        let highest = self.counts.iter().map(height).fold(0.0, f32::max);
        let scale = if highest > 0.0 { 1.0 / highest } else { 0.0 };
        self.counts.iter().map(|c| scale * height(c)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_value_is_counted_once() {
        let mut values: Vec<f32> = (0..10_000).map(|i| i as f32 / 9999.0).collect();
        values.extend([f32::NAN, f32::INFINITY, 1e6, -1e6]);
        let histogram = Histogram::of(&values, 50).unwrap();
        assert_eq!(histogram.counts.iter().sum::<u32>(), 10_002);
        assert_eq!(histogram.missing, 2);
        let [low, high] = histogram.range;
        // The central 99.8 % of 0 to 1 with a tenth on either side.
        assert!(
            (low + 0.0988).abs() < 1e-3 && (high - 1.0988).abs() < 1e-3,
            "{low} {high}"
        );
        assert_eq!(
            histogram.counts[0], 1,
            "the value far below is in the first bin"
        );
        assert_eq!(
            histogram.counts[49], 1,
            "the value far above is in the last bin"
        );
    }

    #[test]
    fn the_range_ends_where_values_end() {
        let histogram = Histogram::of(&[2.0, 3.0, 4.0], 2).unwrap();
        assert_eq!(histogram.range, [2.0, 4.0]);
        assert_eq!(histogram.counts, [1, 2]);
    }

    #[test]
    fn equal_values_and_none_have_histograms_or_not() {
        let equal = Histogram::of(&[0.5; 7], 3).unwrap();
        assert_eq!(equal.counts, [7, 0, 0]);
        assert_eq!(equal.heights(), [1.0, 0.0, 0.0]);
        assert_eq!(Histogram::of(&[f32::NAN], 3), None);
        assert_eq!(Histogram::of(&[1.0], 0), None);
    }
}
