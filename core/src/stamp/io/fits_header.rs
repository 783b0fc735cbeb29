//! FITS headers: 80-character cards in blocks of 2880 bytes, nonstandard cards included.
//!
//! Invariant: any bytes either give a header or an error that names the HDU; sizes are computed with checks before
//! anything is allocated. Source: FITS standard 4.0, sections 4.1 to 4.4 and 4.2.1.2 (CONTINUE).

use super::Selector;
use super::error::StampProblem;
use crate::stamp::{Card, CardKind};

/// Bytes per block of a FITS file.
pub(super) const BLOCK: usize = 2880;

/// Bytes per header card.
pub(super) const CARD: usize = 80;

/// More axes than any picture has; the standard allows 999.
const MAX_AXES: usize = 32;

/// The header of one HDU (header and data unit) of a FITS file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Number of the HDU, 0 for the primary.
    pub index: usize,
    /// Cards in file order, without END, blank cards and the CONTINUE cards that were joined to their string.
    pub cards: Vec<Card>,
}

impl Header {
    /// Parses the header at the start of `bytes`; also returns its length in bytes, padding included.
    pub(super) fn parse(index: usize, bytes: &[u8]) -> Result<(Self, usize), StampProblem> {
        let mut cards: Vec<Card> = Vec::new();
        let (records, _) = bytes.as_chunks::<CARD>();
        for (number, record) in records.iter().enumerate() {
            let text = card_text(record).ok_or_else(|| {
                StampProblem::damaged(
                    format!("FITS header of HDU {index}"),
                    format!("card {} is not text", number + 1),
                )
            })?;
            if text.trim_end() == "END" {
                let length = ((number + 1) * CARD).next_multiple_of(BLOCK);
                return Ok((Self { index, cards }, length));
            }
            match text.strip_prefix("CONTINUE") {
                Some(rest) if continues(cards.last()) => append(&mut cards, rest),
                _ if text.trim().is_empty() => {}
                _ => cards.push(parse_card(&text)),
            }
        }
        Err(StampProblem::damaged(
            format!("FITS header of HDU {index}"),
            format!(
                "the file ends before the END card ({} cards read)",
                cards.len()
            ),
        ))
    }

    /// The value of the first card `keyword`, trimmed; `None` for commentary.
    pub fn text(&self, keyword: &str) -> Option<&str> {
        let mut cards = self.cards.iter();
        let card = cards.find(|c| c.keyword == keyword && c.kind != CardKind::Commentary)?;
        Some(card.value.trim())
    }

    /// A finite number; FORTRAN exponents (`1.5D3`) are understood.
    pub fn float(&self, keyword: &str) -> Option<f64> {
        let text = self.text(keyword)?.replace(['D', 'd'], "E");
        text.parse().ok().filter(|v: &f64| v.is_finite())
    }

    /// An integer; some writers store integers as `80.0`.
    pub fn integer(&self, keyword: &str) -> Option<i64> {
        if let Ok(value) = self.text(keyword)?.parse() {
            return Some(value);
        }
        let value = self.float(keyword)?;
        (value.fract() == 0.0 && value.abs() < 9e15).then_some(value as i64)
    }

    /// `T` or `F`.
    pub fn flag(&self, keyword: &str) -> Option<bool> {
        match self.text(keyword)? {
            "T" => Some(true),
            "F" => Some(false),
            _ => None,
        }
    }

