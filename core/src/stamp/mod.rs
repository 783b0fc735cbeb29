//! A stamp: the cut-out picture of one galaxy, one blend or one sky field, as float pixels with their meaning.
//!
//! Invariant: `pixels` is planar `[C, H, W]` in *picture order* (row 0 at the top). Readers of bottom-up formats (FITS)
//! map the last file row to picture row 0 and record it in [`Stamp::rows`]; writers map back. Everything in memory
//! therefore shares one coordinate system: (column, row), 0-based, pixel centres at integers.

pub mod blend;
pub mod colormap;
pub mod difference;
pub mod histogram;
pub mod io;
pub mod look;
pub mod metrics;
pub mod photometry;
pub(crate) mod reduce;
pub mod render;
mod section;
pub mod simulate;
pub mod stretch;

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::section::{NotASection, Section};

/// The interval of pixel values that means black to white, for example `[0, 1]` or `[-1, 1]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueRange {
    /// The value of black (no light).
    pub low: f32,
    /// The value of white (the brightest level of an 8-bit picture).
    pub high: f32,
}

impl ValueRange {
    /// `[0, 1]`: what the published deblender takes as its input.
    pub const UNIT: Self = Self {
        low: 0.0,
        high: 1.0,
    };
    /// `[-1, 1]`: what the published deblender emits (tanh).
    pub const SIGNED: Self = Self {
        low: -1.0,
        high: 1.0,
    };

    /// The value of no light: `low`, but 0 where `low` is no more than the noise of an empty sky around 0.
    pub fn black(self) -> f32 {
        if is_noise_around_zero(self.low, self.high) {
            0.0
        } else {
            self.low
        }
    }

    /// Maps `value` from this range to `other`, linearly and without clipping.
    #[inline]
    pub fn map_to(self, other: Self, value: f32) -> f32 {
        (value - self.low) / (self.high - self.low) * (other.high - other.low) + other.low
    }
}

/// Whether pixels from `low` to `high` are those of a picture whose sky was subtracted: what is below 0 is small beside the
/// light. A picture from -1 to 1, whose black is -1, is none.
pub(crate) fn is_noise_around_zero(low: f32, high: f32) -> bool {
    low < 0.0 && -low < 0.5 * high
}

/// How the value range of a stamp came to be known; shown to the user when it is a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RangeSource {
    /// The file format or its metadata says so (8-bit picture, DATAMIN/DATAMAX).
    File,
    /// The user or the network's manifest said so.
    Given,
    /// Guessed from the extremes of the pixels.
    Guessed,
}

/// The order of rows in the file a stamp came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RowOrder {
    /// First file row is the top of the picture (PNG, JPEG, NPY).
    #[default]
    TopDown,
    /// First file row is the bottom of the picture (FITS).
    BottomUp,
}

/// How a picture that is too large to be shown whole was made smaller: every pixel is the mean of the finite ones among `factor`
/// by `factor` pixels of the file, counted from the top left; blocks at the right and lower edge may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reduction {
    /// Pixels of the file along a side of one pixel here, 2 or more.
    pub factor: usize,
    /// Rows and columns of the picture in its file.
    pub size: [usize; 2],
}

/// One picture: float pixels, their range and where they came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Stamp {
    /// Short name shown to people, usually the file stem.
    pub name: Arc<str>,
    /// The file it came from, if any.
    pub path: Option<PathBuf>,
    /// Planar pixels `[C, H, W]`, picture order; NaN marks missing pixels.
    pub pixels: Arc<[f32]>,
    /// Number of channels (bands), 1 or more.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// The values that mean black and white.
    pub range: ValueRange,
    /// How `range` is known.
    pub range_source: RangeSource,
    /// Band names, one per channel, or empty when unknown.
    pub bands: Vec<String>,
    /// Row order of the file.
    pub rows: RowOrder,
    /// Header cards (keyword, value, comment) of a FITS file, in file order; empty for other formats.
    pub cards: Vec<Card>,
    /// How it was made smaller than its file; the cards describe the file. `None`: it was not.
    pub reduction: Option<Reduction>,
}

/// What the value of a [`Card`] is; decides how it is written back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CardKind {
    /// A number or `T`/`F`.
    Value,
    /// A string.
    Text,
    /// Free text without a value: COMMENT, HISTORY, blank and nonstandard cards.
    Commentary,
}

/// One FITS header card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Keyword: up to 8 characters, or the longer name of a HIERARCH card (`ESO TEL ALTITUDE`).
    pub keyword: String,
    /// Value as written, strings without quotes and with CONTINUE cards joined.
    pub value: String,
    /// Comment, possibly empty.
    pub comment: String,
    /// What `value` is.
    pub kind: CardKind,
}

impl Card {
    /// A number or `T`/`F`, written without quotes.
    pub fn value(keyword: impl Into<String>, value: impl ToString) -> Self {
        Self::new(keyword.into(), value.to_string(), CardKind::Value)
    }

