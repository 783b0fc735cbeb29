//! The parts of one piece of work: packing a chunk of the source, summing, writing strips of channels to their planes.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::super::finish::{Target, overwritten};
use super::super::pack::{Buffer, Source};
use super::cut::{Cut, Piece, Slab};
use super::layout::{Layout, Pair};
use super::micro::{Kernels, prefetch};
use super::product::{Terms, sums, to_channels, to_planes};

/// A layout and a cut of it.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) kernels: &'static Kernels,
    pub(super) layout: &'a Layout,
    pub(super) cut: &'a Cut,
}

/// Channels that are written together.
pub(super) const FOUR: usize = 4;

/// Up to four channels of a strip in one picture of a slab.
pub(super) struct Four {
    pub(super) image: usize,
    strip: usize,
    /// The first, counted from that of the strip.
    place: usize,
    /// Target channels of the group.
    pub(super) channels: Range<usize>,
}

impl Work<'_> {
    /// Elements of a packed chunk of a slab.
    pub(super) fn packed_len(&self) -> usize {
        self.cut.pixels * self.layout.chunk
    }

    /// Elements of the sums of a strip in a slab.
    pub(super) fn sums_len(&self) -> usize {
        self.cut.sums() * self.kernels.most_channels()
    }

    /// Packs channels `first..first + many` of `source` as `[picture][row][column][channel]`, with their zero padding.
    fn pack(&self, slab: &Slab, source: Source<'_>, [first, many]: [usize; 2], to: &mut [f32]) {
        let (layout, rows) = (self.layout, self.cut.packed_rows);
        let (y, x) = (&layout.y, &layout.x);
        let (height, width) = (y.source_len, x.source_len);
        let top = y.origin() + (slab.rows.start / y.spread * y.advance) as isize;
        let left = x.origin();
        let skip = ((-left).max(0) as usize).min(layout.columns);
        let begin = (left.max(0) as usize).min(width);
        let columns = (width - begin).min(layout.columns - skip);
        let lines = to.chunks_mut(layout.columns * many);
        let images = slab.images.clone();
        let places = images.flat_map(|image| (0..rows).map(move |row| (image, top + row as isize)));
        for ((image, row), line) in places.zip(lines) {
            if columns == 0 || row < 0 || row >= height as isize {
                line.fill(0.0);
                continue;
            }
            let plane = (image * source.channels + first) * height;
            let from = &source.values[(plane + row as usize) * width + begin..];
            let (before, line) = line.split_at_mut(skip * many);
            let (line, after) = line.split_at_mut(columns * many);
            before.fill(0.0);
            after.fill(0.0);
            // The next row of every channel, which lies elsewhere for each.
            for channel in 0..many {
                let next = channel * height * width + width;
                prefetch(from.get(next..next + columns).unwrap_or_default());
            }
            let from = (from, height * width);
            to_channels(self.kernels, from, (line, many), [many, columns]);
        }
    }

    /// Packs the channels of a chunk of a piece's group; what was packed.
    pub(super) fn pack_chunk<'p>(
        &self,
        piece: &Piece,
        values: &[f32],
        [first, many]: [usize; 2],
        to: &'p mut [f32],
    ) -> &'p mut [f32] {
        let Layout {
            groups, sources, ..
        } = *self.layout;
        let source = Source {
            values,
            channels: groups * sources,
        };
        let to = &mut to[..self.cut.pixels * many];
        let channels = [piece.group * sources + first, many];
        self.pack(&piece.slab, source, channels, to);
        to
    }

    /// Adds the products of a chunk with the weights of a strip, or begins with `init`; fetches the weights that come next.
    pub(super) fn add(
        &self,
        slab: &Slab,
        strip: usize,
        (x, channels): (&[f32], usize),
        [w, next]: [&[f32]; 2],
        init: Option<&[f32]>,
        to: &mut [f32],
    ) {
        let width = self.layout.width(strip);
        let (mut weight, mut pixel) = (0, 0);
        for (pair, places) in self.layout.pairs.iter().zip(&self.cut.places) {
            let len = pair.runs.pixels() * channels * width;
            let terms = Terms {
                runs: &pair.runs,
                x,
                channels,
                w: &w[weight..weight + len],
                next: if weight == 0 { next } else { &[] },
            };
            let count = slab.images.len() * self.targets(pair, slab);
            let to = &mut to[pixel * width..];
            sums(
                self.kernels,
                width / self.layout.lanes(),
                terms,
                init,
                (places, count),
                to,
            );
            weight += len;
            pixel += places.len();
        }
    }

    /// Targets of a pair of phases in one picture of a slab.
    fn targets(&self, pair: &Pair, slab: &Slab) -> usize {
        self.sizes(pair, slab).iter().product()
    }

    /// Rows and columns of a pair of phases in one picture of a slab.
    fn sizes(&self, pair: &Pair, slab: &Slab) -> [usize; 2] {
        let (y, x) = (&self.layout.y, &self.layout.x);
        [
            y.count(&y.phases[pair.phases[0]], slab.rows.len()),
            x.count(&x.phases[pair.phases[1]], x.target_len),
        ]
    }

    /// The elements of the target in which the rows of a piece lie, for picture `index` of its slab and a channel of its group.
    pub(super) fn band(&self, piece: &Piece, index: usize, channel: usize) -> Range<usize> {
        let Layout {
            groups, targets, ..
        } = *self.layout;
        let (height, width) = (self.layout.y.target_len, self.layout.x.target_len);
        let Slab { images, rows } = &piece.slab;
        let channel = ((images.start + index) * groups + piece.group) * targets + channel;
        let plane = channel * height;
        (plane + rows.start) * width..(plane + rows.end) * width
    }

    /// The channels of a strip, up to four at a time, for every picture of a piece.
    pub(super) fn fours(&self, piece: &Piece, strip: usize) -> impl Iterator<Item = Four> + use<> {
        let (channels, images) = (self.layout.channels(strip), piece.slab.images.len());
        let fours = channels.clone().step_by(FOUR);
        fours.flat_map(move |first| {
            let channels = channels.clone();
            (0..images).map(move |image| Four {
                image,
                strip,
                place: first - channels.start,
                channels: first..channels.end.min(first + FOUR),
            })
        })
    }

    /// Writes all channels of a strip from its sums and finishes them.
    pub(super) fn write(
        &self,
        piece: &Piece,
        strip: usize,
        sums: &[f32],
        planes: &mut Buffer,
        target: &Target<'_>,
    ) {
        for four in self.fours(piece, strip) {
            let bands = || {
                four.channels
                    .clone()
                    .map(|c| self.band(piece, four.image, c))
            };
            let mut parts: [&mut [_]; FOUR] = Default::default();
            for (part, band) in parts.iter_mut().zip(bands()) {
                // SAFETY: only this piece owns these rows of this channel, and each channel is another.
                *part = unsafe { target.part(band.start, band.len()) };
            }
            let parts = &mut parts[..four.channels.len()];
            self.unpack(&piece.slab, &four, sums, planes, parts);
            for band in bands() {
                // SAFETY: `unpack` has written these rows, which only this piece owns.
                unsafe { target.finish(band.start, band.len()) };
            }
        }
    }

    /// Writes up to four channels of a strip, each to one of `to`.
    pub(super) fn unpack(
        &self,
        slab: &Slab,
        four: &Four,
        sums: &[f32],
        planes: &mut Buffer,
        to: &mut [&mut [MaybeUninit<f32>]],
    ) {
        let (width, layout) = (self.layout.width(four.strip), self.layout);
        let (first, index) = (four.place, four.image);
        if let ([pair], [1, 1]) = (&*layout.pairs, [layout.y.spread, layout.x.spread]) {
            let before = index * self.targets(pair, slab);
            to_planes(self.kernels, (&sums[before * width + first..], width), to);
            return;
        }
        let all: usize = layout
            .pairs
            .iter()
            .map(|pair| self.targets(pair, slab))
            .sum();
        let planes = planes.stale(FOUR * all);
        let (mut pixel, mut rest) = (0, overwritten(&mut *planes));
        for (pair, places) in layout.pairs.iter().zip(&self.cut.places) {
            let len = self.targets(pair, slab);
            let (these, others) = rest.split_at_mut(FOUR * len);
            rest = others;
            if len > 0 {
                let mut these = split_four(these, len);
                let from = &sums[(pixel + index * len) * width + first..];
                to_planes(self.kernels, (from, width), &mut these[..to.len()]);
            }
            pixel += places.len();
        }
        for (channel, to) in to.iter_mut().enumerate() {
            self.interleave(slab, channel, planes, to);
        }
    }

    /// Writes the rows of one of four channels from `[pair of phases][channel][row][column]`.
    fn interleave(&self, slab: &Slab, channel: usize, planes: &[f32], to: &mut [MaybeUninit<f32>]) {
        let (y, x) = (&self.layout.y, &self.layout.x);
        let mut start = 0;
        for pair in &self.layout.pairs {
            let [rows, columns] = self.sizes(pair, slab);
            let len = rows * columns;
            let plane = &planes[start + channel * len..][..len];
            start += FOUR * len;
            let [down, right] = pair.phases;
            let (top, left) = (y.phases[down].first, x.phases[right].first);
            let lines = to.chunks_mut(x.target_len).skip(top).step_by(y.spread);
            for (line, from) in lines.zip(plane.chunks(columns.max(1))) {
                let to = line[left..].iter_mut().step_by(x.spread);
                for (to, from) in to.zip(from) {
                    to.write(*from);
                }
            }
        }
    }
}

/// Four runs of `len` elements.
pub(super) fn split_four(
    values: &mut [MaybeUninit<f32>],
    len: usize,
) -> [&mut [MaybeUninit<f32>]; FOUR] {
    let (a, rest) = values.split_at_mut(len);
    let (b, rest) = rest.split_at_mut(len);
    let (c, d) = rest.split_at_mut(len);
    [a, b, c, d]
}
