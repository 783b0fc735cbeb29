//! Colours for single-channel pictures and signed maps.
//!
//! Invariant: every map is a table of [`LEVELS`] colours, dark to bright, except [`Colormap::Diverging`], which is white in the
//! middle, blue below and red above; so a zero-centred map shows red what pushes towards real and blue what pushes towards
//! generated. Missing pixels (NaN) have a colour that no map contains. Between the colours of a table is interpolated.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// Colours per table.
pub const LEVELS: usize = 256;

/// The colour of missing pixels.
pub const MISSING: [u8; 4] = [0, 160, 90, 255];

type Table = [[u8; 4]; LEVELS];

/// A named colour map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colormap {
    /// Black to white.
    #[default]
    Grey,
    /// matplotlib's viridis (van der Walt and Smith, CC0).
    Viridis,
    /// matplotlib's inferno (van der Walt and Smith, CC0).
    Inferno,
    /// Cubehelix (Green 2011, BASI 39, 289): brightness rises evenly, so it prints well in grey.
    Cubehelix,
    /// DS9's heat: black, red, orange, white.
    Heat,
    /// DS9's b: black, blue, red, yellow, white.
    B,
    /// Blue, white, red for signed maps.
    Diverging,
}

impl Colormap {
    /// Every map, in the order menus show them.
    pub const ALL: [Self; 7] = [
        Self::Grey,
        Self::Viridis,
        Self::Inferno,
        Self::Cubehelix,
        Self::Heat,
        Self::B,
        Self::Diverging,
    ];

    /// Its name as people know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grey => "grey",
            Self::Viridis => "viridis",
            Self::Inferno => "inferno",
            Self::Cubehelix => "cubehelix",
            Self::Heat => "heat",
            Self::B => "b",
            Self::Diverging => "blue-white-red",
        }
    }

    /// Its colours, sRGB with full opacity; for textures.
    pub fn table(self) -> &'static Table {
        static TABLES: LazyLock<[Table; 7]> = LazyLock::new(|| {
            [
                table(|t| [t; 3]),
                table(|t| along(&VIRIDIS, t)),
                table(|t| along(&INFERNO, t)),
                table(cubehelix),
                table(|t| HEAT.map(|band| between_nodes(band, t))),
                table(|t| B.map(|band| between_nodes(band, t))),
                table(diverging),
            ]
        });
        &TABLES[self as usize]
    }

    /// The colour, 0 to 1, of brightness `t`; clips, and takes NaN for 0.
    pub fn shade(self, t: f32) -> [f32; 3] {
        let t = if t.is_nan() { 0.0 } else { t.clamp(0.0, 1.0) };
        let place = t * (LEVELS - 1) as f32;
        let below = (place as usize).min(LEVELS - 2);
        let share = place - below as f32;
        let (low, high) = (self.table()[below], self.table()[below + 1]);
        [0, 1, 2].map(|band| {
            let (low, high) = (f32::from(low[band]), f32::from(high[band]));
            (low + share * (high - low)) / 255.0
        })
    }

    /// The colour of brightness `t` in `[0, 1]`; clips, and shows NaN as [`MISSING`].
    ///
    /// ```
    /// use ganoscope_core::stamp::colormap::{Colormap, MISSING};
    /// assert_eq!(Colormap::Grey.rgba(1.0), [255; 4]);
    /// assert_eq!(Colormap::Viridis.rgba(f32::NAN), MISSING);
    /// ```
    pub fn rgba(self, t: f32) -> [u8; 4] {
        if t.is_nan() {
            return MISSING;
        }
        let [r, g, b] = self.shade(t).map(|v| (v * 255.0).round() as u8);
        [r, g, b, 255]
    }
}

fn table(colour: impl Fn(f64) -> [f64; 3]) -> Table {
    let mut table = [[255; 4]; LEVELS];
    for (level, entry) in table.iter_mut().enumerate() {
        let rgb = colour(level as f64 / (LEVELS - 1) as f64);
        for (byte, value) in entry.iter_mut().zip(rgb) {
            *byte = (value.clamp(0.0, 1.0) * 255.0).round() as u8;
        }
    }
    table
}

