//! The branched galaxy deblender (Reiman and Goehre 2019, MNRAS 485:2617, arXiv 1810.10098) and its discriminator.
//!
//! The generator takes a blend `[3, H, W]` in `[0, 1]` and emits two galaxies `[3, H, W]` in `[-1, 1]`; the
//! discriminator takes a galaxy in `[-1, 1]` and emits one logit, positive for "ground truth".

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::network::{ConvSpec, Network, NetworkBuilder, NetworkError, NodeId, Op, Padding, Role};

/// How many slopes a `PReLU` has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PreluKind {
    /// One per channel.
    #[default]
    PerChannel,
    /// One per channel, row and column (Keras default, used in the publication).
    PerElement,
}

/// Where a stride-2 convolution puts the single row and column of padding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaddingConvention {
    /// One on every side (PyTorch).
    #[default]
    Symmetric,
    /// TensorFlow's SAME: on the far side only when stride 2 meets an even size.
    TfSame,
}

/// Parameters of the branched generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeneratorConfig {
    /// Channels of every inner layer; 64 in the publication.
    pub filters: usize,
    /// Residual blocks before the split; 10 in the publication.
    pub root_blocks: usize,
    /// Residual blocks of each branch; 6 in the publication.
    pub branch_blocks: usize,
    /// Rows and columns of the stamp.
    pub stamp_size: usize,
    /// Kind of `PReLU`.
    pub prelu: PreluKind,
    /// Two channels with each pixel's place beside the colours, so that the network can tell the centred galaxy.
    pub position_channels: bool,
    /// Added to the variance in batch normalisation.
    pub batch_norm_eps: f64,
    /// Steps between the taps of the 3x3 kernels in the residual blocks before the split, block by block, and again from
    /// the start when there are more blocks. Empty: 1 throughout, as published.
    ///
    /// Larger steps let a pixel see more of the stamp at the same cost: a pixel of a published network of the same depth
    /// does not see far enough to know whose light it holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub root_dilations: Vec<usize>,
    /// The same for the blocks of each branch.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub branch_dilations: Vec<usize>,
}

impl Default for GeneratorConfig {
    fn default() -> Self {
        Self {
            filters: 64,
            root_blocks: 10,
            branch_blocks: 6,
            stamp_size: 80,
            prelu: PreluKind::PerElement,
            position_channels: false,
            batch_norm_eps: 1e-3,
            root_dilations: Vec::new(),
            branch_dilations: Vec::new(),
        }
    }
}

/// Parameters of the discriminator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiscriminatorConfig {
    /// Channels of the first layer, doubled three times; 64 in the publication.
    pub filters: usize,
    /// Features of the hidden dense layer; 1024 in the publication.
    pub dense: usize,
    /// Rows and columns of the stamp.
    pub stamp_size: usize,
    /// Padding of the stride-2 convolutions.
    pub padding: PaddingConvention,
    /// Slope of the leaky activations below zero; 0.3 in Keras.
    pub leaky_slope: f64,
    /// Added to the variance in batch normalisation.
    pub batch_norm_eps: f64,
}

impl Default for DiscriminatorConfig {
    fn default() -> Self {
        Self {
            filters: 64,
            dense: 1024,
            stamp_size: 80,
            padding: PaddingConvention::Symmetric,
            leaky_slope: 0.3,
            batch_norm_eps: 1e-3,
        }
    }
}

/// Builds the generator; inputs `blend`, outputs `galaxy1` and `galaxy2`.
///
/// Layers: `conv_in, act_in, root.I.{conv1,bn1,act,conv2,bn2,add}, conv_root, bn_root, add_root,
/// branchB.I.{...}, outB, tanhB`.
///
/// # Errors
/// When `source` cannot give a parameter, or its shape is wrong.
pub fn generator(
    config: &GeneratorConfig,
    mut source: impl FnMut(&str, Role, &[usize]) -> Result<Tensor, NetworkError>,
) -> Result<Network, NetworkError> {
    let size = config.stamp_size;
    let mut builder = NetworkBuilder::new(move |key, role, dims| match role {
        Role::Value => Ok(position_channels(dims)?),
        _ => source(key, role, dims),
    });
    let blend = builder.input("blend", &[3, size, size])?;
    let mut stem = blend;
    if config.position_channels {
        let place = builder.constant("position", &[2, size, size])?;
        stem = builder.plain("with_position", Op::Concat { axis: 0 }, &[blend, place])?;
    }
    let b = &mut builder;
    let stem = b.conv(
        "conv_in",
        stem,
        config.filters,
        ConvSpec::square(9, 1, 4),
        true,
    )?;
    let stem = prelu(b, config, "act_in", stem)?;
    let mut x = stem;
    for i in 0..config.root_blocks {
        let dilation = dilation_of(&config.root_dilations, i);
        x = residual_block(b, config, &format!("root.{i}"), x, dilation)?;
    }
    let x = b.conv(
        "conv_root",
        x,
        config.filters,
        ConvSpec::square(3, 1, 1),
        true,
    )?;
    let x = b.batch_norm("bn_root", x, config.batch_norm_eps)?;
    let split = b.plain("add_root", Op::Add, &[stem, x])?;
    for branch in 1..=2 {
        let mut x = split;
        for i in 0..config.branch_blocks {
            let dilation = dilation_of(&config.branch_dilations, i);
            x = residual_block(b, config, &format!("branch{branch}.{i}"), x, dilation)?;
        }
        let x = b.conv(
            &format!("out{branch}"),
            x,
            3,
            ConvSpec::square(9, 1, 4),
            true,
        )?;
        let x = b.plain(&format!("tanh{branch}"), Op::Tanh, &[x])?;
        b.output(&format!("galaxy{branch}"), x);
    }
    builder.finish()
}

