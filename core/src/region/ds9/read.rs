//! Reading region files.

use super::basis::Basis;
use super::cursor::{Cursor, Token};
use super::properties::{self, Properties};
use super::quantity::{Quantity, Unit};
use super::{Ds9Error, Ds9Problem, System, is_foreign_system};
use crate::region::{Place, Region, Shape};
use crate::sky::{Frame, Grid, SkyPosition};

/// What a region file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RegionFile {
    /// The regions in file order, in the coordinates of the picture.
    pub regions: Vec<Region>,
    /// Commands that are DS9's and not understood here, for the next file.
    pub kept: Vec<Kept>,
    /// One line for each of them and for other things worth knowing, with the line of the file.
    pub warnings: Vec<String>,
}

/// A command that is kept as it is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Kept {
    /// The coordinate system it stands in, as the file names it.
    pub system: String,
    /// The command with its properties.
    pub text: String,
    /// Its line in the file, from 1.
    pub line: usize,
}

/// Reads the regions of a DS9 file onto the picture of `grid`. Files without a coordinate system are in physical
/// coordinates, as DS9 takes them.
pub fn read(text: &str, grid: &Grid) -> Result<RegionFile, Ds9Error> {
    let mut reader = Reader {
        grid,
        system: Current::Known(System::Physical),
        globals: Properties::new(),
        file: RegionFile::default(),
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        let mut cursor = Cursor::new(index + 1, line);
        while !cursor.is_at_end() {
            reader.command(&mut cursor, index + 1)?;
            cursor.skip_blanks();
            cursor.take(';');
        }
    }
    Ok(reader.file)
}

/// The coordinate system in force.
#[derive(Clone, Debug)]
enum Current {
    Known(System),
    Foreign(String),
}

struct Reader<'a> {
    grid: &'a Grid,
    system: Current,
    globals: Properties,
    file: RegionFile,
}

impl Reader<'_> {
    fn command(&mut self, cursor: &mut Cursor, line: usize) -> Result<(), Ds9Error> {
        cursor.skip_blanks();
        let start = cursor.clone();
        let mut exclude = false;
        match cursor.peek() {
            None | Some(';') => return Ok(()),
            Some('#') => return self.comment(cursor, line),
            Some(sign @ ('-' | '!' | '+')) => {
                exclude = sign != '+';
                cursor.next();
                cursor.skip_blanks();
            }
            Some(_) => {}
        }
        let word = cursor.token(|c| c.is_ascii_alphanumeric() || c == '_');
        if word.text.is_empty() {
            return Err(cursor.unexpected("a shape, a coordinate system or `global`"));
        }
        if word.text.eq_ignore_ascii_case("global") {
            self.globals = properties::read(cursor)?;
            return Ok(());
        }
        if let Some(system) = System::from_name(&word.text) {
            self.system = Current::Known(system);
            return Ok(());
        }
        if is_foreign_system(&word.text) {
            self.system = Current::Foreign(word.text);
            return Ok(());
        }
        let kind = Kind::from_name(&word.text);
        match (kind, &self.system) {
            (Some(kind), Current::Known(system)) => {
                let system = *system;
                self.region(cursor, kind, &word, system, exclude)
            }
            (Some(_), Current::Foreign(system)) => {
                let why = format!("coordinates in {system}");
                self.keep(cursor, &start, line, &why)
            }
            (None, _) => {
                cursor.skip_blanks();
                let has_numbers = cursor
                    .peek()
                    .is_some_and(|c| c == '(' || c.is_ascii_digit() || "+-.".contains(c));
                if !has_numbers {
                    return Err(word.problem(Ds9Problem::UnknownWord(word.text.clone())));
                }
                let why = format!("the shape {}", word.text);
                self.keep(cursor, &start, line, &why)
            }
        }
    }

    /// A comment, or one of the shapes that DS9 hides behind `#` from older programs.
    fn comment(&mut self, cursor: &mut Cursor, line: usize) -> Result<(), Ds9Error> {
        const HIDDEN: [&str; 8] = [
            "text",
            "vector",
            "composite",
            "ruler",
            "compass",
            "projection",
            "segment",
            "point",
        ];
        let start = cursor.clone();
        cursor.next();
        cursor.skip_blanks();
        let word = cursor.token(|c| c.is_ascii_alphanumeric());
        cursor.skip_blanks();
        if HIDDEN.contains(&word.text.to_ascii_lowercase().as_str()) && cursor.peek() == Some('(') {
            let why = format!("the shape {}", word.text);
            return self.keep(cursor, &start, line, &why);
        }
        cursor.token(|_| true);
        Ok(())
    }

    fn keep(
        &mut self,
        cursor: &mut Cursor,
        start: &Cursor,
        line: usize,
        why: &str,
    ) -> Result<(), Ds9Error> {
        cursor.skip_command()?;
        let system = match &self.system {
            Current::Known(system) => system.name().to_owned(),
            Current::Foreign(name) => name.clone(),
        };
        self.file.warnings.push(format!(
            "line {line}: {why} is not understood here; it is kept for the next file"
        ));
        self.file.kept.push(Kept {
            system,
            text: cursor.since(start),
            line,
        });
        Ok(())
    }

    fn region(
        &mut self,
        cursor: &mut Cursor,
        kind: Kind,
        word: &Token,
        system: System,
        exclude: bool,
    ) -> Result<(), Ds9Error> {
        let numbers = numbers(cursor, kind)?;
        let placing = Placing {
            grid: self.grid,
            system,
        };
        let shape = placing.shape(kind, word, &numbers)?;
        let mut region = Region::new(shape);
        cursor.skip_blanks();
        // Parts of a composite region are joined by bars.
        while cursor.take('|') {
            cursor.skip_blanks();
        }
        properties::apply(&mut region, &self.globals, false);
        match cursor.peek() {
            None | Some(';') => {}
            Some('#') => {
                cursor.next();
                let own = properties::read(cursor)?;
                if own.iter().any(|(name, _)| name == "tag") {
                    region.tags.clear();
                }
                properties::apply(&mut region, &own, true);
            }
            Some(_) => return Err(cursor.unexpected("`;`, `#` or the end of the line")),
        }
        region.exclude |= exclude;
        make_freehand(&mut region);
        self.file.regions.push(region);
        Ok(())
    }
}

