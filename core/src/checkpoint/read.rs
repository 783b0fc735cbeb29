//! What every reader of weights or graphs gives.
//!
//! Invariant: a reader runs no code from the file, and allocates nothing before its size was checked against the file
//! and the [`Limits`](super::Limits).

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use super::{Guess, LoadReport, NetworkRole};
use crate::network::Network;

/// How sure the graph of a network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Several architectures fit the tensors; look at the result before using it.
    Doubtful,
    /// Names and shapes fit one family, but something that matters is not visible in them.
    Likely,
    /// Names and shapes fit one family and nothing else that is known.
    Sure,
    /// The file says it itself.
    Stated,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Doubtful => "doubtful",
            Self::Likely => "likely",
            Self::Sure => "sure",
            Self::Stated => "stated by the file",
        })
    }
}

/// What a network is and how that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// What a person calls it, for example `DCGAN generator` or `ONNX graph`.
    pub family: Cow<'static, str>,
    /// How sure that is.
    pub confidence: Confidence,
    /// What speaks for it, a sentence each.
    pub evidence: Vec<String>,
}

/// A network read from a file, before anything is known about its pixels.
#[derive(Clone, Debug)]
pub struct ReadNetwork {
    /// The network.
    pub network: Network,
    /// Which of the two networks of a GAN it is.
    pub role: NetworkRole,
    /// What it is and how that is known.
    pub identity: Identity,
    /// Where the tensors of the file went.
    pub report: LoadReport,
    /// What the file does not say and why it was taken so.
    pub guesses: Vec<Guess>,
    /// SHA-256 of the file, of all its files where it has several, in hexadecimal.
    pub sha256: String,
}
