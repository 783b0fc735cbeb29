//! Attributes of galaxies by which generated pictures are compared with real ones: size, axis ratio, colour, concentration.
//!
//! Pictures have a display stretch, so the numbers compare pictures of the same stretch and are no physics.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::stamp::photometry::{Photometry, PhotometrySettings, measure};
use crate::stamp::{Stamp, ValueRange};

/// What is measured of a galaxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribute {
    /// Half-light radius, pixels.
    Size,
    /// Minor over major axis, 0 to 1.
    AxisRatio,
    /// First band over last band, magnitudes: larger is redder in pictures of red, green, blue.
    Colour,
    /// `5 log10(r80 / r20)` of the radii that hold 80 % and 20 % of the light (Bershady et al. 2000, AJ 119, 2645).
    Concentration,
}

impl Attribute {
    /// All.
    pub const ALL: [Self; 4] = [
        Self::Size,
        Self::AxisRatio,
        Self::Colour,
        Self::Concentration,
    ];

    /// The word in tables and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::AxisRatio => "axis-ratio",
            Self::Colour => "colour",
            Self::Concentration => "concentration",
        }
    }
}

/// The attributes of many pictures; a picture without a source has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes {
    /// By attribute, one value per picture in which it could be measured, in order of the pictures.
    pub values: BTreeMap<Attribute, Vec<f64>>,
    /// Pictures in which no source stood out from the sky.
    pub without_source: usize,
}

impl Attributes {
    /// Measures square pictures, planar `[channels, side, side]` in `[-1, 1]`, on all cores.
    pub fn of(pictures: &[Vec<f32>], channels: usize, side: usize) -> Self {
        let dims = [channels, side, side];
        let whole = pictures
            .par_iter()
            .filter(|p| p.len() == channels * side * side);
        let measured: Vec<Option<[f64; 4]>> = whole
            .map(|pixels| {
                let stamp = Stamp::new("", pixels.clone(), dims, ValueRange::SIGNED);
                one(&stamp.to_range(ValueRange::UNIT))
            })
            .collect();
        let mut attributes = Self::default();
        for values in &measured {
            let Some(values) = values else {
                attributes.without_source += 1;
                continue;
            };
            for (attribute, value) in Attribute::ALL.into_iter().zip(values) {
                if value.is_finite() {
                    attributes.values.entry(attribute).or_default().push(*value);
                }
            }
        }
        attributes
    }

    /// By attribute, the Wasserstein-1 distance to `real` in standard deviations of `real`; without those that one of
    /// both lacks.
    pub fn distances(&self, real: &Self) -> BTreeMap<Attribute, f64> {
        let distance = |attribute: &Attribute| {
            let (a, b) = (self.values.get(attribute)?, real.values.get(attribute)?);
            let deviation = deviation(b);
            let distance = wasserstein(a, b)?;
            (deviation > 0.0).then_some((*attribute, distance / deviation))
        };
        Attribute::ALL.iter().filter_map(distance).collect()
    }
}

/// The attributes of one picture, or `None` without a source.
fn one(stamp: &Stamp) -> Option<[f64; 4]> {
    let middle = [
        (stamp.width as f64 - 1.0) / 2.0,
        (stamp.height as f64 - 1.0) / 2.0,
    ];
    let settings = PhotometrySettings::default();
    let measured = measure(stamp, Some(middle), &settings);
    let found = measured.or_else(|_| measure(stamp, None, &settings)).ok()?;
    let (first, last) = (found.flux.first()?, found.flux.last()?);
    // Without light above the sky there is no radius that holds half of it.
    if found.mean_flux() <= 0.0 {
        return None;
    }
    let colour = if *first > 0.0 && *last > 0.0 {
        2.5 * (first / last).log10()
    } else {
        f64::NAN
    };
    Some([
        found.half_light_radius,
        found.shape.semi_minor / found.shape.semi_major,
        colour,
        concentration(stamp, &found),
    ])
}

