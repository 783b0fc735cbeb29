//! The bounds-checked way to the micro-kernels.
//!
//! Invariant: every offset that a micro-kernel will touch is checked here against the slices, once per call.

use std::mem::MaybeUninit;

use super::micro::{ChannelArgs, Kernels, PlaneArgs, Run, SumArgs, prefetch};

/// Runs with their bounds.
#[derive(Debug, Default)]
pub(super) struct Runs {
    list: Vec<Run>,
    /// Their length.
    pixels: usize,
    reach: usize,
}

impl Runs {
    /// Adds one pixel; neighbours become one run.
    pub(super) fn push(&mut self, pixel: usize) {
        self.pixels += 1;
        self.reach = self.reach.max(pixel + 1);
        match self.list.last_mut() {
            Some(run) if run.start + run.len == pixel => run.len += 1,
            _ => self.list.push(Run {
                start: pixel,
                len: 1,
            }),
        }
    }

    /// Pixels that one target reads.
    pub(super) fn pixels(&self) -> usize {
        self.pixels
    }
}

/// Where the packed pixels begin that targets read, with the last.
#[derive(Debug, Default)]
pub(super) struct Places {
    list: Vec<usize>,
    last: usize,
}

impl FromIterator<usize> for Places {
    fn from_iter<I: IntoIterator<Item = usize>>(places: I) -> Self {
        let list: Vec<usize> = places.into_iter().collect();
        let last = list.iter().copied().max().unwrap_or(0);
        Self { list, last }
    }
}

impl Places {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }
}

/// What sums are taken of.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) runs: &'a Runs,
    /// `[pixel][channel]`.
    pub(super) x: &'a [f32],
    /// Channels of a packed pixel.
    pub(super) channels: usize,
    /// `[step][channel of the target]`.
    pub(super) w: &'a [f32],
    /// The weights that are read next.
    pub(super) next: &'a [f32],
}

/// `out[p] = init + sum over steps of x[place p + step] * w[step]` for the first `count` places and some vectors of channels;
/// without `init` added to what is in `out`.
///
/// # Panics
/// When a slice is too short for what the runs and places reach.
pub(super) fn sums(
    kernels: &'static Kernels,
    vectors: usize,
    terms: Terms<'_>,
    init: Option<&[f32]>,
    (places, count): (&Places, usize),
    out: &mut [f32],
) {
    let Terms {
        runs,
        x,
        channels,
        w,
        next,
    } = terms;
    let width = vectors * kernels.lanes;
    assert!(count <= places.len() && count * width <= out.len());
    assert_eq!(w.len(), runs.pixels * channels * width);
    assert!(runs.list.is_empty() || (places.last + runs.reach) * channels <= x.len());
    assert!(init.is_none_or(|init| init.len() >= width));
    let entries = kernels.sums[vectors - 1];
    // Blocks of nearly the same size: small ones wait for their sums.
    let blocks = count.div_ceil(entries.len());
    let mut done = 0;
    for block in 0..blocks {
        let size = (count - done).div_ceil(blocks - block);
        // Weights may come from memory, which is slower than the sums of a few pixels.
        let [start, end] = [block, block + 1].map(|block| next.len() * block / blocks);
        prefetch(&next[start..end]);
        let out = out.as_mut_ptr().wrapping_add(done * width);
        let args = SumArgs {
            places: &places.list[done..done + size],
            runs: &runs.list,
            channels,
            x: x.as_ptr(),
            w: w.as_ptr(),
            init: init.map_or(out.cast_const(), <[f32]>::as_ptr),
            init_row: init.map_or(width, |_| 0),
            out,
        };
        // SAFETY: `Kernels` exist for detected instruction sets only; the entry is that of `size` pixels and `vectors`. By
        // the asserts above (place + run.start + run.len) * channels <= x.len() for every place and run; w has `width` values
        // for each of the steps; done + size <= count, so that out, and init or out in its place, hold `width` for each pixel.
        unsafe { entries[size - 1](&args) }
        done += size;
    }
}

/// `to[p * to_row + c] = from[c * from_row + p]` for all `pixels` and `channels`.
///
/// # Panics
/// When a slice is too short.
pub(super) fn to_channels(
    kernels: &'static Kernels,
    (from, from_row): (&[f32], usize),
    (to, to_row): (&mut [f32], usize),
    [channels, pixels]: [usize; 2],
) {
    if channels == 0 || pixels == 0 {
        return;
    }
    assert!((channels - 1) * from_row + pixels <= from.len());
    assert!((pixels - 1) * to_row + channels <= to.len());
    let whole = if pixels < 4 {
        0
    } else {
        channels - channels % kernels.lanes
    };
    for c in (0..whole).step_by(kernels.lanes) {
        let args = ChannelArgs {
            from: from.as_ptr().wrapping_add(c * from_row),
            from_row,
            to: to.as_mut_ptr().wrapping_add(c),
            to_row,
            pixels,
        };
        // SAFETY: `Kernels` exist for detected instruction sets only; c + lanes <= channels and there are four pixels or more,
        // so that by the asserts above all of from[c' * from_row..][..pixels] and to[p * to_row + c..][..lanes] are inside.
        unsafe { (kernels.to_channels)(&args) }
    }
    for c in whole..channels {
        let from = &from[c * from_row..][..pixels];
        for (to, from) in to[c..].iter_mut().step_by(to_row).zip(from) {
            *to = *from;
        }
    }
}

/// `to[c][p] = from[p * from_row + c]` for all pixels of up to four channels, all of `to` as long as the first.
///
/// # Panics
/// When a slice is too short.
pub(super) fn to_planes(
    kernels: &'static Kernels,
    (from, from_row): (&[f32], usize),
    to: &mut [&mut [MaybeUninit<f32>]],
) {
    let pixels = to.first().map_or(0, |to| to.len());
    if let [a, b, c, d] = to
        && pixels >= kernels.lanes
    {
        assert!([&*b, &*c, &*d].iter().all(|to| to.len() == pixels));
        assert!((pixels - 1) * from_row + 4 <= from.len());
        let args = PlaneArgs {
            from: from.as_ptr(),
            from_row,
            to: [a, b, c, d].map(|to| to.as_mut_ptr().cast()),
            pixels,
        };
        // SAFETY: `Kernels` exist for detected instruction sets only; there are `lanes` pixels or more; by the asserts above
        // four values of every pixel lie in `from`, and every `to` has room for all pixels.
        unsafe { (kernels.to_planes)(&args) }
        return;
    }
    for (c, to) in to.iter_mut().enumerate() {
        let from = from[c..].iter().step_by(from_row);
        assert!(to.len() <= from.len());
        for (to, from) in to.iter_mut().zip(from) {
            to.write(*from);
        }
    }
}
