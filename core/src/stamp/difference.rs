//! The signed difference of two pictures, and how large it is.
//!
//! Invariant: pixels are subtracted as floats, in their own units; pixels that have no value in either picture are missing in
//! the difference and take no part in its measures. Sums are in `f64`.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::metrics::psnr_of;
use super::{Stamp, ValueRange};

/// Why two pictures have no difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DifferenceError {
    /// They have other numbers of rows or columns.
    #[error(
        "the pictures differ in size: {} x {} and {} x {} pixels (columns x rows)",
        .first[1], .first[0], .second[1], .second[0]
    )]
    Size {
        /// `[H, W]` of the first.
        first: [usize; 2],
        /// `[H, W]` of the second.
        second: [usize; 2],
    },
    /// They have other numbers of bands, and neither has one.
    #[error("the pictures differ in bands: {first} and {second}")]
    Bands {
        /// Of the first.
        first: usize,
        /// Of the second.
        second: usize,
    },
}

/// How large a difference is, over all bands and all pixels that have a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DifferenceMeasures {
    /// Mean, in the unit of the pixels: below zero where the second picture is brighter.
    pub mean: f64,
    /// Root of the mean square, in the unit of the pixels.
    pub rms: f64,
    /// The difference furthest from zero, with its sign, in the unit of the pixels.
    pub largest: f64,
    /// Where that is: (column, row), 0-based; nothing where no pixel has a value.
    pub largest_at: Option<[usize; 2]>,
    /// Peak signal-to-noise ratio for pixels in `[0, 1]`, dB; nothing for pictures that are equal.
    pub psnr: Option<f64>,
    /// Values without a difference, because one of the two is missing.
    pub missing: usize,
}

/// `first - second` and its measures.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// `[C, H, W]`, signed, in the unit of the pixels; NaN where a pixel is missing.
    pub stamp: Stamp,
    /// The mean of its bands, `[1, H, W]`: what signs are drawn of.
    pub mean: Stamp,
    /// How large it is.
    pub measures: DifferenceMeasures,
}

impl Difference {
    /// `first - second`, band by band; a picture of one band is taken for every band of the other.
    ///
    /// ```
    /// use ganoscope_core::stamp::difference::Difference;
    /// use ganoscope_core::stamp::{Stamp, ValueRange};
    ///
    /// let stamp = |pixels| Stamp::new("s", pixels, [1, 1, 2], ValueRange::UNIT);
    /// let difference = Difference::of(&stamp(vec![0.5, 0.0]), &stamp(vec![0.25, 0.75])).unwrap();
    /// assert_eq!(*difference.stamp.pixels, [0.25, -0.75]);
    /// assert_eq!(difference.measures.mean, -0.25);
    /// assert_eq!(difference.measures.largest, -0.75);
    /// ```
    ///
    /// # Errors
    /// When the pictures differ in rows, columns, or in their numbers of bands where both have several.
    pub fn of(first: &Stamp, second: &Stamp) -> Result<Self, DifferenceError> {
        let [first_bands, height, width] = first.dims();
        let [second_bands, other_height, other_width] = second.dims();
        if [height, width] != [other_height, other_width] {
            return Err(DifferenceError::Size {
                first: [height, width],
                second: [other_height, other_width],
            });
        }
        if first_bands != second_bands && first_bands != 1 && second_bands != 1 {
            return Err(DifferenceError::Bands {
                first: first_bands,
                second: second_bands,
            });
        }
        let bands = first_bands.max(second_bands);
        let band = |stamp: &Stamp, band: usize| band.min(stamp.channels.saturating_sub(1));
        let pixels: Vec<f32> = (0..bands)
            .flat_map(|b| {
                let planes = (first.plane(band(first, b)), second.plane(band(second, b)));
                planes.0.iter().zip(planes.1).map(|(a, b)| a - b)
            })
            .map(|d| if d.is_finite() { d } else { f32::NAN })
            .collect();
        let measures = DifferenceMeasures::of(&pixels, [height, width]);
        let mean = mean_of_bands(&pixels, height * width);
        let signed = |name: &str, pixels: Vec<f32>, bands| {
            Stamp::new(name, pixels, [bands, height, width], ValueRange::SIGNED)
        };
        Ok(Self {
            mean: signed("mean difference", mean, 1),
            stamp: signed("difference", pixels, bands),
            measures,
        })
    }
}

impl DifferenceMeasures {
    /// Of differences `[C, H, W]` of any number of bands.
    fn of(differences: &[f32], [height, width]: [usize; 2]) -> Self {
        let plane = (height * width).max(1);
        let (mut sum, mut squares, mut count) = (0.0_f64, 0.0_f64, 0_usize);
        let mut largest: Option<(f64, usize)> = None;
        for (i, difference) in differences.iter().enumerate() {
            let d = f64::from(*difference);
            if !d.is_finite() {
                continue;
            }
            sum += d;
            squares += d * d;
            count += 1;
            if largest.is_none_or(|(most, _)| d.abs() > most.abs()) {
                largest = Some((d, i % plane));
            }
        }
        let n = count.max(1) as f64;
        let columns = width.max(1);
        Self {
            mean: sum / n,
            rms: (squares / n).sqrt(),
            largest: largest.map_or(0.0, |(d, _)| d),
            largest_at: largest.map(|(_, i)| [i % columns, i / columns]),
            psnr: largest.and_then(|_| psnr_of(squares / n, 1.0)),
            missing: differences.len() - count,
        }
    }
}

