//! Several methods on the same pictures, on one scale, and how far they agree.
//!
//! Invariant: a method that cannot explain this network has its error in its place; the others are there.

use candle_core::{DType, Tensor};

use super::{AttributionError, AttributionMap, Method, Options, Prepared, Target};
use crate::network::Network;

/// The maps of several methods.
#[derive(Debug)]
pub struct SideBySide {
    /// The methods in the order they were asked for, with their maps or why there is none.
    pub maps: Vec<(Method, Result<AttributionMap, AttributionError>)>,
}

/// Explains the same target by every method.
pub fn side_by_side(
    network: &Network,
    inputs: &[Tensor],
    methods: &[Method],
    target: &Target,
    options: &Options,
) -> SideBySide {
    let explain = |method: &Method| {
        let prepared = Prepared::new(network, method, options);
        let map = prepared.and_then(|prepared| prepared.attribute(inputs, target));
        (method.clone(), map)
    };
    SideBySide {
        maps: methods.iter().map(explain).collect(),
    }
}

impl SideBySide {
    /// The pixels' attributions of a sample by every method that gave a map, channels summed and divided by the sum of magnitudes:
    /// what a method says of where, on a scale that all methods share. `[H W]` each.
    ///
    /// # Errors
    /// When a map is no picture, or the sample does not exist.
    pub fn shares(&self, sample: usize) -> Result<Vec<(&Method, Vec<f64>)>, AttributionError> {
        let maps = self.maps.iter();
        maps.filter_map(|(method, map)| Some((method, map.as_ref().ok()?)))
            .map(|(method, map)| {
                let heat = map.heat()?.narrow(0, sample, 1)?.to_dtype(DType::F64)?;
                let mut heat = heat.flatten_all()?.to_vec1::<f64>()?;
                let whole: f64 = heat.iter().map(|v| v.abs()).sum();
                if whole > 0.0 {
                    for v in &mut heat {
                        *v /= whole;
                    }
                }
                Ok((method, heat))
            })
            .collect()
    }

    /// Spearman's rank correlation of the shares of every pair of methods that gave a map; one on the diagonal.
    ///
    /// # Errors
    /// As [`SideBySide::shares`].
    pub fn agreement(&self, sample: usize) -> Result<Vec<Vec<f64>>, AttributionError> {
        let ranks: Vec<Vec<f64>> = self.shares(sample)?.iter().map(|(_, v)| ranks(v)).collect();
        let row = |a: &Vec<f64>| ranks.iter().map(|b| correlation(a, b)).collect();
        Ok(ranks.iter().map(row).collect())
    }
}

/// The value below which the magnitudes of `part` (0 to 1) of all pixels of all `maps` lie: one scale for pictures shown side by
/// side. Zero without pixels.
pub fn shared_scale<'a>(maps: impl IntoIterator<Item = &'a [f64]>, part: f64) -> f64 {
    let mut all: Vec<f64> = maps
        .into_iter()
        .flatten()
        .map(|v| v.abs())
        .filter(|v| v.is_finite())
        .collect();
    all.sort_by(f64::total_cmp);
    let place = (part.clamp(0.0, 1.0) * all.len().saturating_sub(1) as f64).round();
    all.get(place as usize).copied().unwrap_or_default()
}

/// Spearman's rank correlation of two maps of the same pixels; zero where one of them is constant.
pub fn rank_correlation(a: &[f64], b: &[f64]) -> f64 {
    correlation(&ranks(a), &ranks(b))
}

/// Ranks from 0; equal values have the mean of their places.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    while from < order.len() {
        let same = order[from..].iter();
        let same = same
            .take_while(|i| values[**i] == values[order[from]])
            .count();
        let to = from + same.max(1);
        for i in &order[from..to] {
            ranks[*i] = (from + to - 1) as f64 / 2.0;
        }
        from = to;
    }
    ranks
}

/// Pearson's correlation; zero where one side is constant.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len().max(1) as f64;
    let (ma, mb) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        ab += (a - ma) * (b - mb);
        aa += (a - ma).powi(2);
        bb += (b - mb).powi(2);
    }
    if aa > 0.0 && bb > 0.0 {
        ab / (aa * bb).sqrt()
    } else {
        0.0
    }
}
