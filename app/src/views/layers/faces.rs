//! Boxes as they are painted: as much as can be read at their size, from a strip with a shape to four lines.

mod lines;

use std::sync::Arc;

use egui::{
    Align2, Color32, FontId, Galley, Painter, Pos2, Rect, Stroke, StrokeKind, pos2,
    text::{LayoutJob, TextWrapping},
    vec2,
};
use ganoscope_core::graph::{Family, Graph, Shown};

use super::marks::{self, Mark};
use super::sheet::Sheet;
use super::words::{main_layer, title};
use crate::theme::{Tokens, size};

/// Size of text at a magnification of 1, points; it never gets smaller than can be read.
const TEXT: f32 = 12.0;
/// The smallest and the largest text, points.
const TEXT_SIZES: std::ops::RangeInclusive<f32> = 10.5..=17.0;
/// Height of a line over the size of its text.
const LINE: f32 = 1.3;
/// Boxes narrower than this have no text in them, points.
const WITH_TEXT_FROM: f32 = 58.0;

/// How a box is painted.
pub(super) struct Face {
    /// What concerns it.
    pub(super) marks: Vec<Mark>,
    /// Whether keys act on it.
    pub(super) is_at: bool,
    /// Whether the pointer is over it.
    pub(super) is_hovered: bool,
    /// The layer shown, stressed among its parts.
    pub(super) shown_layer: Option<usize>,
}

/// A part of a box that can be clicked on its own: a layer by position, and where it is written.
pub(super) type Part = (usize, Rect);

/// Paints the boxes of one drawing.
pub(super) struct Faces<'a> {
    pub(super) painter: &'a Painter,
    pub(super) tokens: &'a Tokens,
    pub(super) sheet: &'a Sheet,
    pub(super) zoom: f32,
    /// The largest cost of a box, multiply-adds: a whole bar.
    pub(super) largest_cost: u64,
}

/// The kind of work of a box, or of what a chain repeats.
pub(super) fn family_of(graph: &Graph, shown: Shown) -> Family {
    let at = match shown {
        Shown::Box(at) => at,
        Shown::Chain(at) => graph.chains.get(at).map_or(0, |chain| chain.first),
    };
    main_layer(graph, at).map_or(Family::Arrangement, |layer| layer.family)
}

/// The lines of a box: where the next one is written.
struct Lines {
    rect: Rect,
    font: FontId,
    /// Upper side of the next line.
    y: f32,
    left: usize,
}

impl Lines {
    fn of(rect: Rect, zoom: f32) -> Self {
        // In half points, so that zooming does not fill the font texture with every size in between.
        let size = (TEXT * zoom * 2.0).round() / 2.0;
        let size = size.clamp(*TEXT_SIZES.start(), *TEXT_SIZES.end());
        let pad = vec2((9.0 * zoom).clamp(5.0, 12.0), (4.0 * zoom).clamp(2.0, 6.0));
        let inner = rect.shrink2(pad);
        let left = (inner.height() / (size * LINE)).floor() as usize;
        let left = if rect.width() < WITH_TEXT_FROM {
            0
        } else {
            left.min(4)
        };
        let used = left as f32 * size * LINE;
        Self {
            rect: inner,
            font: FontId::proportional(size),
            y: inner.center().y - used / 2.0,
            left,
        }
    }

    /// The place of the next line; none when the box is full.
    fn next(&mut self) -> Option<Rect> {
        self.left = self.left.checked_sub(1)?;
        let height = self.font.size * LINE;
        let line = Rect::from_x_y_ranges(self.rect.x_range(), self.y..=self.y + height);
        self.y += height;
        Some(line)
    }
}

