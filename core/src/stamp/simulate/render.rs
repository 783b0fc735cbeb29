//! Light of galaxies and stars on a pixel grid, in linear units, three bands.
//!
//! Invariant: light is only ever added; nothing here is random.

use super::disk::DiskLight;
use super::field::Field;
use super::model::{Clump, Disk, GalaxyModel, Sersic};
/// Surface brightness below which a profile is not drawn further; a tenth of an 8-bit level on display.
const FAINTEST: f64 = 1e-4;

/// Linear light `[3, size, size]` (red, green, blue), picture order; 1 is what the display shows as white.
#[derive(Clone, Debug, PartialEq)]
pub struct Light {
    /// Side of the frame.
    pub size: usize,
    /// Planar pixels.
    pub pixels: Vec<f32>,
}

impl Light {
    /// A frame without light.
    pub fn dark(size: usize) -> Self {
        Self {
            size,
            pixels: vec![0.0; 3 * size * size],
        }
    }

    /// Sum of the light per band.
    pub fn flux(&self) -> [f64; 3] {
        let plane = self.size * self.size;
        [0, 1, 2].map(|band| {
            let plane = &self.pixels[band * plane..(band + 1) * plane];
            plane.iter().map(|v| f64::from(*v)).sum()
        })
    }

    /// Radius of the circle about `centre` that holds half of the light of all bands, pixels; 0 for a dark frame.
    pub fn half_light_radius(&self, centre: [f64; 2]) -> f64 {
        const PER_PIXEL: f64 = 4.0;
        let plane = self.size * self.size;
        let mut rings = vec![0.0_f64; (self.size as f64 * 2.0 * PER_PIXEL) as usize + 2];
        for i in 0..plane {
            let (dx, dy) = (
                (i % self.size) as f64 - centre[0],
                (i / self.size) as f64 - centre[1],
            );
            let ring = (((dx * dx + dy * dy).sqrt() * PER_PIXEL) as usize).min(rings.len() - 1);
            let light: f32 = (0..3).map(|band| self.pixels[band * plane + i]).sum();
            rings[ring] += f64::from(light);
        }
        let half = rings.iter().sum::<f64>() / 2.0;
        let mut inside = 0.0;
        for (i, ring) in rings.iter().enumerate() {
            if inside + ring >= half && *ring > 0.0 {
                return (i as f64 + (half - inside) / ring) / PER_PIXEL;
            }
            inside += ring;
        }
        0.0
    }

    /// Adds a galaxy with its centre at `centre` (column, row).
    pub fn add_galaxy(&mut self, galaxy: &GalaxyModel, centre: [f64; 2]) {
        if let Some(disk) = &galaxy.disk {
            self.add_disk(disk, centre);
        }
        if let Some(bulge) = &galaxy.bulge {
            self.add_sersic(bulge, centre);
        }
    }

    /// Adds neighbours and stars, placed relative to `centre`.
    pub fn add_field(&mut self, field: &Field, centre: [f64; 2]) {
        for (place, galaxy) in &field.galaxies {
            self.add_sersic(galaxy, [centre[0] + place[0], centre[1] + place[1]]);
        }
        for star in &field.stars {
            let place = [centre[0] + star.place[0], centre[1] + star.place[1]];
            self.add_point(place, star.flux, star.colour);
        }
    }

    /// Adds light at a pixel inside the frame.
    fn add(&mut self, column: usize, row: usize, light: f32, colour: [f64; 3]) {
        let plane = self.size * self.size;
        let at = row * self.size + column;
        for (band, colour) in colour.iter().enumerate() {
            self.pixels[band * plane + at] += light * *colour as f32;
        }
    }

    /// Adds a point source, shared between its four nearest pixels.
    fn add_point(&mut self, [x, y]: [f64; 2], flux: f64, colour: [f64; 3]) {
        let share = |centre: f64, i: usize| 1.0 - (centre - i as f64).abs();
        for row in self.span(y, 0.999_999) {
            for column in self.span(x, 0.999_999) {
                let light = flux * share(x, column) * share(y, row);
                self.add(column, row, light as f32, colour);
            }
        }
    }

    /// Rows or columns of the frame within `radius` of `centre`.
    fn span(&self, centre: f64, radius: f64) -> std::ops::Range<usize> {
        let low = (centre - radius).ceil().clamp(0.0, self.size as f64);
        let high = (centre + radius + 1.0).floor().clamp(low, self.size as f64);
        low as usize..high as usize
    }

