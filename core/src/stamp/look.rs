//! A look: everything that decides which colours the pixels of a picture get on the screen, as plain data.
//!
//! Invariant: a look and the pixels it is applied to say all; [`render`](super::render) makes the same picture from them that
//! a graphics card does, to 1/255. Values stay float until the last step, and non-finite pixels have a colour of their own.

use serde::{Deserialize, Serialize};

use super::colormap::{Colormap, MISSING};
use super::stretch::{Stretch, between};

/// A colour, red, green and blue in sRGB bytes.
pub type Rgb = [u8; 3];

/// How brightness, or three bands, become a colour.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ink {
    /// The mean of the bands through a colour map.
    Map(Colormap),
    /// The mean of the bands through three colours: at 0, in the middle, at 1.
    Ramp([Rgb; 3]),
    /// Three bands as red, green and blue under one stretch of their mean, which keeps colours (Lupton et al. 2004,
    /// PASP 116, 133). Other numbers of bands go through the map.
    Natural(Colormap),
    /// Three bands as in `make_lupton_rgb` of astropy. Other numbers of bands go through the map.
    Lupton(Lupton, Colormap),
}

/// Lupton's composite (Lupton et al. 2004, PASP 116, 133): each band, less the lower limit, is scaled by
/// `asinh(q I / stretch) 0.1 / asinh(0.1 q) / I`, where `I` is the mean of the bands less the lower limit. Too bright
/// colours are dimmed as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lupton {
    /// The light that is shown nearly linearly, in units of the pixels; smaller is brighter.
    pub stretch: f32,
    /// How soon bright light is compressed.
    pub q: f32,
}

impl Default for Lupton {
    /// Stretch 5, q 8: astropy's defaults.
    fn default() -> Self {
        Self {
            stretch: 5.0,
            q: 8.0,
        }
    }
}

impl Lupton {
    /// `[q / stretch, 0.1 / asinh(0.1 q)]`: what light is multiplied with before asinh, and what the result is.
    ///
    /// As in astropy, q is kept within 1e-10 (then 0.1) and 1e10.
    pub fn factors(self) -> [f32; 2] {
        let q = if self.q < 1e-10 || !self.q.is_finite() {
            0.1
        } else {
            self.q.min(1e10)
        };
        [
            q / self.stretch.max(f32::MIN_POSITIVE),
            0.1 / (0.1 * q).asinh(),
        ]
    }
}

/// A signed map laid over a picture: zero is clear, the sign chooses the colour, the size covers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overlay {
    /// The absolute value that covers most.
    pub scale: f32,
    /// How much that covers, 0 to 1.
    pub opacity: f32,
    /// Colour of values below zero.
    pub negative: Rgb,
    /// Colour of values above zero.
    pub positive: Rgb,
    /// What the picture below is multiplied with, so that the map stands out; 1 leaves it.
    pub ground: f32,
    /// + and - where the map is strong: signs are never told by colour alone.
    pub marks: Option<Marks>,
}

/// Signs drawn over a map: one per block of pixels whose mean is strong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Marks {
    /// Colour of the strokes.
    pub ink: Rgb,
    /// Colour around the strokes.
    pub shade: Rgb,
    /// How much the shade covers, 0 to 1.
    pub shade_opacity: f32,
}

impl Marks {
    /// The share of the scale below which a block gets no mark.
    pub const FROM: f32 = 0.25;
    /// Half the length of a stroke at that share and at full scale, points.
    pub const ARM: [f32; 2] = [2.0, 3.5];
    /// Half the width of a stroke and of its shade, points.
    pub const HALF_WIDTH: [f32; 2] = [0.6, 1.5];
    /// The least distance between marks, points.
    pub const APART: f32 = 14.0;
}

/// Lines of equal value of a second map, evenly spaced.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contours {
    /// The value of the first line.
    pub first: f32,
    /// From line to line, above zero.
    pub step: f32,
    /// How many lines.
    pub count: u32,
    /// Width of a line, points.
    pub width: f32,
    /// Colour of the lines.
    pub ink: Rgb,
}

impl Contours {
    /// `count` lines that part `[low, high]` evenly; `None` where there is nothing to part.
    ///
    /// ```
    /// use ganoscope_core::stamp::look::Contours;
    /// let lines = Contours::between([0.0, 1.0], 3, [255; 3]).unwrap();
    /// assert_eq!((lines.first, lines.step), (0.25, 0.25));
    /// assert!(Contours::between([1.0, 1.0], 3, [255; 3]).is_none());
    /// ```
    pub fn between([low, high]: [f32; 2], count: u32, ink: Rgb) -> Option<Self> {
        let step = (high - low) / (count + 1) as f32;
        let is_usable = step > 0.0 && step.is_finite() && count > 0;
        is_usable.then_some(Self {
            first: low + step,
            step,
            count,
            width: 1.0,
            ink,
        })
    }
}

