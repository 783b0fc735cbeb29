//! The shapes of regions in picture coordinates.
//!
//! Invariant: a shape that [`Shape::checked`] let pass has finite numbers, sizes of at least 0 and at most [`MAX_CORNERS`]
//! corners; an unchecked one still never causes a panic, it covers nothing.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Place;

/// Corners of the largest polygon: enough for any outline drawn by hand, few enough to be measured at once when it crosses
/// itself everywhere.
pub const MAX_CORNERS: usize = 2048;

/// Corners of the polygon that stands for a curve on the screen.
const OUTLINE_STEPS: usize = 96;

/// Why numbers are no shape.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ShapeError {
    /// NaN or infinite.
    #[error("the {0} is not finite")]
    NotFinite(&'static str),
    /// A negative size.
    #[error("the {0} is negative")]
    Negative(&'static str),
    /// Too few or too many corners.
    #[error("a {name} has {found} corners, expected 3 to {MAX_CORNERS}")]
    Corners {
        /// The shape.
        name: &'static str,
        /// Its corners.
        found: usize,
    },
}

/// An area of a picture. Angles are in degrees, counter-clockwise as seen in the picture, from the direction of growing
/// columns; sizes are in pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Shape {
    /// All points within `radius` of `centre`.
    Circle {
        /// The middle.
        centre: Place,
        /// Radius, pixels.
        radius: f64,
    },
    /// An ellipse.
    Ellipse {
        /// The middle.
        centre: Place,
        /// Half its extent along `angle`, and across.
        semi_axes: [f64; 2],
        /// Direction of the first axis.
        angle: f64,
    },
    /// A rectangle.
    Box {
        /// The middle.
        centre: Place,
        /// Its whole extent along `angle`, and across.
        size: [f64; 2],
        /// Direction of its first side.
        angle: f64,
    },
    /// A closed polygon. Where it overlaps itself, points inside an even number of times are outside, as in DS9.
    Polygon {
        /// The corners in order, without repeating the first.
        corners: Vec<Place>,
    },
    /// A polygon drawn by hand; see [`Shape::drawn`].
    Freehand {
        /// The corners in order.
        corners: Vec<Place>,
    },
}

impl Shape {
    /// The area inside a path that was drawn by hand, closed and simplified: no point of the path is further than
    /// `tolerance` pixels from the outline, unless that takes more than [`MAX_CORNERS`] corners.
    pub fn drawn(path: &[Place], tolerance: f64) -> Result<Self, ShapeError> {
        let corners = super::simplified(path, tolerance, MAX_CORNERS);
        Self::Freehand { corners }.checked()
    }

