//! The worker: newest preview wins, stale ones are dropped, studies are cancelled between steps, panics are caught, and
//! full queues never deadlock. A fake engine stands in for networks; gates stand in for time.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use ganoscope_core::jobs::{
    Cancel, Engine, Event, Failure, Finding, Generation, JobId, Opened, Preview, PreviewJob,
    PreviewSpec, Progress, SeriesInfo, Slot, Step, Study, StudyJob, StudySpec, Worker,
};

/// Nothing here takes long; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the fake engine was made to do, seen from the test.
struct Rig {
    worker: Worker,
    /// Lets one step of a gated job go on.
    gate: Sender<()>,
    /// One message per step, before its gate.
    steps: Receiver<String>,
    recovered: Arc<AtomicUsize>,
    wakes: Arc<AtomicUsize>,
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
    fn preview(&mut self, spec: &PreviewSpec) -> Result<PreviewJob<Self>, Failure> {
        match spec {
            PreviewSpec::Series(path) | PreviewSpec::Scene(path) => {
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
    fn new() -> Self {
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

    fn preview(&self, generation: u64, name: &str) -> bool {
        let spec = PreviewSpec::Series(name.into());
        self.worker.preview(Generation(generation), spec).is_ok()
    }

    fn study(&mut self, name: &str) -> (JobId, Cancel) {
        let spec = StudySpec::Timeline {
            series: name.into(),
            inputs: Vec::new(),
            shown: PathBuf::new().into(),
        };
        self.worker.start(spec).expect("room in the queue")
    }

    fn event(&self) -> Event {
        self.worker
            .events()
            .recv_timeout(PATIENCE)
            .expect("an event")
    }

    /// Waits until a job's step has begun.
    fn step_begins(&self) -> String {
        self.steps.recv_timeout(PATIENCE).expect("a step")
    }
}

/// Generation and name, or the failure, of a preview's event.
fn preview_of(event: Event) -> (u64, Result<String, String>) {
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

#[test]
fn ten_slider_moves_render_once_or_twice() {
    let rig = Rig::new();
    rig.preview(1, "gated-1");
    rig.step_begins();
    for generation in 2..=10 {
        assert!(rig.preview(generation, "free-1"));
    }
    rig.gate.send(()).unwrap();
    assert_eq!(preview_of(rig.event()).0, 1);
    assert_eq!(preview_of(rig.event()), (10, Ok("free-1".to_owned())));
    rig.preview(11, "free-1");
    assert_eq!(preview_of(rig.event()).0, 11, "nothing came between");
}

#[test]
fn a_preview_half_done_is_dropped_for_a_newer_one() {
    let rig = Rig::new();
    rig.preview(1, "gated-5");
    rig.step_begins();
    rig.preview(2, "free-1");
    rig.gate.send(()).unwrap();
    assert_eq!(preview_of(rig.event()), (2, Ok("free-1".to_owned())));
    let steps: Vec<String> = rig.steps.try_iter().collect();
    assert_eq!(steps, ["free-1"], "the old one did no further step");
}

#[test]
fn a_forgotten_preview_is_not_answered() {
    let rig = Rig::new();
    rig.preview(1, "gated-5");
    rig.step_begins();
    rig.worker.forget(Slot::Series).unwrap();
    let spec = PreviewSpec::Scene("free-1".into());
    rig.worker.preview(Generation(2), spec).unwrap();
    rig.gate.send(()).unwrap();
    assert_eq!(preview_of(rig.event()).0, 2);
}

#[test]
fn a_preview_goes_before_the_next_step_of_a_study() {
    let mut rig = Rig::new();
    rig.study("gated-3");
    rig.step_begins();
    rig.preview(1, "free-1");
    rig.gate.send(()).unwrap();
    let preview_came_before_last_part = loop {
        match rig.event() {
            Event::Preview { .. } => break true,
            Event::Finished { .. } => break false,
            _ => {}
        }
    };
    assert!(preview_came_before_last_part);
    assert_eq!(rig.step_begins(), "free-1");
    assert_eq!(rig.step_begins(), "gated-3");
    drop(rig.gate);
}

#[test]
fn a_cancelled_study_does_at_most_one_more_step() {
    let mut rig = Rig::new();
    let (id, cancel) = rig.study("gated-1000");
    rig.step_begins();
    cancel.cancel();
    rig.gate.send(()).unwrap();
    let end = loop {
        match rig.event() {
            Event::Partial { .. } | Event::Progress { .. } => {}
            other => break other,
        }
    };
    assert!(
        matches!(end, Event::Cancelled { id: of } if of == id),
        "{end:?}"
    );
    assert_eq!(rig.steps.try_iter().count(), 0);
}

#[test]
fn a_study_stopped_inside_a_step_was_cancelled_and_did_not_fail() {
    let mut rig = Rig::new();
    let (id, cancel) = rig.study("gated-stop");
    rig.step_begins();
    cancel.cancel();
    rig.gate.send(()).unwrap();
    let end = rig.event();
    assert!(
        matches!(end, Event::Cancelled { id: of } if of == id),
        "{end:?}"
    );
}

#[test]
fn a_study_cancelled_while_it_waits_never_begins() {
    let mut rig = Rig::new();
    rig.study("gated-1");
    rig.step_begins();
    let (second, cancel) = rig.study("free-1");
    cancel.cancel();
    rig.gate.send(()).unwrap();
    let cancelled = loop {
        if let Event::Cancelled { id } = rig.event() {
            break id;
        }
    };
    assert_eq!(cancelled, second);
    assert_eq!(rig.steps.try_iter().count(), 0);
}

#[test]
fn a_panic_becomes_a_failure_and_the_next_job_works() {
    let mut rig = Rig::new();
    rig.preview(1, "panic");
    let (_, outcome) = preview_of(rig.event());
    let why = outcome.unwrap_err();
    assert!(why.contains("a layer of odd shape"), "{why}");
    assert_eq!(rig.recovered.load(Ordering::SeqCst), 1);

    let (id, _) = rig.study("panic");
    let event = rig.event();
    assert!(
        matches!(&event, Event::Failed { id: of, .. } if *of == id),
        "{event:?}"
    );

    rig.preview(2, "fail");
    let (_, outcome) = preview_of(rig.event());
    assert_eq!(outcome, Err("layer conv1: no".to_owned()));
    rig.preview(3, "free-2");
    assert_eq!(preview_of(rig.event()), (3, Ok("free-2".to_owned())));
    // The worker wakes the window after it has put the event into the queue.
    let begun = Instant::now();
    let wakes = || rig.wakes.load(Ordering::SeqCst);
    while wakes() < 4 && begun.elapsed() < Duration::from_secs(20) {
        std::thread::yield_now();
    }
    let events = wakes();
    assert!(events >= 4, "the window is woken for every event: {events}");
}

#[test]
fn full_queues_never_deadlock() {
    let mut rig = Rig::new();
    // Nobody listens: the worker fills the queue of events and waits.
    let (id, _) = rig.study("free-1000");
    for _ in 0..16 {
        rig.step_begins();
    }
    let mut sent = 0;
    while rig.preview(sent + 1, "free-1") {
        sent += 1;
        assert!(sent < 10_000, "the queue of requests has no end");
    }
    // The newest of them is answered, and the study comes to its end.
    let (mut parts, mut newest, mut finished) = (0, 0, false);
    while !finished || newest < sent {
        match rig.event() {
            Event::Partial { .. } => parts += 1,
            Event::Preview { generation, .. } => newest = newest.max(generation.0),
            Event::Finished { id: of } => finished = of == id,
            _ => {}
        }
    }
    assert_eq!(parts, 1000, "results are never dropped");
}

#[test]
fn saving_works_beside_a_study_and_says_what_failed() {
    let mut rig = Rig::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ron");
    rig.study("gated-1");
    rig.step_begins();
    let good = rig.worker.save(path.clone(), "text".to_owned()).unwrap();
    let nowhere = folder.path().join("missing/a.ron");
    let bad = rig.worker.save(nowhere, "text".to_owned()).unwrap();
    rig.gate.send(()).unwrap();
    let mut outcomes = Vec::new();
    while outcomes.len() < 2 {
        if let Event::Saved { id, outcome, .. } = rig.event() {
            outcomes.push((id, outcome.map_err(|why| why.to_string())));
        }
    }
    assert_eq!(outcomes[0], (good, Ok(())));
    assert_eq!(std::fs::read_to_string(path).unwrap(), "text");
    let (id, why) = &outcomes[1];
    assert_eq!(*id, bad);
    assert!(why.as_ref().unwrap_err().contains("missing"), "{why:?}");
}

#[test]
fn the_thread_ends_with_its_handle() {
    let Rig { worker, steps, .. } = Rig::new();
    drop(worker);
    // The engine, and with it this channel's other end, is dropped by the thread.
    assert!(steps.recv_timeout(PATIENCE).is_err());
}
