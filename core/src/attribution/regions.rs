//! How much of a map lies in which part of a picture: cores and outskirts of its sources, background, border.
//!
//! Invariant: the regions of a picture cover every pixel exactly once, so that their sums add up to the sum of the map. The border
//! comes first: an edge that a discriminator reads (a frame left by a shift, for example) is a reason of its own.

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

use super::AttributionError;
use crate::region::{Coverage, Place, Shape};
use crate::stamp::Stamp;
use crate::stamp::photometry::{Photometry, PhotometryError, PhotometrySettings, measure};

/// A part of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourcePart {
    /// Inside the half-light ellipse of a source, counted from 0.
    Core(usize),
    /// From there to three times as far out.
    Outskirts(usize),
    /// Everywhere else, but for the border.
    Background,
    /// The outermost pixels.
    Border,
}

impl std::fmt::Display for SourcePart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Core(source) => write!(f, "core {}", source + 1),
            Self::Outskirts(source) => write!(f, "outskirts {}", source + 1),
            Self::Background => f.write_str("background"),
            Self::Border => f.write_str("border"),
        }
    }
}

/// A part as people read it: `core 1`.
fn as_text<S: serde::Serializer>(part: &SourcePart, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(part)
}

/// How regions are cut.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegionSettings {
    /// Width of the border, pixels.
    pub border: usize,
    /// Size of the core, in half-light ellipses.
    pub core: f64,
    /// Size of core and outskirts together, in half-light ellipses.
    pub outskirts: f64,
    /// How sources are found and measured.
    pub photometry: PhotometrySettings,
}

impl Default for RegionSettings {
    /// A border of 4 pixels; core to 1, outskirts to 3 half-light ellipses.
    fn default() -> Self {
        Self {
            border: 4,
            core: 1.0,
            outskirts: 3.0,
            photometry: PhotometrySettings::default(),
        }
    }
}

/// The parts of a picture of one size.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceRegions {
    size: [usize; 2],
    /// Each part with its share of every pixel, `[H W]`.
    parts: Vec<(SourcePart, Vec<f64>)>,
}

/// What a part holds of one sample's map.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RegionSum {
    /// The part.
    #[serde(serialize_with = "as_text")]
    pub part: SourcePart,
    /// Its area, pixels.
    pub area: f64,
    /// Sum of the map in it.
    pub sum: f64,
    /// Sum of the map's magnitudes in it, channels summed before.
    pub absolute: f64,
    /// Its share of all magnitudes, 0 to 1; zero of an empty map.
    pub share: f64,
    /// Its share of the picture's area, 0 to 1: what `share` would be if the map did not care.
    pub area_share: f64,
}

/// The half-light ellipse of a source, `scale` times as large: the shape of its second moments with the area of its half-light
/// circle.
pub fn half_light_ellipse(source: &Photometry, scale: f64) -> Shape {
    let axes = &source.shape;
    // Noise can make a moment vanish; an ellipse has at least a tenth of its length across.
    let ratio = (axes.semi_minor / axes.semi_major).clamp(0.1, 1.0);
    let ratio = if ratio.is_finite() { ratio } else { 1.0 };
    let radius = scale * source.half_light_radius;
    Shape::Ellipse {
        centre: Place::new(source.centroid[0], source.centroid[1]),
        semi_axes: [radius / ratio.sqrt(), radius * ratio.sqrt()],
        // That of photometry turns towards growing rows, which is downwards.
        angle: -axes.position_angle.to_degrees(),
    }
}

