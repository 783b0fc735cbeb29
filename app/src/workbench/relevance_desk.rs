//! Which part of the Relevance view is open beside the maps. Saved with the session, not undone.

use serde::{Deserialize, Serialize};

/// A part beside the maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelevanceSection {
    /// The maps' sums over parts of the pictures.
    Sums,
    /// Pixel flipping.
    Faithfulness,
    /// The rule of every layer.
    Rules,
}

impl RelevanceSection {
    /// All, in the order of the buttons.
    pub const ALL: [Self; 3] = [Self::Sums, Self::Faithfulness, Self::Rules];

    /// What its button says.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sums => "Sums",
            Self::Faithfulness => "Faithfulness",
            Self::Rules => "Rules",
        }
    }

    /// What it shows.
    pub const fn help(self) -> &'static str {
        match self {
            Self::Sums => {
                "How much of each map lies in the core, the outskirts, the background and the border of its picture"
            }
            Self::Faithfulness => {
                "Hides what a map calls important, block by block, and says how the score falls, beside random orders"
            }
            Self::Rules => "The rule of every layer, and other ones by layer or by kind",
        }
    }
}
