//! The convolution itself.

use super::finish::{Target, filled};
use super::gather::{Gather, Operands};
use super::micro::InstructionSet;
use super::plan::Axis;
use super::shape::ConvShape;
use super::winograd::{self, Algorithm, Direction, ReadyTiles};

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
    assert_eq!(x.len(), shape.x_len(), "input length");
    assert_eq!(w.len(), shape.w_len(), "weight length");
    check_bias(shape, bias);
    let write = |to: &mut [_]| {
        let to = Target::new(to, None);
        if algorithm == Algorithm::Fastest && winograd::applies(shape) {
            let weights = winograd::forward_weights(set, shape, w);
            tiles(set, shape).run(&weights, bias, x, &to);
        } else {
            let operands = Operands {
                source: x,
                weights: w,
                bias,
            };
            gather(shape, false).ready(set).run(operands, &to);
        }
    };
    // SAFETY: both write every output.
    unsafe { filled(shape.out_len(), write) }
}

pub(super) fn check_bias(shape: &ConvShape, bias: Option<&[f32]>) {
    let fits = bias.is_none_or(|b| b.len() == shape.out_channels());
    assert!(fits, "bias length");
}

pub(super) fn gather(shape: &ConvShape, has_packed_weights: bool) -> Gather {
    Gather {
        y: Axis::forward(shape, 0),
        x: Axis::forward(shape, 1),
        batch: shape.batch(),
        groups: shape.groups(),
        source_channels: shape.in_per_group(),
        target_channels: shape.out_per_group(),
        target_stride: shape.in_per_group() * shape.taps(),
        source_stride: shape.taps(),
        has_packed_weights,
    }
}

pub(super) fn tiles(set: InstructionSet, shape: &ConvShape) -> ReadyTiles {
    let channels = [shape.in_channels(), shape.out_channels()];
    ReadyTiles::new(set, Direction::forward(shape), channels)
}
