//! FITS files as this program writes them: an empty primary HDU with the provenance, then one float32 image extension
//! per stamp or array.
//!
//! Invariant: what is written reads back with equal pixels, range, bands, name and descriptive cards (WCS included);
//! rows are bottom-up unless the stamp's own file had them top-down and says so by ROWORDER. Source: FITS standard 4.0.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::fits::{RANGE_HIGH, RANGE_LOW, is_structural};
use super::fits_header::{BLOCK, CARD};
use super::product::is_provenance;
use super::write::NamedArray;
use crate::stamp::{Card, CardKind, rows_from_top};

/// Characters of a string that fit into one card, between its quotes.
const STRING: usize = 67;

/// Writes `arrays` as image extensions, `provenance` into the primary header.
pub(super) fn write(
    out: &mut impl Write,
    arrays: &[NamedArray<'_>],
    provenance: &[Card],
) -> io::Result<()> {
    let mut primary = vec![
        Card::value("SIMPLE", "T").with_comment("FITS standard 4.0"),
        Card::value("BITPIX", 8),
        Card::value("NAXIS", 0),
        Card::value("EXTEND", "T"),
    ];
    primary.extend(descriptive(provenance));
    write_header(out, &primary)?;
    let mut versions: BTreeMap<String, u32> = BTreeMap::new();
    for array in arrays {
        let version = versions.entry(array.name.to_ascii_uppercase()).or_insert(0);
        *version += 1;
        write_header(out, &extension_cards(array, *version))?;
        write_data(out, array)?;
    }
    Ok(())
}

/// The cards that are not about storage.
fn descriptive(cards: &[Card]) -> impl Iterator<Item = Card> + '_ {
    let kept = cards.iter().filter(|card| !is_structural(&card.keyword));
    kept.cloned()
}

fn extension_cards(array: &NamedArray<'_>, version: u32) -> Vec<Card> {
    let mut cards = vec![
        Card::text("XTENSION", "IMAGE").with_comment("image extension"),
        Card::value("BITPIX", -32),
        Card::value("NAXIS", array.dims.len()),
    ];
    for (axis, length) in array.dims.iter().rev().enumerate() {
        cards.push(Card::value(format!("NAXIS{}", axis + 1), length));
    }
    cards.push(Card::value("PCOUNT", 0));
    cards.push(Card::value("GCOUNT", 1));
    cards.push(Card::text("EXTNAME", &*array.name));
    if version > 1 {
        cards.push(Card::value("EXTVER", version));
    }
    if let Some(range) = array.range {
        cards.push(Card::value(RANGE_LOW, number(range.low)).with_comment("black level"));
        cards.push(Card::value(RANGE_HIGH, number(range.high)).with_comment("white level"));
    }
    if !array.bands.is_empty() {
        cards.push(Card::text("BANDS", array.bands.join(",")));
    }
    if stays_top_down(array) {
        cards.push(Card::text("ROWORDER", "TOP-DOWN").with_comment("first row on top"));
    }
    let own = descriptive(&array.cards).filter(|card| !is_provenance(&card.keyword));
    cards.extend(own);
    cards
}

/// Whether the coordinates in the cards count rows from the top, as few FITS files do; then the rows stay that way.
fn stays_top_down(array: &NamedArray<'_>) -> bool {
    rows_from_top(array.rows, &array.cards)
}

/// A number as a card value.
fn number(value: f32) -> String {
    format!("{value:?}").to_uppercase()
}

fn write_data(out: &mut impl Write, array: &NamedArray<'_>) -> io::Result<()> {
    let (height, width) = match array.dims[..] {
        [.., height, width] => (height, width),
        [width] => (1, width),
        [] => (1, 1),
    };
    let row_values = width.max(1);
    for plane in array.values.chunks(row_values * height.max(1)) {
        let rows = plane.chunks(row_values);
        let rows: Vec<&[f32]> = if stays_top_down(array) {
            rows.collect()
        } else {
            rows.rev().collect()
        };
        for row in rows {
            let bytes: Vec<u8> = row.iter().flat_map(|v| v.to_be_bytes()).collect();
            out.write_all(&bytes)?;
        }
    }
    let bytes = array.values.len() * 4;
    out.write_all(&vec![0; bytes.next_multiple_of(BLOCK) - bytes])
}

fn write_header(out: &mut impl Write, cards: &[Card]) -> io::Result<()> {
    let mut lines: Vec<String> = cards.iter().flat_map(card_lines).collect();
    lines.push("END".to_owned());
    let mut bytes = Vec::with_capacity((lines.len() * CARD).next_multiple_of(BLOCK));
    for line in lines {
        bytes.extend(format!("{line:<CARD$}").bytes().take(CARD));
    }
    bytes.resize(bytes.len().next_multiple_of(BLOCK), b' ');
    out.write_all(&bytes)
}

