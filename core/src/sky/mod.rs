//! Where on the sky a pixel lies: frames, FITS world coordinates, the text of angles, and the grid of a stamp.
//!
//! Invariant: angles are in degrees; [`Wcs`] counts pixels as FITS does (the first pixel's centre is 1.0), [`Grid`] also as a
//! stamp in memory does (column, row, 0-based, row 0 at the top). Nothing a header holds causes a panic. Source: Calabretta
//! and Greisen 2002, A&AS 395, 1077. The implementation is our own because wcs 0.4 panics in debug builds on rounding and on
//! short CTYPEs, takes missing CD elements as 1, and ignores CUNIT.

mod angle;
mod bar;
mod error;
mod frame;
mod grid;
mod header;
mod projection;
mod sip;
mod wcs;

pub use self::angle::{format_degrees, format_hours, parse_colons, parse_lettered};
pub use self::error::WcsError;
pub use self::frame::{Frame, SkyPosition};
pub use self::grid::{Grid, Place};
pub use self::projection::Projection;
pub use self::wcs::{Compass, Wcs};

/// A 3 x 3 matrix, rows first.
type Matrix = [[f64; 3]; 3];

/// A vector in space.
type Vector = [f64; 3];

/// `matrix` times `vector`.
fn apply(matrix: &Matrix, vector: Vector) -> Vector {
    matrix.map(|row| row.iter().zip(vector).map(|(m, v)| m * v).sum())
}

/// The rows of a rotation as columns: its inverse.
fn transposed(m: &Matrix) -> Matrix {
    let [a, b, c] = *m;
    [[a[0], b[0], c[0]], [a[1], b[1], c[1]], [a[2], b[2], c[2]]]
}

/// `left` times `right`.
fn product(left: &Matrix, right: &Matrix) -> Matrix {
    let columns = transposed(right);
    left.map(|row| columns.map(|column| row.iter().zip(column).map(|(a, b)| a * b).sum()))
}
