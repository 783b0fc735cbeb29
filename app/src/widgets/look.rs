//! The looks of the program in the colours of its themes: light under a stretch, signed maps, activations, and relevance
//! laid over light.

use egui::{Color32, ColorImage};
use ganoscope_core::stamp::Stamp;
use ganoscope_core::stamp::colormap::Colormap;
use ganoscope_core::stamp::look::{self, Ink, Marks, Overlay, Rgb};
use ganoscope_core::stamp::render::{Canvas, Raster, Rasters, render};
use ganoscope_core::stamp::stretch::Stretch;

use super::textures::Picture;
use crate::display::{Colouring, Levels};
use crate::theme::{DARK, LIGHT, Tokens};

/// How a picture's values become colours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Look {
    /// Light between black and white.
    Light {
        /// Black and white.
        levels: Levels,
        /// Brightness between them.
        stretch: Stretch,
        /// Bands as colours or grey.
        colouring: Colouring,
    },
    /// A signed map, bands averaged: zero has the colour of the well.
    Signed {
        /// The value drawn in full colour.
        largest: f32,
        /// Whether the well is dark.
        is_dark: bool,
    },
    /// An activation that is never negative.
    Activation {
        /// The value drawn brightest.
        largest: f32,
    },
    /// Relevance (the second picture) over light (the first).
    Relevance {
        /// Black and white of the light.
        levels: Levels,
        /// The relevance drawn in full colour.
        scale: f32,
        /// How much of it is laid over, 0 to 1.
        opacity: f32,
        /// Whether the theme is dark.
        is_dark: bool,
    },
    /// Whatever the core can say.
    Exact(look::Look),
}

/// What light under relevance is multiplied with, so that the poles stand out.
const GROUND: f32 = 0.75;

impl Look {
    /// The look in full.
    pub fn exact(self) -> look::Look {
        let linear = |ink, limits| look::Look::new(ink, limits, Stretch::Linear);
        let look = match self {
            Self::Light {
                levels,
                stretch,
                colouring,
            } => look::Look::new(
                colouring.ink(Colormap::Grey, levels),
                levels.limits(),
                stretch,
            ),
            Self::Signed { largest, is_dark } => {
                let tokens = tokens_of(is_dark);
                let ramp = [tokens.too_much, tokens.level, tokens.too_little].map(rgb);
                let largest = largest.max(f32::MIN_POSITIVE);
                linear(Ink::Ramp(ramp), [-largest, largest])
            }
            Self::Activation { largest } => {
                let largest = largest.max(f32::MIN_POSITIVE);
                linear(Ink::Map(Colormap::Inferno), [0.0, largest])
            }
            Self::Relevance {
                levels,
                scale,
                opacity,
                is_dark,
            } => look::Look {
                overlay: Some(evidence(scale, opacity, is_dark)),
                ..look::Look::new(
                    Ink::Map(Colormap::Grey),
                    levels.limits(),
                    Stretch::default(),
                )
            },
            Self::Exact(look) => return look,
        };
        look::Look {
            missing: rgb(DARK.missing),
            ..look
        }
    }
}

/// A zero-centred map; + and - where it is strong, because signs are never told by colour alone. The map that the marks
/// are of lies over the picture: its mean over bands.
pub fn signed_with_marks(largest: f32, is_dark: bool) -> look::Look {
    let marks = Overlay {
        opacity: 0.0,
        ground: 1.0,
        ..evidence(largest, 1.0, is_dark)
    };
    look::Look {
        overlay: Some(marks),
        ..Look::Signed { largest, is_dark }.exact()
    }
}

/// Relevance in the colours of a theme, with its signs.
pub fn evidence(scale: f32, opacity: f32, is_dark: bool) -> Overlay {
    let tokens = tokens_of(is_dark);
    let shade = tokens.cursor_shade;
    let marks = Marks {
        ink: rgb(tokens.cursor),
        shade: rgb(shade),
        shade_opacity: f32::from(shade.a()) / 255.0,
    };
    Overlay {
        scale,
        opacity,
        negative: rgb(tokens.generated),
        positive: rgb(tokens.real),
        ground: GROUND,
        marks: (opacity > 0.0).then_some(marks),
    }
}

const fn tokens_of(is_dark: bool) -> &'static Tokens {
    if is_dark { &DARK } else { &LIGHT }
}

/// The opaque part of a colour.
pub const fn rgb(color: Color32) -> Rgb {
    [color.r(), color.g(), color.b()]
}

