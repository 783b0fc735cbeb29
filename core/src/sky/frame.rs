//! Directions on the sky and the fixed rotations between their frames.
//!
//! Source of the rotations: ICRS to FK5 from USNO Circular 179 (Kaplan 2005), section 3.5; the galactic pole of J2000 from Reid
//! and Brunthaler 2004, `ApJ` 616, 872; both with the digits of astropy.

use serde::{Deserialize, Serialize};

use super::{Matrix, Vector, WcsError, apply, product, transposed};

/// A frame of directions on the sky.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Frame {
    /// International Celestial Reference System.
    Icrs,
    /// FK5 of equinox J2000.
    Fk5,
    /// FK4 of equinox B1950; shown, not converted.
    Fk4,
    /// Galactic longitude and latitude.
    Galactic,
    /// Ecliptic longitude and latitude; shown, not converted.
    Ecliptic,
    /// Right ascension and declination of another equinox; shown, not converted.
    OtherEquinox,
}

impl Frame {
    /// The name that messages and DS9 use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Icrs => "icrs",
            Self::Fk5 => "fk5",
            Self::Fk4 => "fk4",
            Self::Galactic => "galactic",
            Self::Ecliptic => "ecliptic",
            Self::OtherEquinox => "another equinox",
        }
    }

    /// Whether longitudes are usually written in hours.
    pub fn is_equatorial(self) -> bool {
        !matches!(self, Self::Galactic | Self::Ecliptic)
    }

    /// The rotation from ICRS to this frame, where one is known.
    fn rotation(self) -> Option<Matrix> {
        match self {
            Self::Icrs => Some([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
            Self::Fk5 => Some(fk5_from_icrs()),
            Self::Galactic => Some(product(&galactic_from_fk5(), &fk5_from_icrs())),
            Self::Fk4 | Self::Ecliptic | Self::OtherEquinox => None,
        }
    }
}

/// The matrix that turns the axes by `degrees` about axis 0, 1 or 2, counter-clockwise seen from its tip.
fn turned_axes(degrees: f64, axis: usize) -> Matrix {
    let (s, c) = degrees.to_radians().sin_cos();
    match axis {
        0 => [[1.0, 0.0, 0.0], [0.0, c, s], [0.0, -s, c]],
        1 => [[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]],
        _ => [[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]],
    }
}

fn fk5_from_icrs() -> Matrix {
    const DEGREES_PER_MAS: f64 = 1.0 / 3_600_000.0;
    let turned = |mas: f64, axis| turned_axes(mas * DEGREES_PER_MAS, axis);
    product(
        &turned(19.9, 0),
        &product(&turned(9.1, 1), &turned(-22.9, 2)),
    )
}

fn galactic_from_fk5() -> Matrix {
    const POLE: (f64, f64) = (192.859_481_206_534_8, 27.128_251_180_856_22);
    const POLE_LONGITUDE: f64 = 122.931_918_568_002_6;
    product(
        &turned_axes(180.0 - POLE_LONGITUDE, 2),
        &product(&turned_axes(90.0 - POLE.1, 1), &turned_axes(POLE.0, 2)),
    )
}

/// A direction on the sky.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SkyPosition {
    /// Longitude or right ascension in `[0, 360)` degrees.
    pub longitude: f64,
    /// Latitude or declination in `[-90, 90]` degrees.
    pub latitude: f64,
    /// What the two are measured in.
    pub frame: Frame,
}

impl SkyPosition {
    /// A direction; the longitude is brought into `[0, 360)`.
    pub fn new(longitude: f64, latitude: f64, frame: Frame) -> Self {
        let turned = longitude.rem_euclid(360.0);
        Self {
            // The remainder of a tiny negative number rounds to 360 itself.
            longitude: if turned < 360.0 { turned } else { 0.0 },
            latitude,
            frame,
        }
    }

    /// The same direction in another frame.
    pub fn to(self, frame: Frame) -> Result<Self, WcsError> {
        if frame == self.frame {
            return Ok(self);
        }
        let no_conversion = || WcsError::NoConversion {
            from: self.frame.name(),
            to: frame.name(),
        };
        let from = self.frame.rotation().ok_or_else(no_conversion)?;
        let to = frame.rotation().ok_or_else(no_conversion)?;
        let rotation = product(&to, &transposed(&from));
        Ok(Self::from_vector(apply(&rotation, self.vector()), frame))
    }

    /// The angle to another direction, degrees. `None` when the frames cannot be converted.
    pub fn separation(self, other: Self) -> Option<f64> {
        let (a, b) = (self.vector(), other.to(self.frame).ok()?.vector());
        let cross = [
            a[1] * b[2] - a[2] * b[1],
            a[2] * b[0] - a[0] * b[2],
            a[0] * b[1] - a[1] * b[0],
        ];
        let sine = cross.iter().map(|v| v * v).sum::<f64>().sqrt();
        let cosine: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
        Some(sine.atan2(cosine).to_degrees())
    }

    /// The direction `degrees` away, starting towards `angle` degrees from north through east.
    pub fn moved(self, degrees: f64, angle: f64) -> Self {
        let (sin_lon, cos_lon) = self.longitude.to_radians().sin_cos();
        let (sin_lat, cos_lat) = self.latitude.to_radians().sin_cos();
        let north = [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat];
        let east = [-sin_lon, cos_lon, 0.0];
        let (sin_angle, cos_angle) = angle.to_radians().sin_cos();
        let (sin_step, cos_step) = degrees.to_radians().sin_cos();
        let here = self.vector();
        let there = [0, 1, 2]
            .map(|i| here[i] * cos_step + (north[i] * cos_angle + east[i] * sin_angle) * sin_step);
        Self::from_vector(there, self.frame)
    }

    pub(super) fn vector(self) -> Vector {
        let (sin_lon, cos_lon) = self.longitude.to_radians().sin_cos();
        let (sin_lat, cos_lat) = self.latitude.to_radians().sin_cos();
        [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat]
    }

    pub(super) fn from_vector([x, y, z]: Vector, frame: Frame) -> Self {
        // Arcsines lose digits near the poles.
        let latitude = z.atan2(x.hypot(y)).to_degrees();
        Self::new(y.atan2(x).to_degrees(), latitude, frame)
    }
}
