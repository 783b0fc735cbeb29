//! Which part of the drawing is seen, and how large.

use egui::{Pos2, Rect, Vec2, pos2, vec2};
use ganoscope_core::graph::Area;

/// The largest magnification: a few boxes fill the view.
pub(super) const MAX_ZOOM: f32 = 2.5;
/// The smallest magnification that is chosen without being asked for: names can be read.
const LEGIBLE_ZOOM: f32 = 0.5;
/// The margin around a drawing that is seen whole, points.
const MARGIN: f32 = 16.0;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Camera {
    /// The place of the drawing in the middle of the view.
    pub(super) centre: Pos2,
    /// Points on the screen for one length of the drawing.
    pub(super) zoom: f32,
}

impl Camera {
    /// The whole drawing.
    pub(super) fn whole(drawing: Vec2, view: Rect) -> Self {
        Self {
            centre: pos2(drawing.x / 2.0, drawing.y / 2.0),
            zoom: fitting(drawing, view).clamp(1e-3, 1.0),
        }
    }

    /// Whether names can be read when the whole is seen.
    pub(super) fn is_whole_legible(drawing: Vec2, view: Rect) -> bool {
        fitting(drawing, view) >= LEGIBLE_ZOOM
    }

    /// The same with another place in the middle.
    pub(super) fn centred(&self, drawing: Vec2, view: Rect, place: Pos2) -> Self {
        Self {
            centre: place,
            ..*self
        }
        .within(drawing, view)
    }

    /// The whole drawing where its names can be read, else the part of it around `at` (its top when nothing is there).
    pub(super) fn first(drawing: Vec2, view: Rect, at: Option<Area>) -> Self {
        let whole = Self::whole(drawing, view);
        if whole.zoom >= LEGIBLE_ZOOM {
            return whole;
        }
        let by_width = (view.width() - 2.0 * MARGIN) / drawing.x.max(1.0);
        let zoom = by_width.clamp(LEGIBLE_ZOOM, 0.8);
        let centre = match at {
            Some(area) => rect_of(area).center(),
            None => pos2(drawing.x / 2.0, 0.0),
        };
        Self { centre, zoom }.within(drawing, view)
    }

    /// Where a place of the drawing is on the screen.
    pub(super) fn on_screen(&self, view: Rect, place: Pos2) -> Pos2 {
        view.center() + (place - self.centre) * self.zoom
    }

    /// Where an area of the drawing is on the screen.
    pub(super) fn rect(&self, view: Rect, area: Area) -> Rect {
        let rect = rect_of(area);
        Rect::from_min_max(
            self.on_screen(view, rect.min),
            self.on_screen(view, rect.max),
        )
    }

    /// The place of the drawing at a position on the screen.
    pub(super) fn place(&self, view: Rect, pos: Pos2) -> Pos2 {
        self.centre + (pos - view.center()) / self.zoom
    }

    /// The part of the drawing that is seen.
    pub(super) fn seen(&self, view: Rect) -> Rect {
        Rect::from_center_size(self.centre, view.size() / self.zoom)
    }

    /// Magnified by a factor; what lies at `pos` on the screen stays there.
    pub(super) fn zoomed(&self, drawing: Vec2, view: Rect, factor: f32, pos: Pos2) -> Self {
        let smallest = fitting(drawing, view).clamp(1e-3, 0.5) * 0.7;
        let zoom = (self.zoom * factor).clamp(smallest, MAX_ZOOM);
        let centre = self.place(view, pos) - (pos - view.center()) / zoom;
        Self { centre, zoom }.within(drawing, view)
    }

    /// Moved by a way on the screen.
    pub(super) fn panned(&self, drawing: Vec2, view: Rect, by: Vec2) -> Self {
        let centre = self.centre - by / self.zoom;
        Self { centre, ..*self }.within(drawing, view)
    }

