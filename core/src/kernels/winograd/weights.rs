//! The weight gradient: at each of the 36 positions a matrix product over tiles, of transformed output gradients with
//! transformed inputs.
//!
//! Invariant: slabs and lanes depend on the shape alone, so the result does not depend on the number of threads.

use rayon::prelude::*;

use super::super::micro::{InstructionSet, Step};
use super::super::pack::{Buffer, Source, with_scratch};
use super::super::plan::{Axis, Frame, Slab, Slabs};
use super::super::product::{Rows, Steps, dots};
use super::super::shape::ConvShape;
use super::transform::{Tiles, Transforms};
use super::{GRADIENT, POSITIONS, points, tiles};

/// Tiles of a slab: long runs make the final sums of a dot product cheap.
const SLAB_TILES: usize = 448;
/// Elements of transformed tiles of a slab, at most (8 MiB).
const TRANSFORMED: usize = 2 << 20;
/// Most partial sums, and most elements of all of them together.
const LANES: usize = 16;
const LANE_ELEMENTS: usize = 1 << 21;

/// The gradient `[Co, Ci, 3, 3]` from the input `x` and the output's gradient `g`.
pub(in super::super) fn weight_gradient(
    set: InstructionSet,
    shape: &ConvShape,
    x: &[f32],
    g: &[f32],
) -> Vec<f32> {
    let plan = Plan::new(set, shape);
    let (ins, outs) = (shape.in_channels(), shape.out_channels());
    let len = POSITIONS * outs * ins;
    let mut lanes = vec![0.0; len * plan.lanes];
    lanes
        .par_chunks_mut(len)
        .enumerate()
        .for_each(|(lane, sums)| plan.lane(lane, x, g, sums));
    let (total, rest) = lanes.split_at_mut(len);
    for lane in rest.chunks(len) {
        for (sum, value) in total.iter_mut().zip(lane) {
            *sum += value;
        }
    }
    let mut gradient = Vec::with_capacity(outs * ins * 9);
    for pair in 0..outs * ins {
        let sums = std::array::from_fn(|position| total[position * outs * ins + pair]);
        gradient.extend(points::weight_gradient(sums));
    }
    gradient
}

struct Plan<'a> {
    set: InstructionSet,
    transforms: &'static Transforms,
    shape: &'a ConvShape,
    /// Tiles of inputs.
    y: Axis,
    x: Axis,
    frame: Frame,
    /// Tiles of output gradients: the same ones without padding.
    g_y: Axis,
    g_x: Axis,
    slabs: Slabs,
    offsets: [usize; POSITIONS],
    tiles: usize,
    steps: Steps,
    lanes: usize,
}

impl<'a> Plan<'a> {
    fn new(set: InstructionSet, shape: &'a ConvShape) -> Self {
        let (ins, outs) = (shape.in_channels(), shape.out_channels());
        let axis = |i: usize| {
            tiles::axis(
                shape.in_size()[i],
                shape.out_size()[i],
                shape.window().pad_before[i],
            )
        };
        let (y, x) = (axis(0), axis(1));
        let gradient = |i: usize| Axis {
            reach: 0,
            ..tiles::axis(shape.out_size()[i], shape.out_size()[i], 0)
        };
        let row_tiles = x.count + 1;
        let most =
            (TRANSFORMED / (POSITIONS * (ins + outs))).clamp(row_tiles, SLAB_TILES.max(row_tiles));
        let slabs = Slabs::new(&y, shape.batch(), most / row_tiles, 1);
        let frame = Frame::new(&y, &x, slabs.images, slabs.band);
        let tiles = frame
            .pixels(slabs.images, slabs.band)
            .next_multiple_of(set.lanes());
        let step = |channel| Step {
            x: channel * tiles,
            w: 0,
        };
        Self {
            set,
            transforms: Transforms::of(set),
            shape,
            offsets: tiles::offsets(&y, &x, &frame),
            steps: (0..ins).map(step).collect(),
            lanes: (LANE_ELEMENTS / (POSITIONS * ins * outs))
                .clamp(1, LANES)
                .min(slabs.len()),
            y,
            x,
            frame,
            g_y: gradient(0),
            g_x: gradient(1),
            slabs,
            tiles,
        }
    }

