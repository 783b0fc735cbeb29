//! Mutations: the adversarial objectives that make a child of a parent (Wang et al. 2019, section III-C), and their
//! derivatives at the logits.

use serde::{Deserialize, Serialize};

/// An adversarial objective. With the logit `l` of a generated picture and `D = sigmoid(l)`:
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mutation {
    /// `E[ln(1 - D)]`: small where the discriminator wins, steady near equilibrium.
    Minimax,
    /// `-E[ln D]`: strong where the discriminator wins.
    Heuristic,
    /// `E[(D - 1)^2]`: levels off at both ends.
    LeastSquares,
}

/// What the least-squares mutation squares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeastSquaresOn {
    /// The probability `D`, as in the authors' first program.
    #[default]
    Sigmoid,
    /// The raw logit, as in their second.
    Logit,
}

impl Mutation {
    /// All, in the order in which the authors try them.
    pub const ALL: [Self; 3] = [Self::Heuristic, Self::Minimax, Self::LeastSquares];

    /// The word used in recipes and lineage files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minimax => "minimax",
            Self::Heuristic => "heuristic",
            Self::LeastSquares => "least-squares",
        }
    }

    /// The mutation of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.name() == name)
    }

    /// The mean objective over the logits of generated pictures, and its derivative with respect to each of them.
    ///
    /// ```
    /// use ganoscope_core::train::evolution::{LeastSquaresOn, Mutation};
    /// let (loss, slopes) = Mutation::Heuristic.objective(&[0.0], LeastSquaresOn::Sigmoid);
    /// assert!((loss - 2_f64.ln()).abs() < 1e-12 && slopes == [-0.5]);
    /// ```
    pub fn objective(self, logits: &[f64], squares: LeastSquaresOn) -> (f64, Vec<f64>) {
        let n = logits.len().max(1) as f64;
        let both = logits.iter().map(|l| self.of_logit(*l, squares));
        let (losses, slopes): (Vec<f64>, Vec<f64>) = both.unzip();
        (
            losses.iter().sum::<f64>() / n,
            slopes.iter().map(|slope| slope / n).collect(),
        )
    }

    fn of_logit(self, l: f64, squares: LeastSquaresOn) -> (f64, f64) {
        let d = sigmoid(l);
        match (self, squares) {
            (Self::Minimax, _) => (-softplus(l), -d),
            (Self::Heuristic, _) => (softplus(-l), d - 1.0),
            (Self::LeastSquares, LeastSquaresOn::Sigmoid) => {
                ((d - 1.0).powi(2), 2.0 * (d - 1.0) * d * (1.0 - d))
            }
            (Self::LeastSquares, LeastSquaresOn::Logit) => ((l - 1.0).powi(2), 2.0 * (l - 1.0)),
        }
    }
}

/// `1 / (1 + exp(-x))`.
pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `ln(1 + exp(x))` without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: [(Mutation, LeastSquaresOn); 4] = [
        (Mutation::Minimax, LeastSquaresOn::Sigmoid),
        (Mutation::Heuristic, LeastSquaresOn::Sigmoid),
        (Mutation::LeastSquares, LeastSquaresOn::Sigmoid),
        (Mutation::LeastSquares, LeastSquaresOn::Logit),
    ];

    #[test]
    fn slopes_match_finite_differences() {
        let logits = [-3.0, -0.4, 0.0, 0.7, 2.5];
        for (mutation, squares) in CASES {
            let (_, slopes) = mutation.objective(&logits, squares);
            for (i, slope) in slopes.iter().enumerate() {
                // Five-point formula: its error at this step is far below the tolerance.
                let at = |h: f64| {
                    let mut moved = logits;
                    moved[i] += h;
                    mutation.objective(&moved, squares).0
                };
                let h = 1e-3;
                let difference =
                    (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
                let gap = (difference - slope).abs();
                assert!(gap < 1e-10, "{mutation:?} {squares:?} at {i}: {gap:e}");
            }
        }
    }

    #[test]
    fn extreme_logits_stay_finite() {
        for (mutation, squares) in CASES {
            for logit in [-1e4, 1e4] {
                let (loss, slopes) = mutation.objective(&[logit], squares);
                assert!(loss.is_finite() && slopes[0].is_finite(), "{mutation:?}");
            }
        }
    }

    #[test]
    fn names_are_those_of_recipes() {
        for mutation in Mutation::ALL {
            assert_eq!(Mutation::of_name(mutation.name()), Some(mutation));
            let text = serde_json::to_string(&mutation).unwrap();
            assert_eq!(text.trim_matches('"'), mutation.name());
        }
    }
}
