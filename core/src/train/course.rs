//! A run on its way: steps, what is due after them, and the way back when numbers are no longer finite.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::data::PairSource;
use super::feed::{Feed, Position, threads_for};
use super::run::checkpoint;
use super::state::STATE_FILE;
use super::trainer::Queued;
use super::{Evaluation, Losses, Progress, TrainError, Trainer};
use crate::stamp::io::BlendFile;

/// Number of steps the reported losses are averaged over.
const WINDOW: usize = 50;

/// Steps of a GPU between two looks at its losses, which wait for it.
const LOOK_EVERY: usize = 25;

/// How often in a row a run may go back to the state saved last before it gives up.
const RETURNS: u32 = 3;

fn feed(source: &Arc<PairSource>, trainer: &Trainer) -> Result<Feed, TrainError> {
    let from = Position {
        step: trainer.step_count(),
        size: trainer.recipe.training.batch,
        returns: trainer.returns,
    };
    Feed::start(source, from, threads_for(&trainer.device), &trainer.device)
}

/// A run on its way.
pub(super) struct Course<'a> {
    trainer: Trainer,
    source: Arc<PairSource>,
    feed: Feed,
    blends: &'a [BlendFile],
    out: &'a Path,
    state_path: PathBuf,
    /// When this part of the run began, and at which step.
    started: (Instant, u64),
    /// Time of the parts before.
    seconds_before: f64,
    /// Returns since the state was saved.
    returns: u32,
    /// Losses that nobody has looked at yet, with their steps.
    queued: Vec<(u64, Queued)>,
    /// The last ones that somebody has.
    losses: VecDeque<Losses>,
    evaluation: Option<(u64, Evaluation)>,
    /// Whether there is a state to return to.
    saved: bool,
}

impl<'a> Course<'a> {
    /// Starts to draw pairs. `saved`: whether the state file in `out` is one to return to.
    pub(super) fn new(
        trainer: Trainer,
        source: Arc<PairSource>,
        blends: &'a [BlendFile],
        out: &'a Path,
        saved: bool,
    ) -> Result<Self, TrainError> {
        Ok(Self {
            feed: feed(&source, &trainer)?,
            started: (Instant::now(), trainer.step_count()),
            seconds_before: trainer.seconds,
            returns: 0,
            queued: Vec::new(),
            losses: VecDeque::new(),
            evaluation: None,
            saved,
            trainer,
            source,
            blends,
            out,
            state_path: out.join(STATE_FILE),
        })
    }

