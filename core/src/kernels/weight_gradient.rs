//! The gradient of a convolution with respect to its weights.
//!
//! Every weight is a dot product of two packed runs of pixels: the gradient of its output channel, zero between the
//! rows, and its input channel shifted by its tap. Slabs are summed one after the other within a *lane*, lanes are
//! added at the end.
//!
//! Invariant: slabs and lanes depend on the shape alone, so the result does not depend on the number of threads.

use rayon::prelude::*;

use super::micro::{InstructionSet, Step};
use super::pack::{Source, pack, pack_target, with_scratch};
use super::plan::{Axis, Frame, Slabs};
use super::product::{Rows, Steps, dots};
use super::shape::ConvShape;
use super::winograd::{self, Algorithm};

/// Pixels of a slab: eight rows of gradients of this length fill most of a first-level cache.
const SLAB_PIXELS: usize = 1024;
/// Most lanes, and most elements of all lanes together.
const LANES: usize = 16;
const LANE_ELEMENTS: usize = 1 << 20;
/// Pieces of less work than this are not worth a thread.
const PIECE_FLOPS: f64 = 1e6;

/// The gradient with respect to the weights `[Co, Ci / groups, kh, kw]`, from the input `x` `[N, Ci, Hi, Wi]` and the
/// gradient at the output `g` `[N, Co, Ho, Wo]`, summed over the batch, by `algorithm`.
///
/// A value that is not finite may spread to every weight of its channels.
///
/// # Panics
/// When a slice does not have the length that `shape` gives.
pub fn conv2d_weight_gradient(
    algorithm: Algorithm,
    shape: &ConvShape,
    x: &[f32],
    g: &[f32],
) -> Vec<f32> {
    conv2d_weight_gradient_with(InstructionSet::best(), algorithm, shape, x, g)
}

/// [`conv2d_weight_gradient`] with the instruction set `set`.
pub fn conv2d_weight_gradient_with(
    set: InstructionSet,
    algorithm: Algorithm,
    shape: &ConvShape,
    x: &[f32],
    g: &[f32],
) -> Vec<f32> {
    assert_eq!(x.len(), shape.x_len(), "input length");
    assert_eq!(g.len(), shape.out_len(), "output gradient length");
    if algorithm == Algorithm::Fastest && winograd::applies(shape) {
        return winograd::weight_gradient(set, shape, x, g);
    }
    let plan = Plan::new(set, shape);
    let len = shape.w_len();
    let (out_channels, row_len) = (shape.out_per_group(), shape.in_per_group() * shape.taps());
    let mut lanes = vec![0.0; len * plan.lanes];
    // Every piece owns some rows of one group in one lane.
    let pieces: Vec<_> = lanes
        .chunks_mut(out_channels * row_len)
        .flat_map(|rows| rows.chunks_mut(plan.rows * row_len).enumerate())
        .enumerate()
        .collect();
    let splits = out_channels.div_ceil(plan.rows);
    let run = |(index, (split, sums)): (usize, (usize, &mut [f32]))| {
        let lane = index / (shape.groups() * splits);
        let group = index / splits % shape.groups();
        plan.piece(
            Piece {
                lane,
                group,
                first_row: split * plan.rows,
            },
            x,
            g,
            sums,
        );
    };
    if shape.flops() < PIECE_FLOPS {
        pieces.into_iter().for_each(run);
    } else {
        pieces.into_par_iter().for_each(run);
    }
    let (total, rest) = lanes.split_at_mut(len);
    for lane in rest.chunks(len) {
        for (sum, value) in total.iter_mut().zip(lane) {
            *sum += value;
        }
    }
    lanes.truncate(len);
    lanes
}

struct Plan<'a> {
    set: InstructionSet,
    shape: &'a ConvShape,
    y: Axis,
    x: Axis,
    frame: Frame,
    slabs: Slabs,
    steps: Steps,
    lanes: usize,
    /// Output channels per piece.
    rows: usize,
}

/// Which part of the sums a piece computes.
#[derive(Clone, Copy)]
struct Piece {
    lane: usize,
    group: usize,
    first_row: usize,
}

impl<'a> Plan<'a> {
    fn new(set: InstructionSet, shape: &'a ConvShape) -> Self {
        let (y, x) = (Axis::forward(shape, 0), Axis::forward(shape, 1));
        let row_pixels = x.count + x.reach;
        let slabs = Slabs::new(&y, shape.batch(), SLAB_PIXELS / row_pixels, 1 + 2 * y.reach);
        let frame = Frame::new(&y, &x, slabs.images, slabs.band);
        let lanes = (LANE_ELEMENTS / shape.w_len())
            .clamp(1, LANES)
            .min(slabs.len());
        // The cut along the output channels changes no sum, so it may follow the number of threads.
        let wanted = (shape.flops() / PIECE_FLOPS).min(4.0 * rayon::current_num_threads() as f64);
        let splits = (wanted.max(1.0) as usize).div_ceil(lanes * shape.groups());
        let most_rows = set.most_rows();
        let blocks = shape.out_per_group().div_ceil(most_rows);
        let rows = blocks.div_ceil(splits.clamp(1, blocks)) * most_rows;
        let steps = steps(shape, &y, &x, &frame);
        Self {
            set,
            shape,
            y,
            x,
            frame,
            slabs,
            steps,
            lanes,
            rows,
        }
    }

    /// Adds all slabs of a lane to `sums` `[rows, Ci / groups, kh, kw]`.
    fn piece(&self, piece: Piece, x: &[f32], g: &[f32], sums: &mut [f32]) {
        let shape = self.shape;
        let weights = self.steps.len();
        let inputs = shape.in_per_group();
        let first = piece.group * shape.out_per_group() + piece.first_row;
        let channels = first..first + sums.len() / weights;
        let x = Source {
            values: x,
            channels: shape.in_channels(),
        };
        let g = Source {
            values: g,
            channels: shape.out_channels(),
        };
        let per_lane = self.slabs.len().div_ceil(self.lanes);
        let slabs = piece.lane * per_lane..((piece.lane + 1) * per_lane).min(self.slabs.len());
        with_scratch(|scratch| {
            for slab in slabs {
                let slab = self.slabs.get(slab);
                let axes = (&self.y, &self.x);
                let group = piece.group * inputs..(piece.group + 1) * inputs;
                let packed = pack(x, group, axes, &self.frame, &slab, &mut scratch.packed);
                let pixels = self.frame.pixels(slab.images.len(), slab.rows);
                let row_len = pixels.next_multiple_of(self.set.lanes());
                let staged = (&mut scratch.staged, row_len);
                let targets = pack_target(g, channels.clone(), &self.y, &self.frame, &slab, staged);
                let mut row = 0;
                while row < channels.len() {
                    let block = self.set.block(channels.len() - row);
                    let rows = Rows {
                        values: &targets[row * row_len..],
                        stride: row_len,
                    };
                    let to = (&mut sums[row * weights..], weights);
                    dots(block, &self.steps, packed, rows, row_len, to);
                    row += block.rows;
                }
            }
        });
    }
}

/// One window per weight of an output channel, in their order.
fn steps(shape: &ConvShape, y: &Axis, x: &Axis, frame: &Frame) -> Steps {
    (0..shape.in_per_group())
        .flat_map(|channel| y.taps.iter().map(move |row| (channel, *row)))
        .flat_map(|(channel, row)| x.taps.iter().map(move |column| (channel, row, *column)))
        .map(|(channel, row, column)| Step {
            x: frame.tap_start(channel, (y, row), (x, column)),
            w: 0,
        })
        .collect()
}
