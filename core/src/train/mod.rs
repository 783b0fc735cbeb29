//! Training a branched deblender with its discriminator: recipe in, series of checkpoints out.
//!
//! Seeded and resumable: the state after step n depends on the recipe, the stamps and n alone.

mod adam;
mod batch;
mod course;
mod error;
mod evaluate;
mod feed;
mod init;
mod loss;
mod muon;
mod recipe;
mod run;
mod state;
mod step;
mod trainer;

pub mod data;

pub use error::TrainError;
pub use evaluate::{Evaluation, evaluate};
pub use init::{initial_value, near_identity_value};
pub use loss::{binary_cross_entropy, mean_square};
pub use recipe::{CheckpointPlan, Optimiser, Phase, Recipe, Start, Statistics, TrainingRecipe};
pub use run::{Options, Progress, run};
pub use trainer::{Losses, Trainer};
