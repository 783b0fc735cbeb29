//! The attribution methods by name, with their parameters as plain data.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{AttributionError, Composite, Pole};
use crate::network::LayerName;

/// Where on a path gradients are taken, and how they are averaged. `n` nodes each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathRule {
    /// Gauss-Legendre quadrature: exact for polynomials up to degree `2 n - 1`.
    #[default]
    GaussLegendre,
    /// Both ends and evenly between, the ends with half the weight.
    Trapezoid,
    /// The same as captum 0.9 weighs it: `1 / n` each, the ends half, which sum to `1 - 1 / n` and so give a map that is too
    /// small by that share. For comparing numbers with that program.
    CaptumTrapezoid,
    /// The beginnings of `n` equal pieces.
    Left,
    /// Their middles.
    Middle,
    /// Their ends.
    Right,
}

/// How a small map is brought to the size of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enlarge {
    /// Bilinear between the centres of pixels (`align_corners` false).
    #[default]
    Bilinear,
    /// Each pixel repeated.
    Nearest,
}

const fn yes() -> bool {
    true
}

/// An attribution method. `Display` and `FromStr` use the kebab-case names of the command line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The epsilon rule everywhere.
    Epsilon,
    /// The z-plus rule everywhere.
    #[serde(rename = "zplus")]
    ZPlus,
    /// The alpha-beta rule with 2 and 1 everywhere.
    #[serde(rename = "alpha2-beta1")]
    Alpha2Beta1,
    /// The gamma rule with 0.25 everywhere.
    Gamma,
    /// The w-square rule everywhere.
    WSquare,
    /// The flat rule everywhere.
    Flat,
    /// The z-box rule at the input, epsilon elsewhere.
    ZBox,
    /// [`Composite::epsilon_plus`].
    EpsilonPlus,
    /// [`Composite::epsilon_plus_flat`].
    EpsilonPlusFlat,
    /// [`Composite::epsilon_alpha2_beta1`].
    #[serde(rename = "epsilon-alpha2-beta1")]
    EpsilonAlpha2Beta1,
    /// [`Composite::epsilon_gamma_box`].
    EpsilonGammaBox,
    /// Polarized-LRP (Li, Lin, Mueller and Xu 2020, arXiv 2001.06151) of a discriminator.
    Polarized {
        /// Side of the decision.
        pole: Pole,
    },
    /// Any composite.
    Composite(Composite),
    /// The gradient of the score.
    Gradient,
    /// Input times gradient.
    InputXGradient,
    /// Mean gradient over noisy copies of the input (Smilkov et al. 2017, arXiv 1706.03825).
    #[serde(rename = "smoothgrad")]
    SmoothGrad {
        /// Number of noisy copies.
        samples: usize,
        /// Standard deviation of the noise in input units.
        std: f64,
        /// Seed of the noise.
        seed: u64,
    },
    /// Variance of the gradient over noisy copies of the input (Adebayo et al. 2018, arXiv 1810.03292): never negative.
    #[serde(rename = "vargrad")]
    VarGrad {
        /// Number of noisy copies, the same as of [`Method::SmoothGrad`].
        samples: usize,
        /// Standard deviation of the noise in input units.
        std: f64,
        /// Seed of the noise.
        seed: u64,
    },
    /// Gradients along the straight path from a flat baseline (Sundararajan et al. 2017, arXiv 1703.01365).
    IntegratedGradients {
        /// Nodes on the path.
        steps: usize,
        /// Value of every pixel of the baseline.
        baseline: f64,
        /// Where the nodes are.
        #[serde(default)]
        path: PathRule,
    },
    /// Gradient-weighted sum of a layer's units (Selvaraju et al. 2017, arXiv 1610.02391), enlarged to the input. The map at the
    /// layer's own size, `[N, 1, H, W]`, is [`super::AttributionMap::inner`] of that layer.
    GradCam {
        /// The layer; the last one with rows and columns when not given.
        layer: Option<LayerName>,
        /// Negative sums are zero, as published; without, they are kept.
        #[serde(default = "yes")]
        rectify: bool,
        /// How it is enlarged.
        #[serde(default)]
        enlarge: Enlarge,
    },
    /// Change of the score when a window is covered (Zeiler and Fergus 2014, arXiv 1311.2901).
    Occlusion {
        /// Rows and columns of the window.
        window: usize,
        /// Steps between windows.
        stride: usize,
        /// Value of the covered pixels.
        baseline: f64,
    },
}

impl Method {
    /// The same method with `black`, the smallest pixel value of the network's input, for "nothing there".
    #[must_use]
    pub fn with_black(mut self, black: f64) -> Self {
        if let Self::IntegratedGradients { baseline, .. } | Self::Occlusion { baseline, .. } =
            &mut self
        {
            *baseline = black;
        }
        self
    }

