//! Opening a file of weights alone: what the network is comes from a description beside it, from its own metadata, or from
//! the names and shapes of its tensors.

use std::borrow::Cow;
use std::path::Path;

use super::format::Format;
use super::memory::Budget;
use super::ranges::{self, Stated};
use super::spec::{Opened, open_read};
use super::state_dict::{self, Selector};
use super::{
    CheckpointError, Confidence, Guess, Identity, Limits, NetworkRole, NetworkSpec, ReadNetwork,
    TensorFile, describe, families, infer, torch,
};
use crate::network::{GoOn, always};

/// What is asked of a file of weights.
pub(super) struct Wanted<'a> {
    /// Which network of the file.
    pub(super) selector: Selector<'a>,
    /// Rows and columns of the stamps to be run, used when the file leaves it open.
    pub(super) stamp_size: Option<usize>,
    /// How much memory it may take.
    pub(super) budget: &'a Budget,
}

impl<'a> Wanted<'a> {
    /// What a specification asks for.
    pub(super) fn of(spec: &'a NetworkSpec, stamp_size: Option<usize>, budget: &'a Budget) -> Self {
        Self {
            selector: Selector {
                role: spec.role,
                part: spec.part.as_deref(),
            },
            stamp_size,
            budget,
        }
    }
}

/// Opens a network of a file of weights, or the one that a description names.
///
/// # Errors
/// A broken file, no or another network than asked for, an architecture that is not known.
pub(super) fn open(
    place: (&Path, Format),
    wanted: &Wanted<'_>,
    go_on: GoOn<'_>,
) -> Result<Opened, CheckpointError> {
    let (path, format) = place;
    if format == Format::Description {
        return describe::open(path, wanted, go_on);
    }
    if let Some(opened) = describe::open_beside(place, wanted, go_on)? {
        return Ok(opened);
    }
    let (file, mut guesses) = read(place, &wanted.selector, wanted.budget, go_on)?;
    let step = step_of(&file);
    let mut opened = match infer::config_of(&file.header, wanted.stamp_size) {
        Ok((config, found)) => {
            guesses.extend(found);
            configured(&file, config, guesses, go_on)?
        }
        Err(unknown) => inferred(&file, unknown, wanted, guesses, go_on)?,
    };
    opened.step = step;
    Ok(opened)
}

/// The tensors of a network, whatever they are kept in.
pub(super) fn read(
    (path, format): (&Path, Format),
    selector: &Selector<'_>,
    budget: &Budget,
    go_on: GoOn<'_>,
) -> Result<(TensorFile, Vec<Guess>), CheckpointError> {
    match format {
        Format::TorchArchive | Format::Pickle => {
            torch::read((path, format), selector, budget, go_on)
        }
        _ if format.holds_graph() => Err(CheckpointError::Unsupported {
            what: "this file holds its layers itself; a description and a state dict are of files of weights alone"
                .to_owned(),
            path: path.to_owned(),
        }),
        // What is of another kind is told by this reader, which says what one can do.
        _ => {
            let file = TensorFile::read_within(path, budget, go_on)?;
            state_dict::select(file, selector, path)
        }
    }
}

/// The tensors of the network that `spec` names, from a safetensors or PyTorch file: as f32, under the keys of the network,
/// with prefixes stripped and normalised weights made effective. Says which network of several was taken, and why.
///
/// # Errors
/// When the file is damaged, names more than weights, or has no such network.
pub fn read_state_dict(spec: &NetworkSpec) -> Result<(TensorFile, Vec<Guess>), CheckpointError> {
    read_of(spec, &Budget::new(Limits::default()))
}

pub(super) fn read_of(
    spec: &NetworkSpec,
    budget: &Budget,
) -> Result<(TensorFile, Vec<Guess>), CheckpointError> {
    let selector = Wanted::of(spec, None, budget).selector;
    let format = Format::of(&spec.path)?;
    read((&spec.path, format), &selector, budget, &always)
}

/// The roles that the names of the networks in a file tell; none for a file of one network that has no name.
///
/// # Errors
/// When the file is damaged.
pub(super) fn roles(path: &Path, format: Format) -> Result<Vec<NetworkRole>, CheckpointError> {
    let parts = match format {
        Format::TorchArchive | Format::Pickle => {
            let budget = Budget::new(Limits::default());
            torch::parts((path, format), &budget, &always)?
        }
        Format::Safetensors => state_dict::parts_of(&super::TensorHeader::read(path)?),
        _ => Vec::new(),
    };
    let told = NetworkRole::ALL.into_iter();
    Ok(told
        .filter(|role| parts.iter().any(|part| part.role == Some(*role)))
        .collect())
}

pub(super) fn step_of(file: &TensorFile) -> Option<u64> {
    file.header.metadata.get(infer::STEP_KEY)?.parse().ok()
}

/// A network of the architecture that this program trains.
fn configured(
    file: &TensorFile,
    config: super::NetworkConfig,
    mut guesses: Vec<Guess>,
    go_on: GoOn<'_>,
) -> Result<Opened, CheckpointError> {
    let role = config.role();
    let (network, report) = config.build_while(file, go_on)?;
    let stated = Stated::by(&file.header);
    let (input_range, output_range) = ranges::of(&network, role, stated, &mut guesses);
    let is_stated = file.header.metadata.contains_key(infer::CONFIG_KEY);
    let (confidence, evidence) = if is_stated {
        (Confidence::Stated, Vec::new())
    } else {
        let evidence = "names and shapes are those of the published network".to_owned();
        (Confidence::Likely, vec![evidence])
    };
    Ok(Opened {
        network,
        identity: config.identity(confidence, evidence),
        config: Some(config),
        role,
        step: None,
        input_range,
        output_range,
        report,
        guesses,
        manifest: None,
        warnings: Vec::new(),
        path: file.header.path.clone(),
        sha256: file.sha256.clone(),
    })
}

/// A network of the likeliest family; `unknown` is what is wrong when there is none.
fn inferred(
    file: &TensorFile,
    unknown: CheckpointError,
    wanted: &Wanted<'_>,
    guesses: Vec<Guess>,
    go_on: GoOn<'_>,
) -> Result<Opened, CheckpointError> {
    let path = &file.header.path;
    let mut problem = None;
    for recognised in families::recognise(file, wanted.stamp_size) {
        match recognised.blueprint.build(file, go_on) {
            Ok((network, report)) => {
                let read = ReadNetwork {
                    network,
                    role: recognised.blueprint.role,
                    identity: Identity {
                        family: Cow::Owned(recognised.blueprint.family),
                        confidence: recognised.confidence,
                        evidence: recognised.evidence,
                    },
                    report,
                    guesses: [guesses, recognised.guesses].concat(),
                    sha256: file.sha256.clone(),
                };
                return Ok(open_read(read, Stated::by(&file.header), path));
            }
            Err(trouble) => {
                problem.get_or_insert(CheckpointError::Network {
                    source: trouble.source,
                    path: path.clone(),
                });
            }
        }
    }
    // That a layer of the nearest family does not fit says more than that nothing is known.
    Err(problem.unwrap_or(unknown))
}
