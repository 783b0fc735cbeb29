//! Small icons, painted: they look the same on every machine and need no font.

mod outlines;

use std::f32::consts::TAU;

use egui::{
    Atom, Color32, Painter, Pos2, Rect, Response, Role, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo,
    pos2, vec2,
};

use crate::theme::{Tokens, size};

/// What an icon shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    /// A triangle with a bar: look here.
    Warning,
    /// A cross: remove, close, stop.
    Cross,
    /// An arrow bent to the left.
    Undo,
    /// An arrow bent to the right.
    Redo,
    /// Half dark, half light.
    Theme,
    /// A question mark's place: a ring with a dot.
    Help,
    /// A panel on the left.
    LeftSide,
    /// A panel on the right.
    RightSide,
    /// A panel below.
    Bottom,
    /// Two rings of a chain.
    Link,
    /// Two sheets.
    Duplicate,
    /// Two axes with a curve: values to brightness.
    Scale,
    /// Two arrows, one each way.
    Exchange,
    /// An arrow head.
    Pointer,
    /// A circle.
    Circle,
    /// A slanted ellipse.
    Ellipse,
    /// An upright rectangle.
    Box,
    /// Five corners.
    Polygon,
    /// A wavy outline.
    Freehand,
    /// A folder.
    Folder,
    /// A diskette.
    Disk,
    /// Rows and columns.
    Table,
    /// An arrow out of a tray.
    Export,
    /// A prompt.
    Terminal,
    /// A glass.
    Search,
    /// An arrow around.
    Again,
    /// Three dots: more.
    More,
}

/// Paints an icon into `rect`.
pub fn paint_icon(painter: &Painter, rect: Rect, icon: Icon, color: Color32) {
    let side = rect.width().min(rect.height());
    let at = |x: f32, y: f32| rect.center() + vec2(x - 0.5, y - 0.5) * side;
    let stroke = Stroke::new((side / 11.0).max(1.2), color);
    let line = |points: Vec<Pos2>| painter.add(Shape::line(points, stroke));
    match icon {
        Icon::Warning => {
            painter.add(Shape::closed_line(
                vec![at(0.5, 0.12), at(0.93, 0.86), at(0.07, 0.86)],
                stroke,
            ));
            line(vec![at(0.5, 0.4), at(0.5, 0.62)]);
            painter.circle_filled(at(0.5, 0.74), stroke.width * 0.7, color);
        }
        Icon::Cross => {
            line(vec![at(0.25, 0.25), at(0.75, 0.75)]);
            line(vec![at(0.75, 0.25), at(0.25, 0.75)]);
        }
        Icon::Link => {
            for x in [0.36, 0.64] {
                painter.circle_stroke(at(x, 0.5), side * 0.22, stroke);
            }
        }
        Icon::Duplicate => {
            for (low, high) in [(0.16, 0.66), (0.34, 0.84)] {
                painter.add(Shape::closed_line(
                    vec![at(low, low), at(high, low), at(high, high), at(low, high)],
                    stroke,
                ));
            }
        }
        Icon::Scale => {
            line(vec![at(0.16, 0.12), at(0.16, 0.86), at(0.9, 0.86)]);
            let curve = (0..=10).map(|i| {
                let x = i as f32 / 10.0;
                at(0.2 + 0.62 * x, 0.8 - 0.6 * x.sqrt())
            });
            line(curve.collect());
        }
        Icon::Exchange => {
            for (y, tip, end) in [(0.34, 0.86, 0.14), (0.66, 0.14, 0.86)] {
                line(vec![at(end, y), at(tip, y)]);
                let back = tip + 0.18 * (end - tip);
                line(vec![at(back, y - 0.13), at(tip, y), at(back, y + 0.13)]);
            }
        }
        Icon::Undo => bent_arrow(painter, at, stroke, false),
        Icon::Redo => bent_arrow(painter, at, stroke, true),
        Icon::Theme => {
            painter.circle_stroke(at(0.5, 0.5), side * 0.36, stroke);
            let half = (0..=24).map(|i| {
                let angle = TAU * (0.25 + 0.5 * i as f32 / 24.0);
                at(0.5 + 0.36 * angle.cos(), 0.5 + 0.36 * angle.sin())
            });
            painter.add(Shape::convex_polygon(half.collect(), color, Stroke::NONE));
        }
        Icon::Help => {
            let arc = (0..=18).map(|i| {
                let angle = TAU * (0.5 + 0.62 * i as f32 / 18.0);
                at(0.5 + 0.2 * angle.cos(), 0.34 + 0.2 * angle.sin())
            });
            line(arc.chain([at(0.5, 0.66)]).collect());
            painter.circle_filled(at(0.5, 0.82), stroke.width * 0.8, color);
        }
        Icon::LeftSide => sides(painter, at, stroke, [0.1, 0.38, 0.18, 0.82]),
        Icon::RightSide => sides(painter, at, stroke, [0.62, 0.9, 0.18, 0.82]),
        Icon::Bottom => sides(painter, at, stroke, [0.1, 0.9, 0.58, 0.82]),
        Icon::Export | Icon::Terminal | Icon::Search | Icon::Again | Icon::More => {
            paint_of_files(painter, at, stroke, icon);
        }
        outlined => {
            for outline in outlines::of(outlined) {
                let points = outline.iter().map(|[x, y]| at(*x, *y)).collect();
                painter.add(Shape::closed_line(points, stroke));
            }
        }
    }
}

