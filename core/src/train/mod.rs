//! Training GANs, a branched deblender or a generator that draws from a latent: recipe in, series of checkpoints out.
//!
//! Seeded and resumable: the state after step n depends on the recipe, the stamps and n alone.

mod adam;
mod batch;
mod course;
mod error;
mod evaluate;
mod feed;
mod init;
mod kind;
mod loss;
mod muon;
mod recipe;
mod run;
mod schedule;
mod state;
mod step;
mod trainer;

pub mod data;
pub mod evolution;
pub mod latent;

pub use error::TrainError;
pub use evaluate::{Evaluation, evaluate};
pub use init::{initial_value, near_identity_value};
pub use kind::{Kind, kind_of};
pub use loss::{binary_cross_entropy, mean_square};
pub use recipe::{CheckpointPlan, Optimiser, Phase, Recipe, Start, Statistics, TrainingRecipe};
pub use run::{Options, Progress, run};
pub use trainer::{Losses, Trainer};
