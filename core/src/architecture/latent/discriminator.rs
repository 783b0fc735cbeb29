//! The discriminators.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::{Normalisation, SMALLEST, check, hidden};
use crate::network::{ConvSpec, Network, NetworkBuilder, NetworkError, NodeId, Op, Role};

/// A discriminator of square pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConvolutionalDiscriminator {
    /// Channels of the first layer; doubled at each halving of rows and columns, 8 times as many at the most.
    pub filters: usize,
    /// Rows and columns of the picture, a power of two, 8 at the least.
    pub side: usize,
    /// Channels of the picture.
    pub channels: usize,
    /// Normalisation before every activation but the first.
    pub normalisation: Normalisation,
    /// Slope of the leaky activations below zero.
    pub leaky_slope: f64,
    /// Added to the variance in batch normalisation.
    pub batch_norm_eps: f64,
}

impl Default for ConvolutionalDiscriminator {
    fn default() -> Self {
        Self {
            filters: 32,
            side: 64,
            channels: 3,
            normalisation: Normalisation::Batch,
            leaky_slope: 0.2,
            batch_norm_eps: 1e-5,
        }
    }
}

/// A discriminator of a few numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DenseDiscriminator {
    /// Numbers it takes.
    pub inputs: usize,
    /// Features of every hidden layer.
    pub width: usize,
    /// Hidden layers, each with `ReLU`.
    pub layers: usize,
}

impl Default for DenseDiscriminator {
    fn default() -> Self {
        Self {
            inputs: 2,
            width: 512,
            layers: 3,
        }
    }
}

/// A discriminator of what a latent generator draws.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "kebab-case")]
pub enum LatentDiscriminator {
    /// Of square pictures.
    Convolutional(ConvolutionalDiscriminator),
    /// Of a few numbers.
    Dense(DenseDiscriminator),
}

impl LatentDiscriminator {
    /// Dimensions of what it takes, the batch left out.
    pub fn input_dims(&self) -> Vec<usize> {
        match self {
            Self::Convolutional(c) => vec![c.channels, c.side, c.side],
            Self::Dense(c) => vec![c.inputs],
        }
    }

    /// Rows and columns of its pictures, 1 where it takes none.
    pub const fn side(&self) -> usize {
        match self {
            Self::Convolutional(c) => c.side,
            Self::Dense(_) => 1,
        }
    }

    /// Says which number is outside what can be built.
    ///
    /// # Errors
    /// One line that names it.
    pub fn check(&self) -> Result<(), String> {
        let (counts, shares) = match self {
            Self::Convolutional(c) => (
                vec![
                    ("filters", c.filters, 1, 1024),
                    ("side", c.side, 2 * SMALLEST, 1024),
                    ("channels", c.channels, 1, 64),
                ],
                vec![
                    ("leaky_slope", c.leaky_slope),
                    ("batch_norm_eps", c.batch_norm_eps),
                ],
            ),
            Self::Dense(c) => (
                vec![
                    ("inputs", c.inputs, 1, 1 << 16),
                    ("width", c.width, 1, 1 << 16),
                    ("layers", c.layers, 1, 64),
                ],
                Vec::new(),
            ),
        };
        check("discriminator", &counts, &shares)
    }

    /// Builds it; input `image` (dense: `numbers`), output `logit`.
    ///
    /// Layers: `down.I.{conv,bn,act}, flatten, logit`, or `hidden.I, act.I, logit`.
    ///
    /// # Errors
    /// When `source` cannot give a parameter, or its shape is wrong.
    pub fn build(
        &self,
        source: impl FnMut(&str, Role, &[usize]) -> Result<Tensor, NetworkError>,
    ) -> Result<Network, NetworkError> {
        let mut b = NetworkBuilder::new(source);
        let x = match self {
            Self::Convolutional(config) => config.add(&mut b)?,
            Self::Dense(c) => {
                let x = b.input("numbers", &[c.inputs])?;
                hidden(&mut b, x, c.width, c.layers)?
            }
        };
        let x = b.dense("logit", x, 1, true)?;
        b.output("logit", x);
        b.finish()
    }
}

impl ConvolutionalDiscriminator {
    fn add(&self, b: &mut NetworkBuilder<'_>) -> Result<NodeId, NetworkError> {
        let mut x = b.input("image", &[self.channels, self.side, self.side])?;
        let mut side = self.side;
        for block in 0.. {
            if side == SMALLEST {
                break;
            }
            side /= 2;
            let channels = self.filters * (self.side / side / 2).min(8);
            let name = |part: &str| format!("down.{block}.{part}");
            let normalised = block > 0 && self.normalisation == Normalisation::Batch;
            let conv = ConvSpec::square(4, 2, 1);
            x = b.conv(&name("conv"), x, channels, conv, !normalised)?;
            if normalised {
                x = b.batch_norm(&name("bn"), x, self.batch_norm_eps)?;
            }
            let slope = self.leaky_slope;
            x = b.plain(&name("act"), Op::LeakyRelu { slope }, &[x])?;
        }
        b.plain("flatten", Op::Flatten, &[x])
    }
}
