//! Starts the program; everything else is in the library, where tests reach it.

mod allocator;

use std::process::ExitCode;

fn main() -> ExitCode {
    allocator::keep_freed_memory();
    ganoscope::cli::main()
}
