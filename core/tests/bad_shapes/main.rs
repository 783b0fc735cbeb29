//! Sizes that cannot be: zero, larger than the address space, windows over the image. The kernels refuse them when a
//! shape is made, a network names the layer when it is built; nothing panics and nothing is allocated for them.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "../common/mod.rs"]
mod common;
mod kernels;
mod layers;

const HUGE: usize = usize::MAX;
/// Numbers around every limit: zero, one, what overflows in a product, in a sum, in a padding.
const SIZES: [usize; 8] = [0, 1, 3, 1 << 20, 1 << 33, HUGE / 64, HUGE / 2, HUGE];
