//! How pixels become colours: stretch, limits and colouring, chosen once for all pictures of a view.
//!
//! Invariant: values stay float until the last step, in `widgets/look.rs`. The choices are plain data and part of the
//! document; stretches and limits themselves are those of [`ganoscope_core::stamp::stretch`].

use std::borrow::Cow;
use std::ops::RangeInclusive;

use ganoscope_core::stamp::Stamp;
use ganoscope_core::stamp::colormap::Colormap;
use ganoscope_core::stamp::look::{Ink, Look, Lupton};
use ganoscope_core::stamp::stretch::{Limits, Stretch, between};
use serde::{Deserialize, Serialize};

use crate::contours::ContourChoice;

/// Whether bands are shown as colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colouring {
    /// Three bands as red, green and blue under one stretch; one band as grey.
    #[default]
    Natural,
    /// The mean of the bands through the colour map.
    Grey,
    /// Three bands as red, green and blue under Lupton's own curve.
    Lupton,
}

impl Colouring {
    /// All, in the order of the menu.
    pub const ALL: [Self; 3] = [Self::Natural, Self::Lupton, Self::Grey];

    /// What a person calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Natural => "colour",
            Self::Lupton => "Lupton colour",
            Self::Grey => "one map",
        }
    }

    /// The ink; Lupton's curve ends a little above white.
    pub fn ink(self, map: Colormap, levels: Levels) -> Ink {
        match self {
            Self::Natural => Ink::Natural(map),
            Self::Grey => Ink::Map(map),
            Self::Lupton => {
                let stretch = LUPTON_STRETCH * (levels.high - levels.low);
                let lupton = Lupton {
                    stretch,
                    ..Lupton::default()
                };
                Ink::Lupton(lupton, map)
            }
        }
    }
}

/// Lupton's stretch as a share of the limits: asinh(8 / 0.01) 0.1 / asinh(0.8) = 1.007, so white is at the upper limit.
const LUPTON_STRETCH: f32 = 0.01;

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
    /// The colours of brightness where bands are not shown as colours.
    pub colormap: Colormap,
    /// Whether black and white are exchanged.
    pub is_inverted: bool,
    /// Slope of brightness after the stretch; 1 leaves it.
    pub contrast: f32,
    /// The brightness that is shown as one half; 0.5 leaves it.
    pub bias: f32,
    /// How much of the relevance is laid over the picture, 0 to 1.
    pub overlay: f32,
    /// Lines of one picture over the others.
    pub contours: Option<ContourChoice>,
}

impl Default for Display {
    fn default() -> Self {
        Self {
            stretch: Stretch::default(),
            limits: Limits::default(),
            colouring: Colouring::default(),
            colormap: Colormap::Grey,
            is_inverted: false,
            contrast: 1.0,
            bias: 0.5,
            overlay: 0.85,
            contours: None,
        }
    }
}

impl Display {
    /// Pictures as they are, from 0 to 1.
    pub fn plain() -> Self {
        Self {
            stretch: Stretch::Linear,
            limits: Limits::Manual {
                low: 0.0,
                high: 1.0,
            },
            ..Self::default()
        }
    }

    /// What another network begins with: where nobody has chosen otherwise, photographs as they are and the sky stretched.
    #[must_use]
    pub fn suited(self, is_plain: bool) -> Self {
        let (usual, other) = if is_plain {
            (Self::plain(), Self::default())
        } else {
            (Self::default(), Self::plain())
        };
        if self == other { usual } else { self }
    }

    /// How far the contrast can be set.
    pub const CONTRAST: RangeInclusive<f32> = 0.1..=10.0;
    /// How far the bias can be set.
    pub const BIAS: RangeInclusive<f32> = 0.0..=1.0;

    /// The same after a drag over a picture by shares of its width and height: to the right raises the bias, which darkens;
    /// up raises the contrast, over the whole height from the weakest to the strongest. As in DS9.
    pub fn shifted_by(self, [right, down]: [f32; 2]) -> Self {
        let ratio = Self::CONTRAST.end() / Self::CONTRAST.start();
        let contrast = self.contrast * ratio.powf(-down);
        let bias = self.bias + right;
        Self {
            contrast: contrast.clamp(*Self::CONTRAST.start(), *Self::CONTRAST.end()),
            bias: bias.clamp(*Self::BIAS.start(), *Self::BIAS.end()),
            ..self
        }
    }

