//! DS9's region files (`.reg`).
//!
//! Invariant: any text gives regions or an error that names line and column; what is understood by DS9 but not here (other
//! shapes and coordinate systems) is kept as text, said in a warning and written back. Source: the DS9 reference manual,
//! chapter Regions (`ds9/doc/ref/region.html`).

mod basis;
mod cursor;
mod error;
mod placing;
mod properties;
mod quantity;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use self::error::{Ds9Error, Ds9Problem};
pub use self::read::{Kept, RegionFile, read};
pub use self::write::write;

use crate::sky::Frame;

/// The coordinate systems of region files that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum System {
    /// Pixels of the image; the centre of the first is (1, 1).
    Image,
    /// Pixels of the larger image that this one was cut from (keywords LTM and LTV).
    Physical,
    /// The sky: FK5, ICRS or galactic.
    Sky(Frame),
}

impl System {
    /// The word in region files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Physical => "physical",
            Self::Sky(frame) => frame.name(),
        }
    }

    /// The system of a word, in any case.
    pub fn from_name(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "image" => Self::Image,
            "physical" => Self::Physical,
            "fk5" | "j2000" => Self::Sky(Frame::Fk5),
            "icrs" => Self::Sky(Frame::Icrs),
            "galactic" => Self::Sky(Frame::Galactic),
            _ => return None,
        })
    }
}

/// Words of coordinate systems that DS9 knows and this program does not.
fn is_foreign_system(word: &str) -> bool {
    const WORDS: [&str; 8] = [
        "fk4",
        "b1950",
        "ecliptic",
        "linear",
        "amplifier",
        "detector",
        "wcs",
        "wcs0",
    ];
    let word = word.to_ascii_lowercase();
    let lettered = word
        .strip_prefix("wcs")
        .is_some_and(|rest| rest.len() == 1 && rest.starts_with(|c: char| c.is_ascii_lowercase()));
    lettered || WORDS.contains(&word.as_str())
}