    /// Adds all slabs of a lane to `sums` `[position][Co][Ci]`.
    fn lane(&self, lane: usize, x: &[f32], g: &[f32], sums: &mut [f32]) {
        let (ins, outs) = (self.shape.in_channels(), self.shape.out_channels());
        let per_lane = self.slabs.len().div_ceil(self.lanes);
        let slabs = lane * per_lane..((lane + 1) * per_lane).min(self.slabs.len());
        with_scratch(|scratch| {
            for slab in slabs {
                let slab = self.slabs.get(slab);
                let count = self
                    .frame
                    .pixels(slab.images.len(), slab.rows)
                    .next_multiple_of(self.set.lanes());
                let inputs = scratch.transformed.stale(POSITIONS * ins * self.tiles);
                self.inputs(&slab, x, &mut scratch.packed, inputs);
                let gradients = scratch.sums.stale(POSITIONS * outs * self.tiles);
                self.gradients(&slab, g, &mut scratch.packed, gradients);
                for position in 0..POSITIONS {
                    let inputs = &inputs[position * ins * self.tiles..];
                    let sums = &mut sums[position * outs * ins..][..outs * ins];
                    let mut row = 0;
                    while row < outs {
                        let block = self.set.block(outs - row);
                        let rows = Rows {
                            values: &gradients[(position * outs + row) * self.tiles..],
                            stride: self.tiles,
                        };
                        dots(
                            block,
                            &self.steps,
                            inputs,
                            rows,
                            count,
                            (&mut sums[row * ins..], ins),
                        );
                        row += block.rows;
                    }
                }
            }
        });
    }

    /// The input tiles of a slab, `[position][channel][tile]`.
    fn inputs(&self, slab: &Slab, x: &[f32], packed: &mut Buffer, to: &mut [f32]) {
        let channels = self.shape.in_channels();
        let source = Source {
            values: x,
            channels,
        };
        let axes = (&self.y, &self.x);
        self.transform(source, axes, slab, packed, |channel, planes| {
            let to = self.channel(channel, channels, to);
            self.transforms
                .input(planes, &self.offsets, to, self.count(slab));
        });
    }

    /// The gradient tiles of a slab, `[position][channel][tile]`; zero for the tiles between rows and pictures.
    fn gradients(&self, slab: &Slab, g: &[f32], packed: &mut Buffer, to: &mut [f32]) {
        let channels = self.shape.out_channels();
        let source = Source {
            values: g,
            channels,
        };
        let offsets =
            std::array::from_fn(|i| self.frame.plane_start(0, i / GRADIENT, i % GRADIENT));
        let axes = (&self.g_y, &self.g_x);
        self.transform(source, axes, slab, packed, |channel, planes| {
            let to = self.channel(channel, channels, to);
            self.transforms
                .gradient(planes, &offsets, to, self.count(slab));
        });
    }

    fn transform(
        &self,
        source: Source<'_>,
        axes: (&Axis, &Axis),
        slab: &Slab,
        packed: &mut Buffer,
        each: impl FnMut(usize, &[f32]),
    ) {
        tiles::for_channels(
            self.transforms,
            source,
            axes,
            (&self.frame, slab),
            packed,
            each,
        );
    }

    /// Where the tiles of one of `channels` go.
    fn channel<'t>(&self, channel: usize, channels: usize, to: &'t mut [f32]) -> Tiles<'t> {
        Tiles {
            values: &mut to[channel * self.tiles..],
            stride: channels * self.tiles,
        }
    }

    fn count(&self, slab: &Slab) -> usize {
        self.frame
            .pixels(slab.images.len(), slab.rows)
            .next_multiple_of(self.set.lanes())
    }
}
