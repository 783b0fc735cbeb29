//! Polarized-LRP: a discriminator's evidence for "real" and for "generated", kept apart.
//!
//! Source: Li, Lin, Mueller and Xu 2020, arXiv 2001.06151 (the two-part output); the rules are those of
//! [`super::Composite::polarized`]. Invariant: for inputs inside the box, the real pole is never negative, the other
//! never positive.

use candle_core::Tensor;

use super::lrp::{Plan, Walk};
use super::prepared::first;
use super::propagate::stacked_mul;
use super::scored::{Scored, balances, magnitude, per_sample, stop};
use super::sums::sample_sums;
use super::{AttributionError, AttributionMap, Balance, Options, Pole, PoleMap, Poles, UnitSums};

/// Below this a score is no decision, and the walk starts from one instead.
const UNDECIDED: f64 = 1e-6;

/// Explains the run by the poles asked for; both share one pass through the denominators.
pub(super) fn attribute(
    plan: &Plan,
    scored: &Scored,
    pole: Pole,
    options: &Options,
) -> Result<AttributionMap, AttributionError> {
    let mut warnings = plan.warnings.clone();
    let magnitudes: Vec<f64> = scored
        .scores
        .iter()
        .enumerate()
        .map(|(sample, score)| {
            if score.abs() >= UNDECIDED {
                return magnitude(options.start, *score);
            }
            warnings.push(format!(
                "sample {sample}: the score is nearly zero, the map starts from one"
            ));
            1.0
        })
        .collect();
    let decision = |score: &f64| if *score > 0.0 { 1.0 } else { -1.0 };
    let signs: Vec<Vec<f64>> = match pole {
        Pole::Real => vec![vec![1.0; magnitudes.len()]],
        Pole::Fake => vec![vec![-1.0; magnitudes.len()]],
        Pole::Auto => vec![scored.scores.iter().map(decision).collect()],
        Pole::Both => vec![vec![1.0; magnitudes.len()], vec![-1.0; magnitudes.len()]],
    };
    let shares = shares(scored)?;
    let starts = signs
        .iter()
        .map(|signs| {
            let factors: Vec<_> = signs.iter().zip(&magnitudes).map(|(s, m)| s * m).collect();
            shares.broadcast_mul(&per_sample(&factors, &shares)?)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let stacked = [(scored.node, Tensor::cat(&starts, 0)?)];
    let walk = plan.walk(&scored.run, &stacked, options)?;
    let maps = pole_maps(scored, &starts, &walk)?;
    for (signs, map) in signs.iter().zip(&maps) {
        warn_empty(signs, &map.balances, &mut warnings);
    }
    combine(plan, scored, walk, maps, warnings)
}

/// How the start is spread over the elements of the output, `[N, ...]`, summing to one: by weighted magnitude.
fn shares(scored: &Scored) -> Result<Tensor, AttributionError> {
    let weighted = stacked_mul(&scored.above(&scored.output)?.abs()?, &scored.seed()?)?;
    let totals = sample_sums(&weighted)?;
    let weights = sample_sums(&scored.weights)?[0];
    let undecided: Vec<_> = totals.iter().map(|t| f64::from(*t < UNDECIDED)).collect();
    let decided: Vec<_> = totals
        .iter()
        .map(|t| if *t < UNDECIDED { 0.0 } else { 1.0 / t })
        .collect();
    let even = (scored.seed()? / weights.max(f64::MIN_POSITIVE))?;
    let by_value = weighted.broadcast_mul(&per_sample(&decided, &weighted)?)?;
    Ok((by_value + even.broadcast_mul(&per_sample(&undecided, &even)?)?)?)
}

fn pole_maps(
    scored: &Scored,
    starts: &[Tensor],
    walk: &Walk,
) -> Result<Vec<PoleMap>, AttributionError> {
    let batch = scored.scores.len();
    starts
        .iter()
        .enumerate()
        .map(|(i, start)| {
            let relevance = walk.inputs[0].narrow(0, i * batch, batch)?.contiguous()?;
            let part = i * batch..(i + 1) * batch;
            let absorbed = &walk.absorbed[part.clone()];
            let mut balances = balances(&scored.scores, start, &relevance, absorbed)?;
            stop(&mut balances, &walk.stopped[part]);
            Ok(PoleMap {
                relevance,
                balances,
            })
        })
        .collect()
}

fn warn_empty(signs: &[f64], balances: &[Balance], warnings: &mut Vec<String>) {
    for (sample, (sign, balance)) in signs.iter().zip(balances).enumerate() {
        if balance.absolute == 0.0 && balance.stopped == 0.0 {
            let pole = if *sign > 0.0 { "real" } else { "fake" };
            warnings.push(format!(
                "sample {sample}: there is no evidence for the {pole} pole, its map is zero everywhere"
            ));
        }
    }
}

/// One map from one or two poles: their sum, with each pole beside it where there are two.
fn combine(
    plan: &Plan,
    scored: &Scored,
    walk: Walk,
    mut maps: Vec<PoleMap>,
    warnings: Vec<String>,
) -> Result<AttributionMap, AttributionError> {
    let batch = scored.scores.len();
    let fold = |t: Tensor| -> Result<Tensor, candle_core::Error> {
        if t.dim(0)? == batch {
            return Ok(t);
        }
        t.narrow(0, 0, batch)? + t.narrow(0, batch, batch)?
    };
    let mut inputs = walk.inputs.into_iter();
    let relevance = fold(first(&mut inputs, plan)?)?;
    let other_inputs = inputs.map(fold).collect::<Result<_, _>>()?;
    let mut inner = walk.inner;
    for value in inner.values_mut() {
        *value = fold(value.clone())?;
    }
    let mut layers = walk.layers;
    for layer in &mut layers {
        let other = layer.sums.split_off(batch.min(layer.sums.len()));
        for (sum, other) in layer.sums.iter_mut().zip(other) {
            *sum += other;
        }
    }
    let mut units = walk.units;
    for layer in &mut units {
        fold_units(layer, batch);
    }
    let fake = (maps.len() > 1).then(|| maps.remove(1));
    let real = maps.remove(0);
    let balances = match &fake {
        None => real.balances.clone(),
        Some(fake) => real.balances.iter().zip(&fake.balances).map(both).collect(),
    };
    Ok(AttributionMap {
        relevance,
        other_inputs,
        poles: fake.map(|fake| Poles { real, fake }),
        output: scored.output.clone(),
        balances,
        layers,
        units,
        inner,
        warnings,
    })
}

/// Adds the sums of the second pole to those of the first.
fn fold_units(layer: &mut UnitSums, batch: usize) {
    let rest = batch.min(layer.sums.len());
    let other = UnitSums {
        layer: layer.layer.clone(),
        sums: layer.sums.split_off(rest),
        absolutes: layer.absolutes.split_off(rest),
    };
    layer.add(&other);
}

/// The balance of both poles together; the gap is the larger one.
fn both((real, fake): (&Balance, &Balance)) -> Balance {
    let gap = |b: &Balance| b.gap.unwrap_or_default();
    Balance {
        score: real.score,
        start: real.start + fake.start,
        sum: real.sum + fake.sum,
        absolute: real.absolute + fake.absolute,
        absorbed: real.absorbed + fake.absorbed,
        stopped: real.stopped + fake.stopped,
        gap: Some(if gap(real).abs() >= gap(fake).abs() {
            gap(real)
        } else {
            gap(fake)
        }),
    }
}
