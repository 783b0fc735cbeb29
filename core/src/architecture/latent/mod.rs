//! Generators that draw from a latent, and their discriminators: convolutional for square pictures (Radford et al. 2016,
//! arXiv:1511.06434, section 3) and dense for toys of a few numbers.
//!
//! A generator takes `z`, standard normal numbers, and emits `[C, side, side]` in `[-1, 1]` (dense: `[outputs]`, unbounded);
//! a discriminator takes that and emits one logit, positive for "ground truth".

mod discriminator;
mod generator;

use serde::{Deserialize, Serialize};

pub use self::discriminator::{
    ConvolutionalDiscriminator, DenseDiscriminator, LatentDiscriminator,
};
pub use self::generator::{ConvolutionalGenerator, DenseGenerator, LatentGenerator};
use crate::network::{NetworkBuilder, NetworkError, NodeId, Op};

/// Rows and columns that a convolutional generator begins with and its discriminator ends with.
const SMALLEST: usize = 4;

/// How a generator doubles rows and columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enlarge {
    /// Every pixel repeated, then a 3x3 convolution: no chequerboards (Odena et al. 2016, doi 10.23915/distill.00003).
    #[default]
    Nearest,
    /// A transposed 4x4 convolution, as published.
    Transposed,
}

/// What keeps activations in range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalisation {
    /// Nothing.
    None,
    /// Batch normalisation.
    #[default]
    Batch,
}

/// Names, values and bounds of the numbers of a configuration.
type Bounds = Vec<(&'static str, usize, usize, usize)>;

fn check(what: &str, counts: &Bounds, shares: &[(&str, f64)]) -> Result<(), String> {
    for (name, value, low, high) in counts {
        if !(low..=high).contains(&value) {
            return Err(format!(
                "{what}.{name} is {value}, expected {low} to {high}"
            ));
        }
        if *name == "side" && !value.is_power_of_two() {
            return Err(format!("{what}.side is {value}, expected a power of two"));
        }
    }
    for (name, value) in shares {
        if !(0.0..=1.0).contains(value) {
            return Err(format!("{what}.{name} is {value}, expected 0 to 1"));
        }
    }
    Ok(())
}

/// Dense layers with `ReLU`.
fn hidden(
    b: &mut NetworkBuilder<'_>,
    mut x: NodeId,
    width: usize,
    layers: usize,
) -> Result<NodeId, NetworkError> {
    for i in 0..layers {
        x = b.dense(&format!("hidden.{i}"), x, width, true)?;
        x = b.plain(&format!("act.{i}"), Op::Relu, &[x])?;
    }
    Ok(x)
}
