//! Descriptions of the layers of weights: opened by themselves or beside the weights, and drafted for a person to correct.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::blueprint::{self, Blueprint};
use super::format::Format;
use super::memory::Budget;
use super::ranges::Stated;
use super::spec::{Opened, open_read};
use super::state_dict::{self, Selector};
use super::trouble::Trouble;
use super::weights::{self, Wanted};
use super::{
    CheckpointError, Confidence, Guess, Identity, Limits, NetworkSpec, ReadNetwork, TensorFile,
    beside, families, hash, infer,
};
use crate::network::{GoOn, always};

/// A description with where it is and its text.
struct Description {
    blueprint: Blueprint,
    path: PathBuf,
    text: String,
}

impl Description {
    fn read(path: PathBuf, budget: &Budget) -> Result<Self, CheckpointError> {
        let (blueprint, text) = Blueprint::read(&path, budget)?;
        Ok(Self {
            blueprint,
            path,
            text,
        })
    }
}

/// A description that is opened by itself: it names the weights beside it.
pub(super) fn open(
    path: &Path,
    wanted: &Wanted<'_>,
    go_on: GoOn<'_>,
) -> Result<Opened, CheckpointError> {
    let description = Description::read(path.to_owned(), wanted.budget)?;
    let wrong = |what: String| CheckpointError::Manifest {
        what,
        path: path.to_owned(),
    };
    let Some(weights) = &description.blueprint.weights else {
        return Err(wrong(
            "weights is missing: the file, beside this one, that the description is for".to_owned(),
        ));
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let spec = NetworkSpec::parse(&folder.join(weights).to_string_lossy());
    let name = spec.path.strip_prefix(folder).unwrap_or(&spec.path);
    let place = beside::find(path, &name.to_string_lossy()).map_err(|trouble| match trouble {
        Trouble::Refused(what) => wrong(format!("weights {what}")),
        other => other.at("description", path),
    })?;
    let selector = Selector {
        role: wanted.selector.role.or(spec.role),
        part: wanted.selector.part.or(spec.part.as_deref()),
    };
    let format = Format::of(&place)?;
    let read = weights::read((&place, format), &selector, wanted.budget, go_on)?;
    described(read, &description, go_on)
}

/// Where a description has to lie to be read with the weights at `path`: beside them, as `NAME.model.toml`.
pub fn description_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(blueprint::SUFFIX);
    name.into()
}

/// The network that the description beside a weights file makes of it, if there is one; a description of the other role than
/// asked for counts for nothing.
pub(super) fn open_beside(
    place: (&Path, Format),
    wanted: &Wanted<'_>,
    go_on: GoOn<'_>,
) -> Result<Option<Opened>, CheckpointError> {
    let path = description_of(place.0);
    if !path.is_file() {
        return Ok(None);
    }
    let description = Description::read(path, wanted.budget)?;
    let Selector { role, part } = wanted.selector;
    let described_role = description.blueprint.role;
    let asked = role.or_else(|| part.and_then(state_dict::role_of));
    if asked.is_some_and(|asked| asked != described_role) {
        return Ok(None);
    }
    let selector = Selector {
        role: Some(described_role),
        part,
    };
    let read = weights::read(place, &selector, wanted.budget, go_on)?;
    described(read, &description, go_on).map(Some)
}

/// A network as a description says it.
fn described(
    (file, guesses): (TensorFile, Vec<Guess>),
    description: &Description,
    go_on: GoOn<'_>,
) -> Result<Opened, CheckpointError> {
    let Description {
        blueprint,
        path,
        text,
    } = description;
    let (network, report) = blueprint.build(&file, go_on).map_err(|trouble| {
        let line = trouble
            .line
            .map_or(String::new(), |line| format!("line {line}: "));
        CheckpointError::Manifest {
            what: format!("{line}{}", trouble.source),
            path: path.clone(),
        }
    })?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
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
        sha256: hash::described(&file.sha256, text.as_bytes()),
    };
    let stated = Stated {
        input: blueprint.input_range,
        output: blueprint.output_range,
    };
    let mut opened = open_read(read, stated, &file.header.path);
    opened.step = weights::step_of(&file);
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
    let (file, _) = weights::read_of(spec, &Budget::new(Limits::default()))?;
    // By this name it can also be opened itself.
    let name = spec.path.file_name().unwrap_or_default();
    let weights = NetworkSpec {
        path: name.into(),
        ..spec.clone()
    };
    let written = |blueprint: Blueprint, notes: &[String]| {
        let weights = Some(weights.to_string());
        Blueprint {
            weights,
            ..blueprint
        }
        .to_toml(notes)
    };
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
        return Ok(written(
            Blueprint::of(&network, &family, config.role()),
            &notes,
        ));
    }
    let fitting = families::recognise(&file, stamp_size)
        .into_iter()
        .find(|recognised| recognised.blueprint.build(&file, &always).is_ok());
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
        return Ok(written(recognised.blueprint, &notes));
    }
    notes.push(
        "No architecture that is known fits; these are the layers in the order of the file."
            .to_owned(),
    );
    let drafted = families::list(&file, stamp_size);
    if let Err(trouble) = drafted.build(&file, &always) {
        notes.push(format!(
            "As it stands it cannot be built: {}.",
            trouble.source
        ));
    }
    Ok(written(drafted, &notes))
}
