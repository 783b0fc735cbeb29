//! Statistics of the pixels that a region covers, per band.
//!
//! Invariant: every pixel counts with the part of it that is covered; pixels that are NaN or infinite count as missing and enter
//! nothing else. Numbers are in the units of the stamp's pixels.

use serde::{Deserialize, Serialize};

use super::{Coverage, Place, Region};
use crate::stamp::Stamp;

/// What the pixels of one band under a region are like. `None` where there is nothing to say it of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Finite pixels that are covered at all.
    pub pixels: usize,
    /// Pixels covered at all that are NaN or infinite.
    pub missing: usize,
    /// Covered area of the finite pixels, square pixels.
    pub area: f64,
    /// Sum of value times covered part.
    pub sum: f64,
    /// `sum / area`.
    pub mean: Option<f64>,
    /// The value below and above which half of the area lies; between two values their middle.
    pub median: Option<f64>,
    /// Root of the mean squared distance from the mean (of the area, not of a sample).
    pub standard_deviation: Option<f64>,
    /// Smallest value.
    pub minimum: Option<f64>,
    /// Largest value.
    pub maximum: Option<f64>,
    /// Mean place weighted by the value above [black](crate::stamp::ValueRange::black) times covered part; `None` where that
    /// adds up to nothing, and where values below black carry it out of the covered pixels.
    pub centroid: Option<Place>,
}

/// The statistics of a region on a stamp.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegionStatistics {
    /// Covered area inside the picture, missing pixels included, square pixels.
    pub area: f64,
    /// One per band of the stamp.
    pub bands: Vec<Statistics>,
}

/// The statistics of a region without the parts that `excluded` regions take away.
pub fn measure<'a>(
    stamp: &Stamp,
    region: &Region,
    excluded: impl IntoIterator<Item = &'a Region>,
) -> RegionStatistics {
    let cover = Coverage::of_region(region, excluded, [stamp.height, stamp.width]);
    let bands = (0..stamp.channels)
        .map(|channel| Statistics::of(stamp, channel, &cover))
        .collect();
    RegionStatistics {
        area: cover.area(),
        bands,
    }
}

impl RegionStatistics {
    /// The same of a region that was measured on a cut-out beginning at (`columns`, `rows`).
    pub fn moved(mut self, columns: f64, rows: f64) -> Self {
        for band in &mut self.bands {
            let moved = |at: Place| Place::new(at.column + columns, at.row + rows);
            band.centroid = band.centroid.map(moved);
        }
        self
    }

    /// The same in the pixels of a picture of which one was measured whose pixels are means of `factor` by `factor`. Counts and
    /// the spread of values stay those of the means.
    pub fn enlarged_by(mut self, factor: f64) -> Self {
        self.area *= factor * factor;
        for band in &mut self.bands {
            band.area *= factor * factor;
            band.sum *= factor * factor;
            let enlarged = |at: f64| (at + 0.5) * factor - 0.5;
            let place = |at: Place| Place::new(enlarged(at.column), enlarged(at.row));
            band.centroid = band.centroid.map(place);
        }
        self
    }
}

impl Statistics {
    /// Of the covered pixels of a band.
    fn of(stamp: &Stamp, channel: usize, cover: &Coverage) -> Self {
        let mut found = Self::default();
        let mut weighted: Vec<(f64, f64)> = Vec::new();
        let mut light = Light::over(f64::from(stamp.range.black()));
        let plane = stamp.plane(channel);
        for ([column, row], share) in cover.pixels() {
            let value = plane
                .get(row * stamp.width + column)
                .copied()
                .map(f64::from);
            let Some(value) = value.filter(|v| v.is_finite()) else {
                found.missing += 1;
                continue;
            };
            weighted.push((value, share));
            found.area += share;
            found.sum += share * value;
            light.add([column, row], value, share);
        }
        found.pixels = weighted.len();
        if found.area <= 0.0 {
            return found;
        }
        let mean = found.sum / found.area;
        let squares = weighted.iter().map(|(v, w)| w * (v - mean) * (v - mean));
        found.standard_deviation = Some((squares.sum::<f64>() / found.area).sqrt());
        found.mean = Some(mean);
        weighted.sort_by(|a, b| a.0.total_cmp(&b.0));
        found.minimum = weighted.first().map(|(value, _)| *value);
        found.maximum = weighted.last().map(|(value, _)| *value);
        found.median = median(&weighted, found.area);
        found.centroid = light.centroid();
        found
    }
}

/// Where the light is.
struct Light {
    black: f64,
    sum: f64,
    /// Sums of column and row times light.
    moments: [f64; 2],
    /// First and last column and row.
    extent: [[f64; 2]; 2],
}

impl Light {
    fn over(black: f64) -> Self {
        Self {
            black,
            sum: 0.0,
            moments: [0.0; 2],
            extent: [[f64::INFINITY, f64::NEG_INFINITY]; 2],
        }
    }

    fn add(&mut self, at: [usize; 2], value: f64, share: f64) {
        let light = share * (value - self.black);
        self.sum += light;
        for ((moment, extent), at) in self.moments.iter_mut().zip(&mut self.extent).zip(at) {
            *moment += light * at as f64;
            *extent = [extent[0].min(at as f64), extent[1].max(at as f64)];
        }
    }

    fn centroid(&self) -> Option<Place> {
        let place = self.moments.map(|moment| moment / self.sum);
        let is_inside = |(at, [first, last]): (f64, [f64; 2])| (first..=last).contains(&at);
        let is_found = self.sum > 0.0 && place.into_iter().zip(self.extent).all(is_inside);
        is_found.then(|| Place::new(place[0], place[1]))
    }
}

/// The weighted median of sorted values: where the weights below reach half; on the boundary between two values, their
/// middle.
fn median(sorted: &[(f64, f64)], total: f64) -> Option<f64> {
    let half = total / 2.0;
    let slack = total * 1e-12;
    let mut below = 0.0;
    for (index, (value, weight)) in sorted.iter().enumerate() {
        below += weight;
        if (below - half).abs() <= slack {
            let next = sorted.get(index + 1).map_or(*value, |(next, _)| *next);
            return Some(f64::midpoint(*value, next));
        }
        if below > half {
            return Some(*value);
        }
    }
    sorted.last().map(|(value, _)| *value)
}
