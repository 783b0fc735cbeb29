//! A network of a checkpoint, and networks that were read already while a series was opened.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::checkpoint::spec::Opened;
use crate::checkpoint::{Guess, Identity, LoadReport, NetworkConfig, NetworkRole};
use crate::network::Network;
use crate::stamp::ValueRange;

/// A network loaded from a checkpoint.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The network.
    pub network: Network,
    /// What it is and how that is known.
    pub identity: Identity,
    /// Its architecture and parameters, where it is one that this program trains.
    pub config: Option<NetworkConfig>,
    /// Range of the pixels it takes.
    pub input_range: ValueRange,
    /// Range of the pixels it emits; a discriminator emits none.
    pub output_range: Option<ValueRange>,
    /// Where the tensors went.
    pub report: LoadReport,
    /// What the file does not say and why it was taken so.
    pub guesses: Vec<Guess>,
    /// SHA-256 of the weights file, in hexadecimal.
    pub sha256: String,
    /// The weights file.
    pub path: PathBuf,
}

impl From<Opened> for Loaded {
    fn from(opened: Opened) -> Self {
        Self {
            network: opened.network,
            identity: opened.identity,
            config: opened.config,
            input_range: opened.input_range,
            output_range: opened.output_range,
            report: opened.report,
            guesses: opened.guesses,
            sha256: opened.sha256,
            path: opened.path,
        }
    }
}

/// Networks that had to be read to say what a series without a manifest is. Whoever loads one first gets it, so that opening
/// a file reads it once; from then on it is read again, because the series keeps no weights.
#[derive(Clone, Debug, Default)]
pub(super) struct Ready(Arc<Mutex<Vec<(u64, NetworkRole, Loaded)>>>);

impl Ready {
    pub(super) fn put(&self, step: u64, role: NetworkRole, loaded: Loaded) {
        let mut ready = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ready.push((step, role, loaded));
    }

    pub(super) fn take(&self, step: u64, role: NetworkRole) -> Option<Loaded> {
        let mut ready = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = ready
            .iter()
            .position(|(s, r, _)| (*s, *r) == (step, role))?;
        Some(ready.swap_remove(place).2)
    }
}

impl PartialEq for Ready {
    /// What was read already is no part of what a series is.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