    /// A string.
    pub fn text(keyword: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(keyword.into(), value.into(), CardKind::Text)
    }

    /// COMMENT or HISTORY; long text is spread over several cards when written.
    pub fn commentary(keyword: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(keyword.into(), value.into(), CardKind::Commentary)
    }

    /// The same card with a comment.
    pub fn with_comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = comment.into();
        self
    }

    fn new(keyword: String, value: String, kind: CardKind) -> Self {
        Self {
            keyword,
            value,
            comment: String::new(),
            kind,
        }
    }
}

impl Stamp {
    /// A stamp from planar pixels `[C, H, W]` in picture order.
    ///
    /// # Panics
    /// When `pixels.len() != channels * height * width`; sizes come from code, never from a file.
    pub fn new(
        name: impl Into<Arc<str>>,
        pixels: impl Into<Arc<[f32]>>,
        [channels, height, width]: [usize; 3],
        range: ValueRange,
    ) -> Self {
        let pixels = pixels.into();
        assert_eq!(
            pixels.len(),
            channels * height * width,
            "pixel count must match the dimensions"
        );
        Self {
            name: name.into(),
            path: None,
            pixels,
            channels,
            height,
            width,
            range,
            range_source: RangeSource::Given,
            bands: Vec::new(),
            rows: RowOrder::TopDown,
            cards: Vec::new(),
            reduction: None,
        }
    }

    /// Rows and columns of the picture in its file: what positions in region files and on the sky count.
    pub fn size_in_file(&self) -> [usize; 2] {
        self.reduction
            .map_or([self.height, self.width], |reduction| reduction.size)
    }

    /// Pixels of the file along a side of one pixel here; 1 unless the picture was made smaller.
    pub fn reduction_factor(&self) -> usize {
        self.reduction.map_or(1, |reduction| reduction.factor)
    }

    /// Rows and columns in memory.
    pub const fn size(&self) -> [usize; 2] {
        [self.height, self.width]
    }

    /// `[C, H, W]`.
    pub fn dims(&self) -> [usize; 3] {
        [self.channels, self.height, self.width]
    }

    /// The pixels of one channel `[H, W]`.
    pub fn plane(&self, channel: usize) -> &[f32] {
        let len = self.height * self.width;
        &self.pixels[channel * len..(channel + 1) * len]
    }

    /// The same picture with its values mapped linearly to `range`.
    pub fn to_range(&self, range: ValueRange) -> Self {
        if range == self.range {
            return self.clone();
        }
        let pixels = self
            .pixels
            .iter()
            .map(|v| self.range.map_to(range, *v))
            .collect();
        Self {
            pixels,
            range,
            range_source: RangeSource::Given,
            ..self.clone()
        }
    }

    /// The same pixels with `range` as their meaning: an explicit statement that overrides what the file says or a
    /// guess. To change the pixels use [`Stamp::to_range`].
    pub fn with_range(self, range: ValueRange) -> Self {
        Self {
            range,
            range_source: RangeSource::Given,
            ..self
        }
    }

    /// Smallest and largest finite pixel, or `None` when there is no finite pixel.
    pub fn finite_extremes(&self) -> Option<(f32, f32)> {
        io::finite_extremes(&self.pixels)
    }

    /// Whether all finite pixels lie in `range`, up to a thousandth of it.
    pub fn lies_in(&self, range: ValueRange) -> bool {
        let slack = 1e-3 * (range.high - range.low);
        self.finite_extremes()
            .is_none_or(|(low, high)| low >= range.low - slack && high <= range.high + slack)
    }

    /// Number of pixels that are NaN or infinite.
    pub fn missing(&self) -> usize {
        self.pixels.iter().filter(|v| !v.is_finite()).count()
    }

    /// The same picture with every NaN or infinite pixel set to `level`, since one of them would spread through a whole
    /// network.
    pub fn with_missing_set_to(&self, level: f32) -> Self {
        let pixels = self
            .pixels
            .iter()
            .map(|v| if v.is_finite() { *v } else { level })
            .collect();
        Self {
            pixels,
            ..self.clone()
        }
    }

    /// Whether FITS coordinates of this picture count rows from its top: only where its own FITS file has them so and says so
    /// by ROWORDER. FITS files are written accordingly.
    pub fn counts_rows_from_top(&self) -> bool {
        rows_from_top(self.rows, &self.cards)
    }

    /// The value of the first header card `keyword` (any case), trimmed.
    pub fn card(&self, keyword: &str) -> Option<&str> {
        let card = self
            .cards
            .iter()
            .find(|c| c.keyword.eq_ignore_ascii_case(keyword))?;
        Some(card.value.trim())
    }
}

/// See [`Stamp::counts_rows_from_top`].
pub(crate) fn rows_from_top(rows: RowOrder, cards: &[Card]) -> bool {
    rows == RowOrder::TopDown && cards.iter().any(|card| card.keyword == "ROWORDER")
}
