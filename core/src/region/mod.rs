//! Marked areas of a picture: shapes, the pixels they cover, statistics of those, and DS9's region files.
//!
//! Invariant: a [`Region`] is plain data in the coordinates of a stamp in memory ([`Place`]); files count otherwise and are
//! mapped through the stamp's [`Grid`](crate::sky::Grid) when they are read and written.

mod catalogue;
mod coverage;
pub mod ds9;
mod editing;
mod ellipse;
mod freehand;
mod polygon;
mod shape;
mod statistics;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::catalogue::{Catalogue, Picture};
pub use self::coverage::Coverage;
pub use self::editing::{Grip, Handle};
pub use self::freehand::simplified;
pub use self::shape::{MAX_CORNERS, Shape, ShapeError};
pub use self::statistics::{RegionStatistics, Statistics, measure};
pub use crate::sky::Place;

/// A marked area of a picture with what people and DS9 say of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// The area.
    pub shape: Shape,
    /// The words shown beside it; may be empty.
    #[serde(default)]
    pub text: String,
    /// A colour as DS9 names it: `green`, `#8080ff`.
    #[serde(default = "default_colour")]
    pub colour: String,
    /// Width of the outline, points.
    #[serde(default = "default_width")]
    pub width: u8,
    /// Names of the groups it belongs to.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Whether its pixels are taken away from those of the other regions.
    #[serde(default)]
    pub exclude: bool,
    /// Further properties of a DS9 file (`font`, `dash`, ...) that are kept for the next file.
    #[serde(default)]
    pub properties: Vec<(String, String)>,
}

fn default_colour() -> String {
    "green".to_owned()
}

fn default_width() -> u8 {
    1
}

impl Region {
    /// A region that includes its pixels, drawn as DS9 does when told nothing.
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            text: String::new(),
            colour: default_colour(),
            width: default_width(),
            tags: Vec::new(),
            exclude: false,
            properties: Vec::new(),
        }
    }

    /// The same region with words beside it.
    pub fn with_text(self, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..self
        }
    }

    /// The same region as one that takes its pixels away.
    pub fn excluded(self) -> Self {
        Self {
            exclude: true,
            ..self
        }
    }
}
