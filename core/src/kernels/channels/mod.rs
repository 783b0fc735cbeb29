//! Convolutions with the target's channels side by side in a vector: a vector of weights times one value of the source.
//!
//! The source is packed with its channels together, so that a value may come from any pixel: no stride splits it, no short row
//! leaves lanes of a vector empty, and small pictures of a batch follow each other without gaps.
//!
//! | file | contents |
//! |---|---|
//! | `axis` | rows or columns: which sources a target reads |
//! | `layout` | chunks, strips and taps in order, and the weights in that order |
//! | `cut` | pieces of work for a batch and some threads |
//! | `micro`, `product` | the micro-kernels and the bounds-checked way to them |
//! | `work` | packing, summing and writing |
//! | `plain`, `signed` | convolutions, and those with positive and negative weights taken apart |
//!
//! Invariant: each target element belongs to one piece and is summed in one order (chunks of source channels, then taps, then
//! the channels of the chunk), which depends on the sizes of one picture and on the instruction set.

mod axis;
mod cut;
mod layout;
mod micro;
mod plain;
mod product;
mod signed;
mod work;

use super::micro::InstructionSet;
use super::shape::ConvShape;
use super::way::Way;

pub(super) use plain::{OrderedConv, ReadyChannels};
pub use signed::{Combine, Reading, SignedConv};

/// Channels of the widest block of any instruction set.
const MOST_CHANNELS: usize = 32;

/// Steps that a sum must have at least for what comes before and after it to be worth while: where all targets are of one phase,
/// and where rows are put together from several.
const STEPS: [usize; 2] = [64, 128];

/// Whether a convolution gains by this: its channels fill most of their vectors, and its sums are long. It does not depend on
/// the batch, so that a picture gives the same bits alone and among others.
pub(super) fn applies(set: InstructionSet, way: Way, shape: &ConvShape) -> bool {
    let (ins, outs) = (shape.in_per_group(), shape.out_per_group());
    let (sources, targets, [down, right]) = match way {
        Way::Forward => (ins, outs, [1, 1]),
        Way::Transposed => (outs, ins, shape.window().stride),
    };
    let [height, width] = shape.in_size();
    if down > height || right > width {
        // The other way has a list of taps for each phase, however many there are beyond the picture.
        return true;
    }
    let phases = down * right;
    let is_long = sources * shape.taps() >= phases * STEPS[usize::from(phases > 1)];
    is_long && 4 * targets >= 3 * targets.next_multiple_of(set.lanes())
}
