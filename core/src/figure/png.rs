//! A drawing as pixels, drawn on the processor.
//!
//! Invariant: pictures keep sharp pixels (nearest neighbour); shapes and letters are antialiased.

use image::{ExtendedColorType, ImageEncoder as _, codecs::png::PngEncoder};
use tiny_skia::{
    Color, FillRule, FilterQuality, LineJoin, Mask, Paint, Path, PathBuilder, Pixmap, PixmapPaint,
    Rect, StrokeDash, Transform,
};
use ttf_parser::{Face, OutlineBuilder};

use super::FigureError;
use super::drawing::{Align, Drawing, Frame, Item, Pixels, Stroke, Text};
use super::font::{advance, face, glyph, text_width};
use crate::stamp::look::Rgb;

/// Columns and rows of the largest picture: what common programs open.
const MOST: u64 = 16_384;

/// The whole file; `scale` is pixels per point.
pub(super) fn encode(drawing: &Drawing, scale: f64) -> Result<Vec<u8>, FigureError> {
    let pixels = rasterised(drawing, scale)?;
    Ok(encode_pixels(&pixels)?)
}

/// Pixels as a PNG file.
pub(super) fn encode_pixels(pixels: &Pixels) -> Result<Vec<u8>, image::ImageError> {
    let mut png = Vec::new();
    let (width, height) = (pixels.width as u32, pixels.height as u32);
    PngEncoder::new(&mut png).write_image(
        &pixels.bytes(),
        width,
        height,
        ExtendedColorType::Rgb8,
    )?;
    Ok(png)
}

/// The drawing as pixels.
fn rasterised(drawing: &Drawing, scale: f64) -> Result<Pixels, FigureError> {
    let [width, height] = [drawing.width, drawing.height].map(|v| (v * scale).round() as u64);
    let too_large = || FigureError::TooLarge {
        width,
        height,
        most: MOST,
    };
    let is_possible = (1..=MOST).contains(&width) && (1..=MOST).contains(&height);
    let map = is_possible.then(|| Pixmap::new(width as u32, height as u32));
    let mut canvas = Canvas {
        map: map.flatten().ok_or_else(too_large)?,
        face: face()?,
        scale: Transform::from_scale(scale as f32, scale as f32),
    };
    canvas.map.fill(solid(drawing.paper));
    canvas.items(&drawing.items, None);
    let colors = canvas.map.pixels().iter();
    Ok(Pixels {
        width: width as usize,
        height: height as usize,
        // The paper is opaque, so nothing is left to take the alpha out of.
        colors: colors.map(|p| [p.red(), p.green(), p.blue()]).collect(),
    })
}

struct Canvas {
    map: Pixmap,
    face: &'static Face<'static>,
    /// Points to pixels.
    scale: Transform,
}

fn solid([r, g, b]: Rgb) -> Color {
    Color::from_rgba8(r, g, b, 255)
}

fn paint(color: Rgb) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color(solid(color));
    paint
}

fn path(points: &[[f64; 2]], is_closed: bool) -> Option<Path> {
    let mut builder = PathBuilder::new();
    for (i, [x, y]) in points.iter().enumerate() {
        let (x, y) = (*x as f32, *y as f32);
        if i == 0 {
            builder.move_to(x, y);
        } else {
            builder.line_to(x, y);
        }
    }
    if is_closed {
        builder.close();
    }
    builder.finish()
}

impl Canvas {
    fn items(&mut self, items: &[Item], clip: Option<&Mask>) {
        for item in items {
            match item {
                Item::Path {
                    points,
                    is_closed,
                    fill,
                    stroke,
                } => {
                    let Some(path) = path(points, *is_closed) else {
                        continue;
                    };
                    if let Some(fill) = fill {
                        self.fill(&path, *fill, self.scale, clip);
                    }
                    if let Some(stroke) = stroke {
                        self.stroke(&path, stroke, clip);
                    }
                }
                Item::Text(text) => self.text(text, clip),
                Item::Picture { frame, pixels, .. } => self.picture(frame, pixels, clip),
                Item::Clipped { frame, items } => {
                    let inner = self.mask(frame, clip);
                    self.items(items, inner.as_ref());
                }
            }
        }
    }

