//! A fake engine stands in for networks; gates stand in for time.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use ganoscope_core::jobs::{
    Cancel, Engine, Event, Failure, Finding, Generation, JobId, Opened, Preview, PreviewJob,
    PreviewSpec, Progress, SeriesInfo, Step, Study, StudyJob, StudySpec, Worker,
};
use ganoscope_core::stamp::io::PictureFile;

/// Nothing here takes long; a test that waits this long has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What the fake engine was made to do, seen from the test.
pub(super) struct Rig {
    pub(super) worker: Worker,
    /// Lets one step of a gated job go on.
    pub(super) gate: Sender<()>,
    /// One message per step, before its gate.
    pub(super) steps: Receiver<String>,
    pub(super) recovered: Arc<AtomicUsize>,
    pub(super) wakes: Arc<AtomicUsize>,
}

struct Fake {
    gate: Receiver<()>,
    steps: Sender<String>,
    recovered: Arc<AtomicUsize>,
}

/// A job named by its path: `panic`, `fail`, or `gated-N` and `free-N` of N steps.
struct FakeJob {
    name: String,
    left: usize,
}

impl FakeJob {
    fn new(path: &std::path::Path) -> Self {
        let name = path.display().to_string();
        let left = name.rsplit('-').next().and_then(|n| n.parse().ok());
        Self {
            left: left.unwrap_or(1),
            name,
        }
    }

    /// Whether it is the last step.
    fn advance(&mut self, engine: &mut Fake) -> Result<bool, Failure> {
        engine.steps.send(self.name.clone())?;
        if self.name.starts_with("gated") {
            engine.gate.recv_timeout(PATIENCE)?;
        }
        assert_ne!(self.name, "panic", "a layer of odd shape");
        if self.name == "fail" || self.name.starts_with("gated-stop") {
            return Err(Failure::new("layer conv1: no"));
        }
        self.left -= 1;
        Ok(self.left == 0)
    }

    fn progress(&self) -> Progress {
        Progress {
            done: 1,
            total: 1 + self.left,
            what: "working".into(),
        }
    }
}

impl Study<Fake, Preview> for FakeJob {
    fn step(&mut self, engine: &mut Fake) -> Result<Step<Preview>, Failure> {
        if !self.advance(engine)? {
            return Ok(Step::More {
                progress: self.progress(),
                partial: None,
            });
        }
        let info = SeriesInfo {
            name: self.name.clone(),
            ..SeriesInfo::default()
        };
        Ok(Step::Done(Some(Preview::Series(info.into()))))
    }
}

impl Study<Fake, Finding> for FakeJob {
    fn step(&mut self, engine: &mut Fake) -> Result<Step<Finding>, Failure> {
        let is_last = self.advance(engine)?;
        let part = Finding::Opened(vec![Opened::Failed {
            path: PathBuf::from(&self.name),
            why: Failure::new("part"),
        }]);
        Ok(if is_last {
            Step::Done(Some(part))
        } else {
            Step::More {
                progress: self.progress(),
                partial: Some(part),
            }
        })
    }
}

impl Engine for Fake {
    fn preview(&mut self, spec: &PreviewSpec, _: &Cancel) -> Result<PreviewJob<Self>, Failure> {
        match spec {
            PreviewSpec::Series(path) | PreviewSpec::Scene(PictureFile { path, .. }) => {
                Ok(Box::new(FakeJob::new(path)))
            }
            other => Err(Failure::new(format!("not made for {other:?}"))),
        }
    }

    fn study(&mut self, spec: &StudySpec, _: &Cancel) -> Result<StudyJob<Self>, Failure> {
        match spec {
            StudySpec::Timeline { series, .. } => Ok(Box::new(FakeJob::new(series))),
            other => Err(Failure::new(format!("not made for {other:?}"))),
        }
    }

    fn recover(&mut self) {
        self.recovered.fetch_add(1, Ordering::SeqCst);
    }
}

impl Rig {
    pub(super) fn new() -> Self {
        let (gate, at_gate) = bounded(1000);
        // Room for every step of any test: notes must never hold the worker up.
        let (note, steps) = bounded(10_000);
        let recovered = Arc::new(AtomicUsize::new(0));
        let wakes = Arc::new(AtomicUsize::new(0));
        let engine = Fake {
            gate: at_gate,
            steps: note,
            recovered: recovered.clone(),
        };
        let counter = wakes.clone();
        let waker = Arc::new(move || {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        let worker = Worker::spawn(move || engine, waker).expect("a thread");
        Self {
            worker,
            gate,
            steps,
            recovered,
            wakes,
        }
    }

    pub(super) fn preview(&self, generation: u64, name: &str) -> bool {
        let spec = PreviewSpec::Series(name.into());
        self.worker.preview(Generation(generation), spec).is_ok()
    }

    pub(super) fn study(&mut self, name: &str) -> (JobId, Cancel) {
        let spec = StudySpec::Timeline {
            series: name.into(),
            inputs: Vec::new(),
            shown: PathBuf::new().into(),
        };
        self.worker.start(spec).expect("room in the queue")
    }

    /// The next event; how far a preview is has a test of its own.
    pub(super) fn event(&self) -> Event {
        let next = || self.worker.events().recv_timeout(PATIENCE).expect("one");
        let is_other = |event: &Event| !matches!(event, Event::PreviewProgress { .. });
        let mut all = std::iter::repeat_with(next);
        all.find(is_other).expect("an event")
    }

    /// Waits until a job's step has begun.
    pub(super) fn step_begins(&self) -> String {
        self.steps.recv_timeout(PATIENCE).expect("a step")
    }
}

/// Generation and name, or the failure, of a preview's event.
pub(super) fn preview_of(event: Event) -> (u64, Result<String, String>) {
    match event {
        Event::Preview {
            generation,
            outcome,
            ..
        } => {
            let outcome = match outcome {
                Ok(Preview::Series(info)) => Ok(info.name.clone()),
                Ok(other) => Err(format!("{other:?}")),
                Err(why) => Err(why.to_string()),
            };
            (generation.0, outcome)
        }
        other => panic!("not a preview: {other:?}"),
    }
}
