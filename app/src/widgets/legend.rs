//! Legends of colour scales, and marks that show signs without colour.

use egui::{
    Color32, Mesh, Rect, Sense, Shape, Stroke, TextStyle, Ui, Vec2, lerp, pos2, remap, vec2,
};
use ganoscope_core::stamp::Stamp;

use crate::theme::Tokens;

/// A horizontal colour scale with its two ends named.
pub fn legend_ui(ui: &mut Ui, width: f32, colors: &[Color32], low: &str, high: &str) {
    ui.horizontal(|ui| {
        let small = |text: &str| egui::RichText::new(text).text_style(TextStyle::Small);
        let weak = Tokens::of(ui).weak;
        ui.label(small(low).color(weak));
        let (rect, _) = ui.allocate_exact_size(vec2(width, 8.0), Sense::hover());
        ui.painter().add(gradient(rect, colors));
        ui.label(small(high).color(weak));
    });
}

fn gradient(rect: Rect, colors: &[Color32]) -> Shape {
    let mut mesh = Mesh::default();
    let last = colors.len().saturating_sub(1).max(1);
    for (i, color) in colors.iter().enumerate() {
        let x = lerp(rect.left()..=rect.right(), i as f32 / last as f32);
        mesh.colored_vertex(pos2(x, rect.top()), *color);
        mesh.colored_vertex(pos2(x, rect.bottom()), *color);
        if i > 0 {
            let at = 2 * i as u32;
            mesh.add_triangle(at - 2, at - 1, at);
            mesh.add_triangle(at - 1, at, at + 1);
        }
    }
    Shape::mesh(mesh)
}

/// Marks of one side of a well, so that they never crowd.
const MARKS: usize = 9;
/// The share of the scale below which a place gets no mark.
const MARK_FROM: f32 = 0.25;

/// Draws + and - over a signed map where it is strong, one mark per cell of a coarse grid: signs are never told by
/// colour alone. `visible` is the part of the map that `frame` shows, in shares of width and height.
pub fn sign_marks(ui: &Ui, frame: Rect, visible: Rect, map: &Stamp, scale: f32) {
    let tokens = Tokens::of(ui);
    let painter = ui.painter_at(frame);
    let cell = frame.size() / MARKS as f32;
    for row in 0..MARKS {
        for column in 0..MARKS {
            let corner = frame.min + vec2(column as f32, row as f32) * cell;
            let here = Rect::from_min_size(corner, cell);
            let mean = mean_over(map, frame, visible, here) / scale.max(f32::MIN_POSITIVE);
            if mean.abs() < MARK_FROM {
                continue;
            }
            let arm = remap(mean.abs().min(1.0), MARK_FROM..=1.0, 2.0..=3.5);
            let middle = here.center();
            for (color, width) in [(tokens.cursor_shade, 3.0), (tokens.cursor, 1.2)] {
                let stroke = Stroke::new(width, color);
                let across = Vec2::new(arm, 0.0);
                painter.line_segment([middle - across, middle + across], stroke);
                if mean > 0.0 {
                    let down = Vec2::new(0.0, arm);
                    painter.line_segment([middle - down, middle + down], stroke);
                }
            }
        }
    }
}

/// The mean of the map under a part of the frame.
fn mean_over(map: &Stamp, frame: Rect, visible: Rect, part: Rect) -> f32 {
    let share = |pos: egui::Pos2| visible.min + (pos - frame.min) / frame.size() * visible.size();
    let (from, to) = (share(part.min), share(part.max));
    let span = |a: f32, b: f32, n: usize| {
        let start = ((a * n as f32) as usize).min(n.saturating_sub(1));
        let end = ((b * n as f32).ceil() as usize).clamp(start + 1, n.max(start + 1));
        start..end.min(n)
    };
    let (mut sum, mut count) = (0.0, 0);
    for y in span(from.y, to.y, map.height) {
        for x in span(from.x, to.x, map.width) {
            let value = map.pixels[y * map.width + x];
            if value.is_finite() {
                sum += value;
                count += 1;
            }
        }
    }
    if count == 0 { 0.0 } else { sum / count as f32 }
}
