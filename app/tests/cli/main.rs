//! The headless commands as a person meets them: the real program, its files, its words and its exit codes.

mod attribution;
mod desk;
mod measures;
mod opening;
mod pages;
mod refusals;
mod repaired;
mod results;
