//! Training a generator that draws from a latent, by one objective or by evolution: recipe in, series of checkpoints out.
//!
//! Seeded and resumable: the state after step n depends on the recipe, the pictures and n alone.

mod data;
mod mixture;
mod recipe;
mod run;
mod state;
mod step;
mod trainer;

pub mod attributes;

pub use data::{Examples, PictureData};
pub use mixture::{Coverage, Layout, MixtureData};
pub use recipe::{LatentData, LatentEvolution, LatentRecipe, LatentTraining};
pub use run::{LatentProgress, run_latent};
pub use trainer::{LatentLosses, LatentTrainer};
