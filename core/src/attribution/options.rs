//! What the methods share: how normalisation carries relevance, what it starts from, what is reported beside the map.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::AttributionError;
use crate::network::LayerName;

/// Which side of a discriminator's decision a Polarized-LRP map explains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pole {
    /// The evidence for "real" (ground truth): relevance is never negative.
    Real,
    /// The evidence for "generated": relevance is never positive.
    Fake,
    /// The side the discriminator took: real where the logit is above zero, else generated.
    #[default]
    Auto,
    /// Both sides; the map is their sum, and [`super::AttributionMap::poles`] has each.
    Both,
}

/// How batch normalisation carries relevance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchNormHandling {
    /// Folded into the weighted layers around it, also where it follows the activation (bias map).
    #[default]
    Fold,
    /// Relevance passes unchanged, scale and shift are ignored (what zennit does where it cannot merge).
    Pass,
    /// As an element-wise affine map under the norm rule.
    Norm,
}

/// The relevance the walk starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// The explained value itself, for example the logit.
    #[default]
    Score,
    /// One, for comparing maps of different confidence.
    One,
    /// The probability of the explained side, `sigmoid(|logit|)`.
    Probability,
}

/// The element type a map is computed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// Double where a method amplifies rounding: a tiny epsilon in convolutions divides by sums that nearly cancel, and
    /// a path of gradients crosses kinks. Else that of the network.
    #[default]
    Auto,
    /// That of the network.
    Network,
    /// f64 (the map is given back in the network's type).
    Double,
}

/// What is common to all methods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How batch normalisation carries relevance (rule-based methods only).
    pub batch_norm: BatchNormHandling,
    /// The relevance the walk starts from (rule-based methods only).
    pub start: Start,
    /// Leaves biases out of the denominators, so that they absorb nothing.
    pub zero_bias: bool,
    /// Smallest and largest value an input can take: the box of the z-box rule.
    pub input_range: (f64, f64),
    /// Reports the sum of relevance at every layer.
    pub layer_sums: bool,
    /// Reports the relevance of every unit of every layer (rule-based methods only).
    pub unit_sums: bool,
    /// Layers whose inner relevance (arriving at their output) is returned.
    pub retain: Vec<LayerName>,
    /// Layers below which relevance is not carried (rule-based methods only). What arrives at their output is returned like that
    /// of `retain`; the map of the input has only what came by other ways.
    pub stop_at: Vec<LayerName>,
    /// The element type of the computation.
    pub precision: Precision,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            batch_norm: BatchNormHandling::Fold,
            start: Start::Score,
            zero_bias: false,
            input_range: (-1.0, 1.0),
            layer_sums: false,
            unit_sums: false,
            retain: Vec::new(),
            stop_at: Vec::new(),
            precision: Precision::Auto,
        }
    }
}

impl FromStr for Pole {
    type Err = AttributionError;

    fn from_str(name: &str) -> Result<Self, AttributionError> {
        match name {
            "real" => Ok(Self::Real),
            "fake" => Ok(Self::Fake),
            "auto" => Ok(Self::Auto),
            "both" => Ok(Self::Both),
            _ => Err(AttributionError::Method {
                method: "polarized".to_owned(),
                what: format!("no pole is named {name}; known are real, fake, auto, both"),
            }),
        }
    }
}

impl FromStr for BatchNormHandling {
    type Err = AttributionError;

    fn from_str(name: &str) -> Result<Self, AttributionError> {
        match name {
            "fold" => Ok(Self::Fold),
            "pass" => Ok(Self::Pass),
            "norm" => Ok(Self::Norm),
            _ => Err(AttributionError::Rule {
                rule: "batch norm".to_owned(),
                what: format!("no handling is named {name}; known are fold, pass, norm"),
            }),
        }
    }
}

impl FromStr for Start {
    type Err = AttributionError;

    fn from_str(name: &str) -> Result<Self, AttributionError> {
        match name {
            "score" => Ok(Self::Score),
            "one" => Ok(Self::One),
            "probability" => Ok(Self::Probability),
            _ => Err(AttributionError::Rule {
                rule: "start".to_owned(),
                what: format!(
                    "nothing to start from is named {name}; known are score, one, probability"
                ),
            }),
        }
    }
}
