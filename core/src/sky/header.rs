//! What the cards of a FITS header say about the sky, checked and brought into one form.
//!
//! Invariant: every value is finite, the matrix can be inverted, and axes that are no directions on the sky (bands) are left
//! out. Source: Calabretta and Greisen 2002; Greisen and Calabretta 2002, A&AS 395, 1061, for matrices and their defaults.

use super::projection::Projection;
use super::sip::Sip;
use super::{Frame, WcsError};
use crate::stamp::Card;

/// Cards by keyword.
pub(super) struct Keys<'a>(pub(super) &'a [Card]);

impl<'a> Keys<'a> {
    pub(super) fn text(&self, keyword: &str) -> Option<&'a str> {
        let card = self.0.iter().find(|card| card.keyword == keyword)?;
        Some(card.value.trim())
    }

    /// A number; `None` when the card is missing or has no value.
    pub(super) fn number(&self, keyword: &str) -> Result<Option<f64>, WcsError> {
        let Some(text) = self.text(keyword).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let value = text.replace(['D', 'd'], "E").parse::<f64>().ok();
        match value.filter(|v| v.is_finite()) {
            Some(value) => Ok(Some(value)),
            None => Err(WcsError::NotANumber {
                keyword: keyword.to_owned(),
                value: text.to_owned(),
            }),
        }
    }

    fn number_or(&self, keyword: &str, default: f64) -> Result<f64, WcsError> {
        Ok(self.number(keyword)?.unwrap_or(default))
    }

    fn has_any(&self, keywords: &[String]) -> bool {
        keywords.iter().any(|k| self.text(k).is_some())
    }
}

/// What the header says, longitude first.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Description {
    pub(super) frame: Frame,
    pub(super) projection: Projection,
    /// CRPIX of the axes 1 and 2.
    pub(super) reference_pixel: [f64; 2],
    /// Degrees of longitude and latitude in the plane per pixel of the axes 1 and 2.
    pub(super) matrix: [[f64; 2]; 2],
    /// CRVAL: longitude and latitude of the reference point, degrees.
    pub(super) reference: [f64; 2],
    pub(super) pole_longitude: Option<f64>,
    pub(super) pole_latitude: f64,
    pub(super) distortion: Option<Sip>,
}

/// A CTYPE such as `RA---TAN-SIP`.
struct AxisType<'a> {
    name: &'a str,
    code: &'a str,
    suffix: &'a str,
}

impl<'a> AxisType<'a> {
    fn parse(text: &'a str) -> Self {
        let part = |from: usize, to: usize| text.get(from..to.min(text.len())).unwrap_or("");
        Self {
            name: part(0, 4).trim_end_matches('-').trim_end(),
            code: part(5, 8).trim_end(),
            suffix: part(8, usize::MAX).trim(),
        }
    }
}

fn unsupported(keyword: &str, value: &str, expected: &str) -> WcsError {
    WcsError::Unsupported {
        keyword: keyword.to_owned(),
        value: value.to_owned(),
        expected: expected.to_owned(),
    }
}

impl Description {
    pub(super) fn read(cards: &[Card]) -> Result<Self, WcsError> {
        let keys = Keys(cards);
        let (longitude, latitude) = axes(&keys)?;
        let ctype = format!("CTYPE{longitude}");
        let text = keys.text(&ctype).unwrap_or_default();
        let kind = AxisType::parse(text);
        let projection = Projection::from_code(kind.code)
            .ok_or_else(|| unsupported(&ctype, text, Projection::KNOWN))?;
        let distortion = match kind.suffix {
            "" => None,
            "-SIP" => Some(Sip::read(&keys)?),
            _ => return Err(unsupported(&ctype, text, Projection::KNOWN)),
        };
        refuse_parameters(&keys, projection, [longitude, latitude])?;
        let mut matrix = matrix(&keys, [longitude, latitude])?;
        for (row, axis) in matrix.iter_mut().zip([longitude, latitude]) {
            let unit = unit(&keys, axis)?;
            for value in row.iter_mut() {
                *value *= unit;
            }
        }
        let value = |axis: usize| -> Result<f64, WcsError> {
            Ok(keys.number_or(&format!("CRVAL{axis}"), 0.0)? * unit(&keys, axis)?)
        };
        Ok(Self {
            frame: frame(&keys, kind.name)?,
            projection,
            reference_pixel: [
                keys.number_or("CRPIX1", 0.0)?,
                keys.number_or("CRPIX2", 0.0)?,
            ],
            matrix,
            reference: [value(longitude)?, value(latitude)?],
            pole_longitude: keys.number("LONPOLE")?,
            pole_latitude: keys.number_or("LATPOLE", 90.0)?,
            distortion,
        })
    }
}

/// The numbers of the axes of longitude and latitude, which must be 1 and 2 in some order.
fn axes(keys: &Keys<'_>) -> Result<(usize, usize), WcsError> {
    const PAIRS: [(&str, &str); 3] = [("RA", "DEC"), ("GLON", "GLAT"), ("ELON", "ELAT")];
    let axis_of = |wanted: &str| {
        (1..=9).find(|axis| {
            let text = keys.text(&format!("CTYPE{axis}")).unwrap_or_default();
            AxisType::parse(text).name == wanted
        })
    };
    for (longitude, latitude) in PAIRS {
        return match (axis_of(longitude), axis_of(latitude)) {
            (None, None) => continue,
            (Some(1), Some(2)) => Ok((1, 2)),
            (Some(2), Some(1)) => Ok((2, 1)),
            (Some(a), Some(b)) => {
                let axis = a.max(b);
                let value = keys.text(&format!("CTYPE{axis}")).unwrap_or_default();
                Err(unsupported(
                    &format!("CTYPE{axis}"),
                    value,
                    "sky directions on the axes 1 and 2",
                ))
            }
            (Some(axis), None) | (None, Some(axis)) => Err(WcsError::Missing {
                keyword: format!("CTYPE of its other direction ({longitude}, {latitude})"),
                needed_by: format!("CTYPE{axis}"),
            }),
        };
    }
    Err(WcsError::Absent)
}

