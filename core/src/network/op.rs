//! The closed set of operations a network is made of, as plain data without tensors.
//!
//! Invariant: every `match` over [`Op`] in this crate is exhaustive, so an operation cannot be added without its facts,
//! its forward pass and its pullback.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ConvSpec, Padding, PoolSpec};

/// How an image is enlarged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum UpsampleMode {
    /// Each pixel is repeated.
    Nearest,
    /// Bilinear, `align_corners` as in PyTorch.
    Bilinear {
        /// Whether the corner pixels' centres coincide.
        align_corners: bool,
    },
}

/// A function of every element, for what activations are put together from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Function {
    /// `exp(x)`.
    Exp,
    /// The natural logarithm; not a number below zero.
    Log,
    /// The square root; not a number below zero.
    Sqrt,
    /// The error function, `2 / sqrt(pi)` times the integral of `exp(-t^2)` from 0 to x.
    Erf,
    /// `1 / x`; infinite at zero.
    Reciprocal,
}

/// One operation. Shapes in the comments leave out the batch axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Op {
    /// A network input of the given dimensions.
    Input {
        /// Dimensions without the batch axis.
        dims: Vec<usize>,
    },
    /// A stored tensor (role `Value`), the same for every sample of the batch.
    Constant,
    /// Returns its input (dropout at inference).
    Identity,
    /// Cross-correlation, `[Ci, H, W] -> [Co, H', W']`; weight `[Co, Ci / groups, kh, kw]`, bias `[Co]` or a map `[Co, H', W']`.
    Conv2d(ConvSpec),
    /// Transposed convolution; weight `[Ci, Co / groups, kh, kw]`, bias `[Co]`.
    ConvTranspose2d {
        /// Geometry of the convolution it transposes.
        conv: ConvSpec,
        /// Extra rows and columns at the far side.
        output_padding: [usize; 2],
    },
    /// `[F] -> [G]`; weight `[G, F]`, bias `[G]`.
    Dense,
    /// Per-channel normalisation with stored (inference) or batch (training) statistics.
    BatchNorm {
        /// Added to the variance.
        eps: f64,
    },
    /// Normalisation of every channel of every sample by its own mean and variance; weight and bias optional.
    InstanceNorm {
        /// Added to the variance.
        eps: f64,
    },
    /// Division by the root mean square over channels (progressive GAN).
    PixelNorm {
        /// Added to the mean square.
        eps: f64,
    },
    /// `max(x, 0)`.
    Relu,
    /// `x` or `slope * x` below zero.
    LeakyRelu {
        /// Slope below zero.
        slope: f64,
    },
    /// Learned slope below zero: role `Slope`, `[1]`, per channel `[C]` or per element `[C, H, W]`.
    Prelu,
    /// Hyperbolic tangent.
    Tanh,
    /// Logistic function.
    Sigmoid,
    /// `x` or `alpha (exp(x) - 1)` below zero.
    Elu {
        /// Negative saturation.
        alpha: f64,
    },
    /// `x * sigmoid(x)`.
    Silu,
    /// `ln(1 + exp(x))`.
    Softplus,
    /// Another function of every element.
    Function(Function),
    /// Sum of two inputs with broadcasting.
    Add,
    /// Product of two inputs with broadcasting.
    Mul,
    /// Joins its inputs along an axis (0 is the channel axis).
    Concat {
        /// Axis without counting the batch.
        axis: usize,
    },
    /// Enlarges rows and columns.
    Upsample {
        /// Output rows over input rows and output columns over input columns.
        scale: [usize; 2],
        /// Nearest or bilinear.
        mode: UpsampleMode,
    },
    /// `[C r r, H, W] -> [C, H r, W r]`.
    PixelShuffle {
        /// The factor r.
        factor: usize,
    },
    /// Mean over windows.
    AvgPool(PoolSpec),
    /// Maximum over windows.
    MaxPool(PoolSpec),
    /// Mean over all rows and columns, `[C, H, W] -> [C, 1, 1]`.
    GlobalAvgPool,
    /// Maximum over all rows and columns, `[C, H, W] -> [C, 1, 1]`.
    GlobalMaxPool,
    /// Gives new dimensions to the same elements.
    Reshape {
        /// Dimensions without the batch axis.
        dims: Vec<usize>,
    },
    /// All elements in one axis, in C, H, W order.
    Flatten,
    /// Adds rows and columns of a constant.
    Pad {
        /// How many.
        padding: Padding,
        /// Their value.
        value: f64,
    },
    /// Keeps `start..end` of an axis (0 is the channel axis).
    Slice {
        /// Axis without counting the batch.
        axis: usize,
        /// First index kept.
        start: usize,
        /// One past the last index kept.
        end: usize,
    },
    /// Takes indices of an axis (0 is the channel axis) in any order, also repeatedly: steps, mirrored borders, shuffled
    /// channels.
    Select {
        /// Axis without counting the batch.
        axis: usize,
        /// For every index of the result the one it is taken from.
        indices: Vec<usize>,
    },
    /// Reorders the axes.
    Transpose {
        /// For every axis of the result the one it was, without counting the batch.
        order: Vec<usize>,
    },
}

