//! Directions and lengths of a coordinate system at one place of a picture.
//!
//! Invariant: lengths on the sky use one scale at the region's centre, the root of a pixel's area, as DS9 does; where pixels are
//! not square a circle stays a circle. Angles count from the system's first axis: columns, or on the sky west through north,
//! as DS9 draws them.

use super::System;
use crate::sky::{Frame, Grid, Place, SkyPosition};

/// Unit vectors in FITS pixels at angle 0 and 90 of a system, and FITS pixels per its unit of length (pixel or degree).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Basis {
    first: [f64; 2],
    second: [f64; 2],
    pub(super) pixels_per_unit: f64,
}

impl Basis {
    pub(super) const IMAGE: Self = Self {
        first: [1.0, 0.0],
        second: [0.0, 1.0],
        pixels_per_unit: 1.0,
    };

    /// That of `system` at a FITS pixel; `None` where the picture has no sky.
    pub(super) fn at(grid: &Grid, system: System, pixel: [f64; 2]) -> Option<Self> {
        match system {
            System::Image => Some(Self::IMAGE),
            System::Physical => {
                let [[a, b], [c, d]] = grid.physical_matrix();
                Some(Self {
                    first: unit([a, c]),
                    second: unit([b, d]),
                    pixels_per_unit: (a * d - b * c).abs().sqrt(),
                })
            }
            System::Sky(frame) => Self::of_sky(grid, frame, pixel),
        }
    }

    fn of_sky(grid: &Grid, frame: Frame, pixel: [f64; 2]) -> Option<Self> {
        let wcs = grid.wcs().ok()?;
        let compass = wcs.compass(pixel)?;
        let [north_x, north_y] = if frame == wcs.frame() {
            compass.north
        } else {
            // North of the other frame.
            let here = wcs.sky(pixel)?.to(frame).ok()?;
            let step = compass.scale / 7200.0;
            let there = wcs.pixel(here.moved(step, 0.0))?;
            let back = wcs.pixel(here.moved(step, 180.0))?;
            unit([there[0] - back[0], there[1] - back[1]])
        };
        let [east, north] = [compass.east, compass.north];
        // East lies counter-clockwise of north on the sky; in a mirrored picture clockwise.
        let sense = (north[0] * east[1] - north[1] * east[0]).signum();
        let west = [sense * north_y, -sense * north_x];
        Some(Self {
            first: west,
            second: [north_x, north_y],
            pixels_per_unit: 3600.0 / compass.scale,
        })
    }

    /// The angle in FITS pixels (from x through y) of an angle of the system, degrees.
    pub(super) fn fits_angle(self, angle: f64) -> f64 {
        let (s, c) = angle.to_radians().sin_cos();
        let x = c * self.first[0] + s * self.second[0];
        let y = c * self.first[1] + s * self.second[1];
        y.atan2(x).to_degrees()
    }

    /// The inverse of [`Basis::fits_angle`].
    pub(super) fn own_angle(self, angle: f64) -> f64 {
        let (s, c) = angle.to_radians().sin_cos();
        let ([a, b], [d, e]) = (self.first, self.second);
        let determinant = a * e - b * d;
        let along = (c * e - s * d) / determinant;
        let across = (a * s - b * c) / determinant;
        across.atan2(along).to_degrees()
    }
}

fn unit([x, y]: [f64; 2]) -> [f64; 2] {
    let length = x.hypot(y);
    [x / length, y / length]
}

/// The coordinates of a place in a system; `None` where the picture has no sky.
pub(super) fn coordinates(grid: &Grid, system: System, place: Place) -> Option<[f64; 2]> {
    let pixel = grid.to_fits(place);
    match system {
        System::Image => Some(pixel),
        System::Physical => Some(grid.fits_to_physical(pixel)),
        System::Sky(frame) => {
            let sky: SkyPosition = grid.sky(place)?.to(frame).ok()?;
            Some([sky.longitude, sky.latitude])
        }
    }
}
