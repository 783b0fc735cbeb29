//! The bridge between the window and the worker: asks for what the document needs, puts answers into the results.
//!
//! Invariant: nothing here blocks. A preview is asked for when its spec differs from the last one asked for; when the
//! queue is full it still differs in the next frame and is asked for then. Answers of older generations are dropped.

mod want;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use egui::Context;
use ganoscope_core::jobs::{
    Cancel, DeblendSpec, Engine, Event, Failure, Finding, Generation, JobId, Opened, Preview,
    PreviewSpec, Slot, StudySpec, TextToSave, Thumbnail, Worker,
};

use self::want::{Want, want};
use crate::document::Document;
use crate::priority;
use crate::results::{Results, RunningJob};
use crate::workbench::Workbench;

/// What the app has to act on itself.
#[derive(Clone, Debug)]
pub enum Notice {
    /// The paths a person asked for were looked at.
    Opened(Vec<Opened>),
    /// A study failed.
    StudyFailed {
        /// What a person calls it.
        title: &'static str,
        /// Why.
        why: Failure,
    },
    /// A preview failed; it is also shown in place.
    PreviewFailed {
        /// Which.
        slot: Slot,
        /// Why.
        why: Failure,
    },
    /// A file was written, or could not be.
    Saved {
        /// Which saving.
        id: JobId,
        /// Where to.
        path: PathBuf,
        /// Whether it worked.
        outcome: Result<(), Failure>,
    },
}

/// Wakes the window once there is one; the worker is started before, so that it can read while the window opens.
#[derive(Clone, Default)]
pub struct Wake(Arc<Mutex<Option<Context>>>);

impl Wake {
    /// The window is there; another one takes the place of one that was closed.
    pub fn attach(&self, ctx: &Context) {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *window = Some(ctx.clone());
    }

    /// Asks for a frame.
    pub fn wake(&self) {
        // Taken out first: nobody waits for this lock while a window is woken.
        let window = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(ctx) = window {
            ctx.request_repaint();
        }
    }
}

/// What a slot was asked last.
#[derive(Default)]
struct Asked {
    generation: Generation,
    spec: Option<PreviewSpec>,
    /// Ask once more, though nothing changed.
    is_stale: bool,
}

/// Owns the worker.
pub struct Bridge {
    worker: Worker,
    wake: Wake,
    generation: Generation,
    asked: BTreeMap<Slot, Asked>,
    /// Studies that did not fit into the queue yet.
    waiting: Vec<StudySpec>,
}

