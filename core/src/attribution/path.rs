//! Gradients averaged along the straight path from a flat baseline to the input.
//!
//! Invariant: the weights of the nodes sum to one, but for the rule that repeats another program's.

use candle_core::Tensor;

use super::gradient::{finish, first_gradient};
use super::scored::{Scored, balances, per_sample};
use super::{AttributionError, AttributionMap, PathRule, Target};
use crate::network::Network;

impl PathRule {
    /// Places in `[0, 1]` and weights of `n` nodes.
    pub(super) fn nodes(self, n: usize) -> Vec<(f64, f64)> {
        let even = |shift: f64| -> Vec<(f64, f64)> {
            let place = |i: usize| ((i as f64 + shift) / n as f64, 1.0 / n as f64);
            (0..n).map(place).collect()
        };
        match self {
            Self::GaussLegendre => gauss_legendre(n),
            Self::Left => even(0.0),
            Self::Middle => even(0.5),
            Self::Right => even(1.0),
            // One node has no two ends: the input itself.
            Self::Trapezoid | Self::CaptumTrapezoid if n < 2 => even(1.0),
            Self::Trapezoid => ends_half(n, (n - 1) as f64),
            Self::CaptumTrapezoid => ends_half(n, n as f64),
        }
    }
}

/// `n` places from 0 to 1 of weight `1 / total`, the ends half.
fn ends_half(n: usize, total: f64) -> Vec<(f64, f64)> {
    let weight = |i: usize| if i == 0 || i + 1 == n { 0.5 } else { 1.0 };
    let node = |i: usize| (i as f64 / (n - 1) as f64, weight(i) / total);
    (0..n).map(node).collect()
}

/// The mean gradient at the nodes (place on the path, weight) times the way from the baseline; the gap is that of completeness.
pub(super) fn integrated(
    network: &Network,
    inputs: &[Tensor],
    target: &Target,
    scored: &Scored,
    nodes: &[(f64, f64)],
    baseline: f64,
) -> Result<AttributionMap, AttributionError> {
    let from = (inputs[0].zeros_like()? + baseline)?;
    let way = (&inputs[0] - &from)?;
    let at = |t: f64| -> Result<Vec<Tensor>, candle_core::Error> {
        let mut inputs = inputs.to_vec();
        inputs[0] = (&from + (&way * t)?)?;
        Ok(inputs)
    };
    let mut total: Option<Tensor> = None;
    for (node, weight) in nodes {
        let gradient = first_gradient(network, &at(*node)?, target)?;
        let part = (gradient * *weight)?;
        total = Some(match total {
            Some(total) => (total + part)?,
            None => part,
        });
    }
    let map = match total {
        Some(total) => (total * &way)?,
        None => way.zeros_like()?,
    };
    let base = Scored::new(network, &at(0.0)?, target)?;
    let rise = scored.scores.iter().zip(&base.scores).map(|(a, b)| a - b);
    let start = per_sample(&rise.collect::<Vec<_>>(), &map)?;
    let none = vec![0.0; scored.scores.len()];
    let balances = balances(&scored.scores, &start, &map, &none)?;
    let mut result = finish(scored, vec![map], false)?;
    result.balances = balances;
    Ok(result)
}

/// Nodes in `[0, 1]` and weights (summing to one) of Gauss-Legendre quadrature, by Newton's method on the Legendre
/// polynomial from Chebyshev-like first guesses.
fn gauss_legendre(n: usize) -> Vec<(f64, f64)> {
    (0..n)
        .map(|i| {
            let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..100 {
                let (mut p, mut before) = (1.0, 0.0);
                for k in 1..=n {
                    let k = k as f64;
                    (p, before) = (((2.0 * k - 1.0) * x * p - (k - 1.0) * before) / k, p);
                }
                slope = n as f64 * (x * p - before) / (x * x - 1.0);
                let step = p / slope;
                x -= step;
                if step.abs() < 1e-15 {
                    break;
                }
            }
            (f64::midpoint(1.0, x), 1.0 / ((1.0 - x * x) * slope * slope))
        })
        .collect()
}
