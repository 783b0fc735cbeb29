//! From an array of a file to stamps: which axis is the channel, which row is the top, what is black and white.
//!
//! Invariant: what leaves here is planar `[C, H, W]` in picture order, with at least one finite pixel.

use std::path::Path;

use super::error::StampProblem;
use crate::stamp::{Card, RangeSource, RowOrder, Stamp, ValueRange, is_noise_around_zero};

/// Channel-last arrays have at most this many channels; a picture this narrow is not plausible.
const MAX_CHANNELS_LAST: usize = 16;

/// A three-dimensional tensor with more leading planes than this is a list of grey pictures, not one picture.
const MAX_CHANNELS_FIRST: usize = 32;

/// One array of a file, as it lies there.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    /// Name inside the file (EXTNAME, tensor name), if any.
    pub(super) key: Option<String>,
    /// Position inside the file (number of the FITS HDU, of the tensor, of the record).
    pub(super) index: usize,
    /// Dimensions, slowest first.
    pub(super) dims: Vec<usize>,
    /// Values in file order.
    pub(super) values: Vec<f32>,
    /// Black and white, where the file says so.
    pub(super) range: Option<ValueRange>,
    /// Which row comes first.
    pub(super) rows: RowOrder,
    /// Band names, or empty.
    pub(super) bands: Vec<String>,
    /// Header cards, or empty.
    pub(super) cards: Vec<Card>,
    /// Whether three dimensions may mean a list of grey pictures (tensors) or are always one cube (FITS).
    pub(super) may_be_list: bool,
}

impl Raw {
    /// An array of a top-down format without metadata.
    pub(super) fn new(
        key: Option<String>,
        index: usize,
        dims: Vec<usize>,
        values: Vec<f32>,
    ) -> Self {
        Self {
            key,
            index,
            dims,
            values,
            range: None,
            rows: RowOrder::TopDown,
            bands: Vec::new(),
            cards: Vec::new(),
            may_be_list: false,
        }
    }

    /// What messages call this array.
    pub(super) fn part(&self) -> String {
        match &self.key {
            Some(key) => format!("`{key}`"),
            None => "the picture".to_owned(),
        }
    }

    /// The stamps of this array, named after it or, without a key, after `stem`.
    pub(super) fn into_stamps(self, stem: &str, path: &Path) -> Result<Vec<Stamp>, StampProblem> {
        let part = self.part();
        let Layout {
            count,
            dims: [channels, height, width],
            channel_last,
        } = Layout::of(&self.dims, self.may_be_list, &part)?;
        let Some((low, high)) = finite_extremes(&self.values) else {
            return Err(StampProblem::NotFinite {
                part,
                count: self.values.len(),
            });
        };
        let (range, range_source) = match self.range {
            Some(range) => (range, RangeSource::File),
            None => (guess_range(low, high), RangeSource::Guessed),
        };
        let name = self.key.as_deref().unwrap_or(stem);
        let flip = self.rows == RowOrder::BottomUp;
        let stamps = self.values.chunks_exact(channels * height * width);
        let stamps = stamps.take(count).enumerate().map(|(n, values)| {
            let name = if count == 1 {
                name.to_owned()
            } else {
                format!("{name}[{n}]")
            };
            let dims = [channels, height, width];
            let pixels = planar(values, dims, channel_last, flip);
            let mut stamp = Stamp::new(name, pixels, dims, range);
            stamp.path = Some(path.to_owned());
            stamp.range_source = range_source;
            stamp.rows = self.rows;
            stamp.cards.clone_from(&self.cards);
            if self.bands.len() == channels {
                stamp.bands.clone_from(&self.bands);
            }
            stamp
        });
        Ok(stamps.collect())
    }
}

/// How an array is read as pictures.
struct Layout {
    count: usize,
    dims: [usize; 3],
    channel_last: bool,
}

impl Layout {
    fn of(dims: &[usize], may_be_list: bool, part: &str) -> Result<Self, StampProblem> {
        // Axes of length 1 in front carry no information: [1, 1, H, W] is a grey picture.
        let mut dims = dims;
        while let [1, rest @ ..] = dims
            && rest.len() >= 2
        {
            dims = rest;
        }
        if dims.contains(&0) {
            return Err(StampProblem::NoPixels {
                part: part.to_owned(),
                dims: dims_text(dims),
            });
        }
        let first = |count, dims| Self {
            count,
            dims,
            channel_last: false,
        };
        let last = |count, dims| Self {
            count,
            dims,
            channel_last: true,
        };
        Ok(match *dims {
            [h, w] => first(1, [1, h, w]),
            [h, w, c] if is_channel_last(h, w, c) => last(1, [c, h, w]),
            [n, h, w] if may_be_list && n > MAX_CHANNELS_FIRST => first(n, [1, h, w]),
            [c, h, w] => first(1, [c, h, w]),
            [n, h, w, c] if is_channel_last(h, w, c) => last(n, [c, h, w]),
            [n, c, h, w] => first(n, [c, h, w]),
            _ => {
                return Err(StampProblem::unsupported(
                    part,
                    format!("its size is {}", dims_text(dims)),
                    "2 to 4 axes: rows and columns, bands, pictures",
                ));
            }
        })
    }
}

