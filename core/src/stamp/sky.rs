//! Where north and east are on a picture and how large its pixels are on the sky, from the header of its file.
//!
//! Invariant: directions are those on the screen, columns to the right and rows *down*; FITS counts rows up. Source:
//! Greisen and Calabretta 2002, A&A 395, 1061 (CD, PC, CDELT, CROTA).

use super::{RowOrder, Stamp};

/// The sky at the reference pixel of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sky {
    /// Arc seconds per pixel: the root of a pixel's area.
    pub scale_arcsec_per_px: f64,
    /// Towards north, columns right and rows down, of length 1.
    pub north: [f64; 2],
    /// Towards east, as north.
    pub east: [f64; 2],
}

impl Sky {
    /// From the cards of a stamp; `None` without a celestial axis pair or with a matrix that cannot be inverted.
    pub fn of(stamp: &Stamp) -> Option<Self> {
        let text = |keyword: &str| stamp.card(keyword).map(|v| v.trim_matches('\'').trim());
        let is_axis = |keyword: &str, names: [&str; 2]| {
            text(keyword).is_some_and(|v| names.iter().any(|name| v.starts_with(name)))
        };
        // Axes the other way around are rare enough to be left alone.
        if !is_axis("CTYPE1", ["RA--", "GLON"]) || !is_axis("CTYPE2", ["DEC-", "GLAT"]) {
            return None;
        }
        let [[a, b], [c, d]] = matrix(stamp)?;
        let area = a * d - b * c;
        if area == 0.0 || !area.is_finite() {
            return None;
        }
        // The columns of the inverse: pixels per degree of longitude (to the east) and of latitude.
        let down = match stamp.rows {
            RowOrder::BottomUp => -1.0,
            RowOrder::TopDown => 1.0,
        };
        let direction = |[x, y]: [f64; 2]| {
            let length = x.hypot(y);
            [x / length, down * y / length]
        };
        Some(Self {
            scale_arcsec_per_px: 3600.0 * area.abs().sqrt(),
            north: direction([-b / area, a / area]),
            east: direction([d / area, -c / area]),
        })
    }

    /// A length for a scale bar: the longest round angle that is at most `widest` pixels, as (arc seconds, pixels).
    pub fn bar(&self, widest: f64) -> Option<(f64, f64)> {
        let most = widest * self.scale_arcsec_per_px * (1.0 + 1e-9);
        let length = ROUND_ARCSEC.into_iter().rfind(|length| *length <= most)?;
        Some((length, length / self.scale_arcsec_per_px))
    }
}

/// Round angles in rising order: seconds, minutes, degrees.
const ROUND_ARCSEC: [f64; 25] = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0,
    120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 18_000.0, 36_000.0,
];

