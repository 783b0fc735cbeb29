//! Opening a file of weights alone: what the network is comes from a description beside it, from its own metadata, or from
//! the names and shapes of its tensors.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::blueprint::{self, Blueprint};
use super::format::Format;
use super::spec::{Opened, open_read};
use super::state_dict::{self, Selector};
use super::{
    CheckpointError, Confidence, Guess, Identity, Limits, NetworkRole, NetworkSpec, ReadNetwork,
    TensorFile, families, infer, torch,
};
use crate::network::GoOn;

/// What is asked of a file of weights.
pub(super) struct Wanted<'a> {
    /// Which network of the file.
    pub(super) selector: Selector<'a>,
    /// Rows and columns of the stamps to be run, used when the file leaves it open.
    pub(super) stamp_size: Option<usize>,
    /// How much memory it may take.
    pub(super) limits: Limits,
}

impl<'a> Wanted<'a> {
    /// What a specification asks for, within the usual limits.
    pub(super) fn of(spec: &'a NetworkSpec, stamp_size: Option<usize>) -> Self {
        Self {
            selector: Selector {
                role: spec.role,
                part: spec.part.as_deref(),
            },
            stamp_size,
            limits: Limits::default(),
        }
    }
}

/// Opens a network of a file of weights, or the one that a description names.
///
/// # Errors
/// A broken file, no or another network than asked for, an architecture that is not known.
pub(super) fn open(
    path: &Path,
    wanted: &Wanted<'_>,
    go_on: GoOn<'_>,
) -> Result<Opened, CheckpointError> {
    if Format::of(path)? == Format::Description {
        let blueprint = Blueprint::read(path)?;
        let Some(weights) = &blueprint.weights else {
            return Err(CheckpointError::Manifest {
                what: "weights is missing: the file, beside this one, that the description is for"
                    .to_owned(),
                path: path.to_owned(),
            });
        };
        let place = path.parent().unwrap_or(Path::new("")).join(weights);
        let spec = NetworkSpec::parse(&place.to_string_lossy());
        let selector = Selector {
            role: wanted.selector.role.or(spec.role),
            part: wanted.selector.part.or(spec.part.as_deref()),
        };
        let (file, guesses) = read(&spec.path, &selector, wanted, go_on)?;
        return described(file, guesses, &blueprint, path, go_on);
    }
    if let Some((description, blueprint)) = description_of(path, &wanted.selector)? {
        let selector = Selector {
            role: Some(blueprint.role),
            part: wanted.selector.part,
        };
        let (file, guesses) = read(path, &selector, wanted, go_on)?;
        return described(file, guesses, &blueprint, &description, go_on);
    }
    let (file, mut guesses) = read(path, &wanted.selector, wanted, go_on)?;
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

/// The description beside a weights file, unless a network of the other role is asked for.
fn description_of(
    path: &Path,
    selector: &Selector<'_>,
) -> Result<Option<(PathBuf, Blueprint)>, CheckpointError> {
    let description = super::description_beside(path);
    if !description.is_file() {
        return Ok(None);
    }
    let blueprint = Blueprint::read(&description)?;
    let of_part = || selector.part.and_then(state_dict::role_of);
    let asked = selector.role.or_else(of_part);
    let is_meant = asked.is_none_or(|role| role == blueprint.role);
    Ok(is_meant.then_some((description, blueprint)))
}

/// The tensors of a network, whatever they are kept in.
pub(super) fn read(
    path: &Path,
    selector: &Selector<'_>,
    wanted: &Wanted<'_>,
    go_on: GoOn<'_>,
) -> Result<(TensorFile, Vec<Guess>), CheckpointError> {
    match Format::of(path)? {
        Format::Zip | Format::Pickle => torch::read(path, selector, &wanted.limits, go_on),
        // What is of another kind is told by this reader, which says what one can do.
        _ => {
            let length = std::fs::metadata(path)
                .map_err(CheckpointError::read(path))?
                .len();
            wanted.limits.check(length, path)?;
            state_dict::select(TensorFile::read_while(path, go_on)?, selector, path)
        }
    }
}

/// The tensors of the network that `spec` names, from a safetensors or PyTorch file: as f32, under the keys of the network,
/// with prefixes stripped and normalised weights made effective. Says which network of several was taken, and why.
///
/// # Errors
/// When the file is damaged, names more than weights, or has no such network.
pub fn read_state_dict(spec: &NetworkSpec) -> Result<(TensorFile, Vec<Guess>), CheckpointError> {
    let wanted = Wanted::of(spec, None);
    read(
        &spec.path,
        &wanted.selector,
        &wanted,
        &crate::network::always,
    )
}

/// The roles that the names of the networks in a file tell; none for a file of one network that has no name.
///
/// # Errors
/// When the file is damaged.
pub(super) fn roles(path: &Path) -> Result<Vec<NetworkRole>, CheckpointError> {
    let always = &crate::network::always;
    let parts = match Format::of(path)? {
        Format::Zip | Format::Pickle => torch::parts(path, always)?,
        Format::Safetensors => state_dict::parts_of(&super::TensorHeader::read(path)?),
        _ => Vec::new(),
    };
    let told = NetworkRole::ALL.into_iter();
    Ok(told
        .filter(|role| parts.iter().any(|part| part.role == Some(*role)))
        .collect())
}

fn step_of(file: &TensorFile) -> Option<u64> {
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
    let (input_range, output_range) = infer::ranges_of(&file.header, role, &mut guesses);
    let stated = file.header.metadata.contains_key(infer::CONFIG_KEY);
    let (confidence, evidence) = if stated {
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
                return Ok(open_read(read, path));
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

/// A network as a description says it.
fn described(
    file: TensorFile,
    guesses: Vec<Guess>,
    blueprint: &Blueprint,
    description: &Path,
    go_on: GoOn<'_>,
) -> Result<Opened, CheckpointError> {
    let (network, report) = blueprint.build(&file, go_on).map_err(|trouble| {
        let line = trouble
            .line
            .map_or(String::new(), |line| format!("line {line}: "));
        CheckpointError::Manifest {
            what: format!("{line}{}", trouble.source),
            path: description.to_owned(),
        }
    })?;
    let name = description
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let read = ReadNetwork {
        network,
        role: blueprint.role,
        identity: Identity {
            family: Cow::Owned(blueprint.family.clone()),
            confidence: Confidence::Stated,
            evidence: vec![format!("described by {name}")],
        },
        report,
        guesses,
        sha256: file.sha256.clone(),
    };
    let mut opened = open_read(read, &file.header.path);
    opened.step = step_of(&file);
    if let Some(range) = blueprint.input_range {
        opened.input_range = range;
        opened.guesses.retain(|guess| guess.what != "input range");
    }
    if let (Some(range), Some(output)) = (blueprint.output_range, &mut opened.output_range) {
        *output = range;
        opened.guesses.retain(|guess| guess.what != "output range");
    }
    Ok(opened)
}

/// A description of the network that `spec` names, to be corrected and kept beside the file as `FILE.model.toml`: lines that
/// the tensors do not show are marked. Where no architecture fits, the layers are written down in the order of the file.
///
/// # Errors
/// When the file cannot be read or holds no such network.
pub fn draft_description(
    spec: &NetworkSpec,
    stamp_size: Option<usize>,
) -> Result<String, CheckpointError> {
    let wanted = Wanted::of(spec, stamp_size);
    let always = &crate::network::always;
    let (file, _) = read(&spec.path, &wanted.selector, &wanted, always)?;
    let mut notes = vec![
        "Lines marked doubtful are not visible in the weights: correct them where you know better,"
            .to_owned(),
        format!(
            "and keep this file beside the weights as NAME{}.",
            blueprint::SUFFIX
        ),
    ];
    if let Ok((config, _)) = infer::config_of(&file.header, stamp_size) {
        let (network, _) = config.build(&file)?;
        let family = config.identity(Confidence::Likely, Vec::new()).family;
        return Ok(Blueprint::of(&network, &family, config.role()).to_toml(&notes));
    }
    let fitting = families::recognise(&file, stamp_size)
        .into_iter()
        .find(|recognised| recognised.blueprint.build(&file, always).is_ok());
    if let Some(recognised) = fitting {
        notes.push(format!(
            "{} ({}).",
            recognised.blueprint.family, recognised.confidence
        ));
        notes.extend(
            recognised
                .evidence
                .iter()
                .map(|sentence| format!("- {sentence}")),
        );
        return Ok(recognised.blueprint.to_toml(&notes));
    }
    notes.push(
        "No architecture that is known fits; these are the layers in the order of the file."
            .to_owned(),
    );
    let drafted = families::list(&file, stamp_size);
    if let Err(trouble) = drafted.build(&file, always) {
        notes.push(format!(
            "As it stands it cannot be built: {}.",
            trouble.source
        ));
    }
    Ok(drafted.to_toml(&notes))
}
