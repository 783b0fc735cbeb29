//! How pixels become colours: stretch, limits and colouring, chosen once for all pictures of a view.
//!
//! Invariant: values stay float until the last step, in `widgets/look.rs`. The choices are plain data and part of the
//! document; stretches and limits themselves are those of [`ganoscope_core::stamp::stretch`].

use ganoscope_core::stamp::Stamp;
use ganoscope_core::stamp::stretch::{Limits, Stretch, between};
use serde::{Deserialize, Serialize};

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
    /// Brightness between the limits.
    pub stretch: Stretch,
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
            stretch: Stretch::default(),
            limits: Limits::default(),
            colouring: Colouring::default(),
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
    /// 0 to 1.
    pub const UNIT: Self = Self {
        low: 0.0,
        high: 1.0,
    };

    /// The levels that `limits` asks for on `stamp`; 0 to 1 where no pixel has a value.
    ///
    /// Of a very large picture every nth pixel is looked at, so that no frame waits for it.
    pub fn of(stamp: &Stamp, limits: Limits) -> Self {
        const ENOUGH: usize = 1 << 20;
        let apart = stamp.pixels.len() / ENOUGH;
        let of_pixels = if apart > 1 {
            // An odd distance does not stay in the same columns.
            let some = stamp.pixels.iter().step_by(apart | 1).copied();
            limits.of(&some.collect::<Vec<f32>>())
        } else {
            limits.of(&stamp.pixels)
        };
        of_pixels.map_or(Self::UNIT, |[low, high]| Self { low, high })
    }

    /// Where a value lies between black (0) and white (1), not clipped.
    pub fn place(self, value: f32) -> f32 {
        between([self.low, self.high], value)
    }

    /// The levels as a person reads them.
    pub fn text(self) -> String {
        format!("{:.3} to {:.3}", self.low, self.high)
    }
}
