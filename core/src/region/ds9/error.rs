//! What can be wrong with a region file, with line and column.

use thiserror::Error;

use super::super::ShapeError;

/// Why a region file cannot be read or written.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct Ds9Error {
    /// Line, from 1.
    pub line: usize,
    /// Character of the line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: Ds9Problem,
}

/// What is wrong at some place of a region file.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Ds9Problem {
    /// A character where something else must stand.
    #[error("found {found}, expected {expected}")]
    Unexpected {
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// A word that is no shape, coordinate system or `global`.
    #[error("`{0}` is no shape or coordinate system")]
    UnknownWord(String),
    /// A number that is none.
    #[error("`{found}` is no {expected}")]
    NoNumber {
        /// What stands there.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Too few or too many numbers for a shape.
    #[error("{shape} has {found} numbers, expected {expected}")]
    Count {
        /// The shape.
        shape: &'static str,
        /// Numbers found.
        found: usize,
        /// Numbers that make such a shape.
        expected: &'static str,
    },
    /// A shape with a hole.
    #[error(
        "{0} with a hole (several sizes) is not supported; write the inner one as an excluded region"
    )]
    Annulus(&'static str),
    /// Numbers that are no shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A position on the sky in a picture without a sky.
    #[error("{what} needs sky coordinates, but {why}")]
    NoSky {
        /// The number or shape that needs them.
        what: String,
        /// Why there are none.
        why: String,
    },
    /// A position that the picture's projection does not show.
    #[error("the position {0} is not on the picture's projection of the sky")]
    OffSky(String),
    /// Text or a property that is never closed.
    #[error("`{0}` is never closed")]
    Unclosed(char),
}

impl Ds9Problem {
    pub(super) fn at(self, line: usize, column: usize) -> Ds9Error {
        Ds9Error {
            line,
            column,
            problem: self,
        }
    }
}
