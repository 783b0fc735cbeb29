//! Photometry of one source: flux, centroid, half-light radius, ellipticity, position angle.
//!
//! Invariant: fluxes are in the pixel units of the stamp, above its sky; places are (column, row), 0-based. On pictures with a
//! display stretch the numbers compare pictures of the same stretch, they are no physical flux. Definitions of `SExtractor`
//! (Bertin and Arnouts 1996, A&AS 117, 393, and its manual): `XWIN_IMAGE`, `FLUX_RADIUS`, `A_IMAGE`, `B_IMAGE`, `FLUX_AUTO`.

mod aperture;
mod footprint;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::aperture::{Ellipse, half_light_radius, kron_radius};
use self::footprint::Footprints;
use super::Stamp;
use super::blend::SkyLevel;

/// Sub-pixels per pixel and axis at the edge of an aperture, as in `SExtractor`.
const SUBPIXELS: usize = 5;

/// Why a source could not be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PhotometryError {
    /// The stamp is too small to have a frame of sky, or all of its pixels are missing.
    #[error("the stamp has too few pixels to measure its sky: {0:?} (channels, height, width)")]
    TooSmall([usize; 3]),
    /// Nothing stands out from the sky, or nothing near the place asked for.
    #[error("no source stands out from the sky")]
    NoSource,
}

/// How to measure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhotometrySettings {
    /// Width of the frame from which the sky is measured, pixels.
    pub sky_frame: usize,
    /// Detection threshold above the sky, in its standard deviations (after smoothing by 3 x 3 pixels).
    pub threshold: f64,
    /// Fewest pixels of a source.
    pub min_area: usize,
    /// Size of the elliptical aperture in Kron radii.
    pub kron_factor: f64,
    /// Smallest aperture, in units of the source's root-mean-square ellipse.
    pub min_aperture: f64,
}

impl Default for PhotometrySettings {
    /// `SExtractor`'s defaults: threshold 1.5, 5 pixels, Kron factor 2.5, smallest aperture 3.5.
    fn default() -> Self {
        Self {
            sky_frame: 5,
            threshold: 1.5,
            min_area: 5,
            kron_factor: 2.5,
            min_aperture: 3.5,
        }
    }
}

/// The shape of a source from its second moments.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// Root-mean-square extent along the major axis, pixels.
    pub semi_major: f64,
    /// Root-mean-square extent along the minor axis, pixels.
    pub semi_minor: f64,
    /// Direction of the major axis in `(-pi/2, pi/2]`, radians from the columns towards the rows (downwards in the picture).
    pub position_angle: f64,
}

impl Shape {
    /// `1 - semi_minor / semi_major`.
    pub fn ellipticity(&self) -> f64 {
        1.0 - self.semi_minor / self.semi_major
    }
}

/// What was measured of one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Photometry {
    /// Sky per band.
    pub sky: Vec<SkyLevel>,
    /// Light in the aperture per band, above the sky.
    pub flux: Vec<f64>,
    /// One standard deviation of `flux` per band from the sky's noise (taken as independent between pixels).
    pub flux_error: Vec<f64>,
    /// Centroid (column, row) in the mean of the bands, weighted by an iterated Gaussian window.
    pub centroid: [f64; 2],
    /// Radius of the circle that holds half of the flux in the mean of the bands, pixels.
    pub half_light_radius: f64,
    /// Shape in the mean of the bands, over the pixels above the threshold.
    pub shape: Shape,
    /// Kron radius in units of the shape's ellipse; the aperture is `kron_factor` times as large.
    pub kron_radius: f64,
    /// Pixels above the threshold.
    pub area: usize,
}

impl Photometry {
    /// Mean of `flux` over the bands.
    pub fn mean_flux(&self) -> f64 {
        self.flux.iter().sum::<f64>() / self.flux.len() as f64
    }
}

/// Measures the source at `near` (column, row), or without it the brightest of the stamp.
///
/// Pixels of other sources and missing pixels (NaN) take no part.
pub fn measure(
    stamp: &Stamp,
    near: Option<[f64; 2]>,
    settings: &PhotometrySettings,
) -> Result<Photometry, PhotometryError> {
    let frame = settings.sky_frame.max(1);
    if stamp.channels == 0 || stamp.height < 2 * frame || stamp.width < 2 * frame {
        return Err(PhotometryError::TooSmall(stamp.dims()));
    }
    let sky = SkyLevel::of_frame(stamp, frame);
    let image =
        Image::above_sky(stamp, &sky, frame).ok_or(PhotometryError::TooSmall(stamp.dims()))?;
    let footprints = Footprints::find(&image, settings);
    let label = match near {
        Some(near) => footprints.at(near),
        None => footprints.brightest(&image),
    }
    .ok_or(PhotometryError::NoSource)?;

    let (barycentre, shape) =
        moments(&image, &footprints, label).ok_or(PhotometryError::NoSource)?;
    let usable: Vec<bool> = (0..image.light.len())
        .map(|i| footprints.is_free_for(i, label) && image.light[i].is_finite())
        .collect();
    let ellipse = Ellipse::new(barycentre, shape);
    let kron = kron_radius(&image, &usable, &ellipse).unwrap_or(1.0);
    let aperture = (settings.kron_factor * kron).max(settings.min_aperture);
    let weights = ellipse.weights(&image, aperture);
    let sum = |plane: &[f32], level: f32| -> f64 {
        (0..plane.len())
            .filter(|i| usable[*i] && weights[*i] > 0.0)
            .map(|i| weights[i] * f64::from(plane[i] - level))
            .sum()
    };
    let flux: Vec<f64> = (0..stamp.channels)
        .map(|band| sum(stamp.plane(band), sky[band].level))
        .collect();
    let aperture_area: f64 = weights.iter().sum();
    let flux_error = sky
        .iter()
        .map(|sky| f64::from(sky.sigma) * aperture_area.sqrt())
        .collect();
    let total = sum(&image.light, 0.0);
    let first = half_light_radius(&image, &usable, barycentre, total);
    let centroid = windowed_centroid(&image, &usable, barycentre, first);
    Ok(Photometry {
        half_light_radius: half_light_radius(&image, &usable, centroid, total),
        sky,
        flux,
        flux_error,
        centroid,
        shape,
        kron_radius: kron,
        area: footprints.area(label),
    })
}

