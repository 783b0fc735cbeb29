//! Convolution and dense layers on the CPU, on plain contiguous `f32` slices, at the speed of the machine.
//!
//! # How
//! Where there are enough channels, a vector holds those of the target (`channels`): the input is packed with its channels
//! together, and any pixel can be read whatever the stride. Otherwise a vector holds pixels (`gather`): an input is packed with
//! its zero padding into planes whose rows follow each other (`plan`, `pack`). In that layout a tap of the kernel is one
//! constant offset for all pixels of all rows and pictures, whatever the stride (which splits the input into phases), dilation
//! or kernel size. So one micro-kernel (`micro`) serves the forward pass and the input gradient, which read weighted sums of
//! shifted runs of pixels, and a second one the weight gradient, which reads dot products of such runs. No matrix of unfolded
//! windows is ever built.
//!
//! | file | contents |
//! |---|---|
//! | `shape` | checked sizes |
//! | `lanes` | one vector register of AVX-512, AVX2, NEON or plain Rust |
//! | `micro` | the two micro-kernels in all blockings, choice of the instruction set ([`InstructionSet`]) |
//! | `product` | bounds-checked calls of the micro-kernels |
//! | `plan`, `pack` | taps, phases, slabs; copying to and from packed frames |
//! | `gather` | the driver of the forward pass and the input gradient with pixels side by side |
//! | `channels` | the same with channels side by side, also with positive and negative weights taken apart |
//! | `winograd` | 3x3 convolutions with fewer products |
//! | `finish` | the array that is written, and what is done to each piece of it |
//! | `awake` | threads that do not sleep during a run |
//! | `planes`, `sums` | element-wise loops; sums and moments over channels |
//! | `adam` | one update of a parameter |
//! | `way` | forward and transposed: what they share and where they differ |
//! | `forward`, `input_gradient`, `weight_gradient`, `dense` | the public functions |
//! | `prepared` | convolutions with their weights made ready |
//!
//! # Results
//! Every output element is summed in a fixed order. The result depends on the instruction set (fused or separate
//! rounding, width of the final sums of the weight gradient), never on the number of threads.
//!
//! # Safety policy
//! This is the only module of the project with `unsafe` code: `lanes` and `micro` run vector instructions on raw
//! pointers, `winograd::transform` and `channels::micro` likewise; `product` and `channels::product` check the bounds of every
//! run and call them; `finish` lets pieces
//! of work write disjoint parts of one output; `planes` and `adam` likewise with whole planes and runs. An
//! [`InstructionSet`] exists only where the machine has it. Everything else, all index
//! arithmetic included, is safe code whose offsets `product` checks again.
#![allow(
    unsafe_code,
    reason = "vector instructions and disjoint writes, see the safety policy above"
)]
#![allow(
    clippy::inline_always,
    reason = "vector operations must end up inside an entry point compiled for their instruction set"
)]

mod adam;
mod awake;
mod channels;
mod dense;
mod finish;
mod forward;
mod gather;
mod input_gradient;
mod lanes;
mod micro;
mod pack;
mod plan;
mod planes;
mod prepared;
mod product;
mod shape;
mod sums;
mod way;
mod weight_gradient;
mod winograd;

pub use adam::{AdamState, AdamStep};
pub use awake::awake;
pub use channels::{Combine, Reading, SignedConv};
pub use dense::{
    DenseShape, dense, dense_input_gradient, dense_input_gradient_with, dense_into,
    dense_weight_gradient, dense_weight_gradient_with, dense_with,
};
pub use finish::Finish;
pub use forward::{conv2d, conv2d_with};
pub use input_gradient::{conv2d_input_gradient, conv2d_input_gradient_with};
pub use micro::InstructionSet;
pub use planes::{
    for_planes, map_planes, sloped, update_planes, update_run, update_zip_planes,
    update_zip3_planes, zip_planes, zip_run, zip3_planes, zip3_run,
};
pub use prepared::PreparedConv;
pub use shape::{ConvShape, ShapeError, Window};
pub use sums::{
    Weights, all_finite, channel_moments, sum_planes, sum_planes_and_samples, weighted_sums,
};
pub use weight_gradient::{conv2d_weight_gradient, conv2d_weight_gradient_with};
pub use winograd::Algorithm;
