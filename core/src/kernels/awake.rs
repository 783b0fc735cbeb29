//! Keeping the threads of the pool awake between the many short loops of one run.
//!
//! A thread that finds no work sleeps; waking it takes longer than a small layer. During a run the others therefore look
//! for work without sleeping.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a run keeps the threads awake. One at a time: two that wait for each other's end would wait for ever.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// Runs `work`, which consists of many short parallel loops whose pieces wait for nothing, on a thread of the pool while
/// the other threads stay awake.
pub fn awake<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    let is_done = AtomicBool::new(false);
    rayon::scope(|scope| {
        if rayon::current_num_threads() == 1 || IS_TAKEN.swap(true, Ordering::Acquire) {
            return work();
        }
        // Also when `work` panics.
        let _end = End(&is_done);
        let own = rayon::current_thread_index();
        let is_done = &is_done;
        scope.spawn_broadcast(move |_, context| {
            // This thread may find its own call while it waits inside `work`.
            while Some(context.index()) != own && !is_done.load(Ordering::Acquire) {
                if rayon::yield_now() != Some(rayon::Yield::Executed) {
                    std::hint::spin_loop();
                }
            }
        });
        work()
    })
}

struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
        IS_TAKEN.store(false, Ordering::Release);
    }
}

/// Runs `piece(0)` to `piece(pieces - 1)`, each once. Neighbouring pieces run on one thread, and the same pieces mostly on
/// the same thread from call to call, so that what one loop leaves in the cache of a core is there for the next.
pub(super) fn in_order(pieces: usize, piece: impl Fn(usize) + Sync) {
    fn split(range: std::ops::Range<usize>, parts: usize, piece: &(impl Fn(usize) + Sync)) {
        if parts <= 1 || range.len() <= 1 {
            return range.for_each(piece);
        }
        let middle = range.start + range.len() * (parts / 2) / parts;
        rayon::join(
            || split(range.start..middle, parts / 2, piece),
            || split(middle..range.end, parts - parts / 2, piece),
        );
    }
    split(0..pieces, rayon::current_num_threads(), &piece);
}