/// Mean of the bands above the sky.
struct Image {
    width: usize,
    height: usize,
    /// `[H, W]`, NaN where a band is missing.
    light: Vec<f32>,
    /// Standard deviation of the sky in this mean.
    sigma: f32,
}

impl Image {
    /// `None` where every pixel is missing.
    fn above_sky(stamp: &Stamp, sky: &[SkyLevel], frame: usize) -> Option<Self> {
        let plane = stamp.height * stamp.width;
        let light: Vec<f32> = (0..plane)
            .map(|i| {
                let bands = sky.iter().enumerate();
                let sum: f32 = bands
                    .map(|(band, sky)| stamp.pixels[band * plane + i] - sky.level)
                    .sum();
                sum / stamp.channels as f32
            })
            .collect();
        let mean = Stamp::new("", light, [1, stamp.height, stamp.width], stamp.range);
        let edge = SkyLevel::of_frame(&mean, frame);
        let sigma = edge.first()?.sigma;
        if !mean.pixels.iter().any(|v| v.is_finite()) {
            return None;
        }
        Some(Self {
            width: stamp.width,
            height: stamp.height,
            light: mean.pixels.to_vec(),
            sigma,
        })
    }

    fn place(&self, i: usize) -> [f64; 2] {
        [(i % self.width) as f64, (i / self.width) as f64]
    }
}

/// Barycentre and shape over a footprint, weighted by light; `None` without light.
fn moments(image: &Image, footprints: &Footprints, label: u32) -> Option<([f64; 2], Shape)> {
    let pixels: Vec<(f64, [f64; 2])> = footprints
        .pixels(label)
        .map(|i| (f64::from(image.light[i]), image.place(i)))
        .collect();
    let total: f64 = pixels.iter().map(|(light, _)| light).sum();
    if total <= 0.0 {
        return None;
    }
    let mean = |of: &dyn Fn([f64; 2]) -> f64| {
        pixels
            .iter()
            .map(|(light, place)| light * of(*place))
            .sum::<f64>()
            / total
    };
    let (x, y) = (mean(&|p| p[0]), mean(&|p| p[1]));
    let mut xx = mean(&|p| (p[0] - x).powi(2));
    let mut yy = mean(&|p| (p[1] - y).powi(2));
    let xy = mean(&|p| (p[0] - x) * (p[1] - y));
    // A source of a pixel's width still has the extent of a pixel (SExtractor manual, "handling of infinitely thin detections").
    if xx * yy - xy * xy < 1.0 / 144.0 {
        xx += 1.0 / 12.0;
        yy += 1.0 / 12.0;
    }
    let (half_sum, half_difference) = (xx.midpoint(yy), (xx - yy) / 2.0);
    let spread = half_difference.hypot(xy);
    let shape = Shape {
        semi_major: (half_sum + spread).sqrt(),
        semi_minor: (half_sum - spread).max(0.0).sqrt(),
        position_angle: 0.5 * xy.atan2(half_difference),
    };
    Some(([x, y], shape))
}

/// `XWIN_IMAGE`, `YWIN_IMAGE`: the barycentre under a Gaussian window as wide as the half-light circle, iterated to rest.
fn windowed_centroid(
    image: &Image,
    usable: &[bool],
    start: [f64; 2],
    half_light_radius: f64,
) -> [f64; 2] {
    // The window's full width at half maximum is the half-light diameter.
    let sigma = (2.0 * half_light_radius / 2.355).max(0.5);
    let mut centre = start;
    for _ in 0..16 {
        let (mut total, mut shift) = (0.0, [0.0; 2]);
        for (i, light) in image.light.iter().enumerate() {
            let [x, y] = image.place(i);
            let (dx, dy) = (x - centre[0], y - centre[1]);
            let r2 = dx * dx + dy * dy;
            if !usable[i] || r2 > (4.0 * sigma).powi(2) {
                continue;
            }
            let weight = f64::from(*light) * (-r2 / (2.0 * sigma * sigma)).exp();
            total += weight;
            shift[0] += weight * dx;
            shift[1] += weight * dy;
        }
        if total <= 0.0 {
            return start;
        }
        let step = shift.map(|s| 2.0 * s / total);
        centre = [centre[0] + step[0], centre[1] + step[1]];
        if !(-1.0..=image.width as f64).contains(&centre[0])
            || !(-1.0..=image.height as f64).contains(&centre[1])
        {
            return start;
        }
        if step[0].hypot(step[1]) < 2e-4 {
            break;
        }
    }
    centre
}
