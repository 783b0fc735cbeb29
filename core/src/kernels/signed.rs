//! Convolutions whose positive and negative weights are taken apart: `w+ * a + w- * b` of two inputs, and `w+' s` beside
//! `w-' s` of one. Rules of relevance consist of these.
//!
//! Half of the weights of either part are zero. A block of target channels therefore reads, for every set of its channels,
//! the taps at which just these have a weight of the sign: each weight costs one product in one of the two parts, not one
//! in each, and no rounding comes in by taking the difference of two dense sums.
//!
//! Invariant: each target element is summed in one order that depends on the weights alone.

use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::awake::in_order;
use super::finish::{Finish, Target, filled, overwritten};
use super::gather::{Cut, Gather, PIECE_FLOPS, Piece, interleave};
use super::micro::{InstructionSet, MAX_ADDED_ROWS};
use super::pack::{Buffer, Scratch, Source, pack, with_scratch};
use super::plan::{Frame, Slab};
use super::product::{Offsets, add_products};
use super::shape::{ConvShape, ShapeError};
use super::way::Way;

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
}

/// Makes the result of [`SignedConv::transposed`] from both parts: called with the offset of a run of whole rows of one
/// plane, what the positive weights gave, in whose place the result goes, and what the negative weights gave.
pub type Combine<'a> = &'a (dyn Fn(usize, &mut [f32], &[f32]) + Sync);

/// A convolution with its weights taken apart by sign.
#[derive(Debug)]
pub struct SignedConv {
    /// Of one picture.
    shape: ConvShape,
    ways: [Parted; 2],
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
            ways: [Way::Forward, Way::Transposed].map(|way| Parted::new(set, way, shape, w)),
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
            self.ways[0].run(&shape, 2, |work| work.forward(readings, &target));
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
            self.ways[1].run(&shape, 1, |work| {
                work.transposed(s, is_wanted, &target, combine);
            });
        };
        // SAFETY: the pieces write every element of the input.
        Ok(unsafe { filled(shape.x_len(), write) })
    }
}

/// One way through the convolution with its weights by sign.
#[derive(Debug)]
struct Parted {
    set: InstructionSet,
    way: Way,
    /// Target channels of a block.
    rows: usize,
    /// Positive, negative.
    signs: [Lists; 2],
    /// The cut of the last run: pictures, threads, source arrays.
    cut: Mutex<Option<([usize; 3], Arc<Ready>)>>,
}

/// The weights of one sign: for every group, block of target channels and target phase some lists.
#[derive(Debug, Default)]
struct Lists {
    /// Per step: source channel and tap.
    taps: Vec<u32>,
    /// Per step the weights of its channels.
    weights: Vec<f32>,
    runs: Vec<List>,
    /// Per group, block and phase.
    blocks: Vec<Range<usize>>,
}

/// The taps at which just these channels of a block have a weight of the sign.
#[derive(Clone, Debug)]
struct List {
    /// The channels, as bits.
    channels: u8,
    steps: Range<usize>,
    weights: Range<usize>,
}

/// A cut with the places of all taps in its packed slabs.
#[derive(Debug)]
struct Ready {
    gather: Gather,
    cut: Cut,
    offsets: [Offsets; 2],
}

/// Steps that a list should have at least, on average, or its sums are read and written too often.
const STEPS: usize = 8;

impl Parted {
    fn new(set: InstructionSet, way: Way, shape: &ConvShape, w: &[f32]) -> Self {
        let gather = way.gather(shape, false);
        let phases = gather.y.spread * gather.x.spread;
        let of_sign = gather.source_channels * gather.taps() / phases / 2;
        let most = (1..=MAX_ADDED_ROWS).rev();
        let rows = most.into_iter().find(|rows| of_sign >> rows >= STEPS);
        let rows = rows.unwrap_or(1).min(gather.target_channels);
        let signs = [1.0, -1.0].map(|sign| Lists::new(&gather, rows, w, sign));
        Self {
            set,
            way,
            rows,
            signs,
            cut: Mutex::new(None),
        }
    }

    fn ready(&self, shape: &ConvShape, sources: usize) -> Arc<Ready> {
        let of = [shape.batch(), rayon::current_num_threads(), sources];
        let mut last = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((same, ready)) = &*last
            && *same == of
        {
            return ready.clone();
        }
        let mut gather = self.way.gather(shape, false);
        gather.sources = sources;
        let cut = gather.cut(self.rows);
        let places = gather.tap_places(&cut.frame);
        let places = |lists: &Lists| lists.taps.iter().map(|tap| places[*tap as usize]).collect();
        let offsets = self.signs.each_ref().map(places);
        let ready = Arc::new(Ready {
            gather,
            cut,
            offsets,
        });
        *last = Some((of, ready.clone()));
        ready
    }