/// Interpolates evenly spaced 8-bit colours.
fn along(nodes: &[[u8; 3]], t: f64) -> [f64; 3] {
    let position = t * (nodes.len() - 1) as f64;
    let below = (position as usize).min(nodes.len() - 2);
    let share = position - below as f64;
    [0, 1, 2].map(|band| {
        let (low, high) = (
            f64::from(nodes[below][band]),
            f64::from(nodes[below + 1][band]),
        );
        (low + share * (high - low)) / 255.0
    })
}

/// Interpolates between (place, value) nodes in rising order, the first at 0 and the last at 1.
fn between_nodes(nodes: &[[f64; 2]], t: f64) -> f64 {
    let pair = nodes.windows(2).find(|pair| t <= pair[1][0]);
    pair.map_or(1.0, |pair| {
        let ([from, low], [to, high]) = (pair[0], pair[1]);
        low + (t - from) / (to - from) * (high - low)
    })
}

/// Red, green and blue of DS9's heat.
const HEAT: [&[[f64; 2]]; 3] = [
    &[[0.0, 0.0], [0.34, 1.0], [1.0, 1.0]],
    &[[0.0, 0.0], [1.0, 1.0]],
    &[[0.0, 0.0], [0.65, 0.0], [0.98, 1.0], [1.0, 1.0]],
];

/// Red, green and blue of DS9's b.
const B: [&[[f64; 2]]; 3] = [
    &[[0.0, 0.0], [0.25, 0.0], [0.5, 1.0], [1.0, 1.0]],
    &[[0.0, 0.0], [0.5, 0.0], [0.75, 1.0], [1.0, 1.0]],
    &[[0.0, 0.0], [0.25, 1.0], [0.5, 0.0], [0.75, 0.0], [1.0, 1.0]],
];

/// Green's formula with start 0.5, rotations -1.5, hue 1, gamma 1.
fn cubehelix(t: f64) -> [f64; 3] {
    let angle = std::f64::consts::TAU * (0.5 / 3.0 + 1.0 - 1.5 * t);
    let amplitude = t * (1.0 - t) / 2.0;
    let (sin, cos) = angle.sin_cos();
    [
        t + amplitude * (-0.14861 * cos + 1.78277 * sin),
        t + amplitude * (-0.29227 * cos - 0.90649 * sin),
        t + amplitude * (1.97294 * cos),
    ]
}

/// Equal lightness left and right of white: hues 255 (blue) and 27 degrees (red) in `OKLab` (Ottosson 2020).
fn diverging(t: f64) -> [f64; 3] {
    // An even number of levels has no middle one; the two at the middle are white.
    let signed = 2.0 * t - 1.0;
    let strength = ((signed.abs() - 0.004) / 0.996).max(0.0);
    let hue = if signed < 0.0 { 255.0_f64 } else { 27.0 };
    let chroma = 0.19 * strength.powf(0.85) * (1.0 - 0.25 * strength * strength);
    let (sin, cos) = hue.to_radians().sin_cos();
    srgb_from_oklab([1.0 - 0.58 * strength.powf(1.1), chroma * cos, chroma * sin])
}

fn srgb_from_oklab([lightness, a, b]: [f64; 3]) -> [f64; 3] {
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
    let linear = [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
    ];
    linear.map(|v| {
        if v <= 0.003_130_8 {
            12.92 * v
        } else {
            1.055 * v.powf(1.0 / 2.4) - 0.055
        }
    })
}

/// Every eighth colour of matplotlib's viridis.
#[rustfmt::skip]
const VIRIDIS: [[u8; 3]; 33] = [
    [68, 1, 84], [71, 13, 96], [72, 24, 106], [72, 35, 116], [71, 45, 123], [69, 54, 129],
    [66, 64, 134], [63, 73, 137], [59, 82, 139], [55, 90, 141], [51, 99, 141], [47, 106, 142],
    [44, 114, 142], [41, 122, 142], [38, 129, 142], [35, 137, 142], [33, 144, 140], [31, 152, 139],
    [31, 159, 136], [33, 166, 133], [40, 174, 128], [49, 181, 123], [62, 188, 116], [76, 194, 108],
    [93, 201, 99], [110, 206, 88], [130, 211, 76], [150, 216, 63], [171, 220, 50], [192, 223, 36],
    [213, 226, 26], [234, 229, 26], [253, 231, 37],
];

