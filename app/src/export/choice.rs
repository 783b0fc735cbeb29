//! What a person chose to export, as plain data that the workbench keeps.

use ganoscope_core::figure::FigureFormat;
use ganoscope_core::stamp::io::Format;
use ganoscope_core::table::TableFormat;
use serde::{Deserialize, Serialize};

use crate::figures::{Paper, Sides};

/// The kinds of files a view can become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The view as it is on the screen, as PNG.
    View,
    /// The pictures laid out for a page.
    #[default]
    Figure,
    /// Numbers for other programs: pixels, activations, relevance.
    Data,
    /// What is measured, as a table.
    Table,
}

impl Kind {
    /// All, in the order of the window.
    pub const ALL: [Self; 4] = [Self::View, Self::Figure, Self::Data, Self::Table];

    /// What a person calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::View => "View",
            Self::Figure => "Figure",
            Self::Data => "Data",
            Self::Table => "Table",
        }
    }

    /// One sentence about it.
    pub const fn tooltip(self) -> &'static str {
        match self {
            Self::View => "The view as it is on the screen, drawn again at the scale chosen",
            Self::Figure => {
                "The pictures with axes, colour bars and captions, for papers and slides"
            }
            Self::Data => "Pixels, activations and relevance with coordinates and provenance",
            Self::Table => "What is measured, with units",
        }
    }
}

/// The formats of data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataFormat {
    /// One file of several images.
    #[default]
    Fits,
    /// One file of named tensors.
    Safetensors,
    /// One file of named arrays.
    Npz,
    /// A file per array.
    Npy,
}

impl DataFormat {
    /// All, in the order of menus.
    pub const ALL: [Self; 4] = [Self::Fits, Self::Safetensors, Self::Npz, Self::Npy];

    /// What the core calls it.
    pub const fn format(self) -> Format {
        match self {
            Self::Fits => Format::Fits,
            Self::Safetensors => Format::Safetensors,
            Self::Npz => Format::Npz,
            Self::Npy => Format::Npy,
        }
    }
}

/// Everything that is chosen in the export window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExportChoice {
    /// What is written.
    pub kind: Kind,
    /// Pixels per point of the screen, or per 1/96 inch of a figure as PNG: 1 to 4.
    pub scale: u8,
    /// The format of figures.
    pub figure: FigureFormat,
    /// The ground of figures.
    pub paper: Paper,
    /// The sides of the pictures of figures.
    pub sides: Sides,
    /// The format of data.
    pub data: DataFormat,
    /// The format of tables.
    pub table: TableFormat,
}

impl Default for ExportChoice {
    fn default() -> Self {
        Self {
            kind: Kind::default(),
            scale: 2,
            figure: FigureFormat::default(),
            paper: Paper::default(),
            sides: Sides::default(),
            data: DataFormat::default(),
            table: TableFormat::default(),
        }
    }
}

impl ExportChoice {
    /// The scales of pixels.
    pub const SCALES: std::ops::RangeInclusive<u8> = 1..=4;

    /// Pixels per point of a figure as PNG: at scale 1 it has the size of its SVG in a browser, 96 pixels per inch.
    pub fn pixels_per_point(&self) -> f64 {
        96.0 / 72.0 * f64::from(self.scale)
    }

    /// Whether what is written has pixels, so that the scale counts.
    pub const fn has_pixels(&self) -> bool {
        match self.kind {
            Kind::View => true,
            Kind::Figure => matches!(self.figure, FigureFormat::Png),
            Kind::Data | Kind::Table => false,
        }
    }

    /// The extensions that the kind can have, the chosen one first.
    pub fn extensions(&self) -> Vec<&'static str> {
        let (chosen, all): (&str, Vec<&str>) = match self.kind {
            Kind::View => ("png", vec!["png"]),
            Kind::Figure => (
                self.figure.extension(),
                FigureFormat::ALL.map(FigureFormat::extension).to_vec(),
            ),
            Kind::Data => (
                self.data.format().extension(),
                DataFormat::ALL.map(|f| f.format().extension()).to_vec(),
            ),
            Kind::Table => match self.table {
                TableFormat::Ecsv => ("ecsv", vec!["ecsv", "csv"]),
                TableFormat::Csv => ("csv", vec!["csv", "ecsv"]),
            },
        };
        let others = all.into_iter().filter(|extension| *extension != chosen);
        std::iter::once(chosen).chain(others).collect()
    }

    /// A path with the extension of the format chosen, unless it already asks for another one of the kind.
    pub fn completed(&self, path: std::path::PathBuf) -> std::path::PathBuf {
        let extensions = self.extensions();
        let own = path.extension().and_then(|e| e.to_str());
        let is_known = own.is_some_and(|own| {
            let own = own.to_ascii_lowercase();
            extensions.iter().any(|extension| **extension == own)
        });
        match (is_known, extensions.first()) {
            (false, Some(chosen)) => {
                // A dot in a name does not begin an extension.
                let mut name = path.into_os_string();
                name.push(".");
                name.push(chosen);
                name.into()
            }
            _ => path,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn names_get_the_extension_of_the_format() {
        let choice = ExportChoice {
            figure: FigureFormat::Pdf,
            ..ExportChoice::default()
        };
        for (given, wanted) in [
            ("a", "a.pdf"),
            ("a.SVG", "a.SVG"),
            ("ngc.1300", "ngc.1300.pdf"),
            ("a.fits", "a.fits.pdf"),
        ] {
            assert_eq!(choice.completed(given.into()), PathBuf::from(wanted));
        }
    }
}