/// Rows and columns of the largest picture that is drawn as a texture of egui.
const MAX_SIDE: usize = 4096;

/// Graphics cards take no larger picture; of a larger one every nth row and column is shown.
pub(super) fn thinning(stamp: &Stamp) -> usize {
    stamp.width.max(stamp.height).div_ceil(MAX_SIDE).max(1)
}

/// The colours of a picture, a pixel each; `over` is the relevance of [`Look::Relevance`].
pub fn image_of(stamp: &Stamp, over: Option<&Stamp>, look: Look) -> ColorImage {
    let picture = Picture {
        over,
        ..Picture::new(stamp, look)
    };
    color_image(&picture, None, thinning(stamp))
}

/// The colours of every `apart`-th pixel of a picture, or of what `canvas` says.
pub(super) fn color_image(
    picture: &Picture<'_>,
    canvas: Option<Canvas>,
    apart: usize,
) -> ColorImage {
    let look = picture.look.exact();
    let stamp = picture.stamp;
    let base = match picture.plane {
        Some(plane) => Raster::new(stamp.plane(plane), [1, stamp.height, stamp.width]),
        None => Raster::of(stamp),
    };
    let Some(base) = base.map(|base| base.thinned(apart)) else {
        return ColorImage::filled([1, 1], DARK.missing);
    };
    let [_, height, width] = base.dims();
    let canvas = canvas.unwrap_or(Canvas::whole([width, height]));
    let rasters = Rasters {
        base,
        over: picture.over.and_then(Raster::of),
        lines: picture.lines.and_then(Raster::of),
    };
    let pixels = render(&rasters, &look, &canvas);
    let color = |[r, g, b, _]: [u8; 4]| Color32::from_rgb(r, g, b);
    ColorImage::new(canvas.size, pixels.into_iter().map(color).collect())
}

#[cfg(test)]
mod tests {
    use ganoscope_core::stamp::ValueRange;

    use super::*;

    fn pixel(values: &[f32], look: Look) -> Color32 {
        let stamp = Stamp::new("s", values.to_vec(), [values.len(), 1, 1], ValueRange::UNIT);
        image_of(&stamp, None, look).pixels[0]
    }

    #[test]
    fn colour_survives_the_stretch() {
        let look = Look::Light {
            levels: Levels::UNIT,
            stretch: Stretch::default(),
            colouring: Colouring::Natural,
        };
        let faint = pixel(&[0.02, 0.01, 0.01], look);
        assert!(faint.r() > faint.g() && faint.g() == faint.b(), "{faint:?}");
        let bright = pixel(&[4.0, 1.0, 1.0], look);
        assert_eq!(bright.r(), 255);
        assert!(bright.g() < 100, "white would hide the colour: {bright:?}");
    }

    #[test]
    fn zero_is_neutral_and_signs_differ() {
        let look = Look::Signed {
            largest: 1.0,
            is_dark: true,
        };
        assert_eq!(pixel(&[0.0], look), DARK.level);
        assert_eq!(pixel(&[1.0], look), DARK.too_little);
        assert_eq!(pixel(&[-1.0], look), DARK.too_much);
    }

    #[test]
    fn missing_pixels_are_neither_black_nor_white() {
        for look in [
            Look::Signed {
                largest: 1.0,
                is_dark: true,
            },
            Look::Activation { largest: 1.0 },
            Look::Light {
                levels: Levels::UNIT,
                stretch: Stretch::Linear,
                colouring: Colouring::Natural,
            },
        ] {
            assert_eq!(pixel(&[f32::NAN], look), DARK.missing);
        }
    }

    #[test]
    fn pictures_that_no_graphics_card_takes_are_thinned_out() {
        let (width, height) = (3 * MAX_SIDE - 1, 2);
        let pixels: Vec<f32> = (0..width * height).map(|i| (i % width) as f32).collect();
        let stamp = Stamp::new("wide", pixels, [1, height, width], ValueRange::UNIT);
        let look = Look::Activation {
            largest: width as f32,
        };
        let image = image_of(&stamp, None, look);
        assert_eq!(image.size, [MAX_SIDE, 1]);
        assert_eq!(image.pixels[1], pixel(&[3.0], look));
        let last = pixel(&[(3 * MAX_SIDE - 3) as f32], look);
        assert_eq!(image.pixels[MAX_SIDE - 1], last);
    }
}
