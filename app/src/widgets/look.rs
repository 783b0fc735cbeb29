//! From float pixels to colours: light under a stretch, signed maps, activations, and relevance laid over light.

use egui::{Color32, ColorImage};
use ganoscope_core::stamp::Stamp;
use ganoscope_core::stamp::colormap::Colormap;
use ganoscope_core::stamp::stretch::Stretch;

use crate::display::{Colouring, Levels};
use crate::theme::Tokens;

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
}

/// Rows and columns of the largest picture drawn.
const MAX_SIDE: usize = 4096;

/// Where too little light is drawn.
const ORANGE: [f32; 3] = [0.96, 0.66, 0.32];
/// Where too much is drawn.
const TEAL: [f32; 3] = [0.30, 0.74, 0.70];
/// The colours of `stamp` under a look; `over` is the relevance of [`Look::Relevance`].
pub fn image_of(stamp: &Stamp, over: Option<&Stamp>, look: Look) -> ColorImage {
    // Graphics cards take no larger picture; of a larger one every nth pixel is shown.
    let apart = stamp.width.max(stamp.height).div_ceil(MAX_SIDE).max(1);
    let size = [stamp.width.div_ceil(apart), stamp.height.div_ceil(apart)];
    let shown = || {
        let index = |i: usize| i / size[0] * apart * stamp.width + i % size[0] * apart;
        (0..size[0] * size[1]).map(index)
    };
    let bands: Vec<&[f32]> = (0..stamp.channels).map(|c| stamp.plane(c)).collect();
    let mean = |i: usize| bands.iter().map(|b| b[i]).sum::<f32>() / bands.len() as f32;
    let pixels: Vec<Color32> = match look {
        Look::Light {
            levels,
            stretch,
            colouring,
        } => match (&bands[..], colouring) {
            (&[r, g, b], Colouring::Natural) => shown()
                .map(|i| natural([r[i], g[i], b[i]], levels, stretch))
                .collect(),
            _ => shown()
                .map(|i| grey(stretch.apply(levels.place(mean(i))), mean(i)))
                .collect(),
        },
        Look::Signed { largest, is_dark } => {
            shown().map(|i| signed(mean(i), largest, is_dark)).collect()
        }
        Look::Activation { largest } => shown().map(|i| heat(mean(i), largest)).collect(),
        Look::Relevance {
            levels,
            scale,
            opacity,
            is_dark,
        } => {
            let tokens = if is_dark {
                &crate::theme::DARK
            } else {
                &crate::theme::LIGHT
            };
            let relevance = over.filter(|o| o.width == stamp.width && o.height == stamp.height);
            let at = |i: usize| relevance.map_or(0.0, |r| r.pixels[i]);
            shown()
                .map(|i| {
                    let light = Stretch::default().apply(levels.place(mean(i)));
                    evidence(light, at(i) / scale, opacity, tokens)
                })
                .collect()
        }
    };
    ColorImage::new(size, pixels)
}

fn missing() -> Color32 {
    crate::theme::DARK.missing
}

fn color([r, g, b]: [f32; 3]) -> Color32 {
    let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
    Color32::from_rgb(byte(r), byte(g), byte(b))
}

fn grey(brightness: f32, value: f32) -> Color32 {
    if value.is_finite() {
        color([brightness; 3])
    } else {
        missing()
    }
}

/// One curve of the intensity, bands scaled with it; where a band would pass white, all are held back together so that
/// the colour stays (Lupton et al. 2004, PASP 116, 133, section 2).
fn natural(rgb: [f32; 3], levels: Levels, stretch: Stretch) -> Color32 {
    let light = rgb.map(|v| levels.place(v).max(0.0));
    let intensity = (light[0] + light[1] + light[2]) / 3.0;
    if !intensity.is_finite() {
        return missing();
    }
    if intensity <= 0.0 {
        return Color32::BLACK;
    }
    let gain = stretch.apply(intensity) / intensity;
    let bright = light.map(|v| v * gain);
    let most = bright[0].max(bright[1]).max(bright[2]).max(1.0);
    color(bright.map(|v| v / most))
}

fn mix(a: [f32; 3], b: [f32; 3], t: f32) -> [f32; 3] {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t)
}

fn signed(value: f32, largest: f32, is_dark: bool) -> Color32 {
    if !value.is_finite() {
        return missing();
    }
    let t = (value / largest.max(f32::MIN_POSITIVE)).clamp(-1.0, 1.0);
    let zero = if is_dark { [0.05; 3] } else { [0.96; 3] };
    let end = if t > 0.0 { ORANGE } else { TEAL };
    // On paper the ends have to be darker to be seen.
    let end = if is_dark { end } else { end.map(|v| v * 0.72) };
    color(mix(zero, end, t.abs()))
}

fn heat(value: f32, largest: f32) -> Color32 {
    if !value.is_finite() {
        return missing();
    }
    let t = value / largest.max(f32::MIN_POSITIVE);
    let [r, g, b, _] = Colormap::Inferno.rgba(t);
    Color32::from_rgb(r, g, b)
}

/// Light dimmed to a grey ground, covered with the colour of a pole in proportion to its relevance.
fn evidence(light: f32, relevance: f32, opacity: f32, tokens: &Tokens) -> Color32 {
    if !light.is_finite() || !relevance.is_finite() {
        return missing();
    }
    let pole = if relevance > 0.0 {
        tokens.real
    } else {
        tokens.generated
    };
    let pole = [pole.r(), pole.g(), pole.b()].map(|v| f32::from(v) / 255.0);
    let cover = relevance.abs().min(1.0) * opacity;
    color(mix([light * 0.75; 3], pole, cover))
}

#[cfg(test)]
mod tests {
    use ganoscope_core::stamp::ValueRange;

    use super::*;

    #[test]
    fn colour_survives_the_stretch() {
        let faint = natural([0.02, 0.01, 0.01], Levels::UNIT, Stretch::default());
        assert!(faint.r() > faint.g() && faint.g() == faint.b(), "{faint:?}");
        let bright = natural([4.0, 1.0, 1.0], Levels::UNIT, Stretch::default());
        assert_eq!(bright.r(), 255);
        assert!(bright.g() < 100, "white would hide the colour: {bright:?}");
    }

    #[test]
    fn zero_is_neutral_and_signs_differ() {
        let zero = signed(0.0, 1.0, true);
        assert!(zero.r() == zero.g() && zero.g() == zero.b());
        assert!(signed(1.0, 1.0, true).r() > signed(-1.0, 1.0, true).r());
    }

    #[test]
    fn missing_pixels_are_neither_black_nor_white() {
        let stamp = Stamp::new("s", vec![f32::NAN], [1, 1, 1], ValueRange::UNIT);
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
            assert_eq!(image_of(&stamp, None, look).pixels[0], missing());
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
        assert_eq!(image.pixels[1], heat(3.0, width as f32));
        assert_eq!(
            image.pixels[MAX_SIDE - 1],
            heat((3 * MAX_SIDE - 3) as f32, width as f32)
        );
    }
}
