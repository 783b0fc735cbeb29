//! The lines of text in a box: title, work, shape, cost.

use egui::{Align, Color32, FontId, Rect, Stroke, StrokeKind, pos2, vec2};
use ganoscope_core::graph::{Family, Shown};

use super::super::marks::{self, Mark};
use super::super::words::{
    block_text, count_text, dims_text, endings, last_layer, share_text, title,
};
use super::{Face, Faces, Part, TEXT_SIZES};

/// What the parts of a box are divided by.
const BETWEEN_PARTS: &str = " · ";

impl Faces<'_> {
    /// Its shape, its name, and what concerns it on the right.
    pub(super) fn title_line(
        &self,
        shown: Shown,
        line: Rect,
        font: &FontId,
        (family, is_only): (Family, bool),
        face: &Face,
    ) {
        let side = font.size * 0.85;
        let color = self.tokens.family(family);
        let square = Rect::from_center_size(
            pos2(line.left() + side / 2.0, line.center().y),
            vec2(side, side),
        );
        marks::family(self.painter, square, family, color);
        let mut line = line;
        line.min.x += side + 5.0;
        if matches!(shown, Shown::Chain(_)) {
            line.max.x -= self.plus(line, font);
        }
        let width = self.mark_texts(line, font, &face.marks);
        line.max.x -= width;
        let graph = self.sheet.graph();
        let name = title(graph, shown);
        let strong = self.tokens.strong;
        let fits = |text: &str| self.galley(text, font, strong, f32::INFINITY);
        // A chain's name is of two layers; its end alone would say nothing.
        let endings = |name| {
            let count = if matches!(shown, Shown::Chain(_)) {
                1
            } else {
                usize::MAX
            };
            endings(name).take(count)
        };
        let galley = endings(&name)
            .map(fits)
            .find(|galley| galley.size().x <= line.width());
        let short = || {
            let last = endings(&name).last()?;
            Some(self.galley(last, font, strong, line.width()))
        };
        let Some(galley) = galley.or_else(short) else {
            return;
        };
        line.min.x += galley.size().x;
        let place = line.translate(vec2(-galley.size().x, 0.0));
        self.write(place, Align::Min, galley);
        if is_only {
            // The shape of the value matters more than anything else that is left.
            line.min.x += font.size;
            let dims = self.galley(&self.dims(shown), font, self.tokens.text, f32::INFINITY);
            if dims.size().x <= line.width() {
                self.write(line, Align::Max, dims);
            }
        }
    }

    /// A plus at the right end of a line: it can be opened. Returns its width.
    fn plus(&self, line: Rect, font: &FontId) -> f32 {
        let side = (font.size * 0.9).round();
        let at = pos2(line.right() - side / 2.0, line.center().y);
        let rect = Rect::from_center_size(at, vec2(side, side));
        let stroke = Stroke::new(1.0, self.tokens.text);
        self.painter
            .rect_stroke(rect, 2.0, stroke, StrokeKind::Inside);
        let half = side * 0.25;
        for arm in [vec2(half, 0.0), vec2(0.0, half)] {
            self.painter.line_segment([at - arm, at + arm], stroke);
        }
        side + font.size * 0.4
    }

    fn dims(&self, shown: Shown) -> String {
        let graph = self.sheet.graph();
        let layer = last_layer(graph, shown).and_then(|layer| graph.layers.get(layer));
        layer.map_or_else(String::new, |layer| dims_text(&layer.dims))
    }

    /// Marks from the right end of a line, with their texts as far as half of it is left for the name; returns their width.
    fn mark_texts(&self, line: Rect, font: &FontId, marks: &[Mark]) -> f32 {
        let small = FontId::proportional((font.size - 1.0).max(*TEXT_SIZES.start()));
        let side = small.size * 0.75;
        let texts: Vec<_> = marks
            .iter()
            .map(|mark| self.galley(&mark.text(), &small, self.tokens.accent_text, f32::INFINITY))
            .collect();
        let with_texts = |count: usize| -> f32 {
            let widths = texts.iter().enumerate().map(|(i, text)| {
                let text = if i < count { text.size().x + 3.0 } else { 0.0 };
                side + text + 5.0
            });
            widths.sum()
        };
        let room = line.width() * 0.55;
        let count = (0..=marks.len()).rev().find(|n| with_texts(*n) <= room);
        let count = count.unwrap_or(0);
        let mut x = line.right() - with_texts(count) + 5.0;
        for (i, (mark, text)) in marks.iter().zip(&texts).enumerate() {
            let square =
                Rect::from_center_size(pos2(x + side / 2.0, line.center().y), vec2(side, side));
            mark.paint(self.painter, square, self.mark_color(mark));
            x += side + 5.0;
            if i < count {
                let width = text.size().x;
                let place = Rect::from_x_y_ranges(x - 2.0..=x - 2.0 + width, line.y_range());
                self.write(place, Align::Min, text.clone());
                x += width + 3.0;
            }
        }
        with_texts(count)
    }

    /// The operations of a box, or of what a chain repeats.
    pub(super) fn work_line(
        &self,
        shown: Shown,
        line: Rect,
        font: &FontId,
        face: &Face,
    ) -> Vec<Part> {
        let graph = self.sheet.graph();
        let text = self.tokens.text;
        let at = match shown {
            Shown::Box(at) => at,
            Shown::Chain(chain) => {
                let count = graph.chains.get(chain).map_or(0, |c| c.count);
                let all = format!("{count} x ({})", block_text(graph, chain));
                self.write(
                    line,
                    Align::Min,
                    self.galley(&all, font, text, line.width()),
                );
                return Vec::new();
            }
        };
        let layers = graph.boxes.get(at).map_or(&[][..], |one| &one.layers);
        let mut x = line.left();
        let mut parts = Vec::new();
        for (i, index) in layers.iter().enumerate() {
            let Some(layer) = graph.layers.get(*index) else {
                continue;
            };
            if i > 0 {
                let between = self.galley(BETWEEN_PARTS, font, text, line.right() - x);
                let width = between.size().x;
                let place = Rect::from_x_y_ranges(x..=x + width, line.y_range());
                self.write(place, Align::Min, between);
                x += width;
            }
            if x > line.right() - font.size {
                break;
            }
            let is_shown = face.shown_layer == Some(*index) && layers.len() > 1;
            let color = if is_shown {
                self.tokens.accent_text
            } else {
                text
            };
            // Settings of the operation that the box is for; of the others the kind is enough.
            let is_main = graph.boxes.get(at).is_some_and(|one| one.main == *index);
            let work = if is_main { &layer.summary } else { layer.kind };
            let galley = self.galley(work, font, color, line.right() - x);
            let width = galley.size().x;
            let place = Rect::from_x_y_ranges(x..=x + width, line.y_range());
            self.write(place, Align::Min, galley);
            if is_shown {
                self.underline(place, color);
            }
            parts.push((*index, place));
            x += width;
        }
        if layers.len() > 1 { parts } else { Vec::new() }
    }

    fn underline(&self, place: Rect, color: Color32) {
        let ends = [place.left_bottom(), place.right_bottom()];
        let ends = ends.map(|end| end - vec2(0.0, 1.5));
        self.painter.line_segment(ends, Stroke::new(1.0, color));
    }

    /// The shape of its value, and how many parameters it has (on the last line its share of the cost).
    pub(super) fn shape_line(&self, shown: Shown, line: Rect, font: &FontId, is_last: bool) {
        let graph = self.sheet.graph();
        let text = self.tokens.text;
        let dims = self.galley(&self.dims(shown), font, text, line.width());
        let left = dims.size().x;
        self.write(line, Align::Min, dims);
        let (parameters, cost) = self.sheet.cost(shown);
        let right = match (is_last, parameters, cost) {
            (true, _, 0) | (false, 0, _) => return,
            (true, ..) => share_text(graph.share_of_cost(cost)),
            (false, ..) => format!("{} parameters", count_text(parameters as u64)),
        };
        let galley = self.galley(&right, font, text, f32::INFINITY);
        if left + galley.size().x + font.size < line.width() {
            self.write(line, Align::Max, galley);
        }
    }

    /// A bar as long as its cost, and the cost in figures.
    pub(super) fn cost_line(&self, shown: Shown, line: Rect, font: &FontId) {
        let (_, cost) = self.sheet.cost(shown);
        if cost == 0 {
            return;
        }
        let share = share_text(self.sheet.graph().share_of_cost(cost));
        let text = format!("{} multiply-adds, {share}", count_text(cost));
        let galley = self.galley(&text, font, self.tokens.text, line.width());
        let space = line.width() - galley.size().x - font.size * 0.7;
        self.write(line, Align::Max, galley);
        let height = (font.size * 0.4).round();
        let rail = Rect::from_min_size(
            pos2(line.left(), line.center().y - height / 2.0),
            vec2(space.max(0.0), height),
        );
        self.painter.rect_filled(rail, 1.0, self.tokens.pressed);
        let length = rail.width() * (cost as f32 / self.largest_cost.max(1) as f32);
        let bar = Rect::from_min_size(rail.min, vec2(length.max(1.0), height));
        self.painter.rect_filled(bar, 1.0, self.tokens.text);
    }
}
