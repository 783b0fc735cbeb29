//! The view of layers: what it says and asks for, how it is gone over, and how it looks.

mod behaviour;
#[path = "../common/mod.rs"]
mod common;
mod large;
mod pictures;
mod stage;
