//! A drawing as a PDF page of its size: text is text in an embedded font, pictures are lossless.
//!
//! Invariant: the file refers to nothing outside itself, and holds of the font only the glyphs that are used.

use std::collections::BTreeMap;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::{CidFontType, FontFlags, LineJoinStyle, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Filter, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr};
use subsetter::GlyphRemapper;
use ttf_parser::Face;

use super::FigureError;
use super::drawing::{Align, Drawing, Frame, Item, Pixels, Stroke, Text};
use super::font::{FILE, advance, face, glyph, text_width};
use crate::stamp::look::Rgb;

/// How the page calls the font.
const FONT: Name<'static> = Name(b"F1");
/// The font's own name, marked as a part of it.
const FONT_NAME: Name<'static> = Name(b"GANOSC+Ubuntu-Light");
/// Glyphs are counted as in the font file.
const SYSTEM: SystemInfo<'static> = SystemInfo {
    registry: Str(b"Adobe"),
    ordering: Str(b"Identity"),
    supplement: 0,
};

const CATALOG: Ref = Ref::new(1);
const PAGES: Ref = Ref::new(2);
const PAGE: Ref = Ref::new(3);
const CONTENT: Ref = Ref::new(4);
const TYPE0: Ref = Ref::new(5);
const CID_FONT: Ref = Ref::new(6);
const DESCRIPTOR: Ref = Ref::new(7);
const FONT_FILE: Ref = Ref::new(8);
const CMAP: Ref = Ref::new(9);
const INFO: Ref = Ref::new(10);
/// Pictures are numbered from here.
const FIRST_PICTURE: i32 = 11;

/// The whole file.
pub(super) fn encode(drawing: &Drawing) -> Result<Vec<u8>, FigureError> {
    let face = face()?;
    let mut page = Page {
        content: Content::new(),
        face,
        glyphs: GlyphRemapper::new(),
        letters: BTreeMap::new(),
        pictures: Vec::new(),
    };
    let [width, height] = [drawing.width, drawing.height].map(|v| v as f32);
    // From here on y goes down, as in the drawing.
    page.content.transform([1.0, 0.0, 0.0, -1.0, 0.0, height]);
    page.fill(drawing.paper);
    page.content.rect(0.0, 0.0, width, height).fill_nonzero();
    page.items(&drawing.items);

    let mut pdf = Pdf::new();
    pdf.catalog(CATALOG).pages(PAGES);
    pdf.pages(PAGES).kids([PAGE]).count(1);
    let mut leaf = pdf.page(PAGE);
    leaf.parent(PAGES)
        .media_box(Rect::new(0.0, 0.0, width, height))
        .contents(CONTENT);
    let mut resources = leaf.resources();
    resources.fonts().pair(FONT, TYPE0);
    let mut names = resources.x_objects();
    for at in 0..page.pictures.len() {
        names.pair(Name(picture_name(at).as_bytes()), picture_ref(at));
    }
    names.finish();
    resources.finish();
    leaf.finish();
    for (at, pixels) in page.pictures.iter().enumerate() {
        picture(&mut pdf, picture_ref(at), pixels);
    }
    font(&mut pdf, face, &page)?;
    let content = deflated(&page.content.finish());
    pdf.stream(CONTENT, &content).filter(Filter::FlateDecode);
    pdf.document_info(INFO)
        .title(TextStr(&drawing.title))
        .creator(TextStr(concat!("ganoscope ", env!("CARGO_PKG_VERSION"))));
    Ok(pdf.finish())
}

fn picture_name(at: usize) -> String {
    format!("P{at}")
}

