//! A picture in its well: nearest-neighbour pixels, zoom, pan, the pixel under the pointer, mirrored marks.

use egui::epaint::RectShape;
use egui::{
    Align2, FontId, Id, Painter, PointerButton, Pos2, Rect, Response, Role, Sense, Stroke,
    StrokeKind, TextStyle, Ui, Vec2, WidgetInfo, pos2, vec2,
};
use ganoscope_core::stamp::Stamp;

use super::regions::{RegionLayer, Sheet};
use super::settle::settled;
use super::textures::{Picture, Spot, Textures};
use crate::command::{Command, Commands};
use crate::theme::{Tokens, size};
use crate::workbench::Navigation;

/// The opacity of a picture that is older than what was asked for.
pub(super) const DIMMED: f32 = 0.44;

/// A picture to draw. Square wells; a picture that is not square is centred.
pub struct StampView<'a> {
    /// Where it is drawn; tells textures apart.
    pub place: Id,
    /// What a person calls it.
    pub label: &'a str,
    /// What is drawn.
    pub picture: Picture<'a>,
    /// Side of the well, points.
    pub side: f32,
    /// How it goes with the other pictures.
    pub link: Link<'a>,
    /// Whether it is older than what was asked for.
    pub is_dimmed: bool,
    /// Whether it is selected.
    pub is_selected: bool,
}

/// How a picture goes with the others: the same part of the sky, a mark at the same pixel.
#[derive(Clone, Copy, Debug)]
pub enum Link<'a> {
    /// Shows what the others show and is panned and zoomed like them.
    Leads {
        /// Pan and zoom.
        navigation: Navigation,
        /// The pixel under the pointer in any linked picture.
        cursor: Option<[usize; 2]>,
        /// What is drawn over all pictures with the same pixels, and can be taken hold of.
        regions: Option<RegionLayer<'a>>,
    },
    /// Shows what the others show. In a list the wheel scrolls the list and a click selects.
    Follows {
        /// Pan and zoom.
        navigation: Navigation,
        /// The pixel under the pointer in any linked picture.
        cursor: Option<[usize; 2]>,
        /// What is drawn over all pictures with the same pixels.
        regions: Option<RegionLayer<'a>>,
        /// Whether its pixels are those of the leading pictures; a map of a smaller layer has others.
        has_same_pixels: bool,
    },
}

impl<'a> Link<'a> {
    pub(super) fn parts(self) -> (Navigation, Option<[usize; 2]>) {
        match self {
            Self::Leads {
                navigation, cursor, ..
            } => (navigation, cursor),
            Self::Follows {
                navigation,
                cursor,
                has_same_pixels,
                ..
            } => (navigation, cursor.filter(|_| has_same_pixels)),
        }
    }

    /// The regions, and their sheet on a picture of `pixels` rows and columns.
    pub(super) fn regions(
        self,
        frame: Rect,
        uv: Rect,
        pixels: [usize; 2],
    ) -> Option<(RegionLayer<'a>, Sheet)> {
        let (Self::Leads { regions, .. } | Self::Follows { regions, .. }) = self;
        let layer = regions?;
        Some((layer, layer.sheet(frame, uv, pixels)?))
    }
}

