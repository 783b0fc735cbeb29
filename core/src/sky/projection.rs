//! Map projections between the native sphere and the plane of intermediate world coordinates.
//!
//! Invariant: `to_plane` and `to_sphere` are inverse to each other where both give something. Native directions are unit
//! vectors `[cos t cos p, cos t sin p, sin t]` of native longitude p and latitude t, because angles near the native pole, where
//! most pictures are, lose digits. Planes are in degrees. Source: Calabretta and Greisen 2002, sections 5.1 and 5.2.

use super::Vector;

/// A map projection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Projection {
    /// Gnomonic.
    Tan,
    /// Orthographic, not slanted.
    Sin,
    /// Zenithal equidistant.
    Arc,
    /// Stereographic.
    Stg,
    /// Zenithal equal-area.
    Zea,
    /// Plate carree.
    Car,
    /// Mercator.
    Mer,
    /// Sanson-Flamsteed.
    Sfl,
}

impl Projection {
    /// The codes that are understood, for messages.
    pub(super) const KNOWN: &str = "TAN, TAN-SIP, SIN, ARC, STG, ZEA, CAR, MER or SFL";

    /// The projection of a three-letter code.
    pub(super) fn from_code(code: &str) -> Option<Self> {
        Some(match code {
            "TAN" => Self::Tan,
            "SIN" => Self::Sin,
            "ARC" => Self::Arc,
            "STG" => Self::Stg,
            "ZEA" => Self::Zea,
            "CAR" => Self::Car,
            "MER" => Self::Mer,
            // GLS of old files differs from SFL only away from its reference latitude and is no standard.
            "SFL" => Self::Sfl,
            _ => return None,
        })
    }

    /// Whether the reference point is the native pole; else it is native longitude and latitude 0.
    pub(super) fn is_zenithal(self) -> bool {
        !matches!(self, Self::Car | Self::Mer | Self::Sfl)
    }

    /// The point of the plane, degrees; `None` for directions that the projection does not show.
    pub(super) fn to_plane(self, [x, y, z]: Vector) -> Option<[f64; 2]> {
        // Zenithal: towards native longitude 0 is down, towards 90 degrees is right.
        let zenithal = |factor: f64| [y * factor, -x * factor];
        let plane = match self {
            Self::Tan => (z > 0.0).then(|| zenithal(1.0 / z)),
            Self::Sin => (z >= 0.0).then(|| zenithal(1.0)),
            Self::Arc => {
                let r = x.hypot(y);
                let angle = r.atan2(z);
                Some(zenithal(if r > 0.0 { angle / r } else { 1.0 }))
            }
            Self::Stg => (z > -1.0).then(|| zenithal(2.0 / (1.0 + z))),
            Self::Zea => (z > -1.0).then(|| zenithal((2.0 / (1.0 + z)).sqrt())),
            Self::Car | Self::Mer | Self::Sfl => {
                let (longitude, latitude) = (y.atan2(x), z.atan2(x.hypot(y)));
                match self {
                    Self::Mer => {
                        let northing = (std::f64::consts::FRAC_PI_4 + latitude / 2.0).tan().ln();
                        Some([longitude, northing])
                    }
                    Self::Sfl => Some([longitude * latitude.cos(), latitude]),
                    _ => Some([longitude, latitude]),
                }
            }
        };
        let [right, up] = plane?.map(f64::to_degrees);
        (right.is_finite() && up.is_finite()).then_some([right, up])
    }

    /// The native direction of a point of the plane, degrees; `None` where the projection shows nothing.
    pub(super) fn to_sphere(self, plane: [f64; 2]) -> Option<Vector> {
        let [right, up] = plane.map(f64::to_radians);
        let r = right.hypot(up);
        // Distance from the native pole.
        let zenithal = |angle: f64| {
            let (sine, cosine) = angle.sin_cos();
            let factor = if r > 0.0 { sine / r } else { 1.0 };
            [-up * factor, right * factor, cosine]
        };
        let cylindrical = |longitude: f64, latitude: f64| {
            let (sin_lon, cos_lon) = longitude.sin_cos();
            let (sin_lat, cos_lat) = latitude.sin_cos();
            let shown = latitude.abs() <= std::f64::consts::FRAC_PI_2
                && longitude.abs() <= std::f64::consts::PI * (1.0 + 1e-12);
            shown.then_some([cos_lat * cos_lon, cos_lat * sin_lon, sin_lat])
        };
        match self {
            Self::Tan => Some(zenithal(r.atan())),
            Self::Sin => (r <= 1.0).then(|| [-up, right, (1.0 - r * r).sqrt()]),
            Self::Arc => (r <= std::f64::consts::PI).then(|| zenithal(r)),
            Self::Stg => Some(zenithal(2.0 * (r / 2.0).atan())),
            Self::Zea => (r <= 2.0).then(|| zenithal(2.0 * (r / 2.0).asin())),
            Self::Car => cylindrical(right, up),
            Self::Mer => cylindrical(right, 2.0 * up.exp().atan() - std::f64::consts::FRAC_PI_2),
            Self::Sfl => {
                let cosine = up.cos();
                let longitude = if cosine > 0.0 { right / cosine } else { 0.0 };
                cylindrical(longitude, up)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Projection; 8] = [
        Projection::Tan,
        Projection::Sin,
        Projection::Arc,
        Projection::Stg,
        Projection::Zea,
        Projection::Car,
        Projection::Mer,
        Projection::Sfl,
    ];

    #[test]
    fn plane_and_sphere_are_inverse() {
        for projection in ALL {
            for right in [-40.0, -1.0, -1e-7, 0.0, 3e-4, 25.0] {
                for up in [-30.0, -1e-6, 0.0, 0.5, 41.0] {
                    let sphere = projection.to_sphere([right, up]).expect("shown");
                    let norm: f64 = sphere.iter().map(|v| v * v).sum();
                    assert!((norm - 1.0).abs() < 1e-14, "{projection:?}");
                    let [r, u] = projection.to_plane(sphere).expect("shown");
                    let error = (r - right).hypot(u - up);
                    assert!(error < 1e-12, "{projection:?} {right} {up}: {error}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_shown_is_nothing() {
        assert_eq!(Projection::Tan.to_plane([1.0, 0.0, 0.0]), None);
        assert_eq!(Projection::Sin.to_plane([0.0, 0.6, -0.8]), None);
        assert_eq!(Projection::Sin.to_sphere([60.0, 0.0]), None);
        assert_eq!(Projection::Arc.to_sphere([200.0, 0.0]), None);
        assert_eq!(Projection::Car.to_sphere([0.0, 91.0]), None);
        assert_eq!(Projection::Tan.to_plane([f64::NAN, 0.0, 1.0]), None);
    }
}
