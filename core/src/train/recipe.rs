//! A training recipe: everything that decides the weights, as a TOML file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::data::DataRecipe;
use super::evolution::deblender::DeblenderEvolution;
use super::{Kind, TrainError};
use crate::architecture::{DiscriminatorConfig, GeneratorConfig};
use crate::checkpoint::Precision;

/// A training run as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What the recipe trains; `deblender`.
    #[serde(default, skip_serializing_if = "Kind::is_deblender")]
    pub kind: Kind,
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
    /// Mutations and selection; without it the published objective alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evolution: Option<DeblenderEvolution>,
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
    /// Learning rate over the steps; the last phase ends the run. A step is one of each network.
    pub schedule: Vec<Phase>,
    /// Blends per step.
    pub batch: usize,
    /// Steps at the start that minimise the content loss alone (the published burn-in, without VGG features).
    pub burn_in: u64,
    /// Weight of the adversarial term beside the content term; 1e-3 in the publication.
    pub adversarial: f64,
    /// What turns gradients into steps of the generator; the discriminator always takes Adam's.
    pub optimiser: Optimiser,
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
    /// What the generator starts from.
    pub start: Start,
    /// The discriminator's learning rate as a share of the generator's (two time scales, Heusel et al. 2017, arXiv
    /// 1706.08500).
    pub discriminator_rate: f64,
    /// Parts that a batch is trained in at the same time. The statistics of batch normalisation are those of a part, so
    /// this decides the weights. Two keep two processors busy; a GPU wants the batch as a whole, 1.
    pub parts: usize,
    /// Blends of a part that the discriminator sees, its first ones; 0: all. A batch that is large for the generator's sake
    /// need not cost the discriminator as much; its terms are means, so their weight stays.
    pub judged: usize,
    /// Largest length of the gradient of a network, all its parameters taken as one vector; longer ones are shortened to
    /// it. 0: any length.
    pub clip: f64,
    /// Whether an NVIDIA GPU multiplies numbers rounded to 11 significant bits (TF32), which is faster: values are then
    /// off by up to a thousandth of the terms that they are sums of, as in PyTorch's convolutions. Sums stay in f32. Without
    /// effect elsewhere.
    pub rounded_products: bool,
}

/// What turns the generator's gradients into steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimiser {
    /// Adam, as published.
    #[default]
    Adam,
    /// Muon for the kernels between features, Adam for everything else.
    Muon,
}

/// The generator at step 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Glorot-uniform weights, as published.
    #[default]
    Glorot,
    /// Near "return the blend", see [`super::near_identity_value`].
    NearIdentity,
}

impl Default for TrainingRecipe {
    fn default() -> Self {
        Self {
            schedule: vec![Phase {
                until: 200_000,
                from: 1e-4,
                to: 1e-5,
                statistics: Statistics::Batch,
            }],
            batch: 8,
            burn_in: 2_000,
            optimiser: Optimiser::Adam,
            adversarial: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            batch_norm_momentum: 0.99,
            average: 0.0,
            prelu_slope: 0.0,
            start: Start::Glorot,
            discriminator_rate: 1.0,
            parts: 2,
            judged: 0,
            clip: 0.0,
            rounded_products: false,
        }
    }
}

/// A part of the schedule: Adam's learning rate falls by half a cosine; a later phase may start high again (warm restart,
/// Loshchilov and Hutter 2017, arXiv 1608.03983).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// The step it ends at.
    pub until: u64,
    /// Learning rate at its start.
    pub from: f64,
    /// Learning rate at its end.
    pub to: f64,
    /// Which statistics the generator's normalisation uses.
    #[serde(default)]
    pub statistics: Statistics,
}