/// The tag of polygons that were drawn by hand; DS9 has no word for them.
pub(super) const FREEHAND_TAG: &str = "freehand";

fn make_freehand(region: &mut Region) {
    if let Shape::Polygon { corners } = &mut region.shape
        && let Some(tag) = region.tags.iter().position(|tag| tag == FREEHAND_TAG)
    {
        let corners = std::mem::take(corners);
        region.shape = Shape::Freehand { corners };
        region.tags.remove(tag);
    }
}

/// The shapes that are understood.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Circle,
    Ellipse,
    Box,
    Polygon,
}

impl Kind {
    fn from_name(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "circle" => Self::Circle,
            "ellipse" => Self::Ellipse,
            "box" | "rotbox" => Self::Box,
            "polygon" => Self::Polygon,
            _ => return None,
        })
    }

    fn with_article(self) -> &'static str {
        match self {
            Self::Circle => "a circle",
            Self::Ellipse => "an ellipse",
            Self::Box => "a box",
            Self::Polygon => "a polygon",
        }
    }
}

/// The numbers of a shape, in brackets or (as old files have them) without.
fn numbers(cursor: &mut Cursor, kind: Kind) -> Result<Vec<Quantity>, Ds9Error> {
    cursor.skip_blanks();
    let bracket = cursor.take('(');
    let mut found = Vec::new();
    loop {
        cursor.skip_blanks();
        match cursor.peek() {
            Some(')') if bracket => {
                cursor.next();
                return Ok(found);
            }
            None | Some(';' | '#' | '|') if !bracket => return Ok(found),
            _ => {}
        }
        let token = cursor.token(|c| !c.is_whitespace() && !",();#|".contains(c));
        if token.text.contains('=') {
            // circle(x, y, r, n=3)
            return Err(token.problem(Ds9Problem::Annulus(kind.with_article())));
        }
        if token.text.is_empty() {
            let expected = if bracket {
                "a number or `)`"
            } else {
                "a number"
            };
            return Err(cursor.unexpected(expected));
        }
        found.push(Quantity::parse(token)?);
        cursor.skip_blanks();
        cursor.take(',');
    }
}

/// Puts numbers of a coordinate system onto a picture.
struct Placing<'a> {
    grid: &'a Grid,
    system: System,
}

impl Placing<'_> {
    fn shape(&self, kind: Kind, word: &Token, numbers: &[Quantity]) -> Result<Shape, Ds9Error> {
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
            basis.to_fits_angle(angle)
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
