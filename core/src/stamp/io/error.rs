//! What can be wrong with a file of stamps, said in one line that ends with its path.
//!
//! Invariant: every reader and writer of [`super`] returns one of these for any content of a file; none panics.

use std::io;
use std::path::{Path, PathBuf};

use crate::atomic::AtomicWriteError;

/// Why a file of stamps could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}", message(.path, .problem))]
pub struct StampError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: StampProblem,
}

/// What is wrong with a file of stamps; texts name the part of the file and what was expected.
#[derive(Debug, thiserror::Error)]
pub enum StampProblem {
    /// The operating system would not give the bytes.
    #[error("cannot read the file ({0})")]
    Read(io::Error),
    /// Zero bytes.
    #[error("the file is empty, expected {KNOWN_FORMATS}")]
    Empty,
    /// The first bytes belong to no format of stamps.
    #[error("{what}, expected {KNOWN_FORMATS}")]
    UnknownFormat {
        /// What the content looks like, for example `plain text`.
        what: String,
    },
    /// The file ends before its header says it should.
    #[error("{part} is cut short, expected {expected_bytes} bytes, found {found_bytes}")]
    Truncated {
        /// The part of the file, for example `image data of extension BLEND`.
        part: String,
        /// Bytes the header promises.
        expected_bytes: u64,
        /// Bytes that are there.
        found_bytes: u64,
    },
    /// The bytes break the rules of their format.
    #[error("damaged {part}: {why}")]
    Damaged {
        /// The part of the file.
        part: String,
        /// Which rule is broken.
        why: String,
    },
    /// The format is sound, but this use of it cannot be a stamp or is not supported.
    #[error("{part} cannot be read: {what}; expected {expected}")]
    Unsupported {
        /// The part of the file.
        part: String,
        /// What was found.
        what: String,
        /// What would be readable.
        expected: String,
    },
    /// The header claims more than this program will allocate.
    #[error("{part} claims {claimed} {unit}, the limit is {limit}")]
    TooLarge {
        /// The part of the file.
        part: String,
        /// The claimed size.
        claimed: u128,
        /// The largest accepted size.
        limit: u128,
        /// What is counted: `pixels`, `bytes`.
        unit: &'static str,
    },
    /// A picture without pixels.
    #[error("{part} has no pixels (its size is {dims})")]
    NoPixels {
        /// The part of the file.
        part: String,
        /// The dimensions as the file states them.
        dims: String,
    },
    /// Every pixel is NaN or infinite.
    #[error("{part} has no finite pixel, all {count} are missing")]
    NotFinite {
        /// The part of the file.
        part: String,
        /// Number of pixels.
        count: usize,
    },
    /// Floats that only make sense with their bytes reversed.
    #[error("{part} is in the wrong byte order, expected {expected} numbers")]
    WrongEndian {
        /// The part of the file.
        part: String,
        /// The byte order that the format or header demands.
        expected: &'static str,
    },
    /// The file is sound, but does not hold what was asked for.
    #[error("no {wanted} in the file, which has {available}")]
    NotFound {
        /// What was asked for.
        wanted: String,
        /// What there is.
        available: String,
    },
    /// The stamps do not fit the format that was asked for.
    #[error("cannot write {what}; expected {expected}")]
    Unwritable {
        /// What was to be written.
        what: String,
        /// What the format takes.
        expected: String,
    },
    /// The new file could not be put in place.
    #[error(transparent)]
    Write(AtomicWriteError),
}

/// The path last; a failed write names its path or folder already.
fn message(path: &Path, problem: &StampProblem) -> String {
    match problem {
        StampProblem::Write(error) => error.to_string(),
        other => format!("{other}: {}", path.display()),
    }
}

/// The formats that [`super::read`] knows, for messages.
const KNOWN_FORMATS: &str = "FITS, PNG, JPEG, TIFF, NPY, NPZ, safetensors or TFRecord";

impl StampProblem {
    /// The error of `path`.
    pub fn at(self, path: &Path) -> StampError {
        StampError {
            path: path.to_owned(),
            problem: self,
        }
    }

    pub(super) fn damaged(part: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Damaged {
            part: part.into(),
            why: why.into(),
        }
    }

    pub(in crate::stamp) fn unsupported(
        part: impl Into<String>,
        what: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::Unsupported {
            part: part.into(),
            what: what.into(),
            expected: expected.into(),
        }
    }

    pub(super) fn truncated(part: impl Into<String>, expected: u128, found: usize) -> Self {
        Self::Truncated {
            part: part.into(),
            expected_bytes: u64::try_from(expected).unwrap_or(u64::MAX),
            found_bytes: found as u64,
        }
    }
}
