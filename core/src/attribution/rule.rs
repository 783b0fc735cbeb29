//! LRP rules as data, and the one skeleton they all are: read a part of the input with changed weights, divide the
//! relevance by the stabilised result, transpose, and multiply with that part of the input.
//!
//! Invariant: a rule is nothing but its [`groups`](Rule::groups); `propagate` knows no rule by name. Sources: Bach et
//! al. 2015 (doi:10.1371/journal.pone.0130140), Montavon et al. 2017 (doi:10.1016/j.patcog.2016.11.008) and 2019
//! (doi:10.1007/978-3-030-28954-6_10).

use std::fmt;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::AttributionError;
use crate::kernels;
use crate::network::{is_fast, with_slice};

/// Keeps denominators away from zero where a rule has no epsilon of its own.
pub(super) const STABILISER: f64 = 1e-6;

/// How relevance at a layer's output is shared among its inputs.
///
/// With inputs `x`, weights `w`, bias `b`, positive and negative parts `+` and `-`, and `s(z) = z + 1e-6 sign(z)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Rule {
    /// `R_i = x_i sum_j w_ij R_j / (z_j + epsilon sign(z_j))`, `z` the layer's output (Bach et al. 2015, eq. 58). Most
    /// common in dense layers.
    Epsilon {
        /// Above zero; larger values drop weak evidence.
        epsilon: f64,
    },
    /// Favours positive contributions: `w + gamma w+` where the output is positive, `w + gamma w-` where it is negative
    /// (Montavon et al. 2019, with the sign-symmetric form of Andeol et al. 2021, arXiv 2109.05473).
    Gamma {
        /// Not negative; 0.25 is usual.
        gamma: f64,
    },
    /// Positive contributions only: `x+ w+ + x- w-` (Montavon et al. 2017, eq. 7; negative inputs allowed).
    #[serde(rename = "zplus")]
    ZPlus,
    /// `alpha` times the positive minus `beta` times the negative contributions (Bach et al. 2015, eq. 60).
    AlphaBeta {
        /// Not negative.
        alpha: f64,
        /// Not negative, `alpha - 1`.
        beta: f64,
    },
    /// For inputs in a box `[low, high]`: `x w - low w+ - high w-` (Montavon et al. 2017, eq. 14).
    ZBox {
        /// Smallest value of the input.
        low: f64,
        /// Largest value of the input.
        high: f64,
    },
    /// `w^2`, whatever the input is (Montavon et al. 2017, eq. 11).
    WSquare,
    /// Equal shares (Lapuschkin et al. 2019, doi:10.1038/s41467-019-08987-4).
    Flat,
    /// The epsilon rule with 1e-6 for layers with fixed weights: additions, average pooling, normalisation.
    Norm,
    /// Z-plus for positive relevance, its mirror image (negative contributions only) for negative relevance: each pole
    /// of a decision keeps the evidence for itself. Used at the last layer in Polarized-LRP.
    Polar,
    /// Relevance unchanged: activations.
    Pass,
    /// Relevance pulled back like a gradient: routing layers, and additions in tools that do not treat them.
    Gradient,
}

impl Rule {
    /// The alpha-beta rule.
    ///
    /// # Errors
    /// When `alpha - beta` is not 1 or one of them is negative.
    pub fn alpha_beta(alpha: f64, beta: f64) -> Result<Self, AttributionError> {
        let rule = Self::AlphaBeta { alpha, beta };
        rule.check()?;
        Ok(rule)
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// When they are outside the ranges stated at the fields.
    pub fn check(&self) -> Result<(), AttributionError> {
        let wrong = |what: &str| {
            Err(AttributionError::Rule {
                rule: self.to_string(),
                what: what.to_owned(),
            })
        };
        match *self {
            Self::Epsilon { epsilon } if !(epsilon > 0.0 && epsilon.is_finite()) => {
                wrong("epsilon must be above zero")
            }
            Self::Gamma { gamma } if !(gamma >= 0.0 && gamma.is_finite()) => {
                wrong("gamma must not be negative")
            }
            Self::AlphaBeta { alpha, beta }
                if !(alpha >= 0.0 && beta >= 0.0 && (alpha + beta).is_finite()) =>
            {
                wrong("alpha and beta must be finite and not negative")
            }
            Self::AlphaBeta { alpha, beta } if (alpha - beta - 1.0).abs() > 1e-9 => {
                wrong("alpha - beta must be 1, or relevance is not conserved")
            }
            Self::ZBox { low, high } if !(low < high && low.is_finite() && high.is_finite()) => {
                wrong("low must be below high")
            }
            _ => Ok(()),
        }
    }

    /// The sums of terms whose shares make up the relevance; empty for [`Rule::Pass`] and [`Rule::Gradient`].
    pub(super) fn groups(&self) -> Vec<Group> {
        use Change::{All, Negative, Ones, Positive, Raised, Squared, Zero};
        let term = |input, weight, bias| Term {
            input,
            weight,
            bias,
        };
        let group = |terms: Vec<Term>| Group {
            coefficient: 1.0,
            when: When::Always,
            epsilon: STABILISER,
            terms,
        };
        let positive = group(vec![
            term(Part::Positive, Positive, Positive),
            term(Part::Negative, Negative, Zero),
        ]);
        let negative = group(vec![
            term(Part::Positive, Negative, Negative),
            term(Part::Negative, Positive, Zero),
        ]);
        match *self {
            Self::Pass | Self::Gradient => Vec::new(),
            Self::Norm => vec![group(vec![term(Part::All, All, All)])],
            Self::Epsilon { epsilon } => vec![Group {
                epsilon,
                ..group(vec![term(Part::All, All, All)])
            }],
            Self::ZPlus => vec![positive],
            Self::AlphaBeta { alpha, beta } => [(alpha, positive), (-beta, negative)]
                .into_iter()
                .filter(|(coefficient, _)| *coefficient != 0.0)
                .map(|(coefficient, group)| Group {
                    coefficient,
                    ..group
                })
                .collect(),
            Self::Polar => vec![
                Group {
                    when: When::RelevancePositive,
                    ..positive
                },
                Group {
                    when: When::RelevanceNegative,
                    ..negative
                },
            ],
            Self::Gamma { gamma } => {
                let up = Raised {
                    gamma,
                    positive: true,
                };
                let down = Raised {
                    gamma,
                    positive: false,
                };
                vec![
                    Group {
                        when: When::OutputPositive,
                        ..group(vec![
                            term(Part::Positive, up, up),
                            term(Part::Negative, down, Zero),
                        ])
                    },
                    Group {
                        when: When::OutputNegative,
                        ..group(vec![
                            term(Part::Positive, down, down),
                            term(Part::Negative, up, Zero),
                        ])
                    },
                ]
            }
            // x w - low w+ - high w- = (x - low) w+ + (x - high) w-: one transpose less, no cancellation, no bias.
            Self::ZBox { low, high } => vec![group(vec![
                term(Part::Minus(low), Positive, Zero),
                term(Part::Minus(high), Negative, Zero),
            ])],
            Self::WSquare => vec![group(vec![term(Part::One, Squared, Squared)])],
            Self::Flat => vec![group(vec![term(Part::One, Ones, Zero)])],
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Epsilon { epsilon } => write!(f, "epsilon {epsilon}"),
            Self::Gamma { gamma } => write!(f, "gamma {gamma}"),
            Self::ZPlus => f.write_str("zplus"),
            Self::AlphaBeta { alpha, beta } => write!(f, "alpha{alpha}-beta{beta}"),
            Self::ZBox { low, high } => write!(f, "z-box [{low}, {high}]"),
            Self::WSquare => f.write_str("w-square"),
            Self::Flat => f.write_str("flat"),
            Self::Norm => f.write_str("norm"),
            Self::Polar => f.write_str("polar"),
            Self::Pass => f.write_str("pass"),
            Self::Gradient => f.write_str("gradient"),
        }
    }
}

/// What a term reads of the layer's input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    All,
    Positive,
    Negative,
    /// The input minus a constant, in padding too zero.
    Minus(f64),
    /// One everywhere but in the padding.
    One,
}

