//! The two lanes of the worker: previews, of which only the newest of a slot counts, and studies, one after the other.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::{Cancel, Generation, JobId, PreviewJob, PreviewSpec, Slot, StudyJob, StudySpec};

/// A preview that was asked for and perhaps begun.
pub(super) struct PendingPreview<E> {
    pub(super) generation: Generation,
    pub(super) spec: PreviewSpec,
    pub(super) cancel: Cancel,
    /// `None` until its first step.
    pub(super) job: Option<PreviewJob<E>>,
    /// Time spent on it.
    pub(super) elapsed: Duration,
}

/// At most one preview per slot, served in the order of the slots.
pub(super) struct PreviewLane<E>(BTreeMap<Slot, PendingPreview<E>>);

impl<E> Default for PreviewLane<E> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<E> PreviewLane<E> {
    /// Puts a preview in its slot; what was there is dropped, even half done, unless it is newer.
    pub(super) fn put(&mut self, generation: Generation, spec: PreviewSpec, cancel: Cancel) {
        let slot = spec.slot();
        if self.0.get(&slot).is_some_and(|p| p.generation > generation) {
            return;
        }
        let pending = PendingPreview {
            generation,
            spec,
            cancel,
            job: None,
            elapsed: Duration::ZERO,
        };
        self.0.insert(slot, pending);
    }

    /// Takes the most urgent preview out; put it back with [`Self::put_back`] if it is not done.
    pub(super) fn take(&mut self) -> Option<PendingPreview<E>> {
        self.0.pop_first().map(|(_, pending)| pending)
    }

    /// Returns a preview that needs more steps.
    pub(super) fn put_back(&mut self, pending: PendingPreview<E>) {
        self.0.insert(pending.spec.slot(), pending);
    }

    pub(super) fn forget(&mut self, slot: Slot) {
        self.0.remove(&slot);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A study that waits or is under way.
pub(super) struct PendingStudy<E> {
    pub(super) id: JobId,
    pub(super) spec: StudySpec,
    pub(super) cancel: Cancel,
    /// `None` until its first step.
    pub(super) job: Option<StudyJob<E>>,
    pub(super) started: Option<Instant>,
}

/// Studies in the order they were asked for; those that open files go first.
pub(super) struct StudyLane<E>(VecDeque<PendingStudy<E>>);

impl<E> Default for StudyLane<E> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<E> StudyLane<E> {
    pub(super) fn put(&mut self, id: JobId, spec: StudySpec, cancel: Cancel) {
        let study = PendingStudy {
            id,
            spec,
            cancel,
            job: None,
            started: None,
        };
        if matches!(study.spec, StudySpec::Open(_)) {
            // A person waits for it.
            self.0.push_front(study);
        } else {
            self.0.push_back(study);
        }
    }

    /// Removes the studies that were cancelled and returns their ids.
    pub(super) fn drop_cancelled(&mut self) -> Vec<JobId> {
        let is_cancelled = |s: &PendingStudy<E>| s.cancel.is_cancelled();
        let ids = self.0.iter().filter(|s| is_cancelled(s)).map(|s| s.id);
        let ids = ids.collect();
        self.0.retain(|s| !is_cancelled(s));
        ids
    }

    /// Takes the first study out; put it back with [`Self::put_back`] if it is not done.
    pub(super) fn take(&mut self) -> Option<PendingStudy<E>> {
        self.0.pop_front()
    }

    /// Returns a study that needs more steps.
    pub(super) fn put_back(&mut self, study: PendingStudy<E>) {
        self.0.push_front(study);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