/// Everything that decides the colours of a picture.
///
/// In order: limits, stretch, contrast and bias, inversion, ink, overlay, marks, contours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// How brightness becomes a colour.
    pub ink: Ink,
    /// The values of black and white.
    pub limits: [f32; 2],
    /// Brightness between them.
    pub stretch: Stretch,
    /// Slope of brightness after the stretch; 1 leaves it.
    pub contrast: f32,
    /// The brightness that is shown as one half; 0.5 leaves it.
    pub bias: f32,
    /// Whether black and white are exchanged.
    pub is_inverted: bool,
    /// Colour of pixels that are not finite.
    pub missing: Rgb,
    /// How a second map is laid over.
    pub overlay: Option<Overlay>,
    /// Lines of a third map.
    pub contours: Option<Contours>,
}

impl Look {
    /// A picture between `limits` under a stretch, nothing laid over it.
    pub const fn new(ink: Ink, limits: [f32; 2], stretch: Stretch) -> Self {
        let [r, g, b, _] = MISSING;
        Self {
            ink,
            limits,
            stretch,
            contrast: 1.0,
            bias: 0.5,
            is_inverted: false,
            missing: [r, g, b],
            overlay: None,
            contours: None,
        }
    }

    /// The ink for a picture of `bands` bands: colour needs three.
    pub const fn ink_for(&self, bands: usize) -> Ink {
        match self.ink {
            Ink::Natural(map) | Ink::Lupton(_, map) if bands != 3 => Ink::Map(map),
            ink => ink,
        }
    }

    /// Brightness after contrast, bias and inversion: `(y - bias) contrast + 1/2`, clipped to `[0, 1]`, as DS9 shifts its
    /// colour map.
    pub fn shifted(&self, y: f32) -> f32 {
        let y = ((y - self.bias) * self.contrast + 0.5).clamp(0.0, 1.0);
        if self.is_inverted { 1.0 - y } else { y }
    }

    /// Brightness in `[0, 1]` of a value, as it goes into the ink.
    pub fn brightness(&self, value: f32) -> f32 {
        self.shifted(self.stretch.apply(between(self.limits, value)))
    }

    /// The colour, 0 to 1, of a pixel with these bands before anything is laid over; `None` where one is not finite.
    pub fn shade(&self, bands: &[f32]) -> Option<[f32; 3]> {
        match (self.ink_for(bands.len()), bands) {
            (Ink::Natural(_), &[r, g, b]) => self.natural([r, g, b]),
            (Ink::Lupton(lupton, _), &[r, g, b]) => self.lupton([r, g, b], lupton),
            (ink, _) => {
                let mean = bands.iter().sum::<f32>() / bands.len() as f32;
                mean.is_finite().then(|| ink.at(self.brightness(mean)))
            }
        }
    }

    /// One curve of the intensity, bands scaled with it.
    fn natural(&self, bands: [f32; 3]) -> Option<[f32; 3]> {
        let light = bands.map(|v| between(self.limits, v).max(0.0));
        let mean = (light[0] + light[1] + light[2]) / 3.0;
        // The largest of NaN and zero is zero, so the mean does not tell.
        if !bands.iter().all(|v| v.is_finite()) {
            return None;
        }
        let gain = if mean > 0.0 {
            self.stretch.apply(mean) / mean
        } else {
            0.0
        };
        Some(self.composite(light.map(|v| v * gain)))
    }

    fn lupton(&self, bands: [f32; 3], lupton: Lupton) -> Option<[f32; 3]> {
        if !bands.iter().all(|v| v.is_finite()) {
            return None;
        }
        let [soften, slope] = lupton.factors();
        let light = bands.map(|v| v - self.limits[0]);
        let mean = (light[0] + light[1] + light[2]) / 3.0;
        let gain = if mean > 0.0 {
            (soften * mean).asinh() * slope / mean
        } else {
            0.0
        };
        Some(self.composite(light.map(|v| (v * gain).max(0.0))))
    }

    /// Too bright colours are dimmed as a whole, so that they stay colours.
    fn composite(&self, bands: [f32; 3]) -> [f32; 3] {
        let most = bands[0].max(bands[1]).max(bands[2]).max(1.0);
        bands.map(|v| self.shifted(v / most))
    }
}

impl Ink {
    /// The colour, 0 to 1, of a brightness in `[0, 1]`.
    pub fn at(self, y: f32) -> [f32; 3] {
        match self {
            Self::Map(map) | Self::Natural(map) | Self::Lupton(_, map) => map.shade(y),
            Self::Ramp([low, middle, high]) => {
                let [low, middle, high] = [low, middle, high].map(unit);
                if y < 0.5 {
                    mix(low, middle, 2.0 * y)
                } else {
                    mix(middle, high, 2.0 * y - 1.0)
                }
            }
        }
    }
}