    pub(super) fn finish(
        mut self,
        report: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<(), TrainError> {
        let steps = self.trainer.recipe.steps();
        while self.trainer.step_count() < steps {
            if let Err(error) = self.step() {
                self.go_back(error)?;
                continue;
            }
            if report(&self.progress()).is_break() {
                match self.look().and_then(|()| self.trainer.check_weights()) {
                    Ok(()) => self.trainer.save(&self.state_path)?,
                    // What was saved before is better than numbers that are none.
                    Err(error) => log::warn!("{error}; the state saved before is kept"),
                }
                return Ok(());
            }
        }
        // A finished series is not resumed; the state is larger than all checkpoints together.
        std::fs::remove_file(&self.state_path).or_else(|source| {
            if source.kind() == std::io::ErrorKind::NotFound {
                return Ok(());
            }
            Err(TrainError::File {
                what: "cannot remove the finished state",
                source,
                path: self.state_path.clone(),
            })
        })
    }

    /// One step, and what is due after it: a look at the losses, a checkpoint, a saved state.
    fn step(&mut self) -> Result<(), TrainError> {
        let batch = self.feed.next()?;
        let before = self.trainer.step_count();
        self.queued.push((before, self.trainer.advance(&batch)?));
        let recipe = &self.trainer.recipe;
        let step = self.trainer.step_count();
        let is_checkpoint = recipe.is_checkpoint(step);
        let is_saved =
            step.is_multiple_of(recipe.checkpoints.state_every.max(1)) && step < recipe.steps();
        let patience = if self.trainer.device.is_cpu() {
            1
        } else {
            LOOK_EVERY
        };
        if is_checkpoint || is_saved || self.queued.len() >= patience {
            self.look()?;
        }
        self.trainer.seconds = self.seconds_before + self.started.0.elapsed().as_secs_f64();
        if is_checkpoint || is_saved {
            self.trainer.check_weights()?;
        }
        if is_checkpoint {
            self.judge()?;
        }
        if is_saved {
            self.trainer.save(&self.state_path)?;
            (self.saved, self.returns) = (true, 0);
        }
        Ok(())
    }

    /// Waits for the losses of the steps so far.
    fn look(&mut self) -> Result<(), TrainError> {
        for (step, queued) in std::mem::take(&mut self.queued) {
            let losses = queued.read()?;
            losses.check(step)?;
            if self.losses.len() == WINDOW {
                self.losses.pop_front();
            }
            self.losses.push_back(losses);
        }
        Ok(())
    }

    /// Goes back to the state saved last, to go on with other pairs and half the learning rate.
    fn go_back(&mut self, error: TrainError) -> Result<(), TrainError> {
        let TrainError::NotFinite { what, step } = error else {
            return Err(error);
        };
        self.returns += 1;
        if self.returns > RETURNS {
            return Err(TrainError::NeverFinite {
                what,
                step,
                returns: RETURNS,
            });
        }
        let recipe = self.trainer.recipe.clone();
        let device = self.trainer.device.clone();
        // The count goes on also where the state returned to was saved before an earlier return.
        let returns = self.trainer.returns + 1;
        self.trainer = if self.saved {
            Trainer::resume_on(recipe, &self.state_path, &device)?
        } else {
            Trainer::on(recipe, &device)?
        };
        self.trainer.returns = returns;
        self.queued.clear();
        self.losses.clear();
        self.feed = feed(&self.source, &self.trainer)?;
        log::warn!(
            "{what} of step {step} not finite: back to step {} with other pairs and {} of the learning rate",
            self.trainer.step_count(),
            0.5_f64.powi(returns.min(64) as i32)
        );
        Ok(())
    }

    /// Writes a checkpoint if the present step is one, and judges it.
    pub(super) fn judge(&mut self) -> Result<(), TrainError> {
        let mean = mean(&self.losses);
        let evaluation = checkpoint(&self.trainer, self.out, self.blends, mean)?;
        let step = self.trainer.step_count();
        self.evaluation = evaluation.map(|evaluation| (step, evaluation));
        Ok(())
    }

    fn progress(&mut self) -> Progress {
        let (step, steps) = (self.trainer.step_count(), self.trainer.recipe.steps());
        let done = step.saturating_sub(self.started.1).max(1);
        let pace = self.started.0.elapsed().as_secs_f64() / done as f64;
        Progress {
            step,
            steps,
            losses: mean(&self.losses),
            remaining: Duration::from_secs_f64(pace * (steps - step) as f64),
            evaluation: self.evaluation.take(),
        }
    }
}

fn mean(losses: &VecDeque<Losses>) -> Losses {
    let n = losses.len().max(1) as f64;
    let of = |f: fn(&Losses) -> f64| losses.iter().map(f).sum::<f64>() / n;
    Losses {
        content: of(|l| l.content),
        adversarial: of(|l| l.adversarial),
        discriminator: of(|l| l.discriminator),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::{SeriesManifest, create_series};
    use crate::network::Role;
    use crate::train::Recipe;
    use crate::train::data::{DataRecipe, ExclusionList};

    const RECIPE: &str = "
        name = 'tiny'
        seed = 7
        provenance = 'simulated galaxies'
        licence = 'MIT OR Apache-2.0'
        [generator]
        filters = 4
        root_blocks = 1
        branch_blocks = 1
        stamp_size = 16
        prelu = 'per-channel'
        [discriminator]
        filters = 4
        dense = 4
        stamp_size = 16
        [training]
        schedule = [{ until = 6, from = 1e-3, to = 1e-4 }]
        batch = 2
        burn_in = 1
        [data]
        simulated = 4
        [checkpoints]
        steps = []
        state_every = 2
    ";

    fn course(folder: &Path) -> Course<'_> {
        let path = folder.join("recipe.toml");
        std::fs::write(&path, RECIPE).unwrap();
        let recipe = Recipe::read(&path).unwrap();
        let manifest = SeriesManifest::new("tiny", recipe.generator.clone(), None);
        create_series(folder, &manifest).unwrap();
        let data = DataRecipe {
            seed: recipe.seed,
            side: 16,
            ..recipe.data.clone()
        };
        let source = PairSource::new(data, Vec::new(), &ExclusionList::default()).unwrap();
        let trainer = Trainer::new(recipe).unwrap();
        Course::new(trainer, Arc::new(source), &[], folder, false).unwrap()
    }

    fn poison(course: &mut Course<'_>) {
        let poisoned = course.trainer.generator.map_params(|_, p| {
            Ok(match p.role {
                Role::Weight => p.tensor.affine(1.0, f64::NAN)?,
                _ => p.tensor.clone(),
            })
        });
        course.trainer.generator = poisoned.unwrap();
    }

    #[test]
    fn a_run_returns_to_the_state_saved_last_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut course = course(folder.path());
        for _ in 0..3 {
            course.step().unwrap();
        }
        poison(&mut course);
        let error = course.step().unwrap_err();
        assert!(
            matches!(
                error,
                TrainError::NotFinite {
                    what: "discriminator",
                    step: 3
                }
            ),
            "{error}"
        );
        course.go_back(error).unwrap();
        assert_eq!(
            (course.trainer.step_count(), course.trainer.returns),
            (2, 1)
        );
        assert!(
            (course.trainer.rate() / course.trainer.recipe.learning_rate(2) - 0.5).abs() < 1e-9
        );
        course.finish(&mut |_| ControlFlow::Continue(())).unwrap();
    }

    #[test]
    fn a_run_without_a_saved_state_starts_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut course = course(folder.path());
        course.step().unwrap();
        poison(&mut course);
        let error = course.step().unwrap_err();
        course.go_back(error).unwrap();
        assert_eq!(
            (course.trainer.step_count(), course.trainer.returns),
            (0, 1)
        );
        course.step().unwrap();
    }

    #[test]
    fn a_run_gives_up_when_it_fails_again_and_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut course = course(folder.path());
        for turn in 0..=RETURNS {
            poison(&mut course);
            let error = course.step().unwrap_err();
            match course.go_back(error) {
                Ok(()) => assert!(turn < RETURNS, "{turn}"),
                Err(error) => {
                    assert_eq!(turn, RETURNS);
                    let text = error.to_string();
                    assert!(text.contains("after 3 returns"), "{text}");
                }
            }
        }
    }
}
