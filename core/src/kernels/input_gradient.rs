//! The gradient of a convolution with respect to its input, which is also the transposed convolution.

use super::gather::Operands;
use super::micro::InstructionSet;
use super::shape::ConvShape;
use super::way::Way;
use super::winograd::Algorithm;

/// Pulls `g` `[N, Co, Ho, Wo]`, the gradient at the output, back through the weights `[Co, Ci / groups, kh, kw]` to the
/// input: `[N, Ci, Hi, Wi]`, by `algorithm`.
///
/// This is also the forward pass of a transposed convolution with the shape [`ConvShape::transposed`].
///
/// # Panics
/// When a slice does not have the length that `shape` gives.
pub fn conv2d_input_gradient(
    algorithm: Algorithm,
    shape: &ConvShape,
    g: &[f32],
    w: &[f32],
) -> Vec<f32> {
    conv2d_input_gradient_with(InstructionSet::best(), algorithm, shape, g, w)
}

/// [`conv2d_input_gradient`] with the instruction set `set`.
pub fn conv2d_input_gradient_with(
    set: InstructionSet,
    algorithm: Algorithm,
    shape: &ConvShape,
    g: &[f32],
    w: &[f32],
) -> Vec<f32> {
    let operands = Operands {
        source: g,
        weights: w,
        bias: None,
    };
    Way::Transposed.once(set, algorithm, shape, operands)
}
