//! A recipe of a latent GAN: everything that decides the weights, as a TOML file with `kind = "latent"`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{MixtureData, PictureData};
use crate::architecture::{LatentDiscriminator, LatentGenerator};
use crate::train::evolution::{Fitness, LeastSquaresOn, Mutation, Quality};
use crate::train::kind::{self, Kind};
use crate::train::{CheckpointPlan, Phase, Statistics, TrainError, schedule};

/// A training run as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatentRecipe {
    /// What the recipe trains; `latent`.
    pub kind: Kind,
    /// Name of the series.
    pub name: String,
    /// Seed of the weights, the latents and the order of the data.
    pub seed: u64,
    /// One sentence on what the networks were trained on, written into the series.
    pub provenance: String,
    /// Licence of the trained weights.
    pub licence: String,
    /// Architecture of the generator.
    pub generator: LatentGenerator,
    /// Architecture of the discriminator.
    pub discriminator: LatentDiscriminator,
    /// Schedule and optimiser.
    pub training: LatentTraining,
    /// Objectives and selection; a single mutation and parent is plain training by that objective.
    #[serde(default)]
    pub evolution: LatentEvolution,
    /// What the discriminator takes for real.
    pub data: LatentData,
    /// When checkpoints are written.
    pub checkpoints: CheckpointPlan,
}

/// Schedule and optimiser of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LatentTraining {
    /// Learning rate over the steps; the last phase ends the run.
    pub schedule: Vec<Phase>,
    /// Real and generated samples of every update.
    pub batch: usize,
    /// Updates of the discriminator per step.
    pub discriminator_steps: usize,
    /// The discriminator's learning rate as a share of the generator's.
    pub discriminator_rate: f64,
    /// Decay of Adam's first moment.
    pub beta1: f64,
    /// Decay of Adam's second moment.
    pub beta2: f64,
    /// Decay of the running statistics in batch normalisation.
    pub batch_norm_momentum: f64,
    /// Decay of the averaged generator that checkpoints hold; 0 keeps the raw weights of the fittest.
    pub average: f64,
    /// Largest norm of a gradient over all parameters; 0 for any.
    pub clip: f64,
}

impl Default for LatentTraining {
    /// As published for pictures: batch 32, Adam with 2e-4 and a first decay of 0.5.
    fn default() -> Self {
        Self {
            schedule: vec![Phase {
                until: 100_000,
                from: 2e-4,
                to: 2e-4,
                statistics: Statistics::Batch,
            }],
            batch: 32,
            discriminator_steps: 1,
            discriminator_rate: 1.0,
            beta1: 0.5,
            beta2: 0.999,
            batch_norm_momentum: 0.9,
            average: 0.0,
            clip: 0.0,
        }
    }
}

/// Objectives and selection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LatentEvolution {
    /// The objectives that every parent is mutated by.
    pub mutations: Vec<Mutation>,
    /// Survivors of every step.
    pub parents: usize,
    /// What the least-squares mutation squares.
    pub least_squares_on: LeastSquaresOn,
    /// Samples, real and generated, that children are judged on.
    pub evaluation: usize,
    /// How verdicts become quality.
    pub quality: Quality,
    /// Weight of the diversity, the publication's gamma.
    pub diversity: f64,
    /// Whether parents stay among their children.
    pub keep_parent: bool,
}

impl Default for LatentEvolution {
    /// One parent, the three published mutations, gamma as the authors' program has it for pictures of 64 pixels.
    fn default() -> Self {
        Self {
            mutations: Mutation::ALL.to_vec(),
            parents: 1,
            least_squares_on: LeastSquaresOn::Sigmoid,
            evaluation: 64,
            quality: Quality::Sigmoid,
            diversity: 0.002,
            keep_parent: false,
        }
    }
}

