//! Figures for papers and slides: pictures with axes, colour bars and captions, plots and drawings, from plain data to SVG,
//! PDF and PNG.
//!
//! Invariant: a figure is first a [`Drawing`], a list of shapes, texts and pictures; the three formats show the same list. A
//! picture in it has the pixels that [`crate::stamp::render`] gives, and text is measured with the font that PDF embeds.

mod axes;
mod bar;
mod chart;
mod drawing;
mod error;
mod font;
mod panel;
mod pdf;
mod png;
mod sheet;
mod svg;
#[cfg(test)]
mod tests;
mod ticks;

use std::path::Path;

pub use axes::{Axes, Axis, AxisTick};
pub use bar::{Bar, BarTick};
pub use chart::{Chart, Lane, Level, Spot};
pub use drawing::{Align, Drawing, Frame, Item, Palette, Pixels, Stroke, Text};
pub use error::FigureError;
pub use font::{fitted, text_width, wrapped};
pub use panel::{Outline, Panel};
pub use sheet::Sheet;
pub use ticks::{nice, number_text};

/// Width of a figure over both columns of a journal's page (180 mm), points of 1/72 inch.
pub const PAGE_WIDTH: f64 = 510.0;

/// The formats figures are written in.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum FigureFormat {
    /// Scalable; text stays text.
    #[default]
    Svg,
    /// Scalable; the font is embedded.
    Pdf,
    /// Pixels.
    Png,
}

impl FigureFormat {
    /// All, in the order of menus.
    pub const ALL: [Self; 3] = [Self::Svg, Self::Pdf, Self::Png];

    /// The format that the extension of a path asks for.
    pub fn from_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        let is_it = |format: &Self| extension.eq_ignore_ascii_case(format.extension());
        Self::ALL.into_iter().find(is_it)
    }

    /// The extension of its files.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Pdf => "pdf",
            Self::Png => "png",
        }
    }

    /// What a person calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Svg => "SVG",
            Self::Pdf => "PDF",
            Self::Png => "PNG",
        }
    }
}

impl Drawing {
    /// The drawing as the bytes of a file. `scale`: pixels per point of a PNG; the others have no pixels of their own.
    ///
    /// # Errors
    /// When a PNG would be too large, or the font cannot be embedded.
    pub fn encode(&self, format: FigureFormat, scale: f64) -> Result<Vec<u8>, FigureError> {
        match format {
            FigureFormat::Svg => Ok(svg::encode(self).into_bytes()),
            FigureFormat::Pdf => pdf::encode(self),
            FigureFormat::Png => png::encode(self, scale),
        }
    }

    /// Writes the drawing in the format that the extension of the path asks for; the file appears when it is complete.
    ///
    /// # Errors
    /// As [`Drawing::encode`], with an unknown extension, and when the file cannot be written.
    pub fn write(&self, path: &Path, scale: f64) -> Result<(), FigureError> {
        let format = FigureFormat::from_path(path).ok_or_else(|| FigureError::UnknownFormat {
            path: path.to_owned(),
        })?;
        let bytes = self.encode(format, scale)?;
        Ok(crate::atomic::atomic_write_bytes(path, &bytes)?)
    }
}
