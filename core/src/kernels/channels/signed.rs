//! Convolutions whose positive and negative weights are taken apart: `w+ * a + w- * b` of two inputs, and `w+' s` beside
//! `w-' s` of one. Rules of relevance consist of these.
//!
//! Each part is a sum of its own, with zeros for the weights of the other sign: no rounding comes in by taking the difference
//! of sums of both.
//!
//! Invariant: each target element is summed in one order that depends on the sizes of one picture alone.

use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex, PoisonError};

use super::super::awake::in_order;
use super::super::finish::{Finish, Target, filled, overwritten};
use super::super::gather::PIECE_FLOPS;
use super::super::micro::InstructionSet;
use super::super::pack::{Scratch, with_scratch};
use super::super::planes::update_run;
use super::super::shape::{ConvShape, ShapeError};
use super::super::way::Way;
use super::cut::{Cut, Piece};
use super::layout::Layout;
use super::micro::Kernels;
use super::work::{FOUR, Work, split_four};

/// What one sign of the weights is multiplied with; all arrays `[N, Ci, H, W]`.
#[derive(Clone, Copy, Debug)]
pub enum Reading<'a> {
    /// Nothing: the part is left out.
    Nothing,
    /// The values as they are.
    All(&'a [f32]),
    /// The positive values, zero for the others.
    Positive(&'a [f32]),
    /// The negative values, zero for the others.
    Negative(&'a [f32]),
}

impl<'a> Reading<'a> {
    fn values(self) -> Option<&'a [f32]> {
        match self {
            Self::Nothing => None,
            Self::All(x) | Self::Positive(x) | Self::Negative(x) => Some(x),
        }
    }

    /// What it makes of values. One that is not a number stays so.
    fn cut(self, values: &mut [f32]) {
        match self {
            Self::Nothing | Self::All(_) => {}
            Self::Positive(_) => update_run(values, |x| if x < 0.0 { 0.0 } else { x }),
            Self::Negative(_) => update_run(values, |x| if x > 0.0 { 0.0 } else { x }),
        }
    }
}

/// Makes the result of [`SignedConv::transposed`] from both parts: called with the offset of a run of whole rows of one
/// plane, what the positive weights gave, in whose place the result goes, and what the negative weights gave.
pub type Combine<'a> = &'a (dyn Fn(usize, &mut [f32], &[f32]) + Sync);

/// A convolution with its weights taken apart by sign.
#[derive(Debug)]
pub struct SignedConv {
    /// Of one picture.
    shape: ConvShape,
    forward: Parted,
    transposed: Parted,
}

impl SignedConv {
    /// Prepares the convolution of `shape`, whose batch does not matter, with weights `w` `[Co, Ci / groups, kh, kw]`.
    ///
    /// # Errors
    /// When the sizes are too large for this machine.
    ///
    /// # Panics
    /// When `w` does not have the length that `shape` gives.
    pub fn new(shape: &ConvShape, w: &[f32]) -> Result<Self, ShapeError> {
        Self::with(InstructionSet::best(), shape, w)
    }

    /// [`SignedConv::new`] with the instruction set `set`.
    ///
    /// # Errors
    /// As [`SignedConv::new`].
    pub fn with(set: InstructionSet, shape: &ConvShape, w: &[f32]) -> Result<Self, ShapeError> {
        assert_eq!(w.len(), shape.w_len(), "weight length");
        Ok(Self {
            shape: shape.with_batch(1)?,
            forward: Parted::new(set, Way::Forward, shape, w),
            transposed: Parted::new(set, Way::Transposed, shape, w),
        })
    }

    /// `w+ * readings[0] + w- * readings[1]`, `[N, Co, Ho, Wo]`; `finish` works on it while it is in the cache.
    ///
    /// # Errors
    /// When the batch is empty or too large.
    ///
    /// # Panics
    /// When an input does not have the length that the shape gives.
    pub fn forward(
        &self,
        batch: usize,
        readings: [Reading<'_>; 2],
        finish: Option<Finish<'_>>,
    ) -> Result<Vec<f32>, ShapeError> {
        let shape = self.shape.with_batch(batch)?;
        for values in readings.into_iter().filter_map(Reading::values) {
            assert_eq!(values.len(), shape.x_len(), "input length");
        }
        let write = |y: &mut [MaybeUninit<f32>]| {
            let target = Target::new(y, finish);
            let each = |work: Work<'_>, piece: Piece, scratch: &mut Scratch| {
                self.forward.sum(work, &piece, readings, scratch, &target);
            };
            self.forward.run(&shape, [2, 1], each);
        };
        // SAFETY: the pieces write every output.
        Ok(unsafe { filled(shape.out_len(), write) })
    }

    /// `w+' s` and `w-' s` of `s` `[N, Co, Ho, Wo]`, where `is_wanted` (else zeros), made into one result `[N, Ci, H, W]`.
    ///
    /// # Errors
    /// When the batch is empty or too large.
    ///
    /// # Panics
    /// When `s` does not have the length that the shape gives.
    pub fn transposed(
        &self,
        batch: usize,
        s: &[f32],
        is_wanted: [bool; 2],
        combine: Combine<'_>,
    ) -> Result<Vec<f32>, ShapeError> {
        let shape = self.shape.with_batch(batch)?;
        assert_eq!(s.len(), shape.out_len(), "gradient length");
        let write = |y: &mut [MaybeUninit<f32>]| {
            let target = Target::new(y, None);
            let each = |work: Work<'_>, piece: Piece, scratch: &mut Scratch| {
                let pull = Pull {
                    s,
                    is_wanted,
                    combine,
                    target: &target,
                };
                self.transposed.pull(work, &piece, &pull, scratch);
            };
            self.transposed.run(&shape, [1, 2], each);
        };
        // SAFETY: the pieces write every element of the input.
        Ok(unsafe { filled(shape.x_len(), write) })
    }
}

