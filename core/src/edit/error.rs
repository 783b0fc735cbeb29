//! What can be wrong with edits; every message names the edit, the layer and the unit, or the file.

use std::path::PathBuf;

use super::Unit;
use crate::network::NetworkError;

/// An error of an edit stack: applied to a network, read or written.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The network has no such layer.
    #[error("edit {edit} changes unit {}, but {source}", unit.channel)]
    UnknownLayer {
        /// Place of the edit in its stack, from 1.
        edit: usize,
        /// The unit.
        unit: Unit,
        /// Names the layer, and the nearest one there is.
        source: Box<NetworkError>,
    },
    /// The layer has no such unit.
    #[error("edit {edit} changes unit {} of layer {}, which has {units} units", unit.channel, unit.layer)]
    UnknownUnit {
        /// Place of the edit in its stack, from 1.
        edit: usize,
        /// The unit.
        unit: Unit,
        /// How many units the layer has.
        units: usize,
    },
    /// A strength, level or factor cannot be used.
    #[error("edit {edit}: {what} {value} is not {expected}")]
    Value {
        /// Place of the edit in its stack, from 1.
        edit: usize,
        /// Which number.
        what: &'static str,
        /// The number.
        value: f64,
        /// What it has to be.
        expected: &'static str,
    },
    /// The recipe was written by another version of the program.
    #[error(
        "the recipe has version {found}; this program reads version {}",
        super::RECIPE_VERSION
    )]
    Version {
        /// Version found.
        found: u32,
    },
    /// The text is not a recipe.
    #[error("not a recipe of edits: {what}")]
    Syntax {
        /// What is wrong, with the line.
        what: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} the recipe: {source}: {}", path.display())]
    File {
        /// "read" or "write".
        action: &'static str,
        /// What failed.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
    /// A file was read, but what it says is wrong.
    #[error("{source}: {}", path.display())]
    InFile {
        /// What is wrong.
        source: Box<EditError>,
        /// The file.
        path: PathBuf,
    },
    /// A tensor could not be made.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl EditError {
    /// The place in its stack of the edit that cannot be applied, from 0.
    pub const fn place(&self) -> Option<usize> {
        match self {
            Self::UnknownLayer { edit, .. }
            | Self::UnknownUnit { edit, .. }
            | Self::Value { edit, .. } => edit.checked_sub(1),
            _ => None,
        }
    }
}
