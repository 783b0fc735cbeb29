//! What can be wrong with weights, checkpoints and series; every message is one line, names the culprit and ends with the path.

use std::io;
use std::path::{Path, PathBuf};

use super::NetworkRole;
use super::memory::size;
use crate::atomic::AtomicWriteError;
use crate::network::NetworkError;
use crate::one_line::one_line;

/// An error of a weights file, a checkpoint or a series.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The operating system refused to read.
    #[error("cannot read ({source}): {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The one who asked for the weights does not want them any more.
    #[error("stopped on request: {}", path.display())]
    Stopped {
        /// The file.
        path: PathBuf,
    },
    /// Nothing is at the place a network was asked from.
    #[error("no such file or folder; a network is FILE, FILE:ROLE, FILE:NAME, DIR, DIR@STEP or DIR@STEP:ROLE: {}", path.display())]
    NotFound {
        /// The place, as it was given.
        path: PathBuf,
    },
    /// The file is of a kind that is not read as weights.
    #[error(
        "{found}; networks are read from files of safetensors, PyTorch, ONNX, Keras and TensorFlow.js, and from descriptions: {}",
        path.display()
    )]
    Foreign {
        /// What the first bytes say, and what one can do.
        found: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged: it begins as `format` and goes on as something else.
    #[error("a broken {format}, {}: {}", one_line(what), path.display())]
    Broken {
        /// What the file is, for example `ONNX model`.
        format: &'static str,
        /// What is wrong, and where.
        what: String,
        /// The file.
        path: PathBuf,
    },
    /// The file is in order, but asks for something that is not done.
    #[error("{}: {}", one_line(what), path.display())]
    Unsupported {
        /// What it asks for, and what one can do.
        what: String,
        /// The file.
        path: PathBuf,
    },
    /// The tensors of the file need more memory than may be taken.
    #[error(
        "{} needs {} of memory{}, the limit is {}; raise it with --memory-limit or GANOSCOPE_MEMORY_LIMIT: {}",
        one_line(what),
        size(*needed),
        beside(*held),
        size(*limit),
        path.display()
    )]
    TooLarge {
        /// What needs it, in the singular, for example `tensor a.weight`.
        what: String,
        /// Bytes needed.
        needed: u64,
        /// Bytes that are taken already.
        held: u64,
        /// Bytes that may be taken.
        limit: u64,
        /// The file.
        path: PathBuf,
    },
    /// The header of a safetensors file is broken.
    #[error("not a safetensors file, {}: {}", one_line(what), path.display())]
    Header {
        /// What is wrong.
        what: String,
        /// The file.
        path: PathBuf,
    },
    /// One tensor of a file is broken or cannot be used.
    #[error("tensor {} {}: {}", one_line(tensor), one_line(what), path.display())]
    Tensor {
        /// Key of the tensor.
        tensor: String,
        /// What is wrong.
        what: String,
        /// The file.
        path: PathBuf,
    },
    /// The tensors are of no known architecture.
    #[error(
        "unknown architecture, {}; neither the branched deblender nor another known family - describe its layers in a \
         file of the same name with .model.toml behind it, which ganoscope inspect --draft begins: {}",
        one_line(found),
        path.display()
    )]
    UnknownArchitecture {
        /// What was found instead.
        found: String,
        /// The file.
        path: PathBuf,
    },
    /// The network cannot be built from the tensors.
    #[error("{}: {}", one_line(source), path.display())]
    Network {
        /// What does not fit, with the layer's name.
        source: NetworkError,
        /// The file.
        path: PathBuf,
    },
    /// The weights belong to another kind of network than was asked for.
    #[error("these are the weights of a {found}, expected a {expected}: {}", path.display())]
    WrongRole {
        /// The role asked for.
        expected: NetworkRole,
        /// The role found.
        found: NetworkRole,
        /// The file.
        path: PathBuf,
    },
    /// The folder holds no series.
    #[error("{what}: {}", path.display())]
    NotASeries {
        /// What is missing.
        what: &'static str,
        /// The folder.
        path: PathBuf,
    },
    /// A manifest or metrics file cannot be understood.
    #[error("{}: {}", one_line(what), path.display())]
    Manifest {
        /// What is wrong, with the line where known; one line.
        what: String,
        /// The file.
        path: PathBuf,
    },
    /// Checkpoints of one series differ in shape.
    #[error(
        "checkpoints of one series must have the same shapes, but tensor {} is {got} here and {expected} at step {first}: {}",
        one_line(tensor),
        path.display()
    )]
    MixedShapes {
        /// The first tensor that differs, in the order of names.
        tensor: String,
        /// The step it is compared with.
        first: u64,
        /// Its shape there, or `absent`.
        expected: String,
        /// Its shape here, or `absent`.
        got: String,
        /// The file that differs.
        path: PathBuf,
    },
    /// The series has no such checkpoint.
    #[error("no checkpoint at step {step}; {known}: {}", path.display())]
    NoStep {
        /// The step asked for.
        step: u64,
        /// Which steps there are.
        known: String,
        /// The series.
        path: PathBuf,
    },
    /// The series has no checkpoint at all.
    #[error("the series has no checkpoint: {}", path.display())]
    Empty {
        /// The series.
        path: PathBuf,
    },
    /// The checkpoint or the manifest has no network of this role.
    #[error("no {role} {place}: {}", path.display())]
    NoRole {
        /// The role asked for.
        role: NetworkRole,
        /// Where it was looked for, for example `at step 2000`.
        place: String,
        /// The series or the missing file.
        path: PathBuf,
    },
    /// A folder could not be made or renamed.
    #[error("cannot {what} ({source}): {}", path.display())]
    Folder {
        /// What was tried.
        what: &'static str,
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] AtomicWriteError),
    /// A tensor could not be turned into bytes.
    #[error("tensor {}: {source}", one_line(tensor))]
    Encode {
        /// Key of the tensor.
        tensor: String,
        /// What failed.
        source: candle_core::Error,
    },
}

/// What is taken already, where anything is.
fn beside(held: u64) -> String {
    match held {
        0 => String::new(),
        held => format!(" beside {}", size(held)),
    }
}

impl CheckpointError {
    /// A reading error of `path`, for `map_err`.
    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read {
            path: path.to_owned(),
            source,
        }
    }

    /// An error of one tensor of `path`.
    pub(super) fn tensor(path: &Path, tensor: &str, what: impl Into<String>) -> Self {
        Self::Tensor {
            tensor: tensor.to_owned(),
            what: what.into(),
            path: path.to_owned(),
        }
    }

    /// An error of the header of `path`.
    pub(super) fn header(path: &Path, what: impl Into<String>) -> Self {
        Self::Header {
            what: what.into(),
            path: path.to_owned(),
        }
    }
}