/// What [`SignedConv::transposed`] was asked for.
struct Pull<'a> {
    s: &'a [f32],
    is_wanted: [bool; 2],
    combine: Combine<'a>,
    target: &'a Target<'a>,
}

/// One way through the convolution with its weights by sign.
#[derive(Debug)]
struct Parted {
    set: InstructionSet,
    layout: Layout,
    /// Positive, negative; zeros for the others.
    signs: [Vec<f32>; 2],
    /// The cut of the last run: pictures, threads.
    cut: Mutex<Option<([usize; 2], Arc<Cut>)>>,
}

impl Parted {
    fn new(set: InstructionSet, way: Way, shape: &ConvShape, w: &[f32]) -> Self {
        let layout = Layout::new(set, way, shape);
        let all = layout.order(set, w);
        let readings = [Reading::Positive(&[]), Reading::Negative(&[])];
        let signs = readings.map(|reading| {
            let mut part = all.clone();
            reading.cut(&mut part);
            part
        });
        Self {
            set,
            layout,
            signs,
            cut: Mutex::new(None),
        }
    }

    fn cut(&self, batch: usize, many: [usize; 2]) -> Arc<Cut> {
        let of = [batch, rayon::current_num_threads()];
        let mut last = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((same, cut)) = &*last
            && *same == of
        {
            return cut.clone();
        }
        let cut = Arc::new(Cut::new(&self.layout, batch, many));
        *last = Some((of, cut.clone()));
        cut
    }

