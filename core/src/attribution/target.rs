//! What is explained: one output of a network and the scalar taken from it.

use std::fmt;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::AttributionError;
use crate::network::Network;

/// Weights over the rows and columns of an output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegionMask {
    /// Rows of the output.
    pub rows: usize,
    /// Columns of the output.
    pub columns: usize,
    /// `rows * columns` weights in `[0, 1]`, first row first.
    pub weights: Vec<f32>,
}

/// The scalar taken from an output: a weighted sum of its elements.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Score {
    /// All elements. For a discriminator with one logit this is the logit.
    #[default]
    Sum,
    /// One element, counted in C, H, W order.
    Element(usize),
    /// All pixels of one channel.
    Channel(usize),
    /// A region of all channels: what a drawn structure is made of.
    Region(RegionMask),
}

/// What is explained.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Target {
    /// Index of the output in the network's order.
    pub output: usize,
    /// The scalar taken from it.
    pub score: Score,
}

impl Target {
    /// All elements of an output.
    pub fn output(output: usize) -> Self {
        Self {
            output,
            score: Score::Sum,
        }
    }

    /// Reads `OUTPUT` or `OUTPUT:INDEX`, the output by name or number, the index in C, H, W order.
    ///
    /// # Errors
    /// When the network has no such output or element.
    pub fn parse(network: &Network, text: &str) -> Result<Self, AttributionError> {
        if let Ok(output) = network.find_output(text) {
            return Ok(Self::output(output));
        }
        let (name, index) = match text.rsplit_once(':') {
            Some((name, index)) => (name, Some(index)),
            None => (text, None),
        };
        let output = network.find_output(name)?;
        let wrong = |what: &str| AttributionError::Target {
            target: text.to_owned(),
            what: what.to_owned(),
        };
        let score = match index.map(str::parse) {
            None => Score::Sum,
            Some(Ok(index)) => Score::Element(index),
            Some(Err(_)) => return Err(wrong("the index after the colon is not a number")),
        };
        let target = Self { output, score };
        target.check(network)?;
        Ok(target)
    }

    fn wrong(&self, what: String) -> AttributionError {
        AttributionError::Target {
            target: self.to_string(),
            what,
        }
    }

    /// Checks the target against the network's facts.
    pub(super) fn check(&self, network: &Network) -> Result<(), AttributionError> {
        let Some(output) = network.outputs().get(self.output) else {
            let count = network.outputs().len();
            return Err(self.wrong(format!("the network has {count} outputs")));
        };
        let fact = &network.node(output.node).fact;
        match &self.score {
            Score::Element(index) if *index >= fact.len() => Err(self.wrong(format!(
                "output {} has {} elements",
                output.name,
                fact.len()
            ))),
            Score::Channel(index) if *index >= fact.units() => Err(self.wrong(format!(
                "output {} has {} channels",
                output.name,
                fact.units()
            ))),
            Score::Region(mask)
                if fact.dims.len() != 3
                    || fact.size() != [mask.rows, mask.columns]
                    || mask.weights.len() != mask.rows * mask.columns =>
            {
                Err(self.wrong(format!(
                    "a mask of {} x {} does not fit output {} {fact}",
                    mask.rows, mask.columns, output.name
                )))
            }
            Score::Region(mask) if mask.weights.iter().any(|w| !w.is_finite()) => {
                Err(self.wrong("the mask has weights that are not finite numbers".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// The weights of the elements of `output`, `[1, ...]`, in its type: the gradient of the score.
    pub(super) fn weights(&self, output: &Tensor) -> Result<Tensor, AttributionError> {
        let mut dims = output.dims().to_vec();
        dims[0] = 1;
        let count: usize = dims.iter().product();
        let plane: usize = dims.iter().skip(2).product();
        let at = |i: usize| match &self.score {
            Score::Sum => 1.0,
            Score::Element(index) => f32::from(i == *index),
            Score::Channel(index) => f32::from(i / plane.max(1) == *index),
            Score::Region(mask) => mask.weights[i % plane],
        };
        let weights = Tensor::from_iter((0..count).map(at), output.device())?;
        Ok(weights.reshape(dims)?.to_dtype(output.dtype())?)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.output)?;
        match &self.score {
            Score::Sum => Ok(()),
            Score::Element(index) => write!(f, ":{index}"),
            Score::Channel(index) => write!(f, " channel {index}"),
            Score::Region(mask) => write!(f, " region of {} x {}", mask.rows, mask.columns),
        }
    }
}
