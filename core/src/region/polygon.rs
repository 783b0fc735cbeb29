//! The exact area of a pixel inside a polygon by the even-odd rule, overlaps included.
//!
//! The rows are cut where corners lie and where edges cross, so that between two cuts the edges stand side by side in one
//! order and every second gap is inside; the part of a pixel left of a straight edge has a closed form.

use super::{Coverage, Place};

/// An edge from its upper end to its lower end; edges along a row enclose nothing and are left out.
#[derive(Clone, Copy, Debug)]
struct Edge {
    top: f64,
    bottom: f64,
    column: f64,
    slope: f64,
}

impl Edge {
    fn between(p: Place, q: Place) -> Option<Self> {
        let (upper, lower) = if p.row < q.row { (p, q) } else { (q, p) };
        let slope = (lower.column - upper.column) / (lower.row - upper.row);
        (upper.row < lower.row && slope.is_finite()).then_some(Self {
            top: upper.row,
            bottom: lower.row,
            column: upper.column,
            slope,
        })
    }

    fn at(&self, row: f64) -> f64 {
        self.column + (row - self.top) * self.slope
    }

    /// The row where two edges cross between their ends.
    fn crossing(&self, other: &Self) -> Option<f64> {
        let (top, bottom) = (self.top.max(other.top), self.bottom.min(other.bottom));
        let (upper, lower) = (
            self.at(top) - other.at(top),
            self.at(bottom) - other.at(bottom),
        );
        let crosses = top < bottom && (upper < 0.0) != (lower < 0.0) && upper != lower;
        crosses.then(|| top + (bottom - top) * upper / (upper - lower))
    }
}

/// `[left, top, right, bottom]`; `None` when there is no area.
pub(super) fn bounds(corners: &[Place]) -> Option<[f64; 4]> {
    let finite = corners
        .iter()
        .all(|p| p.column.is_finite() && p.row.is_finite());
    let (first, true) = (corners.first()?, finite && corners.len() > 2) else {
        return None;
    };
    let start = [first.column, first.row, first.column, first.row];
    Some(corners.iter().fold(start, |[left, top, right, bottom], p| {
        [
            left.min(p.column),
            top.min(p.row),
            right.max(p.column),
            bottom.max(p.row),
        ]
    }))
}

/// Fills in the share of every pixel.
pub(super) fn cover(cover: &mut Coverage, corners: &[Place]) {
    let next = corners.iter().cycle().skip(1);
    let pairs = corners.iter().zip(next);
    let mut edges: Vec<Edge> = pairs.filter_map(|(p, q)| Edge::between(*p, *q)).collect();
    edges.sort_by(|a, b| a.top.total_cmp(&b.top));
    let mut cuts: Vec<f64> = edges.iter().flat_map(|e| [e.top, e.bottom]).collect();
    for (i, edge) in edges.iter().enumerate() {
        let later = edges.iter().skip(i + 1);
        let beside = later.take_while(|other| other.top < edge.bottom);
        cuts.extend(beside.filter_map(|other| edge.crossing(other)));
    }
    cuts.sort_by(f64::total_cmp);
    cuts.dedup();
    let (left, top, rows) = cover.rows_mut();
    let mut active: Vec<(f64, f64, f64)> = Vec::new();
    for (row, shares) in rows.enumerate() {
        let (upper, lower) = ((top + row) as f64 - 0.5, (top + row) as f64 + 0.5);
        let from = cuts.partition_point(|cut| *cut <= upper);
        let to = cuts.partition_point(|cut| *cut < lower);
        let inner = cuts.get(from..to).unwrap_or_default();
        let mut start = upper;
        for end in inner.iter().copied().chain([lower]) {
            let middle = f64::midpoint(start, end);
            let alive = edges.partition_point(|edge| edge.top < middle);
            let crossing = edges.iter().take(alive).filter(|e| e.bottom > middle);
            active.clear();
            active.extend(crossing.map(|e| (e.at(middle), e.at(start), e.at(end))));
            active.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut sign = -1.0;
            for (_, from, to) in &active {
                add_left_part(shares, left as f64, (*from, *to), sign * (end - start));
                sign = -sign;
            }
            start = end;
        }
    }
}

/// Adds to every pixel of a row the part of it left of a straight edge that goes from column `from` to column `to`, times
/// `height`.
fn add_left_part(shares: &mut [f64], left: f64, (from, to): (f64, f64), height: f64) {
    for (column, share) in shares.iter_mut().enumerate() {
        let pixel = left + column as f64 - 0.5;
        *share += height * mean_clamped(from - pixel, to - pixel);
    }
}

/// The mean of `clamp(t, 0, 1)` while t goes evenly from `a` to `b`.
fn mean_clamped(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low >= 1.0 {
        return 1.0;
    }
    if high <= 0.0 {
        return 0.0;
    }
    // The integral of clamp(t, 0, 1); its second derivative is at most 1, so that the middle serves for short ways.
    if high - low < 1e-9 {
        return f64::midpoint(low, high).clamp(0.0, 1.0);
    }
    let (from, to) = (low.max(0.0), high.min(1.0));
    let rising = (to * to - from * from) / 2.0;
    let above = (high - 1.0).max(0.0);
    (rising + above) / (high - low)
}
