//! The font of figures: how wide a text is, what fits, and which glyphs it has.
//!
//! Invariant: SVG names the font, PDF embeds the glyphs it uses, PNG draws their outlines; all three are laid out with the
//! widths of the font that is compiled in, which is that of the window.

use std::sync::LazyLock;

use ttf_parser::{Face, GlyphId};

use super::FigureError;

/// The font file: Ubuntu Light, under the Ubuntu Font Licence 1.0, which permits embedding.
pub(super) const FILE: &[u8] = epaint_default_fonts::UBUNTU_LIGHT;
/// What SVG asks for; the second line of fonts has nearly the same widths.
pub(super) const FAMILY: &str = "Ubuntu, 'Helvetica Neue', Helvetica, Arial, sans-serif";
/// Drawn where the font lacks a letter.
const REPLACEMENT: char = '?';

static FACE: LazyLock<Option<Face<'static>>> = LazyLock::new(|| Face::parse(FILE, 0).ok());

/// The font; the error is that of a damaged program.
pub(super) fn face() -> Result<&'static Face<'static>, FigureError> {
    let damaged = || FigureError::Font("it cannot be read".to_owned());
    FACE.as_ref().ok_or_else(damaged)
}

/// The glyph of a letter.
pub(super) fn glyph(face: &Face<'_>, letter: char) -> GlyphId {
    let own = face.glyph_index(letter);
    own.or_else(|| face.glyph_index(REPLACEMENT))
        .unwrap_or_default()
}

/// The advance of a glyph, in shares of the size of the font.
pub(super) fn advance(face: &Face<'_>, glyph: GlyphId) -> f64 {
    let units = f64::from(face.units_per_em().max(1));
    f64::from(face.glyph_hor_advance(glyph).unwrap_or(0)) / units
}

/// Width of a text at a size of the font, in the unit of the size.
pub fn text_width(text: &str, size: f64) -> f64 {
    // A usual width stands in for a font that cannot be read, which writing the figure then reports.
    let Ok(face) = face() else {
        return 0.5 * size * text.chars().count() as f64;
    };
    let widths = text
        .chars()
        .map(|letter| advance(face, glyph(face, letter)));
    size * widths.sum::<f64>()
}

/// A text cut at its end, with an ellipsis, so that it is at most `width` wide.
pub fn fitted(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let mut letters: Vec<char> = text.chars().collect();
    while letters.pop().is_some() {
        let cut: String = letters.iter().collect();
        let cut = format!("{}…", cut.trim_end());
        if text_width(&cut, size) <= width {
            return cut;
        }
    }
    String::new()
}

/// A text in lines of at most `width`, parted at blanks; a longer word is cut where it must.
pub fn wrapped(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let longer = if line.is_empty() {
            word.to_owned()
        } else {
            format!("{line} {word}")
        };
        if text_width(&longer, size) <= width {
            line = longer;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for letter in word.chars() {
            line.push(letter);
            if text_width(&line, size) > width && line.chars().count() > 1 {
                line.pop();
                lines.push(std::mem::replace(&mut line, letter.to_string()));
            }
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}
