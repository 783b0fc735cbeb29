//! The description of a network apart from its weights: layers by name, each with its operation, the layers it reads and
//! the keys of its parameters. Families infer one from the tensors, a person writes or corrects one as `model.toml`, and
//! both are built by the same code.

mod build;
mod graph;
mod read;
mod write;

#[cfg(test)]
mod tests;

use crate::checkpoint::NetworkRole;
use crate::network::{Op, Padding, PoolSpec, Role};
use crate::stamp::ValueRange;

/// What is added to the name of a weights file to name its description.
pub(super) const SUFFIX: &str = ".model.toml";

/// A network described.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Blueprint {
    /// What a person calls it.
    pub(super) family: String,
    /// Which of the two networks of a GAN it is.
    pub(super) role: NetworkRole,
    /// The weights file that a description which is opened by itself is for.
    pub(super) weights: Option<String>,
    /// Range of the pixels it takes, where it is known.
    pub(super) input_range: Option<ValueRange>,
    /// Range of the pixels it emits, where it is known.
    pub(super) output_range: Option<ValueRange>,
    /// Name and dimensions (batch left out) of every input.
    pub(super) inputs: Vec<Port>,
    /// The layers; each reads inputs and layers before it.
    pub(super) layers: Vec<Layer>,
    /// Name of every output and the layer whose value it is.
    pub(super) outputs: Vec<(String, String)>,
}

/// An input of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) name: String,
    pub(super) dims: Vec<usize>,
    /// Why the dimensions may be wrong.
    pub(super) doubt: Option<&'static str>,
    /// Its line in the file it was read from.
    pub(super) line: Option<usize>,
}

/// One layer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layer {
    pub(super) name: String,
    /// Names of the layers it reads.
    pub(super) inputs: Vec<String>,
    pub(super) op: LayerOp,
    /// Roles and keys of its parameters.
    pub(super) params: Vec<(Role, String)>,
    /// Fields that the tensors do not show, and why they were taken so.
    pub(super) doubts: Vec<(&'static str, &'static str)>,
    /// Its line in the file it was read from.
    pub(super) line: Option<usize>,
}

/// An operation before the sizes are known: kernels come from the weights, and padding may depend on the input.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum LayerOp {
    /// A convolution.
    Conv(Geometry),
    /// A transposed convolution, with rows and columns added at the far side.
    ConvTranspose(Geometry, [usize; 2]),
    /// Mean over windows; the padding of the windows is in the geometry.
    AvgPool(PoolSpec),
    /// Maximum over windows.
    MaxPool(PoolSpec),
    /// A stored tensor, reshaped to these dimensions where they are given.
    Constant(Option<Vec<usize>>),
    /// Its input times a number.
    Scale(f64),
    /// An operation that needs nothing more.
    Plain(Op),
}

/// Geometry of a convolution without its kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) stride: [usize; 2],
    pub(super) padding: Pad,
    pub(super) dilation: [usize; 2],
    pub(super) groups: usize,
}

/// Padding of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pad {
    /// TensorFlow's SAME.
    Same,
    /// So many rows and columns.
    Sides(Padding),
}

impl Geometry {
    /// Equal steps and equal padding on all sides.
    pub(super) const fn square(stride: usize, padding: usize) -> Self {
        Self {
            stride: [stride, stride],
            padding: Pad::Sides(Padding::all(padding)),
            dilation: [1, 1],
            groups: 1,
        }
    }
}