impl SourceRegions {
    /// The parts of a picture of `[H, W]` pixels with these sources. Where ellipses of several sources overlap, they share a pixel
    /// in equal parts, and a core comes before outskirts.
    pub fn new(sources: &[Photometry], size: [usize; 2], settings: &RegionSettings) -> Self {
        let [rows, columns] = size;
        let border = settings.border;
        let is_border = |i: usize| {
            let (row, column) = (i / columns.max(1), i % columns.max(1));
            row < border || column < border || row + border >= rows || column + border >= columns
        };
        let is_border: Vec<f64> = (0..rows * columns)
            .map(|i| if is_border(i) { 1.0 } else { 0.0 })
            .collect();
        let mut left: Vec<f64> = is_border.iter().map(|b| 1.0 - b).collect();
        let mut parts = Vec::new();
        for (is_core, scale) in [(true, settings.core), (false, settings.outskirts)] {
            let covers: Vec<Vec<f64>> = sources
                .iter()
                .map(|source| cover(&half_light_ellipse(source, scale), size))
                .collect();
            let mut taken = vec![0.0; left.len()];
            for (index, cover) in covers.iter().enumerate() {
                let share = |i: usize| {
                    let all: f64 = covers.iter().map(|cover| cover[i]).sum();
                    // Several that meet in a pixel cannot take more than is left of it.
                    left[i].min(all) * cover[i] / all.max(f64::MIN_POSITIVE)
                };
                let shares: Vec<f64> = (0..left.len()).map(share).collect();
                for (taken, share) in taken.iter_mut().zip(&shares) {
                    *taken += share;
                }
                let part = if is_core {
                    SourcePart::Core(index)
                } else {
                    SourcePart::Outskirts(index)
                };
                parts.push((part, shares));
            }
            for (left, taken) in left.iter_mut().zip(taken) {
                *left = (*left - taken).max(0.0);
            }
        }
        parts.push((SourcePart::Background, left));
        parts.push((SourcePart::Border, is_border));
        parts.sort_by_key(|(part, _)| *part);
        Self { size, parts }
    }

    /// The parts of a stamp around its brightest source.
    ///
    /// # Errors
    /// When no source stands out; [`SourceRegions::new`] without sources then gives background and border.
    pub fn of_stamp(stamp: &Stamp, settings: &RegionSettings) -> Result<Self, PhotometryError> {
        Self::of_sources(std::slice::from_ref(stamp), settings)
    }

    /// The parts of a picture around the brightest source of each of `stamps`: the galaxies of a blend alone, for example.
    ///
    /// # Errors
    /// When a stamp has no source.
    pub fn of_sources(
        stamps: &[Stamp],
        settings: &RegionSettings,
    ) -> Result<Self, PhotometryError> {
        let sources = stamps.iter();
        let sources = sources.map(|stamp| measure(stamp, None, &settings.photometry));
        let sources = sources.collect::<Result<Vec<_>, _>>()?;
        let size = stamps.first().map_or([0, 0], |s| [s.height, s.width]);
        Ok(Self::new(&sources, size, settings))
    }

    /// Each part with its share of every pixel, row by row.
    pub fn parts(&self) -> impl Iterator<Item = (SourcePart, &[f64])> {
        self.parts.iter().map(|(part, shares)| (*part, &**shares))
    }

    /// What each part holds of a map `[N, C, H, W]`, for every sample.
    ///
    /// # Errors
    /// When the map has another size.
    pub fn sums(&self, map: &Tensor) -> Result<Vec<Vec<RegionSum>>, AttributionError> {
        let &[_, _, rows, columns] = map.dims() else {
            return Err(self.misfit(map.dims()));
        };
        if [rows, columns] != self.size {
            return Err(self.misfit(map.dims()));
        }
        let heat = map.to_dtype(DType::F64)?.sum(1)?.flatten_from(1)?;
        let heat = heat.to_vec2::<f64>()?;
        let pixels = (rows * columns).max(1) as f64;
        let of_sample = |heat: &Vec<f64>| {
            let whole: f64 = heat.iter().map(|v| v.abs()).sum();
            let of_part = |(part, shares): &(SourcePart, Vec<f64>)| {
                let weighted = |of: fn(f64) -> f64| -> f64 {
                    heat.iter()
                        .zip(shares)
                        .map(|(v, share)| of(*v) * share)
                        .sum()
                };
                let absolute = weighted(f64::abs);
                let area: f64 = shares.iter().sum();
                RegionSum {
                    part: *part,
                    area,
                    sum: weighted(|v| v),
                    absolute,
                    share: if whole > 0.0 { absolute / whole } else { 0.0 },
                    area_share: area / pixels,
                }
            };
            self.parts.iter().map(of_part).collect()
        };
        Ok(heat.iter().map(of_sample).collect())
    }

    fn misfit(&self, dims: &[usize]) -> AttributionError {
        let [rows, columns] = self.size;
        AttributionError::Target {
            target: "sums of regions".to_owned(),
            what: format!("regions of {rows} x {columns} pixels do not fit a map of {dims:?}"),
        }
    }
}

/// The part of every pixel inside a shape, `[H W]`.
fn cover(shape: &Shape, size: [usize; 2]) -> Vec<f64> {
    let mut shares = vec![0.0; size[0] * size[1]];
    for ([column, row], share) in Coverage::of(shape, size).pixels() {
        if let Some(slot) = shares.get_mut(row * size[1] + column) {
            *slot = share;
        }
    }
    shares
}
