//! The window comes first: threads that compute give way to those that draw, which matters where there are few cores or the
//! processor also paints.

use rayon::ThreadPoolBuilder;
use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};

/// Below what is usual, 50 of 100; on Linux a niceness of 15.
const BEHIND: u8 = 10;

/// Puts the calling thread behind those that draw. Where the system does not allow it, all stay equal.
pub(crate) fn step_back() {
    let priority = ThreadPriorityValue::try_from(BEHIND);
    let set =
        priority.map(|value| set_current_thread_priority(ThreadPriority::Crossplatform(value)));
    if !matches!(set, Ok(Ok(()))) {
        log::debug!("a computing thread keeps the usual priority: {set:?}");
    }
}

/// Threads of the computations, behind those that draw.
pub(crate) fn pool() -> ThreadPoolBuilder {
    ThreadPoolBuilder::new().start_handler(|_| step_back())
}
