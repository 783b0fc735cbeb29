//! A convolution or its transposition.

use super::super::awake::in_order;
use super::super::finish::Target;
use super::super::gather::PIECE_FLOPS;
use super::super::micro::InstructionSet;
use super::super::pack::{Scratch, with_scratch};
use super::super::shape::ConvShape;
use super::super::way::Way;
use super::MOST_CHANNELS;
use super::cut::{Cut, Piece};
use super::layout::Layout;
use super::micro::Kernels;
use super::work::Work;

/// A convolution with its weights in order.
#[derive(Debug)]
pub(in super::super) struct OrderedConv {
    set: InstructionSet,
    layout: Layout,
    weights: Vec<f32>,
}

/// The pieces of an [`OrderedConv`] for one batch and number of threads.
#[derive(Debug)]
pub(in super::super) struct ReadyChannels {
    cut: Cut,
    is_small: bool,
}

impl OrderedConv {
    /// Orders the weights `w` `[Co, Ci / groups, kh, kw]`.
    pub(in super::super) fn new(
        set: InstructionSet,
        way: Way,
        shape: &ConvShape,
        w: &[f32],
    ) -> Self {
        let layout = Layout::new(set, way, shape);
        let weights = layout.order(set, w);
        Self {
            set,
            layout,
            weights,
        }
    }

    /// Cuts the work for the batch of `shape` and the threads of this pool.
    pub(in super::super) fn ready(&self, shape: &ConvShape) -> ReadyChannels {
        ReadyChannels {
            cut: Cut::new(&self.layout, shape.batch(), [1, 1]),
            is_small: shape.flops() < PIECE_FLOPS,
        }
    }

    /// Convolves `source` and writes all of `to`.
    pub(in super::super) fn run(
        &self,
        ready: &ReadyChannels,
        bias: Option<&[f32]>,
        source: &[f32],
        to: &Target<'_>,
    ) {
        let work = Work {
            kernels: Kernels::of(self.set),
            layout: &self.layout,
            cut: &ready.cut,
        };
        let piece = |index: usize| {
            let piece = ready.cut.piece(index);
            with_scratch(|scratch| self.piece(work, &piece, (source, bias), scratch, to));
        };
        if ready.is_small {
            (0..ready.cut.pieces()).for_each(piece);
        } else {
            in_order(ready.cut.pieces(), piece);
        }
    }

    fn piece(
        &self,
        work: Work<'_>,
        piece: &Piece,
        (source, bias): (&[f32], Option<&[f32]>),
        scratch: &mut Scratch,
        to: &Target<'_>,
    ) {
        let layout = &self.layout;
        let Scratch {
            packed,
            staged,
            sums: planes,
            ..
        } = scratch;
        let packed = packed.stale(work.packed_len());
        let sums = staged.stale(piece.strips.len() * work.sums_len());
        for chunk in layout.chunks() {
            let packed = work.pack_chunk(piece, source, chunk, packed);
            for (strip, sums) in piece.strips.clone().zip(sums.chunks_mut(work.sums_len())) {
                let mut init = [0.0; MOST_CHANNELS];
                if let Some(bias) = bias {
                    let bias = &bias[piece.group * layout.targets..][layout.channels(strip)];
                    init[..bias.len()].copy_from_slice(bias);
                }
                let init = (chunk[0] == 0).then_some(init.as_slice());
                let weights = layout.with_next(&self.weights, piece.group, chunk, strip);
                work.add(&piece.slab, strip, (packed, chunk[1]), weights, init, sums);
            }
        }
        for (strip, sums) in piece.strips.clone().zip(sums.chunks(work.sums_len())) {
            work.write(piece, strip, sums, planes, to);
        }
    }
}
