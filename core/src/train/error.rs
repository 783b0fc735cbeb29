//! What can go wrong while training.

use std::path::PathBuf;

use crate::checkpoint::CheckpointError;
use crate::network::NetworkError;
use crate::stamp::io::StampError;
use crate::stamp::metrics::MetricsError;

/// An error of a training run; messages end with the file concerned.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The recipe cannot be read or understood.
    #[error("the recipe is not valid: {what}: {}", path.display())]
    Recipe {
        /// What is wrong.
        what: String,
        /// The recipe.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("{what}: {source}: {}", path.display())]
    File {
        /// What was being done.
        what: &'static str,
        /// The system's reason.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
    /// The state of an interrupted run does not belong to the recipe.
    #[error("cannot resume: {what}: {}", path.display())]
    State {
        /// Why.
        what: String,
        /// The state file.
        path: PathBuf,
    },
    /// A loss or a weight became NaN or infinite.
    #[error("{what} not finite at step {step}")]
    NotFinite {
        /// Which loss, or that it is the weights.
        what: &'static str,
        /// The training step.
        step: u64,
    },
    /// Losses or weights became NaN or infinite, and did again after every return to the state saved last.
    #[error(
        "{what} not finite at step {step}, and again after {returns} returns to the state saved last; lower the learning \
         rate or clip the gradients, the checkpoints are kept"
    )]
    NeverFinite {
        /// Which loss, or that it is the weights.
        what: &'static str,
        /// The training step.
        step: u64,
        /// How often the run went back.
        returns: u32,
    },
    /// A network failed.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A checkpoint cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A truth and an output differ in size.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// A pair of galaxies cannot be drawn.
    #[error(transparent)]
    Data(#[from] super::data::DataError),
    /// A stamp cannot be read.
    #[error(transparent)]
    Stamp(#[from] StampError),
}

impl From<candle_core::Error> for TrainError {
    fn from(source: candle_core::Error) -> Self {
        Self::Network(source.into())
    }
}
