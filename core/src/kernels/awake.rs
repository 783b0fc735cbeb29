//! Keeping the threads of the pool awake between the many short loops of one run.
//!
//! A thread that finds no work sleeps; waking it takes longer than a small layer. During a run the others therefore look
//! for work without sleeping, for a while.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Whether a run keeps the threads awake. One at a time is enough.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// Runs `work`, which consists of many short parallel loops on a thread of the pool while
/// the other threads stay awake. Does not wait for threads that are busy elsewhere.
pub fn awake<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| {
        if rayon::current_num_threads() == 1 || IS_TAKEN.swap(true, Ordering::Acquire) {
            return work();
        }
        let is_done = Arc::new(AtomicBool::new(false));
        // Also when `work` panics.
        let _end = End(is_done.clone());
        let own = rayon::current_thread_index();
        rayon::spawn_broadcast(move |context| {
            // This thread may find its own call while it waits inside `work`; a busy one may find it long after.
            if Some(context.index()) != own {
                look_for_work(|| is_done.load(Ordering::Acquire));
            }
        });
        work()
    })
}

thread_local! {
    static IS_LOOKING: Cell<bool> = const { Cell::new(false) };
}

/// Does what there is to do in the pool until `is_done`, and gives up when nothing comes for a while.
///
/// A thread that waits inside a piece of nested work may end up here, above the very piece that the run waits for. Giving up
/// makes that a short delay; without it the two would wait for each other.
fn look_for_work(is_done: impl Fn() -> bool) {
    if IS_LOOKING.replace(true) {
        return;
    }
    let begun = Instant::now();
    let (mut last_work, mut rounds) = (begun, 0_u32);
    while !is_done() {
        let has_worked = rayon::yield_now() == Some(rayon::Yield::Executed);
        if has_worked {
            last_work = Instant::now();
        } else {
            std::hint::spin_loop();
        }
        rounds = rounds.wrapping_add(1);
        let is_time_to_look = has_worked || rounds.is_multiple_of(64);
        if is_time_to_look && (last_work.elapsed() > IDLE || begun.elapsed() > AT_MOST) {
            break;
        }
    }
    IS_LOOKING.set(false);
}

/// Longer than any part of a run that is done by one thread.
const IDLE: Duration = Duration::from_micros(500);
/// After so long the layers are long enough for threads that have to be woken.
const AT_MOST: Duration = Duration::from_millis(10);

struct End(Arc<AtomicBool>);

impl Drop for End {
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
