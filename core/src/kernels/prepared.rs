//! Convolutions with their weights made ready, for many inputs.

use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex, PoisonError};

use super::channels::{self, OrderedConv, ReadyChannels};
use super::finish::{Finish, Target, filled, overwritten};
use super::gather::{Operands, ReadyGather};
use super::micro::InstructionSet;
use super::shape::{ConvShape, ShapeError};
use super::way::{Way, check_bias};
use super::winograd::{self, Algorithm, PreparedWeights, ReadyTiles};

/// A convolution or its transposition with its weights made ready; the bits are those of [`conv2d`](super::conv2d) and
/// [`conv2d_input_gradient`](super::conv2d_input_gradient).
#[derive(Debug)]
pub struct PreparedConv {
    set: InstructionSet,
    /// Of one picture.
    shape: ConvShape,
    way: Way,
    weights: Weights,
    bias: Option<Vec<f32>>,
    /// The cut of the last run: pictures, threads.
    cut: Mutex<Option<(usize, usize, Arc<Cut>)>>,
}

#[derive(Debug)]
enum Weights {
    Packed(Vec<f32>),
    Transformed(PreparedWeights),
    Ordered(OrderedConv),
}

#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "there is one for a prepared convolution"
)]
enum Cut {
    Direct(ReadyGather),
    Tiles(ReadyTiles),
    Channels(ReadyChannels),
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
        Self::prepare(Way::Forward, algorithm, shape, w, bias)
    }

    /// Prepares the transposition: from the gradient at the output of `shape` to that at its input.
    ///
    /// # Errors
    /// As [`PreparedConv::new`].
    ///
    /// # Panics
    /// When a slice does not have the length that `shape` gives.
    pub fn transposed(
        algorithm: Algorithm,
        shape: &ConvShape,
        w: &[f32],
    ) -> Result<Self, ShapeError> {
        Self::prepare(Way::Transposed, algorithm, shape, w, None)
    }

    fn prepare(
        way: Way,
        algorithm: Algorithm,
        shape: &ConvShape,
        w: &[f32],
        bias: Option<&[f32]>,
    ) -> Result<Self, ShapeError> {
        assert_eq!(w.len(), shape.w_len(), "weight length");
        check_bias(shape, bias);
        let set = InstructionSet::best();
        let weights = if algorithm == Algorithm::Fastest && winograd::applies(shape) {
            Weights::Transformed(way.tile_weights(set, shape, w))
        } else if channels::applies(set, way, shape) {
            Weights::Ordered(OrderedConv::new(set, way, shape, w))
        } else {
            Weights::Packed(way.gather(shape, true).pack_weights(set, w))
        };
        Ok(Self {
            set,
            shape: shape.with_batch(1)?,
            way,
            weights,
            bias: bias.map(<[f32]>::to_vec),
            cut: Mutex::new(None),
        })
    }

    /// The sizes for one picture.
    pub fn shape(&self) -> &ConvShape {
        &self.shape
    }

    /// Convolves `x` `[N, Ci, Hi, Wi]` into `y` `[N, Co, Ho, Wo]` (transposed: the other way round) and calls `finish` for
    /// every run of `y` that was written.
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
        assert_eq!(y.len(), self.way.lens(&shape)[1], "output length");
        self.write(&shape, x, overwritten(y), finish);
        Ok(())
    }

    /// [`PreparedConv::run`] into a new vector.
    ///
    /// # Errors
    /// As [`PreparedConv::run`].
    ///
    /// # Panics
    /// As [`PreparedConv::run`].
    pub fn run_new(
        &self,
        batch: usize,
        x: &[f32],
        finish: Option<Finish<'_>>,
    ) -> Result<Vec<f32>, ShapeError> {
        let shape = self.shape.with_batch(batch)?;
        let write = |y: &mut [_]| self.write(&shape, x, y, finish);
        // SAFETY: `write` writes every output.
        Ok(unsafe { filled(self.way.lens(&shape)[1], write) })
    }

    /// Writes all of `y`, which has the length for `shape`.
    fn write(
        &self,
        shape: &ConvShape,
        x: &[f32],
        y: &mut [MaybeUninit<f32>],
        finish: Option<Finish<'_>>,
    ) {
        assert_eq!(x.len(), self.way.lens(shape)[0], "input length");
        let cut = self.cut(shape);
        let (bias, to) = (self.bias.as_deref(), Target::new(y, finish));
        match (&*cut, &self.weights) {
            (Cut::Tiles(tiles), Weights::Transformed(weights)) => tiles.run(weights, bias, x, &to),
            (Cut::Channels(ready), Weights::Ordered(conv)) => conv.run(ready, bias, x, &to),
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
            Weights::Packed(_) => Cut::Direct(self.way.gather(shape, true).ready(self.set)),
            Weights::Ordered(conv) => Cut::Channels(conv.ready(shape)),
            Weights::Transformed(_) => Cut::Tiles(self.way.tiles(self.set, shape)),
        });
        *last = Some((shape.batch(), threads, cut.clone()));
        cut
    }
}
