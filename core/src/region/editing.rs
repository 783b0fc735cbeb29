//! Shapes under a hand: what can be taken hold of, what becomes of a shape when that is dragged, and how a new one is spanned.
//!
//! Invariant: whatever is dragged wherever, a sound shape stays sound ([`Shape::checked`]) as long as the place is finite.

use super::freehand::off_segment;
use super::shape::{at, turned};
use super::{Place, Shape};

/// The part of a shape that a handle moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grip {
    /// The radius of a circle.
    Radius,
    /// A half axis of an ellipse: 0 along its angle, 1 across.
    Axis(usize),
    /// A corner, by its place in [`Shape::outline`]. That of a box leaves the opposite one where it is.
    Corner(usize),
    /// The angle of an ellipse or a box.
    Angle,
}

/// A place at which a shape can be taken hold of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Handle {
    /// What it moves.
    pub grip: Grip,
    /// Where it is.
    pub place: Place,
}

/// The signs of the corners of a box along and across its angle, in the order of its outline.
const CORNERS: [[f64; 2]; 4] = [[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]];

impl Shape {
    /// Where the shape can be taken hold of. The handle of the angle lies `reach` pixels outside the shape. A freehand outline
    /// has none: it has too many corners to be told apart.
    pub fn handles(&self, reach: f64) -> Vec<Handle> {
        let handle = |grip, place| Handle { grip, place };
        match self {
            Self::Circle { centre, radius } => [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]
                .map(|[x, y]| handle(Grip::Radius, at(*centre, [x * radius, y * radius], 0.0)))
                .to_vec(),
            Self::Ellipse {
                centre,
                semi_axes: [a, b],
                angle,
            } => {
                let place = |along, across| at(*centre, [along, across], *angle);
                vec![
                    handle(Grip::Axis(0), place(*a, 0.0)),
                    handle(Grip::Axis(1), place(0.0, *b)),
                    handle(Grip::Axis(0), place(-a, 0.0)),
                    handle(Grip::Axis(1), place(0.0, -b)),
                    handle(Grip::Angle, place(a + reach, 0.0)),
                ]
            }
            Self::Box {
                centre,
                size: [a, b],
                angle,
            } => {
                let place = |along, across| at(*centre, [along, across], *angle);
                let corners = CORNERS.iter().enumerate();
                let mut handles: Vec<Handle> = corners
                    .map(|(i, [x, y])| handle(Grip::Corner(i), place(x * a / 2.0, y * b / 2.0)))
                    .collect();
                handles.push(handle(Grip::Angle, place(a / 2.0 + reach, 0.0)));
                handles
            }
            Self::Polygon { corners } => {
                let corners = corners.iter().enumerate();
                corners
                    .map(|(i, place)| handle(Grip::Corner(i), *place))
                    .collect()
            }
            Self::Freehand { .. } => Vec::new(),
        }
    }

    /// The shape after the part that `grip` moves was taken to `to`; the same shape where it has no such part.
    pub fn with_grip_at(&self, grip: Grip, to: Place) -> Self {
        let mut changed = self.clone();
        match (&mut changed, grip) {
            (Self::Circle { centre, radius }, Grip::Radius) => *radius = centre.distance(to),
            (
                Self::Ellipse {
                    centre,
                    semi_axes,
                    angle,
                },
                Grip::Axis(axis),
            ) => {
                let offsets = turned(*centre, to, *angle);
                if let (Some(length), Some(offset)) = (semi_axes.get_mut(axis), offsets.get(axis)) {
                    *length = offset.abs();
                }
            }
            (
                Self::Box {
                    centre,
                    size,
                    angle,
                },
                Grip::Corner(corner),
            ) => {
                if let Some([along, across]) = CORNERS.get(corner) {
                    let half = [-along * size[0] / 2.0, -across * size[1] / 2.0];
                    let opposite = at(*centre, half, *angle);
                    *size = turned(opposite, to, *angle).map(f64::abs);
                    *centre = middle(opposite, to);
                }
            }
            (
                Self::Ellipse { centre, angle, .. } | Self::Box { centre, angle, .. },
                Grip::Angle,
            ) => {
                let (x, y) = (to.column - centre.column, centre.row - to.row);
                *angle = y.atan2(x).to_degrees();
            }
            (Self::Polygon { corners } | Self::Freehand { corners }, Grip::Corner(corner)) => {
                if let Some(place) = corners.get_mut(corner) {
                    *place = to;
                }
            }
            _ => {}
        }
        changed
    }

    /// The circle around `from` through `to`.
    pub fn circle_between(from: Place, to: Place) -> Self {
        Self::Circle {
            centre: from,
            radius: from.distance(to),
        }
    }

    /// The ellipse around `from` that reaches as far as `to` along columns and along rows.
    pub fn ellipse_between(from: Place, to: Place) -> Self {
        Self::Ellipse {
            centre: from,
            semi_axes: [(to.column - from.column).abs(), (to.row - from.row).abs()],
            angle: 0.0,
        }
    }

    /// The box with opposite corners at `from` and `to`.
    pub fn box_between(from: Place, to: Place) -> Self {
        Self::Box {
            centre: middle(from, to),
            size: [(to.column - from.column).abs(), (to.row - from.row).abs()],
            angle: 0.0,
        }
    }

    /// The distance from a place to the outline, pixels; infinite where there is none.
    pub fn distance_to_outline(&self, place: Place) -> f64 {
        let outline = self.outline();
        let next = outline.iter().cycle().skip(1);
        let distances = outline
            .iter()
            .zip(next)
            .map(|(p, q)| off_segment(place, *p, *q));
        distances.fold(f64::INFINITY, f64::min)
    }

