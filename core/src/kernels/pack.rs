//! Copying between plain `[N, C, H, W]` arrays and packed frames.
//!
//! Invariant: every element of a packed buffer is written, so that no stale or uninitialised value reaches a sum.

use std::cell::Cell;
use std::ops::Range;

use super::plan::{Axis, Frame, MAX_LANES, Slab};
use super::planes::wide;

/// Memory that begins on a cache line, so that aligned runs of it never straddle two.
#[derive(Default)]
pub(super) struct Buffer(Vec<f32>);

impl Buffer {
    /// `len` elements, left from earlier use or zero.
    pub(super) fn stale(&mut self, len: usize) -> &mut [f32] {
        self.0.resize(self.0.len().max(len + MAX_LANES), 0.0);
        // One cache line is as long as the longest vector.
        let skip = self.0.as_ptr().align_offset(MAX_LANES * size_of::<f32>());
        &mut self.0[skip.min(MAX_LANES)..][..len]
    }

    /// `len` zeros.
    pub(super) fn zeros(&mut self, len: usize) -> &mut [f32] {
        let values = self.stale(len);
        values.fill(0.0);
        values
    }
}

/// Working memory of one thread, kept between calls.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) packed: Buffer,
    pub(super) staged: Buffer,
    /// Transformed tiles.
    pub(super) transformed: Buffer,
    /// Sums at all positions of a tile, or transformed gradients.
    pub(super) sums: Buffer,
}

impl Scratch {
    fn largest(&self) -> usize {
        let buffers = [&self.packed, &self.staged, &self.transformed, &self.sums];
        buffers
            .map(|buffer| buffer.0.len())
            .into_iter()
            .max()
            .unwrap_or(0)
    }
}

/// Threads give memory back beyond this many elements (16 MiB).
const KEEP: usize = 4 << 20;

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// Runs `work` with the scratch memory of this thread; a nested call gets fresh memory.
pub(super) fn with_scratch<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = SCRATCH.take().unwrap_or_default();
    let result = work(&mut scratch);
    if scratch.largest() <= KEEP {
        SCRATCH.set(Some(scratch));
    }
    result
}

/// A plain array `[N, C, H, W]` that is read.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) values: &'a [f32],
    /// All channels of a picture.
    pub(super) channels: usize,
}

/// Packs the phase planes of `channels` of one slab with their zero padding.
pub(super) fn pack<'p>(
    source: Source<'_>,
    channels: Range<usize>,
    (y, x): (&Axis, &Axis),
    frame: &Frame,
    slab: &Slab,
    packed: &'p mut Buffer,
) -> &'p [f32] {
    let (height, width) = (y.source_len, x.source_len);
    let packed = packed.zeros(frame.len(channels.len()));
    let (row_origin, column_origin) = (slab.row + y.delta_min, x.first + x.delta_min);
    for (local, channel) in channels.enumerate() {
        for (row_phase, h) in y.phases.iter().enumerate() {
            let rows = y.data(*h, row_origin, frame.rows);
            for (column_phase, v) in x.phases.iter().enumerate() {
                let columns = x.data(*v, column_origin, frame.columns);
                if columns.is_empty() {
                    continue;
                }
                let from = x.source_index(*v, column_origin, columns.start);
                let start = frame.plane_start(local, row_phase, column_phase);
                for (index, image) in slab.images.clone().enumerate() {
                    let plane = (image * source.channels + channel) * height;
                    for row in rows.clone() {
                        let line = plane + y.source_index(*h, row_origin, row);
                        let values = &source.values[line * width + from..(line + 1) * width];
                        let place = start + (index * frame.image_rows + row) * frame.pitch;
                        copy_phase(
                            values,
                            x.split,
                            &mut packed[place + columns.start..place + columns.end],
                        );
                    }
                }
            }
        }
    }
    packed
}

/// Every `step`-th value of `from`.
#[inline]
fn copy_phase(from: &[f32], step: usize, to: &mut [f32]) {
    match step {
        1 => {
            to.copy_from_slice(&from[..to.len()]);
        }
        2 => {
            let (pairs, last) = from.as_chunks::<2>();
            let whole = to.len().min(pairs.len());
            let (to, rest) = to.split_at_mut(whole);
            wide(move || {
                to.iter_mut()
                    .zip(pairs)
                    .for_each(|(to, pair)| *to = pair[0]);
            });
            // The last value may have no partner.
            rest.iter_mut().zip(last).for_each(|(to, last)| *to = *last);
        }
        _ => {
            for (to, from) in to.iter_mut().zip(from.iter().step_by(step)) {
                *to = *from;
            }
        }
    }
}

/// Packs an array of the target's size into rows of pixels, zero where a pixel would be dropped: `[channel][pixel]`
/// with `row_len` elements per channel.
pub(super) fn pack_target<'p>(
    target: Source<'_>,
    channels: Range<usize>,
    y: &Axis,
    frame: &Frame,
    slab: &Slab,
    (packed, row_len): (&'p mut Buffer, usize),
) -> &'p [f32] {
    let packed = packed.zeros(channels.len() * row_len);
    let width = frame.columns;
    for (local, channel) in channels.enumerate() {
        for (index, image) in slab.images.clone().enumerate() {
            let plane = (image * target.channels + channel) * y.target_len;
            for row in 0..slab.rows {
                let from = (plane + slab.row as usize + row) * width;
                let to = local * row_len + (index * frame.image_rows + row) * frame.pitch;
                packed[to..to + width].copy_from_slice(&target.values[from..from + width]);
            }
        }
    }
    packed
}
