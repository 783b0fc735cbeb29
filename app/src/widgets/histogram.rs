//! The histogram of a picture with its limits to drag and the curve of brightness drawn over it.

use egui::{Mesh, Rect, Response, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2};
use ganoscope_core::stamp::histogram::Histogram;
use ganoscope_core::stamp::look::Look;
use ganoscope_core::stamp::stretch::between;

use crate::theme::{Tokens, size};

/// Height of the histogram, points.
const HEIGHT: f32 = 84.0;
/// The closest that black and white may be dragged together, as a share of the histogram.
const CLOSEST: f32 = 1e-3;
/// Points of the curve.
const CURVE: usize = 64;

/// A histogram under a look.
pub struct HistogramView<'a> {
    /// Of the values of the picture.
    pub histogram: &'a Histogram,
    /// Limits, stretch, contrast and bias.
    pub look: &'a Look,
}

/// A limit that is being dragged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Handle {
    Black,
    White,
}

impl HistogramView<'_> {
    /// Draws it as wide as there is room; returns the limits asked for when one is dragged.
    pub fn show(&self, ui: &mut Ui) -> (Response, Option<[f32; 2]>) {
        let desired = vec2(ui.available_width(), HEIGHT);
        let (rect, response) = ui.allocate_exact_size(desired, Sense::click_and_drag());
        let label = "Histogram with black and white";
        response.widget_info(|| WidgetInfo::labeled(Role::Image, ui.is_enabled(), label));
        let limits = self.dragged(ui, &response, rect);
        if ui.is_rect_visible(rect) {
            self.paint(ui, rect);
        }
        (response, limits)
    }

    fn paint(&self, ui: &Ui, rect: Rect) {
        let tokens = Tokens::of(ui);
        let painter = ui.painter_at(rect.expand(1.0));
        painter.rect_filled(rect, size::CORNER, tokens.well);
        painter.add(self.bars(rect, tokens));
        let [low, high] = self.look.limits.map(|v| self.x_of(rect, v));
        let point = |i: usize| {
            let share = i as f32 / (CURVE - 1) as f32;
            let y = self.look.shifted(self.look.stretch.apply(share));
            pos2(
                low + share * (high - low),
                rect.bottom() - y * rect.height(),
            )
        };
        let curve: Vec<_> = (0..CURVE).map(point).collect();
        painter.add(Shape::line(curve, Stroke::new(1.5, tokens.accent)));
        for x in [low, high] {
            painter.vline(x, rect.y_range(), Stroke::new(1.5, tokens.strong));
        }
    }

    fn bars(&self, rect: Rect, tokens: &Tokens) -> Shape {
        let heights = self.histogram.heights();
        let width = rect.width() / heights.len().max(1) as f32;
        let mut mesh = Mesh::default();
        for (i, height) in heights.into_iter().enumerate() {
            let left = rect.left() + i as f32 * width;
            let top = rect.bottom() - height * rect.height();
            let bar = Rect::from_min_max(pos2(left, top), pos2(left + width, rect.bottom()));
            mesh.add_colored_rect(bar, tokens.weak);
        }
        Shape::mesh(mesh)
    }

    /// The place of a value on the screen, at the edge when it is beyond.
    fn x_of(&self, rect: Rect, value: f32) -> f32 {
        let share = between(self.histogram.range, value).clamp(0.0, 1.0);
        rect.left() + share * rect.width()
    }

    /// The limits after a drag: the nearer limit follows the pointer.
    fn dragged(&self, ui: &Ui, response: &Response, rect: Rect) -> Option<[f32; 2]> {
        let x = response.interact_pointer_pos()?.x;
        let [low, high] = self.look.limits;
        if response.drag_started() {
            let away = |value: f32| (self.x_of(rect, value) - x).abs();
            let is_black = away(low) < away(high);
            let handle = if is_black {
                Handle::Black
            } else {
                Handle::White
            };
            ui.data_mut(|data| data.insert_temp(response.id, handle));
        }
        if !response.dragged() {
            return None;
        }
        let handle = ui.data(|data| data.get_temp::<Handle>(response.id))?;
        let [from, to] = self.histogram.range;
        let share = ((x - rect.left()) / rect.width().max(1.0)).clamp(0.0, 1.0);
        let value = from + share * (to - from);
        let apart = CLOSEST * (to - from);
        let limits = match handle {
            Handle::Black => [value.min(high - apart), high],
            Handle::White => [low, value.max(low + apart)],
        };
        (limits != self.look.limits).then_some(limits)
    }
}
