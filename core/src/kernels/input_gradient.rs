//! The gradient of a convolution with respect to its input, which is also the transposed convolution.

use super::gather::Gather;
use super::plan::Axis;
use super::shape::ConvShape;
use super::tiles::Level;

/// Pulls `g` `[N, Co, Ho, Wo]`, the gradient at the output, back through the weights `[Co, Ci / groups, kh, kw]` to the
/// input: `[N, Ci, Hi, Wi]`.
///
/// This is also the forward pass of a transposed convolution with the shape [`ConvShape::transposed`].
///
/// # Panics
/// When a slice does not have the length that `shape` gives.
pub fn conv2d_input_gradient(shape: &ConvShape, g: &[f32], w: &[f32]) -> Vec<f32> {
    conv2d_input_gradient_at(Level::best(), shape, g, w)
}

/// [`conv2d_input_gradient`] with the instruction set `level`.
pub fn conv2d_input_gradient_at(level: Level, shape: &ConvShape, g: &[f32], w: &[f32]) -> Vec<f32> {
    assert_eq!(g.len(), shape.out_len(), "output gradient length");
    assert_eq!(w.len(), shape.w_len(), "weight length");
    Gather {
        y: Axis::backward(shape, 0),
        x: Axis::backward(shape, 1),
        batch: shape.batch(),
        groups: shape.groups(),
        source_channels: shape.out_per_group(),
        target_channels: shape.in_per_group(),
        source: g,
        weights: w,
        target_stride: shape.taps(),
        source_stride: shape.in_per_group() * shape.taps(),
        bias: None,
    }
    .run(level)
}