    /// Adds a Sersic profile; pixels near the cusp are averaged over 5 x 5 points.
    pub fn add_sersic(&mut self, profile: &Sersic, centre: [f64; 2]) {
        let at_half = profile.flux * profile.at_half_light();
        let b = profile.b();
        let reach = (1.0 + (at_half / FAINTEST).max(1.0).ln() / b).powf(profile.index)
            * profile.half_light_radius;
        let (sin, cos) = profile.position_angle.sin_cos();
        let (sin, cos, b) = (sin as f32, cos as f32, b as f32);
        let major = profile.half_light_radius as f32;
        let minor = major * profile.axis_ratio as f32;
        let power = (0.5 / profile.index) as f32;
        let brightness = |dx: f32, dy: f32| {
            let (u, v) = ((dx * cos + dy * sin) / major, (dy * cos - dx * sin) / minor);
            at_half as f32 * (-b * ((u * u + v * v).powf(power) - 1.0)).exp()
        };
        for row in self.span(centre[1], reach) {
            for column in self.span(centre[0], reach) {
                let dx = (column as f64 - centre[0]) as f32;
                let dy = (row as f64 - centre[1]) as f32;
                let cusp = dx.abs().max(dy.abs()) < 2.5;
                let points = if cusp { 5 } else { 1 };
                let [light] = averaged(points, |x, y| [brightness(dx + x, dy + y)]);
                self.add(column, row, light, profile.colour);
            }
        }
    }

    fn add_disk(&mut self, disk: &Disk, centre: [f64; 2]) {
        let reach = disk.scale_length * 1.4 * (8.0 * disk.central / FAINTEST).max(1.0).ln();
        let shine = DiskLight::new(disk);
        for row in self.span(centre[1], reach) {
            for column in self.span(centre[0], reach) {
                let dx = (column as f64 - centre[0]) as f32;
                let dy = (row as f64 - centre[1]) as f32;
                // A thin tilted disk changes within a pixel near its centre.
                let steep = disk.axis_ratio < 0.35 && dx.abs().max(dy.abs()) < 4.0;
                let points = if steep { 3 } else { 1 };
                let [old, young] = averaged(points, |x, y| shine.at(dx + x, dy + y));
                self.add(column, row, old, disk.old_colour);
                self.add(column, row, young, disk.young_colour);
            }
        }
        for clump in &disk.clumps {
            self.add_clump(clump, disk, centre);
        }
    }

    fn add_clump(&mut self, clump: &Clump, disk: &Disk, centre: [f64; 2]) {
        let (sin, cos) = disk.position_angle.sin_cos();
        let [along, across] = [clump.place[0], clump.place[1] * disk.axis_ratio];
        let (x, y) = (
            centre[0] + along * cos - across * sin,
            centre[1] + along * sin + across * cos,
        );
        for row in self.span(y, 4.0 * clump.width) {
            for column in self.span(x, 4.0 * clump.width) {
                let r2 = (column as f64 - x).powi(2) + (row as f64 - y).powi(2);
                let light = clump.peak * (-0.5 * r2 / clump.width.powi(2)).exp();
                self.add(column, row, light as f32, clump.colour);
            }
        }
    }
}

/// Mean of `f` over `n` x `n` points of a pixel.
fn averaged<const N: usize>(n: usize, f: impl Fn(f32, f32) -> [f32; N]) -> [f32; N] {
    if n == 1 {
        return f(0.0, 0.0);
    }
    let at = |i: usize| (i as f32 + 0.5) / n as f32 - 0.5;
    let mut mean = [0.0; N];
    for i in 0..n * n {
        let values = f(at(i % n), at(i / n));
        for (mean, value) in mean.iter_mut().zip(values) {
            *mean += value / (n * n) as f32;
        }
    }
    mean
}

impl Sersic {
    /// `b` such that half the light lies inside the half-light radius (Ciotti and Bertin 1999, eq. 18).
    pub fn b(&self) -> f64 {
        let n = self.index;
        2.0 * n - 1.0 / 3.0 + 4.0 / (405.0 * n) + 46.0 / (25515.0 * n * n)
    }

    /// Surface brightness at the half-light radius of a profile of total light 1.
    pub fn at_half_light(&self) -> f64 {
        let (n, b) = (self.index, self.b());
        let ln_total = b - 2.0 * n * b.ln() + ln_gamma(2.0 * n);
        let area = std::f64::consts::TAU * n * self.axis_ratio * self.half_light_radius.powi(2);
        (-ln_total).exp() / area
    }
}

/// ln of the gamma function for x > 0: Stirling's series after shifting the argument above 8.
fn ln_gamma(x: f64) -> f64 {
    let mut shift = 0.0;
    let mut x = x;
    while x < 8.0 {
        shift += x.ln();
        x += 1.0;
    }
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5));
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - shift
}