impl StampView<'_> {
    /// Draws the picture. Panning, zooming and pointing are pushed as commands when it is linked.
    pub fn show(&self, ui: &mut Ui, textures: &Textures, commands: &Commands) -> Response {
        let (well, response) =
            ui.allocate_exact_size(Vec2::splat(self.side), Sense::click_and_drag());
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::Image, ui.is_enabled(), self.label);
            info.selected = self.is_selected.then_some(true);
            info
        });
        if !ui.is_rect_visible(well) {
            return response;
        }
        let tokens = Tokens::of(ui);
        let painter = ui.painter_at(well);
        let (navigation, cursor) = self.parts();
        let (frame, navigation) = settled(ui, well, self.picture.stamp, navigation);
        // Where a picture covers it, the well would be painted for next to nothing: a dimmed one lets through the ground.
        let is_covered = textures.covers() && frame.contains_rect(well);
        if !is_covered {
            painter.rect_filled(well, size::CORNER, tokens.well);
        }
        let uv = visible_part(navigation);
        let spot = Spot {
            place: self.place,
            frame,
            visible: uv,
            opacity: if self.is_dimmed { DIMMED } else { 1.0 },
        };
        textures.paint(&painter, &self.picture, &spot);
        match self.link {
            Link::Leads { .. } => self.interact(ui, &response, (frame, navigation), commands),
            Link::Follows {
                has_same_pixels, ..
            } => {
                if let Some(pos) = response.hover_pos().filter(|_| has_same_pixels) {
                    let pixel = pixel_at(frame, uv, self.picture.stamp, pos);
                    commands.push(Command::Point(pixel));
                }
            }
        }
        let leads = matches!(self.link, Link::Leads { .. });
        if let Some((layer, sheet)) = self.regions(frame, uv) {
            layer.paint(ui, textures, &sheet, leads);
        }
        if let Some(pixel) = cursor {
            let stamp = self.picture.stamp;
            mark_pixel(tokens, &painter, textures, (frame, uv), stamp, pixel);
        }
        let width = match (self.is_selected, response.has_focus()) {
            (true, _) => 2.0,
            (false, true) => 1.0,
            (false, false) => return response,
        };
        let stroke = Stroke::new(width, tokens.accent);
        let outline = RectShape::stroke(well, size::CORNER, stroke, StrokeKind::Inside);
        textures.over(&painter, outline.into());
        response
    }

    /// Pan and zoom, not closer than this picture can be seen: the zoom may be that of a larger one.
    fn parts(&self) -> (Navigation, Option<[usize; 2]>) {
        let (navigation, cursor) = self.link.parts();
        let cursor = cursor.map(|pixel| self.own_pixel(pixel));
        let zoom = navigation.zoom.min(self.max_zoom());
        (Navigation { zoom, ..navigation }, cursor)
    }

    /// Rows and columns that linked pictures count pixels by: those of the blend.
    fn linked_size(&self) -> Option<[usize; 2]> {
        match self.link {
            Link::Leads { regions, .. } => regions.map(|layer| layer.pixels),
            Link::Follows { .. } => None,
        }
    }

    /// A pixel of this picture as the linked ones count it.
    fn linked_pixel(&self, pixel: [usize; 2]) -> [usize; 2] {
        let own = self.picture.stamp.size();
        same_place(pixel, own, self.linked_size().unwrap_or(own))
    }

    /// A pixel of the linked pictures in this one.
    fn own_pixel(&self, pixel: [usize; 2]) -> [usize; 2] {
        let own = self.picture.stamp.size();
        same_place(pixel, self.linked_size().unwrap_or(own), own)
    }

    fn max_zoom(&self) -> f32 {
        let stamp = self.picture.stamp;
        Navigation::max_zoom(stamp.width.max(stamp.height))
    }

    fn regions(&self, frame: Rect, uv: Rect) -> Option<(RegionLayer<'_>, Sheet)> {
        let stamp = self.picture.stamp;
        self.link.regions(frame, uv, [stamp.height, stamp.width])
    }

    fn interact(
        &self,
        ui: &Ui,
        response: &Response,
        (frame, navigation): (Rect, Navigation),
        commands: &Commands,
    ) {
        let mut next = navigation;
        let moved = response.drag_delta() / frame.size();
        let regions = self.regions(frame, visible_part(navigation));
        let is_for_regions =
            regions.is_some_and(|(layer, sheet)| layer.interact(ui, response, &sheet, commands));
        if response.dragged_by(PointerButton::Secondary) {
            if moved != Vec2::ZERO {
                commands.push(Command::Shade(moved.into()));
            }
        } else if !is_for_regions && response.dragged() && moved != Vec2::ZERO {
            let delta = moved / navigation.zoom;
            next.centre = [next.centre[0] - delta.x, next.centre[1] - delta.y];
        }
        if response.double_clicked() && !is_for_regions {
            next = Navigation::default();
        }
        if let Some(pos) = response.hover_pos() {
            let factor = ui.input(|i| (i.smooth_scroll_delta().y / 200.0).exp() * i.zoom_delta());
            if factor != 1.0 {
                let before = place_at(frame, visible_part(next), pos);
                next.exact = None;
                next.zoom = (next.zoom * factor).clamp(1.0, self.max_zoom());
                let after = place_at(frame, visible_part(next), pos);
                let moved = before - after;
                next.centre = [next.centre[0] + moved.x, next.centre[1] + moved.y];
            }
            let pixel = pixel_at(frame, visible_part(navigation), self.picture.stamp, pos);
            commands.push(Command::Point(pixel.map(|pixel| self.linked_pixel(pixel))));
        }
        let next = next.clamped();
        if next != navigation {
            commands.push(Command::Navigate(next));
        }
    }
}

