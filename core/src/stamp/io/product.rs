//! How files of results name their images and say how they were made.
//!
//! Invariant: what made a file stands in its primary header alone; pictures that are read from one file of results and written
//! into another do not carry the old one's provenance along.

use std::fmt;

use crate::stamp::Card;

/// What an image of a file of results is; its text is the EXTNAME.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Product {
    /// `INPUT`: the stamp as it was read.
    Input,
    /// `OUT1`, `OUT2`, ...: the outputs, numbered from 1.
    Output(usize),
    /// `RESID`: the input minus the outputs put together.
    Residual,
    /// `TRUTH1`, `TRUTH2`, ...: the galaxies alone, numbered from 1.
    Truth(usize),
    /// `REL_D`, `REL_G`: relevance of the input for the discriminator or the generator.
    Relevance {
        /// Whether it is that of the discriminator.
        is_discriminator: bool,
        /// Which of several maps: `REAL` in `REL_D_REAL`; empty for the map itself.
        part: String,
    },
    /// `ACT_LAYER`: the activation of a layer, or `ACT_LAYER_UNIT` of one of its units.
    Activation {
        /// The layer.
        layer: String,
        /// The unit, counted from 0.
        unit: Option<usize>,
    },
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input => f.write_str("INPUT"),
            Self::Output(number) => write!(f, "OUT{number}"),
            Self::Residual => f.write_str("RESID"),
            Self::Truth(number) => write!(f, "TRUTH{number}"),
            Self::Relevance {
                is_discriminator,
                part,
            } => {
                let letter = if *is_discriminator { 'D' } else { 'G' };
                write!(f, "REL_{letter}")?;
                if part.is_empty() {
                    return Ok(());
                }
                write!(f, "_{}", part.to_ascii_uppercase())
            }
            Self::Activation { layer, unit } => match unit {
                Some(unit) => write!(f, "ACT_{layer}_{unit}"),
                None => write!(f, "ACT_{layer}"),
            },
        }
    }
}

/// What made a file of results; goes into the primary header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The network as it was asked for: a path, a series with its step.
    pub model: Option<String>,
    /// SHA-256 of the weights file, hexadecimal.
    pub weights_sha256: Option<String>,
    /// `generator` or `discriminator`.
    pub role: Option<String>,
    /// The checkpoint's step.
    pub step: Option<u64>,
    /// The file the input came from.
    pub input: Option<String>,
    /// The edits in force, one sentence each; none is said to be none.
    pub edits: Vec<String>,
    /// Anything else, one sentence each.
    pub history: Vec<String>,
}

/// Keywords of [`Provenance::cards`] other than HISTORY.
const KEYWORDS: [&str; 7] = [
    "CREATOR", "GANMODEL", "GANHASH", "GANROLE", "GANSTEP", "GANINPUT", "GANEDITS",
];

/// Whether a card says how a file was made.
pub(super) fn is_provenance(keyword: &str) -> bool {
    KEYWORDS.contains(&keyword)
}

impl Provenance {
    /// Header cards: the version of this program, the network, its hash, role and step, the input, the number of edits, and a
    /// HISTORY line for each edit and sentence.
    pub fn cards(&self) -> Vec<Card> {
        let version = concat!("ganoscope ", env!("CARGO_PKG_VERSION"));
        let mut cards = vec![Card::text("CREATOR", version).with_comment("program and version")];
        let mut text = |keyword: &str, value: &Option<String>, comment: &str| {
            if let Some(value) = value {
                cards.push(Card::text(keyword, value.as_str()).with_comment(comment));
            }
        };
        text("GANMODEL", &self.model, "network");
        text("GANHASH", &self.weights_sha256, "SHA-256 of its weights");
        text("GANROLE", &self.role, "generator or discriminator");
        text("GANINPUT", &self.input, "file of the input");
        if let Some(step) = self.step {
            cards.push(Card::value("GANSTEP", step).with_comment("training step"));
        }
        let edits = Card::value("GANEDITS", self.edits.len());
        cards.push(edits.with_comment("number of edits, see HISTORY"));
        let lines = self.edits.iter().map(|edit| format!("edit: {edit}"));
        cards.extend(
            lines
                .chain(self.history.iter().cloned())
                .map(|line| Card::commentary("HISTORY", line)),
        );
        cards
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_named_as_astronomers_expect() {
        let activation = |unit| Product::Activation {
            layer: "root.0.add".to_owned(),
            unit,
        };
        let relevance = |part: &str| Product::Relevance {
            is_discriminator: true,
            part: part.to_owned(),
        };
        let names = [
            (Product::Input, "INPUT"),
            (Product::Output(2), "OUT2"),
            (Product::Residual, "RESID"),
            (Product::Truth(1), "TRUTH1"),
            (relevance(""), "REL_D"),
            (relevance("real"), "REL_D_REAL"),
            (activation(None), "ACT_root.0.add"),
            (activation(Some(7)), "ACT_root.0.add_7"),
        ];
        for (product, name) in names {
            assert_eq!(product.to_string(), name);
        }
    }

    #[test]
    fn every_card_but_history_is_known_as_provenance() {
        let filled = Provenance {
            model: Some("m".to_owned()),
            weights_sha256: Some("0".repeat(64)),
            role: Some("generator".to_owned()),
            step: Some(2000),
            input: Some("a.fits".to_owned()),
            edits: vec!["unit 3 of root.0.add off".to_owned()],
            history: vec!["made by a test".to_owned()],
        };
        let cards = filled.cards();
        let (history, others): (Vec<&Card>, Vec<&Card>) =
            cards.iter().partition(|card| card.keyword == "HISTORY");
        assert!(others.iter().all(|card| is_provenance(&card.keyword)));
        assert_eq!(others.len(), KEYWORDS.len());
        let lines: Vec<&str> = history.iter().map(|card| card.value.as_str()).collect();
        assert_eq!(lines, ["edit: unit 3 of root.0.add off", "made by a test"]);
    }
}