    /// The same area on a picture whose pixels are the means of `factor` by `factor` pixels each, counted from the top left.
    pub fn reduced_by(&self, factor: f64) -> Self {
        let place = |at: &mut Place| {
            at.column = (at.column + 0.5) / factor - 0.5;
            at.row = (at.row + 0.5) / factor - 0.5;
        };
        let mut reduced = self.clone();
        match &mut reduced {
            Self::Circle { centre, radius } => {
                place(centre);
                *radius /= factor;
            }
            Self::Ellipse {
                centre,
                semi_axes: sizes,
                ..
            }
            | Self::Box {
                centre,
                size: sizes,
                ..
            } => {
                place(centre);
                *sizes = sizes.map(|size| size / factor);
            }
            Self::Polygon { corners } | Self::Freehand { corners } => {
                corners.iter_mut().for_each(place);
            }
        }
        reduced
    }
}

fn middle(a: Place, b: Place) -> Place {
    Place::new(
        f64::midpoint(a.column, b.column),
        f64::midpoint(a.row, b.row),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::Coverage;

    fn shapes() -> [Shape; 5] {
        let centre = Place::new(20.0, 12.0);
        let corners = vec![
            Place::new(2.0, 3.0),
            Place::new(9.0, 4.0),
            Place::new(5.0, 11.0),
        ];
        [
            Shape::Circle {
                centre,
                radius: 4.0,
            },
            Shape::Ellipse {
                centre,
                semi_axes: [6.0, 3.0],
                angle: 30.0,
            },
            Shape::Box {
                centre,
                size: [8.0, 5.0],
                angle: -20.0,
            },
            Shape::Polygon {
                corners: corners.clone(),
            },
            Shape::Freehand { corners },
        ]
    }

    fn is_near(a: &Shape, b: &Shape) -> bool {
        let (a, b) = (a.outline(), b.outline());
        a.len() == b.len() && a.iter().zip(&b).all(|(p, q)| p.distance(*q) < 1e-9)
    }

    #[test]
    fn a_handle_that_is_not_moved_changes_nothing() {
        for shape in shapes() {
            for Handle { grip, place } in shape.handles(2.0) {
                let same = shape.with_grip_at(grip, place);
                assert!(is_near(&shape, &same), "{shape:?} {grip:?}");
            }
        }
    }

    #[test]
    fn a_handle_goes_where_it_is_taken() {
        let to = Place::new(31.0, 2.0);
        for shape in shapes() {
            for (index, Handle { grip, .. }) in shape.handles(2.0).into_iter().enumerate() {
                let changed = shape.with_grip_at(grip, to).checked().expect("sound");
                let now = changed.handles(2.0)[index];
                match grip {
                    Grip::Radius => {
                        assert!((changed.distance_to_outline(to)) < 0.01, "{shape:?}");
                    }
                    Grip::Corner(_) => {
                        let moved = changed.handles(0.0);
                        let is_there = moved.iter().any(|h| h.place.distance(to) < 1e-9);
                        assert!(is_there, "{shape:?} {grip:?}");
                    }
                    Grip::Angle => {
                        let centre = changed.centre();
                        let [along, across] = turned(centre, to, angle_of(&changed));
                        assert!(along > 0.0 && across.abs() < 1e-9);
                    }
                    Grip::Axis(axis) => {
                        let (centre, angle) = (changed.centre(), angle_of(&changed));
                        let wanted = turned(centre, to, angle)[axis].abs();
                        assert!(
                            (turned(centre, now.place, angle)[axis].abs() - wanted).abs() < 1e-9
                        );
                    }
                }
            }
        }
    }

    fn angle_of(shape: &Shape) -> f64 {
        match shape {
            Shape::Ellipse { angle, .. } | Shape::Box { angle, .. } => *angle,
            _ => 0.0,
        }
    }

    #[test]
    fn a_corner_of_a_turned_box_leaves_the_opposite_one() {
        let [_, _, shape, ..] = shapes();
        let opposite = shape.outline()[2];
        let changed = shape.with_grip_at(Grip::Corner(0), Place::new(40.0, 1.0));
        let stays = changed
            .outline()
            .iter()
            .any(|p| p.distance(opposite) < 1e-9);
        assert!(stays, "{changed:?}");
    }

    #[test]
    fn shapes_are_spanned_between_two_places() {
        let (from, to) = (Place::new(5.0, 7.0), Place::new(8.0, 3.0));
        let circle = Shape::circle_between(from, to);
        assert_eq!(
            circle,
            Shape::Circle {
                centre: from,
                radius: 5.0
            }
        );
        let Shape::Box { centre, size, .. } = Shape::box_between(from, to) else {
            panic!("a box");
        };
        assert_eq!((centre, size), (Place::new(6.5, 5.0), [3.0, 4.0]));
        let Shape::Ellipse { semi_axes, .. } = Shape::ellipse_between(from, to) else {
            panic!("an ellipse");
        };
        assert_eq!(semi_axes, [3.0, 4.0]);
    }

    #[test]
    fn a_reduced_shape_covers_the_same_part_of_the_picture() {
        for shape in shapes() {
            let whole = Coverage::of(&shape, [40, 60]);
            let reduced = Coverage::of(&shape.reduced_by(4.0), [10, 15]);
            assert!((whole.area() - 16.0 * reduced.area()).abs() < 1e-6);
            let (x, y) = (4, 2);
            let in_block = (0..16).map(|i| whole.share(4 * x + i % 4, 4 * y + i / 4));
            let share = in_block.sum::<f64>() / 16.0;
            assert!((share - reduced.share(x, y)).abs() < 1e-9, "{shape:?}");
        }
    }
}
