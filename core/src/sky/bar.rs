//! Scale bars: round angles that fit a picture.

use super::Compass;

/// Round angles in rising order: seconds, minutes, degrees.
const ROUND_ARCSEC: [f64; 25] = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0,
    120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 18_000.0, 36_000.0,
];

impl Compass {
    /// A length for a scale bar: the longest round angle that is at most `widest` pixels, as (arcseconds, pixels).
    pub fn bar(&self, widest: f64) -> Option<(f64, f64)> {
        let most = widest * self.scale * (1.0 + 1e-9);
        let length = ROUND_ARCSEC.into_iter().rfind(|length| *length <= most)?;
        Some((length, length / self.scale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_bar_has_a_round_length() {
        let compass = Compass {
            north: [0.0, -1.0],
            east: [-1.0, 0.0],
            scale: 0.25,
        };
        for (widest, arcsec, pixels) in [
            (30.0, 5.0, 20.0),
            (79.0, 10.0, 40.0),
            (4.0, 1.0, 4.0),
            (400.0, 60.0, 240.0),
        ] {
            let (length, across) = compass.bar(widest).expect("there is room");
            assert!((length - arcsec).abs() < 1e-6 && (across - pixels).abs() < 1e-6);
        }
        assert_eq!(compass.bar(0.0), None);
    }
}
