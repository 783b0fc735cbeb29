//! The gradient of a convolution with respect to its input, which is also the transposed convolution.

use super::finish::{Target, filled};
use super::gather::{Gather, Operands};
use super::micro::InstructionSet;
use super::plan::Axis;
use super::shape::ConvShape;
use super::winograd::{self, Algorithm, Direction, ReadyTiles};

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
    assert_eq!(g.len(), shape.out_len(), "output gradient length");
    assert_eq!(w.len(), shape.w_len(), "weight length");
    let write = |to: &mut [_]| {
        let to = Target::new(to, None);
        if algorithm == Algorithm::Fastest && winograd::applies(shape) {
            let weights = winograd::input_gradient_weights(set, shape, w);
            tiles(set, shape).run(&weights, None, g, &to);
        } else {
            let operands = Operands {
                source: g,
                weights: w,
                bias: None,
            };
            gather(shape, false).ready(set).run(operands, &to);
        }
    };
    // SAFETY: both write the gradient of every input.
    unsafe { filled(shape.x_len(), write) }
}

pub(super) fn tiles(set: InstructionSet, shape: &ConvShape) -> ReadyTiles {
    let channels = [shape.out_channels(), shape.in_channels()];
    ReadyTiles::new(set, Direction::backward(shape), channels)
}

pub(super) fn gather(shape: &ConvShape, has_packed_weights: bool) -> Gather {
    Gather {
        y: Axis::backward(shape, 0),
        x: Axis::backward(shape, 1),
        batch: shape.batch(),
        groups: shape.groups(),
        source_channels: shape.out_per_group(),
        target_channels: shape.in_per_group(),
        target_stride: shape.taps(),
        source_stride: shape.in_per_group() * shape.taps(),
        has_packed_weights,
    }
}
