//! Weights on disk: safetensors files, checkpoints and the series they form, opened with a report of what was guessed.
//!
//! Invariants: nothing is allocated before its size was checked against the file; a checkpoint is under its final name
//! only when it is complete; every error names the file and the tensor or layer.

mod config;
mod error;
mod foreign;
mod format;
mod infer;
mod keras;
mod manifest;
mod metrics;
mod procedural;
mod read;
mod rename;
mod report;
mod series;
mod spec;
mod tensors;
mod write;

pub use config::{NetworkConfig, NetworkRole};
pub use error::CheckpointError;
pub use manifest::{BlendRule, MANIFEST_FILE, SeriesManifest};
pub use metrics::{METRICS_FILE, Metrics};
pub use procedural::procedural_weights;
pub use read::{Confidence, Identity, Limits, ReadNetwork};
pub use report::{Guess, LoadReport};
pub use series::{CheckpointInfo, Loaded, Series};
pub use spec::{NetworkSpec, Opened, open_network, open_network_for};
pub use tensors::{TensorEntry, TensorFile, TensorHeader, write_tensors};
pub use write::{create_series, write_checkpoint};
