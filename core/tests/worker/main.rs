//! The worker: newest preview wins, stale ones are dropped, studies are cancelled between steps, panics are caught, and
//! full queues never deadlock.

mod rig;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ganoscope_core::jobs::{Event, Generation, PreviewSpec, Slot};
use rig::{PATIENCE, Rig, preview_of};

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
fn a_preview_stopped_inside_a_step_for_a_newer_one_says_nothing() {
    let rig = Rig::new();
    rig.preview(1, "gated-stop");
    rig.step_begins();
    rig.preview(2, "free-1");
    rig.gate.send(()).unwrap();
    assert_eq!(preview_of(rig.event()), (2, Ok("free-1".to_owned())));
    // Nobody else stopped this one: it failed.
    rig.preview(3, "gated-stop");
    rig.gate.send(()).unwrap();
    let (generation, outcome) = preview_of(rig.event());
    assert_eq!(generation, 3);
    assert!(outcome.is_err());
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