/// A colour with its bytes mapped to 0 to 1.
pub fn unit(color: Rgb) -> [f32; 3] {
    color.map(|v| f32::from(v) / 255.0)
}

/// `a` where `t` is 0, `b` where it is 1.
pub(super) fn mix(a: [f32; 3], b: [f32; 3], t: f32) -> [f32; 3] {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: [f32; 2] = [0.0, 1.0];

    fn grey() -> Look {
        Look::new(Ink::Map(Colormap::Grey), UNIT, Stretch::Linear)
    }

    fn close(got: [f32; 3], expected: [f32; 3]) {
        for (a, b) in got.into_iter().zip(expected) {
            assert!((a - b).abs() < 1e-5, "{got:?}, expected {expected:?}");
        }
    }

    #[test]
    fn limits_stretch_contrast_bias_and_inversion_come_in_order() {
        let mut look = grey();
        look.limits = [-1.0, 3.0];
        close(look.shade(&[1.0]).unwrap(), [0.5; 3]);
        look.stretch = Stretch::Squared;
        close(look.shade(&[1.0]).unwrap(), [0.25; 3]);
        look.contrast = 2.0;
        look.bias = 0.3;
        close(look.shade(&[1.0]).unwrap(), [0.4; 3]);
        look.is_inverted = true;
        close(look.shade(&[1.0]).unwrap(), [0.6; 3]);
        assert_eq!(look.shade(&[99.0]), Some([0.0; 3]));
        assert_eq!(look.shade(&[-99.0]), Some([1.0; 3]));
    }

    #[test]
    fn bands_are_averaged_where_there_is_no_colour() {
        close(grey().shade(&[0.1, 0.2, 0.6]).unwrap(), [0.3; 3]);
        let look = Look {
            ink: Ink::Natural(Colormap::Grey),
            ..grey()
        };
        close(look.shade(&[0.2, 0.4]).unwrap(), [0.3; 3]);
    }

    #[test]
    fn a_ramp_goes_through_its_middle() {
        let look = Look {
            ink: Ink::Ramp([[255, 0, 0], [0; 3], [0, 0, 255]]),
            limits: [-2.0, 2.0],
            ..grey()
        };
        close(look.shade(&[-2.0]).unwrap(), [1.0, 0.0, 0.0]);
        close(look.shade(&[0.0]).unwrap(), [0.0; 3]);
        close(look.shade(&[1.0]).unwrap(), [0.0, 0.0, 0.5]);
    }

    #[test]
    fn natural_colour_survives_the_stretch() {
        let look = Look {
            ink: Ink::Natural(Colormap::Grey),
            stretch: Stretch::Sqrt,
            ..grey()
        };
        // Mean 0.16 becomes 0.4: a gain of 2.5.
        close(look.shade(&[0.24, 0.16, 0.08]).unwrap(), [0.6, 0.4, 0.2]);
        // Mean 2 becomes 1, and 4 would be 2: held back to 1 with the others.
        close(look.shade(&[4.0, 1.0, 1.0]).unwrap(), [1.0, 0.25, 0.25]);
        assert_eq!(look.shade(&[-1.0, 0.0, 0.0]), Some([0.0; 3]));
    }

    #[test]
    fn lupton_is_that_of_astropy() {
        // By hand from the formula with minimum 0, stretch 5, q 8: asinh(8) 0.1 / asinh(0.8) = 0.378_954 at mean 5, and
        // asinh(0.16) 0.1 / asinh(0.8) = 0.021_746 at mean 0.1. Bands [10, 5, 0] give 2, 1 and 0 times the first.
        let look = Look {
            ink: Ink::Lupton(Lupton::default(), Colormap::Grey),
            ..grey()
        };
        close(
            look.shade(&[10.0, 5.0, 0.0]).unwrap(),
            [0.757_907, 0.378_954, 0.0],
        );
        close(look.shade(&[0.1, 0.1, 0.1]).unwrap(), [0.021_746; 3]);
        // Below the minimum in sum there is no light; a band alone is cut at zero.
        assert_eq!(look.shade(&[-5.0, 1.0, 1.0]), Some([0.0; 3]));
        assert_eq!(look.shade(&[-1.0, 3.0, 3.0]).unwrap()[0], 0.0);
        // Mean 1000: the largest band is white and keeps its ratio to the others.
        close(look.shade(&[2000.0, 1000.0, 0.0]).unwrap(), [1.0, 0.5, 0.0]);
    }

    #[test]
    fn pixels_that_are_not_finite_have_no_shade() {
        for ink in [
            Ink::Map(Colormap::Grey),
            Ink::Natural(Colormap::Grey),
            Ink::Lupton(Lupton::default(), Colormap::Grey),
        ] {
            let look = Look { ink, ..grey() };
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                assert_eq!(look.shade(&[0.5, bad, 0.5]), None, "{ink:?} {bad}");
            }
        }
    }
}
