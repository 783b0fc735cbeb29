//! The Ganoscope program: a window over `ganoscope-core`, and headless commands that call the same functions.

pub mod cli;
pub mod window;
