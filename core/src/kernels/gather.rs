//! The driver shared by the forward pass and the input gradient: a weighted gather from packed planes.
//!
//! Work is cut into (slab, group, rows of output channels); each piece packs its own slab, so pieces are independent.
//! Invariant: each target element belongs to exactly one piece and is summed in one fixed order (channels, then kernel
//! rows, then kernel columns), so neither the cut nor the number of threads changes a bit of the result.

use std::mem::MaybeUninit;
use std::ops::Range;

use rayon::prelude::*;

use super::pack::{Scratch, Source, pack, with_scratch};
use super::plan::{Axis, Frame, Slab, Slabs};
use super::product::{Rows, Steps, product};
use super::tiles::{Level, Step};

/// One gather. Channel counts are per group.
pub(super) struct Gather<'a> {
    pub(super) y: Axis,
    pub(super) x: Axis,
    pub(super) batch: usize,
    pub(super) groups: usize,
    pub(super) source_channels: usize,
    pub(super) target_channels: usize,
    pub(super) source: &'a [f32],
    pub(super) weights: &'a [f32],
    /// Distance between the weights of neighbouring target channels.
    pub(super) target_stride: usize,
    /// Distance between the weights of neighbouring source channels.
    pub(super) source_stride: usize,
    /// One start value per target channel (of all groups).
    pub(super) bias: Option<&'a [f32]>,
}

/// Pieces of less work than this are not worth a thread.
const PIECE_FLOPS: f64 = 1e6;
/// A packed slab should stay well inside a second-level cache, in elements (256 KiB).
const SLAB_ELEMENTS: usize = 64 << 10;
/// Pixels of a slab for which sums are staged.
const SLAB_PIXELS: usize = 2048;
/// Bands of fewer pixels read the weights too often.
const BAND_PIXELS: usize = 240;

/// The cut of one gather into pieces.
struct Cut {
    slabs: Slabs,
    frame: Frame,
    /// Target channels per piece.
    rows: usize,
}

