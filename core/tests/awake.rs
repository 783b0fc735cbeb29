//! Runs that keep the threads of the pool awake end, whatever else the pool does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ganoscope_core::kernels::awake;
use rayon::prelude::*;

/// Work whose pieces wait for pieces of their own.
fn nested(depth: usize) -> usize {
    if depth == 0 {
        return 1;
    }
    let (a, b) = rayon::join(|| nested(depth - 1), || nested(depth - 1));
    a + b
}

#[test]
fn nested_work_beside_many_runs_comes_to_an_end() {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .build()
        .expect("threads start");
    let sum: usize = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let work = || {
                        let many = (0..200).map(|_| awake(|| nested(6)));
                        many.sum::<usize>()
                            + (0..64)
                                .into_par_iter()
                                .map(|_| awake(|| nested(3)))
                                .sum::<usize>()
                    };
                    pool.install(work)
                })
            })
            .collect();
        runs.into_iter()
            .map(|run| run.join().expect("a run ends"))
            .sum()
    });
    assert_eq!(sum, 4 * (200 * 64 + 64 * 8));
}

/// Another thread is still at work for an earlier run when a run begins, and that work waits for a piece of its own. Were
/// the thread to look for the run's work there until the run has ended, and the run waits for the work, neither would end.
#[test]
fn a_run_may_wait_for_work_that_waits() {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .build()
        .expect("threads start");
    let [begun, gate, piece, done] = [(); 4].map(|()| Arc::new(AtomicBool::new(false)));
    let is_set = |flag: &AtomicBool| flag.load(Ordering::SeqCst);
    let has_ended = pool.install(|| {
        awake(|| {
            let flags = [&begun, &gate, &piece, &done].map(Arc::clone);
            rayon::spawn(move || {
                let [begun, gate, piece, done] = flags;
                begun.store(true, Ordering::SeqCst);
                until(|| gate.load(Ordering::SeqCst), || ());
                let second = || {
                    piece.store(true, Ordering::SeqCst);
                    // Long enough for the other half to be done and to wait.
                    let mut rounds = 0;
                    until(
                        || {
                            rounds += 1;
                            rounds > 3_000_000
                        },
                        || (),
                    );
                };
                // The first half ends when the other thread has the second.
                rayon::join(|| until(|| piece.load(Ordering::SeqCst), || ()), second);
                done.store(true, Ordering::SeqCst);
            });
            // Without taking it itself.
            until(|| is_set(&begun), || ());
        });
        awake(|| {
            gate.store(true, Ordering::SeqCst);
            let look = || {
                rayon::yield_now();
            };
            until(|| is_set(&done), look);
            is_set(&done)
        })
    });
    assert!(has_ended, "the work ends while the run waits for it");
}

/// Does `meanwhile` until `is_so`, but not for ever.
fn until(mut is_so: impl FnMut() -> bool, meanwhile: impl Fn()) {
    let begun = Instant::now();
    while !is_so() && begun.elapsed() < Duration::from_secs(20) {
        meanwhile();
        std::hint::spin_loop();
    }
}

#[test]
fn a_panic_leaves_the_pool_usable() {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .build()
        .expect("threads start");
    for _ in 0..20 {
        let fail = || pool.install(|| awake(|| panic!("on purpose")));
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(fail));
        assert!(failed.is_err());
        assert_eq!(pool.install(|| awake(|| nested(5))), 32);
    }
}