/// The statistics of the generator's batch normalisation while it is trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statistics {
    /// Those of the batch; the running statistics follow.
    #[default]
    Batch,
    /// The running statistics, kept as they are: the generator then trains as the function that it is at inference.
    /// With small batches this mends the brightness that batch statistics leave uncertain.
    Frozen,
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
    /// How weights are stored. `half` moves the PSNR of a deblender by less than 0.01 dB.
    #[serde(default)]
    pub precision: Precision,
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
        let mut recipe: Self = toml::from_str(&text).map_err(|error| {
            let line = error
                .span()
                .map_or(0, |span| text[..span.start].lines().count().max(1));
            invalid(format!("line {line}: {}", error.message()))
        })?;
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
        if let Some(evolution) = &self.evolution {
            evolution.check()?;
        }
        if training.batch == 0 {
            return Err("batch must be at least 1".to_owned());
        }
        if training.parts == 0 {
            return Err("parts must be at least 1".to_owned());
        }
        if !(training.clip >= 0.0 && training.clip.is_finite()) {
            return Err("clip must be a length, 0 for none".to_owned());
        }
        let mut start = 0;
        for phase in &training.schedule {
            if phase.until <= start {
                return Err(format!(
                    "the phases of the schedule must grow, but {} follows {start}",
                    phase.until
                ));
            }
            start = phase.until;
        }
        if start == 0 {
            return Err("the schedule needs a phase".to_owned());
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

    /// Training steps in all.
    pub fn steps(&self) -> u64 {
        self.training.schedule.last().map_or(0, |phase| phase.until)
    }

    /// Whether a checkpoint is written after `step` steps.
    pub fn is_checkpoint(&self, step: u64) -> bool {
        step == self.steps() || self.checkpoints.steps.contains(&step)
    }

    /// The phase of a step and the step it starts at.
    fn phase(&self, step: u64) -> Option<(&Phase, u64)> {
        let schedule = &self.training.schedule;
        let index = schedule.iter().position(|phase| step < phase.until)?;
        Some((
            &schedule[index],
            index
                .checked_sub(1)
                .map_or(0, |before| schedule[before].until),
        ))
    }

    /// The learning rate of a step; 0 after the last.
    pub fn learning_rate(&self, step: u64) -> f64 {
        self.phase(step).map_or(0.0, |(phase, start)| {
            let part = (step - start) as f64 / (phase.until - start) as f64;
            let cosine = 0.5 * (1.0 + (std::f64::consts::PI * part).cos());
            phase.to + (phase.from - phase.to) * cosine
        })
    }

    /// Which statistics the generator's normalisation uses at a step.
    pub fn statistics(&self, step: u64) -> Statistics {
        self.phase(step)
            .map_or(Statistics::Frozen, |(phase, _)| phase.statistics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_falls_and_restarts() -> Result<(), toml::de::Error> {
        let training: TrainingRecipe = toml::from_str(
            "schedule = [{ until = 10, from = 1.0, to = 0.0 }, { until = 20, from = 0.5, to = 0.1, statistics = 'frozen' }]",
        )?;
        let recipe = Recipe {
            kind: Kind::Deblender,
            evolution: None,
            name: String::new(),
            seed: 0,
            provenance: String::new(),
            licence: String::new(),
            generator: GeneratorConfig::default(),
            discriminator: DiscriminatorConfig::default(),
            training,
            data: DataRecipe::default(),
            exclude: None,
            checkpoints: CheckpointPlan {
                steps: vec![0],
                state_every: 1,
                precision: Precision::Full,
            },
        };
        assert_eq!(recipe.steps(), 20);
        let rates = [0, 5, 10, 15].map(|step| (recipe.learning_rate(step) * 100.0).round());
        assert_eq!(rates, [100.0, 50.0, 50.0, 30.0]);
        assert_eq!(recipe.statistics(9), Statistics::Batch);
        assert_eq!(recipe.statistics(10), Statistics::Frozen);
        assert!(recipe.is_checkpoint(20) && recipe.is_checkpoint(0) && !recipe.is_checkpoint(7));
        Ok(())
    }
}
