//! How regions are painted over pictures: a dark line under a light one, so that they are seen over anything.

use egui::{Painter, Pos2, Rect, Shape as Stroked, Stroke, TextStyle, Ui, Vec2, vec2};
use ganoscope_core::region::Region;

use super::region_name;
use crate::theme::Tokens;
use crate::widgets::textures::Textures;

/// Paints over pictures so that it is seen over light and dark.
pub(super) struct Pen<'a> {
    pub(super) painter: &'a Painter,
    pub(super) textures: &'a Textures,
    pub(super) tokens: &'static Tokens,
}

impl Pen<'_> {
    fn add(&self, shape: Stroked) {
        self.textures.over(self.painter, shape);
    }

    pub(super) fn outline(&self, points: &[Pos2], is_dashed: bool, is_selected: bool) {
        let (width, color) = if is_selected {
            (2.0, self.tokens.cursor)
        } else {
            (1.3, self.tokens.region)
        };
        let shade = Stroke::new(width + 2.0, self.tokens.cursor_shade);
        self.add(Stroked::closed_line(points.to_vec(), shade));
        let stroke = Stroke::new(width, color);
        if is_dashed {
            let mut closed = points.to_vec();
            closed.extend(points.first());
            self.add(Stroked::Vec(Stroked::dashed_line(
                &closed, stroke, 5.0, 4.0,
            )));
        } else {
            self.add(Stroked::closed_line(points.to_vec(), stroke));
        }
    }

    pub(super) fn line(&self, points: Vec<Pos2>) {
        let shade = Stroke::new(4.0, self.tokens.cursor_shade);
        self.add(Stroked::line(points.clone(), shade));
        self.add(Stroked::line(points, Stroke::new(2.0, self.tokens.cursor)));
    }

    /// A square, or a disk for the angle.
    pub(super) fn handle(&self, at: Pos2, is_round: bool) {
        let stroke = Stroke::new(1.0, self.tokens.cursor_shade);
        if is_round {
            self.add(Stroked::circle_filled(at, 4.0, self.tokens.cursor));
            self.add(Stroked::circle_stroke(at, 4.5, stroke));
        } else {
            let square = Rect::from_center_size(at, Vec2::splat(6.0));
            self.add(Stroked::rect_filled(square, 0.0, self.tokens.cursor));
            let kind = egui::StrokeKind::Outside;
            self.add(Stroked::rect_stroke(square, 0.0, stroke, kind));
        }
    }

    /// The region's words above it, or its number.
    pub(super) fn words(
        &self,
        ui: &Ui,
        index: usize,
        region: &Region,
        outline: &[Pos2],
        is_selected: bool,
    ) {
        let Some(top) = outline.iter().min_by(|a, b| a.y.total_cmp(&b.y)) else {
            return;
        };
        let text = region_name(index, region);
        let color = if is_selected {
            self.tokens.cursor
        } else {
            self.tokens.region
        };
        let font = TextStyle::Small.resolve(ui.style());
        let galley = self.painter.layout_no_wrap(text, font, color);
        let at = *top - vec2(galley.size().x / 2.0, galley.size().y + 3.0);
        let shade = self.tokens.cursor_shade;
        let under =
            Stroked::galley_with_override_text_color(at + Vec2::splat(1.0), galley.clone(), shade);
        self.add(under);
        self.add(Stroked::galley(at, galley, color));
    }
}
