//! Naming a network on a command line, and opening what was named.

use std::fmt;
use std::path::{Path, PathBuf};

use super::format::Format;
use super::memory::Budget;
use super::ranges::Stated;
use super::weights::{self, Wanted};
use super::{
    CheckpointError, Guess, Identity, Limits, LoadReport, NetworkConfig, NetworkRole, ReadNetwork,
    Series, SeriesManifest, TensorHeader,
};
use super::{keras, onnx, ranges};
use crate::network::{GoOn, Network, always};
use crate::stamp::ValueRange;

/// Where a network is: `FILE`, `FILE:ROLE`, `FILE:NAME`, `DIR`, `DIR@STEP` or `DIR@STEP:ROLE` (also `DIR:ROLE`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSpec {
    /// The weights file or series directory.
    pub path: PathBuf,
    /// The step, the last one when absent.
    pub step: Option<u64>,
    /// The role; when absent, what the file holds, or the generator of a series.
    pub role: Option<NetworkRole>,
    /// The name of a network in a file of several, for example `g_ema`.
    pub part: Option<String>,
}

impl NetworkSpec {
    /// The specification written in `text`. A text that is itself the path of something existing is taken as it is.
    ///
    /// ```
    /// use ganoscope_core::checkpoint::{NetworkRole, NetworkSpec};
    ///
    /// let spec = NetworkSpec::parse("models/deblender@20000:generator");
    /// assert_eq!(spec.path, std::path::Path::new("models/deblender"));
    /// assert_eq!((spec.step, spec.role), (Some(20000), Some(NetworkRole::Generator)));
    /// ```
    pub fn parse(text: &str) -> Self {
        let whole = Self {
            path: text.into(),
            step: None,
            role: None,
            part: None,
        };
        if whole.path.exists() {
            return whole;
        }
        let (text, role, part) = match text.rsplit_once(':') {
            Some((rest, tail)) => match tail.parse() {
                Ok(role) => (rest, Some(role), None),
                // A name is one only behind something that is there.
                Err(_) if !tail.is_empty() && split_step(rest).0.exists() => {
                    (rest, None, Some(tail.to_owned()))
                }
                Err(_) => return whole,
            },
            None => (text, None, None),
        };
        let (path, step) = split_step(text);
        Self {
            path,
            step,
            role,
            part,
        }
    }
}

/// The path before `@STEP`, and the step.
fn split_step(text: &str) -> (PathBuf, Option<u64>) {
    let step = text
        .rsplit_once('@')
        .and_then(|(rest, tail)| Some((rest, tail.parse().ok()?)));
    match step {
        Some((rest, step)) => (rest.into(), Some(step)),
        None => (text.into(), None),
    }
}

impl std::str::FromStr for NetworkSpec {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::parse(text))
    }
}

impl fmt::Display for NetworkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(step) = self.step {
            write!(f, "@{step}")?;
        }
        if let Some(role) = self.role {
            write!(f, ":{role}")?;
        }
        if let Some(part) = &self.part {
            write!(f, ":{part}")?;
        }
        Ok(())
    }
}

/// A network with everything that is known about it.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The network.
    pub network: Network,
    /// What it is and how that is known.
    pub identity: Identity,
    /// Its architecture and parameters, where it is one that this program trains.
    pub config: Option<NetworkConfig>,
    /// Which of the two networks it is.
    pub role: NetworkRole,
    /// The step of the checkpoint, where it is known.
    pub step: Option<u64>,
    /// Range of the pixels it takes.
    pub input_range: ValueRange,
    /// Range of the pixels it emits; a discriminator emits none.
    pub output_range: Option<ValueRange>,
    /// Where the tensors went.
    pub report: LoadReport,
    /// What the file does not say and why it was taken so.
    pub guesses: Vec<Guess>,
    /// The manifest, for a network of a series.
    pub manifest: Option<SeriesManifest>,
    /// What was found strange in the series.
    pub warnings: Vec<String>,
    /// The weights file.
    pub path: PathBuf,
    /// SHA-256 of the weights file, in hexadecimal. Of a network in several files (shards, weights beside an ONNX model) that
    /// of all of them in order; of weights with a description that of the hash of the weights and the description.
    pub sha256: String,
}

/// Opens the network that `spec` names.
///
/// # Errors
/// When nothing is there, or it cannot be a network; the message says what was expected.
pub fn open_network(spec: &NetworkSpec) -> Result<Opened, CheckpointError> {
    open_network_for(spec, None)
}

/// Opens the network that `spec` names, to be run on stamps of `stamp_size` rows and columns. The size only matters
/// when a lone file leaves it open.
///
/// # Errors
/// As [`open_network`].
pub fn open_network_for(
    spec: &NetworkSpec,
    stamp_size: Option<usize>,
) -> Result<Opened, CheckpointError> {
    open_network_within(spec, stamp_size, Limits::default())
}

/// [`open_network_for`] that takes no more memory than `limits` gives.
///
/// # Errors
/// [`CheckpointError::TooLarge`] before more would be taken, and as [`open_network`].
pub fn open_network_within(
    spec: &NetworkSpec,
    stamp_size: Option<usize>,
    limits: Limits,
) -> Result<Opened, CheckpointError> {
    if !spec.path.exists() {
        return Err(CheckpointError::NotFound {
            path: spec.to_string().into(),
        });
    }
    if spec.path.is_dir() {
        open_in_series(spec)
    } else {
        open_file(spec, stamp_size, limits, &always)
    }
}

