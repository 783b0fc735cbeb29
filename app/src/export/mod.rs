//! Export: what a view shows as a picture, a figure, data or a table, written beside the window's frames.
//!
//! Invariant: an export is made from a copy of what was on the screen when it was asked for, on a thread of its own; a file
//! appears complete or not at all, and the person hears of both.

mod choice;
mod data;
mod exporter;
mod guard;
mod job;
mod material;
mod offer;
mod offscreen;
mod tables;

pub use choice::{DataFormat, ExportChoice, Kind};
pub(crate) use data::relevance_arrays;
pub use exporter::{Exporter, Outcome, Written};
pub use job::{Job, drawing};
pub use material::{Material, Shown, Subject};
pub use offer::Offer;
pub use offscreen::{Card, Offscreen, OffscreenError};
pub use tables::{measures_table, table, timeline_table};
