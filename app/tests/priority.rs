//! Where the processor paints the window, the threads that compute only take what the painting leaves.
#![cfg(target_os = "linux")]

use std::thread;

use ganoscope::priority::{processor_paints, step_back_if_painted};
use thread_priority::{NormalThreadSchedulePolicy, ThreadSchedulePolicy, thread_schedule_policy};

/// The policy of a new thread after it was asked to step back.
fn policy_of_a_worker() -> ThreadSchedulePolicy {
    let worker = thread::Builder::new().spawn(|| {
        step_back_if_painted();
        // A second call must not fail either.
        step_back_if_painted();
        thread_schedule_policy().expect("the system tells")
    });
    let worker = worker.expect("the system starts a thread");
    worker.join().expect("the thread ends")
}

#[test]
fn computing_threads_take_what_the_painting_leaves() {
    let usual = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
    let last = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    assert_eq!(policy_of_a_worker(), usual);
    processor_paints();
    assert_eq!(policy_of_a_worker(), last);
    // Each thread of the pool does what it is sent in order.
    let pool = rayon::broadcast(|_| thread_schedule_policy().expect("the system tells"));
    assert!(pool.iter().all(|policy| *policy == last), "{pool:?}");
    let own = thread_schedule_policy().expect("the system tells");
    assert_eq!(own, usual, "the thread that draws stays as it is");
}