/// `5 log10(r80 / r20)` about the centroid; NaN where the light above the sky does not reach 80 % of the flux.
fn concentration(stamp: &Stamp, found: &Photometry) -> f64 {
    /// Sub-pixels per pixel and axis, and rings per pixel, as in the half-light radius.
    const PARTS: usize = 5;
    const RINGS: f64 = 10.0;
    let sky: f64 = found.sky.iter().map(|s| f64::from(s.level)).sum();
    let total = found.mean_flux() * stamp.channels as f64;
    let offset = |i: usize| (i as f64 + 0.5) / PARTS as f64 - 0.5;
    let reach = (stamp.width as f64).hypot(stamp.height as f64);
    let mut rings = vec![0.0; (reach * RINGS) as usize + 1];
    for at in 0..stamp.height * stamp.width {
        let (row, column) = (at / stamp.width, at % stamp.width);
        let bands = (0..stamp.channels).map(|band| f64::from(stamp.plane(band)[at]));
        let share = (bands.sum::<f64>() - sky) / (PARTS * PARTS) as f64;
        for part in 0..PARTS * PARTS {
            let dx = column as f64 + offset(part % PARTS) - found.centroid[0];
            let dy = row as f64 + offset(part / PARTS) - found.centroid[1];
            let radius = (dx * dx + dy * dy).sqrt();
            if let Some(ring) = rings.get_mut((radius * RINGS) as usize) {
                *ring += share;
            }
        }
    }
    let (mut inside, mut inner) = (0.0, f64::NAN);
    for (i, ring) in rings.iter().enumerate() {
        inside += ring;
        let radius = (i + 1) as f64 / RINGS;
        if inner.is_nan() && inside >= 0.2 * total {
            inner = radius;
        }
        if inside >= 0.8 * total {
            return 5.0 * (radius / inner).log10();
        }
    }
    f64::NAN
}

fn deviation(values: &[f64]) -> f64 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt()
}

/// The Wasserstein-1 distance of two samples: the area between their cumulative distributions. `None` when one is empty.
///
/// ```
/// use ganoscope_core::train::latent::attributes::wasserstein;
/// assert_eq!(wasserstein(&[0.0, 2.0], &[1.0]), Some(1.0));
/// ```
pub fn wasserstein(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let steps = |values: &[f64], sign: f64| {
        let height = sign / values.len() as f64;
        values.iter().map(|v| (*v, height)).collect::<Vec<_>>()
    };
    let mut all = steps(a, 1.0);
    all.extend(steps(b, -1.0));
    all.sort_by(|x, y| x.0.total_cmp(&y.0));
    let (mut gap, mut area) = (0.0_f64, 0.0);
    for pair in all.windows(2) {
        gap += pair[0].1;
        area += gap.abs() * (pair[1].0 - pair[0].0);
    }
    Some(area)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::simulate::simulate;

    #[test]
    fn the_distance_of_shifted_samples_is_the_shift() {
        let a: Vec<f64> = crate::seed::hash_uniform("a", 50, 1);
        let b: Vec<f64> = a.iter().map(|v| v + 0.75).collect();
        assert!((wasserstein(&a, &b).unwrap() - 0.75).abs() < 1e-12);
        assert!(wasserstein(&a, &a).unwrap().abs() < 1e-12);
        assert_eq!(wasserstein(&a, &[]), None);
        // Sizes may differ: the same values twice are the same distribution.
        assert!(wasserstein(&a, &[a.clone(), a.clone()].concat()).unwrap() < 1e-12);
    }

    #[test]
    fn galaxies_differ_less_from_galaxies_than_from_noise() {
        let picture = |i: u64| {
            let stamp = simulate(5, i, 64).stamp.to_range(ValueRange::SIGNED);
            stamp.pixels.to_vec()
        };
        let pictures = |from: u64| (from..from + 24).map(picture).collect::<Vec<_>>();
        let [a, b] = [0, 24].map(|from| Attributes::of(&pictures(from), 3, 64));
        assert!(a.values[&Attribute::Size].len() >= 20, "{a:?}");
        let near = a.distances(&b);
        assert_eq!(near.len(), 4);
        let small: Vec<Vec<f32>> = (0..24)
            .map(|i| {
                let mut pixels = vec![-0.9; 3 * 64 * 64];
                for (k, u) in crate::seed::hash_uniform("noise", pixels.len(), i)
                    .iter()
                    .enumerate()
                {
                    pixels[k] += 0.01 * *u as f32;
                }
                for band in 0..3 {
                    for row in 30..34 {
                        pixels[band * 4096 + row * 64 + 30..][..4].fill(0.5);
                    }
                }
                pixels
            })
            .collect();
        let far = Attributes::of(&small, 3, 64).distances(&b);
        assert!(
            far[&Attribute::Size] > 2.0 * near[&Attribute::Size],
            "{near:?} {far:?}"
        );
        let none = Attributes::of(&[vec![-1.0; 3 * 64 * 64]], 3, 64);
        assert_eq!(none.without_source, 1);
        assert!(none.distances(&b).is_empty());
    }
}