/// The largest rectangle in `well` with the proportions of the stamp.
pub fn fitted(well: Rect, stamp: &Stamp) -> Rect {
    let (w, h) = (stamp.width.max(1) as f32, stamp.height.max(1) as f32);
    let scale = (well.width() / w).min(well.height() / h);
    Rect::from_center_size(well.center(), vec2(w, h) * scale)
}

/// The part of the picture that a navigation shows, in shares of width and height.
pub fn visible_part(navigation: Navigation) -> Rect {
    let Navigation { zoom, centre, .. } = navigation.clamped();
    Rect::from_center_size(centre.into(), Vec2::splat(1.0 / zoom))
}

/// The place in the picture, in shares of width and height, at a position on the screen.
fn place_at(frame: Rect, uv: Rect, pos: Pos2) -> Pos2 {
    let share = (pos - frame.min) / frame.size();
    uv.min + share * uv.size()
}

/// The pixel, (column, row), at a position on the screen; none outside the picture.
pub fn pixel_at(frame: Rect, uv: Rect, stamp: &Stamp, pos: Pos2) -> Option<[usize; 2]> {
    if !frame.contains(pos) {
        return None;
    }
    let place = place_at(frame, uv, pos);
    let index = |share: f32, n: usize| ((share * n as f32) as usize).min(n.saturating_sub(1));
    Some([index(place.x, stamp.width), index(place.y, stamp.height)])
}

/// The pixel, (column, row), of a picture of `to` rows and columns at the place of one of a picture of `from` rows and columns
/// that shows the same.
pub fn same_place([x, y]: [usize; 2], from: [usize; 2], to: [usize; 2]) -> [usize; 2] {
    if from == to {
        return [x, y];
    }
    // The middle of the pixel, so that nothing is shifted between pictures of other sizes.
    let there = |at: usize, from: usize, to: usize| (2 * at + 1) * to / (2 * from.max(1));
    [there(x, from[1], to[1]), there(y, from[0], to[0])]
}

/// Outlines a pixel so that it shows over light and dark.
pub(super) fn mark_pixel(
    tokens: &Tokens,
    painter: &Painter,
    textures: &Textures,
    (frame, uv): (Rect, Rect),
    stamp: &Stamp,
    [x, y]: [usize; 2],
) {
    if x >= stamp.width || y >= stamp.height {
        return;
    }
    let (w, h) = (stamp.width as f32, stamp.height as f32);
    let on_screen = |x: f32, y: f32| {
        let share = (pos2(x / w, y / h) - uv.min) / uv.size();
        frame.min + share * frame.size()
    };
    let (x, y) = (x as f32, y as f32);
    let square = Rect::from_two_pos(on_screen(x, y), on_screen(x + 1.0, y + 1.0));
    // Never smaller than can be seen.
    let square = Rect::from_center_size(square.center(), square.size().max(Vec2::splat(6.0)));
    if !frame.contains(square.center()) {
        return;
    }
    // At the edge the mark moves in, so that it stays a closed square.
    let inside = frame.shrink(3.0);
    let into =
        |low: f32, high: f32, from: f32, to: f32| (from - low).max(0.0) - (high - to).max(0.0);
    let square = square.translate(vec2(
        into(square.left(), square.right(), inside.left(), inside.right()),
        into(square.top(), square.bottom(), inside.top(), inside.bottom()),
    ));
    let painter = painter.with_clip_rect(painter.clip_rect().intersect(frame));
    for (square, width, color) in [
        (square.expand(1.0), 2.0, tokens.cursor_shade),
        (square, 1.0, tokens.cursor),
    ] {
        let stroke = Stroke::new(width, color);
        let outline = RectShape::stroke(square, 1.0, stroke, StrokeKind::Outside);
        textures.over(&painter, outline.into());
    }
}

