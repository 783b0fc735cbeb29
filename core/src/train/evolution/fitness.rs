//! How fit a child is: quality as the discriminator sees it, diversity by how little it can learn from the child, and for
//! deblenders how near the galaxies are to their truths.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::mutation::sigmoid;
use crate::network::{Gradients, NodeId, Role};

/// Smallest gradient norm whose logarithm is taken.
pub(in crate::train) const NORM_FLOOR: f64 = 1e-12;

/// What was measured of one child; larger is better.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measures {
    /// Mean verdict of the discriminator on the child's pictures.
    pub quality: f64,
    /// `-ln` of the norm of the gradient of the discriminator's loss over all its parameters.
    pub diversity: f64,
    /// Mean PSNR of both galaxies over 10, in dB; 0 where there are no truths.
    pub content: f64,
}

impl Measures {
    /// What stands for a child that is not finite: less fit than any other.
    pub const FAILED: Self = Self {
        quality: f64::NEG_INFINITY,
        diversity: f64::NEG_INFINITY,
        content: f64::NEG_INFINITY,
    };

    fn parts(self) -> [f64; 3] {
        [self.quality, self.diversity, self.content]
    }

    fn is_finite(self) -> bool {
        self.parts().iter().all(|v| v.is_finite())
    }
}

/// How the discriminator's verdicts on a child become its quality.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quality {
    /// Mean probability, as published.
    #[default]
    Sigmoid,
    /// Mean logarithm of the probability, which does not level off where the discriminator wins.
    LogSigmoid,
    /// Mean logit.
    Logit,
}

impl Quality {
    /// The quality of these logits.
    pub fn of(self, logits: &[f64]) -> f64 {
        let one = |l: f64| match self {
            Self::Sigmoid => sigmoid(l),
            Self::LogSigmoid => -((-l).max(0.0) + (-l.abs()).exp().ln_1p()),
            Self::Logit => l,
        };
        logits.iter().map(|l| one(*l)).sum::<f64>() / logits.len().max(1) as f64
    }
}

/// Weights of the measures in the fitness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fitness {
    /// Of quality.
    pub quality: f64,
    /// Of diversity, the publication's gamma.
    pub diversity: f64,
    /// Of content.
    pub content: f64,
}

impl Fitness {
    /// `F = quality + gamma diversity + content`, weighted; minus infinity for a child that is not finite.
    pub fn of(&self, measures: Measures) -> f64 {
        if !measures.is_finite() {
            return f64::NEG_INFINITY;
        }
        let weights = [self.quality, self.diversity, self.content];
        let parts = measures.parts().into_iter().zip(weights);
        // A weight of zero switches a measure off.
        let sum: f64 = parts.filter(|(_, w)| *w != 0.0).map(|(m, w)| m * w).sum();
        if sum.is_finite() {
            sum
        } else {
            f64::NEG_INFINITY
        }
    }
}

/// Running mean and variance of every measure, so that fitnesses of measures with different units can be added: over three
/// children alone the scale would be arbitrary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Share of the past that is kept at every child, for example 0.99.
    pub decay: f64,
    /// Sum of the weights so far, which mends the start at zero.
    weight: f64,
    mean: [f64; 3],
    square: [f64; 3],
}

impl Window {
    /// A window that has seen nothing.
    pub const fn new(decay: f64) -> Self {
        Self {
            decay,
            weight: 0.0,
            mean: [0.0; 3],
            square: [0.0; 3],
        }
    }

    /// Takes the measures of a generation in; children that are not finite are left out.
    pub fn extend(&mut self, generation: &[Measures]) {
        for measures in generation.iter().filter(|m| m.is_finite()) {
            self.weight = self.decay * self.weight + 1.0 - self.decay;
            for (i, value) in measures.parts().into_iter().enumerate() {
                self.mean[i] = self.decay * self.mean[i] + (1.0 - self.decay) * value;
                self.square[i] = self.decay * self.square[i] + (1.0 - self.decay) * value * value;
            }
        }
    }

