//! Rows and columns of a layout.
//!
//! A row is one more than the deepest row that is read. Columns follow the dominators: an item stands under the last item
//! that everything it is made of passed through. What begins there side by side and overlaps in rows gets columns of its
//! own; what comes after (the sum of a residual block, the join of branches) stands under the middle again.
//! Invariant: the parts of the drawing below two children of one item have either no row or no column in common.

use super::layout::{Item, WIDTH};

/// Empty space between neighbouring columns: room for edges that pass by.
const BETWEEN_COLUMNS: f32 = 76.0;
/// Empty space between neighbouring rows: room for edges that go aside.
pub(super) const BETWEEN_ROWS: f32 = 34.0;

/// Where the rows lie: for every row its upper and lower side.
pub(super) type Rows = Vec<[f32; 2]>;

/// The rows and the middles of all items.
pub(super) struct Placed {
    row: Vec<usize>,
    middle: Vec<f32>,
}

/// How far the drawing below an item reaches from its middle, and down to which row.
#[derive(Clone, Copy)]
struct Reach {
    left: f32,
    right: f32,
    last_row: usize,
}

/// Items that stand in one column, under each other.
struct Track {
    reach: Reach,
    items: Vec<usize>,
}

impl Placed {
    /// Places items, each after those it reads.
    pub(super) fn of(items: &[Item]) -> Self {
        let row = rows_of(items);
        // Noise or labels that enter further down stand aside, so that they do not tear the main line apart.
        let is_aside: Vec<bool> = items
            .iter()
            .zip(&row)
            .map(|(item, row)| item.inputs.is_empty() && *row > 0)
            .collect();
        let parent = dominators(items, &is_aside);
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); items.len()];
        let mut tops = Vec::new();
        for (at, parent) in parent.iter().enumerate().filter(|(at, _)| !is_aside[*at]) {
            match parent {
                Some(parent) => children[*parent].push(at),
                None => tops.push(at),
            }
        }
        let half = f32::midpoint(WIDTH, BETWEEN_COLUMNS);
        let mut offset = vec![0.0; items.len()];
        let alone = |at: usize| Reach {
            left: half,
            right: half,
            last_row: row[at],
        };
        let mut reach: Vec<Reach> = (0..items.len()).map(alone).collect();
        for at in (0..items.len()).rev() {
            reach[at] = arrange(&mut children[at], &row, &reach, &mut offset, reach[at]);
        }
        let nothing = Reach {
            left: 0.0,
            right: 0.0,
            last_row: 0,
        };
        let whole = arrange(&mut tops, &row, &reach, &mut offset, nothing);
        let mut middle = vec![0.0; items.len()];
        for at in (0..items.len()).filter(|at| !is_aside[*at]) {
            middle[at] = offset[at] + parent[at].map_or(0.0, |parent| middle[parent]);
        }
        let mut in_row = vec![0; row.iter().max().map_or(0, |last| last + 1)];
        for at in (0..items.len()).filter(|at| is_aside[*at]) {
            middle[at] = -whole.left - half * (1.0 + 2.0 * in_row[row[at]] as f32);
            in_row[row[at]] += 1;
        }
        Self { row, middle }
    }
}

/// One more than the deepest row that is read. What reads nothing stands right above what reads it.
fn rows_of(items: &[Item]) -> Vec<usize> {
    let mut row = vec![0; items.len()];
    for (at, item) in items.iter().enumerate() {
        let above = item.inputs.iter().map(|input| row[*input] + 1);
        row[at] = above.max().unwrap_or(0);
    }
    let mut first_reader = vec![usize::MAX; items.len()];
    for (at, item) in items.iter().enumerate() {
        for input in &item.inputs {
            first_reader[*input] = first_reader[*input].min(row[at]);
        }
    }
    for (at, item) in items.iter().enumerate() {
        if item.inputs.is_empty() && first_reader[at] != usize::MAX {
            row[at] = first_reader[at].saturating_sub(1);
        }
    }
    row
}

