//! Elliptical and circular apertures.
//!
//! Invariant: a pixel counts with the share of its sub-pixels inside the aperture.

use super::{Image, SUBPIXELS, Shape};

/// An ellipse with the shape of a source; "radius" 1 is its root-mean-square ellipse.
pub(super) struct Ellipse {
    centre: [f64; 2],
    sin: f64,
    cos: f64,
    semi_major: f64,
    semi_minor: f64,
}

impl Ellipse {
    pub(super) fn new(centre: [f64; 2], shape: Shape) -> Self {
        let (sin, cos) = shape.position_angle.sin_cos();
        Self {
            centre,
            sin,
            cos,
            semi_major: shape.semi_major,
            // Noise can make a moment vanish; an aperture has at least a pixel's width.
            semi_minor: shape.semi_minor.max(0.3),
        }
    }

    /// Elliptical radius of a place.
    fn radius(&self, [x, y]: [f64; 2]) -> f64 {
        let (dx, dy) = (x - self.centre[0], y - self.centre[1]);
        let along = (dx * self.cos + dy * self.sin) / self.semi_major;
        let across = (dy * self.cos - dx * self.sin) / self.semi_minor;
        length([along, across])
    }

    /// Share of each pixel inside elliptical radius `limit`, `[H, W]`.
    pub(super) fn weights(&self, image: &Image, limit: f64) -> Vec<f64> {
        // Half a pixel's diagonal in elliptical radii decides whether a pixel is cut by the edge.
        let margin = 0.71 / self.semi_minor.min(self.semi_major);
        (0..image.light.len())
            .map(|i| {
                let place = image.place(i);
                let radius = self.radius(place);
                if radius < limit - margin {
                    1.0
                } else if radius > limit + margin {
                    0.0
                } else {
                    let inside = subpixels(place).filter(|p| self.radius(*p) <= limit);
                    inside.count() as f64 / (SUBPIXELS * SUBPIXELS) as f64
                }
            })
            .collect()
    }
}

/// Length of a vector on a picture; `hypot` guards against numbers that no picture has, at ten times the cost.
fn length([x, y]: [f64; 2]) -> f64 {
    (x * x + y * y).sqrt()
}

/// The centres of a pixel's sub-pixels.
fn subpixels([x, y]: [f64; 2]) -> impl Iterator<Item = [f64; 2]> {
    let offset = |i: usize| (i as f64 + 0.5) / SUBPIXELS as f64 - 0.5;
    (0..SUBPIXELS * SUBPIXELS).map(move |i| [x + offset(i % SUBPIXELS), y + offset(i / SUBPIXELS)])
}

/// First moment of the light's elliptical radius inside six root-mean-square ellipses (Kron 1980, `ApJS` 43, 305); `None`
/// without light.
pub(super) fn kron_radius(image: &Image, usable: &[bool], ellipse: &Ellipse) -> Option<f64> {
    let (mut total, mut weighted) = (0.0, 0.0);
    for (i, light) in image.light.iter().enumerate() {
        let radius = ellipse.radius(image.place(i));
        if usable[i] && radius < 6.0 {
            total += f64::from(*light);
            weighted += f64::from(*light) * radius;
        }
    }
    (total > 0.0 && weighted > 0.0).then(|| weighted / total)
}

/// Radius of the circle about `centre` that holds half of `total`, pixels.
pub(super) fn half_light_radius(
    image: &Image,
    usable: &[bool],
    centre: [f64; 2],
    total: f64,
) -> f64 {
    const RINGS_PER_PIXEL: f64 = 10.0;
    let reach = (image.width as f64).hypot(image.height as f64);
    let mut rings = vec![0.0; (reach * RINGS_PER_PIXEL) as usize + 1];
    for (i, light) in image.light.iter().enumerate().filter(|(i, _)| usable[*i]) {
        let share = f64::from(*light) / (SUBPIXELS * SUBPIXELS) as f64;
        for [x, y] in subpixels(image.place(i)) {
            let radius = length([x - centre[0], y - centre[1]]);
            if let Some(ring) = rings.get_mut((radius * RINGS_PER_PIXEL) as usize) {
                *ring += share;
            }
        }
    }
    let mut inside = 0.0;
    for (i, ring) in rings.iter().enumerate() {
        if inside + ring >= total / 2.0 && *ring > 0.0 {
            return (i as f64 + (total / 2.0 - inside) / ring) / RINGS_PER_PIXEL;
        }
        inside += ring;
    }
    reach
}
