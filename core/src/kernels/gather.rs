//! The driver shared by the forward pass and the input gradient: a weighted gather from packed planes.
//!
//! Work is cut into (slab, group, rows of output channels); each piece packs its own slab, so pieces are independent.
//! Invariant: each target element belongs to exactly one piece and is summed in one fixed order (channels, then kernel
//! rows, then kernel columns), so neither the cut nor the number of threads changes a bit of the result.

mod lines;

use std::ops::Range;

use super::awake::in_order;
use super::finish::Target;
use super::micro::{Block, InstructionSet, MAX_ROWS, Step};
use super::pack::{Buffer, Scratch, Source, pack, with_scratch};
use super::plan::{Axis, Frame, Slab, Slabs};
use super::product::{Rows, Steps, product};
use lines::interleave;

/// The sizes of one gather. Channel counts are per group.
#[derive(Debug)]
pub(super) struct Gather {
    pub(super) y: Axis,
    pub(super) x: Axis,
    pub(super) batch: usize,
    pub(super) groups: usize,
    pub(super) source_channels: usize,
    pub(super) target_channels: usize,
    /// Distance between the weights of neighbouring target channels.
    pub(super) target_stride: usize,
    /// Distance between the weights of neighbouring source channels.
    pub(super) source_stride: usize,
    /// Whether the weights were rearranged by [`Gather::pack_weights`]; the strides are those before.
    pub(super) has_packed_weights: bool,
}

/// The arrays of one gather.
#[derive(Clone, Copy)]
pub(super) struct Operands<'a> {
    pub(super) source: &'a [f32],
    pub(super) weights: &'a [f32],
    /// One start value per target channel (of all groups).
    pub(super) bias: Option<&'a [f32]>,
}

/// Pieces of less work than this are not worth a thread.
pub(super) const PIECE_FLOPS: f64 = 1e6;
/// A packed slab should stay well inside a second-level cache, in elements (256 KiB).
const SLAB_ELEMENTS: usize = 64 << 10;
/// Pixels of a slab for which sums are staged.
const SLAB_PIXELS: usize = 2048;
/// Bands of fewer pixels read the weights too often.
const BAND_PIXELS: usize = 240;

/// The cut of one gather into pieces.
#[derive(Debug)]
struct Cut {
    slabs: Slabs,
    frame: Frame,
    /// Target channels per piece.
    rows: usize,
}

/// One piece of a cut gather.
struct Piece {
    slab: Slab,
    group: usize,
    /// Target channels of the group.
    rows: Range<usize>,
}

impl Gather {
    /// Cuts the gather for the threads of this pool.
    pub(super) fn ready(self, set: InstructionSet) -> ReadyGather {
        let cut = self.cut(set.most_rows());
        ReadyGather {
            set,
            steps: self.steps(&cut.frame),
            cut,
            gather: self,
        }
    }

    /// The weights in the order in which they are read: per group and block of target channels, for every source channel
    /// and tap the rows of the block, [`MAX_ROWS`] apart.
    pub(super) fn pack_weights(&self, set: InstructionSet, w: &[f32]) -> Vec<f32> {
        let (rows, taps) = (set.most_rows(), self.taps());
        let mut packed = vec![0.0; self.groups * self.packed_group(set)];
        let groups = packed.chunks_mut(self.packed_group(set));
        for (group, w) in groups.zip(w.chunks(w.len() / self.groups)) {
            for (place, values) in group.chunks_mut(MAX_ROWS).enumerate() {
                let (tap, source) = (place % taps, place / taps % self.source_channels);
                let first = place / taps / self.source_channels * rows;
                for (target, value) in (first..self.target_channels.min(first + rows)).zip(values) {
                    *value = w[target * self.target_stride + source * self.source_stride + tap];
                }
            }
        }
        packed
    }

    /// Elements of the packed weights of a group.
    fn packed_group(&self, set: InstructionSet) -> usize {
        self.target_channels.div_ceil(set.most_rows()) * self.packed_block()
    }

    /// Elements of the packed weights of a block.
    fn packed_block(&self) -> usize {
        self.source_channels * self.taps() * MAX_ROWS
    }

