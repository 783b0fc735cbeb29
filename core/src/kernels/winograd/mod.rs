//! 3x3 convolutions without stride by Winograd's F(4x4, 3x3): 36 products for 16 outputs instead of 144.
//!
//! | file | contents |
//! |---|---|
//! | `transform` | the transforms of tiles |
//! | `points` | their points, and the transforms of weights |
//! | `tiles` | cutting planes into tiles and putting them together again |
//! | `gather` | the forward pass and the input gradient |
//! | `weights` | the weight gradient |
//!
//! Tiles of 6 x 6 pixels, 4 apart, are transformed for every source channel; at each of the 36 positions a matrix product
//! over channels follows, by the same micro-kernel as everywhere; its result is transformed to 4 x 4 outputs.
//!
//! # Accuracy
//! Sums and differences of neighbouring pixels round, so an output carries an error in proportion to the largest value
//! of its tile, not to the terms of its own sum. Against `f64`, with random values, the largest error is about 3 times that
//! of the direct sum and below 1e-6 of the sum of the magnitudes of a result's terms (`core/tests/kernels/winograd.rs`). What needs small
//! differences of large values, as relevance with its quotients does, asks for [`Algorithm::Direct`].
//!
//! A value that is not finite reaches every output of the tiles that hold it, up to 5 pixels away instead of 1.

mod gather;
mod points;
mod tiles;
mod transform;
mod weights;

use super::shape::ConvShape;

pub(super) use gather::{
    Direction, PreparedWeights, ReadyTiles, forward_weights, input_gradient_weights,
};
pub(super) use weights::weight_gradient;

/// Rows and columns of a tile of inputs.
const TILE: usize = 6;
/// Rows and columns of a tile of outputs: the distance between tiles.
const GRADIENT: usize = 4;
/// Products per pair of channels and tile.
const POSITIONS: usize = TILE * TILE;

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// The fastest: Winograd's where it needs fewer operations.
    #[default]
    Fastest,
    /// The sum as it is defined, rounded term by term.
    Direct,
}

/// Planes with fewer outputs are computed directly: their tiles are mostly border, and they make little use of each transformed
/// weight, of which there are 36 to read from memory instead of 9.
const FEWEST_OUTPUTS: usize = 256;

/// Whether a convolution has a form that the transforms know and is large enough to gain by them. It does not depend on
/// the batch, so that a picture gives the same bits alone and among others.
pub(super) fn applies(shape: &ConvShape) -> bool {
    let window = shape.window();
    let [height, width] = shape.out_size();
    let (ins, outs) = (shape.in_channels(), shape.out_channels());
    // Vector operations per 16 outputs: the transforms of both sides against the 6.75 products that they save.
    let transforms = 16 * ins + 14 * outs;
    shape.kernel() == [3, 3]
        && window.stride == [1, 1]
        && window.dilation == [1, 1]
        && window.groups == 1
        // More would make the gradient of the input negative padding, and its source wider than its tiles.
        && window.pad_before.iter().chain(&window.pad_after).all(|pad| *pad <= 2)
        && height * width >= FEWEST_OUTPUTS
        && 6 * ins * outs > 2 * transforms
}
