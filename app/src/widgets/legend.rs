//! Legends of colour scales: with two named ends, or with ticks in the units of the pixels.

use egui::{
    Align2, Color32, Mesh, Rangef, Rect, Role, Sense, Shape, Stroke, TextStyle, Ui, WidgetInfo,
    lerp, pos2, vec2,
};
use ganoscope_core::stamp::look::Look;
use ganoscope_core::stamp::render;
use ganoscope_core::stamp::stretch::between;

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

/// Colours of a bar; between them is interpolated.
const COLORS: usize = 64;
/// Ticks of a bar.
const TICKS: usize = 5;

/// The colours of a look from black to white with ticks in the units of the pixels, as wide as there is room.
pub fn color_bar_ui(ui: &mut Ui, look: &Look) {
    let tokens = Tokens::of(ui);
    let font = TextStyle::Small.resolve(ui.style());
    let height = 12.0 + 4.0 + font.size + 2.0;
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    let ticks = ticks_of(look, TICKS);
    response.widget_info(|| {
        let text = format!("Colours from {} to {}", look.limits[0], look.limits[1]);
        WidgetInfo::labeled(Role::Image, ui.is_enabled(), text)
    });
    let bar = rect.with_max_y(rect.top() + 12.0);
    let color = |[r, g, b]: [u8; 3]| Color32::from_rgb(r, g, b);
    let colors: Vec<Color32> = render::bar(look, COLORS).into_iter().map(color).collect();
    let painter = ui.painter();
    painter.add(gradient(bar, &colors));
    let mut taken: Vec<Rangef> = Vec::new();
    // Where there is room for few numbers, they are those of the ends and of the middle.
    for (share, text) in by_importance(ticks) {
        let x = lerp(bar.x_range().min..=bar.x_range().max, share);
        let stroke = Stroke::new(1.0, tokens.weak);
        painter.vline(x, bar.bottom()..=bar.bottom() + 3.0, stroke);
        let text = painter.layout_no_wrap(text, font.clone(), tokens.weak);
        // At the ends a number moves in, and one that would run into its neighbour is left out.
        let half = text.size().x / 2.0;
        let middle = x.clamp(
            rect.left() + half,
            (rect.right() - half).max(rect.left() + half),
        );
        let place = Rangef::new(middle - half, middle + half);
        if !taken.iter().any(|t| t.expand(4.0).intersects(place)) {
            taken.push(place);
            let at = Align2::CENTER_TOP.anchor_size(pos2(middle, bar.bottom() + 4.0), text.size());
            painter.galley(at.min, text, tokens.weak);
        }
    }
}

/// The ends first, then the middle, then the others.
fn by_importance<T>(ticks: Vec<T>) -> impl Iterator<Item = T> {
    let last = ticks.len().saturating_sub(1);
    let mut ranked: Vec<(usize, T)> = ticks
        .into_iter()
        .enumerate()
        .map(|(i, tick)| match i {
            i if i == 0 || i == last => (0, tick),
            i if 2 * i == last => (1, tick),
            _ => (2, tick),
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, tick)| tick)
}

/// Places from 0 to 1 on a bar and the values there: at even steps of brightness, rounded to two digits of their distance.
fn ticks_of(look: &Look, count: usize) -> Vec<(f32, String)> {
    let [low, high] = look.limits;
    if !(high > low && (high - low).is_finite()) {
        return vec![(0.5, format!("{low}"))];
    }
    let last = count.saturating_sub(1).max(1);
    let value = |i: usize| {
        let share = look.stretch.invert(i as f32 / last as f32);
        low + share * (high - low)
    };
    (0..count)
        .map(|i| {
            let apart = (value((i + 1).min(last)) - value(i))
                .abs()
                .min((value(i) - value(i.saturating_sub(1))).abs());
            let apart = if apart > 0.0 {
                apart
            } else {
                (high - low) / last as f32
            };
            let digits = (1.0 - apart.log10().floor()).clamp(0.0, 9.0) as usize;
            let text = format!("{:.digits$}", value(i));
            // The tick is where the number is, not where it was before it was rounded.
            let rounded: f32 = text.parse().unwrap_or(low);
            let share = look.stretch.apply(between(look.limits, rounded));
            (share.clamp(0.0, 1.0), text)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use ganoscope_core::stamp::colormap::Colormap;
    use ganoscope_core::stamp::look::Ink;
    use ganoscope_core::stamp::stretch::Stretch;

    use super::*;

    fn look(limits: [f32; 2], stretch: Stretch) -> Look {
        Look::new(Ink::Map(Colormap::Grey), limits, stretch)
    }

    #[test]
    fn ticks_stand_where_their_values_are_shown() {
        let ticks = ticks_of(&look([0.0, 4.0], Stretch::Linear), 5);
        let expected = ["0.0", "1.0", "2.0", "3.0", "4.0"];
        for (i, ((share, text), expected)) in ticks.iter().zip(expected).enumerate() {
            assert_eq!(text, expected);
            assert!((share - 0.25 * i as f32).abs() < 1e-6);
        }
        let curved = look([-0.013, 0.87], Stretch::Asinh(0.1));
        for (share, text) in ticks_of(&curved, 5) {
            let value: f32 = text.parse().unwrap();
            let shown = curved.stretch.apply(between(curved.limits, value));
            assert!((share - shown).abs() < 1e-6, "{text} at {share}");
        }
    }

    #[test]
    fn the_numbers_of_the_ends_come_first() {
        let order: Vec<usize> = by_importance((0..5).collect()).collect();
        assert_eq!(order, [0, 4, 2, 1, 3]);
        assert_eq!(by_importance(vec![7]).collect::<Vec<_>>(), [7]);
    }

    #[test]
    fn limits_that_coincide_have_one_tick() {
        assert_eq!(ticks_of(&look([2.0, 2.0], Stretch::Linear), 5).len(), 1);
    }
}
