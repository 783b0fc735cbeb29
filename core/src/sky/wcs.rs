//! World coordinates: from pixels of a FITS image to the sky and back, and what they mean for a compass and a scale bar.
//!
//! Invariant: `sky` and `pixel` are inverse to each other wherever both give something.

use super::header::Description;
use super::{Frame, Matrix, Projection, SkyPosition, Vector, WcsError, apply, transposed};
use crate::stamp::Card;

/// The transformation between FITS pixels and the sky.
#[derive(Clone, Debug, PartialEq)]
pub struct Wcs {
    description: Description,
    /// Pixels per degree of the plane.
    inverse: [[f64; 2]; 2],
    /// From celestial to native directions.
    native: Matrix,
}

/// North, east and the size of a pixel at some place of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compass {
    /// Unit vector towards north, in the axes of whoever gave the compass.
    pub north: [f64; 2],
    /// Unit vector towards east, likewise.
    pub east: [f64; 2],
    /// Arcseconds per pixel: the root of a pixel's area.
    pub scale: f64,
}

impl Wcs {
    /// The sky coordinates that a header describes (keywords without a letter at their end).
    pub fn from_cards(cards: &[Card]) -> Result<Self, WcsError> {
        let description = Description::read(cards)?;
        let [[a, b], [c, d]] = description.matrix;
        let determinant = a * d - b * c;
        let size = a.abs().max(b.abs()) * c.abs().max(d.abs());
        if !determinant.is_normal() || determinant.abs() < 1e-12 * size {
            return Err(WcsError::Singular {
                keywords: "CD, PC and CDELT",
            });
        }
        let inverse = [
            [d / determinant, -b / determinant],
            [-c / determinant, a / determinant],
        ];
        let native = native_rotation(&description)?;
        Ok(Self {
            description,
            inverse,
            native,
        })
    }

    /// The frame of the positions.
    pub fn frame(&self) -> Frame {
        self.description.frame
    }

    /// The projection.
    pub fn projection(&self) -> Projection {
        self.description.projection
    }

    /// The direction at a FITS pixel (1.0 is the centre of the first); `None` where the projection shows no sky.
    pub fn sky(&self, [x, y]: [f64; 2]) -> Option<SkyPosition> {
        let Description {
            reference_pixel: [x0, y0],
            matrix,
            projection,
            frame,
            distortion,
            ..
        } = &self.description;
        let mut offset = [x - x0, y - y0];
        if let Some(sip) = distortion {
            offset = sip.undistorted(offset);
        }
        let direction = projection.to_sphere(linear(matrix, offset))?;
        let celestial = apply(&transposed(&self.native), direction);
        let sky = SkyPosition::from_vector(celestial, *frame);
        (sky.longitude.is_finite() && sky.latitude.is_finite()).then_some(sky)
    }

    /// The FITS pixel of a direction, which may lie outside the picture; `None` when the projection does not show it or
    /// its frame cannot be converted.
    pub fn pixel(&self, sky: SkyPosition) -> Option<[f64; 2]> {
        let description = &self.description;
        let sky = sky.to(description.frame).ok()?;
        let plane = description
            .projection
            .to_plane(apply(&self.native, sky.vector()))?;
        let mut offset = linear(&self.inverse, plane);
        if let Some(sip) = &description.distortion {
            offset = sip.distorted(offset)?;
        }
        let [x0, y0] = description.reference_pixel;
        Some([x0 + offset[0], y0 + offset[1]])
    }

    /// North, east and scale at a FITS pixel, along the FITS axes (x to the right, y up as DS9 shows it).
    pub fn compass(&self, pixel: [f64; 2]) -> Option<Compass> {
        let here = self.sky(pixel)?;
        let [[a, b], [c, d]] = self.description.matrix;
        // Half a pixel to both sides: small against any curvature, large against rounding.
        let step = (a * d - b * c).abs().sqrt() / 2.0;
        let towards = |angle: f64| {
            let there = self.pixel(here.moved(step, angle))?;
            let back = self.pixel(here.moved(step, angle + 180.0))?;
            let per_degree = |i: usize| (there[i] - back[i]) / (2.0 * step);
            Some([per_degree(0), per_degree(1)])
        };
        let (north, east) = (towards(0.0)?, towards(90.0)?);
        let area = (north[0] * east[1] - north[1] * east[0]).abs();
        let scale = 3600.0 / area.sqrt();
        let unit = |v: [f64; 2]| {
            let length = v[0].hypot(v[1]);
            v.map(|component| component / length)
        };
        let compass = Compass {
            north: unit(north),
            east: unit(east),
            scale,
        };
        (scale.is_finite() && scale > 0.0).then_some(compass)
    }
}

