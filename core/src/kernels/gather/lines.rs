//! Which sums become which rows of the target, and putting a row together from several phases.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::super::plan::{Axis, Frame, Slab};
use super::Gather;

/// One row of the target in a slab.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// Where it begins, counted from the first row of the slab.
    pub(super) target: usize,
    pub(super) len: usize,
    /// Its row phase.
    pub(super) phase: usize,
    /// Where its sums begin in a row of sums.
    pub(super) sums: usize,
}

impl Gather {
    /// The elements of the target in which the rows of a slab lie, for picture `index` of the slab and a channel of all.
    pub(super) fn band(&self, slab: &Slab, index: usize, channel: usize) -> Range<usize> {
        let (height, width) = (self.y.target_len, self.x.target_len);
        let rows = self.target_rows(slab);
        let image = slab.images.start + index;
        let plane = (image * self.groups * self.target_channels + channel) * height;
        (plane + rows.start) * width..(plane + rows.end) * width
    }

    /// The rows of the target that a slab computes.
    fn target_rows(&self, slab: &Slab) -> Range<usize> {
        let (spread, shift) = (self.y.spread, self.y.target_shift);
        let top = slab.row as usize;
        let first = (top * spread).saturating_sub(shift);
        let end = ((top + slab.rows) * spread - shift).min(self.y.target_len);
        first..end
    }

    /// The rows of picture `index` of a slab.
    pub(super) fn lines(
        &self,
        frame: &Frame,
        slab: &Slab,
        index: usize,
    ) -> impl Iterator<Item = Line> + use<> {
        let (spread, shift, width) = (self.y.spread, self.y.target_shift, self.x.target_len);
        let (rows, top) = (self.target_rows(slab), slab.row as usize);
        let (image_rows, pitch) = (frame.image_rows, frame.pitch);
        let first = rows.start;
        rows.map(move |i| Line {
            target: (i - first) * width,
            len: width,
            phase: (i + shift) % spread,
            sums: (index * image_rows + (i + shift) / spread - top) * pitch,
        })
    }
}

/// One line of the target from the column phases of one line of sums, which lie `phase_len` apart.
#[inline]
pub(super) fn interleave(staged: &[f32], phase_len: usize, x: &Axis, to: &mut [MaybeUninit<f32>]) {
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
