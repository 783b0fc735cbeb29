//! The window comes first: threads that compute give way to those that draw, which matters where there are few cores or the
//! processor also paints.
//!
//! Invariant: a thread only ever steps back; the system does not let it return.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// Whether the processor paints the window.
static PAINTS: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether this thread takes only what nobody else wants.
    static IS_LAST: Cell<bool> = const { Cell::new(false) };
}

/// Says that the processor paints the window: from now on the threads that compute only take what the painting leaves.
///
/// Niceness is not enough there. A thread that is woken to paint waits until the one that computes has used up its slice,
/// several times in a frame: 19 of 20 frames took up to 58 ms with niceness alone and 43 ms so, of 35 ms in the middle (two
/// cores, a strength dragged).
pub fn processor_paints() {
    PAINTS.store(true, Ordering::Relaxed);
    rayon::spawn_broadcast(|_| step_back_if_painted());
}

/// To be called now and then by a thread that computes outside the pool.
pub fn step_back_if_painted() {
    if PAINTS.load(Ordering::Relaxed) && !IS_LAST.replace(true) {
        take_the_rest();
    }
}

/// Lets the calling thread run only where no other thread of the usual kind wants to.
#[cfg(target_os = "linux")]
fn take_the_rest() {
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
        thread_native_id,
    };
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let set = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
    if let Err(error) = set {
        log::debug!("a computing thread stays where it is: {error:?}");
    }
}

/// Elsewhere the priority is enough, or there is nothing below it.
#[cfg(not(target_os = "linux"))]
fn take_the_rest() {}

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