/// The icons of what is done with files and texts.
fn paint_of_files(painter: &Painter, at: impl Fn(f32, f32) -> Pos2, stroke: Stroke, icon: Icon) {
    let color = stroke.color;
    let side = (at(1.0, 0.0) - at(0.0, 0.0)).x;
    let line = |points: Vec<Pos2>| {
        painter.add(Shape::line(points, stroke));
    };
    match icon {
        Icon::Export => {
            line(vec![
                at(0.14, 0.58),
                at(0.14, 0.86),
                at(0.86, 0.86),
                at(0.86, 0.58),
            ]);
            line(vec![at(0.5, 0.64), at(0.5, 0.12)]);
            line(vec![at(0.3, 0.32), at(0.5, 0.12), at(0.7, 0.32)]);
        }
        Icon::Terminal => {
            line(vec![at(0.16, 0.24), at(0.42, 0.5), at(0.16, 0.76)]);
            line(vec![at(0.5, 0.78), at(0.86, 0.78)]);
        }
        Icon::Search => {
            painter.circle_stroke(at(0.42, 0.42), side * 0.28, stroke);
            line(vec![at(0.63, 0.63), at(0.88, 0.88)]);
        }
        Icon::Again => {
            let arc = (0..=20).map(|i| {
                let angle = TAU * (-0.12 + 0.8 * i as f32 / 20.0);
                at(0.5 + 0.34 * angle.cos(), 0.5 + 0.34 * angle.sin())
            });
            line(arc.collect());
            line(vec![at(0.56, 0.32), at(0.76, 0.26), at(0.78, 0.06)]);
        }
        Icon::More => {
            for y in [0.2, 0.5, 0.8] {
                painter.circle_filled(at(0.5, y), stroke.width, color);
            }
        }
        _ => {}
    }
}

/// A window with one part filled: `[left, right, top, bottom]` in shares.
fn sides(
    painter: &Painter,
    at: impl Fn(f32, f32) -> Pos2,
    stroke: Stroke,
    [left, right, top, bottom]: [f32; 4],
) {
    painter.rect_filled(
        Rect::from_two_pos(at(left, top), at(right, bottom)),
        1.0,
        stroke.color,
    );
    let outline = Rect::from_two_pos(at(0.1, 0.18), at(0.9, 0.82));
    painter.rect_stroke(outline, 2.0, stroke, egui::StrokeKind::Middle);
}

fn bent_arrow(painter: &Painter, at: impl Fn(f32, f32) -> Pos2, stroke: Stroke, is_mirrored: bool) {
    let at = |x: f32, y: f32| {
        if is_mirrored {
            at(1.0 - x, y)
        } else {
            at(x, y)
        }
    };
    let arc = (0..=16).map(|i| {
        let angle = TAU * (-0.25 + 0.5 * i as f32 / 16.0);
        at(0.58 + 0.24 * angle.cos(), 0.56 + 0.24 * angle.sin())
    });
    let shaft = std::iter::once(at(0.2, 0.32)).chain(arc);
    let points: Vec<Pos2> = shaft.chain([at(0.4, 0.8)]).collect();
    painter.add(Shape::line(points, stroke));
    painter.add(Shape::line(
        vec![at(0.38, 0.14), at(0.2, 0.32), at(0.38, 0.5)],
        stroke,
    ));
}

/// A small button that shows an icon; `name` is what assistive technology and tests call it.
pub fn icon_button(ui: &mut Ui, icon: Icon, name: &str, is_on: bool) -> Response {
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(24.0), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), name));
    let tokens = Tokens::of(ui);
    let color = match (ui.is_enabled(), response.hovered(), is_on) {
        (false, ..) => tokens.line,
        (_, true, _) => tokens.strong,
        (_, _, true) => tokens.text,
        _ => tokens.weak,
    };
    if response.hovered() && ui.is_enabled() {
        ui.painter().rect_filled(rect, size::CORNER, tokens.hovered);
    }
    if response.has_focus() {
        let stroke = Stroke::new(1.0, tokens.accent);
        ui.painter()
            .rect_stroke(rect, size::CORNER, stroke, egui::StrokeKind::Inside);
    }
    let inner = Rect::from_center_size(pos2(rect.center().x, rect.center().y), vec2(16.0, 16.0));
    paint_icon(ui.painter(), inner, icon, color);
    response
}

/// An icon beside the text of a button, or its empty place, so that texts of a menu stand below each other.
pub fn icon_atom(icon: Option<Icon>) -> Atom<'static> {
    Atom::paint(Vec2::splat(14.0), move |ui, args| {
        if let Some(icon) = icon {
            paint_icon(ui.painter(), args.rect, icon, args.fallback_text_color);
        }
    })
}
