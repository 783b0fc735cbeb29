//! What the worker runs: an engine that begins jobs, and jobs that advance in short steps.
//!
//! Invariant: a job owns no thread and no channel, so a test can call `step` by hand; dropping it cancels it.

use super::{Cancel, Failure, Finding, Preview, PreviewSpec, Progress, StudySpec};

/// The longest a step should take, so that a newer preview never waits longer.
pub const STEP_BUDGET: std::time::Duration = std::time::Duration::from_millis(50);

/// What a step of a job came to.
#[derive(Debug)]
pub enum Step<T> {
    /// There is more to do.
    More {
        /// How far the job is.
        progress: Progress,
        /// A part of the result that is already worth showing.
        partial: Option<T>,
    },
    /// The job is finished, with its result or the last part of it.
    Done(Option<T>),
}

/// A job that is done in steps of at most [`STEP_BUDGET`].
pub trait Study<E, T>: Send {
    /// Does the next piece of work.
    ///
    /// # Errors
    /// Ends the job; the message names the layer or file.
    fn step(&mut self, engine: &mut E) -> Result<Step<T>, Failure>;
}

/// A preview in the making.
pub type PreviewJob<E> = Box<dyn Study<E, Preview>>;
/// A study in the making.
pub type StudyJob<E> = Box<dyn Study<E, Finding>>;

/// What owns the networks and begins jobs. The worker is the only one who holds it.
pub trait Engine: Sized + Send + 'static {
    /// Begins a preview. Its steps look at `cancel` between the layers of a run: nobody waits for an answer any more once it
    /// is set, and the worker drops their failure.
    ///
    /// # Errors
    /// When it cannot even begin.
    fn preview(&mut self, spec: &PreviewSpec, cancel: &Cancel)
    -> Result<PreviewJob<Self>, Failure>;

    /// Begins a study. Its steps look at `cancel` wherever they could take longer than [`STEP_BUDGET`], and fail when
    /// they were stopped by it; the worker then reports it as cancelled.
    ///
    /// # Errors
    /// When it cannot even begin.
    fn study(&mut self, spec: &StudySpec, cancel: &Cancel) -> Result<StudyJob<Self>, Failure>;

    /// Called after a panic: forgets whatever may be half-written.
    fn recover(&mut self);
}