/// For every item the last one that all ways to it pass; none where they begin apart. Items aside do not count.
fn dominators(items: &[Item], is_aside: &[bool]) -> Vec<Option<usize>> {
    let mut parent: Vec<Option<usize>> = vec![None; items.len()];
    let mut depth = vec![1_usize; items.len()];
    for (at, item) in items.iter().enumerate() {
        let mut inputs = item.inputs.iter().copied().filter(|i| !is_aside[*i]);
        let mut common = inputs.next();
        for input in inputs {
            let mut other = Some(input);
            while common != other {
                let (Some(one), Some(two)) = (common, other) else {
                    common = None;
                    break;
                };
                // The deeper one goes up; of equally deep ones both, in turn.
                if depth[one] >= depth[two] {
                    common = parent[one];
                } else {
                    other = parent[two];
                }
            }
        }
        parent[at] = common;
        depth[at] = common.map_or(1, |common| depth[common] + 1);
    }
    parent
}

/// Gives the children of an item their places relative to its middle; returns how far everything reaches.
fn arrange(
    children: &mut [usize],
    row: &[usize],
    reach: &[Reach],
    offset: &mut [f32],
    own: Reach,
) -> Reach {
    children.sort_by_key(|child| (row[*child], *child));
    let mut whole = own;
    let mut rest = &*children;
    while let Some(first) = rest.first() {
        // Children whose rows overlap, directly or by others between them, stand side by side.
        let mut last_row = reach[*first].last_row;
        let mut count = 1;
        while let Some(next) = rest.get(count).filter(|next| row[**next] <= last_row) {
            last_row = last_row.max(reach[*next].last_row);
            count += 1;
        }
        let (beside, after) = rest.split_at(count);
        rest = after;
        side_by_side(&tracks(beside, row, reach), offset, &mut whole);
    }
    whole
}

/// Puts each child into the first column that is free again at its row.
fn tracks(children: &[usize], row: &[usize], reach: &[Reach]) -> Vec<Track> {
    let mut tracks: Vec<Track> = Vec::new();
    for child in children {
        let own = reach[*child];
        let free = tracks
            .iter_mut()
            .find(|track| track.reach.last_row < row[*child]);
        match free {
            Some(track) => {
                track.items.push(*child);
                track.reach = Reach {
                    left: track.reach.left.max(own.left),
                    right: track.reach.right.max(own.right),
                    last_row: own.last_row,
                };
            }
            None => tracks.push(Track {
                reach: own,
                items: vec![*child],
            }),
        }
    }
    tracks
}

/// Columns beside each other, the middle between the outer ones at 0.
fn side_by_side(tracks: &[Track], offset: &mut [f32], whole: &mut Reach) {
    let mut middles = Vec::with_capacity(tracks.len());
    let mut middle = 0.0;
    for (i, track) in tracks.iter().enumerate() {
        if i > 0 {
            middle += track.reach.left;
        }
        middles.push(middle);
        middle += track.reach.right;
    }
    let centre = middles.last().copied().unwrap_or(0.0) / 2.0;
    for (track, middle) in tracks.iter().zip(&middles) {
        let at = middle - centre;
        for item in &track.items {
            offset[*item] = at;
        }
        whole.left = whole.left.max(track.reach.left - at);
        whole.right = whole.right.max(track.reach.right + at);
        whole.last_row = whole.last_row.max(track.reach.last_row);
    }
}

/// Writes rows and places into the items; returns where the rows lie.
pub(super) fn rows(items: &mut [Item], placed: &Placed) -> Rows {
    let count = placed.row.iter().max().map_or(0, |last| last + 1);
    let mut heights = vec![0.0_f32; count];
    for (item, row) in items.iter().zip(&placed.row) {
        heights[*row] = heights[*row].max(item.area.height);
    }
    let mut top = 0.0;
    let rows: Rows = heights
        .into_iter()
        .map(|height| {
            let row = [top, top + height];
            top += height + BETWEEN_ROWS;
            row
        })
        .collect();
    for ((item, row), middle) in items.iter_mut().zip(&placed.row).zip(&placed.middle) {
        let [top, bottom] = rows[*row];
        item.row = *row;
        item.area.left = middle - item.area.width / 2.0;
        item.area.top = f32::midpoint(top, bottom) - item.area.height / 2.0;
    }
    rows
}
