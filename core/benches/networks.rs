//! The published networks at 16 and 64 filters: forward through a plan, relevance, a training step, a resumed run. The
//! same tasks as `peers/run.py` measures beside other libraries.
//!
//! `cargo bench -p ganoscope-core --bench networks [TASK]`.

#[path = "common/mod.rs"]
mod common;

use std::time::Duration;

use common::tasks::{TASKS, prepare};
use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};

fn networks(c: &mut Criterion) {
    common::allocator::keep_freed_memory();
    let mut group = c.benchmark_group("networks");
    // The slowest take a second: each sample is few calls, and ten samples say enough.
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2));
    for task in TASKS {
        // Prepared when it is measured, so that a filter does not prepare the others.
        group.bench_function(task, |b| {
            let mut call = prepare(task);
            b.iter(&mut call);
        });
    }
    group.finish();
}

criterion_group!(benches, networks);
criterion_main!(benches);
