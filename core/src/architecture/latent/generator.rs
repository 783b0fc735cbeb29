//! The generators.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::{Enlarge, Normalisation, SMALLEST, check, hidden};
use crate::network::{
    ConvSpec, Network, NetworkBuilder, NetworkError, NodeId, Op, Role, UpsampleMode,
};

/// A generator of square pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConvolutionalGenerator {
    /// Numbers of the latent.
    pub latents: usize,
    /// Channels at full size; twice as many at each smaller one, 8 times as many at the most.
    pub filters: usize,
    /// Rows and columns of the picture, a power of two, 8 at the least.
    pub side: usize,
    /// Channels of the picture.
    pub channels: usize,
    /// How rows and columns double.
    pub enlarge: Enlarge,
    /// Normalisation before every activation but the last.
    pub normalisation: Normalisation,
    /// Added to the variance in batch normalisation.
    pub batch_norm_eps: f64,
}

impl Default for ConvolutionalGenerator {
    fn default() -> Self {
        Self {
            latents: 64,
            filters: 16,
            side: 64,
            channels: 3,
            enlarge: Enlarge::Nearest,
            normalisation: Normalisation::Batch,
            batch_norm_eps: 1e-5,
        }
    }
}

/// A generator of a few numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DenseGenerator {
    /// Numbers of the latent.
    pub latents: usize,
    /// Features of every hidden layer.
    pub width: usize,
    /// Hidden layers, each with `ReLU`.
    pub layers: usize,
    /// Numbers it emits.
    pub outputs: usize,
}

impl Default for DenseGenerator {
    fn default() -> Self {
        Self {
            latents: 2,
            width: 512,
            layers: 3,
            outputs: 2,
        }
    }
}

/// A generator that draws from a latent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "kebab-case")]
pub enum LatentGenerator {
    /// Of square pictures.
    Convolutional(ConvolutionalGenerator),
    /// Of a few numbers.
    Dense(DenseGenerator),
}

impl LatentGenerator {
    /// Numbers of its latent.
    pub const fn latents(&self) -> usize {
        match self {
            Self::Convolutional(c) => c.latents,
            Self::Dense(c) => c.latents,
        }
    }

    /// Dimensions of what it emits, the batch left out.
    pub fn output_dims(&self) -> Vec<usize> {
        match self {
            Self::Convolutional(c) => vec![c.channels, c.side, c.side],
            Self::Dense(c) => vec![c.outputs],
        }
    }

    /// Rows and columns of its pictures, 1 where it emits none.
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
        let (counts, eps) = match self {
            Self::Convolutional(c) => (
                vec![
                    ("latents", c.latents, 1, 1 << 16),
                    ("filters", c.filters, 1, 1024),
                    ("side", c.side, 2 * SMALLEST, 1024),
                    ("channels", c.channels, 1, 64),
                ],
                c.batch_norm_eps,
            ),
            Self::Dense(c) => (
                vec![
                    ("latents", c.latents, 1, 1 << 16),
                    ("width", c.width, 1, 1 << 16),
                    ("layers", c.layers, 1, 64),
                    ("outputs", c.outputs, 1, 1 << 16),
                ],
                0.0,
            ),
        };
        check("generator", &counts, &[("batch_norm_eps", eps)])
    }

    /// Builds it; input `z`, output `image` (dense: `numbers`).
    ///
    /// Layers: `project, start, up.I.{enlarge,conv,bn,act}, out, tanh`, or `hidden.I, act.I, out`.
    ///
    /// # Errors
    /// When `source` cannot give a parameter, or its shape is wrong.
    pub fn build(
        &self,
        source: impl FnMut(&str, Role, &[usize]) -> Result<Tensor, NetworkError>,
    ) -> Result<Network, NetworkError> {
        let mut b = NetworkBuilder::new(source);
        let z = b.input("z", &[self.latents()])?;
        match self {
            Self::Convolutional(config) => config.add(&mut b, z)?,
            Self::Dense(c) => {
                let x = hidden(&mut b, z, c.width, c.layers)?;
                let x = b.dense("out", x, c.outputs, true)?;
                b.output("numbers", x);
            }
        }
        b.finish()
    }
}

impl ConvolutionalGenerator {
    /// Channels where the picture has `side` rows.
    fn channels_at(&self, side: usize) -> usize {
        self.filters * (self.side / side).min(8)
    }

    fn add(&self, b: &mut NetworkBuilder<'_>, z: NodeId) -> Result<(), NetworkError> {
        let mut side = SMALLEST;
        let channels = self.channels_at(side);
        let x = b.dense("project", z, channels * side * side, true)?;
        let dims = vec![channels, side, side];
        let x = b.plain("start", Op::Reshape { dims }, &[x])?;
        let mut x = self.activate(b, "start", x)?;
        for block in 0.. {
            if side == self.side {
                break;
            }
            side *= 2;
            let name = format!("up.{block}");
            x = self.enlarge(b, &name, x, self.channels_at(side))?;
            x = self.activate(b, &name, x)?;
        }
        let conv = ConvSpec::square(3, 1, 1);
        let x = b.conv("out", x, self.channels, conv, true)?;
        let x = b.plain("tanh", Op::Tanh, &[x])?;
        b.output("image", x);
        Ok(())
    }

    fn enlarge(
        &self,
        b: &mut NetworkBuilder<'_>,
        name: &str,
        x: NodeId,
        channels: usize,
    ) -> Result<NodeId, NetworkError> {
        let layer = format!("{name}.conv");
        let bias = self.normalisation == Normalisation::None;
        match self.enlarge {
            Enlarge::Nearest => {
                let op = Op::Upsample {
                    scale: [2, 2],
                    mode: UpsampleMode::Nearest,
                };
                let x = b.plain(&format!("{name}.enlarge"), op, &[x])?;
                b.conv(&layer, x, channels, ConvSpec::square(3, 1, 1), bias)
            }
            Enlarge::Transposed => {
                let conv = ConvSpec::square(4, 2, 1);
                b.conv_transpose(&layer, x, channels, conv, [0, 0], bias)
            }
        }
    }

    fn activate(
        &self,
        b: &mut NetworkBuilder<'_>,
        name: &str,
        x: NodeId,
    ) -> Result<NodeId, NetworkError> {
        let x = match self.normalisation {
            Normalisation::None => x,
            Normalisation::Batch => b.batch_norm(&format!("{name}.bn"), x, self.batch_norm_eps)?,
        };
        b.plain(&format!("{name}.act"), Op::Relu, &[x])
    }
}