/// Degrees of longitude (first row) and latitude per column and row of the file.
fn matrix(stamp: &Stamp) -> Option<[[f64; 2]; 2]> {
    let number = |keyword: &str| {
        let value: f64 = stamp.card(keyword)?.parse().ok()?;
        value.is_finite().then_some(value)
    };
    let pair = |name: &str, default: [[f64; 2]; 2]| {
        let at = |row: usize, column: usize| {
            number(&format!("{name}{}_{}", row + 1, column + 1)).unwrap_or(default[row][column])
        };
        [[at(0, 0), at(0, 1)], [at(1, 0), at(1, 1)]]
    };
    let cd = pair("CD", [[0.0; 2]; 2]);
    if cd != [[0.0; 2]; 2] {
        return Some(cd);
    }
    let delta = [number("CDELT1")?, number("CDELT2")?];
    let turned = |angle: f64| {
        let (sin, cos) = angle.to_radians().sin_cos();
        // CROTA2 turns latitude; the old form of the matrix.
        [
            [delta[0] * cos, -delta[1] * sin],
            [delta[0] * sin, delta[1] * cos],
        ]
    };
    if let Some(angle) = number("CROTA2") {
        return Some(turned(angle));
    }
    let pc = pair("PC", [[1.0, 0.0], [0.0, 1.0]]);
    Some([0, 1].map(|row| pc[row].map(|v| delta[row] * v)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::{Card, ValueRange};

    fn stamp(cards: &[(&str, f64)], rows: RowOrder) -> Stamp {
        let mut stamp = Stamp::new("s", vec![0.0; 4], [1, 2, 2], ValueRange::UNIT);
        stamp.rows = rows;
        stamp.cards = vec![
            Card::text("CTYPE1", "RA---TAN"),
            Card::text("CTYPE2", "DEC--TAN"),
        ];
        let numbers = cards
            .iter()
            .map(|(keyword, value)| Card::value(*keyword, value));
        stamp.cards.extend(numbers);
        stamp
    }

    fn close(got: [f64; 2], expected: [f64; 2]) {
        for (a, b) in got.into_iter().zip(expected) {
            assert!((a - b).abs() < 1e-9, "{got:?}, expected {expected:?}");
        }
    }

    #[test]
    fn an_ordinary_header_has_north_up_and_east_left() {
        let step = 0.2 / 3600.0;
        for cards in [
            &[("CD1_1", -step), ("CD2_2", step)][..],
            &[("CDELT1", -step), ("CDELT2", step)][..],
            &[("CDELT1", -step), ("CDELT2", step), ("CROTA2", 0.0)][..],
            &[
                ("CDELT1", -1.0),
                ("CDELT2", 1.0),
                ("PC1_1", step),
                ("PC2_2", step),
            ][..],
        ] {
            let sky = Sky::of(&stamp(cards, RowOrder::BottomUp)).unwrap();
            assert!((sky.scale_arcsec_per_px - 0.2).abs() < 1e-9, "{cards:?}");
            close(sky.north, [0.0, -1.0]);
            close(sky.east, [-1.0, 0.0]);
        }
        let flipped = stamp(&[("CD1_1", -step), ("CD2_2", step)], RowOrder::TopDown);
        close(Sky::of(&flipped).unwrap().north, [0.0, 1.0]);
    }

    #[test]
    fn a_turned_camera_turns_the_compass() {
        // Turned by 90 degrees: going right is going north, going up is going east.
        let cards = [
            ("CD1_1", 0.0),
            ("CD1_2", 1e-4),
            ("CD2_1", 1e-4),
            ("CD2_2", 0.0),
        ];
        let sky = Sky::of(&stamp(&cards, RowOrder::BottomUp)).unwrap();
        close(sky.north, [1.0, 0.0]);
        close(sky.east, [0.0, -1.0]);
        // CROTA2 of 90 degrees with the usual signs, by the matrix of the paper: north is to the left, east is down.
        let cards = [("CDELT1", -1e-4), ("CDELT2", 1e-4), ("CROTA2", 90.0)];
        let sky = Sky::of(&stamp(&cards, RowOrder::BottomUp)).unwrap();
        close(sky.north, [-1.0, 0.0]);
        close(sky.east, [0.0, 1.0]);
    }

    #[test]
    fn pictures_without_a_sky_have_none() {
        let plain = Stamp::new("s", vec![0.0], [1, 1, 1], ValueRange::UNIT);
        assert_eq!(Sky::of(&plain), None);
        for cards in [
            &[][..],
            &[("CDELT1", 1.0)][..],
            &[
                ("CD1_1", 1.0),
                ("CD1_2", 1.0),
                ("CD2_1", 1.0),
                ("CD2_2", 1.0),
            ][..],
            &[("CDELT1", f64::NAN), ("CDELT2", 1.0)][..],
        ] {
            assert_eq!(
                Sky::of(&stamp(cards, RowOrder::BottomUp)),
                None,
                "{cards:?}"
            );
        }
    }

    #[test]
    fn a_scale_bar_has_a_round_length() {
        let cards = [("CDELT1", -0.25 / 3600.0), ("CDELT2", 0.25 / 3600.0)];
        let sky = Sky::of(&stamp(&cards, RowOrder::BottomUp)).unwrap();
        for (widest, arcsec, pixels) in [
            (30.0, 5.0, 20.0),
            (79.0, 10.0, 40.0),
            (4.0, 1.0, 4.0),
            (400.0, 60.0, 240.0),
        ] {
            let (length, across) = sky.bar(widest).unwrap();
            assert!((length - arcsec).abs() < 1e-6 && (across - pixels).abs() < 1e-6);
        }
        assert_eq!(sky.bar(0.0), None);
    }
}
