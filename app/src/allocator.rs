//! The program's allocator. Benchmarks of both packages compile this file too, so that they allocate as the program does.
#![allow(
    unsafe_code,
    reason = "the allocator's settings are reached through its C interface alone"
)]

/// Networks allocate and free large buffers on several threads, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The setting `mi_option_purge_delay` of mimalloc 2 and 3, which the binding does not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
/// How long freed memory stays with the program, in milliseconds.
const KEPT_FOR: std::ffi::c_long = 10_000;

/// Keeps freed memory for a while. A step of training, or of a study, frees what the next one needs; given back at once,
/// every page would be cleared again by the system, a fifth of a training step.
pub(crate) fn keep_freed_memory() {
    // SAFETY: writes one number into the allocator's table of options, which takes any number for this one.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, KEPT_FOR) };
}
