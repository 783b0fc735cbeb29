//! The view of layers: what it says and asks for, how it is gone over, and how it looks.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot prepare itself has failed"
)]

mod behaviour;
#[path = "../common/mod.rs"]
mod common;
mod large;
mod pictures;
mod stage;
