//! Finding out what a lone weights file is: architecture and parameters from the names and shapes of its tensors.
//!
//! What cannot be seen (padding, slopes, sizes of a fully convolutional network) is taken from the publication and
//! stated as a [`Guess`]; files written by this program say it in their metadata.

use super::config::NetworkConfig;
use super::{CheckpointError, Guess, TensorHeader};
use crate::architecture::{DiscriminatorConfig, GeneratorConfig, PaddingConvention, PreluKind};

/// Metadata key of the configuration as JSON.
pub(super) const CONFIG_KEY: &str = "ganoscope.config";

/// Metadata key of the training step.
pub(super) const STEP_KEY: &str = "ganoscope.step";

const NOT_VISIBLE: &str = "not visible in the tensors, as published";

/// The configuration of a file and what was guessed. `stamp_size`: that of the stamps to be run, used when the file
/// leaves it open.
pub(super) fn config_of(
    header: &TensorHeader,
    stamp_size: Option<usize>,
) -> Result<(NetworkConfig, Vec<Guess>), CheckpointError> {
    let mut guesses = Vec::new();
    if let Some(text) = header.metadata.get(CONFIG_KEY) {
        match serde_json::from_str(text) {
            Ok(config) => return Ok((config, guesses)),
            Err(error) => guesses.push(Guess::new(
                "configuration",
                format!("inferred from the tensors, because {CONFIG_KEY} says {error}"),
                "the metadata of the file are broken",
            )),
        }
    }
    let shapes = Shapes { header };
    let config = if header.entries.contains_key("net.conv0.weight") {
        NetworkConfig::Discriminator(discriminator_of(&shapes, stamp_size, &mut guesses)?)
    } else if header.entries.contains_key("conv_in.weight") {
        NetworkConfig::Generator(generator_of(&shapes, stamp_size, &mut guesses)?)
    } else {
        return Err(shapes.unknown(match header.entries.keys().next() {
            Some(first) => format!("{} tensors beginning with {first}", header.entries.len()),
            None => "no tensors".to_owned(),
        }));
    };
    Ok((config, guesses))
}

struct Shapes<'a> {
    header: &'a TensorHeader,
}

impl Shapes<'_> {
    fn unknown(&self, found: String) -> CheckpointError {
        CheckpointError::UnknownArchitecture {
            found,
            path: self.header.path.clone(),
        }
    }

    fn of(&self, key: &str) -> Option<&[usize]> {
        self.header.entries.get(key).map(|e| e.shape.as_slice())
    }

    /// The shape of a tensor every network of the architecture has.
    fn needed(&self, key: &str) -> Result<&[usize], CheckpointError> {
        self.of(key)
            .ok_or_else(|| self.unknown(format!("{key} is missing")))
    }

    fn strange(&self, key: &str, shape: &[usize]) -> CheckpointError {
        self.unknown(format!("{key} has shape {shape:?}"))
    }

    /// Number of blocks `PREFIX.0`, `PREFIX.1`, ... without a gap.
    fn blocks(&self, prefix: &str) -> usize {
        (0..usize::MAX)
            .take_while(|i| self.of(&format!("{prefix}.{i}.conv1.weight")).is_some())
            .count()
    }
}

fn generator_of(
    shapes: &Shapes<'_>,
    stamp_size: Option<usize>,
    guesses: &mut Vec<Guess>,
) -> Result<GeneratorConfig, CheckpointError> {
    let mut config = GeneratorConfig::default();
    match *shapes.needed("conv_in.weight")? {
        [filters, inputs @ (3 | 5), 9, 9] => {
            config.filters = filters;
            config.position_channels = inputs == 5;
        }
        ref other => return Err(shapes.strange("conv_in.weight", other)),
    }
    let f = config.filters;
    match *shapes.needed("act_in.weight")? {
        [n] if n == f => {
            config.prelu = PreluKind::PerChannel;
            config.stamp_size = stamp_size.unwrap_or(config.stamp_size);
            guesses.push(Guess::new(
                "stamp size",
                config.stamp_size.to_string(),
                match stamp_size {
                    Some(_) => "this network takes any size; that of the first stamp",
                    None => "this network takes any size; as published",
                },
            ));
        }
        [n, h, w] if n == f && h == w => {
            config.prelu = PreluKind::PerElement;
            config.stamp_size = h;
        }
        ref other => return Err(shapes.strange("act_in.weight", other)),
    }
    config.root_blocks = shapes.blocks("root");
    let branches = [shapes.blocks("branch1"), shapes.blocks("branch2")];
    if branches[0] != branches[1] {
        let [one, two] = branches;
        return Err(shapes.unknown(format!("branches of {one} and {two} blocks")));
    }
    config.branch_blocks = branches[0];
    guesses.push(Guess::new("dilations", "1".to_owned(), NOT_VISIBLE));
    guesses.push(Guess::new(
        "batch_norm_eps",
        config.batch_norm_eps.to_string(),
        NOT_VISIBLE,
    ));
    Ok(config)
}

fn discriminator_of(
    shapes: &Shapes<'_>,
    stamp_size: Option<usize>,
    guesses: &mut Vec<Guess>,
) -> Result<DiscriminatorConfig, CheckpointError> {
    let mut config = DiscriminatorConfig::default();
    match *shapes.needed("net.conv0.weight")? {
        [filters, 3, 3, 3] => config.filters = filters,
        ref other => return Err(shapes.strange("net.conv0.weight", other)),
    }
    let features = shapes.needed("net.fc1.weight")?;
    let &[dense, columns] = features else {
        return Err(shapes.strange("net.fc1.weight", features));
    };
    config.dense = dense;
    // Four strides of 2 leave ceil(size / 16) rows and columns of 8 * filters channels (methods of the publication).
    let channels = config.filters.saturating_mul(8).max(1);
    let rest = (columns / channels).isqrt();
    if rest == 0 || Some(columns) != rest.checked_mul(rest).and_then(|n| n.checked_mul(channels)) {
        return Err(shapes.strange("net.fc1.weight", features));
    }
    let largest = rest.saturating_mul(16);
    let fits = |size: &usize| size.div_ceil(16) == rest;
    config.stamp_size = stamp_size.filter(fits).unwrap_or(largest);
    guesses.push(Guess::new(
        "stamp size",
        config.stamp_size.to_string(),
        if stamp_size.is_some_and(|s| fits(&s)) {
            "the dense layer leaves a range of 16 sizes open; that of the first stamp"
        } else {
            "the dense layer leaves a range of 16 sizes open; the largest of them"
        },
    ));
    config.padding = PaddingConvention::Symmetric;
    guesses.push(Guess::new(
        "padding",
        "symmetric".to_owned(),
        "not visible in the tensors; weights from TensorFlow need tf-same, said in a series.toml",
    ));
    for (what, value) in [
        ("leaky_slope", config.leaky_slope),
        ("batch_norm_eps", config.batch_norm_eps),
    ] {
        guesses.push(Guess::new(what, value.to_string(), NOT_VISIBLE));
    }
    Ok(config)
}
