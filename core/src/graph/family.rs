//! What kind of work an operation does, coarsely: what the drawing of a network marks with a shape and a colour.

use crate::network::Op;

/// A family of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// What the network is given, and constants.
    Source,
    /// Convolutions, transposed ones too.
    Convolution,
    /// Dense layers.
    Dense,
    /// Normalisation.
    Normalisation,
    /// Element-wise non-linearities.
    Activation,
    /// Sums, products and joins of several values.
    Join,
    /// Enlarging, pooling and pixel shuffling.
    Resampling,
    /// The same elements in another arrangement, or some of them.
    Arrangement,
}

impl Family {
    /// All families, in the order of a legend.
    pub const ALL: [Self; 8] = [
        Self::Source,
        Self::Convolution,
        Self::Dense,
        Self::Normalisation,
        Self::Activation,
        Self::Join,
        Self::Resampling,
        Self::Arrangement,
    ];

    /// The family of an operation.
    pub const fn of(op: &Op) -> Self {
        match op {
            Op::Input { .. } | Op::Constant => Self::Source,
            Op::Conv2d(_) | Op::ConvTranspose2d { .. } => Self::Convolution,
            Op::Dense => Self::Dense,
            Op::BatchNorm { .. } | Op::InstanceNorm { .. } | Op::PixelNorm { .. } => {
                Self::Normalisation
            }
            Op::Relu
            | Op::LeakyRelu { .. }
            | Op::Prelu
            | Op::Tanh
            | Op::Sigmoid
            | Op::Elu { .. }
            | Op::Silu
            | Op::Softplus
            | Op::Function(_) => Self::Activation,
            Op::Add | Op::Mul | Op::Concat { .. } => Self::Join,
            Op::Upsample { .. }
            | Op::PixelShuffle { .. }
            | Op::AvgPool(_)
            | Op::MaxPool(_)
            | Op::GlobalAvgPool
            | Op::GlobalMaxPool => Self::Resampling,
            Op::Identity
            | Op::Reshape { .. }
            | Op::Flatten
            | Op::Pad { .. }
            | Op::Slice { .. }
            | Op::Select { .. }
            | Op::Transpose { .. } => Self::Arrangement,
        }
    }

    /// What a legend calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "input",
            Self::Convolution => "convolution",
            Self::Dense => "dense",
            Self::Normalisation => "normalisation",
            Self::Activation => "activation",
            Self::Join => "sum or join",
            Self::Resampling => "resampling",
            Self::Arrangement => "arrangement",
        }
    }

    /// Its position in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}
