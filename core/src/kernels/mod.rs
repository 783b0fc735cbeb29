//! Convolution and dense layers on the CPU, on plain contiguous `f32` slices, at the speed of the machine.
//!
//! # How
//! An input is packed with its zero padding into planes whose rows follow each other ([`plan`], [`pack`]). In that
//! layout a tap of the kernel is one constant offset for all pixels of all rows and pictures, whatever the stride
//! (which splits the input into phases), dilation or kernel size. So one micro-kernel ([`tiles`]) serves the forward
//! pass and the input gradient, which read weighted sums of shifted runs of pixels ([`gather`]), and a second one the
//! weight gradient, which reads dot products of such runs. No matrix of unfolded windows is ever built.
//!
//! | file | contents |
//! |---|---|
//! | `shape` | checked sizes |
//! | `lanes` | one vector register of AVX-512, AVX2, NEON or plain Rust |
//! | `tiles` | the two micro-kernels in all blockings, choice of the instruction set ([`Level`]) |
//! | `product` | bounds-checked calls of the micro-kernels |
//! | `plan`, `pack` | taps, phases, slabs; copying to and from packed frames |
//! | `gather` | the driver of the forward pass and the input gradient |
//! | `planes` | element-wise loops and sums over channels |
//! | `forward`, `input_gradient`, `weight_gradient`, `dense` | the public functions |
//!
//! # Results
//! Every output element is summed in a fixed order. The result depends on the instruction set (fused or separate
//! rounding, width of the final sums of the weight gradient), never on the number of threads.
//!
//! # Safety policy
//! This is the only module of the project with `unsafe` code, in few files, each for one reason: `lanes` and `tiles`
//! call vector instructions on raw pointers; `product` checks the bounds of every run and calls them; `gather` lets
//! pieces of work write disjoint lines of one uninitialised output, as `planes` does with whole planes. A [`Level`] exists only for a detected instruction
//! set. Everything else, all index arithmetic included, is safe code that `product` checks again.
#![allow(
    unsafe_code,
    reason = "vector instructions and disjoint writes, see the safety policy above"
)]

mod dense;
mod forward;
mod gather;
mod input_gradient;
mod lanes;
mod pack;
mod plan;
mod planes;
mod product;
mod shape;
mod tiles;
mod weight_gradient;

pub use dense::{
    DenseShape, dense, dense_at, dense_input_gradient, dense_input_gradient_at,
    dense_weight_gradient, dense_weight_gradient_at,
};
pub use forward::{conv2d, conv2d_at};
pub use input_gradient::{conv2d_input_gradient, conv2d_input_gradient_at};
pub use planes::{map_planes, sum_planes, zip_planes};
pub use shape::{ConvShape, ShapeError, Window};
pub use tiles::Level;
pub use weight_gradient::{conv2d_weight_gradient, conv2d_weight_gradient_at};
