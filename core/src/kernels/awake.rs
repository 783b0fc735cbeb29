//! Keeping the threads of the pool awake between the many short loops of one run.
//!
//! A thread that finds no work sleeps; waking it takes longer than a small layer. During a run the others therefore look
//! for work without sleeping.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

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

/// More threads than this do not share one loop.
const MAX_PARTS: usize = 64;

/// Runs `piece(0)` to `piece(pieces - 1)`, each once. Neighbouring pieces run on one thread, and the same pieces mostly on
/// the same thread from call to call, so that what one loop leaves in the cache of a core is there for the next. Pieces
/// must not wait for each other.
pub(super) fn in_order(pieces: usize, piece: impl Fn(usize) + Sync) {
    let parts = rayon::current_num_threads().min(MAX_PARTS).min(pieces);
    if parts <= 1 {
        return (0..pieces).for_each(piece);
    }
    let shared = Shared {
        pieces,
        parts,
        taken: [const { AtomicUsize::new(0) }; MAX_PARTS],
        done: AtomicUsize::new(0),
        piece,
    };
    shared.split(0, parts);
}

/// The pieces of one loop, as one run of neighbours for each thread.
struct Shared<F> {
    pieces: usize,
    parts: usize,
    /// Per part: how many of its pieces somebody has begun.
    taken: [AtomicUsize; MAX_PARTS],
    done: AtomicUsize,
    piece: F,
}

impl<F: Fn(usize) + Sync> Shared<F> {
    /// Hands out the parts from `first` to `end`, does the first and waits for all.
    fn split(&self, first: usize, end: usize) {
        if end - first > 1 {
            let middle = first + (end - first) / 2;
            rayon::join(|| self.split(first, middle), || self.split(middle, end));
            return;
        }
        // Its own part, then what others have not begun: their thread may be busy elsewhere.
        for part in (first..self.parts).chain(0..first) {
            self.run(part);
        }
        if first == 0 {
            // What is left runs on other threads and ends soon. Waiting in the pool would put this thread to sleep.
            let mut rounds = 0_u32;
            while self.done.load(Ordering::Acquire) < self.pieces {
                rounds = rounds.wrapping_add(1);
                if rounds.is_multiple_of(1 << 12) {
                    std::thread::yield_now();
                }
                std::hint::spin_loop();
            }
        }
    }

    fn run(&self, part: usize) {
        let [first, end] = [part, part + 1].map(|part| self.pieces * part / self.parts);
        loop {
            let index = first + self.taken[part].fetch_add(1, Ordering::Relaxed);
            if index >= end {
                return;
            }
            // Also when the piece panics, or the others would wait for ever.
            let _done = Count(&self.done);
            (self.piece)(index);
        }
    }
}

struct Count<'a>(&'a AtomicUsize);

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}
