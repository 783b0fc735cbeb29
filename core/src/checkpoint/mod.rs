//! Weights on disk: safetensors files, checkpoints and the series they form, opened with a report of what was guessed.
//!
//! Invariants: nothing is allocated before its size was checked against the file; a checkpoint is under its final name
//! only when it is complete; every error names the file and the tensor or layer.

mod blueprint;
mod config;
mod error;
mod families;
mod foreign;
mod format;
mod hash;
mod infer;
mod keras;
mod manifest;
mod metrics;
mod onnx;
mod procedural;
mod read;
mod rename;
mod report;
mod series;
mod spec;
mod state_dict;
mod tensors;
mod torch;
mod weights;
mod write;
mod write_back;

pub use config::{NetworkConfig, NetworkRole};
pub use error::CheckpointError;
pub use manifest::{BlendRule, MANIFEST_FILE, SeriesManifest};
pub use metrics::{METRICS_FILE, Metrics};
pub use onnx::write_onnx;
pub use procedural::procedural_weights;
pub use read::{Confidence, Identity, Limits, ReadNetwork};
pub use report::{Guess, LoadReport};
pub use series::{CheckpointInfo, Loaded, Series};
pub use spec::{
    NetworkSpec, Opened, can_be_described, description_beside, holds_parameters,
    looks_like_network, open_network, open_network_for,
};
pub use tensors::{TensorEntry, TensorFile, TensorHeader, write_tensors};
pub use weights::{draft_description, read_state_dict};
pub use write::{create_series, write_checkpoint};
pub use write_back::write_weights;
