//! The two ways through a convolution, forward and transposed, which differ in their axes and in the order of the weights
//! alone.

use super::channels::{self, OrderedConv};
use super::finish::{Target, filled};
use super::gather::{Gather, Operands};
use super::micro::InstructionSet;
use super::plan::Axis;
use super::shape::ConvShape;
use super::winograd::{self, Algorithm, Direction, PreparedWeights, ReadyTiles};

/// From the input to the output, or from the output's gradient to the input's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Forward,
    Transposed,
}

impl Way {
    /// Elements of what is read and of what is written.
    pub(super) fn lens(self, shape: &ConvShape) -> [usize; 2] {
        match self {
            Self::Forward => [shape.x_len(), shape.out_len()],
            Self::Transposed => [shape.out_len(), shape.x_len()],
        }
    }

    /// The direct sum.
    pub(super) fn gather(self, shape: &ConvShape, has_packed_weights: bool) -> Gather {
        let (ins, outs, taps) = (shape.in_per_group(), shape.out_per_group(), shape.taps());
        let (axis, channels, strides): (fn(&ConvShape, usize) -> Axis, _, _) = match self {
            Self::Forward => (Axis::forward, [ins, outs], [taps, ins * taps]),
            Self::Transposed => (Axis::backward, [outs, ins], [ins * taps, taps]),
        };
        Gather {
            y: axis(shape, 0),
            x: axis(shape, 1),
            batch: shape.batch(),
            groups: shape.groups(),
            source_channels: channels[0],
            target_channels: channels[1],
            source_stride: strides[0],
            target_stride: strides[1],
            has_packed_weights,
        }
    }

    /// Winograd's method.
    pub(super) fn tiles(self, set: InstructionSet, shape: &ConvShape) -> ReadyTiles {
        let [ins, outs] = [shape.in_channels(), shape.out_channels()];
        match self {
            Self::Forward => ReadyTiles::new(set, Direction::forward(shape), [ins, outs]),
            Self::Transposed => ReadyTiles::new(set, Direction::backward(shape), [outs, ins]),
        }
    }

    /// The weights for [`Way::tiles`].
    pub(super) fn tile_weights(
        self,
        set: InstructionSet,
        shape: &ConvShape,
        w: &[f32],
    ) -> PreparedWeights {
        match self {
            Self::Forward => winograd::forward_weights(set, shape, w),
            Self::Transposed => winograd::input_gradient_weights(set, shape, w),
        }
    }

    /// Goes this way once.
    ///
    /// # Panics
    /// When a slice does not have the length that `shape` gives.
    pub(super) fn once(
        self,
        set: InstructionSet,
        algorithm: Algorithm,
        shape: &ConvShape,
        operands: Operands<'_>,
    ) -> Vec<f32> {
        let Operands {
            source,
            weights,
            bias,
        } = operands;
        let [from, to] = self.lens(shape);
        assert_eq!(source.len(), from, "input length");
        assert_eq!(weights.len(), shape.w_len(), "weight length");
        check_bias(shape, bias);
        let write = |to: &mut [_]| {
            let to = Target::new(to, None);
            if algorithm == Algorithm::Fastest && winograd::applies(shape) {
                let weights = self.tile_weights(set, shape, weights);
                self.tiles(set, shape).run(&weights, bias, source, &to);
            } else if channels::applies(set, self, shape) {
                let conv = OrderedConv::new(set, self, shape, weights);
                conv.run(&conv.ready(shape), bias, source, &to);
            } else {
                self.gather(shape, false).ready(set).run(operands, &to);
            }
        };
        // SAFETY: both write every output.
        unsafe { filled(to, write) }
    }
}

/// Checks that there is one value per output channel.
pub(super) fn check_bias(shape: &ConvShape, bias: Option<&[f32]>) {
    let fits = bias.is_none_or(|b| b.len() == shape.out_channels());
    assert!(fits, "bias length");
}
