//! Reading region files.

use super::cursor::{Cursor, Token};
use super::placing::{Kind, Placing};
use super::properties::{self, Properties};
use super::quantity::Quantity;
use super::{Ds9Error, Ds9Problem, System, is_foreign_system};
use crate::region::{Region, Shape};
use crate::sky::Grid;

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
