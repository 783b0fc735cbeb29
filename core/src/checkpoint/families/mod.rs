//! What a file of weights alone is: architectures inferred from the names and shapes of the tensors.
//!
//! Invariant: a family never looks at values; what names and shapes do not tell is a guess with its reason, and a marked
//! line of the description that can be corrected.

mod blocks;
mod chain;
mod draft;
mod listing;
mod modules;
mod progressive;
mod residual;
mod sequence;
mod super_resolution;

use super::blueprint::Blueprint;
use super::{Confidence, Guess, TensorFile};

/// Most layers with parameters that are compared with families; real networks have hundreds.
const MAX_MODULES: usize = 10_000;

/// An architecture that fits a file, with how sure that is.
#[derive(Debug)]
pub(super) struct Recognised {
    /// The layers.
    pub(super) blueprint: Blueprint,
    /// How sure it is.
    pub(super) confidence: Confidence,
    /// What speaks for it, a sentence each.
    pub(super) evidence: Vec<String>,
    /// What the tensors do not show.
    pub(super) guesses: Vec<Guess>,
}

/// The architectures that fit a file, the likeliest first. `size`: rows and columns of the pictures to be run, where a
/// network takes any.
pub(super) fn recognise(file: &TensorFile, size: Option<usize>) -> Vec<Recognised> {
    let modules = modules::modules(file);
    if modules.len() > MAX_MODULES {
        return Vec::new();
    }
    let families = [
        progressive::recognise(&modules),
        super_resolution::recognise(&modules, size),
        residual::recognise(&modules, size),
        sequence::recognise(&modules, size),
    ];
    families.into_iter().flatten().collect()
}

/// The layers of a file that no family fits, in the order of the file.
pub(super) fn list(file: &TensorFile, size: Option<usize>) -> Blueprint {
    listing::list(&modules::modules(file), size)
}
