//! What is known of a picture's file, for people: facts of every format, and the headers of FITS.

use std::path::PathBuf;

use crate::stamp::io::{Header, Selector};

/// What is known of a file.
#[derive(Clone, Debug, Default)]
pub struct FileInfo {
    /// Where it is.
    pub path: PathBuf,
    /// What it is and how its pixels are read, in the order in which it is shown.
    pub facts: Vec<Fact>,
    /// The headers of a FITS file, HDU by HDU; empty for other formats.
    pub headers: Vec<Header>,
    /// The pictures of the file that can be shown by themselves, each with what a person calls it; empty where there is but one.
    pub images: Vec<(Selector, String)>,
    /// Why not all headers of a FITS file could be read.
    pub stopped: Option<String>,
}

/// One thing that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What: `format`, `value range`.
    pub name: &'static str,
    /// How it is.
    pub value: String,
}

impl Fact {
    /// A fact.
    pub fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self {
            name,
            value: value.into(),
        }
    }
}
