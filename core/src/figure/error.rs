//! Why a figure cannot be made or written.

use std::path::PathBuf;

use thiserror::Error;

use crate::atomic::AtomicWriteError;

/// Why a figure cannot be made or written.
#[derive(Debug, Error)]
pub enum FigureError {
    /// The extension is none of `.svg`, `.pdf`, `.png`.
    #[error("the extension says no format of figures, expected .svg, .pdf or .png: {}", .path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// More pixels than a picture can have here.
    #[error(
        "the figure would have {width} x {height} pixels, at most {most} on a side; choose a smaller scale"
    )]
    TooLarge {
        /// Columns.
        width: u64,
        /// Rows.
        height: u64,
        /// The most.
        most: u64,
    },
    /// The font that is compiled in is damaged.
    #[error("the font of figures cannot be used: {0}")]
    Font(String),
    /// Encoding a picture failed.
    #[error("a picture of the figure cannot be encoded: {0}")]
    Picture(#[from] image::ImageError),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] AtomicWriteError),
}
