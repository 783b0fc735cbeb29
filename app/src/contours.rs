//! The choice of contours: lines of one picture over the others.
//!
//! Invariant: lines stand at even steps of brightness between the limits under a stretch, so that they part what is seen; on
//! signed maps at even steps of the value on both sides of zero, and never at zero, where noise would fill the picture.

use std::borrow::Cow;

use ganoscope_core::stamp::look::{Contours, Rgb};
use ganoscope_core::stamp::render::Raster;
use ganoscope_core::stamp::stretch::{Stretch, between};
use ganoscope_core::stamp::{Stamp, ValueRange};
use serde::{Deserialize, Serialize};

use crate::source::Source;

/// What lines are drawn of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContoursOf {
    /// Over every picture of one galaxy its truth.
    #[default]
    OwnTruth,
    /// Over every picture this one.
    Picture(Source),
}

/// What lines are drawn of, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContourChoice {
    /// The picture.
    pub of: ContoursOf,
    /// How many lines; of a signed map on either side of zero.
    pub count: u32,
    /// Between which values; those that the picture is shown with where there are none.
    pub limits: Option<[f32; 2]>,
}

impl Default for ContourChoice {
    fn default() -> Self {
        Self {
            of: ContoursOf::OwnTruth,
            count: 5,
            limits: None,
        }
    }
}

impl ContourChoice {
    /// How many lines can be asked for.
    pub const COUNT: std::ops::RangeInclusive<u32> = 1..=12;

    /// Whether it needs the relevance to be computed.
    pub const fn is_of_relevance(&self) -> bool {
        matches!(self.of, ContoursOf::Picture(Source::Relevance { .. }))
    }
}

/// How the values of a map become places from 0 to 1 between which lines are even.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps {
    /// The values at 0 and 1.
    pub limits: [f32; 2],
    /// The curve between them; linear for a signed map.
    pub stretch: Stretch,
    /// Whether zero is in the middle, where no line may be.
    pub is_signed: bool,
    /// Lines; on either side of zero for a signed map.
    pub count: u32,
}

/// A map of more pixels than this is thinned: lines of a picture that large are as good from every nth pixel.
const MOST_PIXELS: usize = 1 << 20;

impl Steps {
    /// The lines over a map of places from [`Steps::map`]; nothing where the limits coincide.
    pub fn contours(&self, ink: Rgb) -> Option<Contours> {
        let [low, high] = self.limits;
        let is_usable = high > low && (high - low).is_finite();
        is_usable
            .then(|| Contours::between([0.0, 1.0], self.lines(), ink))
            .flatten()
    }

    fn lines(&self) -> u32 {
        let (least, most) = (*ContourChoice::COUNT.start(), *ContourChoice::COUNT.end());
        let count = self.count.clamp(least, most);
        if self.is_signed { 2 * count } else { count }
    }

    /// The values at which the lines stand, rising, in the unit of the picture.
    pub fn values(&self) -> Vec<f32> {
        let [low, high] = self.limits;
        let apart = self.lines() + 1;
        let place = |i: u32| self.stretch.invert(i as f32 / apart as f32);
        (1..apart).map(|i| low + place(i) * (high - low)).collect()
    }

    /// The mean of the bands of a picture as places from 0 to 1, `[1, H, W]`; missing pixels stay missing. `None` where
    /// the picture has no pixel.
    pub fn map(&self, stamp: &Stamp) -> Option<Stamp> {
        let pixels = stamp.height * stamp.width;
        let apart = (pixels as f64 / MOST_PIXELS as f64).sqrt().ceil().max(1.0) as usize;
        let raster = Raster::of(stamp)?.thinned(apart);
        let [bands, height, width] = raster.dims();
        let thinned = Stamp::new(
            "lines",
            Cow::from(raster.values()).into_owned(),
            [bands, height, width],
            ValueRange::UNIT,
        );
        let mean = thinned.mean_of_bands();
        let place = |value: &f32| {
            if value.is_finite() {
                self.stretch.apply(between(self.limits, *value))
            } else {
                f32::NAN
            }
        };
        let places: Vec<f32> = mean.pixels.iter().map(place).collect();
        Some(Stamp::new(
            "lines",
            places,
            [1, height, width],
            ValueRange::UNIT,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_even_in_brightness() {
        let steps = Steps {
            limits: [0.0, 2.0],
            stretch: Stretch::Sqrt,
            is_signed: false,
            count: 3,
        };
        let values = steps.values();
        for (value, expected) in values.iter().zip([0.125, 0.5, 1.125]) {
            assert!((value - expected).abs() < 1e-5, "{values:?}");
        }
        let stamp = Stamp::new(
            "s",
            vec![0.5, f32::NAN, 0.5, 0.0],
            [2, 1, 2],
            ValueRange::UNIT,
        );
        let map = steps.map(&stamp).unwrap();
        assert_eq!(map.dims(), [1, 1, 2]);
        assert!((map.pixels[0] - 0.5).abs() < 1e-6, "sqrt(0.5 / 2)");
        assert!(map.pixels[1].is_nan());
        let lines = steps.contours([0; 3]).unwrap();
        assert_eq!((lines.first, lines.step, lines.count), (0.25, 0.25, 3));
    }

    #[test]
    fn signed_maps_have_no_line_at_zero() {
        let steps = Steps {
            limits: [-1.0, 1.0],
            stretch: Stretch::Linear,
            is_signed: true,
            count: 2,
        };
        let values = steps.values();
        assert_eq!(values.len(), 4);
        assert!(values.iter().all(|v| v.abs() > 0.15), "{values:?}");
        assert!((values[0] + values[3]).abs() < 1e-6);
    }

    #[test]
    fn limits_that_coincide_have_no_lines() {
        let steps = Steps {
            limits: [1.0, 1.0],
            stretch: Stretch::Linear,
            is_signed: false,
            count: 4,
        };
        assert_eq!(steps.contours([0; 3]), None);
    }

    #[test]
    fn very_large_maps_are_thinned() {
        let side = 1500;
        let stamp = Stamp::new(
            "s",
            vec![0.25; side * side],
            [1, side, side],
            ValueRange::UNIT,
        );
        let steps = Steps {
            limits: [0.0, 1.0],
            stretch: Stretch::Linear,
            is_signed: false,
            count: 4,
        };
        let map = steps.map(&stamp).unwrap();
        assert_eq!(map.dims(), [1, 750, 750]);
        assert!((map.pixels[0] - 0.25).abs() < 1e-6);
    }
}