fn picture_ref(at: usize) -> Ref {
    Ref::new(FIRST_PICTURE + at as i32)
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

fn picture(pdf: &mut Pdf, id: Ref, pixels: &Pixels) {
    let data = deflated(&pixels.bytes());
    let mut object = pdf.image_xobject(id, &data);
    object
        .width(pixels.width as i32)
        .height(pixels.height as i32)
        .bits_per_component(8)
        // Every pixel is a square.
        .interpolate(false);
    object.color_space().device_rgb();
    object.filter(Filter::FlateDecode);
}

/// The font with the glyphs that the page uses.
fn font(pdf: &mut Pdf, face: &Face<'_>, page: &Page) -> Result<(), FigureError> {
    let file = subsetter::subset(FILE, 0, &page.glyphs)
        .map_err(|error| FigureError::Font(error.to_string()))?;
    pdf.type0_font(TYPE0)
        .base_font(FONT_NAME)
        .encoding_predefined(Name(b"Identity-H"))
        .descendant_font(CID_FONT)
        .to_unicode(CMAP);
    let mut cid = pdf.cid_font(CID_FONT);
    cid.subtype(CidFontType::Type2)
        .base_font(FONT_NAME)
        .system_info(SYSTEM)
        .font_descriptor(DESCRIPTOR)
        .default_width(0.0)
        .cid_to_gid_map_predefined(Name(b"Identity"));
    let widths = page.glyphs.remapped_gids();
    let widths = widths.map(|old| 1000.0 * advance(face, ttf_parser::GlyphId(old)) as f32);
    cid.widths().consecutive(0, widths);
    cid.finish();
    let thousandths = |units: i16| 1000.0 * f32::from(units) / f32::from(face.units_per_em());
    let outer = face.global_bounding_box();
    pdf.font_descriptor(DESCRIPTOR)
        .name(FONT_NAME)
        .flags(FontFlags::SYMBOLIC)
        .bbox(Rect::new(
            thousandths(outer.x_min),
            thousandths(outer.y_min),
            thousandths(outer.x_max),
            thousandths(outer.y_max),
        ))
        .italic_angle(0.0)
        .ascent(thousandths(face.ascender()))
        .descent(thousandths(face.descender()))
        .cap_height(thousandths(
            face.capital_height().unwrap_or(face.ascender()),
        ))
        // The usual value of a light face; printers use it where they have to replace the font.
        .stem_v(60.0)
        .font_file2(FONT_FILE);
    let file = deflated(&file);
    pdf.stream(FONT_FILE, &file).filter(Filter::FlateDecode);
    // So that text can be searched for and copied.
    let mut cmap = UnicodeCmap::new(Name(b"Letters"), SYSTEM);
    for (glyph, letter) in &page.letters {
        cmap.pair(*glyph, *letter);
    }
    let cmap = cmap.finish();
    pdf.cmap(CMAP, cmap.as_slice())
        .name(Name(b"Letters"))
        .system_info(SYSTEM);
    Ok(())
}

struct Page {
    content: Content,
    face: &'static Face<'static>,
    glyphs: GlyphRemapper,
    /// The letters of the glyphs as they are counted in this file.
    letters: BTreeMap<u16, char>,
    pictures: Vec<Pixels>,
}

fn rgb(color: Rgb) -> [f32; 3] {
    crate::stamp::look::unit(color)
}

impl Page {
    fn fill(&mut self, color: Rgb) {
        let [r, g, b] = rgb(color);
        self.content.set_fill_rgb(r, g, b);
    }

    fn items(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Path {
                    points,
                    is_closed,
                    fill,
                    stroke,
                } => self.path(points, *is_closed, *fill, *stroke),
                Item::Text(text) => self.text(text),
                Item::Picture { frame, pixels, .. } => self.picture(frame, pixels),
                Item::Clipped { frame, items } => {
                    let [x, y, width, height] = sides(frame);
                    self.content.save_state();
                    self.content.rect(x, y, width, height);
                    self.content.clip_nonzero().end_path();
                    self.items(items);
                    self.content.restore_state();
                }
            }
        }
    }

    fn path(
        &mut self,
        points: &[[f64; 2]],
        is_closed: bool,
        fill: Option<Rgb>,
        stroke: Option<Stroke>,
    ) {
        if points.len() < 2 || (fill.is_none() && stroke.is_none()) {
            return;
        }
        if let Some(fill) = fill {
            self.fill(fill);
        }
        if let Some(Stroke { color, width, dash }) = stroke {
            let [r, g, b] = rgb(color);
            self.content
                .set_stroke_rgb(r, g, b)
                .set_line_width(width as f32)
                .set_line_join(LineJoinStyle::RoundJoin)
                .set_dash_pattern(dash.into_iter().flatten().map(|v| v as f32), 0.0);
        }
        for (i, [x, y]) in points.iter().enumerate() {
            let (x, y) = (*x as f32, *y as f32);
            if i == 0 {
                self.content.move_to(x, y);
            } else {
                self.content.line_to(x, y);
            }
        }
        if is_closed {
            self.content.close_path();
        }
        match (fill, stroke) {
            (Some(_), Some(_)) => self.content.fill_nonzero_and_stroke(),
            (Some(_), None) => self.content.fill_nonzero(),
            (None, _) => self.content.stroke(),
        };
    }

    fn text(&mut self, text: &Text) {
        let mut codes = Vec::with_capacity(2 * text.text.len());
        for letter in text.text.chars() {
            let id = self.glyphs.remap(glyph(self.face, letter).0);
            self.letters.entry(id).or_insert(letter);
            codes.extend(id.to_be_bytes());
        }
        let before = match text.align {
            Align::Start => 0.0,
            Align::Middle => text_width(&text.text, text.size) / 2.0,
            Align::End => text_width(&text.text, text.size),
        };
        let [x, y] = text.at;
        // Letters stand upright although y goes down.
        let matrix = if text.is_upward {
            [0.0, -1.0, -1.0, 0.0, x, y + before]
        } else {
            [1.0, 0.0, 0.0, -1.0, x - before, y]
        };
        self.fill(text.color);
        self.content
            .begin_text()
            .set_font(FONT, text.size as f32)
            .set_text_matrix(matrix.map(|v| v as f32))
            .show(Str(&codes))
            .end_text();
    }

    fn picture(&mut self, frame: &Frame, pixels: &Pixels) {
        if pixels.width == 0 || pixels.height == 0 {
            return;
        }
        let name = picture_name(self.pictures.len());
        self.pictures.push(pixels.clone());
        let [x, y, width, height] = sides(frame);
        self.content
            .save_state()
            .transform([width, 0.0, 0.0, -height, x, y + height])
            .x_object(Name(name.as_bytes()))
            .restore_state();
    }
}

fn sides(frame: &Frame) -> [f32; 4] {
    [frame.left, frame.top, frame.width, frame.height].map(|v| v as f32)
}
