//! From places on a picture to positions on the screen and back.

use egui::{Pos2, Rect, Vec2, pos2};
use ganoscope_core::region::{Place, Shape};

/// How far apart the corners of a curve may be, points.
const STEP: f32 = 3.0;
/// A picture on the screen: where its pixels are.
#[derive(Clone, Copy, Debug)]
pub(in crate::widgets) struct Sheet {
    frame: Rect,
    uv: Rect,
    /// Columns and rows of the file over the whole picture.
    extent: Vec2,
}

impl Sheet {
    /// A picture of which the part `uv` (in shares) is shown in `frame`; `extent` is its columns and rows in its file.
    pub(super) const fn new(frame: Rect, uv: Rect, extent: Vec2) -> Self {
        Self { frame, uv, extent }
    }

    /// Where it is on the screen.
    pub(super) const fn frame(&self) -> Rect {
        self.frame
    }

    /// The position of a place on the screen.
    pub(in crate::widgets) fn pos(&self, place: Place) -> Pos2 {
        let share = pos2(
            (place.column as f32 + 0.5) / self.extent.x,
            (place.row as f32 + 0.5) / self.extent.y,
        );
        self.frame.min + (share - self.uv.min) / self.uv.size() * self.frame.size()
    }

    /// The place at a position on the screen; it may lie outside the picture.
    pub(in crate::widgets) fn place(&self, pos: Pos2) -> Place {
        let share = self.uv.min + (pos - self.frame.min) / self.frame.size() * self.uv.size();
        Place::new(
            f64::from(share.x * self.extent.x) - 0.5,
            f64::from(share.y * self.extent.y) - 0.5,
        )
    }

    /// The outline of a shape on the screen; nothing further than `reach` points outside `clip`. Small curves have few corners: a file may have thousands.
    pub(super) fn outline(&self, shape: &Shape, clip: Rect, reach: f32) -> Option<Vec<Pos2>> {
        let mut apart = 1;
        if let Some([left, top, right, bottom]) = shape.bounds() {
            let corners = [Place::new(left, top), Place::new(right, bottom)];
            let around = Rect::from_points(&corners.map(|place| self.pos(place)));
            if !around.expand(reach).intersects(clip) {
                return None;
            }
            if matches!(shape, Shape::Circle { .. } | Shape::Ellipse { .. }) {
                let perimeter = 3.0 * around.size().max_elem();
                apart = (96.0 * STEP / perimeter.max(1.0)).clamp(1.0, 12.0) as usize;
            }
        }
        let outline = shape.outline().into_iter().step_by(apart);
        Some(outline.map(|place| self.pos(place)).collect())
    }

    /// The longer side of a shape on the screen, points.
    pub(super) fn size_of(&self, shape: &Shape) -> f32 {
        let [left, top, right, bottom] = shape.bounds().unwrap_or_default();
        let corners = [Place::new(left, top), Place::new(right, bottom)];
        let [from, to] = corners.map(|place| self.pos(place));
        (to - from).max_elem()
    }

    /// So many points in pixels of the file.
    pub(super) fn pixels(&self, points: f32) -> f64 {
        let across = self.extent.x * self.uv.width();
        f64::from(points * across / self.frame.width().max(1.0))
    }
}
