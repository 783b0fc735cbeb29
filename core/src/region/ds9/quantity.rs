//! Numbers of region files with their units.

use super::cursor::Token;
use super::{Ds9Error, Ds9Problem};
use crate::sky::{parse_colons, parse_lettered};

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unit {
    /// None was given: that of the coordinate system.
    Bare,
    /// Degrees (`d`, `'` and `"` are brought to degrees, radians `r` too).
    Degrees,
    /// Parts by colons: hours for the first position in equatorial systems, else degrees.
    Colons,
    /// Image pixels, `i`.
    Image,
    /// Physical pixels, `p`.
    Physical,
}

/// A number with its unit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quantity {
    pub(super) value: f64,
    pub(super) unit: Unit,
    pub(super) token: Token,
}

impl Quantity {
    pub(super) fn parse(token: Token) -> Result<Self, Ds9Error> {
        let (value, unit) = split(&token.text).ok_or_else(|| {
            token.problem(Ds9Problem::NoNumber {
                found: token.text.clone(),
                expected: "number",
            })
        })?;
        Ok(Self { value, unit, token })
    }

    pub(super) fn problem(&self, problem: Ds9Problem) -> Ds9Error {
        self.token.problem(problem)
    }

    /// An angle in degrees.
    pub(super) fn angle(&self) -> Result<f64, Ds9Error> {
        match self.unit {
            Unit::Bare | Unit::Degrees => Ok(self.value),
            Unit::Colons | Unit::Image | Unit::Physical => {
                Err(self.problem(Ds9Problem::NoNumber {
                    found: self.token.text.clone(),
                    expected: "angle in degrees",
                }))
            }
        }
    }
}

fn split(text: &str) -> Option<(f64, Unit)> {
    if text.contains(':') {
        return Some((parse_colons(text)?, Unit::Colons));
    }
    if text.contains('h') {
        return Some((parse_lettered(text, 'h')? * 15.0, Unit::Degrees));
    }
    if let Some(degrees) = parse_lettered(text, 'd') {
        return Some((degrees, Unit::Degrees));
    }
    let last = text.chars().last()?;
    let (number, factor, unit) = match last {
        'd' => (text.strip_suffix('d')?, 1.0, Unit::Degrees),
        '\'' => (text.strip_suffix('\'')?, 1.0 / 60.0, Unit::Degrees),
        '"' => (text.strip_suffix('"')?, 1.0 / 3600.0, Unit::Degrees),
        'r' => (text.strip_suffix('r')?, 1.0_f64.to_degrees(), Unit::Degrees),
        'i' => (text.strip_suffix('i')?, 1.0, Unit::Image),
        'p' => (text.strip_suffix('p')?, 1.0, Unit::Physical),
        _ => (text, 1.0, Unit::Bare),
    };
    let is_number = number.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    let value = number.parse::<f64>().ok()? * factor;
    (is_number && value.is_finite()).then_some((value, unit))
}
