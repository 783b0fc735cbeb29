//! Pictures made smaller by whole factors: every pixel the mean of a block.
//!
//! Invariant: the pixel (column, row) is the mean of the finite pixels among `factor` by `factor` of the original, beginning at
//! (`factor` column, `factor` row) in picture order, and missing where none is finite.

use super::{Card, Reduction, Stamp};

/// Makes a picture smaller while its rows come in, whatever its size, in the memory of the small one.
#[derive(Debug)]
pub(crate) struct Reducer {
    factor: usize,
    /// Rows and columns of the original.
    size: [usize; 2],
    pixels: Vec<f32>,
    /// The row of the small picture that is gathered, of all channels' rows.
    gathered: Option<usize>,
    sums: Vec<f64>,
    counts: Vec<u32>,
}

impl Reducer {
    /// For `channels` planes of `size` rows and columns.
    pub(crate) fn new(channels: usize, size: [usize; 2], factor: usize) -> Self {
        let factor = factor.max(1);
        let [rows, columns] = size.map(|n| n.div_ceil(factor));
        Self {
            factor,
            size,
            pixels: vec![f32::NAN; channels * rows * columns],
            gathered: None,
            sums: vec![0.0; columns],
            counts: vec![0; columns],
        }
    }

    /// Rows and columns of the small picture.
    pub(crate) fn reduced_size(&self) -> [usize; 2] {
        self.size.map(|n| n.div_ceil(self.factor))
    }

    /// Takes a row of a channel in; `row` counts in picture order. Rows of a block must come one after the other.
    pub(crate) fn add(&mut self, channel: usize, row: usize, values: &[f32]) {
        let [rows, _] = self.reduced_size();
        let at = channel * rows + row / self.factor;
        if self.gathered != Some(at) {
            self.flush();
            self.gathered = Some(at);
        }
        let blocks = values.chunks(self.factor);
        for ((sum, count), block) in self.sums.iter_mut().zip(&mut self.counts).zip(blocks) {
            for value in block.iter().filter(|v| v.is_finite()) {
                *sum += f64::from(*value);
                *count += 1;
            }
        }
    }

    fn flush(&mut self) {
        let Some(row) = self.gathered.take() else {
            return;
        };
        let width = self.sums.len();
        let pixels = self.pixels.iter_mut().skip(row * width);
        for ((pixel, sum), count) in pixels.zip(&mut self.sums).zip(&mut self.counts) {
            if *count > 0 {
                *pixel = (*sum / f64::from(*count)) as f32;
            }
            *sum = 0.0;
            *count = 0;
        }
    }

    /// The pixels of the small picture, planar.
    pub(crate) fn finish(mut self) -> Vec<f32> {
        self.flush();
        self.pixels
    }
}

/// The smallest factor that makes `channels` planes of `size` at most `most` pixels.
pub(crate) fn factor_for(channels: usize, size: [usize; 2], most: usize) -> usize {
    let pixels = |factor: usize| {
        let [rows, columns] = size.map(|n| n.div_ceil(factor) as u128);
        rows * columns * channels as u128
    };
    let whole = pixels(1) as f64;
    let largest = size.into_iter().max().unwrap_or(1).max(1);
    // Near the root of the ratio, where the search ends after a few steps.
    let root = (whole / most.max(1) as f64).sqrt().floor() as usize;
    let mut factor = root.clamp(1, largest);
    while factor < largest && pixels(factor) > most as u128 {
        factor += 1;
    }
    factor
}

impl Stamp {
    /// The same picture with at most `most` pixels, all channels counted: itself, or every pixel the mean of a block.
    pub fn reduced_to(&self, most: usize) -> Self {
        let size = [self.height, self.width];
        let factor = factor_for(self.channels, size, most);
        if factor < 2 {
            return self.clone();
        }
        let mut reducer = Reducer::new(self.channels, size, factor);
        for channel in 0..self.channels {
            for (row, values) in self.plane(channel).chunks(self.width.max(1)).enumerate() {
                reducer.add(channel, row, values);
            }
        }
        let [height, width] = reducer.reduced_size();
        let reduction = Reduction {
            factor: factor * self.reduction_factor(),
            size: self.size_in_file(),
        };
        Self {
            pixels: reducer.finish().into(),
            height,
            width,
            reduction: Some(reduction),
            ..self.clone()
        }
    }
}