    /// Whether contrast or bias change what stretch and limits make.
    pub const fn is_shaded(&self) -> bool {
        self.contrast != 1.0 || self.bias != 0.5
    }

    /// The same without contrast and bias.
    #[must_use]
    pub const fn unshaded(self) -> Self {
        Self {
            contrast: 1.0,
            bias: 0.5,
            ..self
        }
    }

    /// Contrast and bias as a person reads them; nothing where they change nothing.
    pub fn shade_text(&self) -> Option<String> {
        let text = || format!("contrast {:.2}, bias {:.2}", self.contrast, self.bias);
        self.is_shaded().then(text)
    }

    /// The look of light between levels; `missing` is the colour of pixels without a value.
    pub fn look(&self, levels: Levels, missing: [u8; 3]) -> Look {
        Look {
            contrast: self.contrast,
            bias: self.bias,
            is_inverted: self.is_inverted,
            missing,
            ..Look::new(
                self.colouring.ink(self.colormap, levels),
                levels.limits(),
                self.stretch,
            )
        }
    }
}

/// All of the pixels, or every nth of very many: enough for limits and histograms, so that no frame waits for them.
pub fn some_of(pixels: &[f32]) -> Cow<'_, [f32]> {
    const ENOUGH: usize = 1 << 20;
    let apart = pixels.len() / ENOUGH;
    if apart > 1 {
        // An odd distance does not stay in the same columns.
        let some = pixels.iter().step_by(apart | 1).copied();
        some.collect::<Vec<f32>>().into()
    } else {
        pixels.into()
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
        let of_pixels = limits.of(&some_of(&stamp.pixels));
        of_pixels.map_or(Self::UNIT, |[low, high]| Self { low, high })
    }

    /// Black and white.
    pub const fn limits(self) -> [f32; 2] {
        [self.low, self.high]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dragging_right_darkens_and_dragging_up_sharpens() {
        let start = Display::default();
        let dragged = start.shifted_by([0.25, 0.0]);
        assert_eq!((dragged.bias, dragged.contrast), (0.75, 1.0));
        let up = start.shifted_by([0.0, -0.25]);
        assert!(
            (up.contrast - 10.0_f32.sqrt()).abs() < 1e-5,
            "a quarter of 1:100"
        );
        let far = start.shifted_by([9.0, 9.0]);
        assert_eq!((far.bias, far.contrast), (1.0, 0.1));
        let black = start.look(Levels::UNIT, [0; 3]).brightness(0.1);
        assert!(dragged.look(Levels::UNIT, [0; 3]).brightness(0.1) < black);
    }

    #[test]
    fn old_sessions_are_read_and_new_choices_are_kept() {
        let old = "(stretch: linear, limits: r#min-max, colouring: grey, overlay: 0.5)";
        let display: Display = ron::from_str(old).unwrap();
        assert_eq!((display.contrast, display.bias), (1.0, 0.5));
        assert_eq!(display.contours, None);
        let changed = Display {
            colouring: Colouring::Lupton,
            colormap: Colormap::Heat,
            is_inverted: true,
            contrast: 2.0,
            bias: 0.3,
            contours: Some(ContourChoice::default()),
            ..display
        };
        let text = ron::to_string(&changed).unwrap();
        assert_eq!(ron::from_str::<Display>(&text).unwrap(), changed);
    }

    #[test]
    fn white_is_at_the_upper_limit_in_lupton_colour() {
        let display = Display {
            colouring: Colouring::Lupton,
            ..Display::default()
        };
        let levels = Levels {
            low: -1.0,
            high: 3.0,
        };
        let look = display.look(levels, [0; 3]);
        let at = |value: f32| look.shade(&[value; 3]).unwrap()[0];
        assert_eq!(at(-1.0), 0.0);
        assert!(at(3.0) > 0.999 && at(2.0) < 0.99);
    }
}
