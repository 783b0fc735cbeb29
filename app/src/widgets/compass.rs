//! Where north and east are on a picture, and how long a round angle is.

use egui::{Align2, Pos2, Rect, Stroke, TextStyle, Ui, Vec2, pos2, vec2};
use ganoscope_core::sky::Compass;

use crate::theme::Tokens;

/// Length of the compass's arms, points.
const ARM: f32 = 14.0;
/// The narrowest well in which compass and bar leave the picture room, points.
const NARROWEST: f32 = 90.0;
/// The share of the well that the scale bar takes at most.
const WIDEST: f32 = 0.3;

/// Draws the compass in the upper right corner of a well and a scale bar in the lower right one.
/// `points_per_pixel` is the size of a pixel of the picture on the screen.
pub fn sky_ui(ui: &Ui, well: Rect, sky: &Compass, points_per_pixel: f32) {
    if well.width() < NARROWEST {
        return;
    }
    let inside = well.shrink(6.0);
    let middle = pos2(inside.right() - ARM - 8.0, inside.top() + ARM + 8.0);
    for (direction, name) in [(sky.north, "N"), (sky.east, "E")] {
        let along = vec2(direction[0] as f32, direction[1] as f32);
        line(ui, well, [middle, middle + ARM * along]);
        text(ui, well, middle + (ARM + 6.0) * along, name);
    }
    let widest = f64::from(WIDEST * well.width() / points_per_pixel.max(f32::MIN_POSITIVE));
    let Some((arcsec, pixels)) = sky.bar(widest) else {
        return;
    };
    let right = pos2(inside.right(), inside.bottom());
    let left = right - vec2(pixels as f32 * points_per_pixel, 0.0);
    line(ui, well, [left, right]);
    let above = left.lerp(right, 0.5) - vec2(0.0, 8.0);
    text(ui, well, above, &angle_text(arcsec));
}

/// `0.5"`, `2'`, `1 deg`.
fn angle_text(arcsec: f64) -> String {
    match arcsec {
        3600.0.. => format!("{:.0} deg", arcsec / 3600.0),
        60.0.. => format!("{:.0}'", arcsec / 60.0),
        1.0.. => format!("{arcsec:.0}\""),
        _ => format!("{arcsec}\""),
    }
}

/// A line that is seen over light and dark.
fn line(ui: &Ui, well: Rect, ends: [Pos2; 2]) {
    let tokens = Tokens::of(ui);
    let painter = ui.painter_at(well);
    painter.line_segment(ends, Stroke::new(3.5, tokens.cursor_shade));
    painter.line_segment(ends, Stroke::new(1.5, tokens.cursor));
}

fn text(ui: &Ui, well: Rect, middle: Pos2, text: &str) {
    let tokens = Tokens::of(ui);
    let painter = ui.painter_at(well);
    let font = TextStyle::Small.resolve(ui.style());
    for (shift, color) in [
        (Vec2::splat(1.0), tokens.cursor_shade),
        (Vec2::ZERO, tokens.cursor),
    ] {
        let at = middle + shift;
        painter.text(at, Align2::CENTER_CENTER, text, font.clone(), color);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_are_told_in_their_own_unit() {
        let texts = [0.5, 1.0, 20.0, 120.0, 7200.0].map(angle_text);
        assert_eq!(texts, ["0.5\"", "1\"", "20\"", "2'", "2 deg"]);
    }
}
