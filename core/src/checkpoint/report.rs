//! What happened while a network was loaded: which tensors went where, and what had to be guessed.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

/// Where the tensors of a file went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LoadReport {
    /// Parameters of the network that were found.
    pub applied: Vec<String>,
    /// Parameters of the network that the file lacks; a network with missing parameters is not opened.
    pub missing: Vec<String>,
    /// Tensors of the file that the network does not have. Counters named `num_batches_tracked` are left out: every
    /// PyTorch state dict carries them and inference does not use them.
    pub unused: Vec<String>,
    /// Keys that were changed on reading: as the file names them, and as the network does.
    pub renamed: Vec<(String, String)>,
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tensors applied", self.applied.len())?;
        for (keys, what) in [(&self.missing, "missing"), (&self.unused, "unused")] {
            if let Some(first) = keys.first() {
                write!(f, ", {} {what} (first {first})", keys.len())?;
            }
        }
        if let Some((from, to)) = self.renamed.first() {
            write!(f, ", {} renamed (first {from} to {to})", self.renamed.len())?;
        }
        Ok(())
    }
}

/// Something a file does not say, the value that was taken for it, and the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Guess {
    /// What was guessed, for example `padding`.
    pub what: Cow<'static, str>,
    /// The value taken.
    pub value: String,
    /// Why, and how to say otherwise.
    pub why: Cow<'static, str>,
}

impl Guess {
    /// A guess of `what`, which was taken to be `value` because of `why`.
    pub fn new(
        what: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
        why: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            what: what.into(),
            value: value.into(),
            why: why.into(),
        }
    }
}

impl fmt::Display for Guess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.what, self.value, self.why)
    }
}
