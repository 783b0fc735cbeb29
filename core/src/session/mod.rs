//! Session files: what a person was working on, as RON text, and the lock that keeps two windows off one file.
//!
//! Invariant: a session names things (files, layers, edits) and holds no tensor. The version is looked at before
//! anything else, so a file of a newer program gives a message about versions and not about a field. What the document
//! and the workbench are is the program's business; here they are any serialisable data.

mod lock;
mod reference;

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use lock::{Lock, LockError};
pub use reference::{changed_references, references_to};

/// The version written, and the newest that is read.
pub const SESSION_VERSION: u32 = 1;

/// A session: a document and the workbench it was seen on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session<D, W> {
    /// [`SESSION_VERSION`] when it was written.
    pub version: u32,
    /// Version of the program that wrote it, for messages.
    pub program: String,
    /// What the document refers to, as it was then.
    #[serde(default)]
    pub references: Vec<Reference>,
    /// What is worked on.
    pub document: D,
    /// How the window is arranged.
    pub workbench: W,
}

/// A file (of a series, its manifest) as it was when the session was saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Where it was.
    pub path: PathBuf,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// Why a text is not a session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Written by a newer program.
    #[error(
        "the session has version {found}, written by program version {program}; this program reads up to version {SESSION_VERSION}"
    )]
    Newer {
        /// Its version.
        found: u32,
        /// The program that wrote it.
        program: String,
    },
    /// Not a session, or damaged.
    #[error("not a session, or damaged at line {line}, column {column}: {what}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        what: String,
    },
    /// The document cannot be written as text.
    #[error("the session cannot be written as text: {0}")]
    Write(#[from] ron::Error),
}

/// What is read first.
#[derive(Deserialize)]
struct Head {
    version: u32,
    #[serde(default)]
    program: String,
}

impl<D, W> Session<D, W> {
    /// A session of the present version.
    pub fn new(document: D, workbench: W) -> Self {
        Self {
            version: SESSION_VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            references: Vec::new(),
            document,
            workbench,
        }
    }
}

impl<D, W> Session<D, W> {
    /// The same session with what it refers to.
    #[must_use]
    pub fn with_references(mut self, references: Vec<Reference>) -> Self {
        self.references = references;
        self
    }
}

impl<D: Serialize, W: Serialize> Session<D, W> {
    /// The session as RON text.
    ///
    /// # Errors
    /// When the document holds something that has no text form.
    pub fn to_text(&self) -> Result<String, SessionError> {
        let pretty = ron::ser::PrettyConfig::new().struct_names(false);
        let mut text = ron::ser::to_string_pretty(self, pretty)?;
        text.push('\n');
        Ok(text)
    }
}

impl<D: DeserializeOwned, W: DeserializeOwned> Session<D, W> {
    /// Reads a session from RON text.
    ///
    /// # Errors
    /// With the versions when it is too new, with line and column when it is damaged.
    pub fn from_text(text: &str) -> Result<Self, SessionError> {
        let head: Head = ron::from_str(text).map_err(syntax)?;
        if head.version > SESSION_VERSION {
            return Err(SessionError::Newer {
                found: head.version,
                program: head.program,
            });
        }
        ron::from_str(text).map_err(syntax)
    }
}

fn syntax(error: ron::error::SpannedError) -> SessionError {
    SessionError::Syntax {
        line: error.span.start.line,
        column: error.span.start.col,
        what: error.code.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Simple = Session<Vec<u8>, String>;

    #[test]
    fn a_session_survives_its_text() {
        let session = Simple::new(vec![1, 2], "wide".to_owned());
        let text = session.to_text().unwrap();
        assert_eq!(Simple::from_text(&text).unwrap(), session);
    }

    #[test]
    fn a_newer_session_is_told_by_its_version() {
        let text = "(version: 99, program: \"7.0\", surprise: 3)";
        let error = Simple::from_text(text).unwrap_err();
        assert!(
            matches!(&error, SessionError::Newer { found: 99, .. }),
            "{error}"
        );
        assert!(error.to_string().contains("7.0"));
    }

    #[test]
    fn damage_is_told_with_its_place() {
        for text in [
            "",
            "(version: 1, program: \"x\", document: [1,",
            "PNG",
            "(version: true)",
        ] {
            let error = Simple::from_text(text).unwrap_err();
            assert!(
                matches!(error, SessionError::Syntax { line: 1.., .. }),
                "{text:?}: {error}"
            );
        }
    }
}