impl LatentEvolution {
    /// The weights of the fitness.
    pub(super) const fn fitness(&self) -> Fitness {
        Fitness {
            quality: 1.0,
            diversity: self.diversity,
            content: 0.0,
        }
    }

    /// Whether there is anything to choose from.
    pub(super) const fn selects(&self) -> bool {
        self.mutations.len() > 1 || self.keep_parent
    }
}

/// What the discriminator takes for real.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum LatentData {
    /// Points of a mixture of Gaussians, the published toys.
    Mixture(MixtureData),
    /// Pictures of galaxies, real and simulated.
    Pictures(PictureData),
}

impl LatentRecipe {
    /// Reads and checks a recipe.
    ///
    /// # Errors
    /// When the file cannot be read or a value makes no sense; the message names the file.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let recipe: Self = kind::read(path)?;
        recipe.check().map_err(|what| TrainError::Recipe {
            what,
            path: path.to_owned(),
        })?;
        Ok(recipe)
    }

    /// Says what makes no sense.
    ///
    /// # Errors
    /// One line that names the field.
    pub fn check(&self) -> Result<(), String> {
        if self.kind != Kind::Latent {
            return Err("this recipe is not of the kind latent".to_owned());
        }
        self.generator.check()?;
        self.discriminator.check()?;
        let (made, taken) = (
            self.generator.output_dims(),
            self.discriminator.input_dims(),
        );
        if made != taken {
            return Err(format!(
                "the generator emits {made:?}, the discriminator takes {taken:?}"
            ));
        }
        let data = self.data.dims();
        if made != data {
            return Err(format!(
                "the generator emits {made:?}, the data are {data:?}"
            ));
        }
        schedule::check(&self.training.schedule)?;
        self.check_numbers()?;
        self.data.check()
    }

    fn check_numbers(&self) -> Result<(), String> {
        let Self {
            training,
            evolution,
            ..
        } = self;
        if training
            .schedule
            .iter()
            .any(|p| p.statistics == Statistics::Frozen)
        {
            return Err("frozen statistics are for deblenders alone".to_owned());
        }
        for (name, value, most) in [
            ("training.batch", training.batch, 1 << 16),
            (
                "training.discriminator_steps",
                training.discriminator_steps,
                1 << 10,
            ),
            ("evolution.parents", evolution.parents, 1 << 8),
            ("evolution.evaluation", evolution.evaluation, 1 << 16),
            ("evolution.mutations", evolution.mutations.len(), 1 << 5),
        ] {
            if !(1..=most).contains(&value) {
                return Err(format!("{name} is {value}, expected 1 to {most}"));
            }
        }
        for (name, value) in [
            ("beta1", training.beta1),
            ("beta2", training.beta2),
            ("batch_norm_momentum", training.batch_norm_momentum),
            ("average", training.average),
        ] {
            if !(0.0..1.0).contains(&value) {
                return Err(format!("training.{name} must lie in 0..1"));
            }
        }
        for (name, value) in [
            ("training.clip", training.clip),
            ("training.discriminator_rate", training.discriminator_rate),
            ("evolution.diversity", evolution.diversity),
        ] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(format!("{name} is {value}, expected 0 or more"));
            }
        }
        Ok(())
    }

    /// Training steps in all.
    pub fn steps(&self) -> u64 {
        let last = self.training.schedule.last();
        last.map_or(0, |phase| phase.until)
    }

    /// Whether a checkpoint is written after `step` steps.
    pub fn is_checkpoint(&self, step: u64) -> bool {
        step == self.steps() || self.checkpoints.steps.contains(&step)
    }
}

impl LatentData {
    /// Dimensions of one sample.
    pub fn dims(&self) -> Vec<usize> {
        match self {
            Self::Mixture(_) => vec![2],
            Self::Pictures(pictures) => vec![3, pictures.side, pictures.side],
        }
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::Mixture(mixture) => mixture.check(),
            Self::Pictures(pictures) => pictures.check(),
        }
    }
}
