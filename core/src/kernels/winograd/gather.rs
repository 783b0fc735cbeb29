//! The forward pass and the input gradient: both are a 3x3 convolution with some weights and some padding.
//!
//! Invariant: each output belongs to one piece of work and sums its channels in order, so neither the cut nor the number
//! of threads changes a bit of the result.

use std::mem::MaybeUninit;

use super::super::awake::in_order;
use super::super::finish::{Target, filled};
use super::super::micro::{InstructionSet, MAX_ROWS, Step};
use super::super::pack::{Buffer, Source, with_scratch};
use super::super::plan::{Axis, Frame, MAX_LANES, Slab, Slabs};
use super::super::product::{Rows, Steps, product};
use super::super::shape::ConvShape;
use super::transform::{Tiles, Transforms};
use super::{GRADIENT, POSITIONS, points, tiles};

/// Transformed weights: per block of target channels and position `[source channel][row]`, rows [`MAX_ROWS`] apart.
#[derive(Clone, Debug)]
pub(in super::super) struct PreparedWeights {
    values: Vec<f32>,
    sources: usize,
    targets: usize,
    /// Target channels per block.
    rows: usize,
}

impl PreparedWeights {
    /// Transforms the weights `of(target, source, tap)`.
    fn new(
        set: InstructionSet,
        (sources, targets): (usize, usize),
        of: impl Fn(usize, usize, usize) -> f32 + Sync,
    ) -> Self {
        let rows = set.most_rows();
        let len = POSITIONS * sources * MAX_ROWS;
        let blocks = targets.div_ceil(rows);
        let transform = |block: usize, values: &mut [MaybeUninit<f32>]| {
            for source in 0..sources {
                let target =
                    |row: usize| Some(block * rows + row).filter(|t| row < rows && *t < targets);
                let taps: [[f32; MAX_ROWS]; 9] = std::array::from_fn(|tap| {
                    std::array::from_fn(|row| target(row).map_or(0.0, |t| of(t, source, tap)))
                });
                for (position, rows) in points::weights(&taps).iter().enumerate() {
                    values[(position * sources + source) * MAX_ROWS..][..MAX_ROWS]
                        .copy_from_slice(&rows.map(MaybeUninit::new));
                }
            }
        };
        let write = |to: &mut [MaybeUninit<f32>]| {
            let to = Target::new(to, None);
            in_order(blocks, |block| {
                // SAFETY: every block has its own part.
                transform(block, unsafe { to.part(block * len, len) });
            });
        };
        Self {
            // SAFETY: every position of every source channel of every block is written.
            values: unsafe { filled(blocks * len, write) },
            sources,
            targets,
            rows,
        }
    }

    /// The weights of a block of target channels, all positions.
    fn block(&self, first: usize) -> &[f32] {
        let len = POSITIONS * self.sources * MAX_ROWS;
        &self.values[first / self.rows * len..][..len]
    }
}

/// The weights of the forward pass, from `w` `[Co, Ci, 3, 3]`.
pub(in super::super) fn forward_weights(
    set: InstructionSet,
    shape: &ConvShape,
    w: &[f32],
) -> PreparedWeights {
    let (ins, outs) = (shape.in_channels(), shape.out_channels());
    PreparedWeights::new(set, (ins, outs), |target, source, tap| {
        w[(target * ins + source) * 9 + tap]
    })
}

/// The weights of the input gradient: channels exchanged, kernels turned by half a turn.
pub(in super::super) fn input_gradient_weights(
    set: InstructionSet,
    shape: &ConvShape,
    w: &[f32],
) -> PreparedWeights {
    let (ins, outs) = (shape.in_channels(), shape.out_channels());
    PreparedWeights::new(set, (outs, ins), |target, source, tap| {
        w[(source * ins + target) * 9 + 8 - tap]
    })
}

/// Sizes of one direction of a convolution: rows, then columns.
#[derive(Clone, Copy)]
pub(in super::super) struct Direction {
    batch: usize,
    source: [usize; 2],
    target: [usize; 2],
    pad: [usize; 2],
}

impl Direction {
    /// From input to output.
    pub(in super::super) fn forward(shape: &ConvShape) -> Self {
        Self {
            batch: shape.batch(),
            source: shape.in_size(),
            target: shape.out_size(),
            pad: shape.window().pad_before,
        }
    }

    /// From the output's gradient to the input's.
    pub(in super::super) fn backward(shape: &ConvShape) -> Self {
        Self {
            batch: shape.batch(),
            source: shape.out_size(),
            target: shape.in_size(),
            pad: shape.window().pad_before.map(|pad| 2 - pad),
        }
    }
}

