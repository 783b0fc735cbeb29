//! What can be wrong with the sky coordinates of a header, said with the keyword that is to blame.

use thiserror::Error;

/// Why a header gives no sky coordinates.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WcsError {
    /// No CTYPE names a direction on the sky.
    #[error("the file has no sky coordinates")]
    Absent,
    /// A value that should be a number.
    #[error("{keyword} is `{value}`, not a finite number")]
    NotANumber {
        /// The card's keyword.
        keyword: String,
        /// Its value.
        value: String,
    },
    /// A projection, unit, distortion or arrangement of axes that is not supported.
    #[error("{keyword} is `{value}`, which is not supported; expected {expected}")]
    Unsupported {
        /// The card's keyword.
        keyword: String,
        /// Its value.
        value: String,
        /// What would be understood.
        expected: String,
    },
    /// A card that the others call for.
    #[error("there is no {keyword}, which {needed_by} calls for")]
    Missing {
        /// The keyword.
        keyword: String,
        /// The card that calls for it.
        needed_by: String,
    },
    /// Pixels that are no area on the sky.
    #[error("the matrix of {keywords} cannot be inverted")]
    Singular {
        /// The cards it comes from.
        keywords: &'static str,
    },
    /// CRVAL, LONPOLE and LATPOLE that no sphere satisfies.
    #[error("CRVAL, LONPOLE and LATPOLE contradict each other")]
    NoPole,
    /// Frames between which no fixed rotation is known here.
    #[error("coordinates in {from} cannot be converted to {to}")]
    NoConversion {
        /// The frame of the position.
        from: &'static str,
        /// The frame asked for.
        to: &'static str,
    },
}
