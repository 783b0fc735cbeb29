//! Occlusion: how much the score falls when a window of the input is covered.

use std::collections::BTreeMap;

use candle_core::Tensor;

use super::scored::Scored;
use super::sums::sample_sums;
use super::{AttributionError, AttributionMap, Balance, Target};
use crate::network::{Edits, Network, Retain};

/// Covers windows of `window` rows and columns every `stride` pixels with `baseline`.
///
/// A pixel's value is the change of the score, summed over the windows that cover it and divided by their number; the
/// last window of a row or column is cut at the border (Captum's convention). Equal in all channels.
pub(super) fn attribute(
    network: &Network,
    inputs: &[Tensor],
    target: &Target,
    [window, stride]: [usize; 2],
    baseline: f64,
) -> Result<AttributionMap, AttributionError> {
    let wrong = |what: &str| AttributionError::Method {
        method: "occlusion".to_owned(),
        what: what.to_owned(),
    };
    if window == 0 || stride == 0 || stride > window || !baseline.is_finite() {
        return Err(wrong(
            "the window must be at least as large as the stride, both above zero",
        ));
    }
    let Some(&[n, _, h, w]) = inputs.first().map(Tensor::dims) else {
        return Err(wrong("the input has no rows and columns"));
    };
    // Looks at every layer, so that one that is not finite is named.
    let scored = Scored::new(network, inputs, target)?;
    let scores = &scored.scores;
    let score = |inputs: &[Tensor]| -> Result<Vec<f64>, AttributionError> {
        let run = network.forward(inputs, &Edits::new(), &Retain::Nothing)?;
        let scores = scored.scores_of(&run.outputs()[target.output])?;
        if scores.iter().all(|score| score.is_finite()) {
            return Ok(scores);
        }
        Ok(Scored::new(network, inputs, target)?.scores)
    };
    let mut totals = vec![0.0; n * h * w];
    let mut counts = vec![0.0; h * w];
    for top in starts(h, window, stride) {
        for left in starts(w, window, stride) {
            let rows = top..(top + window).min(h);
            let columns = left..(left + window).min(w);
            let covered = |i: usize| rows.contains(&(i / w)) && columns.contains(&(i % w));
            let keep = (0..h * w).map(|i| if covered(i) { 0.0 } else { 1.0 });
            let keep = Tensor::from_iter(keep.collect::<Vec<f64>>(), inputs[0].device())?
                .reshape((1, 1, h, w))?
                .to_dtype(inputs[0].dtype())?;
            let mut changed = inputs.to_vec();
            let cover = (keep.affine(-baseline, baseline))?;
            changed[0] = inputs[0].broadcast_mul(&keep)?.broadcast_add(&cover)?;
            let after = score(&changed)?;
            for y in rows.clone() {
                for x in columns.clone() {
                    counts[y * w + x] += 1.0;
                    for (sample, (before, after)) in scores.iter().zip(&after).enumerate() {
                        totals[(sample * h + y) * w + x] += before - after;
                    }
                }
            }
        }
    }
    for (i, total) in totals.iter_mut().enumerate() {
        *total /= f64::max(counts[i % (h * w)], 1.0);
    }
    let relevance = Tensor::from_vec(totals, (n, 1, h, w), inputs[0].device())?
        .to_dtype(inputs[0].dtype())?
        .broadcast_as(inputs[0].dims())?
        .contiguous()?;
    let (sums, absolutes) = (sample_sums(&relevance)?, sample_sums(&relevance.abs()?)?);
    let rows = scores.iter().zip(sums).zip(absolutes);
    let balances = rows.map(|((score, sum), absolute)| Balance {
        score: *score,
        start: *score,
        sum,
        absolute,
        ..Balance::default()
    });
    Ok(AttributionMap {
        relevance,
        other_inputs: Vec::new(),
        poles: None,
        output: scored.output,
        balances: balances.collect(),
        layers: Vec::new(),
        units: Vec::new(),
        inner: BTreeMap::new(),
        warnings: Vec::new(),
    })
}

/// First rows (or columns) of the windows: every `stride`, until one reaches the border.
fn starts(size: usize, window: usize, stride: usize) -> impl Iterator<Item = usize> {
    let steps = size.saturating_sub(window).div_ceil(stride);
    (0..=steps).map(move |i| i * stride)
}
