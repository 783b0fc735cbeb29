//! The grid of a stamp: how its columns and rows in memory, FITS and DS9 pixels, physical coordinates and the sky belong
//! together.
//!
//! Invariant: the FITS pixels are those of the file that this program writes for the stamp, and of the file it was read
//! from: rows count from the bottom of the picture unless the file says ROWORDER = TOP-DOWN.

use super::header::Keys;
use super::{Compass, SkyPosition, Wcs, WcsError};
use crate::stamp::Stamp;

/// A place in a picture: (column, row), 0-based, pixel centres at integers, row 0 at the top.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// Column, to the right.
    pub column: f64,
    /// Row, downwards.
    pub row: f64,
}

impl Place {
    /// The place at `column` and `row`.
    pub const fn new(column: f64, row: f64) -> Self {
        Self { column, row }
    }

    /// The distance to another place, pixels.
    pub fn distance(self, other: Self) -> f64 {
        (self.column - other.column).hypot(self.row - other.row)
    }
}

/// `image = matrix physical + shift`, the keywords LTM and LTV of IRAF.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Physical {
    matrix: [[f64; 2]; 2],
    shift: [f64; 2],
}

/// How pixels of a stamp are counted and where they lie on the sky.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    height: usize,
    width: usize,
    rows_from_top: bool,
    physical: Physical,
    wcs: Result<Wcs, WcsError>,
}

impl Grid {
    /// The grid of a stamp, of the file's pixels where the stamp was made smaller. Sky coordinates that are wrong are kept as an error that [`Grid::wcs`] gives, because pixels can
    /// be counted without them.
    pub fn of(stamp: &Stamp) -> Self {
        let keys = Keys(&stamp.cards);
        let [height, width] = stamp.size_in_file();
        Self {
            height,
            width,
            rows_from_top: stamp.counts_rows_from_top(),
            physical: Physical::read(&keys),
            wcs: Wcs::from_cards(&stamp.cards),
        }
    }

    /// Rows and columns.
    pub fn size(&self) -> [usize; 2] {
        [self.height, self.width]
    }

    /// Whether the rows of the file count from the top of the picture, against the custom of FITS.
    pub fn rows_from_top(&self) -> bool {
        self.rows_from_top
    }

    /// The sky coordinates, or why there are none.
    pub fn wcs(&self) -> Result<&Wcs, &WcsError> {
        self.wcs.as_ref()
    }

    /// The FITS (DS9 `image`) pixel of a place: the centre of the file's first pixel is (1, 1).
    pub fn to_fits(&self, place: Place) -> [f64; 2] {
        let y = if self.rows_from_top {
            place.row + 1.0
        } else {
            self.height as f64 - place.row
        };
        [place.column + 1.0, y]
    }

    /// The place of a FITS pixel.
    pub fn from_fits(&self, [x, y]: [f64; 2]) -> Place {
        let row = if self.rows_from_top {
            y - 1.0
        } else {
            self.height as f64 - y
        };
        Place::new(x - 1.0, row)
    }

    /// The physical coordinates of a FITS pixel (LTM and LTV; equal to it without them).
    pub fn fits_to_physical(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let Physical {
            matrix: [[a, b], [c, d]],
            shift,
        } = self.physical;
        let (x, y) = (x - shift[0], y - shift[1]);
        let determinant = a * d - b * c;
        [(d * x - b * y) / determinant, (a * y - c * x) / determinant]
    }

    /// The FITS pixel of physical coordinates.
    pub fn physical_to_fits(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let Physical {
            matrix: [[a, b], [c, d]],
            shift,
        } = self.physical;
        [a * x + b * y + shift[0], c * x + d * y + shift[1]]
    }

    /// FITS pixels per physical unit: the matrix LTM, rows first.
    pub(crate) fn physical_matrix(&self) -> [[f64; 2]; 2] {
        self.physical.matrix
    }

    /// The direction on the sky of a place.
    pub fn sky(&self, place: Place) -> Option<SkyPosition> {
        self.wcs.as_ref().ok()?.sky(self.to_fits(place))
    }

    /// The place of a direction on the sky; it may lie outside the picture.
    pub fn place(&self, sky: SkyPosition) -> Option<Place> {
        let pixel = self.wcs.as_ref().ok()?.pixel(sky)?;
        Some(self.from_fits(pixel))
    }

    /// North, east and scale at a place; the vectors are (columns to the right, rows down).
    pub fn compass(&self, place: Place) -> Option<Compass> {
        let compass = self.wcs.as_ref().ok()?.compass(self.to_fits(place))?;
        let down = if self.rows_from_top { 1.0 } else { -1.0 };
        let turn = |[x, y]: [f64; 2]| [x, y * down];
        Some(Compass {
            north: turn(compass.north),
            east: turn(compass.east),
            ..compass
        })
    }
}

impl Physical {
    const IMAGE: Self = Self {
        matrix: [[1.0, 0.0], [0.0, 1.0]],
        shift: [0.0, 0.0],
    };

    /// The keywords LTM and LTV; values that are no numbers or a matrix that cannot be inverted count as missing.
    fn read(keys: &Keys<'_>) -> Self {
        let number =
            |keyword: &str, default: f64| keys.number(keyword).ok().flatten().unwrap_or(default);
        let matrix = [
            [number("LTM1_1", 1.0), number("LTM1_2", 0.0)],
            [number("LTM2_1", 0.0), number("LTM2_2", 1.0)],
        ];
        let [[a, b], [c, d]] = matrix;
        if !(a * d - b * c).is_normal() {
            log::warn!(
                "LTM1_1 ... LTM2_2 cannot be inverted; physical coordinates are taken as image coordinates"
            );
            return Self::IMAGE;
        }
        Self {
            matrix,
            shift: [number("LTV1", 0.0), number("LTV2", 0.0)],
        }
    }
}
