//! The ranges of the pixels that a network takes and emits: as its file says, as its last layer shows, else as published.

use super::{Guess, NetworkRole, SeriesManifest, TensorHeader};
use crate::network::{Network, Op};
use crate::stamp::ValueRange;

/// Metadata key of the range of the pixels a network takes, as JSON.
pub(super) const INPUT_RANGE_KEY: &str = "ganoscope.input_range";

/// Metadata key of the range of the pixels a network emits, as JSON.
pub(super) const OUTPUT_RANGE_KEY: &str = "ganoscope.output_range";

/// What a file says of ranges.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stated {
    /// Of the pixels that the network takes.
    pub(super) input: Option<ValueRange>,
    /// Of the pixels that it emits.
    pub(super) output: Option<ValueRange>,
}

impl Stated {
    /// What the metadata of a safetensors file say; what is no range says nothing.
    pub(super) fn by(header: &TensorHeader) -> Self {
        let range = |key: &str| -> Option<ValueRange> {
            let range: ValueRange = serde_json::from_str(header.metadata.get(key)?).ok()?;
            (range.low < range.high && (range.high - range.low).is_finite()).then_some(range)
        };
        Self {
            input: range(INPUT_RANGE_KEY),
            output: range(OUTPUT_RANGE_KEY),
        }
    }
}

/// The ranges of a network, and the guesses that they are; a discriminator emits no pixels.
pub(super) fn of(
    network: &Network,
    role: NetworkRole,
    stated: Stated,
    guesses: &mut Vec<Guess>,
) -> (ValueRange, Option<ValueRange>) {
    // A manifest that says nothing else has the published ranges.
    let published = SeriesManifest::foreign("");
    let mut guess = |what: &'static str, range: ValueRange, why: &'static str| {
        guesses.push(Guess::new(
            what,
            format!("{} to {}", range.low, range.high),
            why,
        ));
        range
    };
    let as_published = "not in the file, as published";
    let input_size = network.input_fact().size();
    // A latent has no pixels, so their range is no guess.
    let takes_picture = role == NetworkRole::Discriminator || input_size != [1, 1];
    let last = network.outputs().first();
    let last = last.map(|output| network.node(output.node));
    let output = published.output_range_of(role).map(|range| {
        let shown = match last.map(|node| &node.op) {
            Some(Op::Tanh) => Some(ValueRange::SIGNED),
            Some(Op::Sigmoid) => Some(ValueRange::UNIT),
            _ => None,
        };
        let enlarges = takes_picture && last.is_some_and(|node| node.fact.size() > input_size);
        match stated.output.or(shown) {
            Some(known) => known,
            // Super-resolution ends without an activation, and its pictures are those it takes with more pixels.
            None if enlarges => guess(
                "output range",
                ValueRange::UNIT,
                "not in the file; what enlarges a picture usually emits the range it takes",
            ),
            None => guess("output range", range, as_published),
        }
    });
    let range = published.input_range_of(role);
    let input = stated.input.unwrap_or_else(|| {
        if takes_picture {
            guess("input range", range, as_published)
        } else {
            range
        }
    });
    (input, output)
}
