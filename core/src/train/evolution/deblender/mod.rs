//! Evolutionary training of the branched deblender: a child minimises half of (content + weight x the objective of its
//! mutation); fitness has a term for content, because without it selection favours realistic but wrong galaxies.

mod judging;
mod mutating;
mod recombination;
mod run;
mod state;
mod trainer;

use serde::{Deserialize, Serialize};

use super::{Fitness, LeastSquaresOn, Mutation};

pub use mutating::Matched;
pub use run::{EvolvedProgress, run_evolved};
pub use trainer::{EvolvedLosses, EvolvedTrainer};

/// The part `[evolution]` of a deblender's recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeblenderEvolution {
    /// The objectives that every parent is mutated by.
    pub mutations: Vec<Mutation>,
    /// Survivors of every step.
    pub parents: usize,
    /// What the least-squares mutation squares.
    pub least_squares_on: LeastSquaresOn,
    /// Whether parents stay among their children.
    pub keep_parent: bool,
    /// Blends that the children of a step are judged on, the same for all.
    pub evaluation: usize,
    /// Weight of the quality: how real the discriminator finds the galaxies.
    pub quality: f64,
    /// Weight of the diversity.
    pub diversity: f64,
    /// Weight of the content: how near the galaxies are to their truths.
    pub content: f64,
    /// Decay of the window that the three are standardised by; 0 adds them as they are.
    pub window: f64,
    /// Steps over which the gradients of the mutations are matched to those of the heuristic one; 0 keeps all weights equal.
    pub match_steps: u64,
    /// Whether root and branches of different children are put together where that is nearer to the truths.
    pub recombine: bool,
}

impl Default for DeblenderEvolution {
    fn default() -> Self {
        Self {
            mutations: Mutation::ALL.to_vec(),
            parents: 1,
            least_squares_on: LeastSquaresOn::Sigmoid,
            keep_parent: false,
            evaluation: 16,
            quality: 1.0,
            diversity: 0.1,
            content: 1.0,
            window: 0.99,
            match_steps: 1000,
            recombine: false,
        }
    }
}

impl DeblenderEvolution {
    /// Says what makes no sense.
    ///
    /// # Errors
    /// One line that names the field.
    pub fn check(&self) -> Result<(), String> {
        for (name, value, most) in [
            ("mutations", self.mutations.len(), 32),
            ("parents", self.parents, 256),
            ("evaluation", self.evaluation, 1 << 16),
        ] {
            if !(1..=most).contains(&value) {
                return Err(format!("evolution.{name} is {value}, expected 1 to {most}"));
            }
        }
        for (name, value) in [
            ("quality", self.quality),
            ("diversity", self.diversity),
            ("content", self.content),
        ] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(format!("evolution.{name} is {value}, expected 0 or more"));
            }
        }
        if !(0.0..1.0).contains(&self.window) {
            return Err("evolution.window must lie in 0..1".to_owned());
        }
        Ok(())
    }

    const fn fitness(&self) -> Fitness {
        Fitness {
            quality: self.quality,
            diversity: self.diversity,
            content: self.content,
        }
    }
}
