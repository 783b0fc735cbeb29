//! Two pictures in one well with a divider between them: one to its left, the other to its right.

use egui::accesskit::{Action, ActionData};
use egui::{
    Color32, CursorIcon, EventFilter, Id, Key, Rect, Response, Sense, Shape, Stroke, Ui, Vec2,
    WidgetInfo, pos2, vec2,
};

use super::settle::settled;
use super::stamp_view::{DIMMED, Link, StampView, mark_pixel, visible_part};
use super::textures::{Picture, Spot, Textures};
use crate::command::Commands;
use crate::theme::{Tokens, size};

/// Width of what can be grasped, points.
const GRIP: f32 = 12.0;
/// How far an arrow key moves the divider, and with Shift, as shares of the width.
const STEPS: [f32; 2] = [0.02, 0.1];

/// Two pictures under a divider.
pub struct SwipeView<'a> {
    /// Where it is drawn; tells textures apart.
    pub place: Id,
    /// What a person calls both pictures.
    pub label: &'a str,
    /// To the left of the divider.
    pub first: Picture<'a>,
    /// To its right.
    pub second: Picture<'a>,
    /// Where the divider stands, 0 at the left to 1 at the right.
    pub divider: f32,
    /// Side of the well, points.
    pub side: f32,
    /// How the pictures go with the others.
    pub link: Link<'a>,
    /// Whether they are older than what was asked for.
    pub is_dimmed: bool,
}

impl SwipeView<'_> {
    /// Draws both; returns the place of the divider that is asked for when it is moved.
    pub fn show(
        &self,
        ui: &mut Ui,
        textures: &Textures,
        commands: &Commands,
    ) -> (Response, Option<f32>) {
        let response = StampView {
            place: self.place,
            label: self.label,
            picture: self.second,
            side: self.side,
            link: self.link,
            is_dimmed: self.is_dimmed,
            is_selected: false,
        }
        .show(ui, textures, commands);
        let well = response.rect;
        if ui.is_rect_visible(well) {
            self.first_ui(ui, textures, well);
        }
        let moved = self.divider_ui(ui, textures, well);
        (response, moved)
    }

    fn x(&self, well: Rect) -> f32 {
        well.left() + self.divider * well.width()
    }

    /// The first picture over the second, as far as the divider.
    fn first_ui(&self, ui: &Ui, textures: &Textures, well: Rect) {
        let tokens = Tokens::of(ui);
        let left = well.with_max_x(self.x(well));
        let painter = ui.painter_at(left);
        painter.rect_filled(well, size::CORNER, tokens.well);
        let (navigation, cursor) = self.link.parts();
        let stamp = self.first.stamp;
        let (frame, navigation) = settled(ui, well, stamp, navigation);
        let visible = visible_part(navigation);
        let spot = Spot {
            place: self.place.with("first"),
            frame,
            visible,
            opacity: if self.is_dimmed { DIMMED } else { 1.0 },
        };
        textures.paint(&painter, &self.first, &spot);
        // The regions lie over both pictures.
        let pixels = [stamp.height, stamp.width];
        if let Some((layer, sheet)) = self.link.regions(frame, visible, pixels) {
            layer.paint(ui, textures, &sheet, true);
        }
        if let Some(pixel) = cursor {
            mark_pixel(tokens, &painter, textures, (frame, visible), stamp, pixel);
        }
    }

    fn divider_ui(&self, ui: &Ui, textures: &Textures, well: Rect) -> Option<f32> {
        let x = self.x(well);
        let grip = Rect::from_center_size(pos2(x, well.center().y), vec2(GRIP, well.height()));
        let response = ui
            .interact(grip, self.place.with("divider"), Sense::click_and_drag())
            .on_hover_cursor(CursorIcon::ResizeHorizontal);
        response.widget_info(|| {
            let percent = f64::from((100.0 * self.divider).round());
            WidgetInfo::slider(ui.is_enabled(), percent, "Divider between A and B")
        });
        ui.ctx().accesskit_node_builder(response.id, |node| {
            node.set_min_numeric_value(0.0);
            node.set_max_numeric_value(100.0);
            node.set_numeric_value_step(f64::from(100.0 * STEPS[0]));
            for action in [Action::SetValue, Action::Increment, Action::Decrement] {
                node.add_action(action);
            }
        });
        if ui.is_rect_visible(well) {
            self.paint_divider(ui, textures, well, &response);
        }
        let next = self.dragged(&response, well).unwrap_or(self.divider);
        let next = (next + by_keys(ui, &response)).clamp(0.0, 1.0);
        let next = set_by_assistance(ui, response.id).unwrap_or(next);
        (next != self.divider).then_some(next)
    }

    fn dragged(&self, response: &Response, well: Rect) -> Option<f32> {
        let pos = response.interact_pointer_pos()?;
        let share = (pos.x - well.left()) / well.width().max(1.0);
        // The last move comes together with letting go.
        let is_held = response.dragged() || response.drag_stopped();
        is_held.then_some(share.clamp(0.0, 1.0))
    }

    /// A line that shows over light and dark, with a grip in its middle.
    fn paint_divider(&self, ui: &Ui, textures: &Textures, well: Rect, response: &Response) {
        let tokens = Tokens::of(ui);
        let is_held = response.hovered() || response.dragged() || response.has_focus();
        let color: Color32 = if is_held {
            tokens.accent
        } else {
            tokens.cursor
        };
        let painter = ui.painter_at(well);
        let x = self.x(well).clamp(well.left() + 1.0, well.right() - 1.0);
        let ends = [pos2(x, well.top()), pos2(x, well.bottom())];
        let grip = Rect::from_center_size(pos2(x, well.center().y), vec2(6.0, 24.0));
        for (stroke, grown) in [
            (Stroke::new(3.5, tokens.cursor_shade), 1.0),
            (Stroke::new(1.5, color), 0.0),
        ] {
            textures.over(&painter, Shape::line_segment(ends, stroke));
            let grip = grip.expand2(Vec2::splat(grown));
            textures.over(&painter, Shape::rect_filled(grip, 3.0, stroke.color));
        }
    }
}

/// How far the arrow keys move the divider while it has the focus, as a share of the width.
fn by_keys(ui: &Ui, response: &Response) -> f32 {
    let steps =
        |key: Action| ui.input(|i| i.num_accesskit_action_requests(response.id, key)) as f32;
    let assisted = STEPS[0] * (steps(Action::Increment) - steps(Action::Decrement));
    if !response.has_focus() {
        return assisted;
    }
    let filter = EventFilter {
        horizontal_arrows: true,
        ..EventFilter::default()
    };
    ui.memory_mut(|m| m.set_focus_lock_filter(response.id, filter));
    ui.input(|i| {
        let step = if i.modifiers.shift {
            STEPS[1]
        } else {
            STEPS[0]
        };
        let presses = |key| i.num_presses(key) as f32;
        let ends = presses(Key::End) - presses(Key::Home);
        assisted + ends + step * (presses(Key::ArrowRight) - presses(Key::ArrowLeft))
    })
}

/// The place that assistive technology asks for.
fn set_by_assistance(ui: &Ui, id: Id) -> Option<f32> {
    ui.input(|i| {
        let requests = i.accesskit_action_requests(id, Action::SetValue);
        let values = requests.filter_map(|request| match request.data {
            Some(ActionData::NumericValue(value)) => Some(value as f32 / 100.0),
            _ => None,
        });
        values.last().map(|share| share.clamp(0.0, 1.0))
    })
}