impl Gather<'_> {
    /// Runs the gather: `[N, groups * target_channels, H, W]` of the target.
    pub(super) fn run(&self, level: Level) -> Vec<f32> {
        let (height, width) = (self.y.target_len, self.x.target_len);
        let len = self.batch * self.groups * self.target_channels * height * width;
        let cut = self.cut(level);
        let steps = self.steps(&cut.frame);
        let splits = self.target_channels.div_ceil(cut.rows);
        let mut result = Vec::with_capacity(len);
        let target = Target(result.spare_capacity_mut().as_mut_ptr());
        let piece = |index: usize| {
            let slab = cut.slabs.get(index / (self.groups * splits));
            let group = index / splits % self.groups;
            let first = index % splits * cut.rows;
            let rows = first..(first + cut.rows).min(self.target_channels);
            with_scratch(|scratch| {
                self.piece(
                    level, &cut.frame, &steps, &slab, group, rows, &target, scratch,
                );
            });
        };
        let pieces = cut.slabs.len() * self.groups * splits;
        if pieces == 1 || self.flops() < PIECE_FLOPS {
            (0..pieces).for_each(piece);
        } else {
            (0..pieces).into_par_iter().for_each(piece);
        }
        // SAFETY: the pieces cover every slab, group and target channel, and the rows of positions of the slabs cover
        // every target row, so all `len` elements have been written (a panic would not have come here).
        unsafe { result.set_len(len) };
        result
    }

    fn flops(&self) -> f64 {
        let positions = self.batch * self.y.count * self.x.count;
        let taps = self.y.taps.len() * self.x.taps.len();
        2.0 * (positions * self.groups) as f64
            * (self.source_channels * self.target_channels * taps) as f64
    }

    /// Chooses slabs that fit the cache and pieces that keep every thread busy.
    fn cut(&self, level: Level) -> Cut {
        let (y, x) = (&self.y, &self.x);
        let phases = y.phases.len() * x.phases.len();
        let row_pixels = x.count + x.reach;
        let row_elements = self.source_channels * phases * row_pixels;
        let pixels = SLAB_PIXELS / (y.spread * x.spread);
        let wanted = (self.flops() / PIECE_FLOPS)
            .min(4.0 * rayon::current_num_threads() as f64)
            .max(1.0) as usize;
        let rows = (self.batch * y.count * self.groups)
            .div_ceil(wanted)
            .min(SLAB_ELEMENTS / row_elements)
            .min(pixels / row_pixels);
        let min_band = BAND_PIXELS.div_ceil(row_pixels).max(2 * y.reach);
        let slabs = Slabs::new(y, self.batch, rows, min_band);
        let most_rows = level.block(usize::MAX).rows;
        let blocks = self.target_channels.div_ceil(most_rows);
        let splits = wanted.div_ceil(slabs.len() * self.groups).clamp(1, blocks);
        Cut {
            slabs,
            frame: Frame::new(y, x, slabs.images, slabs.band),
            rows: blocks.div_ceil(splits) * most_rows,
        }
    }

    /// One list per pair of target phases (row phase major): all source channels and the taps of these phases.
    fn steps(&self, frame: &Frame) -> Vec<Steps> {
        let (y, x) = (&self.y, &self.x);
        let mut lists: Vec<Steps> = (0..y.spread * x.spread).map(|_| Steps::default()).collect();
        for channel in 0..self.source_channels {
            for (ky, row) in y.taps.iter().enumerate() {
                for (kx, column) in x.taps.iter().enumerate() {
                    let step = Step {
                        x: frame.tap_start(channel, (y, *row), (x, *column)),
                        w: channel * self.source_stride + ky * x.taps.len() + kx,
                    };
                    lists[row.target_phase * x.spread + column.target_phase].push(step);
                }
            }
        }
        lists
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one call; a struct would only rename them"
    )]
    fn piece(
        &self,
        level: Level,
        frame: &Frame,
        steps: &[Steps],
        slab: &Slab,
        group: usize,
        rows: Range<usize>,
        target: &Target,
        scratch: &mut Scratch,
    ) {
        let source = Source {
            values: self.source,
            channels: self.groups * self.source_channels,
        };
        let channels = group * self.source_channels..(group + 1) * self.source_channels;
        pack(
            source,
            channels,
            (&self.y, &self.x),
            frame,
            slab,
            &mut scratch.packed,
        );
        let pixels = frame.pixels(slab.images.len(), slab.rows);
        let row_len = pixels.next_multiple_of(level.lanes());
        let group_weights = &self.weights[group * self.weights.len() / self.groups..];
        let mut row = rows.start;
        while row < rows.end {
            let block = level.block(rows.end - row);
            let phase_len = block.rows * row_len;
            scratch.staged.resize(steps.len() * phase_len, 0.0);
            let channel = group * self.target_channels + row;
            let mut init = [0.0; 8];
            if let Some(bias) = self.bias {
                init[..block.rows].copy_from_slice(&bias[channel..channel + block.rows]);
            }
            let weights = Rows {
                values: &group_weights[row * self.target_stride..],
                stride: self.target_stride,
            };
            for (steps, staged) in steps.iter().zip(scratch.staged.chunks_mut(phase_len)) {
                product(
                    block,
                    steps,
                    &scratch.packed,
                    weights,
                    &init,
                    pixels,
                    (staged, row_len),
                );
            }
            for local in 0..block.rows {
                self.unpack(
                    frame,
                    slab,
                    channel + local,
                    local * row_len,
                    phase_len,
                    &scratch.staged,
                    target,
                );
            }
            row += block.rows;
        }
    }

    /// Writes one channel of a slab: drops the pixels between rows and interleaves the phases.
    #[allow(
        clippy::too_many_arguments,
        reason = "one call; a struct would only rename them"
    )]
    fn unpack(
        &self,
        frame: &Frame,
        slab: &Slab,
        channel: usize,
        start: usize,
        phase_len: usize,
        staged: &[f32],
        target: &Target,
    ) {
        let (y, x) = (&self.y, &self.x);
        let (height, width) = (y.target_len, x.target_len);
        let (spread, shift) = (y.spread, y.target_shift);
        let first = (slab.row as usize * spread).saturating_sub(shift);
        let end = ((slab.row as usize + slab.rows) * spread - shift).min(height);
        for (index, image) in slab.images.clone().enumerate() {
            let plane = (image * self.groups * self.target_channels + channel) * height;
            for i in first..end {
                let (q, phase) = ((i + shift) / spread, (i + shift) % spread);
                let line = (index * frame.image_rows + q - slab.row as usize) * frame.pitch;
                let from = phase * x.spread * phase_len + start + line;
                // SAFETY: picture, channel and row lie inside the array of `len` elements that `run` allocated, and
                // only this piece owns this channel and row.
                let to = unsafe { target.line((plane + i) * width, width) };
                interleave(&staged[from..], phase_len, x, to);
            }
        }
    }
}

/// One line of the target from the column phases of one line of sums, which lie `phase_len` apart.
#[inline]
fn interleave(staged: &[f32], phase_len: usize, x: &Axis, to: &mut [MaybeUninit<f32>]) {
    let offset = x.target_shift - x.first as usize * x.spread;
    match x.spread {
        1 => {
            for (to, value) in to.iter_mut().zip(staged) {
                to.write(*value);
            }
        }
        2 => {
            let (even, odd) = staged.split_at(phase_len);
            let to = if offset == 1 {
                let Some((head, rest)) = to.split_first_mut() else {
                    return;
                };
                head.write(odd[0]);
                rest
            } else {
                to
            };
            let (even, odd) = (&even[offset..], &odd[offset..]);
            let (pairs, last) = to.as_chunks_mut::<2>();
            for ((pair, a), b) in pairs.iter_mut().zip(even).zip(odd) {
                *pair = [MaybeUninit::new(*a), MaybeUninit::new(*b)];
            }
            if let [last] = last {
                last.write(even[pairs.len()]);
            }
        }
        spread => {
            for (i, to) in to.iter_mut().enumerate() {
                let (q, phase) = ((i + offset) / spread, (i + offset) % spread);
                to.write(staged[phase * phase_len + q]);
            }
        }
    }
}

/// The target array while the pieces write it.
struct Target(*mut MaybeUninit<f32>);

// SAFETY: the pointer is only used through `line`, whose contract forbids two threads on one line.
unsafe impl Sync for Target {}

impl Target {
    /// # Safety
    /// `start..start + len` lies inside the allocation, which outlives the result, and no other reference to these
    /// elements exists.
    #[allow(
        clippy::mut_from_ref,
        reason = "the lines are disjoint by the contract"
    )]
    unsafe fn line(&self, start: usize, len: usize) -> &mut [MaybeUninit<f32>] {
        // SAFETY: the contract.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), len) }
    }
}
