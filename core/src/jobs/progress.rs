//! How far a study is, and how it is asked to stop.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How far a study is: `done` of `total` things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Finished so far.
    pub done: usize,
    /// In all.
    pub total: usize,
    /// What is being done, for example `measuring step 2000`.
    pub what: Cow<'static, str>,
}

impl Progress {
    /// From 0 to 1.
    pub fn fraction(&self) -> f32 {
        if self.total == 0 {
            return 0.0;
        }
        (self.done as f32 / self.total as f32).clamp(0.0, 1.0)
    }

    /// The time left, by the pace so far; unknown before the first thing is done.
    pub fn time_left(&self, elapsed: Duration) -> Option<Duration> {
        let left = self.total.saturating_sub(self.done);
        (self.done > 0).then(|| elapsed.mul_f64(left as f64 / self.done as f64))
    }
}

/// A flag shared by the one who asks for a study and the worker, looked at between two steps and, inside a step, between
/// the layers of a run and the blocks of a file.
///
/// A flag and not a message: it reaches the worker even when the queue of requests is full.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the study to stop after the layer or block that it is at.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether it was not: what the pieces of long work ask.
    pub fn go_on(&self) -> bool {
        !self.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_follows_the_pace() {
        let progress = Progress {
            done: 2,
            total: 10,
            what: Cow::Borrowed("measuring"),
        };
        assert_eq!(
            progress.time_left(Duration::from_secs(4)),
            Some(Duration::from_secs(16))
        );
        assert_eq!(progress.fraction(), 0.2);
        let none = Progress {
            done: 0,
            ..progress
        };
        assert_eq!(none.time_left(Duration::from_secs(4)), None);
    }
}