    /// Moved as little as shows an area whole, with some of what is around it.
    pub(super) fn showing(&self, drawing: Vec2, view: Rect, area: Area) -> Self {
        let rect = self.rect(view, area).expand(MARGIN * 2.0);
        let into = |low: f32, high: f32, from: f32, to: f32| {
            if high - low > to - from {
                (from + to - low - high) / 2.0
            } else {
                (from - low).max(0.0) - (high - to).max(0.0)
            }
        };
        let by = vec2(
            into(rect.left(), rect.right(), view.left(), view.right()),
            into(rect.top(), rect.bottom(), view.top(), view.bottom()),
        );
        if by == Vec2::ZERO {
            return *self;
        }
        self.panned(drawing, view, by)
    }

    /// An area in the middle, large enough to read.
    pub(super) fn at(&self, drawing: Vec2, view: Rect, area: Area) -> Self {
        let centre = rect_of(area).center();
        let zoom = self.zoom.clamp(0.8, MAX_ZOOM);
        Self { centre, zoom }.within(drawing, view)
    }

    /// Kept where something of the drawing is seen: a drawing that fits stays in the middle, a larger one fills the view.
    fn within(self, drawing: Vec2, view: Rect) -> Self {
        let one = |centre: f32, length: f32, seen: f32| {
            let margin = MARGIN / self.zoom;
            let (low, high) = (seen / 2.0 - margin, length + margin - seen / 2.0);
            if low >= high {
                length / 2.0
            } else {
                centre.clamp(low, high)
            }
        };
        let seen = view.size() / self.zoom;
        Self {
            centre: pos2(
                one(self.centre.x, drawing.x, seen.x),
                one(self.centre.y, drawing.y, seen.y),
            ),
            ..self
        }
    }
}

/// The magnification at which a drawing just fits.
fn fitting(drawing: Vec2, view: Rect) -> f32 {
    let space = view.size() - Vec2::splat(2.0 * MARGIN);
    (space.x / drawing.x.max(1.0)).min(space.y / drawing.y.max(1.0))
}

/// An area of the drawing as a rectangle.
pub(super) fn rect_of(area: Area) -> Rect {
    Rect::from_min_size(pos2(area.left, area.top), vec2(area.width, area.height))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEW: Rect = Rect {
        min: pos2(100.0, 50.0),
        max: pos2(500.0, 350.0),
    };
    const TALL: Vec2 = vec2(300.0, 6000.0);

    #[test]
    fn zooming_keeps_the_place_under_the_pointer() {
        let camera = Camera {
            centre: pos2(150.0, 3000.0),
            zoom: 1.0,
        };
        let pointer = pos2(300.0, 120.0);
        let before = camera.place(VIEW, pointer);
        let after = camera.zoomed(TALL, VIEW, 1.6, pointer);
        assert_eq!(after.zoom, 1.6);
        assert!((after.place(VIEW, pointer) - before).length() < 1e-2);
        assert!((after.on_screen(VIEW, before) - pointer).length() < 1e-2);
    }

    #[test]
    fn the_drawing_cannot_be_lost() {
        let camera = Camera::whole(TALL, VIEW);
        assert!(
            camera
                .seen(VIEW)
                .contains_rect(Rect::from_min_size(Pos2::ZERO, TALL))
        );
        let far = camera.panned(TALL, VIEW, vec2(1e6, -1e6));
        assert!(
            far.seen(VIEW)
                .intersects(Rect::from_min_size(Pos2::ZERO, TALL))
        );
        let out = camera.zoomed(TALL, VIEW, 1e-9, VIEW.center());
        assert!(out.zoom > 0.0 && out.zoom < camera.zoom);
    }

    #[test]
    fn a_tall_drawing_begins_where_it_can_be_read() {
        let first = Camera::first(TALL, VIEW, None);
        assert!(first.zoom >= LEGIBLE_ZOOM);
        assert!(first.seen(VIEW).top() <= 0.0, "the top is seen");
        let area = Area {
            left: 0.0,
            top: 4000.0,
            width: 200.0,
            height: 60.0,
        };
        let first = Camera::first(TALL, VIEW, Some(area));
        assert!(first.seen(VIEW).contains_rect(rect_of(area)));
        let showing = Camera::first(TALL, VIEW, None).showing(TALL, VIEW, area);
        assert!(showing.seen(VIEW).contains_rect(rect_of(area)));
    }
}
