//! The warp of a picture: flips, scale and rotation about the centre, shift, crop and reduction in one bilinear lookup.
//!
//! Invariant: coverage is the share of an output pixel that comes from real picture pixels, 0 to 1.

use super::{BlendRecipe, Perturbation, Stamp};

/// Coverage below which an output pixel counts as filled.
pub(super) const COVERED: f32 = 0.999;

/// The affine map from stamp pixels to picture pixels.
pub(super) struct SourceMap {
    /// Picture column and row of stamp pixel (0, 0).
    origin: [f64; 2],
    /// Change of (column, row) per stamp column.
    per_column: [f64; 2],
    /// Change of (column, row) per stamp row.
    per_row: [f64; 2],
}

impl SourceMap {
    pub(super) fn new(recipe: &BlendRecipe, picture: &Stamp, p: &Perturbation) -> Self {
        let (step, span) = (recipe.step() as f64, recipe.pixel_span() as f64);
        let (h, w) = (picture.height as f64, picture.width as f64);
        // First sampled pixel: the crop starts at floor((size - crop) / 2), the block's middle is (step - 1) / 2 further.
        let crop = recipe.side as f64 * step;
        let start = |size: f64| ((size - crop) / 2.0).floor() + ((step - 1.0) / 2.0).floor();
        // The recipe turns about full-size pixel floor(size / 2); reduced pixel i lies at full-size pixel span i + (span - 1) / 2.
        let centre = |size: f64| ((size * span / 2.0).floor() - (span - 1.0) / 2.0) / span;
        let (cos, sin) = (p.rotation.cos() / p.scale, p.rotation.sin() / p.scale);
        let (cx, cy) = (centre(w), centre(h));
        let (ux, uy) = (start(w) - cx - p.dx / span, start(h) - cy - p.dy / span);
        let mut map = Self {
            origin: [cos * ux + sin * uy + cx, -sin * ux + cos * uy + cy],
            per_column: [cos * step, -sin * step],
            per_row: [sin * step, cos * step],
        };
        // Flips come first, so they are the last thing on the way back.
        for (axis, flip, last) in [(0, p.flip_h, w - 1.0), (1, p.flip_v, h - 1.0)] {
            if flip {
                map.origin[axis] = last - map.origin[axis];
                map.per_column[axis] = -map.per_column[axis];
                map.per_row[axis] = -map.per_row[axis];
            }
        }
        map
    }

    fn at(&self, column: usize, row: usize) -> [f64; 2] {
        [0, 1].map(|axis| {
            self.origin[axis]
                + self.per_column[axis] * column as f64
                + self.per_row[axis] * row as f64
        })
    }
}

/// What a picture reads beyond its edges.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Edge {
    /// Nothing: zero light, no coverage.
    Open,
    /// Its mirror image, still without coverage.
    Mirror,
}

impl Edge {
    /// The index read for grid line `i` of `n`, and whether the picture really reaches there.
    fn lookup(self, i: i64, n: i64) -> (usize, bool) {
        let index = match self {
            Self::Open => i.clamp(0, n - 1),
            Self::Mirror => {
                let around = i.rem_euclid(2 * n);
                around.min(2 * n - 1 - around)
            }
        };
        (index as usize, (0..n).contains(&i))
    }
}

/// Bilinear samples `[C, side, side]`, not covered neighbours read as zero (or mirrored), and the coverage `[side, side]`.
pub(super) fn sample(
    picture: &Stamp,
    map: &SourceMap,
    side: usize,
    feather: f32,
    edge: Edge,
) -> (Vec<f32>, Vec<f32>) {
    let (h, w, plane) = (picture.height, picture.width, side * side);
    let mut pixels = vec![0.0; picture.channels * plane];
    let mut cover = vec![0.0; plane];
    for (i, cover) in cover.iter_mut().enumerate() {
        let [x, y] = map.at(i % side, i / side);
        let (x0, y0) = (x.floor(), y.floor());
        let (fx, fy) = ((x - x0) as f32, (y - y0) as f32);
        let fade = edge_fade([x, y], [w, h], feather);
        for (dy, wy) in [(0, 1.0 - fy), (1, fy)] {
            for (dx, wx) in [(0, 1.0 - fx), (1, fx)] {
                let (column, in_x) = edge.lookup(x0 as i64 + dx, w as i64);
                let (row, in_y) = edge.lookup(y0 as i64 + dy, h as i64);
                let weight = wx * wy * fade;
                let at = row * w + column;
                let covered = in_x && in_y;
                if weight == 0.0
                    || !(covered || edge == Edge::Mirror)
                    || picture.pixels[at].is_nan()
                {
                    continue;
                }
                for channel in 0..picture.channels {
                    pixels[channel * plane + i] += weight * picture.pixels[channel * h * w + at];
                }
                if covered {
                    *cover += weight;
                }
            }
        }
    }
    (pixels, cover)
}

/// 1 inside, falling linearly to 0 over the last `feather` pixels before an edge.
fn edge_fade([x, y]: [f64; 2], [w, h]: [usize; 2], feather: f32) -> f32 {
    if feather <= 0.0 {
        return 1.0;
    }
    let depth = x
        .min(y)
        .min((w - 1) as f64 - x)
        .min((h - 1) as f64 - y)
        .max(-1.0);
    ((depth as f32 + 1.0) / feather).clamp(0.0, 1.0)
}

/// Adds (1 - cover) times the fill of each channel.
pub(super) fn add_fill(pixels: &mut [f32], cover: &[f32], mut fill: impl FnMut(usize) -> f32) {
    for (channel, plane) in pixels.chunks_exact_mut(cover.len()).enumerate() {
        for (pixel, cover) in plane.iter_mut().zip(cover) {
            if *cover < COVERED {
                *pixel += (1.0 - cover) * fill(channel);
            }
        }
    }
}
