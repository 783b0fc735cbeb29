//! Shapes that mark what a box is and what concerns it: read without colour, at any size.

use egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, Vec2, pos2, vec2};
use ganoscope_core::graph::Family;

/// Paints the shape of a kind of layers.
pub(super) fn family(painter: &Painter, rect: Rect, family: Family, color: Color32) {
    let side = rect.width().min(rect.height());
    let at = |x: f32, y: f32| rect.center() + vec2(x - 0.5, y - 0.5) * side;
    let stroke = Stroke::new((side / 8.0).max(1.0), color);
    let line = |points: Vec<Pos2>| painter.add(Shape::line(points, stroke));
    let square = |from: Pos2, to: Pos2| Rect::from_two_pos(from, to);
    match family {
        Family::Source => {
            painter.circle_stroke(at(0.5, 0.5), side * 0.36, stroke);
        }
        Family::Convolution => {
            let outline = square(at(0.1, 0.1), at(0.9, 0.9));
            painter.rect_stroke(outline, 0.0, stroke, StrokeKind::Inside);
            painter.rect_filled(square(at(0.1, 0.1), at(0.56, 0.56)), 0.0, color);
        }
        Family::Dense => {
            painter.rect_filled(square(at(0.1, 0.1), at(0.9, 0.9)), 0.0, color);
        }
        Family::Normalisation => {
            let bell = (0..=10).map(|i| {
                let x = i as f32 / 10.0;
                let y = (-((x - 0.5) / 0.2).powi(2) / 2.0).exp();
                at(0.08 + 0.84 * x, 0.86 - 0.7 * y)
            });
            line(bell.collect());
        }
        Family::Activation => {
            line(vec![at(0.06, 0.74), at(0.48, 0.74), at(0.94, 0.14)]);
        }
        Family::Join => {
            line(vec![at(0.5, 0.06), at(0.5, 0.94)]);
            line(vec![at(0.06, 0.5), at(0.94, 0.5)]);
        }
        Family::Resampling => {
            let triangle = vec![at(0.5, 0.1), at(0.94, 0.88), at(0.06, 0.88)];
            painter.add(Shape::convex_polygon(triangle, color, Stroke::NONE));
        }
        Family::Arrangement => {
            line(vec![at(0.06, 0.3), at(0.7, 0.3)]);
            line(vec![at(0.3, 0.7), at(0.94, 0.7)]);
        }
    }
}

/// Something that concerns a box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Its layer is the one whose units are shown: its activations are retained.
    Shown,
    /// Units of it are edited; how many.
    Edited(usize),
    /// Units of it have edits that are switched off.
    EditedOff,
    /// Units of it are selected; how many.
    Selected(usize),
    /// It is what was searched for.
    Found,
    /// Its value leaves the network, under this name.
    Output(String),
}

impl Mark {
    /// What is written beside the shape.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Shown => "shown".to_owned(),
            Self::Edited(count) => format!("{count} edited"),
            Self::EditedOff => "edit off".to_owned(),
            Self::Selected(count) => format!("{count} selected"),
            Self::Found => "found".to_owned(),
            Self::Output(name) => name.clone(),
        }
    }

    /// What it means, in a sentence of a tooltip.
    pub(super) fn meaning(&self) -> String {
        match self {
            Self::Shown => "Its activations are kept and shown in the Units view".to_owned(),
            Self::Edited(1) => "1 unit is edited here".to_owned(),
            Self::Edited(count) => format!("{count} units are edited here"),
            Self::EditedOff => "Its edits are switched off".to_owned(),
            Self::Selected(1) => "1 unit is selected here".to_owned(),
            Self::Selected(count) => format!("{count} units are selected here"),
            Self::Found => "Matches what is searched for".to_owned(),
            Self::Output(name) => format!("Its value is the output {name}"),
        }
    }

    /// Paints its shape.
    pub(super) fn paint(&self, painter: &Painter, rect: Rect, color: Color32) {
        let (centre, half) = (rect.center(), rect.width().min(rect.height()) / 2.0);
        let stroke = Stroke::new((half / 3.5).max(1.0), color);
        let diamond = |half: f32| {
            [(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)]
                .map(|(x, y)| centre + vec2(x, y) * half)
                .to_vec()
        };
        match self {
            Self::Shown => {
                painter.circle_stroke(centre, half * 0.86, stroke);
                painter.circle_filled(centre, half * 0.4, color);
            }
            Self::Edited(_) => {
                painter.add(Shape::convex_polygon(diamond(half), color, Stroke::NONE));
            }
            Self::EditedOff => {
                painter.add(Shape::closed_line(diamond(half * 0.86), stroke));
            }
            Self::Selected(_) => {
                let tick = [(-0.8, 0.0), (-0.2, 0.6), (0.8, -0.7)];
                let points = tick.map(|(x, y)| centre + vec2(x, y) * half);
                painter.add(Shape::line(points.to_vec(), stroke));
            }
            Self::Found => {
                painter.circle_stroke(centre - Vec2::splat(half * 0.2), half * 0.6, stroke);
                let handle = [
                    centre + Vec2::splat(half * 0.25),
                    centre + Vec2::splat(half * 0.9),
                ];
                painter.line_segment(handle, stroke);
            }
            Self::Output(_) => arrow(painter, centre, half, stroke),
        }
    }
}

/// An arrow down onto a bar.
fn arrow(painter: &Painter, centre: Pos2, half: f32, stroke: Stroke) {
    let at = |x: f32, y: f32| pos2(centre.x + x * half, centre.y + y * half);
    painter.line_segment([at(0.0, -0.9), at(0.0, 0.4)], stroke);
    painter.line_segment([at(-0.5, -0.1), at(0.0, 0.4)], stroke);
    painter.line_segment([at(0.5, -0.1), at(0.0, 0.4)], stroke);
    painter.line_segment([at(-0.8, 0.9), at(0.8, 0.9)], stroke);
}
