//! The worker thread: drains requests, serves previews before studies, catches panics, wakes the asking side.
//!
//! Invariant: neither side can deadlock. The asking side only uses `try_send`; the worker may block on a full queue of
//! events, which the asking side drains in every frame, and wakes up when that side is gone.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvError, Sender, TryRecvError, bounded};

use super::lane::{PendingPreview, PendingStudy, PreviewLane, StudyLane};
use super::{
    Cancel, Engine, Event, Failure, Generation, JobId, PreviewSpec, Request, STEP_BUDGET, Slot,
    Step, StudySpec, TextToSave,
};
use crate::atomic::atomic_write;

/// Requests and events that may wait; far more than a person can cause between two frames.
const QUEUE_LENGTH: usize = 64;

/// Called from the worker's thread after every event, so that the asking side looks at it.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// The queue of requests is full, or the worker is gone; ask again in the next frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The asking side's handle of the worker. Dropping it ends the thread after its present step.
pub struct Worker {
    requests: Sender<Request>,
    events: Receiver<Event>,
    /// Per slot: what stops the preview that was asked for last.
    previews: RefCell<BTreeMap<Slot, Cancel>>,
    last_job: u64,
}

impl Worker {
    /// Starts the thread; the engine is made on it, so that slow starts do not delay the window.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn spawn<E: Engine>(
        make_engine: impl FnOnce() -> E + Send + 'static,
        waker: Waker,
    ) -> std::io::Result<Self> {
        let (requests, inbox) = bounded(QUEUE_LENGTH);
        let (outbox, events) = bounded(QUEUE_LENGTH);
        Builder::new().name("worker".to_owned()).spawn(move || {
            Loop {
                engine: make_engine(),
                inbox,
                outbox,
                waker,
                previews: PreviewLane::default(),
                studies: StudyLane::default(),
            }
            .run();
        })?;
        Ok(Self {
            requests,
            events,
            previews: RefCell::default(),
            last_job: 0,
        })
    }

    /// Asks for a preview; what its slot was doing stops before its next layer.
    ///
    /// # Errors
    /// When the queue is full.
    pub fn preview(&self, generation: Generation, spec: PreviewSpec) -> Result<(), Full> {
        let (slot, cancel) = (spec.slot(), Cancel::default());
        self.send(Request::Preview {
            generation,
            spec,
            cancel: cancel.clone(),
        })?;
        let earlier = self.previews.borrow_mut().insert(slot, cancel);
        earlier.inspect(Cancel::cancel);
        Ok(())
    }

    /// Says that the preview of a slot is no longer wanted: it stops before its next layer.
    ///
    /// # Errors
    /// When the queue is full.
    pub fn forget(&self, slot: Slot) -> Result<(), Full> {
        let asked = self.previews.borrow_mut().remove(&slot);
        asked.inspect(Cancel::cancel);
        self.send(Request::Forget(slot))
    }

    /// Begins a study; returns its id and the flag that cancels it.
    ///
    /// # Errors
    /// When the queue is full.
    pub fn start(&mut self, spec: StudySpec) -> Result<(JobId, Cancel), Full> {
        let id = self.next_id();
        let cancel = Cancel::default();
        self.send(Request::Start {
            id,
            spec,
            cancel: cancel.clone(),
        })?;
        Ok((id, cancel))
    }

    /// Writes a small text file on the worker's thread, whole or not at all.
    ///
    /// # Errors
    /// When the queue is full.
    pub fn save(&mut self, path: PathBuf, text: impl Into<TextToSave>) -> Result<JobId, Full> {
        let (id, text) = (self.next_id(), text.into());
        self.send(Request::Save { id, path, text })?;
        Ok(id)
    }

    /// The events that have arrived. Never blocks.
    pub fn drain(&self) -> impl Iterator<Item = Event> {
        self.events.try_iter()
    }

    /// The receiving end of the events, for callers without frames (tests, batch commands) that wait for them.
    pub fn events(&self) -> &Receiver<Event> {
        &self.events
    }

    fn next_id(&mut self) -> JobId {
        self.last_job += 1;
        JobId(self.last_job)
    }

    fn send(&self, request: Request) -> Result<(), Full> {
        self.requests.try_send(request).map_err(|_| Full)
    }
}

/// The asking side is gone: the thread ends.
struct Gone;

struct Loop<E: Engine> {
    engine: E,
    inbox: Receiver<Request>,
    outbox: Sender<Event>,
    waker: Waker,
    previews: PreviewLane<E>,
    studies: StudyLane<E>,
}

impl<E: Engine> Loop<E> {
    fn run(mut self) {
        while self.turn().is_ok() {}
        log::debug!("the worker ends");
    }

