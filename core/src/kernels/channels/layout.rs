//! The order of everything that depends on the sizes of one picture alone: chunks of source channels, strips of target
//! channels, phases, taps, and the weights in the order in which they are read.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::super::awake::in_order;
use super::super::finish::{Target, filled};
use super::super::micro::InstructionSet;
use super::super::shape::ConvShape;
use super::super::way::Way;
use super::axis::{Axis, Phase};
use super::micro::Kernels;
use super::product::{Runs, to_channels};

/// Steps of one chunk at one phase: the weights of a strip stay in the first-level cache while all pixels read them.
const STEPS: usize = 320;

/// More weights than this come from beyond the second-level cache (1 MiB) and are fetched while those before are in use.
const FAR_WEIGHTS: usize = 256 << 10;

/// Targets that read at the same taps.
#[derive(Debug)]
pub(super) struct Pair {
    /// Index of the phase of rows and of columns.
    pub(super) phases: [usize; 2],
    /// The taps in the order of the sum, as indices into a kernel.
    taps: Vec<usize>,
    /// The packed pixels that they read.
    pub(super) runs: Runs,
}

/// The sizes and orders of a convolution. Channels are those of a group.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) y: Axis,
    pub(super) x: Axis,
    pub(super) groups: usize,
    pub(super) sources: usize,
    pub(super) targets: usize,
    /// Distance between the weights of neighbouring channels of the source and of the target.
    strides: [usize; 2],
    /// Taps of the kernel, also those that no target reads.
    kernel: usize,
    lanes: usize,
    /// Target channels of a full strip.
    strip: usize,
    /// Source channels of a full chunk.
    pub(super) chunk: usize,
    /// Columns of a packed picture.
    pub(super) columns: usize,
    pub(super) pairs: Vec<Pair>,
}

impl Layout {
    pub(super) fn new(set: InstructionSet, way: Way, shape: &ConvShape) -> Self {
        let kernels = Kernels::of(set);
        let (ins, outs, taps) = (shape.in_per_group(), shape.out_per_group(), shape.taps());
        let (y, x) = (Axis::new(way, shape, 0), Axis::new(way, shape, 1));
        let columns = x.reach(x.target_len).max(1);
        let pair = |phases: [usize; 2]| {
            let [rows, cols] = [&y.phases[phases[0]], &x.phases[phases[1]]];
            pair(phases, [rows, cols], columns, shape.kernel()[1])
        };
        let pairs = (0..y.phases.len()).flat_map(|row| (0..x.phases.len()).map(move |c| [row, c]));
        let (sources, targets, strides) = match way {
            Way::Forward => (ins, outs, [taps, ins * taps]),
            Way::Transposed => (outs, ins, [ins * taps, taps]),
        };
        let lanes = kernels.lanes;
        Self {
            groups: shape.groups(),
            sources,
            targets,
            strides,
            kernel: taps,
            lanes,
            strip: kernels.most_channels(),
            chunk: chunk(sources, y.most_taps() * x.most_taps(), lanes),
            columns,
            pairs: pairs.map(pair).collect(),
            y,
            x,
        }
    }

    /// The first channel and the number of channels of every chunk.
    pub(super) fn chunks(&self) -> impl Iterator<Item = [usize; 2]> + use<> {
        let (chunk, sources) = (self.chunk, self.sources);
        (0..sources)
            .step_by(chunk)
            .map(move |first| [first, chunk.min(sources - first)])
    }

    /// Number of strips.
    pub(super) fn strips(&self) -> usize {
        self.targets.div_ceil(self.strip)
    }

    /// The target channels of a strip.
    pub(super) fn channels(&self, strip: usize) -> Range<usize> {
        strip * self.strip..self.targets.min((strip + 1) * self.strip)
    }

    /// Channels of a strip, rounded up to whole vectors.
    pub(super) fn width(&self, strip: usize) -> usize {
        self.channels(strip).len().next_multiple_of(self.lanes)
    }

    /// Values per vector.
    pub(super) fn lanes(&self) -> usize {
        self.lanes
    }

    /// Taps that some target reads.
    fn taps(&self) -> usize {
        self.pairs.iter().map(|pair| pair.taps.len()).sum()
    }

    /// Elements of the ordered weights.
    fn len(&self) -> usize {
        let targets = self.targets.next_multiple_of(self.lanes);
        self.groups * self.taps() * self.sources * targets
    }

