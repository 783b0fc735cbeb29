//! Infinities and values that are not numbers: they reach exactly what depends on them, no run hides them or panics, and
//! methods that cannot make sense of them say in which layer they are.
//!
//! Pixels that are not finite are refused at the input, and parameters when a network is built; here they are put inside
//! by a constant, an edit or `map_params`, as an overflow in a layer would.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "../common/mod.rs"]
mod common;
mod kernels;
mod layers;
mod methods;

/// What a value can be that is not finite.
const BAD: [f64; 3] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
/// Rows and columns of all inputs here, and the pixel that is bad.
const SIZE: usize = 9;
const PIXEL: [usize; 2] = [4, 6];
