//! The window comes first: threads that compute give way to those that draw, which matters where there are few cores or the
//! processor also paints.

use rayon::ThreadPoolBuilder;
use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};

/// Below what is usual, 50 of 100; on Linux a niceness of 15.
const BEHIND: u8 = 10;

/// Puts the calling thread behind those that draw. Where the system does not allow it, all stay equal.
fn step_back() {
    let priority = ThreadPriorityValue::try_from(BEHIND);
    let set =
        priority.map(|value| set_current_thread_priority(ThreadPriority::Crossplatform(value)));
    if !matches!(set, Ok(Ok(()))) {
        log::debug!("a computing thread keeps the usual priority: {set:?}");
    }
}

/// Starts the threads of the computations of this process behind those that draw; as many as there are cores when no number
/// is given. The first who starts them decides.
///
/// # Errors
/// When they were started before, or the system cannot start one.
pub fn start_pool(threads: Option<usize>) -> Result<(), rayon::ThreadPoolBuildError> {
    ThreadPoolBuilder::new()
        .num_threads(threads.unwrap_or(0))
        .start_handler(|_| step_back())
        .build_global()
}

/// `make`, on a thread that it puts behind those that draw.
pub fn behind<E>(make: impl FnOnce() -> E) -> impl FnOnce() -> E {
    move || {
        step_back();
        make()
    }
}