    /// The measures in standard deviations above the running mean; those that never differed are 0.
    pub fn standardised(&self, measures: Measures) -> Measures {
        if !measures.is_finite() || self.weight == 0.0 {
            return measures;
        }
        let one = |i: usize, value: f64| {
            let mean = self.mean[i] / self.weight;
            let variance = self.square[i] / self.weight - mean * mean;
            // Rounding leaves a little where nothing differed.
            if variance > 1e-12 * (mean * mean).max(1e-12) {
                (value - mean) / variance.sqrt()
            } else {
                0.0
            }
        };
        Measures {
            quality: one(0, measures.quality),
            diversity: one(1, measures.diversity),
            content: one(2, measures.content),
        }
    }

    /// Its numbers, for the saved state.
    pub(super) fn to_numbers(self) -> Vec<f64> {
        let mut numbers = vec![self.decay, self.weight];
        numbers.extend(self.mean.into_iter().chain(self.square));
        numbers
    }

    /// What [`Self::to_numbers`] gave; `None` when they are not eight.
    pub(super) fn of_numbers(numbers: &[f64]) -> Option<Self> {
        let [decay, weight, m0, m1, m2, s0, s1, s2] = *numbers else {
            return None;
        };
        Some(Self {
            decay,
            weight,
            mean: [m0, m1, m2],
            square: [s0, s1, s2],
        })
    }
}

/// Euclidean norm of the sum of some gradients over all parameters.
///
/// # Errors
/// When two differ in shape.
pub(in crate::train) fn gradient_norm(parts: &[&Gradients]) -> candle_core::Result<f64> {
    let mut sums: BTreeMap<(NodeId, Role), Vec<f64>> = BTreeMap::new();
    for part in parts {
        for (key, gradient) in &part.params {
            let values = gradient.flatten_all()?.to_vec1::<f32>()?;
            let sum = sums.entry(*key).or_insert_with(|| vec![0.0; values.len()]);
            if sum.len() != values.len() {
                candle_core::bail!("gradients of {} and {} values", sum.len(), values.len())
            }
            for (sum, value) in sum.iter_mut().zip(values) {
                *sum += f64::from(value);
            }
        }
    }
    let squares = sums.values().flatten().map(|v| v * v);
    Ok(squares.sum::<f64>().sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: Fitness = Fitness {
        quality: 1.0,
        diversity: 0.5,
        content: 0.0,
    };

    fn measures(quality: f64, diversity: f64) -> Measures {
        Measures {
            quality,
            diversity,
            content: 0.0,
        }
    }

    #[test]
    fn a_child_that_is_not_finite_is_less_fit_than_any_other() {
        assert_eq!(PUBLISHED.of(measures(0.5, 2.0)), 1.5);
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(PUBLISHED.of(measures(bad, 0.0)), f64::NEG_INFINITY);
        }
        assert_eq!(PUBLISHED.of(Measures::FAILED), f64::NEG_INFINITY);
    }

    #[test]
    fn a_window_standardises_what_it_saw() {
        let mut window = Window::new(0.99);
        assert_eq!(window.standardised(measures(3.0, 1.0)), measures(3.0, 1.0));
        for i in 0..4000 {
            let sign = if i % 2 == 0 { 1.0 } else { -1.0 };
            window.extend(&[measures(10.0 + 2.0 * sign, 5.0)]);
        }
        let standard = window.standardised(measures(14.0, 5.0));
        assert!((standard.quality - 2.0).abs() < 0.05, "{standard:?}");
        assert_eq!(standard.diversity, 0.0);
        window.extend(&[Measures::FAILED]);
        assert_eq!(Window::of_numbers(&window.to_numbers()), Some(window));
        assert!(window.standardised(measures(12.0, 5.0)).quality.is_finite());
    }

    #[test]
    fn qualities_rise_with_the_logits() {
        for quality in [Quality::Sigmoid, Quality::LogSigmoid, Quality::Logit] {
            assert!(
                quality.of(&[1.0, 2.0]) > quality.of(&[0.0, 1.0]),
                "{quality:?}"
            );
            assert!(quality.of(&[-1e4]).is_finite());
        }
        assert!((Quality::LogSigmoid.of(&[0.0]) + 2_f64.ln()).abs() < 1e-12);
    }
}
