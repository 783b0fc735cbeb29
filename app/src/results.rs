//! What the worker has answered: one [`Loadable`] per picture on the screen, the previous one kept until the new one is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use ganoscope_core::jobs::Cancel;
use ganoscope_core::jobs::{
    DeblendPreview, Failure, JobId, Preview, Progress, RelevancePreview, Scene, SeriesInfo, Slot,
    TimelinePoint, UnitMaps, UnitStats,
};

/// A result that may not be there yet.
#[derive(Clone, Debug, Default)]
pub enum Loadable<T> {
    /// Nothing was asked for.
    #[default]
    Empty,
    /// Being computed.
    Pending {
        /// What was there before; drawn dimmed.
        previous: Option<T>,
        /// When it was asked for, in seconds of the window's clock.
        since: f64,
    },
    /// There.
    Ready(T),
    /// It could not be computed.
    Failed {
        /// Why.
        why: Failure,
        /// What was there before; drawn dimmed.
        previous: Option<T>,
    },
}

impl<T> Loadable<T> {
    /// Ready, or what was there before.
    pub fn shown(&self) -> Option<&T> {
        match self {
            Self::Empty => None,
            Self::Ready(value) => Some(value),
            Self::Pending { previous, .. } | Self::Failed { previous, .. } => previous.as_ref(),
        }
    }

    /// Only when it is up to date.
    pub const fn ready(&self) -> Option<&T> {
        match self {
            Self::Ready(value) => Some(value),
            _ => None,
        }
    }

    /// Why it could not be computed.
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed { why, .. } => Some(why),
            _ => None,
        }
    }

    /// Whether it is being computed.
    pub const fn is_pending(&self) -> bool {
        matches!(self, Self::Pending { .. })
    }

    /// Whether it is finished, well or not.
    pub const fn is_settled(&self) -> bool {
        matches!(self, Self::Ready(_) | Self::Failed { .. })
    }

    /// Asked for anew.
    pub fn begin(&mut self, now: f64) {
        let (previous, since) = match std::mem::take(self) {
            Self::Empty => (None, now),
            Self::Ready(value) => (Some(value), now),
            // A drag asks anew in every frame; what is on the screen has been old since the first.
            Self::Pending { previous, since } => (previous, since),
            Self::Failed { previous, .. } => (previous, now),
        };
        *self = Self::Pending { previous, since };
    }

    /// Answered.
    pub fn finish(&mut self, outcome: Result<T, Failure>) {
        let previous = match std::mem::take(self) {
            Self::Empty => None,
            Self::Ready(value) => Some(value),
            Self::Pending { previous, .. } | Self::Failed { previous, .. } => previous,
        };
        *self = match outcome {
            Ok(value) => Self::Ready(value),
            Err(why) => Self::Failed { why, previous },
        };
    }
}

/// A study that waits or is under way, as the status bar shows it.
#[derive(Clone, Debug)]
pub struct RunningJob {
    /// Its name.
    pub id: JobId,
    /// What a person calls it.
    pub title: &'static str,
    /// How far it is; nothing before its first step.
    pub progress: Option<Progress>,
    /// In seconds.
    pub time_left_secs: Option<f64>,
    /// Stops it.
    pub cancel: Cancel,
}

/// What the timeline study has found so far.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// The points so far, by step.
    pub points: BTreeMap<u64, TimelinePoint>,
    /// The study that fills them, while it runs.
    pub job: Option<JobId>,
}

/// Everything the worker has answered. Pixels are shared between copies.
#[derive(Clone, Default)]
pub struct Results {
    /// The open series.
    pub series: Loadable<Arc<SeriesInfo>>,
    /// The picture shown.
    pub scene: Loadable<Arc<Scene>>,
    /// The generator's outputs with edits.
    pub deblend: Loadable<Arc<DeblendPreview>>,
    /// The generator's outputs without edits, while there are edits.
    pub unedited: Loadable<Arc<DeblendPreview>>,
    /// The activations of the layer shown.
    pub units: Loadable<Arc<UnitMaps>>,
    /// The study that measures units, while it runs.
    pub unit_stats_job: Option<JobId>,
    /// The relevance of the discriminator.
    pub relevance: Loadable<Arc<RelevancePreview>>,
    /// The checkpoints measured.
    pub timeline: Timeline,
    /// The units of the layer shown, measured over all pictures.
    pub unit_stats: Option<Arc<UnitStats>>,
    /// Studies that wait or are under way.
    pub jobs: Vec<RunningJob>,
    /// How long the last preview of each slot took, in seconds.
    pub took_secs: BTreeMap<Slot, f64>,
}

impl Results {
    /// Forgets what was measured on units; a study that is still measuring does not bring it back.
    pub fn forget_unit_stats(&mut self) {
        self.unit_stats = None;
        self.unit_stats_job = None;
    }

    /// Puts an answer where it belongs.
    pub fn put(&mut self, slot: Slot, outcome: Result<Preview, Failure>) {
        /// The value of a preview of the right kind; any other kind is a bug of the worker.
        macro_rules! expect {
            ($variant:ident) => {
                outcome.and_then(|preview| match preview {
                    Preview::$variant(value) => Ok(value),
                    other => Err(Failure::new(format!(
                        "the answer for {slot:?} is of another kind: {other:?}"
                    ))),
                })
            };
        }
        match slot {
            Slot::Series => self.series.finish(expect!(Series)),
            Slot::Scene => self.scene.finish(expect!(Scene)),
            Slot::Deblend => self.deblend.finish(expect!(Deblend)),
            Slot::Unedited => self.unedited.finish(expect!(Deblend)),
            Slot::Units => self.units.finish(expect!(Units)),
            Slot::Relevance => self.relevance.finish(expect!(Relevance)),
        }
    }

    /// Marks a slot as asked for.
    pub fn begin(&mut self, slot: Slot, now: f64) {
        match slot {
            Slot::Series => self.series.begin(now),
            Slot::Scene => self.scene.begin(now),
            Slot::Deblend => self.deblend.begin(now),
            Slot::Unedited => self.unedited.begin(now),
            Slot::Units => self.units.begin(now),
            Slot::Relevance => self.relevance.begin(now),
        }
    }

    /// Empties a slot: there is nothing to show there any more.
    pub fn clear(&mut self, slot: Slot) {
        match slot {
            Slot::Series => self.series = Loadable::Empty,
            Slot::Scene => self.scene = Loadable::Empty,
            Slot::Deblend => self.deblend = Loadable::Empty,
            Slot::Unedited => self.unedited = Loadable::Empty,
            Slot::Units => self.units = Loadable::Empty,
            Slot::Relevance => self.relevance = Loadable::Empty,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_result_stays_until_the_new_one_is_there() {
        let mut loadable = Loadable::Ready(1);
        loadable.begin(5.0);
        loadable.begin(6.0);
        assert!(matches!(
            loadable,
            Loadable::Pending { previous: Some(1), since } if since == 5.0
        ));
        loadable.finish(Err(Failure::new("no")));
        assert_eq!(loadable.shown(), Some(&1));
        loadable.begin(7.0);
        loadable.finish(Ok(2));
        assert_eq!(loadable.ready(), Some(&2));
    }
}
