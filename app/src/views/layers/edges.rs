//! Edges of the drawing: lines with round corners and a point at their end.

use egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, Vec2, pos2, vec2};
use ganoscope_core::graph::Route;

use super::camera::Camera;
use crate::theme::Tokens;

/// Radius of a corner at a magnification of 1, points.
const CORNER: f32 = 9.0;
/// Radius of a corner of an edge that passes others: it reads as an arc.
const ARC: f32 = 15.0;
/// Pieces a corner is drawn with.
const PIECES: usize = 5;
/// Edges are faint below this magnification.
const FAINT_BELOW: f32 = 0.2;
/// Points at the ends of edges are left out below this magnification.
const POINTED_FROM: f32 = 0.3;

/// Paints the edges that are seen; those of `lit` items are stressed.
pub(super) fn paint(
    painter: &Painter,
    tokens: &Tokens,
    (view, camera): (Rect, &Camera),
    routes: &[Route],
    is_lit: impl Fn(&Route) -> bool,
) {
    let seen = camera.seen(view).expand(CORNER);
    let visible = routes.iter().filter(|route| is_seen(route, seen));
    let (lit, quiet): (Vec<&Route>, Vec<&Route>) = visible.partition(|route| is_lit(route));
    // Far away edges lie close; they must not hide the boxes.
    let (quiet_color, narrowest) = if camera.zoom < FAINT_BELOW {
        (tokens.line, 0.5)
    } else {
        (tokens.weak, 0.6)
    };
    for (routes, color, width) in [(quiet, quiet_color, 1.0), (lit, tokens.accent, 2.0)] {
        let width = width * camera.zoom.clamp(narrowest, 1.4);
        for route in routes {
            paint_one(painter, (view, camera), route, Stroke::new(width, color));
        }
    }
}

/// Whether any of an edge may be in a part of the drawing.
fn is_seen(route: &Route, seen: Rect) -> bool {
    let mut around = Rect::NOTHING;
    for [x, y] in &route.points {
        around.extend_with(pos2(*x, *y));
    }
    around.intersects(seen)
}

fn paint_one(painter: &Painter, (view, camera): (Rect, &Camera), route: &Route, stroke: Stroke) {
    let points: Vec<Pos2> = route
        .points
        .iter()
        .map(|[x, y]| camera.on_screen(view, pos2(*x, *y)))
        .collect();
    let radius = if route.is_skip { ARC } else { CORNER } * camera.zoom;
    painter.add(Shape::line(rounded(&points, radius), stroke));
    if let Some(end) = points.last().filter(|_| camera.zoom >= POINTED_FROM) {
        tip(painter, *end, camera.zoom, stroke.color);
    }
}

fn tip(painter: &Painter, end: Pos2, zoom: f32, color: Color32) {
    let size = (5.0 * zoom).clamp(3.0, 7.0);
    let corners = vec![
        end,
        end + vec2(-0.6 * size, -size),
        end + vec2(0.6 * size, -size),
    ];
    painter.add(Shape::convex_polygon(corners, color, Stroke::NONE));
}

/// A line whose corners are round, as far as their sides are long enough.
fn rounded(points: &[Pos2], radius: f32) -> Vec<Pos2> {
    let mut line = Vec::with_capacity(points.len() * (PIECES + 1));
    line.extend(points.first());
    for corner in points.windows(3) {
        let (from, at, to) = (corner[0], corner[1], corner[2]);
        let (into, out): (Vec2, Vec2) = (at - from, to - at);
        let radius = radius.min(into.length() / 2.0).min(out.length() / 2.0);
        let (begin, end) = (
            at - into.normalized() * radius,
            at + out.normalized() * radius,
        );
        for piece in 0..=PIECES {
            let t = piece as f32 / PIECES as f32;
            line.push(begin.lerp(at, t).lerp(at.lerp(end, t), t));
        }
    }
    line.extend(points.last());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_corners_stay_inside_and_keep_the_ends() {
        let points = [
            pos2(0.0, 0.0),
            pos2(0.0, 10.0),
            pos2(30.0, 10.0),
            pos2(30.0, 60.0),
        ];
        let line = rounded(&points, 100.0);
        assert_eq!((line[0], line[line.len() - 1]), (points[0], points[3]));
        let around = Rect::from_two_pos(points[0], points[3]);
        assert!(line.iter().all(|p| around.contains(*p)));
        assert!(line.windows(2).all(|p| p[1].y >= p[0].y - 1e-4));
    }
}
