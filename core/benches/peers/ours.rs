//! Our side of the comparison with peers: one task, measured now. `run.py` beside this file calls it between the peers,
//! so that all are measured under the same load.
//!
//! `ours time TASK THREADS SECONDS` prints the median time of one call in milliseconds; `ours memory TASK THREADS` prints
//! the resident memory before the task was prepared and the largest since, in KiB.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints its result, and one that cannot prepare itself has failed"
)]

#[path = "../common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use common::tasks::prepare;

/// Calls after which memory has stopped growing.
const MEMORY_CALLS: usize = 4;

fn main() {
    common::allocator::keep_freed_memory();
    let words: Vec<String> = std::env::args().filter(|a| a != "--bench").collect();
    let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    match words.as_slice() {
        ["time", task, threads, seconds] => {
            start_threads(threads);
            time(task, seconds.parse().expect("seconds"));
        }
        ["memory", task, threads] => {
            start_threads(threads);
            memory(task);
        }
        _ => println!(
            "usage: ours time TASK THREADS SECONDS | memory TASK THREADS; called by run.py"
        ),
    }
}

fn start_threads(count: &str) {
    rayon::ThreadPoolBuilder::new()
        .num_threads(count.parse().expect("threads"))
        .build_global()
        .expect("threads start");
}

fn time(task: &str, seconds: f64) {
    let budget = Duration::from_secs_f64(seconds);
    let mut call = prepare(task);
    // The first call fills caches and pools.
    call();
    let begun = Instant::now();
    let mut times = Vec::new();
    while times.len() < 3 || begun.elapsed() < budget {
        let start = Instant::now();
        call();
        times.push(start.elapsed());
    }
    times.sort();
    println!("{:.4}", 1e3 * times[times.len() / 2].as_secs_f64());
}

fn memory(task: &str) {
    // Forgets the largest so far; where the system does not allow it, it is that of an almost empty process.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = status("VmRSS:");
    let mut call = prepare(task);
    for _ in 0..MEMORY_CALLS {
        call();
    }
    println!("{before} {}", status("VmHWM:"));
}

/// A line of Linux's status of this process, in KiB.
fn status(field: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("memory is measured on Linux");
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|n| n.parse().ok())
        .expect("a number of KiB")
}
