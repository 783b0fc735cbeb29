//! The whole protocol between the asking side and the worker: requests one way, events the other.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Cancel, Failure, Finding, Preview, PreviewSpec, Progress, Slot, StudySpec};

/// Counts the previews asked for; an answer to an older one is stale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

impl Generation {
    /// The next one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Names a study.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// What the worker is asked to do.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a handful wait, each for a frame"
)]
pub enum Request {
    /// Compute a preview; it replaces whatever its slot was doing.
    Preview {
        /// Comes back with the answer.
        generation: Generation,
        /// What to compute.
        spec: PreviewSpec,
        /// Looked at between the layers of a run: set when nobody waits for the answer any more.
        cancel: Cancel,
    },
    /// Forget the preview of a slot: its answer is no longer wanted.
    Forget(Slot),
    /// Begin a study, after those already waiting.
    Start {
        /// Comes back with every event of the study.
        id: JobId,
        /// What to study.
        spec: StudySpec,
        /// Looked at between steps.
        cancel: Cancel,
    },
    /// Write a small text file, whole or not at all.
    Save {
        /// Comes back with the answer.
        id: JobId,
        /// Where to.
        path: PathBuf,
        /// What.
        text: TextToSave,
    },
}

/// The text of a file to write, made on the worker's thread when its making reads files.
#[derive(Clone)]
pub struct TextToSave(Arc<dyn Fn() -> Result<String, Failure> + Send + Sync>);

impl TextToSave {
    /// A text that is made when it is written.
    pub fn made_by(make: impl Fn() -> Result<String, Failure> + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    /// The text.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn make(&self) -> Result<String, Failure> {
        (self.0)()
    }
}

impl From<String> for TextToSave {
    fn from(text: String) -> Self {
        Self::made_by(move || Ok(text.clone()))
    }
}

impl fmt::Debug for TextToSave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TextToSave")
    }
}

/// What the worker has to say.
#[derive(Clone, Debug)]
pub enum Event {
    /// A preview is ready, or failed.
    Preview {
        /// That of the request.
        generation: Generation,
        /// Its slot.
        slot: Slot,
        /// The result.
        outcome: Result<Preview, Failure>,
        /// Time spent on it.
        elapsed: Duration,
    },
    /// A preview has come further.
    PreviewProgress {
        /// That of the request.
        generation: Generation,
        /// Its slot.
        slot: Slot,
        /// How far.
        progress: Progress,
    },
    /// A study has come further.
    Progress {
        /// The study.
        id: JobId,
        /// How far.
        progress: Progress,
        /// By the pace so far.
        time_left: Option<Duration>,
    },
    /// A part of a study's result, or its last part.
    Partial {
        /// The study.
        id: JobId,
        /// The part.
        finding: Finding,
    },
    /// A study is finished; its last part came before.
    Finished {
        /// The study.
        id: JobId,
    },
    /// A study failed.
    Failed {
        /// The study.
        id: JobId,
        /// Why.
        why: Failure,
    },
    /// A study was cancelled.
    Cancelled {
        /// The study.
        id: JobId,
    },
    /// A file was written, or could not be.
    Saved {
        /// That of the request.
        id: JobId,
        /// Where to.
        path: PathBuf,
        /// Whether it worked.
        outcome: Result<(), Failure>,
    },
}