impl Op {
    /// The name of the operation alone.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Input { .. } => "Input",
            Self::Constant => "Constant",
            Self::Identity => "Identity",
            Self::Conv2d(_) => "Conv2d",
            Self::ConvTranspose2d { .. } => "ConvTranspose2d",
            Self::Dense => "Dense",
            Self::BatchNorm { .. } => "BatchNorm",
            Self::InstanceNorm { .. } => "InstanceNorm",
            Self::PixelNorm { .. } => "PixelNorm",
            Self::Relu => "ReLU",
            Self::LeakyRelu { .. } => "LeakyReLU",
            Self::Prelu => "PReLU",
            Self::Tanh => "Tanh",
            Self::Sigmoid => "Sigmoid",
            Self::Elu { .. } => "ELU",
            Self::Silu => "SiLU",
            Self::Softplus => "Softplus",
            Self::Function(Function::Exp) => "Exp",
            Self::Function(Function::Log) => "Log",
            Self::Function(Function::Sqrt) => "Sqrt",
            Self::Function(Function::Erf) => "Erf",
            Self::Function(Function::Reciprocal) => "Reciprocal",
            Self::Add => "Add",
            Self::Mul => "Mul",
            Self::Concat { .. } => "Concat",
            Self::Upsample { .. } => "Upsample",
            Self::PixelShuffle { .. } => "PixelShuffle",
            Self::AvgPool(_) => "AvgPool",
            Self::MaxPool(_) => "MaxPool",
            Self::GlobalAvgPool => "GlobalAvgPool",
            Self::GlobalMaxPool => "GlobalMaxPool",
            Self::Reshape { .. } => "Reshape",
            Self::Flatten => "Flatten",
            Self::Pad { .. } => "Pad",
            Self::Slice { .. } => "Slice",
            Self::Select { .. } => "Select",
            Self::Transpose { .. } => "Transpose",
        }
    }

    /// Whether the output is linear (affine) in one input with learned weights: the operations that LRP rules treat.
    pub const fn is_weighted(&self) -> bool {
        matches!(
            self,
            Self::Conv2d(_) | Self::ConvTranspose2d { .. } | Self::Dense
        )
    }

    /// Whether it is an element-wise non-linearity of one input.
    pub const fn is_activation(&self) -> bool {
        matches!(
            self,
            Self::Relu
                | Self::LeakyRelu { .. }
                | Self::Prelu
                | Self::Tanh
                | Self::Sigmoid
                | Self::Elu { .. }
                | Self::Silu
                | Self::Softplus
                | Self::Function(_)
        )
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        match self {
            Self::Conv2d(conv) | Self::ConvTranspose2d { conv, .. } => {
                write!(f, " {}x{}", conv.kernel[0], conv.kernel[1])?;
                if conv.stride != [1, 1] {
                    write!(f, " /{}", conv.stride[0])?;
                }
                if conv.dilation != [1, 1] {
                    write!(f, " dilation {}", conv.dilation[0])?;
                }
                if conv.groups != 1 {
                    write!(f, " groups {}", conv.groups)?;
                }
                Ok(())
            }
            Self::LeakyRelu { slope } => write!(f, " {slope}"),
            Self::Elu { alpha } => write!(f, " {alpha}"),
            Self::Upsample { scale, mode } => {
                let mode = if *mode == UpsampleMode::Nearest {
                    "nearest"
                } else {
                    "bilinear"
                };
                write!(f, " x{} {mode}", scale[0])
            }
            Self::PixelShuffle { factor } => write!(f, " x{factor}"),
            Self::AvgPool(pool) | Self::MaxPool(pool) => {
                write!(f, " {}x{}", pool.kernel[0], pool.kernel[1])
            }
            Self::Slice { axis, start, end } => write!(f, " axis {axis} {start}..{end}"),
            Self::Select { axis, indices } => write!(f, " axis {axis}, {} indices", indices.len()),
            Self::Transpose { order } => write!(f, " {order:?}"),
            _ => Ok(()),
        }
    }
}