impl Part {
    /// The part of `x`; `None` where it is zero everywhere.
    pub(super) fn of(self, x: &Tensor) -> Result<Option<Tensor>, candle_core::Error> {
        let some = |part: Tensor| -> Result<Option<Tensor>, candle_core::Error> {
            let total = part.sum_all()?.to_dtype(candle_core::DType::F64)?;
            Ok((total.to_scalar::<f64>()? != 0.0).then_some(part))
        };
        if let (true, Self::Positive | Self::Negative) = (is_fast(x), self) {
            return self.of_fast(x);
        }
        match self {
            Self::All => Ok(Some(x.clone())),
            Self::Positive => some(x.maximum(0.0)?),
            Self::Negative => some(x.minimum(0.0)?),
            Self::Minus(value) => Ok(Some((x - value)?)),
            Self::One => Ok(Some(x.ones_like()?)),
        }
    }
}

impl Part {
    /// The positive or negative part in one pass, f32 on the CPU.
    fn of_fast(self, x: &Tensor) -> Result<Option<Tensor>, candle_core::Error> {
        let x = x.contiguous()?;
        let sign = if self == Self::Positive { 1.0 } else { -1.0 };
        let plane = x.dims().iter().skip(2).product::<usize>().max(1);
        let part = with_slice(&x, |values: &[f32]| {
            // Mostly found at once. A value that is not a number stays one.
            let is_there = values.iter().any(|v| sign * v > 0.0 || v.is_nan());
            is_there.then(|| {
                kernels::map_planes(values, plane, |_| {
                    move |v| if sign * v < 0.0 { 0.0 } else { v }
                })
            })
        });
        let part = part.flatten();
        part.map(|part| Tensor::from_vec(part, x.dims(), x.device()))
            .transpose()
    }
}

/// How a term changes weights or biases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Change {
    Zero,
    All,
    Positive,
    Negative,
    Squared,
    Ones,
    /// `w + gamma w+` or `w + gamma w-`.
    Raised {
        gamma: f64,
        positive: bool,
    },
}

impl Change {
    /// The changed tensor; `None` for zero.
    pub(super) fn of(self, w: &Tensor) -> Result<Option<Tensor>, candle_core::Error> {
        Ok(Some(match self {
            Self::Zero => return Ok(None),
            Self::All => w.clone(),
            Self::Positive => w.maximum(0.0)?,
            Self::Negative => w.minimum(0.0)?,
            Self::Squared => w.sqr()?,
            Self::Ones => w.ones_like()?,
            Self::Raised { gamma, positive } => {
                let part = if positive {
                    w.maximum(0.0)?
                } else {
                    w.minimum(0.0)?
                };
                (w + (part * gamma)?)?
            }
        }))
    }
}

/// Where a group applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Always,
    OutputPositive,
    OutputNegative,
    RelevancePositive,
    RelevanceNegative,
}

/// One product in a denominator: a part of the input times changed weights, plus a changed bias.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Term {
    pub(super) input: Part,
    pub(super) weight: Change,
    pub(super) bias: Change,
}

/// Terms that share one denominator.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    pub(super) coefficient: f64,
    pub(super) when: When,
    pub(super) epsilon: f64,
    pub(super) terms: Vec<Term>,
}