/// Elements of transformed tiles and of sums that should stay in a second-level cache (1 MiB).
const TRANSFORMED: usize = 256 << 10;
/// Tiles of a slab, at most and at least: enough for long products, few enough for a first-level cache.
const TILES: [usize; 2] = [32, 112];
/// Pieces of less work than this are not worth a thread.
const PIECE_FLOPS: f64 = 1e6;

/// One direction of a convolution cut into pieces of work, for many inputs.
#[derive(Debug)]
pub(in super::super) struct ReadyTiles {
    set: InstructionSet,
    sources: usize,
    targets: usize,
    y: Axis,
    x: Axis,
    frame: Frame,
    slabs: Slabs,
    /// Pieces per slab, each with some blocks of target channels.
    splits: usize,
    offsets: [usize; POSITIONS],
    /// Tiles of a full slab, a multiple of the lanes.
    tiles: usize,
    /// Distance between positions of transformed tiles, and of sums.
    position: usize,
    sums: usize,
    /// Target channels whose sums are held at a time.
    group: usize,
    steps: Steps,
}

impl ReadyTiles {
    /// Cuts the work for the threads of this pool.
    pub(in super::super) fn new(
        set: InstructionSet,
        direction: Direction,
        [sources, targets]: [usize; 2],
    ) -> Self {
        let axis =
            |i: usize| tiles::axis(direction.source[i], direction.target[i], direction.pad[i]);
        let (y, x) = (axis(0), axis(1));
        let row_tiles = x.count + 1;
        let all_tiles = (direction.batch * y.count * x.count) as f64;
        let flops = 2.0 * POSITIONS as f64 * all_tiles * (sources * targets) as f64;
        let threads = rayon::current_num_threads().min((flops / PIECE_FLOPS).max(1.0) as usize);
        let most = (TRANSFORMED / (POSITIONS * (sources + targets))).clamp(TILES[0], TILES[1]);
        let all_rows = direction.batch * y.count;
        // As many pieces for each thread as for any other.
        let rounds = all_rows.div_ceil(threads * (most / row_tiles).max(1));
        let wanted = threads * rounds;
        let rows = all_rows.div_ceil(wanted).min(most / row_tiles);
        let slabs = Slabs::new(&y, direction.batch, rows, TILES[0].div_ceil(row_tiles));
        let blocks = targets.div_ceil(set.most_rows());
        let splits = wanted.div_ceil(slabs.len()).clamp(1, blocks);
        let frame = Frame::new(&y, &x, slabs.images, slabs.band);
        let tiles = frame
            .pixels(slabs.images, slabs.band)
            .next_multiple_of(set.lanes());
        // Whole blocks, as many as the cache has room for.
        let most_rows = set.most_rows();
        let group = (TRANSFORMED / (POSITIONS * tiles) / most_rows).clamp(1, blocks) * most_rows;
        let step = |channel| Step {
            x: channel * tiles,
            w: channel * MAX_ROWS,
        };
        Self {
            set,
            sources,
            targets,
            offsets: tiles::offsets(&y, &x, &frame),
            steps: (0..sources).map(step).collect(),
            y,
            x,
            frame,
            slabs,
            splits: blocks.div_ceil(blocks.div_ceil(splits)),
            tiles,
            position: odd_lines(sources * tiles),
            sums: odd_lines(group * tiles),
            group,
        }
    }

    /// Convolves `source` with `weights` and writes all of `to`.
    pub(in super::super) fn run(
        &self,
        weights: &PreparedWeights,
        bias: Option<&[f32]>,
        source: &[f32],
        to: &Target<'_>,
    ) {
        assert_eq!(
            (weights.sources, weights.targets),
            (self.sources, self.targets)
        );
        let work = Work {
            ready: self,
            transforms: Transforms::of(self.set),
            weights,
            bias,
            source,
            to,
        };
        let pieces = self.slabs.len() * self.splits;
        if pieces == 1 {
            work.piece(0);
        } else {
            in_order(pieces, |index| work.piece(index));
        }
    }

    /// Tiles of a slab, rounded up to whole vectors.
    fn count(&self, slab: &Slab) -> usize {
        self.frame
            .pixels(slab.images.len(), slab.rows)
            .next_multiple_of(self.set.lanes())
    }
}

/// The work with its arrays.
struct Work<'a> {
    ready: &'a ReadyTiles,
    transforms: &'static Transforms,
    weights: &'a PreparedWeights,
    bias: Option<&'a [f32]>,
    source: &'a [f32],
    to: &'a Target<'a>,
}