    /// Takes all requests in, then does one step of the most urgent job.
    fn turn(&mut self) -> Result<(), Gone> {
        if self.previews.is_empty() && self.studies.is_empty() {
            let request = self.inbox.recv().map_err(|RecvError| Gone)?;
            self.accept(request)?;
        }
        loop {
            match self.inbox.try_recv() {
                Ok(request) => self.accept(request)?,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Err(Gone),
            }
        }
        for id in self.studies.drop_cancelled() {
            self.tell(Event::Cancelled { id })?;
        }
        if let Some(pending) = self.previews.take() {
            return self.step_preview(pending);
        }
        match self.studies.take() {
            Some(pending) => self.step_study(pending),
            None => Ok(()),
        }
    }

    fn accept(&mut self, request: Request) -> Result<(), Gone> {
        match request {
            Request::Preview {
                generation,
                spec,
                cancel,
            } => self.previews.put(generation, spec, cancel),
            Request::Forget(slot) => self.previews.forget(slot),
            Request::Start { id, spec, cancel } => self.studies.put(id, spec, cancel),
            Request::Save { id, path, text } => {
                let made = self.guarded(|_| text.make());
                let written = made.and_then(|text| {
                    Ok(atomic_write(&path, |out| out.write_all(text.as_bytes()))?)
                });
                let outcome = written.map_err(|why| why.at(&path));
                self.tell(Event::Saved { id, path, outcome })?;
            }
        }
        Ok(())
    }

    fn step_preview(&mut self, mut pending: PendingPreview<E>) -> Result<(), Gone> {
        let started = Instant::now();
        let outcome = self.guarded(|engine| {
            if pending.job.is_none() {
                pending.job = Some(engine.preview(&pending.spec, &pending.cancel)?);
            }
            match &mut pending.job {
                Some(job) => job.step(engine),
                None => Ok(Step::Done(None)),
            }
        });
        pending.elapsed += started.elapsed();
        let outcome = match outcome {
            Ok(Step::More { progress, .. }) => {
                // The next one says the same better: never wait for room.
                let _ = self.outbox.try_send(Event::PreviewProgress {
                    generation: pending.generation,
                    slot: pending.spec.slot(),
                    progress,
                });
                (self.waker)();
                self.previews.put_back(pending);
                return Ok(());
            }
            Ok(Step::Done(Some(preview))) => Ok(preview),
            // Stopped in the middle of a step: nobody waits for it.
            Err(_) if pending.cancel.is_cancelled() => return Ok(()),
            Ok(Step::Done(None)) => Err(Failure::new("the preview came to nothing")),
            Err(why) => Err(why),
        };
        let slot = pending.spec.slot();
        log::debug!("{slot:?} took {:.1?}", pending.elapsed);
        self.tell(Event::Preview {
            generation: pending.generation,
            slot,
            outcome,
            elapsed: pending.elapsed,
        })
    }

    fn step_study(&mut self, mut pending: PendingStudy<E>) -> Result<(), Gone> {
        let id = pending.id;
        let begun = *pending.started.get_or_insert_with(Instant::now);
        let started = Instant::now();
        let outcome = self.guarded(|engine| {
            if pending.job.is_none() {
                pending.job = Some(engine.study(&pending.spec, &pending.cancel)?);
            }
            match &mut pending.job {
                Some(job) => job.step(engine),
                None => Ok(Step::Done(None)),
            }
        });
        if started.elapsed() > STEP_BUDGET {
            let title = pending.spec.title();
            log::debug!("a step of {title:?} took {:.0?}", started.elapsed());
        }
        match outcome {
            Ok(Step::More { progress, partial }) => {
                if let Some(finding) = partial {
                    self.tell(Event::Partial { id, finding })?;
                }
                let time_left = progress.time_left(begun.elapsed());
                // The next one says the same better: never wait for room.
                let _ = self.outbox.try_send(Event::Progress {
                    id,
                    progress,
                    time_left,
                });
                (self.waker)();
                self.studies.put_back(pending);
                Ok(())
            }
            Ok(Step::Done(last)) => {
                if let Some(finding) = last {
                    self.tell(Event::Partial { id, finding })?;
                }
                self.tell(Event::Finished { id })
            }
            // Stopped in the middle of a step: no failure that anybody should read.
            Err(_) if pending.cancel.is_cancelled() => self.tell(Event::Cancelled { id }),
            Err(why) => self.tell(Event::Failed { id, why }),
        }
    }

    /// Runs `work`, turning a panic into a failure.
    fn guarded<T>(
        &mut self,
        work: impl FnOnce(&mut E) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let engine = &mut self.engine;
        match catch_unwind(AssertUnwindSafe(|| work(engine))) {
            Ok(outcome) => outcome,
            Err(payload) => {
                self.engine.recover();
                Err(Failure::from_panic(payload.as_ref()))
            }
        }
    }

    fn tell(&self, event: Event) -> Result<(), Gone> {
        self.outbox.send(event).map_err(|_| Gone)?;
        (self.waker)();
        Ok(())
    }
}