/// The values of a pixel as a person reads them; nothing outside the picture.
pub fn value_text(stamp: &Stamp, [x, y]: [usize; 2]) -> String {
    if x >= stamp.width || y >= stamp.height {
        return String::new();
    }
    let texts: Vec<String> = (0..stamp.channels)
        .map(|channel| plane_text(stamp, channel, [x, y]))
        .collect();
    texts.join("  ")
}

/// The value of a pixel in one channel as a person reads it; nothing outside the picture.
pub fn plane_text(stamp: &Stamp, channel: usize, [x, y]: [usize; 2]) -> String {
    if x >= stamp.width || y >= stamp.height || channel >= stamp.channels {
        return String::new();
    }
    let value = stamp.plane(channel)[y * stamp.width + x];
    if !value.is_finite() {
        "missing".to_owned()
    } else if value != 0.0 && value.abs() < 0.01 {
        // Relevance of a pixel is a small share of a logit.
        format!("{value:.1e}")
    } else {
        format!("{value:.3}")
    }
}

/// Draws a short text in the corner of a picture, readable over anything.
pub fn corner_text(ui: &Ui, well: Rect, align: Align2, text: &str) {
    let tokens = Tokens::of(ui);
    let font: FontId = TextStyle::Small.resolve(ui.style());
    let pos = align.pos_in_rect(&well.shrink(4.0));
    let painter = ui.painter_at(well);
    painter.text(
        pos + vec2(1.0, 1.0),
        align,
        text,
        font.clone(),
        tokens.cursor_shade,
    );
    painter.text(pos, align, text, font, tokens.cursor);
}

#[cfg(test)]
mod tests {
    use ganoscope_core::stamp::ValueRange;

    use super::*;

    fn stamp() -> Stamp {
        Stamp::new("s", vec![0.0; 80 * 40], [1, 40, 80], ValueRange::UNIT)
    }

    #[test]
    fn a_place_is_the_same_in_pictures_of_other_sizes() {
        let (small, large) = ([10, 20], [40, 80]);
        assert_eq!(same_place([19, 9], small, large), [78, 38]);
        assert_eq!(same_place([79, 39], large, small), [19, 9]);
        assert_eq!(same_place([40, 20], large, small), [10, 5]);
        assert_eq!(same_place([3, 4], small, small), [3, 4]);
        assert_eq!(same_place([0, 0], small, large), [2, 2], "its middle");
    }

    #[test]
    fn pixels_are_found_at_any_zoom() {
        let well = Rect::from_min_size(pos2(10.0, 10.0), Vec2::splat(160.0));
        let stamp = stamp();
        let frame = fitted(well, &stamp);
        assert_eq!(frame.size(), vec2(160.0, 80.0));
        let whole = visible_part(Navigation::default());
        let pixel = |pos| pixel_at(frame, whole, &stamp, pos);
        assert_eq!(pixel(frame.min), Some([0, 0]));
        assert_eq!(pixel(frame.min + vec2(159.9, 79.9)), Some([79, 39]));
        assert_eq!(pixel(well.min), None, "above the picture");
        let close = visible_part(Navigation {
            zoom: 4.0,
            ..Navigation::default()
        });
        assert_eq!(
            pixel_at(frame, close, &stamp, frame.center()),
            Some([40, 20])
        );
        assert_eq!(pixel_at(frame, close, &stamp, frame.min), Some([30, 15]));
    }
}