impl Work<'_> {
    /// One slab, some blocks of target channels.
    fn piece(&self, index: usize) {
        let slab = self.ready.slabs.get(index / self.ready.splits);
        let targets = self.ready.targets;
        let rows = self.weights.rows;
        let per_piece = targets.div_ceil(rows).div_ceil(self.ready.splits) * rows;
        let first = index % self.ready.splits * per_piece;
        with_scratch(|scratch| {
            let transformed = scratch.transformed.stale(POSITIONS * self.ready.position);
            self.transform(&slab, &mut scratch.packed, transformed);
            let count = self.ready.count(&slab);
            let end = (first + per_piece).min(targets);
            for target in (first..end).step_by(self.ready.group) {
                let products = scratch.sums.stale(POSITIONS * self.ready.sums);
                let many = self.ready.group.min(end - target);
                self.products(target, many, transformed, count, products);
                for row in 0..many {
                    let offsets =
                        std::array::from_fn(|i| i * self.ready.sums + row * self.ready.tiles);
                    let bias = self.bias.map_or(0.0, |bias| bias[target + row]);
                    let outputs = scratch.staged.stale(GRADIENT * GRADIENT * self.ready.tiles);
                    let to = Tiles {
                        values: outputs,
                        stride: self.ready.tiles,
                    };
                    self.transforms.output(products, &offsets, to, count, bias);
                    self.write(&slab, target + row, outputs);
                }
            }
        });
    }

    /// The tiles of all source channels of a slab, `[position][channel][tile]`.
    fn transform(&self, slab: &Slab, packed: &mut Buffer, transformed: &mut [f32]) {
        let sources = self.weights.sources;
        let source = Source {
            values: self.source,
            channels: sources,
        };
        let (ready, count) = (self.ready, self.ready.count(slab));
        let axes = (&ready.y, &ready.x);
        let place = (&ready.frame, slab);
        tiles::for_channels(
            self.transforms,
            source,
            axes,
            place,
            packed,
            |channel, planes| {
                let to = Tiles {
                    values: &mut transformed[channel * ready.tiles..],
                    stride: ready.position,
                };
                self.transforms.input(planes, &ready.offsets, to, count);
            },
        );
    }

    /// The products of some target channels at all positions, `[position][row][tile]`.
    fn products(
        &self,
        target: usize,
        many: usize,
        transformed: &[f32],
        count: usize,
        to: &mut [f32],
    ) {
        let (sources, rows) = (self.ready.sources, self.weights.rows);
        // All channels at one position, while its tiles are in the first-level cache.
        for position in 0..POSITIONS {
            let tiles = &transformed[position * self.ready.position..];
            let mut row = 0;
            while row < many {
                let block = self.ready.set.block((many - row).min(rows - row % rows));
                let weights = self.weights.block(target + row);
                let weights = Rows {
                    values: &weights[position * sources * MAX_ROWS + row % rows..],
                    stride: 1,
                };
                let to = &mut to[position * self.ready.sums + row * self.ready.tiles..];
                product(
                    block,
                    &self.ready.steps,
                    tiles,
                    weights,
                    &[0.0; MAX_ROWS],
                    count,
                    (to, self.ready.tiles),
                );
                row += block.rows;
            }
        }
    }

    /// Writes the 4 x 4 outputs of a slab's tiles, `[pixel][tile]`, to one channel.
    fn write(&self, slab: &Slab, channel: usize, outputs: &[f32]) {
        let (height, width) = (self.ready.y.target_len, self.ready.x.target_len);
        let top = slab.row as usize * GRADIENT;
        let bottom = (top + slab.rows * GRADIENT).min(height);
        for (index, image) in slab.images.clone().enumerate() {
            let plane = (image * self.weights.targets + channel) * height;
            let (start, len) = ((plane + top) * width, (bottom - top) * width);
            // SAFETY: this piece alone writes these rows of this channel.
            let rows = unsafe { self.to.part(start, len) };
            for (i, line) in rows.chunks_mut(width).enumerate() {
                let tile =
                    (index * self.ready.frame.image_rows + i / GRADIENT) * self.ready.frame.pitch;
                let phase =
                    |j: usize| &outputs[(i % GRADIENT * GRADIENT + j) * self.ready.tiles + tile..];
                tiles::collect(
                    self.transforms,
                    [phase(0), phase(1), phase(2), phase(3)],
                    line,
                );
            }
            // SAFETY: the loop above wrote these rows, which this piece alone owns.
            unsafe { self.to.finish(start, len) };
        }
    }
}

/// `len` elements rounded up to an odd number of cache lines, so that neighbouring positions do not fall into the same set
/// of the cache.
fn odd_lines(len: usize) -> usize {
    (len.div_ceil(MAX_LANES) | 1) * MAX_LANES
}
