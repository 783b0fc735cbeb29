//! A drawing as SVG 1.1: text stays text, pictures are PNG inside the file.
//!
//! Invariant: the result is well-formed XML whatever a text holds, and refers to nothing outside itself.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::drawing::{Align, Drawing, Frame, Item, Pixels, Stroke, Text};
use super::font::FAMILY;
use super::png::encode_pixels;
use crate::stamp::look::Rgb;

/// The whole file.
pub(super) fn encode(drawing: &Drawing) -> String {
    let [width, height] = [drawing.width, drawing.height].map(length);
    let mut svg = Svg {
        text: String::new(),
        clips: 0,
    };
    svg.line(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" version=\"1.1\" \
         width=\"{width}pt\" height=\"{height}pt\" viewBox=\"0 0 {width} {height}\" font-family=\"{}\">",
        escaped(FAMILY)
    ));
    svg.line(format_args!("<title>{}</title>", escaped(&drawing.title)));
    svg.line(format_args!(
        "<rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>",
        color(drawing.paper)
    ));
    svg.items(&drawing.items);
    svg.line(format_args!("</svg>"));
    svg.text
}

struct Svg {
    text: String,
    clips: usize,
}

impl Svg {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{line}");
    }

    fn items(&mut self, items: &[Item]) {
        for item in items {
            self.item(item);
        }
    }

    fn item(&mut self, item: &Item) {
        match item {
            Item::Path {
                points,
                is_closed,
                fill,
                stroke,
            } => {
                let end = if *is_closed { " Z" } else { "" };
                let fill = fill.map_or_else(|| "none".to_owned(), color);
                let stroke = stroke.map(stroke_attributes).unwrap_or_default();
                self.line(format_args!(
                    "<path d=\"{}{end}\" fill=\"{fill}\"{stroke}/>",
                    path(points)
                ));
            }
            Item::Text(text) => self.text(text),
            Item::Picture {
                frame,
                name,
                pixels,
            } => self.picture(frame, name, pixels),
            Item::Clipped { frame, items } => {
                self.clips += 1;
                let id = self.clips;
                let [x, y, width, height] = sides(frame);
                self.line(format_args!(
                    "<clipPath id=\"clip{id}\"><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/></clipPath>"
                ));
                self.line(format_args!("<g clip-path=\"url(#clip{id})\">"));
                self.items(items);
                self.line(format_args!("</g>"));
            }
        }
    }

    fn text(&mut self, text: &Text) {
        let anchor = match text.align {
            Align::Start => "",
            Align::Middle => " text-anchor=\"middle\"",
            Align::End => " text-anchor=\"end\"",
        };
        let [x, y] = text.at.map(length);
        let turn = if text.is_upward {
            format!(" transform=\"rotate(-90 {x} {y})\"")
        } else {
            String::new()
        };
        self.line(format_args!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" fill=\"{}\"{anchor}{turn}>{}</text>",
            length(text.size),
            color(text.color),
            escaped(&text.text)
        ));
    }

    fn picture(&mut self, frame: &Frame, name: &str, pixels: &Pixels) {
        // A picture that has no pixels shows nothing.
        let Ok(png) = encode_pixels(pixels) else {
            return;
        };
        let [x, y, width, height] = sides(frame);
        let data = STANDARD.encode(png);
        // Every pixel is a square: the attribute for older programs, the style for browsers.
        self.line(format_args!(
            "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
             image-rendering=\"optimizeSpeed\" style=\"image-rendering:pixelated\" \
             xlink:href=\"data:image/png;base64,{data}\"><title>{}</title></image>",
            escaped(name)
        ));
    }
}

fn sides(frame: &Frame) -> [f64; 4] {
    [frame.left, frame.top, frame.width, frame.height].map(length)
}

/// To a thousandth of a point.
fn length(value: f64) -> f64 {
    let rounded = (value * 1000.0).round() / 1000.0;
    // No `NaN` and no `-0` in the file.
    if rounded.is_finite() {
        rounded + 0.0
    } else {
        0.0
    }
}

fn color([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn path(points: &[[f64; 2]]) -> String {
    let mut text = String::new();
    for (i, point) in points.iter().enumerate() {
        let [x, y] = point.map(length);
        let command = if i == 0 { "M" } else { " L" };
        let _ = write!(text, "{command}{x} {y}");
    }
    text
}

fn stroke_attributes(stroke: Stroke) -> String {
    let dash = stroke.dash.map_or_else(String::new, |[on, off]| {
        format!(" stroke-dasharray=\"{} {}\"", length(on), length(off))
    });
    format!(
        " stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\"{dash}",
        color(stroke.color),
        length(stroke.width)
    )
}

/// Text as XML holds it; what XML cannot hold is left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(' '),
            '\u{FFFE}' | '\u{FFFF}' => {}
            letter if letter.is_control() => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}
