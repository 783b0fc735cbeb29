//! Where everything lies: one axis of a convolution or of its input gradient, and the packed frame of a slab.
//!
//! Both directions are one *gather*: `target[q] = sum over taps of w[tap] * source[q + delta(tap)]`. With a stride `s`
//! the forward pass splits its source into `s` phases (every s-th row), the input gradient splits its target. Coordinates:
//! position `z` of source phase `h` is source row `split * z + h - source_shift`; position `q` of target phase `r` is
//! target row `spread * q + r - target_shift`. Columns likewise.
//!
//! Invariant: every tap is one constant offset within a packed [`Frame`], for all pixels of the slab at once.

use std::ops::Range;

use super::shape::ConvShape;

/// One kernel position along one axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tap {
    /// Phase of the target that this tap contributes to.
    pub(super) target_phase: usize,
    /// Index into [`Axis::phases`].
    pub(super) source: usize,
    /// Source position minus target position.
    pub(super) delta: isize,
}

/// Rows or columns of one gather.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) source_len: usize,
    pub(super) target_len: usize,
    pub(super) split: usize,
    pub(super) source_shift: usize,
    pub(super) spread: usize,
    pub(super) target_shift: usize,
    /// One per kernel row or column, in order.
    pub(super) taps: Vec<Tap>,
    /// The source phases that some tap reads, ascending.
    pub(super) phases: Vec<usize>,
    /// First target position.
    pub(super) first: isize,
    /// Number of target positions.
    pub(super) count: usize,
    /// Smallest delta.
    pub(super) delta_min: isize,
    /// Largest delta minus smallest.
    pub(super) reach: usize,
}

impl Axis {
    /// Axis 0 (rows) or 1 (columns) of the forward pass.
    pub(super) fn forward(shape: &ConvShape, axis: usize) -> Self {
        let window = shape.window();
        let (stride, dilation) = (window.stride[axis], window.dilation[axis]);
        let mut phases: Vec<usize> = (0..shape.kernel()[axis])
            .map(|k| k * dilation % stride)
            .collect();
        phases.sort_unstable();
        phases.dedup();
        let taps = (0..shape.kernel()[axis])
            .map(|k| Tap {
                target_phase: 0,
                source: phases
                    .binary_search(&(k * dilation % stride))
                    .expect("collected above"),
                delta: (k * dilation / stride) as isize,
            })
            .collect();
        let target_len = shape.out_size()[axis];
        Self {
            source_len: shape.in_size()[axis],
            target_len,
            split: stride,
            source_shift: window.pad_before[axis],
            spread: 1,
            target_shift: 0,
            taps,
            phases,
            first: 0,
            count: target_len,
            delta_min: 0,
            reach: 0,
        }
        .with_reach()
    }

    /// Axis 0 (rows) or 1 (columns) of the input gradient: the same taps, read backwards.
    pub(super) fn backward(shape: &ConvShape, axis: usize) -> Self {
        let window = shape.window();
        let (stride, dilation, pad) = (
            window.stride[axis],
            window.dilation[axis],
            window.pad_before[axis],
        );
        let taps = (0..shape.kernel()[axis])
            .map(|k| Tap {
                target_phase: k * dilation % stride,
                source: 0,
                delta: -((k * dilation / stride) as isize),
            })
            .collect();
        let target_len = shape.in_size()[axis];
        let first = pad / stride;
        Self {
            source_len: shape.out_size()[axis],
            target_len,
            split: 1,
            source_shift: 0,
            spread: stride,
            target_shift: pad,
            taps,
            phases: vec![0],
            first: first as isize,
            count: (target_len - 1 + pad) / stride - first + 1,
            delta_min: 0,
            reach: 0,
        }
        .with_reach()
    }

    fn with_reach(mut self) -> Self {
        let deltas = || self.taps.iter().map(|tap| tap.delta);
        let (min, max) = (deltas().min().unwrap_or(0), deltas().max().unwrap_or(0));
        self.delta_min = min;
        self.reach = (max - min) as usize;
        self
    }

    /// Packed positions `0..count + reach` of phase `h` that hold data when position 0 is source position `origin`;
    /// the others are zero padding. An empty range lies at the end.
    pub(super) fn data(&self, h: usize, origin: isize, count: usize) -> Range<usize> {
        let width = (count + self.reach) as isize;
        let split = self.split as isize;
        let shift = self.source_shift as isize - h as isize;
        let first = (shift + split - 1).div_euclid(split);
        let end = (self.source_len as isize - 1 + shift).div_euclid(split) + 1;
        let start = (first - origin).clamp(0, width);
        let end = (end - origin).clamp(start, width);
        if start == end {
            return width as usize..width as usize;
        }
        start as usize..end as usize
    }

    /// The source row or column of packed position `local`, which must lie in [`Axis::data`].
    pub(super) fn source_index(&self, h: usize, origin: isize, local: usize) -> usize {
        let position = origin + local as isize;
        (position * self.split as isize + h as isize - self.source_shift as isize) as usize
    }

