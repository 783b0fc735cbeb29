//! What a reader of a FITS header should know about its cards: rules of the standard that they break.
//!
//! Invariant: findings stop nothing; a file that breaks these rules is read as far as it can be understood.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::fits_header::Header;
use crate::stamp::{Card, CardKind};

/// Something wrong with a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeaderFinding {
    /// The card's keyword.
    pub keyword: String,
    /// Number of the card among [`Header::cards`], from 0.
    pub card: usize,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for HeaderFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "card {} ({}) {}",
            self.card + 1,
            self.keyword,
            self.problem
        )
    }
}

impl Header {
    /// The cards that break a rule of the standard: keywords with characters that none may have, values that are no value,
    /// keywords that are given twice with different values.
    pub fn findings(&self) -> Vec<HeaderFinding> {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut found = Vec::new();
        for (index, card) in self.cards.iter().enumerate() {
            let mut say = |problem: String| {
                found.push(HeaderFinding {
                    keyword: card.keyword.clone(),
                    card: index,
                    problem,
                });
            };
            if !is_keyword(card) {
                say("has a keyword with characters other than A to Z, 0 to 9, - and _".to_owned());
            }
            if card.kind == CardKind::Commentary {
                continue;
            }
            if card.kind == CardKind::Value && !is_value(&card.value) {
                say(format!(
                    "has the value `{}`, no number, T, F or text in quotes",
                    card.value
                ));
            }
            if !seen.insert(&card.keyword) && self.text(&card.keyword) != Some(card.value.trim()) {
                say("repeats a keyword with another value; the first counts".to_owned());
            }
        }
        found
    }
}

/// HIERARCH names may hold blanks; nonstandard commentary may start with anything.
fn is_keyword(card: &Card) -> bool {
    let long = card.keyword.len() > 8 || card.keyword.contains(' ');
    card.keyword.chars().all(|c| {
        c.is_ascii_uppercase()
            || c.is_ascii_digit()
            || "-_".contains(c)
            || (long && c.is_ascii_graphic() || c == ' ')
    })
}

/// A number, a complex number, a truth value or nothing.
fn is_value(text: &str) -> bool {
    let number = |text: &str| {
        let text = text.trim().replace(['D', 'd'], "E");
        text.parse::<f64>().is_ok_and(f64::is_finite) && !text.contains(['n', 'N', 'f', 'F'])
    };
    let complex = || {
        let inner = text.strip_prefix('(')?.strip_suffix(')')?;
        let (real, imaginary) = inner.split_once(',')?;
        Some(number(real) && number(imaginary))
    };
    matches!(text, "" | "T" | "F") || number(text) || complex() == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_name_the_card() {
        let header = Header {
            index: 0,
            cards: vec![
                Card::value("SIMPLE", "T"),
                Card::value("EXPTIME", "1.5D3"),
                Card::value("WEIGHT", "(1.0, -2)"),
                Card::value("ESO TEL ALT", 3),
                Card::text("OBJECT", "nan"),
                Card::value("OBJECT", ""),
                Card::value("CRPIX1", "left"),
                Card::value("bad key", 1),
                Card::commentary("HISTORY", "a"),
                Card::commentary("HISTORY", "b"),
                Card::value("EXPTIME", "1.5D3"),
            ],
        };
        let found: Vec<String> = header.findings().iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "card 6 (OBJECT) repeats a keyword with another value; the first counts",
                "card 7 (CRPIX1) has the value `left`, no number, T, F or text in quotes",
            ]
        );
    }
}
