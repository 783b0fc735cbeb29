//! Open chains: a bracket beside their boxes with a button that draws them as one again.

use egui::{
    Align2, CursorIcon, Pos2, Rect, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2,
    vec2,
};

use super::camera::Camera;
use super::canvas::Wish;
use super::faces::Faces;
use super::words::chain_name;
use crate::theme::Tokens;

/// How far left of its boxes a bracket is, at a magnification of 1.
const DISTANCE: f32 = 20.0;
/// Side of the button at its largest, points.
const BUTTON: f32 = 14.0;
/// The smallest button that can be hit, points; smaller ones are left out.
const BUTTON_MIN: f32 = 7.0;
/// Brackets have their names beside them below this magnification: the boxes have none then.
const NAMED_BELOW: f32 = 0.3;

/// Paints the brackets that are seen; a click on a button wishes its chain closed.
pub(super) fn paint(
    ui: &Ui,
    faces: &Faces<'_>,
    (view, camera): (Rect, &Camera),
    salt: usize,
    wishes: &mut Vec<Wish>,
) {
    let sheet = faces.sheet;
    let graph = sheet.graph();
    for (index, chain) in graph.chains.iter().enumerate() {
        let area = sheet.layout().area_of_chain(graph, index);
        let Some(area) = area.filter(|_| sheet.is_open(index)) else {
            continue;
        };
        let rect = camera.rect(view, area);
        let x = rect.left() - DISTANCE * camera.zoom;
        let around = Rect::from_x_y_ranges(x - BUTTON..=rect.left(), rect.y_range());
        if !view.intersects(around) {
            continue;
        }
        line(faces, x, rect, camera.zoom);
        let name = chain_name(graph, index);
        let side = (DISTANCE * 1.2 * camera.zoom).min(BUTTON);
        if side >= BUTTON_MIN {
            // The button stays in view while any of the chain is.
            let low = view.top() + side;
            let high = (view.bottom() - side).min(rect.bottom() - side).max(low);
            let at = pos2(x, (rect.top() + side * 0.8).clamp(low, high));
            let square = Rect::from_center_size(at, Vec2::splat(side));
            if button(ui, faces, square, (salt, index), &name) {
                wishes.push(Wish::Open(index, false));
            }
        }
        if camera.zoom < NAMED_BELOW {
            let text = format!("{} x {name}", chain.count);
            label(faces, (view, camera), (x, rect), text);
        }
    }
}

fn line(faces: &Faces<'_>, x: f32, rect: Rect, zoom: f32) {
    let stroke = Stroke::new(1.5, faces.tokens.weak);
    let hook = vec2(6.0 * zoom.clamp(0.3, 1.0), 0.0);
    let ends = [pos2(x, rect.top()), pos2(x, rect.bottom())];
    faces.painter.line_segment(ends, stroke);
    for end in ends {
        faces.painter.line_segment([end, end + hook], stroke);
    }
}

/// The name left of the bracket, or right of everything beside it where boxes are in the way.
fn label(faces: &Faces<'_>, (view, camera): (Rect, &Camera), (x, rect): (f32, Rect), text: String) {
    let y = rect.center().y;
    let items = &faces.sheet.layout().items;
    let beside = items.iter().map(|item| camera.rect(view, item.area));
    let beside =
        beside.filter(|item| item.y_range().contains(y) || (item.center().y - y).abs() < 8.0);
    let is_left_free = beside.clone().all(|item| item.left() >= x);
    if is_left_free {
        faces.label_beside(pos2(x - 8.0, y), Align2::RIGHT_CENTER, text);
    } else if beside
        .clone()
        .all(|item| item.right() <= rect.right() + 1.0)
    {
        let passing = 30.0 * camera.zoom + 8.0;
        faces.label_beside(pos2(rect.right() + passing, y), Align2::LEFT_CENTER, text);
    }
}

/// A small square with a minus; returns whether it was clicked.
fn button(ui: &Ui, faces: &Faces<'_>, rect: Rect, salt: (usize, usize), name: &str) -> bool {
    let id = ui.scope_id().with(("close chain", salt));
    let response = ui.interact(rect.expand(3.0), id, Sense::CLICK);
    let label = format!("Close {name}");
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), &label));
    square(faces, faces.tokens, rect, response.hovered());
    if response.hovered() {
        ui.set_cursor_icon(CursorIcon::PointingHand);
    }
    let is_clicked = response.clicked();
    response.on_hover_text(format!("{label}: draw its blocks as one"));
    is_clicked
}

fn square(faces: &Faces<'_>, tokens: &Tokens, rect: Rect, is_hovered: bool) {
    let fill = if is_hovered {
        tokens.hovered
    } else {
        tokens.raised
    };
    let stroke = Stroke::new(1.0, tokens.text);
    faces
        .painter
        .rect(rect, 2.0, fill, stroke, StrokeKind::Inside);
    let at: Pos2 = rect.center();
    let half = vec2(rect.width() * 0.25, 0.0);
    faces.painter.line_segment([at - half, at + half], stroke);
}
