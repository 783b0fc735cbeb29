//! What can be wrong inside a file, before its name is known.

use std::io;
use std::path::Path;

use super::CheckpointError;

/// Why a part of a file cannot be read; the place is added by the caller.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is damaged.
    Broken(String),
    /// It asks for what is not done.
    Refused(String),
    /// The operating system failed.
    Io(io::Error),
    /// An error that names its place already.
    Placed(CheckpointError),
    /// Nobody wants it any more.
    Stopped,
}

impl Trouble {
    /// Damage.
    pub(super) fn broken(what: impl Into<String>) -> Self {
        Self::Broken(what.into())
    }

    /// The error of the file at `path`, which is called `format`.
    pub(super) fn at(self, format: &'static str, path: &Path) -> CheckpointError {
        let path = path.to_owned();
        match self {
            Self::Broken(what) => CheckpointError::Broken { format, what, path },
            Self::Refused(what) => CheckpointError::Unsupported { what, path },
            Self::Io(source) => CheckpointError::Read { path, source },
            Self::Placed(error) => error,
            Self::Stopped => CheckpointError::Stopped { path },
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::broken("it ends too early; it was cut short"),
            _ => Self::Io(error),
        }
    }
}

impl From<CheckpointError> for Trouble {
    fn from(error: CheckpointError) -> Self {
        Self::Placed(error)
    }
}