/// Channel last, where the last axis is short and both others are longer.
fn is_channel_last(height: usize, width: usize, channels: usize) -> bool {
    channels <= MAX_CHANNELS_LAST && channels < height && channels < width
}

/// `80 x 80 x 3`.
pub(super) fn dims_text(dims: &[usize]) -> String {
    let dims: Vec<String> = dims.iter().map(usize::to_string).collect();
    if dims.is_empty() {
        "a single number".to_owned()
    } else {
        dims.join(" x ")
    }
}

/// File order to planar picture order. `values` has exactly `channels * height * width` values.
fn planar(
    values: &[f32],
    [channels, height, width]: [usize; 3],
    channel_last: bool,
    flip: bool,
) -> Vec<f32> {
    let mut pixels = Vec::with_capacity(values.len());
    for channel in 0..channels {
        for row in 0..height {
            let row = if flip { height - 1 - row } else { row };
            if channel_last {
                let line = &values[row * width * channels..][..width * channels];
                pixels.extend(line.iter().skip(channel).step_by(channels));
            } else {
                pixels.extend(&values[(channel * height + row) * width..][..width]);
            }
        }
    }
    pixels
}

/// Smallest and largest finite value.
pub(crate) fn finite_extremes(values: &[f32]) -> Option<(f32, f32)> {
    values
        .iter()
        .filter(|v| v.is_finite())
        .fold(None, |extremes, v| match extremes {
            None => Some((*v, *v)),
            Some((low, high)) => Some((v.min(low), v.max(high))),
        })
}

/// The range that pixels between `low` and `high` probably have: `[0, 1]` or `[-1, 1]` if they fit, from 0 where only noise is
/// below, else their extremes.
/// Never empty, so that [`ValueRange::map_to`] stays finite.
pub(super) fn guess_range(low: f32, high: f32) -> ValueRange {
    // Warps and resampling overshoot by rounding errors.
    const SLACK: f32 = 1e-6;
    if low >= -SLACK && high <= 1.0 + SLACK {
        ValueRange::UNIT
    } else if is_noise_around_zero(low, high) {
        // An empty sky is 0, not the grey between -1 and 1.
        ValueRange { low: 0.0, high }
    } else if low >= -1.0 - SLACK && high <= 1.0 + SLACK {
        ValueRange::SIGNED
    } else if low < high {
        ValueRange { low, high }
    } else {
        ValueRange {
            low: low.min(0.0),
            high: high.max(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(dims: &[usize], may_be_list: bool) -> (usize, [usize; 3], bool) {
        let layout = Layout::of(dims, may_be_list, "x").expect("readable");
        (layout.count, layout.dims, layout.channel_last)
    }

    #[test]
    fn channels_are_found_on_either_side() {
        assert_eq!(layout(&[80, 64], false), (1, [1, 80, 64], false));
        assert_eq!(layout(&[3, 80, 64], false), (1, [3, 80, 64], false));
        assert_eq!(layout(&[80, 64, 3], false), (1, [3, 80, 64], true));
        assert_eq!(layout(&[1, 1, 80, 64], false), (1, [1, 80, 64], false));
        assert_eq!(layout(&[64, 20, 30], true), (64, [1, 20, 30], false));
        assert_eq!(layout(&[64, 20, 30], false), (1, [64, 20, 30], false));
        assert_eq!(layout(&[7, 3, 80, 80], true), (7, [3, 80, 80], false));
        assert_eq!(layout(&[7, 80, 80, 3], true), (7, [3, 80, 80], true));
        assert_eq!(layout(&[3, 3, 3], false), (1, [3, 3, 3], false));
        for bad in [&[5][..], &[], &[2, 2, 2, 2, 2], &[3, 0, 4]] {
            assert!(Layout::of(bad, false, "x").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn planar_puts_the_last_file_row_on_top() {
        // Two rows of two pixels with two channels, channel last.
        let values = [0., 10., 1., 11., 2., 12., 3., 13.];
        let pixels = planar(&values, [2, 2, 2], true, true);
        assert_eq!(pixels, [2., 3., 0., 1., 12., 13., 10., 11.]);
    }

    #[test]
    fn guessed_ranges_are_never_empty() {
        assert_eq!(guess_range(0.0, 1.0), ValueRange::UNIT);
        assert_eq!(guess_range(-0.5, 0.5), ValueRange::SIGNED);
        for (low, high, black) in [
            (-6.0, 9.0, -6.0),
            (-2.0, 9.0, 0.0),
            (-0.001, 0.02, 0.0),
            (-0.1, 1.0, 0.0),
        ] {
            assert_eq!(guess_range(low, high), ValueRange { low: black, high });
        }
        assert_eq!(
            guess_range(7.0, 7.0),
            ValueRange {
                low: 0.0,
                high: 7.0
            }
        );
        assert_eq!(guess_range(0.0, 0.0), ValueRange::UNIT);
    }
}
