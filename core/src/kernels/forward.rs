//! The convolution itself, once or prepared for many inputs.

use std::sync::{Arc, Mutex, PoisonError};

use super::finish::{Finish, Target, filled, overwritten};
use super::gather::{Gather, Operands, ReadyGather};
use super::micro::InstructionSet;
use super::plan::Axis;
use super::shape::{ConvShape, ShapeError};
use super::winograd::{self, Algorithm, Direction, PreparedWeights, ReadyTiles};

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

fn check_bias(shape: &ConvShape, bias: Option<&[f32]>) {
    let fits = bias.is_none_or(|b| b.len() == shape.out_channels());
    assert!(fits, "bias length");
}

fn gather(shape: &ConvShape, has_packed_weights: bool) -> Gather {
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

fn tiles(set: InstructionSet, shape: &ConvShape) -> ReadyTiles {
    let channels = [shape.in_channels(), shape.out_channels()];
    ReadyTiles::new(set, Direction::forward(shape), channels)
}

/// A convolution with its weights made ready, for many inputs; the bits are those of [`conv2d`].
#[derive(Debug)]
pub struct PreparedConv {
    set: InstructionSet,
    /// Of one picture.
    shape: ConvShape,
    weights: Weights,
    bias: Option<Vec<f32>>,
    /// The cut of the last run: pictures, threads.
    cut: Mutex<Option<(usize, usize, Arc<Cut>)>>,
}

#[derive(Debug)]
enum Weights {
    Packed(Vec<f32>),
    Transformed(PreparedWeights),
}

#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "there is one for a prepared convolution"
)]
enum Cut {
    Direct(ReadyGather),
    Tiles(ReadyTiles),
}

impl PreparedConv {
    /// Prepares the weights `w` `[Co, Ci / groups, kh, kw]` and the bias `[Co]` for the sizes in `shape`, whose batch does
    /// not matter.
    ///
    /// # Errors
    /// Never for a shape that exists; the type says so for all sizes.
    ///
    /// # Panics
    /// When a slice does not have the length that `shape` gives.
    pub fn new(
        algorithm: Algorithm,
        shape: &ConvShape,
        w: &[f32],
        bias: Option<&[f32]>,
    ) -> Result<Self, ShapeError> {
        assert_eq!(w.len(), shape.w_len(), "weight length");
        check_bias(shape, bias);
        let set = InstructionSet::best();
        let weights = if algorithm == Algorithm::Fastest && winograd::applies(shape) {
            Weights::Transformed(winograd::forward_weights(set, shape, w))
        } else {
            Weights::Packed(gather(shape, true).pack_weights(set, w))
        };
        Ok(Self {
            set,
            shape: shape.with_batch(1)?,
            weights,
            bias: bias.map(<[f32]>::to_vec),
            cut: Mutex::new(None),
        })
    }

    /// The sizes for one picture.
    pub fn shape(&self) -> &ConvShape {
        &self.shape
    }

    /// Convolves `x` `[N, Ci, Hi, Wi]` into `y` `[N, Co, Ho, Wo]` and calls `finish` for every run of `y` that was written.
    /// Allocates nothing when the last call had the same `N` and ran in a pool of as many threads.
    ///
    /// # Errors
    /// When the arrays of so many pictures would be too large.
    ///
    /// # Panics
    /// When a slice does not have the length for a batch of `N`.
    pub fn run(
        &self,
        batch: usize,
        x: &[f32],
        y: &mut [f32],
        finish: Option<Finish<'_>>,
    ) -> Result<(), ShapeError> {
        let shape = self.shape.with_batch(batch)?;
        assert_eq!(x.len(), shape.x_len(), "input length");
        assert_eq!(y.len(), shape.out_len(), "output length");
        let cut = self.cut(&shape);
        let (bias, to) = (self.bias.as_deref(), Target::new(overwritten(y), finish));
        match (&*cut, &self.weights) {
            (Cut::Tiles(tiles), Weights::Transformed(weights)) => tiles.run(weights, bias, x, &to),
            (Cut::Direct(gather), Weights::Packed(weights)) => {
                let operands = Operands {
                    source: x,
                    weights,
                    bias,
                };
                gather.run(operands, &to);
            }
            _ => unreachable!("`cut` follows the weights"),
        }
        Ok(())
    }

    fn cut(&self, shape: &ConvShape) -> Arc<Cut> {
        let threads = rayon::current_num_threads();
        let mut last = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((batch, of, cut)) = &*last
            && (*batch, *of) == (shape.batch(), threads)
        {
            return cut.clone();
        }
        let cut = Arc::new(match &self.weights {
            Weights::Packed(_) => Cut::Direct(gather(shape, true).ready(self.set)),
            Weights::Transformed(_) => Cut::Tiles(tiles(self.set, shape)),
        });
        *last = Some((shape.batch(), threads, cut.clone()));
        cut
    }
}
