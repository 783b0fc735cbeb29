//! Which of the two networks of a GAN a graph is, told from what it takes and emits.

use super::{Guess, NetworkRole};
use crate::network::Network;

/// Most channels of a picture that people look at; a map of more is something else.
const PICTURE_CHANNELS: usize = 5;

/// The role of a network, with the guess that it is.
///
/// A picture at least as large as the one taken, or one made of a vector, is drawn; a vector or a small map of one
/// channel is a judgement.
pub(super) fn of(network: &Network, guesses: &mut Vec<Guess>) -> NetworkRole {
    let pixels = |dims: &[usize]| match dims {
        [_, rows, columns] => Some(rows * columns),
        _ => None,
    };
    let taken = network.inputs().iter();
    let taken = taken
        .filter_map(|id| pixels(&network.node(*id).fact.dims))
        .max();
    let draws = network.outputs().iter().any(|output| {
        let dims = &network.node(output.node).fact.dims;
        let is_picture = dims.first().is_some_and(|c| *c <= PICTURE_CHANNELS);
        is_picture && pixels(dims).is_some_and(|made| made > 1 && Some(made) >= taken)
    });
    let judges = network.outputs().iter().all(|output| {
        let dims = &network.node(output.node).fact.dims;
        dims.len() == 1 || (dims.first() == Some(&1) && pixels(dims) < taken)
    });
    let (role, why) = match (draws, judges) {
        (true, _) => (NetworkRole::Generator, "it emits a picture"),
        (false, true) => (
            NetworkRole::Discriminator,
            "it emits a vector or a small map",
        ),
        (false, false) => (
            NetworkRole::Generator,
            "its output is neither a picture nor a judgement",
        ),
    };
    guesses.push(Guess::new("role", role.to_string(), why));
    role
}