/// The mean of the bands of planar pixels, NaN where one is missing.
fn mean_of_bands(pixels: &[f32], plane: usize) -> Vec<f32> {
    let bands = pixels.len() / plane.max(1);
    (0..plane.min(pixels.len()))
        .map(|i| pixels[i..].iter().step_by(plane).sum::<f32>() / bands.max(1) as f32)
        .collect()
}

impl Stamp {
    /// The mean of the bands, `[1, H, W]`; NaN where one is missing.
    pub fn mean_of_bands(&self) -> Self {
        if self.channels == 1 {
            return self.clone();
        }
        let pixels = mean_of_bands(&self.pixels, self.height * self.width);
        Self::new(
            &*self.name,
            pixels,
            [1, self.height, self.width],
            self.range,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(pixels: &[f32], dims: [usize; 3]) -> Stamp {
        Stamp::new("s", pixels.to_vec(), dims, ValueRange::UNIT)
    }

    #[test]
    fn measures_are_those_by_hand() {
        let first = stamp(&[0.5, 0.5, 0.5, 0.5], [1, 2, 2]);
        let second = stamp(&[0.25, 0.5, 1.0, 0.5], [1, 2, 2]);
        let Difference {
            stamp, measures, ..
        } = Difference::of(&first, &second).unwrap();
        assert_eq!(*stamp.pixels, [0.25, 0.0, -0.5, 0.0]);
        assert_eq!(measures.mean, -0.0625);
        // (1/16 + 1/4) / 4 = 5/64.
        assert!((measures.rms - (5.0_f64 / 64.0).sqrt()).abs() < 1e-12);
        assert_eq!(
            (measures.largest, measures.largest_at),
            (-0.5, Some([0, 1])),
            "column 0 of row 1"
        );
        let psnr = 10.0 * (64.0_f64 / 5.0).log10();
        assert!((measures.psnr.unwrap() - psnr).abs() < 1e-9);
        assert_eq!(measures.missing, 0);
        let back = Difference::of(&second, &first).unwrap();
        assert_eq!(back.measures.mean, 0.0625, "exchanged, the sign turns");
    }

    #[test]
    fn equal_pictures_differ_by_nothing() {
        let one = stamp(&[0.1, 0.9], [1, 1, 2]);
        let measures = Difference::of(&one, &one).unwrap().measures;
        assert_eq!(
            (measures.mean, measures.rms, measures.largest, measures.psnr),
            (0.0, 0.0, 0.0, None)
        );
    }

    #[test]
    fn one_band_counts_for_every_band() {
        let colour = stamp(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [3, 1, 2]);
        let grey = stamp(&[1.0, 2.0], [1, 1, 2]);
        let difference = Difference::of(&colour, &grey).unwrap();
        assert_eq!(*difference.stamp.pixels, [0.0, 0.0, 2.0, 2.0, 4.0, 4.0]);
        assert_eq!(*difference.mean.pixels, [2.0, 2.0]);
        assert_eq!(difference.measures.largest_at, Some([0, 0]));
        let back = Difference::of(&grey, &colour).unwrap();
        assert_eq!(*back.mean.pixels, [-2.0, -2.0]);
    }

    #[test]
    fn missing_pixels_take_no_part() {
        let first = stamp(&[f32::NAN, 1.0, f32::INFINITY], [1, 1, 3]);
        let second = stamp(&[0.0, 0.5, f32::INFINITY], [1, 1, 3]);
        let Difference {
            stamp, measures, ..
        } = Difference::of(&first, &second).unwrap();
        assert!(stamp.pixels[0].is_nan() && stamp.pixels[2].is_nan());
        assert_eq!(
            (measures.mean, measures.rms, measures.missing),
            (0.5, 0.5, 2)
        );
        let none = Difference::of(&first, &self::stamp(&[f32::NAN; 3], [1, 1, 3])).unwrap();
        assert_eq!(none.measures.largest_at, None);
        assert_eq!((none.measures.psnr, none.measures.missing), (None, 3));
    }

    #[test]
    fn pictures_of_other_sizes_are_refused_with_both_sizes() {
        let error =
            Difference::of(&stamp(&[0.0; 6], [1, 2, 3]), &stamp(&[0.0; 4], [1, 2, 2])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the pictures differ in size: 3 x 2 and 2 x 2 pixels (columns x rows)"
        );
        let error =
            Difference::of(&stamp(&[0.0; 2], [2, 1, 1]), &stamp(&[0.0; 3], [3, 1, 1])).unwrap_err();
        assert_eq!(error.to_string(), "the pictures differ in bands: 2 and 3");
    }

    #[test]
    fn a_mean_of_bands_keeps_missing_pixels() {
        let mean = stamp(&[1.0, f32::NAN, 3.0, 4.0], [2, 1, 2]).mean_of_bands();
        assert_eq!(mean.dims(), [1, 1, 2]);
        assert_eq!(mean.pixels[0], 2.0);
        assert!(mean.pixels[1].is_nan());
    }
}