impl Faces<'_> {
    /// Paints one; returns its parts that can be clicked.
    pub(super) fn paint(&self, shown: Shown, rect: Rect, face: &Face) -> Vec<Part> {
        let family = family_of(self.sheet.graph(), shown);
        self.ground(shown, rect, family, face);
        let mut lines = Lines::of(rect, self.zoom);
        if lines.left == 0 {
            self.far(shown, rect, family, face);
            return Vec::new();
        }
        // The strip of its kind takes the left edge.
        lines.rect.min.x += (5.0 * self.zoom).clamp(3.0, 7.0);
        let Some(line) = lines.next() else {
            return Vec::new();
        };
        let is_only = lines.left == 0;
        self.title_line(shown, line, &lines.font, (family, is_only), face);
        let is_chain = matches!(shown, Shown::Chain(_));
        let parts = if lines.left >= 2 || (is_chain && lines.left == 1) {
            let line = lines.next();
            line.map_or_else(Vec::new, |line| {
                self.work_line(shown, line, &lines.font, face)
            })
        } else {
            Vec::new()
        };
        let is_last = lines.left == 1;
        if let Some(line) = lines.next() {
            self.shape_line(shown, line, &lines.font, is_last);
        }
        if let Some(line) = lines.next() {
            self.cost_line(shown, line, &lines.font);
        }
        parts
    }

    fn ground(&self, shown: Shown, rect: Rect, family: Family, face: &Face) {
        let (painter, tokens) = (self.painter, self.tokens);
        let corner = (f32::from(size::CORNER) * self.zoom.clamp(0.4, 1.5)).round();
        let line = Stroke::new(1.0, tokens.weak);
        if matches!(shown, Shown::Chain(_)) {
            // A pile: there is more than one of it.
            for behind in [2.0, 1.0] {
                let moved = rect.translate(vec2(3.0, 3.0) * behind * self.zoom.min(1.4));
                painter.rect(moved, corner, tokens.side, line, StrokeKind::Inside);
            }
        }
        let fill = if face.is_hovered {
            tokens.hovered
        } else {
            tokens.raised
        };
        painter.rect(rect, corner, fill, line, StrokeKind::Inside);
        let strip = Rect::from_min_size(
            rect.min,
            vec2((5.0 * self.zoom).clamp(3.0, 7.0), rect.height()),
        );
        painter.rect_filled(strip, corner, tokens.family(family));
        if face.marks.contains(&Mark::Shown) {
            let stroke = Stroke::new(2.0, tokens.accent);
            painter.rect_stroke(rect, corner, stroke, StrokeKind::Outside);
        } else if face.marks.contains(&Mark::Found) {
            let stroke = Stroke::new(2.0, tokens.strong);
            painter.rect_stroke(rect, corner, stroke, StrokeKind::Outside);
        }
        if face.is_at {
            let stroke = Stroke::new(1.5, tokens.strong);
            painter.rect_stroke(rect.expand(4.0), corner + 3.0, stroke, StrokeKind::Outside);
        }
    }

    /// Too small for text: shapes alone; closed chains keep their name, beside them.
    fn far(&self, shown: Shown, rect: Rect, family: Family, face: &Face) {
        let side = (rect.height() * 0.7).min(rect.width() * 0.4).min(14.0);
        if side < 4.0 {
            return;
        }
        let color = self.tokens.family(family);
        let at = pos2(rect.left() + rect.width() * 0.3, rect.center().y);
        let square = |centre| Rect::from_center_size(centre, vec2(side, side));
        marks::family(self.painter, square(at), family, color);
        if let Some(mark) = face.marks.first() {
            let at = pos2(rect.right() - rect.width() * 0.25, rect.center().y);
            mark.paint(self.painter, square(at), self.mark_color(mark));
        }
        if let Shown::Chain(chain) = shown {
            let graph = self.sheet.graph();
            let count = graph.chains.get(chain).map_or(0, |c| c.count);
            let text = format!("{count} x {}", title(graph, shown));
            self.label_beside(
                pos2(rect.right() + 8.0, rect.center().y),
                Align2::LEFT_CENTER,
                text,
            );
        }
    }

    /// A name that does not fit into what it names.
    pub(super) fn label_beside(&self, pos: Pos2, align: Align2, text: String) {
        let font = FontId::proportional(*TEXT_SIZES.start());
        let galley = self.painter.layout_no_wrap(text, font, self.tokens.strong);
        let rect = align.anchor_size(pos, galley.size());
        let ground = self.tokens.ground;
        self.painter.rect_filled(rect.expand(2.0), 2.0, ground);
        self.painter.galley(rect.min, galley, self.tokens.strong);
    }

    fn mark_color(&self, mark: &Mark) -> Color32 {
        match mark {
            Mark::Shown | Mark::Edited(_) | Mark::Selected(_) => self.tokens.accent,
            Mark::EditedOff | Mark::Found | Mark::Output(_) => self.tokens.strong,
        }
    }

    /// Text cut to a width.
    fn galley(&self, text: &str, font: &FontId, color: Color32, width: f32) -> Arc<Galley> {
        let mut job = LayoutJob::simple_singleline(text.to_owned(), font.clone(), color);
        if width.is_finite() {
            job.wrap = TextWrapping::truncate_at_width(width.max(0.0));
        }
        self.painter.layout_job(job)
    }

    fn write(&self, line: Rect, align: egui::Align, galley: Arc<Galley>) {
        let size = galley.size();
        let x = match align {
            egui::Align::Max => line.right() - size.x,
            _ => line.left(),
        };
        let pos = pos2(x, line.center().y - size.y / 2.0);
        self.painter.galley(pos, galley, self.tokens.text);
    }
}