    /// Does all pieces; `many` copies of the source and kinds of sums.
    fn run(
        &self,
        shape: &ConvShape,
        many: [usize; 2],
        each: impl Fn(Work<'_>, Piece, &mut Scratch) + Sync,
    ) {
        let cut = self.cut(shape.batch(), many);
        let work = Work {
            kernels: Kernels::of(self.set),
            layout: &self.layout,
            cut: &cut,
        };
        let piece = |index| with_scratch(|scratch| each(work, cut.piece(index), scratch));
        if shape.flops() < PIECE_FLOPS {
            (0..cut.pieces()).for_each(piece);
        } else {
            in_order(cut.pieces(), piece);
        }
    }

    /// One piece of `w+ * readings[0] + w- * readings[1]`.
    fn sum(
        &self,
        work: Work<'_>,
        piece: &Piece,
        readings: [Reading<'_>; 2],
        scratch: &mut Scratch,
        target: &Target<'_>,
    ) {
        let (layout, slab) = (&self.layout, &piece.slab);
        let Scratch {
            packed,
            staged,
            sums: planes,
            ..
        } = scratch;
        let packed = packed.stale(work.packed_len());
        let sums = staged.zeros(piece.strips.len() * work.sums_len());
        for chunk in layout.chunks() {
            for (reading, signed) in readings.into_iter().zip(&self.signs) {
                let Some(values) = reading.values() else {
                    continue;
                };
                let packed = work.pack_chunk(piece, values, chunk, packed);
                reading.cut(packed);
                for (strip, sums) in piece.strips.clone().zip(sums.chunks_mut(work.sums_len())) {
                    let weights = layout.with_next(signed, piece.group, chunk, strip);
                    work.add(slab, strip, (packed, chunk[1]), weights, None, sums);
                }
            }
        }
        for (strip, sums) in piece.strips.clone().zip(sums.chunks(work.sums_len())) {
            work.write(piece, strip, sums, planes, target);
        }
    }

    /// One piece of `w+' s` and `w-' s`.
    fn pull(&self, work: Work<'_>, piece: &Piece, pull: &Pull<'_>, scratch: &mut Scratch) {
        let (layout, slab) = (&self.layout, &piece.slab);
        let len = piece.strips.len() * work.sums_len();
        let Scratch {
            packed,
            staged,
            transformed,
            sums: planes,
        } = scratch;
        let packed = packed.stale(work.packed_len());
        let (positive, negative) = staged.zeros(2 * len).split_at_mut(len);
        for chunk in layout.chunks() {
            let packed = work.pack_chunk(piece, pull.s, chunk, packed);
            for (sign, sums) in [&mut *positive, &mut *negative].into_iter().enumerate() {
                if !pull.is_wanted[sign] {
                    continue;
                }
                for (strip, sums) in piece.strips.clone().zip(sums.chunks_mut(work.sums_len())) {
                    let signed = &self.signs[sign];
                    let weights = layout.with_next(signed, piece.group, chunk, strip);
                    work.add(slab, strip, (packed, chunk[1]), weights, None, sums);
                }
            }
        }
        let sums = positive
            .chunks(work.sums_len())
            .zip(negative.chunks(work.sums_len()));
        for (strip, (positive, negative)) in piece.strips.clone().zip(sums) {
            for four in work.fours(piece, strip) {
                let bands = || {
                    four.channels
                        .clone()
                        .map(|c| work.band(piece, four.image, c))
                };
                let mut parts: [&mut [_]; FOUR] = Default::default();
                for (part, band) in parts.iter_mut().zip(bands()) {
                    // SAFETY: only this piece owns these rows of this channel, and each channel is another.
                    *part = unsafe { pull.target.part(band.start, band.len()) };
                }
                let parts = &mut parts[..four.channels.len()];
                work.unpack(slab, &four, positive, planes, parts);
                let len = parts[0].len();
                let beside = transformed.stale(FOUR * len);
                let mut others = split_four(overwritten(&mut *beside), len);
                work.unpack(slab, &four, negative, planes, &mut others[..parts.len()]);
                for ((band, part), other) in bands().zip(parts).zip(beside.chunks(len)) {
                    // SAFETY: `unpack` has written all of it.
                    (pull.combine)(band.start, unsafe { part.assume_init_mut() }, other);
                }
            }
        }
    }
}