    fn flops(&self) -> f64 {
        let positions = self.batch * self.y.count * self.x.count;
        2.0 * (positions * self.groups) as f64
            * (self.source_channels * self.target_channels * self.taps()) as f64
    }

    /// Chooses slabs that fit the cache and pieces that keep every thread busy; pieces are blocks of `most_rows` channels.
    fn cut(&self, most_rows: usize) -> Cut {
        let (y, x) = (&self.y, &self.x);
        let phases = y.phases.len() * x.phases.len();
        let row_pixels = x.count + x.reach;
        let row_elements = self.source_channels * phases * row_pixels;
        let pixels = SLAB_PIXELS / (y.spread * x.spread);
        let threads =
            rayon::current_num_threads().min((self.flops() / PIECE_FLOPS).max(1.0) as usize);
        let most = (SLAB_ELEMENTS / row_elements)
            .min(pixels / row_pixels)
            .max(1);
        // As many pieces for each thread as for any other.
        let all_rows = self.batch * y.count * self.groups;
        let rounds = all_rows.div_ceil(threads * most);
        let rows = all_rows.div_ceil(threads * rounds).min(most);
        let min_band = BAND_PIXELS.div_ceil(row_pixels).max(2 * y.reach);
        let slabs = Slabs::new(y, self.batch, rows, min_band);
        let blocks = self.target_channels.div_ceil(most_rows);
        let splits = threads.div_ceil(slabs.len() * self.groups).clamp(1, blocks);
        Cut {
            slabs,
            frame: Frame::new(y, x, slabs.images, slabs.band),
            rows: blocks.div_ceil(splits) * most_rows,
        }
    }

    /// Pieces per slab and group.
    fn splits(&self, cut: &Cut) -> usize {
        self.target_channels.div_ceil(cut.rows)
    }

    fn pieces(&self, cut: &Cut) -> usize {
        cut.slabs.len() * self.groups * self.splits(cut)
    }

    fn piece(&self, cut: &Cut, index: usize) -> Piece {
        let splits = self.splits(cut);
        let first = index % splits * cut.rows;
        Piece {
            slab: cut.slabs.get(index / splits / self.groups),
            group: index / splits % self.groups,
            rows: first..(first + cut.rows).min(self.target_channels),
        }
    }

    /// Taps of the kernel.
    fn taps(&self) -> usize {
        self.y.taps.len() * self.x.taps.len()
    }

    /// Per tap: the target phase that it contributes to, row phase major.
    fn phases_of_taps(&self) -> Vec<usize> {
        let rows = self.y.taps.iter();
        let phases = rows.flat_map(|row| {
            let columns = self.x.taps.iter();
            columns.map(|column| row.target_phase * self.x.spread + column.target_phase)
        });
        phases.collect()
    }

    /// Per source channel and tap: where its pixels begin.
    fn tap_places(&self, frame: &Frame) -> Vec<usize> {
        let (y, x) = (&self.y, &self.x);
        let mut places = Vec::with_capacity(self.source_channels * self.taps());
        for channel in 0..self.source_channels {
            for row in &y.taps {
                let columns = x.taps.iter();
                places.extend(columns.map(|c| frame.tap_start(channel, (y, *row), (x, *c))));
            }
        }
        places
    }

    /// One list per pair of target phases (row phase major): all source channels and the taps of these phases.
    fn steps(&self, frame: &Frame) -> Vec<Steps> {
        let count = self.y.spread * self.x.spread;
        let mut lists: Vec<Steps> = (0..count).map(|_| Steps::default()).collect();
        let (phases, taps) = (self.phases_of_taps(), self.taps());
        for (at, x) in self.tap_places(frame).into_iter().enumerate() {
            let (channel, tap) = (at / taps, at % taps);
            let w = if self.has_packed_weights {
                at * MAX_ROWS
            } else {
                channel * self.source_stride + tap
            };
            lists[phases[tap]].extend([Step { x, w }]);
        }
        lists
    }
}

/// A gather that has been cut, for many inputs.
#[derive(Debug)]
pub(super) struct ReadyGather {
    gather: Gather,
    set: InstructionSet,
    cut: Cut,
    steps: Vec<Steps>,
}

