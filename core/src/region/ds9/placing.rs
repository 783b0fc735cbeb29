//! From the numbers of a region file to shapes on a picture.

use super::basis::Basis;
use super::cursor::Token;
use super::quantity::{Quantity, Unit};
use super::{Ds9Error, Ds9Problem, System};
use crate::region::{Place, Shape};
use crate::sky::{Frame, Grid, SkyPosition};

/// The shapes that are understood.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Circle,
    Ellipse,
    Box,
    Polygon,
}

impl Kind {
    pub(super) fn from_name(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "circle" => Self::Circle,
            "ellipse" => Self::Ellipse,
            "box" | "rotbox" => Self::Box,
            "polygon" => Self::Polygon,
            _ => return None,
        })
    }

    pub(super) fn with_article(self) -> &'static str {
        match self {
            Self::Circle => "a circle",
            Self::Ellipse => "an ellipse",
            Self::Box => "a box",
            Self::Polygon => "a polygon",
        }
    }
}

/// Puts numbers of a coordinate system onto a picture.
pub(super) struct Placing<'a> {
    pub(super) grid: &'a Grid,
    pub(super) system: System,
}

impl Placing<'_> {
    /// The shape of a command's numbers. `word`: the shape's word, for errors that are about the whole.
    pub(super) fn shape(
        &self,
        kind: Kind,
        word: &Token,
        numbers: &[Quantity],
    ) -> Result<Shape, Ds9Error> {
        let count = |expected| {
            word.problem(Ds9Problem::Count {
                shape: kind.with_article(),
                found: numbers.len(),
                expected,
            })
        };
        let annulus = || word.problem(Ds9Problem::Annulus(kind.with_article()));
        let shape = match (kind, numbers) {
            (Kind::Circle, [x, y, radius]) => {
                let pixel = self.pixel(x, y)?;
                Shape::Circle {
                    centre: self.grid.from_fits(pixel),
                    radius: self.length(radius, pixel)?,
                }
            }
            (Kind::Circle, [_, _, _, _, ..]) => return Err(annulus()),
            (Kind::Circle, _) => return Err(count("3")),
            (Kind::Ellipse | Kind::Box, [x, y, along, across, rest @ ..]) if rest.len() < 2 => {
                let pixel = self.pixel(x, y)?;
                let centre = self.grid.from_fits(pixel);
                let sizes = [self.length(along, pixel)?, self.length(across, pixel)?];
                let angle = match rest.first() {
                    Some(angle) => self.angle(angle.angle()?, pixel, &angle.token)?,
                    None => self.angle(0.0, pixel, word)?,
                };
                match kind {
                    Kind::Box => Shape::Box {
                        centre,
                        size: sizes,
                        angle,
                    },
                    _ => Shape::Ellipse {
                        centre,
                        semi_axes: sizes,
                        angle,
                    },
                }
            }
            (Kind::Ellipse | Kind::Box, [_, _, _, _, _, _, ..]) => return Err(annulus()),
            (Kind::Ellipse | Kind::Box, _) => return Err(count("4 or 5")),
            (Kind::Polygon, numbers) => {
                let (pairs, rest) = numbers.as_chunks::<2>();
                if !rest.is_empty() || pairs.len() < 3 {
                    return Err(count("6, 8, 10, ..."));
                }
                let corner = |[x, y]: &[Quantity; 2]| Ok(self.grid.from_fits(self.pixel(x, y)?));
                let corners: Result<Vec<Place>, Ds9Error> = pairs.iter().map(corner).collect();
                Shape::Polygon { corners: corners? }
            }
        };
        shape.checked().map_err(|error| word.problem(error.into()))
    }

    /// The FITS pixel of a position.
    fn pixel(&self, x: &Quantity, y: &Quantity) -> Result<[f64; 2], Ds9Error> {
        let system = match (x.unit, y.unit) {
            (Unit::Image, Unit::Image) => System::Image,
            (Unit::Physical, Unit::Physical) => System::Physical,
            (Unit::Image | Unit::Physical, _) | (_, Unit::Image | Unit::Physical) => {
                return Err(y.problem(Ds9Problem::NoNumber {
                    found: y.token.text.clone(),
                    expected: "position in the unit of the one before",
                }));
            }
            _ => self.system,
        };
        let System::Sky(frame) = system else {
            for part in [x, y] {
                if matches!(part.unit, Unit::Degrees | Unit::Colons) {
                    return Err(part.problem(Ds9Problem::NoNumber {
                        found: part.token.text.clone(),
                        expected: "position in pixels (the coordinate system is not the sky)",
                    }));
                }
            }
            let position = [x.value, y.value];
            return Ok(match system {
                System::Physical => self.grid.physical_to_fits(position),
                _ => position,
            });
        };
        let hours = x.unit == Unit::Colons && frame.is_equatorial();
        let longitude = x.value * if hours { 15.0 } else { 1.0 };
        if y.value.abs() > 90.0 {
            return Err(y.problem(Ds9Problem::NoNumber {
                found: y.token.text.clone(),
                expected: "latitude from -90 to 90 degrees",
            }));
        }
        let wcs = self.grid.wcs().map_err(|why| {
            x.problem(Ds9Problem::NoSky {
                what: format!("a position in {}", frame.name()),
                why: why.to_string(),
            })
        })?;
        let sky = SkyPosition::new(longitude, y.value, frame);
        wcs.pixel(sky).ok_or_else(|| {
            let position = format!("{}, {}", x.token.text, y.token.text);
            x.problem(Ds9Problem::OffSky(position))
        })
    }

    /// A length in picture pixels.
    fn length(&self, length: &Quantity, pixel: [f64; 2]) -> Result<f64, Ds9Error> {
        let system = match (length.unit, self.system) {
            (Unit::Colons, _) => {
                return Err(length.problem(Ds9Problem::NoNumber {
                    found: length.token.text.clone(),
                    expected: "size",
                }));
            }
            (Unit::Image, _) => System::Image,
            (Unit::Physical, _) => System::Physical,
            (Unit::Degrees, System::Image | System::Physical) => System::Sky(Frame::Icrs),
            (Unit::Degrees | Unit::Bare, system) => system,
        };
        let basis = self.basis(system, pixel, &length.token)?;
        Ok(length.value * basis.pixels_per_unit)
    }

    /// An angle of the system as one of the picture.
    fn angle(&self, angle: f64, pixel: [f64; 2], token: &Token) -> Result<f64, Ds9Error> {
        let basis = self.basis(self.system, pixel, token)?;
        // Angles in pixels keep their digits.
        let fits = if basis == Basis::IMAGE {
            angle
        } else {
            basis.fits_angle(angle)
        };
        Ok(if self.grid.rows_from_top() {
            -fits
        } else {
            fits
        })
    }

    fn basis(&self, system: System, pixel: [f64; 2], token: &Token) -> Result<Basis, Ds9Error> {
        Basis::at(self.grid, system, pixel).ok_or_else(|| {
            let why = match self.grid.wcs() {
                Err(why) => why.to_string(),
                Ok(_) => "the picture's projection shows no sky there".to_owned(),
            };
            token.problem(Ds9Problem::NoSky {
                what: format!("`{}`", token.text),
                why,
            })
        })
    }
}
