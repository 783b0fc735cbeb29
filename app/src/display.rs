//! How pixels become colours: stretch, limits and colouring, chosen once for all pictures of a view.
//!
//! Invariant: values stay float until the last step; colours are made here and nowhere else. The choices are plain data
//! and part of the document. Formulas of the stretches: astropy.visualization 6 (with `a` as named on each variant);
//! colour pictures: Lupton et al. 2004, PASP 116, 133 (one stretch of the mean intensity, so that colour is kept).

use ganoscope_core::stamp::Stamp;
use serde::{Deserialize, Serialize};

/// The curve from a value between the limits (0 to 1) to brightness (0 to 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Curve {
    /// `x`.
    Linear,
    /// `log(a x + 1) / log(a + 1)`, a = 1000.
    Log,
    /// Square root.
    Sqrt,
    /// `asinh(x / a) / asinh(1 / a)`, a = 0.1: faint and bright parts both show.
    #[default]
    Asinh,
    /// `x^2`.
    Power,
}

impl Curve {
    /// All, in the order of the menu.
    pub const ALL: [Self; 5] = [Self::Linear, Self::Log, Self::Sqrt, Self::Asinh, Self::Power];

    /// What a person calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Log => "log",
            Self::Sqrt => "sqrt",
            Self::Asinh => "asinh",
            Self::Power => "power",
        }
    }

    /// Brightness of `x`; both from 0 to 1.
    pub fn at(self, x: f32) -> f32 {
        let x = x.clamp(0.0, 1.0);
        match self {
            Self::Linear => x,
            Self::Log => (1000.0 * x).ln_1p() / 1000.0_f32.ln_1p(),
            Self::Sqrt => x.sqrt(),
            Self::Asinh => (x / 0.1).asinh() / 10.0_f32.asinh(),
            Self::Power => x * x,
        }
    }
}

/// Where black and white lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limits {
    /// The extremes of the blend.
    MinMax,
    /// The middle percentage of the blend's pixels, for example 99.5.
    Percentile(f32),
    /// Typed in, in the blend's value range.
    Manual {
        /// Black.
        low: f32,
        /// White.
        high: f32,
    },
}

/// Whether bands are shown as colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colouring {
    /// Three bands as red, green and blue under one stretch; one band as grey.
    #[default]
    Natural,
    /// The mean of the bands as grey.
    Grey,
}

/// All choices together.
///
/// The start is asinh with 99.5 % limits, colour kept: the stamps people bring are three-band cut-outs in which colour
/// tells the two galaxies apart, and one stretch of the intensity shows faint light as grey would.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Display {
    /// The curve.
    pub curve: Curve,
    /// Black and white.
    pub limits: Limits,
    /// Bands as colours or grey.
    pub colouring: Colouring,
    /// How much of the relevance is laid over the picture, 0 to 1.
    pub overlay: f32,
}

impl Default for Display {
    fn default() -> Self {
        Self {
            curve: Curve::Asinh,
            limits: Limits::Percentile(99.5),
            colouring: Colouring::Natural,
            overlay: 0.85,
        }
    }
}

/// Black and white in the value range of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// Black.
    pub low: f32,
    /// White.
    pub high: f32,
}

impl Levels {
    /// The levels that `limits` asks for on `stamp`. Missing pixels do not count; an empty or flat picture gives a range
    /// that is not empty.
    pub fn of(stamp: &Stamp, limits: Limits) -> Self {
        let keep = match limits {
            Limits::Manual { low, high } => return Self { low, high },
            Limits::MinMax => 1.0,
            Limits::Percentile(percent) => f64::from(percent.clamp(1.0, 100.0)) / 100.0,
        };
        let mut values: Vec<f32> = stamp.pixels.iter().copied().filter(|v| v.is_finite()).collect();
        if values.is_empty() {
            return Self { low: 0.0, high: 1.0 };
        }
        let last = (values.len() - 1) as f64;
        let tail = (1.0 - keep) / 2.0;
        let mut at = |share: f64| {
            let index = (share * last).round() as usize;
            *values.select_nth_unstable_by(index, f32::total_cmp).1
        };
        let (low, high) = (at(tail), at(1.0 - tail));
        let high = if high > low { high } else { low + 1e-3 };
        Self { low, high }
    }

    /// Where a value lies between black (0) and white (1), not clipped.
    pub fn place(self, value: f32) -> f32 {
        (value - self.low) / (self.high - self.low)
    }

    /// The same levels as a person reads them.
    pub fn text(self) -> String {
        format!("{:.3} to {:.3}", self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use ganoscope_core::stamp::ValueRange;

    use super::*;

    #[test]
    fn curves_keep_black_and_white() {
        for curve in Curve::ALL {
            assert!(curve.at(0.0).abs() < 1e-6, "{curve:?}");
            assert!((curve.at(1.0) - 1.0).abs() < 1e-6, "{curve:?}");
            assert!(curve.at(0.3) < curve.at(0.4), "{curve:?}");
        }
    }

    #[test]
    fn levels_leave_out_missing_and_extreme_pixels() {
        let mut pixels: Vec<f32> = (0..1000).map(|i| i as f32 / 999.0).collect();
        pixels[0] = f32::NAN;
        pixels[999] = 1e9;
        let stamp = Stamp::new("s", pixels, [1, 10, 100], ValueRange::UNIT);
        let levels = Levels::of(&stamp, Limits::Percentile(99.0));
        assert!(levels.high < 1.01 && levels.low < 0.02, "{levels:?}");
        let flat = Stamp::new("f", vec![0.5; 4], [1, 2, 2], ValueRange::UNIT);
        let levels = Levels::of(&flat, Limits::MinMax);
        assert!(levels.high > levels.low);
    }
}