    /// Where the ordered weights of a group, chunk and strip lie: `[pair][tap][source channel][target channel]`.
    fn weights(&self, group: usize, [first, many]: [usize; 2], strip: usize) -> Range<usize> {
        let targets = self.targets.next_multiple_of(self.lanes);
        let before = (group * self.sources + first) * targets + many * strip * self.strip;
        let start = self.taps() * before;
        start..start + self.taps() * many * self.width(strip)
    }

    /// The ordered weights of a group, chunk and strip, and those after them when all are more than a cache of a core holds.
    pub(super) fn with_next<'a>(
        &self,
        ordered: &'a [f32],
        group: usize,
        chunk: [usize; 2],
        strip: usize,
    ) -> [&'a [f32]; 2] {
        let these = self.weights(group, chunk, strip);
        let after = &ordered[these.end..];
        let next = if ordered.len() > FAR_WEIGHTS {
            &after[..these.len().min(after.len())]
        } else {
            &[]
        };
        [&ordered[these], next]
    }

    /// The weights `w` `[Co, Ci / groups, kh, kw]` in the order in which they are read.
    pub(super) fn order(&self, set: InstructionSet, w: &[f32]) -> Vec<f32> {
        let kernels = Kernels::of(set);
        let chunks = self.sources.div_ceil(self.chunk);
        let write = |to: &mut [MaybeUninit<f32>]| {
            to.fill(MaybeUninit::new(0.0));
            let to = Target::new(to, None);
            in_order(self.groups * chunks * self.strips(), |index| {
                let (strip, place) = (index % self.strips(), index / self.strips());
                let (chunk, group) = (place % chunks, place / chunks);
                let first = chunk * self.chunk;
                let chunk = [first, self.chunk.min(self.sources - first)];
                let part = self.weights(group, chunk, strip);
                // SAFETY: every chunk of every strip has its own part, zeros until now.
                let to = unsafe { to.part(part.start, part.len()).assume_init_mut() };
                let w = &w[group * (w.len() / self.groups)..][..w.len() / self.groups];
                self.order_strip(kernels, w, chunk, strip, to);
            });
        };
        // SAFETY: filled with zeros first.
        unsafe { filled(self.len(), write) }
    }

    fn order_strip(
        &self,
        kernels: &'static Kernels,
        w: &[f32],
        [first, many]: [usize; 2],
        strip: usize,
        to: &mut [f32],
    ) {
        let (channels, width) = (self.channels(strip), self.width(strip));
        let mut kernel = vec![0.0; self.kernel * width];
        for source in 0..many {
            let from = &w[(first + source) * self.strides[0] + channels.start * self.strides[1]..];
            let sizes = [channels.len(), self.kernel];
            to_channels(
                kernels,
                (from, self.strides[1]),
                (&mut kernel, width),
                sizes,
            );
            let taps = self.pairs.iter().flat_map(|pair| &pair.taps);
            for (place, tap) in taps.enumerate() {
                to[(place * many + source) * width..][..width]
                    .copy_from_slice(&kernel[tap * width..][..width]);
            }
        }
    }
}

/// Source channels of a chunk: whole vectors where there are many, about the same for all.
fn chunk(sources: usize, taps: usize, lanes: usize) -> usize {
    let most = (STEPS / taps.max(1)).max(1);
    let most = if most > lanes {
        most - most % lanes
    } else {
        lanes
    };
    let chunks = sources.div_ceil(most);
    sources
        .div_ceil(chunks)
        .next_multiple_of(lanes)
        .min(sources)
}

/// Targets of one phase of the rows and one of the columns, for packed pictures of `columns` columns.
fn pair(
    phases: [usize; 2],
    [rows, cols]: [&Phase; 2],
    columns: usize,
    kernel_columns: usize,
) -> Pair {
    let (mut taps, mut runs) = (Vec::new(), Runs::default());
    for row in &rows.taps {
        for col in &cols.taps {
            let [down, right] = [(row, rows), (col, cols)]
                .map(|(tap, phase)| (tap.offset - phase.taps[0].offset) as usize);
            taps.push(row.index * kernel_columns + col.index);
            runs.push(down * columns + right);
        }
    }
    Pair { phases, taps, runs }
}
