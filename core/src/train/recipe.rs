//! A training recipe: everything that decides the weights, as a TOML file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::TrainError;
use super::data::DataRecipe;
use crate::architecture::{DiscriminatorConfig, GeneratorConfig};

/// A training run as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Name of the series.
    pub name: String,
    /// Seed of the weights, the order of the data and the perturbations.
    pub seed: u64,
    /// One sentence on what the networks were trained on, written into the series.
    pub provenance: String,
    /// Licence of the trained weights.
    pub licence: String,
    /// Architecture of the generator.
    pub generator: GeneratorConfig,
    /// Architecture of the discriminator.
    pub discriminator: DiscriminatorConfig,
    /// Objective and schedule.
    pub training: TrainingRecipe,
    /// What the networks see; its seed and side follow from the fields above.
    #[serde(default)]
    pub data: DataRecipe,
    /// File with one stamp name a line that is kept out of training, relative to the recipe.
    #[serde(default)]
    pub exclude: Option<PathBuf>,
    /// When checkpoints are written.
    pub checkpoints: CheckpointPlan,
}

/// Objective and schedule of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingRecipe {
    /// Training steps; each is one step of the discriminator and one of the generator.
    pub steps: u64,
    /// Blends per step.
    pub batch: usize,
    /// Steps at the start that minimise the content loss alone (the published burn-in, without VGG features).
    pub burn_in: u64,
    /// Weight of the adversarial term beside the content term; 1e-3 in the publication.
    pub adversarial: f64,
    /// Learning rate of Adam at the start.
    pub learning_rate: f64,
    /// Learning rate at the end, reached by a half cosine.
    pub final_rate: f64,
    /// Decay of Adam's first moment.
    pub beta1: f64,
    /// Decay of Adam's second moment.
    pub beta2: f64,
    /// Decay of the running statistics in batch normalisation.
    pub batch_norm_momentum: f64,
    /// Decay of the averaged generator that checkpoints hold; 0 keeps the raw weights.
    pub average: f64,
    /// Initial slope of every `PReLU`.
    pub prelu_slope: f64,
}

impl Default for TrainingRecipe {
    fn default() -> Self {
        Self {
            steps: 200_000,
            batch: 8,
            burn_in: 2_000,
            adversarial: 1e-3,
            learning_rate: 1e-4,
            final_rate: 1e-5,
            beta1: 0.9,
            beta2: 0.999,
            batch_norm_momentum: 0.99,
            average: 0.0,
            prelu_slope: 0.0,
        }
    }
}

/// When checkpoints are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointPlan {
    /// Steps of the shipped checkpoints; the last step is always one.
    pub steps: Vec<u64>,
    /// The state for resuming is saved every so many steps.
    #[serde(default = "default_state_every")]
    pub state_every: u64,
}

const fn default_state_every() -> u64 {
    200
}

impl Recipe {
    /// Reads and checks a recipe; the exclusion list becomes an absolute path.
    ///
    /// # Errors
    /// When the file cannot be read or a value makes no sense; the message names the file.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let invalid = |what: String| TrainError::Recipe {
            what,
            path: path.to_owned(),
        };
        let text = std::fs::read_to_string(path).map_err(|e| invalid(e.to_string()))?;
        let mut recipe: Self =
            toml::from_str(&text).map_err(|e| invalid(e.message().to_owned()))?;
        if let Some(exclude) = &mut recipe.exclude {
            *exclude = path.parent().unwrap_or(Path::new(".")).join(&*exclude);
        }
        recipe.data.seed = recipe.seed;
        recipe.data.side = recipe.generator.stamp_size;
        recipe.check().map_err(invalid)?;
        Ok(recipe)
    }

    fn check(&self) -> Result<(), String> {
        let training = &self.training;
        if training.steps == 0 || training.batch == 0 {
            return Err("steps and batch must be at least 1".to_owned());
        }
        if self.generator.stamp_size != self.discriminator.stamp_size {
            return Err(format!(
                "generator and discriminator have stamps of {} and {} px",
                self.generator.stamp_size, self.discriminator.stamp_size
            ));
        }
        for (name, value) in [
            ("beta1", training.beta1),
            ("beta2", training.beta2),
            ("batch_norm_momentum", training.batch_norm_momentum),
            ("average", training.average),
        ] {
            if !(0.0..1.0).contains(&value) {
                return Err(format!("{name} must lie in 0..1"));
            }
        }
        Ok(())
    }

    /// Whether a checkpoint is written after `step` steps.
    pub fn is_checkpoint(&self, step: u64) -> bool {
        step == self.training.steps || self.checkpoints.steps.contains(&step)
    }

    /// The learning rate of a step: half a cosine from the first to the final rate.
    pub fn learning_rate(&self, step: u64) -> f64 {
        let training = &self.training;
        let part = step as f64 / training.steps as f64;
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * part.min(1.0)).cos());
        training.final_rate + (training.learning_rate - training.final_rate) * cosine
    }
}
