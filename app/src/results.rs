//! What the worker has answered: one [`Loadable`] per picture on the screen, the previous one kept until the new one is there.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use ganoscope_core::jobs::Cancel;
use ganoscope_core::jobs::{
    DeblendPreview, Failure, FileInfo, FlippingPreview, Input, JobId, Preview, Progress,
    RegionsPreview, RelevancePreview, Scene, SeriesInfo, Slot, Thumbnail, TimelinePoint, UnitMaps,
    UnitRelevance, UnitStats,
};
use ganoscope_core::stamp::Stamp;
use ganoscope_core::stamp::stretch::Limits;

use crate::display::Levels;
use crate::kept::Kept;

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
    /// The picture or seed whose outputs the points have.
    pub input: Option<Input>,
}

/// A small picture with the levels it is drawn with, which are its own: a faint picture is seen beside a bright one.
#[derive(Clone, Debug)]
pub struct SmallPicture {
    /// Few rows and columns, `[0, 1]`.
    pub stamp: Stamp,
    /// Black and white.
    pub levels: Levels,
}

/// Small pictures by what they are of, at most [`Thumbnails::MOST`]; the oldest are forgotten first.
#[derive(Clone, Default)]
pub struct Thumbnails {
    pictures: BTreeMap<Input, Result<SmallPicture, Failure>>,
    order: VecDeque<Input>,
}

impl Thumbnails {
    /// More than a list shows at once; 27 KiB each.
    pub const MOST: usize = 512;

    /// The small picture of an input, or why there is none; nothing when it was not looked at yet.
    pub fn get(&self, input: &Input) -> Option<&Result<SmallPicture, Failure>> {
        self.pictures.get(input)
    }

    /// Forgets what networks drew: another one draws otherwise.
    pub fn forget_drawn(&mut self) {
        self.pictures.retain(|input, _| input.file().is_some());
        self.order.retain(|input| input.file().is_some());
    }

    /// Forgets all: the files may have changed.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn put(&mut self, thumbnail: &Thumbnail) {
        let input = &thumbnail.input;
        let picture = thumbnail.picture.clone().map(|stamp| SmallPicture {
            levels: match input {
                Input::File(_) => Levels::of(&stamp, Limits::default()),
                // As what is drawn is shown large.
                Input::Latent(_) => Levels::UNIT,
            },
            stamp,
        });
        if self.pictures.insert(input.clone(), picture).is_none() {
            self.order.push_back(input.clone());
        }
        while self.order.len() > Self::MOST {
            if let Some(oldest) = self.order.pop_front() {
                self.pictures.remove(&oldest);
            }
        }
    }
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
    /// How far its maps can be trusted.
    pub flipping: Loadable<Arc<FlippingPreview>>,
    /// What the units of the generator did for the discriminator's verdicts.
    pub through: Loadable<Arc<UnitRelevance>>,
    /// How far previews under way are, where they said so.
    pub progress: BTreeMap<Slot, Progress>,
    /// Outputs kept to be compared with later ones.
    pub kept: Kept,
    /// The statistics of the regions.
    pub regions: Loadable<Arc<RegionsPreview>>,
    /// What the picture's file says of itself.
    pub file: Loadable<Arc<FileInfo>>,
    /// The checkpoints measured.
    pub timeline: Timeline,
    /// The units of the layer shown, measured over all pictures.
    pub unit_stats: Option<Arc<UnitStats>>,
    /// Small pictures of the files in the list.
    pub thumbnails: Thumbnails,
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
        self.progress.remove(&slot);
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
            Slot::Regions => self.regions.finish(expect!(Regions)),
            Slot::File => self.file.finish(expect!(File)),
            Slot::Through => self.through.finish(expect!(Through)),
            Slot::Flipping => self.flipping.finish(expect!(Flipping)),
            Slot::Thumbnail => {
                if let Ok(thumbnail) = expect!(Thumbnail) {
                    self.thumbnails.put(&thumbnail);
                }
            }
        }
    }

    /// Whether a slot is being computed.
    pub const fn is_pending(&self, slot: Slot) -> bool {
        match slot {
            Slot::Series => self.series.is_pending(),
            Slot::Scene => self.scene.is_pending(),
            Slot::Deblend => self.deblend.is_pending(),
            Slot::Unedited => self.unedited.is_pending(),
            Slot::Units => self.units.is_pending(),
            Slot::Relevance => self.relevance.is_pending(),
            Slot::Regions => self.regions.is_pending(),
            Slot::File => self.file.is_pending(),
            Slot::Through => self.through.is_pending(),
            Slot::Flipping => self.flipping.is_pending(),
            Slot::Thumbnail => false,
        }
    }

    /// Marks a slot as asked for.
    pub fn begin(&mut self, slot: Slot, now: f64) {
        self.progress.remove(&slot);
        match slot {
            Slot::Series => self.series.begin(now),
            Slot::Scene => self.scene.begin(now),
            Slot::Deblend => self.deblend.begin(now),
            Slot::Unedited => self.unedited.begin(now),
            Slot::Units => self.units.begin(now),
            Slot::Relevance => self.relevance.begin(now),
            Slot::Regions => self.regions.begin(now),
            Slot::File => self.file.begin(now),
            Slot::Through => self.through.begin(now),
            Slot::Flipping => self.flipping.begin(now),
            Slot::Thumbnail => {}
        }
    }

    /// Empties a slot: there is nothing to show there any more.
    pub fn clear(&mut self, slot: Slot) {
        self.progress.remove(&slot);
        match slot {
            Slot::Series => self.series = Loadable::Empty,
            Slot::Scene => self.scene = Loadable::Empty,
            Slot::Deblend => self.deblend = Loadable::Empty,
            Slot::Unedited => self.unedited = Loadable::Empty,
            Slot::Units => self.units = Loadable::Empty,
            Slot::Relevance => self.relevance = Loadable::Empty,
            Slot::Regions => self.regions = Loadable::Empty,
            Slot::File => self.file = Loadable::Empty,
            Slot::Through => self.through = Loadable::Empty,
            Slot::Flipping => self.flipping = Loadable::Empty,
            Slot::Thumbnail => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use ganoscope_core::stamp::ValueRange;

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

    #[test]
    fn small_pictures_are_bounded_and_failures_are_kept() {
        let mut results = Results::default();
        let put = |results: &mut Results, name: usize, picture| {
            let input = Input::seed(name as u64);
            let thumbnail = Arc::new(Thumbnail { input, picture });
            results.put(Slot::Thumbnail, Ok(Preview::Thumbnail(thumbnail)));
        };
        for i in 0..=Thumbnails::MOST {
            let stamp = Stamp::new("s", vec![0.0; 4], [1, 2, 2], ValueRange::UNIT);
            put(&mut results, i, Ok(stamp));
        }
        put(&mut results, Thumbnails::MOST, Err(Failure::new("gone")));
        let at = |i: usize| results.thumbnails.get(&Input::seed(i as u64));
        assert!(at(0).is_none() && at(1).is_some());
        assert!(at(Thumbnails::MOST).is_some_and(Result::is_err));
    }
}
