//! A path drawn by hand as few corners.
//!
//! Source: Douglas and Peucker 1973, Cartographica 10, 112, on a closed path.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::Place;

/// The corners of a closed path such that no point of the path is further than `tolerance` from the outline through the
/// corners; where that takes more than `most` corners, those that matter most. Points that are not finite are left out.
pub fn simplified(path: &[Place], tolerance: f64, most: usize) -> Vec<Place> {
    let mut points: Vec<Place> = Vec::with_capacity(path.len());
    for place in path {
        if place.column.is_finite() && place.row.is_finite() && points.last() != Some(place) {
            points.push(*place);
        }
    }
    if points.len() > 1 && points.first() == points.last() {
        points.pop();
    }
    let [first, .., _] = points.as_slice() else {
        return points;
    };
    // A closed path has no ends: it is cut at its first point and at the point furthest from it.
    let distances = points.iter().map(|p| p.distance(*first));
    let (furthest, _) = largest(distances).unwrap_or_default();
    let end = points.len();
    points.push(*first);
    let mut kept = vec![false; points.len()];
    kept[0] = true;
    kept[furthest] = true;
    let mut count = 2;
    let mut parts: BinaryHeap<Part> = BinaryHeap::new();
    parts.extend(Part::new(&points, 0, furthest));
    parts.extend(Part::new(&points, furthest, end));
    while let Some(part) = parts.pop() {
        if part.distance <= tolerance || count >= most {
            break;
        }
        kept[part.middle] = true;
        count += 1;
        parts.extend(Part::new(&points, part.from, part.middle));
        parts.extend(Part::new(&points, part.middle, part.to));
    }
    points.pop();
    let mut keep = kept.into_iter();
    points.retain(|_| keep.next().unwrap_or(false));
    points
}

/// A part of the path between two corners and its point that is furthest from the straight way. The largest comes first.
#[derive(Clone, Copy, Debug)]
struct Part {
    from: usize,
    to: usize,
    middle: usize,
    distance: f64,
}

impl Part {
    /// `None` when there is nothing between.
    fn new(points: &[Place], from: usize, to: usize) -> Option<Self> {
        let (start, end) = (points.get(from)?, points.get(to)?);
        let between = points.get(from + 1..to)?;
        let (offset, distance) = largest(between.iter().map(|p| off_segment(*p, *start, *end)))?;
        Some(Self {
            from,
            to,
            middle: from + 1 + offset,
            distance,
        })
    }
}

impl Ord for Part {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_distance = self.distance.total_cmp(&other.distance);
        by_distance.then(other.from.cmp(&self.from))
    }
}

impl PartialOrd for Part {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Part {}

/// The index of the largest value, and the value.
fn largest(values: impl Iterator<Item = f64>) -> Option<(usize, f64)> {
    values.enumerate().max_by(|a, b| a.1.total_cmp(&b.1))
}

/// The distance from a point to a segment.
pub(super) fn off_segment(point: Place, from: Place, to: Place) -> f64 {
    let (dx, dy) = (to.column - from.column, to.row - from.row);
    let length = dx * dx + dy * dy;
    let along = (point.column - from.column) * dx + (point.row - from.row) * dy;
    let share = if length > 0.0 {
        (along / length).clamp(0.0, 1.0)
    } else {
        0.0
    };
    point.distance(Place::new(from.column + share * dx, from.row + share * dy))
}
