//! Starts the program; everything else is in the library, where tests reach it.

use std::process::ExitCode;

/// Networks allocate and free large buffers on several threads, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ganoscope::cli::main()
}
