//! The convolution itself.

use super::gather::Operands;
use super::micro::InstructionSet;
use super::shape::ConvShape;
use super::way::Way;
use super::winograd::Algorithm;

/// Convolves `x` `[N, Ci, Hi, Wi]` with `w` `[Co, Ci / groups, kh, kw]` (cross-correlation, as all networks do) and adds
/// `bias` `[Co]`: the output `[N, Co, Ho, Wo]`, by `algorithm`.
///
/// # Panics
/// When a slice does not have the length that `shape` gives.
pub fn conv2d(
    algorithm: Algorithm,
    shape: &ConvShape,
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
) -> Vec<f32> {
    conv2d_with(InstructionSet::best(), algorithm, shape, x, w, bias)
}

/// [`conv2d`] with the instruction set `set`.
pub fn conv2d_with(
    set: InstructionSet,
    algorithm: Algorithm,
    shape: &ConvShape,
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
) -> Vec<f32> {
    let operands = Operands {
        source: x,
        weights: w,
        bias,
    };
    Way::Forward.once(set, algorithm, shape, operands)
}
