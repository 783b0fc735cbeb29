//! The exact area of a pixel inside an ellipse.
//!
//! A pixel becomes a parallelogram where the ellipse is the unit circle; the area of a polygon inside the unit circle is a sum
//! over its edges of triangles and sectors seen from the centre.

use super::shape::turned;
use super::{Coverage, Place};

/// `[left, top, right, bottom]`; `None` when there is no area.
pub(super) fn bounds(centre: Place, [a, b]: [f64; 2], angle: f64) -> Option<[f64; 4]> {
    let (s, c) = angle.to_radians().sin_cos();
    let (half_width, half_height) = ((a * c).hypot(b * s), (a * s).hypot(b * c));
    let bounds = [
        centre.column - half_width,
        centre.row - half_height,
        centre.column + half_width,
        centre.row + half_height,
    ];
    (a > 0.0 && b > 0.0 && bounds.iter().all(|v| v.is_finite())).then_some(bounds)
}

/// Fills in the share of every pixel.
pub(super) fn cover(cover: &mut Coverage, centre: Place, [a, b]: [f64; 2], angle: f64) {
    let (left, top, rows) = cover.rows_mut();
    for (row, shares) in rows.enumerate() {
        for (column, share) in shares.iter_mut().enumerate() {
            let pixel = ((left + column) as f64, (top + row) as f64);
            let corner = |dx: f64, dy: f64| {
                let place = Place::new(pixel.0 + dx, pixel.1 + dy);
                let [along, across] = turned(centre, place, angle);
                [along / a, across / b]
            };
            let corners = [
                corner(-0.5, -0.5),
                corner(0.5, -0.5),
                corner(0.5, 0.5),
                corner(-0.5, 0.5),
            ];
            *share = if corners.iter().all(|[x, y]| x.hypot(*y) <= 1.0) {
                1.0
            } else {
                inside_unit_circle(&corners) * a * b
            };
        }
    }
}

/// The area of a polygon inside the unit circle.
fn inside_unit_circle(corners: &[[f64; 2]]) -> f64 {
    let next = corners.iter().cycle().skip(1);
    let edges = corners.iter().zip(next);
    edges
        .map(|(p, q)| seen_from_centre(*p, *q))
        .sum::<f64>()
        .abs()
}

/// The signed area of the triangle (centre, p, q) inside the unit circle.
fn seen_from_centre(p: [f64; 2], q: [f64; 2]) -> f64 {
    let step = [q[0] - p[0], q[1] - p[1]];
    let at = |t: f64| [p[0] + t * step[0], p[1] + t * step[1]];
    // |p + t step|^2 = 1
    let a = step[0] * step[0] + step[1] * step[1];
    let b = p[0] * step[0] + p[1] * step[1];
    let c = p[0] * p[0] + p[1] * p[1] - 1.0;
    let discriminant = b * b - a * c;
    if discriminant <= 0.0 || a == 0.0 {
        return sector(p, q);
    }
    let root = discriminant.sqrt();
    let (enters, leaves) = ((-b - root) / a, (-b + root) / a);
    if leaves <= 0.0 || enters >= 1.0 {
        return sector(p, q);
    }
    let (enter, leave) = (at(enters.max(0.0)), at(leaves.min(1.0)));
    let before = if enters > 0.0 { sector(p, enter) } else { 0.0 };
    let after = if leaves < 1.0 { sector(leave, q) } else { 0.0 };
    before + cross(enter, leave) / 2.0 + after
}

fn sector(p: [f64; 2], q: [f64; 2]) -> f64 {
    cross(p, q).atan2(p[0] * q[0] + p[1] * q[1]) / 2.0
}

fn cross(p: [f64; 2], q: [f64; 2]) -> f64 {
    p[0] * q[1] - p[1] * q[0]
}