/// A card as one or more lines of at most 80 characters.
fn card_lines(card: &Card) -> Vec<String> {
    let keyword = ascii(&card.keyword);
    let value = ascii(&card.value);
    let comment = ascii(&card.comment);
    let is_short = keyword.len() <= 8
        && keyword
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || "-_".contains(c));
    if card.kind == CardKind::Commentary {
        let keyword = keyword.get(..8).unwrap_or(&keyword);
        return chunks(&value, CARD - 8)
            .iter()
            .map(|text| format!("{keyword:<8}{text}"))
            .collect();
    }
    let name = if is_short {
        format!("{keyword:<8}= ")
    } else {
        format!("HIERARCH {keyword} = ")
    };
    if card.kind == CardKind::Value && is_value(&value) {
        return vec![with_comment(format!("{name}{value:>20}"), &comment)];
    }
    let quoted = value.replace('\'', "''");
    let room = (CARD - 2).saturating_sub(name.len());
    if quoted.len() <= room {
        return vec![with_comment(format!("{name}'{quoted:<8}'"), &comment)];
    }
    if !is_short {
        // CONTINUE cards after HIERARCH are understood by few readers.
        let cut: String = quoted.chars().take(room).collect();
        return vec![format!("{name}'{}'", cut.trim_end_matches('\''))];
    }
    let parts = chunks(&value, STRING / 2);
    let last = parts.len() - 1;
    let line = |(i, part): (usize, &String)| {
        let name = if i == 0 { &*name } else { "CONTINUE  " };
        let more = if i < last { "&" } else { "" };
        format!("{name}'{}{more}'", part.replace('\'', "''"))
    };
    parts.iter().enumerate().map(line).collect()
}

/// Adds a comment as far as it fits.
fn with_comment(line: String, comment: &str) -> String {
    if comment.is_empty() || line.len() + 4 > CARD {
        return line;
    }
    let commented = format!("{line:<30} / {comment}");
    commented.chars().take(CARD).collect()
}

/// Whether a text may stand without quotes: a number, a truth value, or nothing (undefined).
fn is_value(text: &str) -> bool {
    text.len() <= 68
        && (matches!(text, "T" | "F" | "") || text.replace(['D', 'd'], "E").parse::<f64>().is_ok())
        // Rust also parses `inf` and `NaN`, which FITS does not know.
        && !text.to_ascii_lowercase().contains(['n', 'i'])
}

/// Pieces of at most `length` characters, at least one.
fn chunks(text: &str, length: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    if chars.is_empty() {
        return vec![String::new()];
    }
    chars.chunks(length).map(|c| c.iter().collect()).collect()
}

/// Printable ASCII only, as the standard demands of headers.
fn ascii(text: &str) -> String {
    let printable = |c: char| if matches!(c, ' '..='~') { c } else { '?' };
    text.chars().map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fits_header::Header;
    use super::*;

    #[test]
    fn cards_of_every_kind_survive_a_round_trip() {
        let long = "a path that is much longer than one card can hold: ".repeat(5);
        let cards = vec![
            Card::value("EXPTIME", 1200.5).with_comment("seconds"),
            Card::value("FLIPV", "T"),
            Card::value("NOVALUE", ""),
            Card::text("OBJECT", "O'Hara's 'galaxy'").with_comment("a name"),
            Card::text("IDENT", "1234").with_comment("text, although digits"),
            Card::text("LONGTEXT", long.trim_end()),
            Card::value("ESO TEL ALTITUDE", 2440),
            Card::text("ESO DET NAME", "THX31156"),
            Card::commentary("HISTORY", "made by a test"),
        ];
        let mut bytes = Vec::new();
        write_header(&mut bytes, &cards).expect("in memory");
        assert_eq!(bytes.len() % BLOCK, 0);
        let (header, length) = Header::parse(0, &bytes).expect("header");
        assert_eq!(length, bytes.len());
        assert_eq!(header.cards, cards);
    }

    #[test]
    fn foreign_text_is_made_printable_and_never_overflows_a_card() {
        for length in 0..200 {
            let text = "é'".repeat(length);
            for card in [
                Card::text("KEY", &*text).with_comment(&*text),
                Card::value("KEY", &text),
                Card::text("A long keyword", &*text),
                Card::commentary("COMMENT", &*text),
            ] {
                for line in card_lines(&card) {
                    assert!(line.len() <= CARD && line.is_ascii(), "{line}");
                }
            }
        }
    }
}