impl Stamp {
    /// The cards that are true of the pixels in memory. Those of a picture that was made smaller lose what places the pixels of
    /// the file on the sky, and say why.
    pub(crate) fn own_cards(&self) -> Vec<Card> {
        let Some(Reduction { factor, size }) = self.reduction else {
            return self.cards.clone();
        };
        let kept = self
            .cards
            .iter()
            .filter(|card| !places_pixels(&card.keyword));
        let mut cards: Vec<Card> = kept.cloned().collect();
        let [rows, columns] = size;
        cards.push(Card::commentary(
            "HISTORY",
            format!("every pixel is the mean of {factor} x {factor} of {columns} x {rows} pixels"),
        ));
        cards
    }
}

/// Whether a card says where pixels lie: world coordinates, their distortions, physical coordinates.
fn places_pixels(keyword: &str) -> bool {
    const STEMS: [&str; 19] = [
        "CTYPE", "CRPIX", "CRVAL", "CDELT", "CUNIT", "CROTA", "CD", "PC", "PV", "LTV", "LTM", "A_",
        "B_", "AP_", "BP_", "LONPOLE", "LATPOLE", "WCSAXES", "WCSDIM",
    ];
    let is_numbered = |rest: &str| {
        let letters = rest.trim_start_matches("ORDER").trim_start_matches("DMAX");
        letters.chars().all(|c| c.is_ascii_digit() || c == '_')
    };
    STEMS
        .iter()
        .any(|stem| keyword.strip_prefix(stem).is_some_and(is_numbered))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::ValueRange;

    #[test]
    fn a_pixel_is_the_mean_of_the_finite_ones_of_its_block() {
        let mut pixels: Vec<f32> = (0..35).map(|i| i as f32).collect();
        pixels[0] = f32::NAN;
        for hole in [4, 11] {
            pixels[hole] = f32::NAN;
        }
        pixels.extend([f32::NAN; 35]);
        // Two channels of 5 rows and 7 columns.
        let stamp = Stamp::new("s", pixels, [2, 5, 7], ValueRange::UNIT);
        let small = stamp.reduced_to(24);
        assert_eq!(small.dims(), [2, 3, 4]);
        assert_eq!(small.size_in_file(), [5, 7]);
        assert_eq!(small.reduction_factor(), 2);
        let means = small.plane(0);
        assert_eq!(means[0], (1.0 + 7.0 + 8.0) / 3.0);
        assert_eq!(means[1], (2.0 + 3.0 + 9.0 + 10.0) / 4.0);
        assert_eq!(
            means[2],
            f32::midpoint(5.0, 12.0),
            "two of the block are missing"
        );
        assert_eq!(means[3], f32::midpoint(6.0, 13.0), "cut at the right edge");
        assert_eq!(means[11], 34.0, "cut at both edges");
        assert!(small.plane(1).iter().all(|v| v.is_nan()));
    }

    #[test]
    fn the_factor_is_the_smallest_that_fits() {
        assert_eq!(factor_for(1, [4096, 4096], 1 << 24), 1);
        assert_eq!(factor_for(1, [4097, 4096], 1 << 24), 2);
        assert_eq!(factor_for(1, [20_000, 20_000], 1 << 24), 5);
        assert_eq!(factor_for(3, [100, 100], 7500), 2);
        assert_eq!(factor_for(1, [1, 1 << 40], 1 << 24), 1 << 16);
        assert_eq!(factor_for(9, [4, 4], 1), 4, "as small as it gets");
    }

    #[test]
    fn a_reduced_picture_does_not_say_where_its_pixels_are() {
        let keywords = [
            "CTYPE1", "CD1_2", "CRPIX2", "A_ORDER", "A_2_0", "LTM1_1", "PV1_0", "WCSAXES", "CDATE",
            "PCOUNT", "OBJECT", "A_NAME",
        ];
        let mut stamp = Stamp::new("s", vec![0.5; 12], [1, 3, 4], ValueRange::UNIT);
        stamp.cards = keywords.map(|keyword| Card::value(keyword, 1)).to_vec();
        assert_eq!(stamp.own_cards(), stamp.cards);
        let cards = stamp.reduced_to(4).own_cards();
        let left: Vec<&str> = cards.iter().map(|card| card.keyword.as_str()).collect();
        assert_eq!(left, ["CDATE", "PCOUNT", "OBJECT", "A_NAME", "HISTORY"]);
    }

    #[test]
    fn a_small_picture_stays() {
        let stamp = Stamp::new("s", vec![0.5; 12], [1, 3, 4], ValueRange::UNIT);
        assert_eq!(stamp.reduced_to(12), stamp);
    }
}
