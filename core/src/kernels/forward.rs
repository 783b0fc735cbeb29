//! The convolution itself.

use super::gather::Gather;
use super::plan::Axis;
use super::shape::ConvShape;
use super::tiles::Level;

/// Convolves `x` `[N, Ci, Hi, Wi]` with `w` `[Co, Ci / groups, kh, kw]` (cross-correlation, as all networks do) and adds
/// `bias` `[Co]`: the output `[N, Co, Ho, Wo]`.
///
/// # Panics
/// When a slice does not have the length that `shape` gives.
pub fn conv2d(shape: &ConvShape, x: &[f32], w: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    conv2d_at(Level::best(), shape, x, w, bias)
}

/// [`conv2d`] with the instruction set `level`.
pub fn conv2d_at(
    level: Level,
    shape: &ConvShape,
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
) -> Vec<f32> {
    assert_eq!(x.len(), shape.x_len(), "input length");
    assert_eq!(w.len(), shape.w_len(), "weight length");
    assert!(
        bias.is_none_or(|b| b.len() == shape.out_channels()),
        "bias length"
    );
    Gather {
        y: Axis::forward(shape, 0),
        x: Axis::forward(shape, 1),
        batch: shape.batch(),
        groups: shape.groups(),
        source_channels: shape.in_per_group(),
        target_channels: shape.out_per_group(),
        source: x,
        weights: w,
        target_stride: shape.in_per_group() * shape.taps(),
        source_stride: shape.taps(),
        bias,
    }
    .run(level)
}