    /// Every method with its usual parameters, in the order a person should see them.
    pub fn all() -> Vec<Self> {
        vec![
            Self::Polarized { pole: Pole::Auto },
            Self::EpsilonPlus,
            Self::EpsilonPlusFlat,
            Self::EpsilonAlpha2Beta1,
            Self::EpsilonGammaBox,
            Self::Epsilon,
            Self::ZPlus,
            Self::Alpha2Beta1,
            Self::Gamma,
            Self::WSquare,
            Self::Flat,
            Self::ZBox,
            Self::Gradient,
            Self::InputXGradient,
            Self::SmoothGrad {
                samples: 8,
                std: 0.3,
                seed: 0,
            },
            Self::VarGrad {
                samples: 8,
                std: 0.3,
                seed: 0,
            },
            Self::IntegratedGradients {
                steps: 32,
                baseline: -1.0,
                path: PathRule::GaussLegendre,
            },
            Self::GradCam {
                layer: None,
                rectify: true,
                enlarge: Enlarge::Bilinear,
            },
            Self::Occlusion {
                window: 8,
                stride: 4,
                baseline: -1.0,
            },
        ]
    }

    /// The name of the command line, without parameters.
    pub fn name(&self) -> &str {
        match self {
            Self::Epsilon => "epsilon",
            Self::ZPlus => "zplus",
            Self::Alpha2Beta1 => "alpha2-beta1",
            Self::Gamma => "gamma",
            Self::WSquare => "w-square",
            Self::Flat => "flat",
            Self::ZBox => "z-box",
            Self::EpsilonPlus => "epsilon-plus",
            Self::EpsilonPlusFlat => "epsilon-plus-flat",
            Self::EpsilonAlpha2Beta1 => "epsilon-alpha2-beta1",
            Self::EpsilonGammaBox => "epsilon-gamma-box",
            Self::Polarized { .. } => "polarized",
            Self::Composite(composite) => &composite.name,
            Self::Gradient => "gradient",
            Self::InputXGradient => "input-x-gradient",
            Self::SmoothGrad { .. } => "smoothgrad",
            Self::VarGrad { .. } => "vargrad",
            Self::IntegratedGradients { .. } => "integrated-gradients",
            Self::GradCam { .. } => "grad-cam",
            Self::Occlusion { .. } => "occlusion",
        }
    }

    /// Whether the method distributes the score by rules (so that a conservation gap and layer sums exist).
    pub fn is_relevance(&self) -> bool {
        !matches!(
            self,
            Self::Gradient
                | Self::InputXGradient
                | Self::SmoothGrad { .. }
                | Self::VarGrad { .. }
                | Self::IntegratedGradients { .. }
                | Self::GradCam { .. }
                | Self::Occlusion { .. }
        )
    }

    /// Whether rounding in f32 would show in the map.
    pub(super) fn amplifies_rounding(&self, composite: Option<&Composite>) -> bool {
        match composite {
            Some(composite) => composite.divides_by_small_sums(),
            None => matches!(self, Self::IntegratedGradients { .. }),
        }
    }

    /// The composite of a rule-based method; `input_range` is the box of the z-box rule.
    pub fn composite(&self, input_range: (f64, f64)) -> Option<Composite> {
        use super::Rule;
        Some(match self {
            Self::Epsilon => Composite::single(Rule::Epsilon { epsilon: 1e-6 }),
            Self::ZPlus => Composite::single(Rule::ZPlus),
            Self::Alpha2Beta1 => Composite::single(Rule::AlphaBeta {
                alpha: 2.0,
                beta: 1.0,
            }),
            Self::Gamma => Composite::single(Rule::Gamma { gamma: 0.25 }),
            Self::WSquare => Composite::single(Rule::WSquare),
            Self::Flat => Composite::single(Rule::Flat),
            Self::ZBox => Composite::z_box(input_range),
            Self::EpsilonPlus => Composite::epsilon_plus(),
            Self::EpsilonPlusFlat => Composite::epsilon_plus_flat(),
            Self::EpsilonAlpha2Beta1 => Composite::epsilon_alpha2_beta1(),
            Self::EpsilonGammaBox => Composite::epsilon_gamma_box(input_range),
            Self::Polarized { .. } => Composite::polarized(input_range),
            Self::Composite(composite) => composite.clone(),
            _ => return None,
        })
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = AttributionError;

    fn from_str(name: &str) -> Result<Self, AttributionError> {
        let all = Self::all();
        let known = || {
            all.iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        };
        all.iter()
            .find(|method| method.name() == name)
            .cloned()
            .ok_or_else(|| AttributionError::UnknownMethod {
                name: name.to_owned(),
                known: known(),
            })
    }
}
