//! Going over the drawing by keys: along the edges up and down, to the neighbours left and right.

use ganoscope_core::graph::Layout;

/// A way an arrow key points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To what is read.
    Up,
    /// To what reads.
    Down,
    /// To the neighbour on the left.
    Left,
    /// To the neighbour on the right.
    Right,
}

/// The item one step away; none at the end. Of several, the nearest is taken, so that keys follow what eyes follow.
pub(super) fn step(layout: &Layout, from: usize, way: Way) -> Option<usize> {
    let start = layout.items.get(from)?;
    let distance = |to: usize| {
        let item = &layout.items[to];
        let rows = item.row.abs_diff(start.row);
        let columns = (item.area.middle() - start.area.middle()).abs();
        (rows, columns)
    };
    let nearest = |candidates: &mut dyn Iterator<Item = usize>| {
        candidates.min_by(|a, b| {
            let ((rows_a, columns_a), (rows_b, columns_b)) = (distance(*a), distance(*b));
            rows_a
                .cmp(&rows_b)
                .then(columns_a.total_cmp(&columns_b))
                .then(a.cmp(b))
        })
    };
    let beside = |is_left: bool| {
        let items = layout.items.iter().enumerate();
        items
            .filter(move |(_, item)| {
                // Items of neighbouring rows stand beside each other too when no row has both.
                let is_near = item.row.abs_diff(start.row) <= 2;
                let is_there = if is_left {
                    item.area.right() < start.area.left
                } else {
                    item.area.left > start.area.right()
                };
                is_near && is_there
            })
            .map(|(at, _)| at)
    };
    match way {
        Way::Up => nearest(&mut start.inputs.iter().copied()),
        Way::Down => {
            let readers = layout.routes.iter().filter(|route| route.from == from);
            nearest(&mut readers.map(|route| route.to))
        }
        Way::Left => nearest(&mut beside(true)),
        Way::Right => nearest(&mut beside(false)),
    }
}

#[cfg(test)]
mod tests {
    use ganoscope_core::graph::{Area, Item, Route, Shown};

    use super::*;

    /// A root over two branches: 0 above 1 and 2, 3 below 1; 3 also reads 0.
    fn layout() -> Layout {
        let item = |at: usize, row: usize, left: f32, inputs: &[usize]| Item {
            shown: Shown::Box(at),
            row,
            area: Area {
                left,
                top: row as f32 * 100.0,
                width: 80.0,
                height: 60.0,
            },
            inputs: inputs.to_vec(),
        };
        let route = |from, to| Route {
            from,
            to,
            points: Vec::new(),
            is_skip: false,
        };
        Layout {
            items: vec![
                item(0, 0, 100.0, &[]),
                item(1, 1, 0.0, &[0]),
                item(2, 1, 200.0, &[0]),
                item(3, 2, 0.0, &[0, 1]),
            ],
            routes: vec![route(0, 1), route(0, 2), route(0, 3), route(1, 3)],
            width: 280.0,
            height: 260.0,
        }
    }

    #[test]
    fn arrows_follow_edges_and_neighbours() {
        let layout = layout();
        assert_eq!(step(&layout, 0, Way::Down), Some(1));
        assert_eq!(step(&layout, 1, Way::Right), Some(2));
        assert_eq!(step(&layout, 2, Way::Left), Some(1));
        assert_eq!(step(&layout, 3, Way::Up), Some(1), "the nearest row first");
        assert_eq!(step(&layout, 3, Way::Down), None);
        assert_eq!(step(&layout, 0, Way::Up), None);
        assert_eq!(step(&layout, 1, Way::Left), None);
        assert_eq!(step(&layout, 9, Way::Left), None);
    }
}
