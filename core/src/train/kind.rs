//! Which trainer a recipe is for.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::TrainError;

/// What a recipe trains, its `kind`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A branched deblender with its discriminator; recipes that do not say are of this kind.
    #[default]
    Deblender,
    /// A generator that draws from a latent.
    Latent,
}

impl Kind {
    /// Whether a deblender is trained, which recipes need not say.
    pub(super) const fn is_deblender(&self) -> bool {
        matches!(self, Self::Deblender)
    }
}

/// The kind of the recipe at `path`, and whether it asks for evolutionary training.
///
/// # Errors
/// When the file cannot be read, is no TOML, or names a kind that there is not.
pub fn kind_of(path: &Path) -> Result<(Kind, bool), TrainError> {
    /// The fields that decide, whatever else there is.
    #[derive(Deserialize)]
    struct Told {
        #[serde(default)]
        kind: Kind,
        evolution: Option<toml::Table>,
    }
    let told: Told = read(path)?;
    Ok((told.kind, told.evolution.is_some()))
}

/// Reads a recipe; errors name the file and the line.
///
/// # Errors
/// When the file cannot be read or understood.
pub(super) fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, TrainError> {
    let invalid = |what: String| TrainError::Recipe {
        what,
        path: path.to_owned(),
    };
    let text = std::fs::read_to_string(path).map_err(|e| invalid(e.to_string()))?;
    toml::from_str(&text).map_err(|error| {
        let line = error.span().and_then(|span| text.get(..span.start));
        let line = line.map_or(0, |before| before.lines().count().max(1));
        invalid(format!("line {line}: {}", error.message()))
    })
}