    /// The smallest distance between neighbouring rows (for columns) or pictures (for rows) in a packed frame.
    ///
    /// The zeros after one row are the zeros before the next: a tap that runs over the end of a row lands in them.
    fn pitch(&self, origin: isize, count: usize) -> usize {
        let width = count + self.reach;
        let needed = |h: &usize| {
            let data = self.data(*h, origin, count);
            let end = if data.is_empty() { 0 } else { data.end };
            end.max(width - data.start)
        };
        self.phases.iter().map(needed).max().unwrap_or(0).max(count)
    }
}

/// How one slab (some pictures, some rows of positions, all columns) lies in its packed buffer.
///
/// Planes follow each other as [channel][row phase][column phase]; within a plane, pictures and rows follow each other
/// so that pixel `p = (picture * image_rows + row) * pitch + column`. Pixels between the columns and the pitch, and
/// between the rows of one picture and the next, are computed and dropped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Pictures.
    pub(super) images: usize,
    /// Target positions along the rows.
    pub(super) rows: usize,
    /// Target positions along the columns.
    pub(super) columns: usize,
    /// Distance between rows.
    pub(super) pitch: usize,
    /// Rows between pictures.
    pub(super) image_rows: usize,
    /// Elements of one plane.
    pub(super) plane: usize,
    row_phases: usize,
    column_phases: usize,
}

/// Vectors of this many values may be read past the last pixel.
pub(super) const MAX_LANES: usize = 16;

impl Frame {
    /// A frame of `images` pictures with `rows` rows each (all rows when there are several pictures).
    pub(super) fn new(y: &Axis, x: &Axis, images: usize, rows: usize) -> Self {
        let pitch = x.pitch(x.first + x.delta_min, x.count);
        let image_rows = if images > 1 {
            y.pitch(y.first + y.delta_min, rows)
        } else {
            rows
        };
        let last_row = (images - 1) * image_rows + rows + y.reach - 1;
        // An odd number of cache lines spreads the planes over the sets of the cache.
        let lines = (last_row * pitch + x.count + x.reach).div_ceil(MAX_LANES) | 1;
        Self {
            images,
            rows,
            columns: x.count,
            pitch,
            image_rows,
            plane: lines * MAX_LANES,
            row_phases: y.phases.len(),
            column_phases: x.phases.len(),
        }
    }

    /// Pixels from the first to the last that is kept when the slab holds `images` pictures and `rows` rows.
    pub(super) fn pixels(&self, images: usize, rows: usize) -> usize {
        ((images - 1) * self.image_rows + rows - 1) * self.pitch + self.columns
    }

    /// Elements of a packed buffer of `channels`.
    pub(super) fn len(&self, channels: usize) -> usize {
        channels * self.row_phases * self.column_phases * self.plane + MAX_LANES
    }

    /// Where the plane of a channel and a pair of phases (indices into [`Axis::phases`]) begins.
    pub(super) fn plane_start(
        &self,
        channel: usize,
        row_phase: usize,
        column_phase: usize,
    ) -> usize {
        ((channel * self.row_phases + row_phase) * self.column_phases + column_phase) * self.plane
    }

    /// Where the pixels of a tap begin.
    pub(super) fn tap_start(
        &self,
        channel: usize,
        (y, row): (&Axis, Tap),
        (x, column): (&Axis, Tap),
    ) -> usize {
        let down = (row.delta - y.delta_min) as usize;
        let right = (column.delta - x.delta_min) as usize;
        self.plane_start(channel, row.source, column.source) + down * self.pitch + right
    }
}

/// The slabs that cover a batch: bands of rows of one picture, or several pictures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slabs {
    batch: usize,
    /// First target position and count of all rows.
    first: isize,
    rows: usize,
    /// Pictures per slab.
    pub(super) images: usize,
    /// Rows per slab.
    pub(super) band: usize,
}

impl Slabs {
    /// Slabs of about `rows_wanted` rows of positions, whole pictures if that is at least one picture; bands have at
    /// least `min_band` rows.
    pub(super) fn new(y: &Axis, batch: usize, rows_wanted: usize, min_band: usize) -> Self {
        let (images, band) = if rows_wanted >= y.count || min_band >= y.count {
            let images = (rows_wanted / y.count).clamp(1, batch);
            (batch.div_ceil(batch.div_ceil(images)), y.count)
        } else {
            let band = rows_wanted.max(min_band).max(1);
            (1, y.count.div_ceil(y.count.div_ceil(band)))
        };
        Self {
            batch,
            first: y.first,
            rows: y.count,
            images,
            band,
        }
    }

    fn bands(&self) -> usize {
        self.rows.div_ceil(self.band)
    }

    /// Number of slabs.
    pub(super) fn len(&self) -> usize {
        self.batch.div_ceil(self.images) * self.bands()
    }

    /// Pictures, first row position and number of rows of slab `index`.
    pub(super) fn get(&self, index: usize) -> Slab {
        let first_image = index / self.bands() * self.images;
        let row = index % self.bands() * self.band;
        Slab {
            images: first_image..(first_image + self.images).min(self.batch),
            row: self.first + row as isize,
            rows: self.band.min(self.rows - row),
        }
    }
}

/// One slab.
#[derive(Clone, Debug)]
pub(super) struct Slab {
    /// Pictures of the batch.
    pub(super) images: Range<usize>,
    /// First row position.
    pub(super) row: isize,
    /// Row positions.
    pub(super) rows: usize,
}
