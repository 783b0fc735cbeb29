//! A convolution cut into pieces of work: slabs (bands of rows of one picture, or several pictures) by strips of channels.

use std::ops::Range;

use super::layout::{Layout, Pair};
use super::product::Places;

/// Pieces of less work than this are not worth a thread.
const PIECE_FLOPS: f64 = 1e6;
/// A packed chunk of a slab should leave room in a second-level cache, in elements (256 KiB).
const SLAB_ELEMENTS: usize = 64 << 10;
/// Sums of a slab, all strips, likewise.
const SUM_ELEMENTS: usize = 128 << 10;
/// Slabs of fewer pixels read the weights too often.
const SLAB_PIXELS: usize = 96;

/// The pieces for one batch and number of threads.
#[derive(Debug)]
pub(super) struct Cut {
    batch: usize,
    /// Rows of the target, and of a full band: a multiple of the spread.
    rows: usize,
    band: usize,
    /// Pictures of a full slab.
    images: usize,
    /// Strips of a piece.
    strips: usize,
    all_strips: usize,
    groups: usize,
    /// Rows of a packed picture.
    pub(super) packed_rows: usize,
    /// Packed pixels of a full slab.
    pub(super) pixels: usize,
    /// Per pair of phases of the layout.
    pub(super) places: Vec<Places>,
}

/// Some rows of some pictures.
#[derive(Clone, Debug)]
pub(super) struct Slab {
    pub(super) images: Range<usize>,
    /// Rows of the target.
    pub(super) rows: Range<usize>,
}

/// One piece of work.
pub(super) struct Piece {
    pub(super) slab: Slab,
    pub(super) group: usize,
    pub(super) strips: Range<usize>,
}

impl Cut {
    /// Cuts the work on `batch` pictures for the threads of this pool; `copies` of each are packed, and sums are kept for
    /// `kinds` of weights.
    pub(super) fn new(layout: &Layout, batch: usize, [copies, kinds]: [usize; 2]) -> Self {
        let (y, x) = (&layout.y, &layout.x);
        let (height, width) = (y.target_len, x.target_len);
        let taps: usize = layout.pairs.iter().map(|pair| pair.runs.pixels()).sum();
        let products = batch * height * width * layout.groups * layout.sources * layout.targets;
        let flops = 2.0 * products as f64 * taps as f64 / (y.spread * x.spread) as f64;
        let threads = rayon::current_num_threads().min((flops / PIECE_FLOPS).max(1.0) as usize);

        // Rows that leave room in the cache, and as many slabs for each thread as for any other.
        let row = copies * layout.chunk * layout.columns;
        let packed = row.saturating_mul(y.advance.div_ceil(y.spread));
        let sums = kinds * layout.targets.next_multiple_of(layout.lanes()) * width;
        let most = (SLAB_ELEMENTS / packed).min(SUM_ELEMENTS / sums);
        let most = most.max(SLAB_PIXELS.div_ceil(width));
        let all_rows = batch * height;
        let rounds = all_rows.div_ceil(threads * most);
        let wanted = all_rows.div_ceil(threads * rounds).min(most);
        let all_strips = layout.strips();
        // A strip alone cannot be shared; otherwise bands of few pixels read the weights too often.
        let least = if all_strips * layout.groups < threads {
            1
        } else {
            SLAB_PIXELS.div_ceil(width)
        };
        let (images, band) = if wanted.max(least) >= height {
            let images = (wanted / height).clamp(1, batch);
            (batch.div_ceil(batch.div_ceil(images)), height)
        } else {
            let band = height.div_ceil(height.div_ceil(wanted.max(least)));
            (1, band.next_multiple_of(y.spread).min(height))
        };
        let slabs = batch.div_ceil(images) * height.div_ceil(band);
        let splits = threads.div_ceil(slabs * layout.groups).clamp(1, all_strips);
        let packed_rows = y.reach(band).max(1);
        let places = |pair| places(layout, pair, [images, band, packed_rows]);
        Self {
            batch,
            rows: height,
            band,
            images,
            strips: all_strips.div_ceil(splits),
            all_strips,
            groups: layout.groups,
            packed_rows,
            pixels: images * packed_rows * layout.columns,
            places: layout.pairs.iter().map(places).collect(),
        }
    }

    /// Pieces per slab and group.
    fn splits(&self) -> usize {
        self.all_strips.div_ceil(self.strips)
    }

    fn bands(&self) -> usize {
        self.rows.div_ceil(self.band)
    }

    pub(super) fn pieces(&self) -> usize {
        self.batch.div_ceil(self.images) * self.bands() * self.groups * self.splits()
    }

    pub(super) fn piece(&self, index: usize) -> Piece {
        let first = index % self.splits() * self.strips;
        let index = index / self.splits();
        let (group, index) = (index % self.groups, index / self.groups);
        let (row, image) = (
            index % self.bands() * self.band,
            index / self.bands() * self.images,
        );
        Piece {
            slab: Slab {
                images: image..self.batch.min(image + self.images),
                rows: row..self.rows.min(row + self.band),
            },
            group,
            strips: first..self.all_strips.min(first + self.strips),
        }
    }

    /// Sums of a full slab for one channel: pixels of all phases.
    pub(super) fn sums(&self) -> usize {
        self.places.iter().map(Places::len).sum()
    }
}

/// The packed pixels at which the targets of a pair of phases begin to read, in a slab of `images` pictures and `band` rows.
fn places(layout: &Layout, pair: &Pair, [images, band, packed_rows]: [usize; 3]) -> Places {
    let (y, x) = (&layout.y, &layout.x);
    let [down, right] = [&y.phases[pair.phases[0]], &x.phases[pair.phases[1]]];
    let (rows, columns) = (y.count(down, band), x.count(right, x.target_len));
    let (top, left) = (y.start(down), x.start(right));
    let row = move |image: usize, row: usize| {
        let line = image * packed_rows + top + row * y.advance;
        (0..columns).map(move |column| line * layout.columns + left + column * x.advance)
    };
    (0..images)
        .flat_map(|image| (0..rows).flat_map(move |i| row(image, i)))
        .collect()
}