/// Parameters of a projection change its shape; none of those that are understood here needs one. Distortion polynomials of
/// SCAMP hide in the same keywords.
fn refuse_parameters(
    keys: &Keys<'_>,
    projection: Projection,
    axes: [usize; 2],
) -> Result<(), WcsError> {
    let longitude = axes[0];
    for axis in axes {
        let prefix = format!("PV{axis}_");
        for card in keys.0 {
            let Some(index) = card.keyword.strip_prefix(&prefix) else {
                continue;
            };
            // PV1_3 and PV1_4 repeat LONPOLE and LATPOLE; the identity of the SCAMP polynomial has 1 at index 1.
            let harmless = match (keys.number(&card.keyword)?, index) {
                (None | Some(0.0), _) => true,
                (Some(1.0), "1") => projection == Projection::Tan,
                (Some(value), "3") if axis == longitude => Some(value) == keys.number("LONPOLE")?,
                (Some(value), "4") if axis == longitude => Some(value) == keys.number("LATPOLE")?,
                _ => false,
            };
            if !harmless {
                return Err(unsupported(
                    &card.keyword,
                    &card.value,
                    "no parameters or distortion by PV",
                ));
            }
        }
    }
    Ok(())
}

/// Rows of the transformation, in the given order of world axes, over the pixel axes 1 and 2.
fn matrix(keys: &Keys<'_>, axes: [usize; 2]) -> Result<[[f64; 2]; 2], WcsError> {
    let names = |stem: &str| -> Vec<String> {
        let both = |i: usize| [1, 2].map(|j| format!("{stem}{i}_{j}"));
        axes.iter().flat_map(|i| both(*i)).collect()
    };
    let element = |stem: &str, axis: usize, pixel: usize, default: f64| {
        keys.number_or(&format!("{stem}{axis}_{pixel}"), default)
    };
    let identity = |axis: usize, pixel: usize| if axis == pixel { 1.0 } else { 0.0 };
    let (has_pc, has_cd) = (keys.has_any(&names("PC")), keys.has_any(&names("CD")));
    let mut rows = [[0.0; 2]; 2];
    for (row, axis) in rows.iter_mut().zip(axes) {
        let delta = keys.number_or(&format!("CDELT{axis}"), 1.0)?;
        for (value, pixel) in row.iter_mut().zip([1, 2]) {
            *value = if has_cd && !has_pc {
                // Once one CD is there, those that are not are 0.
                element("CD", axis, pixel, 0.0)?
            } else {
                delta * element("PC", axis, pixel, identity(axis, pixel))?
            };
        }
    }
    let [longitude, latitude] = axes;
    let angle = keys.number_or(&format!("CROTA{latitude}"), 0.0)?;
    if !has_pc && !has_cd && angle != 0.0 {
        let (s, c) = angle.to_radians().sin_cos();
        let delta = |axis: usize| keys.number_or(&format!("CDELT{axis}"), 1.0);
        let (x, y) = (delta(longitude)?, delta(latitude)?);
        let turned = [[x * c, -y * s], [x * s, y * c]];
        // With latitude on the first axis its column comes first.
        rows = if longitude == 1 {
            turned
        } else {
            turned.map(|[a, b]| [b, a])
        };
    }
    Ok(rows)
}

/// Degrees per unit of an axis.
fn unit(keys: &Keys<'_>, axis: usize) -> Result<f64, WcsError> {
    let keyword = format!("CUNIT{axis}");
    let text = keys.text(&keyword).unwrap_or_default();
    match text.to_ascii_lowercase().as_str() {
        "" | "deg" | "degree" | "degrees" => Ok(1.0),
        "arcmin" => Ok(1.0 / 60.0),
        "arcsec" => Ok(1.0 / 3600.0),
        "mas" => Ok(1.0 / 3_600_000.0),
        "rad" => Ok(1.0_f64.to_degrees()),
        _ => Err(unsupported(
            &keyword,
            text,
            "deg, arcmin, arcsec, mas or rad",
        )),
    }
}

/// The frame: RADESYS, or what the standard takes for granted without it.
fn frame(keys: &Keys<'_>, name: &str) -> Result<Frame, WcsError> {
    match name {
        "GLON" => return Ok(Frame::Galactic),
        "ELON" => return Ok(Frame::Ecliptic),
        _ => {}
    }
    let equinox = match keys.number("EQUINOX")? {
        Some(equinox) => Some(equinox),
        // EPOCH is what old files call it; some of them mean a date by it and write it as text.
        None => keys.number("EPOCH").ok().flatten(),
    };
    let system = keys.text("RADESYS").or_else(|| keys.text("RADECSYS"));
    Ok(match (system.unwrap_or_default(), equinox) {
        ("ICRS", _) | ("", None) => Frame::Icrs,
        ("FK5", None | Some(2000.0)) | ("", Some(2000.0)) => Frame::Fk5,
        ("FK4" | "FK4-NO-E", None | Some(1950.0)) | ("", Some(1950.0)) => Frame::Fk4,
        _ => Frame::OtherEquinox,
    })
}
