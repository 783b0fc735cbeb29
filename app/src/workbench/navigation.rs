//! Pan and zoom: relative to the well, so that pictures of any size go together, or in pixels of the screen.
//!
//! Invariant: what a session says is kept within bounds where it is used, and the picture never leaves its well.

use serde::{Deserialize, Serialize};

/// Pan and zoom, shared by all pictures that are linked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Navigation {
    /// 1 shows the whole picture.
    pub zoom: f32,
    /// The place in the middle of the well, as shares of width and height.
    pub centre: [f32; 2],
    /// Pixels of the screen for a pixel of the picture, in wells of any size; `zoom` does not count then.
    pub exact: Option<f32>,
}

impl Default for Navigation {
    fn default() -> Self {
        Self {
            zoom: 1.0,
            centre: [0.5, 0.5],
            exact: None,
        }
    }
}

impl Navigation {
    /// The largest magnification of the largest pictures; see [`Navigation::max_zoom`].
    pub const MAX_ZOOM: f32 = 2048.0;
    /// The most pixels of the screen for a pixel of the picture.
    const MAX_EXACT: f32 = 32.0;

    /// The largest magnification of a picture whose longer side has so many pixels: a few of them fill the well.
    pub fn max_zoom(longest: usize) -> f32 {
        (longest as f32 / 2.5).clamp(32.0, Self::MAX_ZOOM)
    }

    /// The same with a zoom and a centre that keep the picture in the well.
    pub fn clamped(self) -> Self {
        // A picture of very many pixels is larger than that at one pixel of the screen for each of its own.
        let most = self.exact.map_or(Self::MAX_ZOOM, |_| f32::MAX);
        let number = |value: f32, otherwise| {
            if value.is_finite() { value } else { otherwise }
        };
        let zoom = number(self.zoom, 1.0).clamp(1.0, most);
        let margin = 0.5 / zoom;
        let inside = |c: f32| number(c, 0.5).clamp(margin, 1.0 - margin);
        Self {
            zoom,
            centre: self.centre.map(inside),
            ..self
        }
    }

    /// The same place at so many pixels of the screen for a pixel of the picture.
    #[must_use]
    pub const fn at_exactly(self, screen_pixels: u8) -> Self {
        Self {
            exact: Some(screen_pixels as f32),
            ..self
        }
    }

    /// The same place, twice as near or half: in whole pixels where pixels of the screen are counted.
    #[must_use]
    pub fn magnified(self, is_nearer: bool) -> Self {
        let factor = if is_nearer { 2.0 } else { 0.5 };
        match self.usable_exact() {
            Some(exact) => Self {
                exact: Some((exact * factor).round().clamp(1.0, Self::MAX_EXACT)),
                ..self
            },
            None => Self {
                zoom: self.zoom * factor,
                exact: None,
                ..self
            }
            .clamped(),
        }
    }

    /// Pixels of the screen for a pixel of the picture, whatever a session says.
    pub fn usable_exact(self) -> Option<f32> {
        self.exact.filter(|exact| exact.is_finite() && *exact > 0.0)
    }

    /// Points for a pixel of a picture whose longer side has `pixels` pixels, in a well of `side` points.
    pub fn points_per_pixel(self, side: f32, pixels: usize, pixels_per_point: f32) -> f32 {
        match self.usable_exact() {
            Some(exact) => exact / pixels_per_point,
            None => side / pixels.max(1) as f32 * self.zoom,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_stays_in_the_well() {
        let far = Navigation {
            zoom: 4.0,
            centre: [2.0, -1.0],
            exact: None,
        };
        assert_eq!(far.clamped().centre, [0.875, 0.125]);
        let out = Navigation { zoom: 0.1, ..far };
        assert_eq!(out.clamped(), Navigation::default());
        let nonsense = Navigation {
            zoom: f32::NAN,
            centre: [f32::NAN, f32::INFINITY],
            exact: None,
        };
        assert_eq!(nonsense.clamped(), Navigation::default());
    }

    #[test]
    fn magnification_goes_by_two_and_stays_whole() {
        let start = Navigation::default();
        assert_eq!(start.magnified(false), start, "the whole is the farthest");
        assert_eq!(start.magnified(true).zoom, 2.0);
        let exact = start.at_exactly(4);
        assert_eq!(exact.magnified(true).exact, Some(8.0));
        let far = exact.magnified(false).magnified(false).magnified(false);
        assert_eq!(far.exact, Some(1.0));
        assert_eq!(exact.points_per_pixel(300.0, 80, 2.0), 2.0);
        assert_eq!(start.points_per_pixel(320.0, 80, 2.0), 4.0);
        let nonsense = Navigation {
            exact: Some(f32::NAN),
            ..start
        };
        assert_eq!(nonsense.magnified(true).zoom, 2.0);
    }
}
