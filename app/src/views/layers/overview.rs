//! The whole drawing, small, beside a drawing too large to be read at once: where one is, and a way to go elsewhere.

use std::collections::BTreeSet;

use egui::{Pos2, Rect, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2};
use ganoscope_core::graph::Item;

use super::camera::{Camera, rect_of};
use super::faces::family_of;
use super::marks::Mark;
use super::notes::Notes;
use super::sheet::Sheet;
use crate::theme::{Tokens, size};

/// The widest it gets, points.
const WIDEST: f32 = 84.0;
/// The narrowest, so that it can be hit.
const NARROWEST: f32 = 26.0;
/// Between the overview and what is drawn in it.
const MARGIN: f32 = 8.0;
/// The largest scale: it must not look like the drawing itself.
const LARGEST: f32 = 0.12;

/// Splits a view: the drawing, and its overview when it cannot be read as a whole.
pub(super) fn split(sheet: &Sheet, view: Rect) -> (Rect, Option<Rect>) {
    if Camera::is_whole_legible(sheet.size(), view) || view.width() < 5.0 * WIDEST {
        return (view, None);
    }
    let drawing = sheet.size();
    let space = vec2(WIDEST, view.height()) - Vec2::splat(2.0 * MARGIN);
    let width = (drawing.x * scale(drawing, space) + 2.0 * MARGIN).max(NARROWEST);
    let edge = view.right() - width;
    let left = Rect::from_min_max(view.min, pos2(edge - size::GAP, view.bottom()));
    let right = Rect::from_min_max(pos2(edge, view.top()), view.max);
    (left, Some(right))
}

/// Points for one length of the drawing, so that it fits into a space and stays small.
fn scale(drawing: Vec2, space: Vec2) -> f32 {
    let fitting = (space.x / drawing.x.max(1.0)).min(space.y / drawing.y.max(1.0));
    fitting.clamp(1e-4, LARGEST)
}

/// Draws it; press or drag moves what is seen.
pub(super) fn overview_ui(
    ui: &Ui,
    rect: Rect,
    (view, camera): (Rect, Camera),
    sheet: &Sheet,
    notes: &Notes,
    salt: usize,
) -> Camera {
    let id = ui.scope_id().with(("layers overview", salt));
    let response = ui.interact(rect, id, Sense::CLICK | Sense::DRAG);
    response.widget_info(|| WidgetInfo::labeled(Role::ScrollBar, ui.is_enabled(), "Overview"));
    let drawing = sheet.size();
    let inner = rect.shrink(MARGIN);
    let scale = scale(drawing, inner.size());
    let origin = pos2(inner.center().x - drawing.x * scale / 2.0, inner.top());
    let mut camera = camera;
    if response.is_pointer_button_down_on()
        && let Some(pos) = response.interact_pointer_pos()
    {
        let place = ((pos - origin) / scale).to_pos2();
        camera = camera.centred(drawing, view, place);
    }
    let tokens = Tokens::of(ui);
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, size::CORNER, tokens.side);
    let small = |area: Rect| {
        let corner = |p: Pos2| origin + p.to_vec2() * scale;
        let rect = Rect::from_min_max(corner(area.min), corner(area.max));
        Rect::from_center_size(rect.center(), rect.size().max(vec2(2.0, 1.5)))
    };
    for item in thinned(&sheet.layout().items, scale) {
        let mut marks = notes.marks(sheet, item.shown).into_iter();
        let marked = marks.any(|mark| !matches!(mark, Mark::Output(_)));
        let color = tokens.family(family_of(sheet.graph(), item.shown));
        let rect = small(rect_of(item.area));
        painter.rect_filled(rect, 0.0, color);
        if marked {
            // A tick beside it, longer than the box: seen without colour.
            let at = pos2(rect.right() + 1.0, rect.center().y);
            let tick = [at, at + vec2(5.0, 0.0)];
            painter.line_segment(tick, Stroke::new(2.0, tokens.accent));
        }
    }
    let seen = small(camera.seen(view)).intersect(rect);
    painter.rect_stroke(
        seen,
        2.0,
        Stroke::new(1.5, tokens.strong),
        StrokeKind::Inside,
    );
    camera
}

/// The items that differ by a point on the screen: thousands of boxes are not painted over each other.
fn thinned(items: &[Item], scale: f32) -> impl Iterator<Item = &Item> {
    let mut taken = BTreeSet::new();
    items.iter().filter(move |item| {
        let place = [item.area.left, item.area.top].map(|v| (v * scale / 1.5) as i32);
        taken.insert(place)
    })
}