    /// The name of the HDU: EXTNAME, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.text("EXTNAME").filter(|name| !name.is_empty())
    }

    /// Whether a selector such as `[1]` or `[SCI,2]` means this HDU.
    pub fn is_selected_by(&self, selector: &Selector) -> bool {
        let version = self.integer("EXTVER").unwrap_or(1);
        selector.matches(self.index, self.name(), version)
    }

    /// `extension BLEND`, `extension 2`, `primary HDU`: what messages call this HDU.
    pub(super) fn part(&self) -> String {
        match (self.name(), self.index) {
            (Some(name), _) => format!("extension {name}"),
            (None, 0) => "primary HDU".to_owned(),
            (None, index) => format!("extension {index}"),
        }
    }

    /// An integer that the standard demands, or what is wrong with it.
    pub(super) fn required(&self, keyword: &str) -> Result<i64, StampProblem> {
        self.integer(keyword).ok_or_else(|| {
            let found = match self.text(keyword) {
                Some(value) => format!("{keyword} is `{value}`, not an integer"),
                None => format!("it has no {keyword} card"),
            };
            StampProblem::damaged(format!("FITS header of the {}", self.part()), found)
        })
    }

    /// Lengths of the axes `{prefix}NAXIS1`, ..., fastest first.
    pub(super) fn axes(&self, prefix: &str) -> Result<Vec<usize>, StampProblem> {
        let header = || format!("FITS header of the {}", self.part());
        let count = self.required(&format!("{prefix}NAXIS"))?;
        let count = usize::try_from(count).ok().filter(|n| *n <= MAX_AXES);
        let count = count.ok_or_else(|| {
            StampProblem::unsupported(header(), "its number of axes", format!("0 to {MAX_AXES}"))
        })?;
        (1..=count)
            .map(|axis| {
                let keyword = format!("{prefix}NAXIS{axis}");
                let length = self.required(&keyword)?;
                usize::try_from(length)
                    .map_err(|_| StampProblem::damaged(header(), format!("{keyword} is {length}")))
            })
            .collect()
    }

    /// Bytes of data after this header, without padding: |BITPIX|/8 x GCOUNT x (PCOUNT + NAXIS1 x NAXIS2 x ...).
    pub(super) fn data_bytes(&self, axes: &[usize]) -> Result<u128, StampProblem> {
        if axes.is_empty() {
            return Ok(0);
        }
        let bits = u128::from(self.required("BITPIX")?.unsigned_abs());
        // Group parameters exist in extensions only; a primary HDU with them says so by GROUPS.
        let count = |keyword, default| match self.integer(keyword) {
            Some(n) => u128::try_from(n).map_err(|_| {
                let header = format!("FITS header of the {}", self.part());
                StampProblem::damaged(header, format!("{keyword} is {n}"))
            }),
            None => Ok(default),
        };
        let (parameters, groups) = (count("PCOUNT", 0)?, count("GCOUNT", 1)?);
        let pixels = product(axes);
        Ok((bits / 8)
            .saturating_mul(groups)
            .saturating_mul(pixels.saturating_add(parameters)))
    }
}

/// The product of the lengths, saturating: 32 axes of 64 bits do not fit into any integer.
pub(super) fn product(axes: &[usize]) -> u128 {
    axes.iter()
        .fold(1, |total: u128, n| total.saturating_mul(*n as u128))
}

/// A card as text. Bytes beyond ASCII occur in comments of old files and become `?`; control bytes mean that this is
/// no header at all.
fn card_text(record: &[u8; CARD]) -> Option<String> {
    record
        .iter()
        .map(|byte| match byte {
            b' '..=b'~' => Some(char::from(*byte)),
            b'\t' => Some(' '),
            0x80.. => Some('?'),
            _ => None,
        })
        .collect()
}

/// Splits an 80-character ASCII card.
fn parse_card(text: &str) -> Card {
    let (keyword, rest) = text.split_at(8);
    let keyword = keyword.trim_end();
    if let Some(value) = rest.strip_prefix('=')
        && !matches!(keyword, "COMMENT" | "HISTORY" | "")
    {
        return value_card(keyword, value);
    }
    if keyword == "HIERARCH"
        && let Some((name, value)) = rest.split_once('=')
        // A quote before the `=` means that the `=` belongs to some text.
        && !name.contains('\'')
    {
        return value_card(name.trim(), value);
    }
    // A nonstandard card such as `ESO-LOG 03:04:08> ...` is kept as commentary.
    Card::commentary(keyword, rest.strip_prefix(' ').unwrap_or(rest).trim_end())
}

fn value_card(keyword: &str, text: &str) -> Card {
    let text = text.trim();
    let (kind, value, rest) = if let Some(quoted) = text.strip_prefix('\'') {
        let (value, rest) = split_string(quoted);
        (CardKind::Text, value, rest)
    } else {
        let (value, rest) = match text.find('/') {
            Some(slash) => text.split_at(slash),
            None => (text, ""),
        };
        (CardKind::Value, value.trim().to_owned(), rest)
    };
    let comment = rest.trim_start().strip_prefix('/').unwrap_or("").trim();
    Card {
        keyword: keyword.to_owned(),
        value,
        comment: comment.to_owned(),
        kind,
    }
}

