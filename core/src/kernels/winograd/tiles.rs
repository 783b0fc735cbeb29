//! Planes to tiles and back: one channel of a slab as 16 phase planes, so that the same pixel of neighbouring tiles lies
//! side by side.

use std::mem::MaybeUninit;

use super::super::pack::{Buffer, Source};
use super::super::plan::{Axis, Frame, MAX_LANES, Slab, Tap};
use super::transform::Transforms;
use super::{GRADIENT, POSITIONS, TILE};

/// Rows or columns as tiles: targets `0..target_len` in tiles of 4, each reading 6 sources from `pad` before its first.
pub(super) fn axis(source_len: usize, target_len: usize, pad: usize) -> Axis {
    let taps = (0..TILE)
        .map(|k| Tap {
            target_phase: 0,
            source: k % GRADIENT,
            delta: (k / GRADIENT) as isize,
        })
        .collect();
    Axis {
        source_len,
        target_len,
        split: GRADIENT,
        source_shift: pad,
        spread: 1,
        target_shift: 0,
        taps,
        phases: (0..GRADIENT).collect(),
        first: 0,
        count: target_len.div_ceil(GRADIENT),
        delta_min: 0,
        reach: 1,
    }
}

/// Where pixel `row * 6 + column` of the first tile lies in a packed channel.
pub(super) fn offsets(y: &Axis, x: &Axis, frame: &Frame) -> [usize; POSITIONS] {
    std::array::from_fn(|i| frame.tap_start(0, (y, y.taps[i / TILE]), (x, x.taps[i % TILE])))
}

/// Packs one channel of a slab after the other and calls `each` with the channel and its 16 phase planes.
pub(super) fn for_channels(
    transforms: &Transforms,
    source: Source<'_>,
    axes: (&Axis, &Axis),
    (frame, slab): (&Frame, &Slab),
    packed: &mut Buffer,
    mut each: impl FnMut(usize, &[f32]),
) {
    // Zeros once: the padding is in the same places for every channel.
    let packed = packed.zeros(frame.len(1) + MAX_LANES);
    for channel in 0..source.channels {
        pack_channel(transforms, source, channel, axes, frame, slab, packed);
        each(channel, packed);
    }
}

/// Packs the 16 phase planes of one channel of a slab. `packed` holds zeros where the frame has padding, as left by an
/// earlier channel of the same slab.
fn pack_channel(
    transforms: &Transforms,
    source: Source<'_>,
    channel: usize,
    (y, x): (&Axis, &Axis),
    frame: &Frame,
    slab: &Slab,
    packed: &mut [f32],
) {
    let (height, width) = (y.source_len, x.source_len);
    for h in 0..GRADIENT {
        // Tiles of inputs reach into the tiles below theirs, tiles of gradients do not.
        let rows = y.data(h, slab.row, slab.rows);
        let planes = &mut packed[frame.plane_start(0, h, 0)..][..GRADIENT * frame.plane];
        for (index, image) in slab.images.clone().enumerate() {
            let plane = (image * source.channels + channel) * height;
            for row in rows.clone() {
                let line = plane + y.source_index(h, slab.row, row);
                let place = (index * frame.image_rows + row) * frame.pitch;
                let line = &source.values[line * width..][..width];
                deal(
                    transforms,
                    line,
                    x.source_shift,
                    planes,
                    (frame.plane, place),
                );
            }
        }
    }
}

/// Deals a line out to four planes: element `e` to plane `(e + pad) % 4` at `place + (e + pad) / 4`.
fn deal(
    transforms: &Transforms,
    line: &[f32],
    pad: usize,
    planes: &mut [f32],
    (plane, place): (usize, usize),
) {
    let head = (GRADIENT - pad % GRADIENT) % GRADIENT;
    let (head, rest) = line.split_at(head.min(line.len()));
    let mut one = |e: usize, value: f32| {
        planes[(e + pad) % GRADIENT * plane + place + (e + pad) / GRADIENT] = value;
    };
    for (e, value) in head.iter().enumerate() {
        one(e, *value);
    }
    let (fours, tail) = rest.as_chunks::<GRADIENT>();
    for (i, value) in tail.iter().enumerate() {
        one(line.len() - tail.len() + i, *value);
    }
    transforms.deal(
        fours,
        planes,
        (plane, place + (head.len() + pad) / GRADIENT),
    );
}

/// Puts a line of outputs together from four planes of tiles.
pub(super) fn collect(
    transforms: &Transforms,
    planes: [&[f32]; GRADIENT],
    line: &mut [MaybeUninit<f32>],
) {
    let (fours, tail) = line.as_chunks_mut::<GRADIENT>();
    let whole = fours.len();
    transforms.collect(planes, fours);
    for (value, plane) in tail.iter_mut().zip(planes) {
        value.write(plane[whole]);
    }
}
