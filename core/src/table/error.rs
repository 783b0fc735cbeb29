//! What can be wrong with a table or its file.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::atomic::AtomicWriteError;

/// Why a file of a table could not be written or read.
#[derive(Debug, Error)]
#[error("{}", message(.path, .problem))]
pub struct TableError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: TableProblem,
}

/// A failed write names its path already.
fn message(path: &Path, problem: &TableProblem) -> String {
    match problem {
        TableProblem::Write(error) => error.to_string(),
        other => format!("{other}: {}", path.display()),
    }
}

/// What is wrong with a table.
#[derive(Debug, Error)]
pub enum TableProblem {
    /// A column shorter or longer than the first.
    #[error("the column {column} has {found} values, expected {expected} as in the first")]
    Length {
        /// The column.
        column: String,
        /// Its values.
        found: usize,
        /// Those of the first column.
        expected: usize,
    },
    /// An empty or repeated name.
    #[error("`{0}` cannot be a column's name: it is empty or taken")]
    Name(String),
    /// The extension is neither `.ecsv` nor `.csv`.
    #[error("the extension says no format of tables, expected .ecsv or .csv")]
    UnknownFormat,
    /// The first line is not that of an ECSV file.
    #[error("line 1 is not `# %ECSV`")]
    NoEcsv,
    /// The header breaks the rules of ECSV or uses more of YAML than is understood.
    #[error("line {line} of the header: {why}")]
    Header {
        /// Line of the file, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// The rows break the rules of CSV.
    #[error("damaged rows: {0}")]
    Rows(#[from] csv::Error),
    /// The line of names differs from the header.
    #[error("the names of the columns are `{found}`, the header says `{expected}`")]
    Names {
        /// In the line of names.
        found: String,
        /// In the header.
        expected: String,
    },
    /// A field that is no value of its column's type.
    #[error("row {row} of the column {column} is `{found}`, expected {expected}")]
    Field {
        /// Row, from 1.
        row: usize,
        /// The column.
        column: String,
        /// The field.
        found: String,
        /// The type.
        expected: &'static str,
    },
    /// The new file could not be put in place.
    #[error(transparent)]
    Write(AtomicWriteError),
}

impl TableProblem {
    /// The error of `path`.
    pub fn at(self, path: &Path) -> TableError {
        TableError {
            path: path.to_owned(),
            problem: self,
        }
    }
}