    /// The word for messages and tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Circle { .. } => "circle",
            Self::Ellipse { .. } => "ellipse",
            Self::Box { .. } => "box",
            Self::Polygon { .. } => "polygon",
            Self::Freehand { .. } => "freehand",
        }
    }

    /// The shape itself, if its numbers are those of one.
    pub fn checked(self) -> Result<Self, ShapeError> {
        let finite = |value: f64, what| {
            let found = value.is_finite().then_some(());
            found.ok_or(ShapeError::NotFinite(what))
        };
        let size = |value: f64, what| {
            finite(value, what)?;
            let found = (value >= 0.0).then_some(());
            found.ok_or(ShapeError::Negative(what))
        };
        let place = |at: &Place, what| {
            finite(at.column, what)?;
            finite(at.row, what)
        };
        match &self {
            Self::Circle { centre, radius } => {
                place(centre, "centre")?;
                size(*radius, "radius")?;
            }
            Self::Ellipse {
                centre,
                semi_axes: sizes,
                angle,
            }
            | Self::Box {
                centre,
                size: sizes,
                angle,
            } => {
                place(centre, "centre")?;
                finite(*angle, "angle")?;
                for length in sizes {
                    size(*length, "size")?;
                }
            }
            Self::Polygon { corners } | Self::Freehand { corners } => {
                if !(3..=MAX_CORNERS).contains(&corners.len()) {
                    return Err(ShapeError::Corners {
                        name: self.name(),
                        found: corners.len(),
                    });
                }
                for corner in corners {
                    place(corner, "corner")?;
                }
            }
        }
        Ok(self)
    }

    /// The middle of a circle, ellipse or box; the mean of a polygon's corners.
    pub fn centre(&self) -> Place {
        match self {
            Self::Circle { centre, .. }
            | Self::Ellipse { centre, .. }
            | Self::Box { centre, .. } => *centre,
            Self::Polygon { corners } | Self::Freehand { corners } => {
                let count = corners.len().max(1) as f64;
                let sum = |part: fn(&Place) -> f64| corners.iter().map(part).sum::<f64>() / count;
                Place::new(sum(|p| p.column), sum(|p| p.row))
            }
        }
    }

    /// Whether a place lies inside.
    pub fn contains(&self, place: Place) -> bool {
        match self {
            Self::Circle { centre, radius } => centre.distance(place) <= *radius,
            Self::Ellipse {
                centre,
                semi_axes: [a, b],
                angle,
            } => {
                let [along, across] = turned(*centre, place, *angle);
                *a > 0.0 && *b > 0.0 && (along / a).hypot(across / b) <= 1.0
            }
            Self::Box {
                centre,
                size: [a, b],
                angle,
            } => {
                let [along, across] = turned(*centre, place, *angle);
                along.abs() <= a / 2.0 && across.abs() <= b / 2.0
            }
            Self::Polygon { corners } | Self::Freehand { corners } => is_inside(corners, place),
        }
    }

    /// The same shape somewhere else.
    pub fn moved(&self, columns: f64, rows: f64) -> Self {
        let mut moved = self.clone();
        let step = |place: &mut Place| {
            place.column += columns;
            place.row += rows;
        };
        match &mut moved {
            Self::Circle { centre, .. }
            | Self::Ellipse { centre, .. }
            | Self::Box { centre, .. } => step(centre),
            Self::Polygon { corners } | Self::Freehand { corners } => {
                corners.iter_mut().for_each(step);
            }
        }
        moved
    }

    /// The outline as a closed polygon for drawing; curves have 96 corners.
    pub fn outline(&self) -> Vec<Place> {
        let around = |centre: Place, [a, b]: [f64; 2], angle: f64| {
            let point = |step: usize| {
                let (s, c) = (step as f64 / OUTLINE_STEPS as f64 * std::f64::consts::TAU).sin_cos();
                at(centre, [a * c, b * s], angle)
            };
            (0..OUTLINE_STEPS).map(point).collect()
        };
        match self {
            Self::Circle { centre, radius } => around(*centre, [*radius; 2], 0.0),
            Self::Ellipse {
                centre,
                semi_axes,
                angle,
            } => around(*centre, *semi_axes, *angle),
            Self::Box {
                centre,
                size: [a, b],
                angle,
            } => [(1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)]
                .map(|(along, across)| at(*centre, [a / 2.0 * along, b / 2.0 * across], *angle))
                .to_vec(),
            Self::Polygon { corners } | Self::Freehand { corners } => corners.clone(),
        }
    }

    /// The area inside, square pixels; of a polygon that overlaps itself, see [`Coverage::area`](super::Coverage::area).
    pub fn area(&self) -> f64 {
        match self {
            Self::Circle { radius, .. } => std::f64::consts::PI * radius * radius,
            Self::Ellipse {
                semi_axes: [a, b], ..
            } => std::f64::consts::PI * a * b,
            Self::Box { size: [a, b], .. } => a * b,
            Self::Polygon { corners } | Self::Freehand { corners } => {
                let next = corners.iter().cycle().skip(1);
                let cross = |(p, q): (&Place, &Place)| p.column * q.row - q.column * p.row;
                (corners.iter().zip(next).map(cross).sum::<f64>() / 2.0).abs()
            }
        }
    }
}

/// The place at `along` the angle and `across` it (counter-clockwise) from `centre`. Rows grow downwards.
pub(super) fn at(centre: Place, [along, across]: [f64; 2], angle: f64) -> Place {
    let (s, c) = angle.to_radians().sin_cos();
    Place::new(
        centre.column + along * c - across * s,
        centre.row - along * s - across * c,
    )
}

/// The offset of a place along the angle and across it: the inverse of [`at`].
pub(super) fn turned(centre: Place, place: Place, angle: f64) -> [f64; 2] {
    let (s, c) = angle.to_radians().sin_cos();
    let (x, y) = (place.column - centre.column, centre.row - place.row);
    [x * c + y * s, y * c - x * s]
}

/// The even-odd rule: a ray to the right crosses the outline an odd number of times.
fn is_inside(corners: &[Place], place: Place) -> bool {
    let mut inside = false;
    for (p, q) in corners.iter().zip(corners.iter().cycle().skip(1)) {
        if (p.row > place.row) != (q.row > place.row) {
            let share = (place.row - p.row) / (q.row - p.row);
            if place.column < p.column + share * (q.column - p.column) {
                inside = !inside;
            }
        }
    }
    inside
}