/// The string up to its closing quote (two quotes stand for one) without trailing blanks, and what follows. A string
/// that is never closed ends with the card.
fn split_string(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = quoted.char_indices().peekable();
    let mut end = quoted.len();
    while let Some((at, c)) = chars.next() {
        if c != '\'' {
            value.push(c);
        } else if chars.next_if(|(_, next)| *next == '\'').is_some() {
            value.push('\'');
        } else {
            end = at + 1;
            break;
        }
    }
    value.truncate(value.trim_end().len());
    (value, quoted.get(end..).unwrap_or(""))
}

/// Whether a CONTINUE card may follow: the string so far ends with `&`.
fn continues(last: Option<&Card>) -> bool {
    last.is_some_and(|card| card.kind == CardKind::Text && card.value.ends_with('&'))
}

/// Joins the string of a CONTINUE card to the last card.
fn append(cards: &mut [Card], rest: &str) {
    let Some(last) = cards.last_mut() else { return };
    let more = value_card("CONTINUE", rest);
    last.value.pop();
    last.value.push_str(&more.value);
    if last.comment.is_empty() {
        last.comment = more.comment;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(text: &str) -> Card {
        parse_card(&format!("{text:<80}"))
    }

    fn header(lines: &[&str]) -> Header {
        let cards: Vec<String> = lines.iter().map(|line| format!("{line:<80}")).collect();
        let text = cards.concat();
        Header::parse(0, text.as_bytes()).expect("header").0
    }

    #[test]
    fn values_strings_and_comments_are_split() {
        let number = card("EXPTIME =  1.2D3 / seconds / exposure");
        assert_eq!(
            (number.value.as_str(), number.kind),
            ("1.2D3", CardKind::Value)
        );
        assert_eq!(number.comment, "seconds / exposure");
        let text = card("OBJECT  = 'O''Hara / 2  '/ name");
        assert_eq!(
            (text.value.as_str(), text.comment.as_str()),
            ("O'Hara / 2", "name")
        );
        assert_eq!(card("OBJECT  = 'never closed").value, "never closed");
        assert_eq!(card("EMPTY   =").value, "");
    }

    #[test]
    fn nonstandard_cards_are_kept() {
        let long = card("HIERARCH ESO TEL ALTITUDE =      2440 / metres");
        assert_eq!(
            (long.keyword.as_str(), long.value.as_str()),
            ("ESO TEL ALTITUDE", "2440")
        );
        let log = card("ESO-LOG 00:00:00> DATE         = '1992-10-26'  / Mon");
        assert_eq!(
            (log.keyword.as_str(), log.kind),
            ("ESO-LOG", CardKind::Commentary)
        );
        let history = card("HISTORY = odd");
        assert_eq!(
            (history.value.as_str(), history.kind),
            ("= odd", CardKind::Commentary)
        );
    }

    #[test]
    fn continued_strings_are_joined() {
        let header = header(&[
            "LONGSTR = 'one &'",
            "CONTINUE  'two &'",
            "CONTINUE  'three' / said at the end",
            "NEXT    = 1",
            "END",
        ]);
        assert_eq!(header.text("LONGSTR"), Some("one two three"));
        assert_eq!(header.cards[0].comment, "said at the end");
        assert_eq!(header.integer("NEXT"), Some(1));
    }

    #[test]
    fn sizes_saturate_instead_of_overflowing() {
        let huge = format!("NAXIS1  = {}", i64::MAX);
        let mut lines = vec!["BITPIX  = -64", "NAXIS   = 3", huge.as_str()];
        let (second, third) = (
            huge.replace("NAXIS1", "NAXIS2"),
            huge.replace("NAXIS1", "NAXIS3"),
        );
        lines.extend([second.as_str(), third.as_str(), "END"]);
        let header = header(&lines);
        let axes = header.axes("").expect("axes");
        assert_eq!(header.data_bytes(&axes).expect("saturates"), u128::MAX);
    }

    #[test]
    fn a_header_without_end_or_with_bytes_is_an_error() {
        assert!(Header::parse(1, format!("{:<80}", "BITPIX  = 8").as_bytes()).is_err());
        assert!(Header::parse(1, &[7; BLOCK]).is_err());
        assert!(Header::parse(1, &[]).is_err());
    }
}
