//! Edges of a layout: down through the gaps between rows, past boxes in lanes beside them.
//!
//! Invariant: a vertical piece keeps clear of every box of the rows it passes, a horizontal piece lies between two rows;
//! lanes of one row do not touch.

use std::ops::Range;

use super::layout::{Item, Route, WIDTH};
use super::place::{BETWEEN_ROWS, Rows};

/// Distance between neighbouring lanes, and of the first one from its box.
const LANE: f32 = 13.0;
/// How far from the middle of a box edges that pass others leave it and reach it.
const PORT: f32 = WIDTH / 4.0;
/// Edges over more rows than this take a lane at the outside.
const LONGEST_BESIDE: usize = 600;
/// Places tried for a lane beside the boxes before the outside is taken.
const MOST_TRIES: usize = 40;

/// The routes of all edges, by the item they end at.
pub(super) fn routes(items: &[Item], rows: &Rows) -> Vec<Route> {
    let mut edges: Vec<(usize, usize)> = Vec::new();
    for (to, item) in items.iter().enumerate() {
        edges.extend(item.inputs.iter().map(|from| (*from, to)));
    }
    // Short ones first: they lie inside of those that reach further.
    edges.sort_by_key(|(from, to)| (items[*to].row - items[*from].row, *from, *to));
    let mut space = Space::of(items, rows);
    let mut outside = Vec::new();
    let mut routes = Vec::with_capacity(edges.len());
    for (from, to) in edges {
        match space.route(&items[from], &items[to]) {
            Some((points, is_skip)) => routes.push(Route {
                from,
                to,
                points,
                is_skip,
            }),
            None => outside.push((from, to)),
        }
    }
    routes.extend(space.outside(items, outside));
    routes.sort_by_key(|route| (route.to, route.from));
    routes
}

/// What is taken in every row.
struct Space<'a> {
    rows: &'a Rows,
    /// For every row its boxes as `[left, right]`, from the left.
    boxes: Vec<Vec<[f32; 2]>>,
    /// For every row its lanes, from the left.
    lanes: Vec<Vec<f32>>,
    /// The right side of everything so far.
    right: f32,
}

impl<'a> Space<'a> {
    fn of(items: &[Item], rows: &'a Rows) -> Self {
        let mut boxes = vec![Vec::new(); rows.len()];
        for item in items {
            boxes[item.row].push([item.area.left, item.area.right()]);
        }
        for row in &mut boxes {
            row.sort_by(|a, b| a[0].total_cmp(&b[0]));
        }
        let right = items.iter().map(|item| item.area.right());
        Self {
            rows,
            boxes,
            lanes: vec![Vec::new(); rows.len()],
            right: right.fold(f32::NEG_INFINITY, f32::max),
        }
    }

    /// The corners of an edge and whether it passes others; none when there is no room near.
    fn route(&mut self, from: &Item, to: &Item) -> Option<(Vec<[f32; 2]>, bool)> {
        let (x, y) = (from.area.middle(), from.area.bottom());
        let (to_x, to_y) = (to.area.middle(), to.area.top);
        let below = self.below(from.row, 0.5);
        if to.row == from.row + 1 {
            return Some((corners([x, y], below, [to_x, to_y]), false));
        }
        // The row of its end counts for lanes: another edge may begin in the gap above it.
        let passed = from.row + 1..to.row + 1;
        if passed.len() > LONGEST_BESIDE {
            return None;
        }
        let out = self.below(from.row, 0.3);
        let into = self.below(to.row - 1, 0.7);
        if x != to_x {
            for (lane, points) in [
                (to_x, corners([x, y], out, [to_x, to_y])),
                (x, corners([x, y], into, [to_x, to_y])),
            ] {
                if self.blocked(lane, passed.clone()).is_none() {
                    self.take(lane, passed);
                    return Some((points, false));
                }
            }
        }
        let mut lane = x.max(to_x) + WIDTH / 2.0 + LANE;
        for _ in 0..MOST_TRIES {
            match self.blocked(lane, passed.clone()) {
                Some(next) => lane = next,
                None => {
                    self.take(lane, passed);
                    return Some((skip(from, to, lane, out, into), true));
                }
            }
        }
        None
    }

    /// The height at a share of the gap below a row.
    fn below(&self, row: usize, share: f32) -> f32 {
        self.rows[row][1] + BETWEEN_ROWS * share
    }

    /// The next place to the right worth trying when something is in the way: a lane in one of the rows, or a box in one
    /// of them but the last.
    fn blocked(&self, x: f32, rows: Range<usize>) -> Option<f32> {
        let last = rows.end - 1;
        rows.into_iter().find_map(|row| {
            let boxes: &[[f32; 2]] = if row == last { &[] } else { &self.boxes[row] };
            let left_of = boxes.partition_point(|[left, _]| *left < x + LANE * 0.9);
            let beside = left_of.checked_sub(1).map(|i| boxes[i][1]);
            if let Some(right) = beside.filter(|right| *right > x - LANE * 0.9) {
                return Some(right + LANE);
            }
            let lanes = &self.lanes[row];
            let first = lanes.partition_point(|lane| *lane < x - LANE * 0.9);
            let near = lanes.get(first).filter(|lane| **lane < x + LANE * 0.9);
            near.map(|lane| lane + LANE)
        })
    }

    fn take(&mut self, x: f32, rows: Range<usize>) {
        for row in rows {
            let lanes = &mut self.lanes[row];
            lanes.insert(lanes.partition_point(|lane| *lane < x), x);
        }
        self.right = self.right.max(x);
    }

    /// Edges without room near their boxes, in as few lanes at the right as their rows allow.
    fn outside(&self, items: &[Item], mut edges: Vec<(usize, usize)>) -> Vec<Route> {
        edges.sort_by_key(|(from, to)| (items[*from].row, items[*to].row, *from, *to));
        // For every lane the row its last edge ends at.
        let mut lanes: Vec<usize> = Vec::new();
        let route = |(from, to): (usize, usize)| {
            let (first, last) = (&items[from], &items[to]);
            let free = lanes.iter().position(|end| *end <= first.row);
            let lane = free.unwrap_or(lanes.len());
            match lanes.get_mut(lane) {
                Some(end) => *end = last.row,
                None => lanes.push(last.row),
            }
            let x = self.right + LANE * (lane + 1) as f32;
            let out = self.below(first.row, 0.3);
            let into = self.below(last.row - 1, 0.7);
            Route {
                from,
                to,
                points: skip(first, last, x, out, into),
                is_skip: true,
            }
        };
        edges.into_iter().map(route).collect()
    }
}

/// Down, aside at a height, down again; without corners where nothing goes aside.
fn corners(from: [f32; 2], height: f32, to: [f32; 2]) -> Vec<[f32; 2]> {
    if from[0] == to[0] {
        vec![from, to]
    } else {
        vec![from, [from[0], height], [to[0], height], to]
    }
}

/// Past everything between two items at `lane`.
fn skip(from: &Item, to: &Item, lane: f32, out: f32, into: f32) -> Vec<[f32; 2]> {
    let (x, to_x) = (from.area.middle() + PORT, to.area.middle() + PORT);
    vec![
        [x, from.area.bottom()],
        [x, out],
        [lane, out],
        [lane, into],
        [to_x, into],
        [to_x, to.area.top],
    ]
}