/// Whether a file begins like a network rather than like a picture. Tensors by name are a network's where their names are those
/// of parameters; an archive of arrays is a picture.
pub fn looks_like_network(path: &Path) -> bool {
    match Format::told(path) {
        Ok(Some(Format::TorchArchive)) => !Format::is_archive_of_arrays(path),
        Ok(Some(Format::Safetensors)) => has_parameters(path),
        Ok(Some(_)) => true,
        Ok(None) | Err(_) => false,
    }
}

/// Whether a file is safetensors with parameters of a network in it, whose tensors must not be taken for pictures.
pub fn holds_parameters(path: &Path) -> bool {
    matches!(Format::told(path), Ok(Some(Format::Safetensors))) && has_parameters(path)
}

fn has_parameters(path: &Path) -> bool {
    let is_parameter = |key: &String| PARAMETERS.iter().any(|end| key.ends_with(end));
    TensorHeader::read(path).is_ok_and(|header| header.entries.keys().any(is_parameter))
}

/// What the keys of parameters end with.
const PARAMETERS: [&str; 7] = [
    "weight",
    "weight_orig",
    "bias",
    "kernel",
    "gamma",
    "running_mean",
    "running_var",
];

/// Whether a description can be written for a file: it holds weights, and no graph of its own.
pub fn can_be_described(path: &Path) -> bool {
    match Format::told(path) {
        Ok(Some(Format::TorchArchive)) => !Format::is_archive_of_arrays(path),
        Ok(Some(Format::Safetensors | Format::Pickle)) => true,
        _ => false,
    }
}

/// A name belongs to a file that holds several networks; a mistyped role must not open another network.
fn refuse_part(spec: &NetworkSpec, why: &str) -> Result<(), CheckpointError> {
    let Some(part) = &spec.part else {
        return Ok(());
    };
    Err(CheckpointError::Unsupported {
        what: format!("no network is named {part}: {why}"),
        path: spec.path.clone(),
    })
}

fn open_in_series(spec: &NetworkSpec) -> Result<Opened, CheckpointError> {
    refuse_part(spec, "a series has a generator and a discriminator")?;
    let series = Series::open(&spec.path)?;
    let mut guesses = Vec::new();
    let role = spec.role.unwrap_or_else(|| {
        guesses.push(Guess::new(
            "role",
            NetworkRole::Generator.to_string(),
            "none was given; write DIR@STEP:ROLE",
        ));
        NetworkRole::Generator
    });
    let step = match (spec.step, series.last()) {
        (Some(step), _) => step,
        (None, Some(last)) => {
            guesses.push(Guess::new(
                "step",
                last.step.to_string(),
                "none was given, the last; write DIR@STEP",
            ));
            last.step
        }
        (None, None) => {
            let path = spec.path.clone();
            return Err(CheckpointError::Empty { path });
        }
    };
    let loaded = series.load(step, role)?;
    Ok(Opened {
        network: loaded.network,
        identity: loaded.identity,
        config: loaded.config,
        role,
        step: Some(step),
        input_range: loaded.input_range,
        output_range: loaded.output_range,
        report: loaded.report,
        guesses: [guesses, loaded.guesses].concat(),
        manifest: Some(series.manifest),
        warnings: series.warnings,
        path: loaded.path,
        sha256: loaded.sha256,
    })
}

/// Opens a network of a lone file, whatever kind of file it is.
pub(super) fn open_file(
    spec: &NetworkSpec,
    stamp_size: Option<usize>,
    limits: Limits,
    go_on: GoOn<'_>,
) -> Result<Opened, CheckpointError> {
    let path: &Path = &spec.path;
    if let Some(step) = spec.step {
        return Err(CheckpointError::NoStep {
            step,
            known: "this is one weights file, not a series".to_owned(),
            path: path.to_owned(),
        });
    }
    let format = Format::of(path)?;
    if format.holds_graph() {
        refuse_part(spec, "this file holds one network")?;
    }
    let budget = Budget::new(limits);
    let read = match format {
        Format::Onnx => onnx::read,
        Format::Json => keras::read_json,
        Format::Hdf5 => keras::read_hdf5,
        Format::KerasArchive => keras::read_archive,
        // What is none of these is told by the reader of tensors, which says what one can do.
        Format::Safetensors | Format::TorchArchive | Format::Pickle | Format::Description => {
            let wanted = Wanted::of(spec, stamp_size, &budget);
            return in_role(weights::open((path, format), &wanted, go_on)?, spec);
        }
    };
    let read = read(path, stamp_size, &budget, go_on)?;
    in_role(open_read(read, Stated::default(), path), spec)
}

/// What was opened, where it has the role that was asked for.
fn in_role(opened: Opened, spec: &NetworkSpec) -> Result<Opened, CheckpointError> {
    if let Some(expected) = spec.role.filter(|expected| *expected != opened.role) {
        return Err(CheckpointError::WrongRole {
            expected,
            found: opened.role,
            path: spec.path.clone(),
        });
    }
    Ok(opened)
}

/// A network of a known graph. `stated`: the ranges of its pixels, where they are known.
pub(super) fn open_read(read: ReadNetwork, stated: Stated, path: &Path) -> Opened {
    let ReadNetwork {
        network,
        role,
        identity,
        report,
        mut guesses,
        sha256,
    } = read;
    let (input_range, output_range) = ranges::of(&network, role, stated, &mut guesses);
    Opened {
        network,
        identity,
        config: None,
        role,
        step: None,
        input_range,
        output_range,
        report,
        guesses,
        manifest: None,
        warnings: Vec::new(),
        path: path.to_owned(),
        sha256,
    }
}
