//! Runs that keep the threads of the pool awake end, whatever else the pool does.

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