    fn fill(&mut self, path: &Path, color: Rgb, transform: Transform, clip: Option<&Mask>) {
        let paint = paint(color);
        self.map
            .fill_path(path, &paint, FillRule::Winding, transform, clip);
    }

    fn stroke(&mut self, path: &Path, stroke: &Stroke, clip: Option<&Mask>) {
        let line = tiny_skia::Stroke {
            width: stroke.width as f32,
            line_join: LineJoin::Round,
            dash: stroke
                .dash
                .and_then(|dash| StrokeDash::new(dash.map(|v| v as f32).to_vec(), 0.0)),
            ..tiny_skia::Stroke::default()
        };
        let paint = paint(stroke.color);
        self.map.stroke_path(path, &paint, &line, self.scale, clip);
    }

    fn text(&mut self, text: &Text, clip: Option<&Mask>) {
        let size = text.size as f32 / f32::from(self.face.units_per_em().max(1));
        let before = match text.align {
            Align::Start => 0.0,
            Align::Middle => text_width(&text.text, text.size) / 2.0,
            Align::End => text_width(&text.text, text.size),
        };
        let [x, y] = text.at.map(|v| v as f32);
        let turn = if text.is_upward {
            Transform::from_rotate(-90.0)
        } else {
            Transform::identity()
        };
        let begin = self.scale.pre_translate(x, y).pre_concat(turn);
        let mut along = -before;
        for letter in text.text.chars() {
            let glyph = glyph(self.face, letter);
            let mut outline = Outline(PathBuilder::new());
            // A blank has no outline.
            let _ = self.face.outline_glyph(glyph, &mut outline);
            if let Some(path) = outline.0.finish() {
                // Fonts count upwards.
                let place = begin
                    .pre_translate(along as f32, 0.0)
                    .pre_scale(size, -size);
                self.fill(&path, text.color, place, clip);
            }
            along += text.size * advance(self.face, glyph);
        }
    }

    fn picture(&mut self, frame: &Frame, pixels: &Pixels, clip: Option<&Mask>) {
        let (width, height) = (pixels.width as u32, pixels.height as u32);
        let Some(mut map) = Pixmap::new(width, height) else {
            return;
        };
        for (to, [r, g, b]) in map.data_mut().chunks_exact_mut(4).zip(pixels.colors.iter()) {
            to.copy_from_slice(&[*r, *g, *b, 255]);
        }
        let place = self
            .scale
            .pre_translate(frame.left as f32, frame.top as f32)
            .pre_scale(
                frame.width as f32 / width as f32,
                frame.height as f32 / height as f32,
            );
        let how = PixmapPaint {
            quality: FilterQuality::Nearest,
            ..PixmapPaint::default()
        };
        self.map.draw_pixmap(0, 0, map.as_ref(), &how, place, clip);
    }

    fn mask(&self, frame: &Frame, outer: Option<&Mask>) -> Option<Mask> {
        let side = [frame.left, frame.top, frame.width, frame.height].map(|v| v as f32);
        let rect = Rect::from_xywh(side[0], side[1], side[2], side[3])?;
        let path = PathBuilder::from_rect(rect);
        match outer {
            Some(outer) => {
                let mut mask = outer.clone();
                mask.intersect_path(&path, FillRule::Winding, false, self.scale);
                Some(mask)
            }
            None => {
                let mut mask = Mask::new(self.map.width(), self.map.height())?;
                mask.fill_path(&path, FillRule::Winding, false, self.scale);
                Some(mask)
            }
        }
    }
}

/// The outline of a glyph as a path.
struct Outline(PathBuilder);

impl OutlineBuilder for Outline {
    fn move_to(&mut self, x: f32, y: f32) {
        self.0.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.0.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.0.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.0.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.0.close();
    }
}