/// Steps between the taps of block `i`.
fn dilation_of(dilations: &[usize], i: usize) -> usize {
    match dilations.len() {
        0 => 1,
        blocks => dilations[i % blocks],
    }
}

/// Rows and columns of every pixel from -1 to 1: `[2, H, W]`, rows first.
///
/// # Errors
/// When the tensor cannot be made.
pub fn position_channels(dims: &[usize]) -> Result<Tensor, candle_core::Error> {
    let &[2, h, w] = dims else {
        candle_core::bail!("position channels are [2, H, W], not {dims:?}")
    };
    let place = |i: usize, n: usize| (2.0 * i as f32 + 1.0) / n as f32 - 1.0;
    let rows = (0..h).flat_map(|y| std::iter::repeat_n(place(y, h), w));
    let columns = (0..h).flat_map(|_| (0..w).map(|x| place(x, w)));
    Tensor::from_iter(rows.chain(columns), &Device::Cpu)?
        .reshape((2, h, w))?
        .to_dtype(DType::F32)
}

fn prelu(
    b: &mut NetworkBuilder<'_>,
    config: &GeneratorConfig,
    name: &str,
    x: NodeId,
) -> Result<NodeId, NetworkError> {
    let size = config.stamp_size;
    match config.prelu {
        PreluKind::PerChannel => b.prelu(name, x, &[config.filters]),
        PreluKind::PerElement => b.prelu(name, x, &[config.filters, size, size]),
    }
}

fn residual_block(
    b: &mut NetworkBuilder<'_>,
    config: &GeneratorConfig,
    name: &str,
    input: NodeId,
    dilation: usize,
) -> Result<NodeId, NetworkError> {
    let conv = ConvSpec {
        dilation: [dilation; 2],
        ..ConvSpec::square(3, 1, dilation)
    };
    let x = b.conv(&format!("{name}.conv1"), input, config.filters, conv, true)?;
    let x = b.batch_norm(&format!("{name}.bn1"), x, config.batch_norm_eps)?;
    let x = prelu(b, config, &format!("{name}.act"), x)?;
    let x = b.conv(&format!("{name}.conv2"), x, config.filters, conv, true)?;
    let x = b.batch_norm(&format!("{name}.bn2"), x, config.batch_norm_eps)?;
    b.plain(&format!("{name}.add"), Op::Add, &[input, x])
}

/// Builds the discriminator; input `galaxy`, output `logit`.
///
/// Layers: `net.convI, net.actI, net.bnI` (normalisation after the activation, none for I = 0), `net.flatten, net.fc1,
/// net.act_fc1, net.fc2`.
///
/// # Errors
/// When `source` cannot give a parameter, or its shape is wrong.
pub fn discriminator(
    config: &DiscriminatorConfig,
    source: impl FnMut(&str, Role, &[usize]) -> Result<Tensor, NetworkError>,
) -> Result<Network, NetworkError> {
    let mut b = NetworkBuilder::new(source);
    let mut size = config.stamp_size;
    let mut x = b.input("galaxy", &[3, size, size])?;
    let slope = config.leaky_slope;
    for i in 0..8 {
        let channels = config.filters << (i / 2);
        let stride = 1 + i % 2;
        let mut conv = ConvSpec::square(3, stride, 1);
        if config.padding == PaddingConvention::TfSame {
            conv.padding = Padding::same([size, size], [3, 3], [stride, stride], [1, 1]);
        }
        x = b.conv(&format!("net.conv{i}"), x, channels, conv, true)?;
        x = b.plain(&format!("net.act{i}"), Op::LeakyRelu { slope }, &[x])?;
        if i > 0 {
            x = b.batch_norm(&format!("net.bn{i}"), x, config.batch_norm_eps)?;
        }
        size = size.div_ceil(stride);
    }
    x = b.plain("net.flatten", Op::Flatten, &[x])?;
    x = b.dense("net.fc1", x, config.dense, true)?;
    x = b.plain("net.act_fc1", Op::LeakyRelu { slope }, &[x])?;
    x = b.dense("net.fc2", x, 1, true)?;
    b.output("logit", x);
    b.finish()
}
