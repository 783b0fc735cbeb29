//! What can be wrong inside an ONNX model, before the file's name is known.

use std::io;
use std::path::{Path, PathBuf};

use super::super::CheckpointError;
use crate::network::NetworkError;

/// Result of reading a part of a model.
pub(super) type Reading<T> = Result<T, Fault>;

/// Why a model, or a part of it, cannot be read.
#[derive(Debug)]
pub(super) enum Fault {
    /// The file is damaged.
    Broken(String),
    /// The file is in order, but asks for something that is not done.
    Unsupported(String),
    /// One stored tensor is broken or cannot be used.
    Tensor(String, String),
    /// The graph does not fit together.
    Network(NetworkError),
    /// An error that names its place already.
    Placed(CheckpointError),
    /// A file of external data cannot be read.
    External(PathBuf, io::Error),
    /// Nobody wants the network any more.
    Stopped,
}

impl Fault {
    /// A damaged file.
    pub(super) fn broken(what: impl Into<String>) -> Self {
        Self::Broken(what.into())
    }

    /// Something that is not done.
    pub(super) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported(what.into())
    }

    /// A tensor that cannot be used.
    pub(super) fn tensor(name: &str, what: impl Into<String>) -> Self {
        Self::Tensor(name.to_owned(), what.into())
    }

    /// The same, said of a node.
    pub(super) fn at_node(self, node: &str) -> Self {
        match self {
            Self::Broken(what) => Self::Broken(format!("node {node}: {what}")),
            Self::Unsupported(what) => Self::Unsupported(format!("node {node}: {what}")),
            other => other,
        }
    }

    /// The error of the file at `path`.
    pub(super) fn of_file(self, path: &Path) -> CheckpointError {
        let path = path.to_owned();
        match self {
            Self::Broken(what) => CheckpointError::Broken {
                format: "ONNX model",
                what,
                path,
            },
            Self::Unsupported(what) => CheckpointError::Unsupported { what, path },
            Self::Tensor(tensor, what) => CheckpointError::Tensor { tensor, what, path },
            Self::Network(source) => CheckpointError::Network { source, path },
            Self::Placed(error) => error,
            Self::External(path, source) => CheckpointError::Read { path, source },
            Self::Stopped => CheckpointError::Stopped { path },
        }
    }
}

impl From<NetworkError> for Fault {
    fn from(error: NetworkError) -> Self {
        match error {
            NetworkError::Stopped => Self::Stopped,
            other => Self::Network(other),
        }
    }
}

impl From<candle_core::Error> for Fault {
    fn from(error: candle_core::Error) -> Self {
        Self::Unsupported(format!("its constants do not fit together ({error})"))
    }
}