    fn run(&self, shape: &ConvShape, sources: usize, each: impl Fn(&mut Work<'_>) + Sync) {
        let ready = self.ready(shape, sources);
        let pieces = ready.gather.pieces(&ready.cut);
        let run = |index: usize| {
            with_scratch(|scratch| {
                each(&mut Work {
                    parted: self,
                    ready: &ready,
                    piece: ready.gather.piece(&ready.cut, index),
                    scratch,
                });
            });
        };
        if ready.gather.flops() < PIECE_FLOPS {
            (0..pieces).for_each(run);
        } else {
            in_order(pieces, run);
        }
    }
}

impl Lists {
    fn new(gather: &Gather, rows: usize, w: &[f32], sign: f32) -> Self {
        let mut all = Self::default();
        let phases = gather.phases_of_taps();
        let per_group = w.len() / gather.groups;
        for group in 0..gather.groups {
            let w = &w[group * per_group..][..per_group];
            for first in (0..gather.target_channels).step_by(rows) {
                let block = first..(first + rows).min(gather.target_channels);
                for phase in 0..gather.y.spread * gather.x.spread {
                    let start = all.runs.len();
                    let counts = |tap: usize| phases[tap] == phase;
                    all.add_lists(gather, (w, sign), block.clone(), counts);
                    all.blocks.push(start..all.runs.len());
                }
            }
        }
        all
    }

    /// Adds the lists of one block of channels, for the taps that count.
    fn add_lists(
        &mut self,
        gather: &Gather,
        (w, sign): (&[f32], f32),
        block: Range<usize>,
        counts: impl Fn(usize) -> bool,
    ) {
        let taps = gather.taps();
        let mut sets: [Vec<(u32, [f32; MAX_ADDED_ROWS])>; 1 << MAX_ADDED_ROWS] = Default::default();
        for source in 0..gather.source_channels {
            for tap in (0..taps).filter(|tap| counts(*tap)) {
                let (mut set, mut values, mut count) = (0, [0.0; MAX_ADDED_ROWS], 0);
                for (row, target) in block.clone().enumerate() {
                    let at = target * gather.target_stride + source * gather.source_stride + tap;
                    // A weight that is not a number belongs to both signs.
                    if w[at] * sign > 0.0 || w[at].is_nan() {
                        set |= 1 << row;
                        values[count] = w[at];
                        count += 1;
                    }
                }
                sets[set].push(((source * taps + tap) as u32, values));
            }
        }
        for (channels, steps) in sets.iter().enumerate().skip(1) {
            if steps.is_empty() {
                continue;
            }
            let count = channels.count_ones() as usize;
            let (first, first_weight) = (self.taps.len(), self.weights.len());
            for (tap, values) in steps {
                self.taps.push(*tap);
                self.weights.extend(&values[..count]);
            }
            self.runs.push(List {
                channels: channels as u8,
                steps: first..self.taps.len(),
                weights: first_weight..self.weights.len(),
            });
        }
    }
}

/// One piece at work.
struct Work<'a> {
    parted: &'a Parted,
    ready: &'a Ready,
    piece: Piece,
    scratch: &'a mut Scratch,
}

/// Sums of a block of channels, `[phase][channel][pixel]`.
#[derive(Clone, Copy)]
struct Layout {
    pixels: usize,
    row: usize,
    phase: usize,
}

/// Vectors whose sums stay in the first-level cache while all lists of a block are read.
const CHUNK: usize = 24;

impl Work<'_> {
    fn forward(&mut self, readings: [Reading<'_>; 2], target: &Target<'_>) {
        let gather = &self.ready.gather;
        let frame = &self.ready.cut.frame;
        let plane = frame.len(gather.source_channels);
        let Scratch {
            packed,
            transformed,
            staged,
            ..
        } = &mut *self.scratch;
        let [first, second] =
            [(readings[0], packed), (readings[1], transformed)].map(|(reading, to)| -> &[f32] {
                let piece = &self.piece;
                // A value that is not a number stays one.
                match reading {
                    Reading::Nothing => &[],
                    Reading::All(x) => packed_source(gather, frame, piece, x, |x| x, to),
                    Reading::Positive(x) => {
                        let part = |x| if x < 0.0 { 0.0 } else { x };
                        packed_source(gather, frame, piece, x, part, to)
                    }
                    Reading::Negative(x) => {
                        let part = |x| if x > 0.0 { 0.0 } else { x };
                        packed_source(gather, frame, piece, x, part, to)
                    }
                }
            });
        debug_assert!(first.is_empty() || first.len() == plane, "one frame");
        for row in self.piece.rows.clone().step_by(self.parted.rows) {
            let block = row..(row + self.parted.rows).min(self.piece.rows.end);
            let layout = self
                .ready
                .layout(self.parted.set, &self.piece.slab, block.len());
            let sums = staged.zeros(self.ready.phases() * layout.phase);
            for (sign, packed) in [first, second].into_iter().enumerate() {
                if !packed.is_empty() {
                    self.parted
                        .add(self.ready, sign, &self.piece, row, packed, layout, sums);
                }
            }
            for (local, channel) in block.enumerate() {
                let channel = self.piece.group * gather.target_channels + channel;
                for index in 0..self.piece.slab.images.len() {
                    let band = gather.band(&self.piece.slab, index, channel);
                    // SAFETY: only this piece owns these rows of this channel.
                    let to = unsafe { target.part(band.start, band.len()) };
                    self.ready
                        .unpack(&self.piece.slab, index, local, layout, sums, to);
                    // SAFETY: all of them were written.
                    unsafe { target.finish(band.start, band.len()) };
                }
            }
        }
    }

    fn transposed(
        &mut self,
        s: &[f32],
        is_wanted: [bool; 2],
        target: &Target<'_>,
        combine: Combine<'_>,
    ) {
        let gather = &self.ready.gather;
        let frame = &self.ready.cut.frame;
        let Scratch {
            packed,
            staged,
            transformed,
            sums: other,
        } = &mut *self.scratch;
        let packed = packed_source(gather, frame, &self.piece, s, |s| s, packed);
        for row in self.piece.rows.clone().step_by(self.parted.rows) {
            let block = row..(row + self.parted.rows).min(self.piece.rows.end);
            let layout = self
                .ready
                .layout(self.parted.set, &self.piece.slab, block.len());
            let len = self.ready.phases() * layout.phase;
            let sums = [staged.zeros(len), transformed.zeros(len)];
            let [positive, negative] = sums;
            for (sign, sums) in [&mut *positive, &mut *negative].into_iter().enumerate() {
                if is_wanted[sign] {
                    self.parted
                        .add(self.ready, sign, &self.piece, row, packed, layout, sums);
                }
            }
            for (local, channel) in block.enumerate() {
                let channel = self.piece.group * gather.target_channels + channel;
                let slab = &self.piece.slab;
                for index in 0..slab.images.len() {
                    let band = gather.band(slab, index, channel);
                    // SAFETY: only this piece owns these rows of this channel.
                    let to = unsafe { target.part(band.start, band.len()) };
                    self.ready.unpack(slab, index, local, layout, positive, to);
                    let beside = other.stale(band.len());
                    let uninitialised = overwritten(beside);
                    self.ready
                        .unpack(slab, index, local, layout, negative, uninitialised);
                    // SAFETY: `unpack` has written all of them.
                    combine(band.start, unsafe { to.assume_init_mut() }, beside);
                }
            }
        }
    }
}