/// Every eighth colour of matplotlib's inferno.
#[rustfmt::skip]
const INFERNO: [[u8; 3]; 33] = [
    [0, 0, 4], [4, 3, 18], [11, 7, 36], [21, 11, 55], [33, 12, 74], [46, 10, 90],
    [60, 9, 101], [74, 12, 107], [87, 16, 109], [99, 20, 110], [112, 25, 110], [125, 30, 109],
    [137, 34, 106], [150, 39, 102], [163, 43, 97], [175, 49, 92], [187, 55, 85], [198, 62, 77],
    [209, 70, 68], [219, 79, 59], [227, 89, 50], [235, 101, 40], [241, 113, 30], [246, 127, 20],
    [249, 141, 10], [251, 156, 6], [252, 171, 15], [251, 186, 31], [249, 202, 50], [245, 217, 73],
    [242, 232, 101], [243, 245, 134], [252, 255, 164],
];

#[cfg(test)]
mod tests {
    use super::*;

    fn lightness([r, g, b, _]: [u8; 4]) -> f64 {
        0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b)
    }

    #[test]
    fn sequential_maps_brighten_steadily() {
        for map in Colormap::ALL {
            if map != Colormap::Diverging {
                let table = map.table();
                // A level or two may be lost to rounding.
                assert!(
                    table
                        .windows(2)
                        .all(|w| lightness(w[1]) > lightness(w[0]) - 1.0),
                    "{map:?}"
                );
                assert!(
                    lightness(table[255]) > 200.0 && lightness(table[0]) < 30.0,
                    "{map:?}"
                );
            }
        }
    }

    #[test]
    fn the_diverging_map_is_white_at_zero_red_above_and_blue_below() {
        let map = Colormap::Diverging;
        assert_eq!(map.rgba(0.5), [255; 4]);
        let ([r, _, b, _], [r2, _, b2, _]) = (map.rgba(1.0), map.rgba(0.0));
        assert!(r > 100 && r > b + 60 && b2 > 100 && b2 > r2 + 60);
        for i in 0..128 {
            let (low, high) = (map.table()[i], map.table()[255 - i]);
            assert!(
                (lightness(low) - lightness(high)).abs() < 40.0,
                "{low:?} {high:?}"
            );
        }
    }

    #[test]
    fn no_map_contains_the_colour_of_missing_pixels() {
        for map in Colormap::ALL {
            assert!(!map.table().contains(&MISSING));
        }
    }

    #[test]
    fn tables_keep_matplotlib_colours() {
        // matplotlib: viridis(128), inferno(64) as bytes.
        for (map, level, expected) in [
            (Colormap::Viridis, 128, [33, 145, 140]),
            (Colormap::Inferno, 64, [87, 16, 110]),
        ] {
            for (got, expected) in map.table()[level].iter().zip(expected) {
                assert!(got.abs_diff(expected) <= 2, "{map:?}");
            }
        }
    }

    #[test]
    fn heat_and_b_are_those_of_ds9() {
        // The levels of DS9's maps: ramps between these places, by hand, in percent; a table of 256 cuts the corners of a
        // ramp a little.
        for (map, t, expected) in [
            (Colormap::Heat, 0.17, [50.0, 17.0, 0.0]),
            (Colormap::Heat, 0.815, [100.0, 81.5, 50.0]),
            (Colormap::B, 0.125, [0.0, 0.0, 50.0]),
            (Colormap::B, 0.25, [0.0, 0.0, 100.0]),
            (Colormap::B, 0.375, [50.0, 0.0, 50.0]),
            (Colormap::B, 0.625, [100.0, 50.0, 0.0]),
            (Colormap::B, 0.875, [100.0, 100.0, 50.0]),
        ] {
            for (got, expected) in map.shade(t).into_iter().zip(expected) {
                assert!((100.0 * got - expected).abs() < 1.0, "{map:?} {t}: {got}");
            }
        }
    }

    #[test]
    fn colours_between_levels_are_interpolated() {
        let map = Colormap::Heat;
        let (low, high) = (map.table()[10][0], map.table()[11][0]);
        let middle = map.shade(10.5 / 255.0)[0] * 255.0;
        assert!((middle - f32::midpoint(low.into(), high.into())).abs() < 1e-3);
        assert_eq!(map.shade(-1.0), [0.0; 3]);
        assert_eq!(map.shade(2.0), [1.0; 3]);
    }
}
