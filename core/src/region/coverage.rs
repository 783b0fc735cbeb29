//! How much of every pixel a region covers.
//!
//! Invariant: pixel (column, row) is the square of side 1 around its centre; its value is the area of its part inside the
//! shape, exact to rounding. Only pixels of the picture are kept.

use super::{Region, Shape, ellipse, polygon};

/// Shares below this are rounding, not cover.
const LEAST: f64 = 1e-10;

impl Shape {
    /// The smallest upright rectangle around the shape, `[left, top, right, bottom]`; `None` where it has no area.
    pub fn bounds(&self) -> Option<[f64; 4]> {
        match self {
            Self::Circle { centre, radius } => ellipse::bounds(*centre, [*radius; 2], 0.0),
            Self::Ellipse {
                centre,
                semi_axes,
                angle,
            } => ellipse::bounds(*centre, *semi_axes, *angle),
            Self::Box { .. } | Self::Polygon { .. } | Self::Freehand { .. } => {
                polygon::bounds(&self.outline())
            }
        }
    }
}

/// The part of every pixel of a rectangle of the picture that lies inside, 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Coverage {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    shares: Vec<f64>,
}

impl Coverage {
    /// The cover of a shape on a picture of `[height, width]` pixels.
    pub fn of(shape: &Shape, size: [usize; 2]) -> Self {
        let outline = match shape {
            Shape::Circle { centre, radius } => {
                let mut cover = Self::around(shape.bounds(), size);
                ellipse::cover(&mut cover, *centre, [*radius; 2], 0.0);
                return cover.cleaned();
            }
            Shape::Ellipse {
                centre,
                semi_axes,
                angle,
            } => {
                let mut cover = Self::around(shape.bounds(), size);
                ellipse::cover(&mut cover, *centre, *semi_axes, *angle);
                return cover.cleaned();
            }
            Shape::Box { .. } | Shape::Polygon { .. } | Shape::Freehand { .. } => shape.outline(),
        };
        let mut cover = Self::around(shape.bounds(), size);
        polygon::cover(&mut cover, &outline);
        cover.cleaned()
    }

    /// The cover of a region without the parts that `excluded` regions take away. Where an edge of both crosses the same
    /// pixel, the parts are taken as spread evenly over it.
    pub fn of_region<'a>(
        region: &Region,
        excluded: impl IntoIterator<Item = &'a Region>,
        size: [usize; 2],
    ) -> Self {
        let mut cover = Self::of(&region.shape, size);
        for other in excluded {
            cover.take_away(&Self::of(&other.shape, size));
        }
        cover
    }

    /// Nothing covered yet, of the pixels between `[left, top, right, bottom]` that are in the picture.
    fn around(bounds: Option<[f64; 4]>, [height, width]: [usize; 2]) -> Self {
        let [left, top, right, bottom] = bounds.unwrap_or([0.0; 4]);
        // Pixel i reaches from i - 1/2 to i + 1/2. Casts saturate.
        let first = |edge: f64, count: usize| ((edge + 0.5).floor().max(0.0) as usize).min(count);
        let after = |edge: f64, count: usize| ((edge + 0.5).ceil().max(0.0) as usize).min(count);
        let (left, right) = (first(left, width), after(right, width));
        let (top, bottom) = (first(top, height), after(bottom, height));
        let (width, height) = match bounds {
            Some(_) => (right.saturating_sub(left), bottom.saturating_sub(top)),
            None => (0, 0),
        };
        Self {
            left,
            top,
            width,
            height,
            shares: vec![0.0; width * height],
        }
    }

    fn cleaned(mut self) -> Self {
        for share in &mut self.shares {
            *share = if *share < LEAST {
                0.0
            } else if *share > 1.0 - LEAST {
                1.0
            } else {
                *share
            };
        }
        self
    }

    fn take_away(&mut self, other: &Self) {
        for ([column, row], share) in other.pixels() {
            let inside = |at: usize, from: usize, count: usize| {
                at.checked_sub(from).filter(|offset| *offset < count)
            };
            let offsets = (
                inside(column, self.left, self.width),
                inside(row, self.top, self.height),
            );
            if let (Some(x), Some(y)) = offsets
                && let Some(own) = self.shares.get_mut(y * self.width + x)
            {
                *own *= 1.0 - share;
            }
        }
    }

    /// The covered pixels `[column, row]` with the part of each that is covered, row by row.
    pub fn pixels(&self) -> impl Iterator<Item = ([usize; 2], f64)> + '_ {
        let width = self.width.max(1);
        self.shares
            .iter()
            .enumerate()
            .filter_map(move |(at, share)| {
                let place = [self.left + at % width, self.top + at / width];
                (*share > 0.0).then_some((place, *share))
            })
    }

    /// The part of one pixel that is covered.
    pub fn share(&self, column: usize, row: usize) -> f64 {
        let offsets = (column.checked_sub(self.left), row.checked_sub(self.top));
        match offsets {
            (Some(x), Some(y)) if x < self.width => {
                self.shares.get(y * self.width + x).copied().unwrap_or(0.0)
            }
            _ => 0.0,
        }
    }

    /// The covered area inside the picture, square pixels.
    pub fn area(&self) -> f64 {
        self.shares.iter().sum()
    }

    /// First column, first row, and the rows of shares, for the shapes to fill.
    pub(super) fn rows_mut(&mut self) -> (usize, usize, impl Iterator<Item = &mut [f64]>) {
        let width = self.width.max(1);
        (self.left, self.top, self.shares.chunks_mut(width))
    }
}
