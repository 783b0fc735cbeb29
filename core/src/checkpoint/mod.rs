//! Weights on disk: safetensors files, checkpoints and the series they form, opened with a report of what was guessed.
//!
//! Invariants: nothing is allocated before its size was checked against the file; a checkpoint is under its final name
//! only when it is complete; every error names the file and the tensor or layer.

mod beside;
mod blueprint;
mod bytes;
mod config;
mod describe;
mod error;
mod families;
mod files;
mod foreign;
mod format;
mod hash;
mod infer;
mod keras;
mod manifest;
mod memory;
mod metrics;
mod onnx;
mod procedural;
mod ranges;
mod read;
mod rename;
mod report;
mod role;
mod series;
mod spec;
mod state_dict;
mod tensors;
mod torch;
mod trouble;
mod weights;
mod write;
mod write_back;
mod write_tensors;
mod zip_archive;

pub use config::{NetworkConfig, NetworkRole};
pub use describe::{description_of, draft_description};
pub use error::CheckpointError;
pub use files::files_of;
pub use manifest::{BlendRule, MANIFEST_FILE, SeriesManifest};
pub use memory::Limits;
pub use metrics::{METRICS_FILE, Metrics};
pub use onnx::write_onnx;
pub use procedural::procedural_weights;
pub use read::{Confidence, Identity, ReadNetwork};
pub use report::{Guess, LoadReport};
pub use series::{CheckpointInfo, Loaded, Series};
pub use spec::{
    NetworkSpec, Opened, can_be_described, holds_parameters, looks_like_network, open_network,
    open_network_for, open_network_within,
};
pub use tensors::{TensorEntry, TensorFile, TensorHeader};
pub use weights::read_state_dict;
pub use write::{create_series, write_checkpoint, write_checkpoint_as};
pub use write_back::write_weights;
pub use write_tensors::{Precision, write_tensors, write_tensors_as};
