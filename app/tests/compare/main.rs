//! The view that compares: what it says and asks for, how it goes with the whole window, and how it looks.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot prepare itself has failed"
)]

mod behaviour;
#[path = "../common/mod.rs"]
mod common;
mod pictures;
mod scales;
mod stage;
mod whole;
mod zoom;