impl Bridge {
    /// Starts a worker with an engine.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn new<E: Engine>(
        make_engine: impl FnOnce() -> E + Send + 'static,
    ) -> std::io::Result<Self> {
        let wake = Wake::default();
        let waker = wake.clone();
        let report = move || {
            priority::step_back_if_painted();
            waker.wake();
        };
        let worker = Worker::spawn(make_engine, Arc::new(report))?;
        Ok(Self {
            worker,
            wake,
            generation: Generation::default(),
            asked: BTreeMap::new(),
            waiting: Vec::new(),
        })
    }

    /// The window is there.
    pub fn attach(&self, ctx: &Context) {
        self.wake.attach(ctx);
    }

    /// What wakes the window.
    pub fn wake(&self) -> &Wake {
        &self.wake
    }

    /// Asks for every preview that the document needs and that was not asked for. Returns false when the queue was full.
    pub fn ask(
        &mut self,
        document: &Document,
        workbench: &Workbench,
        results: &mut Results,
        now: f64,
    ) -> bool {
        let mut all_sent = true;
        for slot in Slot::ALL {
            match want(slot, document, workbench, results) {
                Want::Anything => {}
                Want::Nothing => self.clear(slot, results),
                Want::Kept(spec) => {
                    let asked = self.asked.get(&slot).and_then(|asked| asked.spec.as_ref());
                    if asked.is_some_and(|asked| *asked != spec) {
                        self.clear(slot, results);
                    }
                }
                Want::Spec(spec) => all_sent &= self.ask_for(slot, spec, results, now),
            }
        }
        for spec in std::mem::take(&mut self.waiting) {
            self.start(spec, results);
        }
        all_sent && self.waiting.is_empty()
    }

    /// Lets go of what is in a slot, and of the answer that is on its way.
    pub fn clear(&mut self, slot: Slot, results: &mut Results) {
        let asked = self.asked.entry(slot).or_default();
        if asked.spec.is_some() {
            // A full queue only means that an unwanted answer comes; its generation is stale.
            let _ = self.worker.forget(slot);
            self.generation = self.generation.next();
            *asked = Asked {
                generation: self.generation,
                ..Asked::default()
            };
            results.clear(slot);
        }
    }

    fn ask_for(&mut self, slot: Slot, spec: PreviewSpec, results: &mut Results, now: f64) -> bool {
        let asked = self.asked.entry(slot).or_default();
        if asked.spec.as_ref() == Some(&spec) && !asked.is_stale {
            return true;
        }
        let generation = self.generation.next();
        if self.worker.preview(generation, spec.clone()).is_err() {
            return false;
        }
        self.generation = generation;
        *asked = Asked {
            generation,
            spec: Some(spec),
            is_stale: false,
        };
        results.begin(slot, now);
        true
    }

    /// The run whose outputs were asked for last.
    pub fn asked_run(&self) -> Option<&DeblendSpec> {
        match self.asked.get(&Slot::Deblend)?.spec.as_ref()? {
            PreviewSpec::Deblend(run) => Some(run),
            _ => None,
        }
    }

    /// Asks for a slot again, though its spec is the same.
    pub fn retry(&mut self, slot: Slot) {
        if let Some(asked) = self.asked.get_mut(&slot) {
            asked.is_stale = true;
        }
    }

    /// Stops the preview of a slot after its present step; it is asked for again when its spec changes, or by a person.
    pub fn stop(&mut self, slot: Slot, results: &mut Results) {
        let Some(asked) = self.asked.get_mut(&slot) else {
            return;
        };
        if asked.spec.is_some() && results.is_pending(slot) {
            // A full queue only means that an unwanted answer comes; its generation is stale.
            let _ = self.worker.forget(slot);
            self.generation = self.generation.next();
            asked.generation = self.generation;
            results.put(slot, Err(Failure::new("stopped before it was done")));
        }
    }

    /// Begins a study, now or when there is room; returns its name if it was begun.
    pub fn start(&mut self, spec: StudySpec, results: &mut Results) -> Option<JobId> {
        let title = spec.title();
        match self.worker.start(spec.clone()) {
            Ok((id, cancel)) => {
                match &spec {
                    StudySpec::Timeline { .. } => results.timeline.job = Some(id),
                    StudySpec::UnitStats { .. } => results.unit_stats_job = Some(id),
                    StudySpec::Open(_) | StudySpec::Describe(_) => {}
                }
                results.jobs.push(RunningJob {
                    id,
                    title,
                    progress: None,
                    time_left_secs: None,
                    cancel,
                });
                Some(id)
            }
            Err(_) => {
                // A later measurement takes the place of one that was never begun; files are all opened.
                let kind = std::mem::discriminant(&spec);
                if !matches!(spec, StudySpec::Open(_)) {
                    self.waiting
                        .retain(|other| std::mem::discriminant(other) != kind);
                }
                self.waiting.push(spec);
                None
            }
        }
    }

    /// Stops a study after its present step.
    pub fn cancel(results: &Results, id: JobId) {
        let job = results.jobs.iter().find(|job| job.id == id);
        if let Some(cancel) = job.map(|job| &job.cancel) {
            Cancel::cancel(cancel);
        }
    }

    /// Writes a small text file on the worker's thread; nothing when the queue is full (ask again).
    pub fn save(&mut self, path: PathBuf, text: impl Into<TextToSave>) -> Option<JobId> {
        self.worker.save(path, text).ok()
    }

    /// Takes all answers in; what concerns more than the results is returned.
    pub fn receive(&mut self, results: &mut Results) -> Vec<Notice> {
        let events: Vec<Event> = self.worker.drain().collect();
        let mut notices = Vec::new();
        for event in events {
            self.receive_one(event, results, &mut notices);
        }
        notices
    }

    /// The same, after waiting for an answer until `deadline`; nothing where none came.
    pub fn wait(&mut self, results: &mut Results, deadline: Instant) -> Vec<Notice> {
        let mut notices = Vec::new();
        if let Ok(event) = self.worker.events().recv_deadline(deadline) {
            self.receive_one(event, results, &mut notices);
            notices.extend(self.receive(results));
        }
        notices
    }

    /// A small picture that could not be made at all is an answer too, or the list would wait for it for ever.
    fn with_path(&self, outcome: Result<Preview, Failure>) -> Result<Preview, Failure> {
        let asked = self.asked.get(&Slot::Thumbnail);
        match (outcome, asked.and_then(|asked| asked.spec.as_ref())) {
            (Err(why), Some(PreviewSpec::Thumbnail(spec))) => {
                let (input, picture) = (spec.input(), Err(why));
                Ok(Preview::Thumbnail(Arc::new(Thumbnail { input, picture })))
            }
            (outcome, _) => outcome,
        }
    }

    fn receive_one(&mut self, event: Event, results: &mut Results, notices: &mut Vec<Notice>) {
        match event {
            Event::Preview {
                generation,
                slot,
                outcome,
                elapsed,
            } => {
                if self
                    .asked
                    .get(&slot)
                    .is_none_or(|a| a.generation != generation)
                {
                    return;
                }
                let outcome = match slot {
                    Slot::Thumbnail => self.with_path(outcome),
                    _ => outcome,
                };
                if let Err(why) = &outcome {
                    let why = why.clone();
                    notices.push(Notice::PreviewFailed { slot, why });
                }
                if outcome.is_ok() {
                    results.took_secs.insert(slot, elapsed.as_secs_f64());
                } else {
                    results.took_secs.remove(&slot);
                }
                results.put(slot, outcome);
            }
            Event::PreviewProgress {
                generation,
                slot,
                progress,
            } => {
                let asked = self.asked.get(&slot);
                if asked.is_some_and(|a| a.generation == generation) {
                    results.progress.insert(slot, progress);
                }
            }
            Event::Progress {
                id,
                progress,
                time_left,
            } => {
                if let Some(job) = results.jobs.iter_mut().find(|job| job.id == id) {
                    job.progress = Some(progress);
                    job.time_left_secs = time_left.map(|t| t.as_secs_f64());
                }
            }
            Event::Partial { id, finding } => match finding {
                Finding::Opened(opened) => notices.push(Notice::Opened(opened)),
                Finding::Timeline(point) => {
                    if results.timeline.job == Some(id) {
                        results.timeline.points.insert(point.step, point);
                    }
                }
                Finding::UnitStats(stats) => {
                    if results.unit_stats_job == Some(id) {
                        results.unit_stats = Some(stats);
                    }
                }
            },
            Event::Finished { id } | Event::Cancelled { id } => end(results, id),
            Event::Failed { id, why } => {
                let job = results.jobs.iter().find(|job| job.id == id);
                let title = job.map_or("A study", |job| job.title);
                notices.push(Notice::StudyFailed { title, why });
                end(results, id);
            }
            Event::Saved { id, path, outcome } => notices.push(Notice::Saved { id, path, outcome }),
        }
    }
}

fn end(results: &mut Results, id: JobId) {
    results.jobs.retain(|job| job.id != id);
    for job in [&mut results.timeline.job, &mut results.unit_stats_job] {
        if *job == Some(id) {
            *job = None;
        }
    }
}