fn packed_source<'p>(
    gather: &Gather,
    frame: &Frame,
    piece: &Piece,
    values: &[f32],
    part: impl Fn(f32) -> f32 + Copy,
    to: &'p mut Buffer,
) -> &'p [f32] {
    let source = Source {
        values,
        channels: gather.groups * gather.source_channels,
    };
    let channels = piece.group * gather.source_channels..(piece.group + 1) * gather.source_channels;
    pack(
        source,
        channels,
        (&gather.y, &gather.x),
        frame,
        &piece.slab,
        part,
        to,
    )
}

impl Ready {
    fn phases(&self) -> usize {
        self.gather.y.spread * self.gather.x.spread
    }

    fn layout(&self, set: InstructionSet, slab: &Slab, channels: usize) -> Layout {
        let pixels = self.cut.frame.pixels(slab.images.len(), slab.rows);
        let row = pixels.next_multiple_of(set.lanes());
        Layout {
            pixels,
            row,
            phase: channels * row,
        }
    }

    /// Writes all rows of picture `index` of a slab and a channel from the sums of block channel `local`.
    fn unpack(
        &self,
        slab: &Slab,
        index: usize,
        local: usize,
        layout: Layout,
        sums: &[f32],
        to: &mut [MaybeUninit<f32>],
    ) {
        let x = &self.gather.x;
        for line in self.gather.lines(&self.cut.frame, slab, index) {
            let from = line.phase * x.spread * layout.phase + local * layout.row + line.sums;
            let to = &mut to[line.target..][..line.len];
            interleave(&sums[from..], layout.phase, x, to);
        }
    }
}

impl Parted {
    /// Adds the products of one sign to the sums of the block that begins at channel `row`.
    #[allow(clippy::too_many_arguments, reason = "the parts of a piece at work")]
    fn add(
        &self,
        ready: &Ready,
        sign: usize,
        piece: &Piece,
        row: usize,
        packed: &[f32],
        layout: Layout,
        sums: &mut [f32],
    ) {
        let lists = &self.signs[sign];
        let phases = ready.phases();
        let blocks = ready.gather.target_channels.div_ceil(self.rows);
        let first = (piece.group * blocks + row / self.rows) * phases;
        let (lanes, mut rows) = (self.set.lanes(), [0; MAX_ADDED_ROWS]);
        let vectors = layout.pixels.div_ceil(lanes);
        for (phase, sums) in sums.chunks_mut(layout.phase).enumerate() {
            for start in (0..vectors).step_by(CHUNK) {
                let chunk = (start * lanes, CHUNK.min(vectors - start));
                for list in &lists.runs[lists.blocks[first + phase].clone()] {
                    let mut count = 0;
                    for channel in 0..MAX_ADDED_ROWS {
                        if list.channels & (1 << channel) != 0 {
                            rows[count] = channel * layout.row;
                            count += 1;
                        }
                    }
                    add_products(
                        self.set.block(count),
                        (&ready.offsets[sign], list.steps.clone()),
                        packed,
                        &lists.weights[list.weights.clone()],
                        (sums, &rows[..count]),
                        chunk,
                    );
                }
            }
        }
    }
}