/// `matrix` times `vector`.
fn linear(matrix: &[[f64; 2]; 2], [x, y]: [f64; 2]) -> [f64; 2] {
    matrix.map(|[a, b]| a * x + b * y)
}

/// The rotation from celestial to native directions. Source: Calabretta and Greisen 2002, sections 2.2 to 2.4.
fn native_rotation(description: &Description) -> Result<Matrix, WcsError> {
    let [longitude, latitude] = description.reference;
    let reference_latitude = if description.projection.is_zenithal() {
        90.0
    } else {
        0.0
    };
    let pole_native = description.pole_longitude.unwrap_or({
        if latitude >= reference_latitude {
            0.0
        } else {
            180.0
        }
    });
    let (pole_longitude, pole_latitude) = if description.projection.is_zenithal() {
        (longitude, latitude)
    } else {
        celestial_pole(longitude, latitude, pole_native, description.pole_latitude)?
    };
    let (sin_a, cos_a) = pole_longitude.to_radians().sin_cos();
    let (sin_d, cos_d) = pole_latitude.to_radians().sin_cos();
    let (sin_p, cos_p) = pole_native.to_radians().sin_cos();
    let rows: [Vector; 3] = [
        [
            -sin_a * sin_p - cos_a * cos_p * sin_d,
            cos_a * sin_p - sin_a * cos_p * sin_d,
            cos_p * cos_d,
        ],
        [
            sin_a * cos_p - cos_a * sin_p * sin_d,
            -cos_a * cos_p - sin_a * sin_p * sin_d,
            sin_p * cos_d,
        ],
        [cos_a * cos_d, sin_a * cos_d, sin_d],
    ];
    Ok(rows)
}

/// Celestial longitude and latitude of the native pole when the reference point has native longitude and latitude 0.
fn celestial_pole(
    longitude: f64,
    latitude: f64,
    pole_native: f64,
    wanted: f64,
) -> Result<(f64, f64), WcsError> {
    let (sin_p, cos_p) = pole_native.to_radians().sin_cos();
    let sin_d0 = latitude.to_radians().sin();
    // Equations 8 to 10 for a reference point on the native equator: cos(latitude of the pole) cos(p) = sin(latitude).
    let pole_latitude = if cos_p.abs() < 1e-12 {
        if sin_d0.abs() > 1e-12 {
            return Err(WcsError::NoPole);
        }
        wanted
    } else {
        let cosine = sin_d0 / cos_p;
        if cosine.abs() > 1.0 + 1e-12 {
            return Err(WcsError::NoPole);
        }
        let distance = cosine.clamp(-1.0, 1.0).acos().to_degrees();
        // Two solutions, north and south of the equator; the one nearer to LATPOLE is meant.
        let valid = [distance, -distance]
            .into_iter()
            .filter(|d| d.abs() <= 90.0 + 1e-9);
        let nearest = valid.min_by(|a, b| (a - wanted).abs().total_cmp(&(b - wanted).abs()));
        nearest.ok_or(WcsError::NoPole)?.clamp(-90.0, 90.0)
    };
    let pole_longitude = if latitude.abs() >= 90.0 - 1e-12 {
        longitude
    } else if pole_latitude >= 90.0 - 1e-12 {
        longitude + pole_native - 180.0
    } else if pole_latitude <= -90.0 + 1e-12 {
        longitude - pole_native
    } else {
        let cos_d0 = latitude.to_radians().cos();
        let (sin_dp, cos_dp) = pole_latitude.to_radians().sin_cos();
        let sine = sin_p / cos_d0;
        let cosine = -sin_dp * sin_d0 / (cos_dp * cos_d0);
        longitude - sine.atan2(cosine).to_degrees()
    };
    Ok((pole_longitude, pole_latitude))
}
