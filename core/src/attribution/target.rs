//! What is explained: one output of a network and the scalar taken from it.

use std::fmt;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::AttributionError;
use crate::network::{Fact, Network};
use crate::region::{Coverage, Shape};

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

/// Where light is summed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aperture {
    /// The area, in pixels of the output; a pixel at its edge counts with the part inside.
    pub shape: Shape,
    /// The band; the sum of all when not given.
    #[serde(default)]
    pub channel: Option<usize>,
    /// The value of a pixel without light (black, or the sky), in the output's own units. Light is what is above it, so that a
    /// dark pixel of a picture in `[-1, 1]` explains nothing instead of minus one.
    #[serde(default)]
    pub level: f64,
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
    /// The light inside an aperture.
    Flux(Aperture),
    /// One weight per element, in C, H, W order.
    Weights(Vec<f32>),
}

impl Score {
    /// The value from which elements are counted.
    pub(super) const fn level(&self) -> f64 {
        match self {
            Self::Flux(aperture) => aperture.level,
            _ => 0.0,
        }
    }
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
        match self.misfit(fact) {
            Some(what) => Err(self.wrong(format!("output {} {what}", output.name))),
            None => Ok(()),
        }
    }

    /// Why the score cannot be taken from an output of this fact.
    fn misfit(&self, fact: &Fact) -> Option<String> {
        match &self.score {
            Score::Element(index) if *index >= fact.len() => {
                Some(format!("has {} elements", fact.len()))
            }
            Score::Channel(index) if *index >= fact.units() => {
                Some(format!("has {} channels", fact.units()))
            }
            Score::Region(mask)
                if fact.dims.len() != 3
                    || fact.size() != [mask.rows, mask.columns]
                    || mask.weights.len() != mask.rows * mask.columns =>
            {
                let (rows, columns) = (mask.rows, mask.columns);
                Some(format!("{fact} does not fit a mask of {rows} x {columns}"))
            }
            Score::Weights(weights) if weights.len() != fact.len() => Some(format!(
                "has {} elements, not {}",
                fact.len(),
                weights.len()
            )),
            Score::Region(RegionMask { weights, .. }) | Score::Weights(weights)
                if weights.iter().any(|w| !w.is_finite()) =>
            {
                Some("has weights that are not finite numbers".to_owned())
            }
            Score::Flux(aperture) => misfit_of(aperture, fact),
            _ => None,
        }
    }

    /// The weights of the elements of `output`, `[1, ...]`, in its type: the gradient of the score.
    pub(super) fn weights(&self, output: &Tensor) -> Result<Tensor, AttributionError> {
        let mut dims = output.dims().to_vec();
        dims[0] = 1;
        let count: usize = dims.iter().product();
        let plane: usize = dims.iter().skip(2).product();
        let cover = match &self.score {
            Score::Flux(aperture) => cover(aperture, &dims),
            _ => Vec::new(),
        };
        let at = |i: usize| match &self.score {
            Score::Sum => 1.0,
            Score::Element(index) => f32::from(i == *index),
            Score::Channel(index) => f32::from(i / plane.max(1) == *index),
            Score::Region(mask) => mask.weights[i % plane],
            Score::Weights(weights) => weights[i],
            Score::Flux(aperture) => match aperture.channel {
                Some(channel) if channel != i / plane.max(1) => 0.0,
                _ => cover[i % plane],
            },
        };
        let weights = Tensor::from_iter((0..count).map(at), output.device())?;
        Ok(weights.reshape(dims)?.to_dtype(output.dtype())?)
    }
}

/// Why light cannot be summed so over an output of this fact.
fn misfit_of(aperture: &Aperture, fact: &Fact) -> Option<String> {
    if fact.dims.len() != 3 {
        return Some(format!("{fact} has no rows and columns"));
    }
    if !aperture.level.is_finite() {
        return Some("has a level that is not a finite number".to_owned());
    }
    if let Err(error) = aperture.shape.clone().checked() {
        return Some(format!("has an aperture of which {error}"));
    }
    if aperture
        .channel
        .is_some_and(|channel| channel >= fact.units())
    {
        return Some(format!("has {} channels", fact.units()));
    }
    let is_outside = Coverage::of(&aperture.shape, fact.size()).area() <= 0.0;
    is_outside.then(|| "has no pixel inside the aperture".to_owned())
}

/// The part of every pixel of a channel inside an aperture, for a value of dimensions `dims` with its batch.
fn cover(aperture: &Aperture, dims: &[usize]) -> Vec<f32> {
    let &[_, _, rows, columns] = dims else {
        return Vec::new();
    };
    let mut shares = vec![0.0; rows * columns];
    for ([column, row], share) in Coverage::of(&aperture.shape, [rows, columns]).pixels() {
        if let Some(slot) = shares.get_mut(row * columns + column) {
            *slot = share as f32;
        }
    }
    shares
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.output)?;
        match &self.score {
            Score::Sum => Ok(()),
            Score::Element(index) => write!(f, ":{index}"),
            Score::Channel(index) => write!(f, " channel {index}"),
            Score::Region(mask) => write!(f, " region of {} x {}", mask.rows, mask.columns),
            Score::Flux(aperture) => {
                let centre = aperture.shape.centre();
                write!(f, " flux around {}, {}", centre.column, centre.row)
            }
            Score::Weights(weights) => write!(f, " weighted sum of {} elements", weights.len()),
        }
    }
}