impl ReadyGather {
    /// Runs the gather; writes all of `target`, `[N, groups * target_channels, H, W]`.
    pub(super) fn run(&self, operands: Operands<'_>, target: &Target<'_>) {
        let work = Work {
            ready: self,
            operands,
            target,
        };
        let pieces = self.gather.pieces(&self.cut);
        if self.gather.flops() < PIECE_FLOPS {
            (0..pieces).for_each(|index| work.run(index));
        } else {
            in_order(pieces, |index| work.run(index));
        }
    }
}

/// A gather with its arrays.
struct Work<'a> {
    ready: &'a ReadyGather,
    operands: Operands<'a>,
    target: &'a Target<'a>,
}

/// The sums of some rows of one slab, `[target phase][row][pixel]`.
struct Sums<'a> {
    values: &'a [f32],
    /// Distance between phases.
    phase_len: usize,
    /// Distance between rows.
    row_len: usize,
}

impl Work<'_> {
    /// Computes and writes piece `index`.
    fn run(&self, index: usize) {
        let gather = &self.ready.gather;
        let Piece { slab, group, rows } = gather.piece(&self.ready.cut, index);
        let source = Source {
            values: self.operands.source,
            channels: gather.groups * gather.source_channels,
        };
        let channels = group * gather.source_channels..(group + 1) * gather.source_channels;
        let axes = (&gather.y, &gather.x);
        with_scratch(|scratch| {
            let Scratch { packed, staged, .. } = scratch;
            let frame = &self.ready.cut.frame;
            let packed = pack(source, channels, axes, frame, &slab, packed);
            let mut row = rows.start;
            while row < rows.end {
                let block = self.ready.set.block(rows.end - row);
                let sums = self.sum(block, group, row, &slab, packed, staged);
                for local in 0..block.rows {
                    let channel = group * gather.target_channels + row + local;
                    self.unpack(&slab, channel, &sums, local);
                }
                row += block.rows;
            }
        });
    }

    /// The sums of the block of target channels that begins at `row` of `group`.
    fn sum<'s>(
        &self,
        block: &'static Block,
        group: usize,
        row: usize,
        slab: &Slab,
        packed: &[f32],
        staged: &'s mut Buffer,
    ) -> Sums<'s> {
        let gather = &self.ready.gather;
        let pixels = self.ready.cut.frame.pixels(slab.images.len(), slab.rows);
        let row_len = pixels.next_multiple_of(block.lanes);
        let phase_len = block.rows * row_len;
        let values = staged.stale(self.ready.steps.len() * phase_len);
        let mut init = [0.0; MAX_ROWS];
        if let Some(bias) = self.operands.bias {
            let channel = group * gather.target_channels + row;
            init[..block.rows].copy_from_slice(&bias[channel..channel + block.rows]);
        }
        let of_group = group * (self.operands.weights.len() / gather.groups);
        let (first, stride) = if gather.has_packed_weights {
            let rows = self.ready.set.most_rows();
            (row / rows * gather.packed_block() + row % rows, 1)
        } else {
            (row * gather.target_stride, gather.target_stride)
        };
        let weights = Rows {
            values: &self.operands.weights[of_group + first..],
            stride,
        };
        for (steps, phase) in self.ready.steps.iter().zip(values.chunks_mut(phase_len)) {
            let to = (phase, row_len);
            product(block, steps, packed, weights, &init, pixels, to);
        }
        Sums {
            values,
            phase_len,
            row_len,
        }
    }

    /// Writes one channel of a slab from row `local` of its sums: drops the pixels between rows and interleaves the
    /// phases.
    fn unpack(&self, slab: &Slab, channel: usize, sums: &Sums<'_>, local: usize) {
        let gather = &self.ready.gather;
        let frame = &self.ready.cut.frame;
        for index in 0..slab.images.len() {
            let band = gather.band(slab, index, channel);
            for line in gather.lines(frame, slab, index) {
                let from = line.phase * gather.x.spread * sums.phase_len
                    + local * sums.row_len
                    + line.sums;
                // SAFETY: only this piece owns this channel and row.
                let to = unsafe { self.target.part(band.start + line.target, line.len) };
                interleave(&sums.values[from..], sums.phase_len, &gather.x, to);
            }
            // SAFETY: the loop above wrote these rows, which only this piece owns.
            unsafe { self.target.finish(band.start, band.len()) };
        }
    }
}
