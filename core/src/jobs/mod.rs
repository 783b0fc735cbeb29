//! Work that the window must not wait for: one thread that owns the networks, with a preview lane and a study lane.
//!
//! Invariant: the asking side never blocks. A job is a comparable spec ([`PreviewSpec`], [`StudySpec`]); in the preview
//! lane the newest spec of a slot wins and older ones are dropped; studies advance in steps of at most
//! [`STEP_BUDGET`] for networks like those of the demonstration, so a preview never waits longer than one step. A study
//! that is cancelled stops inside its step, after one layer or one block of a file. A panic inside a network ends its job and nothing else.

mod cache;
mod failure;
mod file_info;
mod finding;
mod input;
mod lane;
mod preview;
mod progress;
mod protocol;
mod regions;
mod spec;
mod studio;
mod study;
mod worker;

pub use cache::{BytesCache, SizeBytes};
pub use failure::Failure;
pub use file_info::{Fact, FileInfo};
pub use finding::{Draft, Finding, Opened, TimelinePoint, UnitStats};
pub use input::{Input, Latent, NotALatent};
pub use preview::{
    Account, CheckpointInfo, DeblendPreview, LayerInfo, Measures, NetworkFile, NetworkInfo,
    OutputNumbers, PoleMap, Preview, RelevancePreview, RelevanceRow, Scene, SeriesInfo, Thumbnail,
    UnitMaps, UnitRange,
};
pub use progress::{Cancel, Progress};
pub use protocol::{Event, Generation, JobId, Request, TextToSave};
pub use regions::{MeasuredPicture, RegionsPreview};
pub use spec::{
    DeblendSpec, PreviewSpec, RegionsSpec, RelevanceSpec, Slot, StudySpec, ThumbnailSpec, UnitsSpec,
};
pub use studio::Studio;
pub use study::{Engine, PreviewJob, STEP_BUDGET, Step, Study, StudyJob};
pub use worker::{Full, Waker, Worker};
