//! Distortion of a camera by polynomials of pixel offsets (SIP).
//!
//! Invariant: the way back is found from the forward polynomials alone, so both ways agree; the approximate AP and BP of a file
//! are not used. Source: Shupe et al. 2005, ADASS XIV, ASP Conf. Ser. 347, 491.

use super::WcsError;
use super::header::Keys;

/// Highest order of polynomials; the convention allows 9.
const MAX_ORDER: usize = 9;

/// Steps of the way back; a distortion that needs more than a few is no camera's.
const MAX_STEPS: usize = 50;

/// Distortion of both pixel axes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sip {
    axes: [Polynomial; 2],
}

/// Terms `coefficient u^p v^q`.
#[derive(Clone, Debug, PartialEq)]
struct Polynomial {
    terms: Vec<(i32, i32, f64)>,
}

impl Polynomial {
    fn read(keys: &Keys<'_>, letter: char) -> Result<Self, WcsError> {
        let keyword = format!("{letter}_ORDER");
        let order = keys.number(&keyword)?.unwrap_or(0.0);
        if !(0.0..=MAX_ORDER as f64).contains(&order) || order.fract() != 0.0 {
            return Err(WcsError::Unsupported {
                keyword,
                value: order.to_string(),
                expected: format!("0 to {MAX_ORDER}"),
            });
        }
        let order = order as i32;
        let mut terms = Vec::new();
        for p in 0..=order {
            for q in 0..=order - p {
                if let Some(value) = keys.number(&format!("{letter}_{p}_{q}"))?
                    && value != 0.0
                {
                    terms.push((p, q, value));
                }
            }
        }
        Ok(Self { terms })
    }

    fn at(&self, [u, v]: [f64; 2]) -> f64 {
        let term = |(p, q, value): &(i32, i32, f64)| value * u.powi(*p) * v.powi(*q);
        self.terms.iter().map(term).sum()
    }
}

impl Sip {
    /// The polynomials A and B of a header.
    pub(super) fn read(keys: &Keys<'_>) -> Result<Self, WcsError> {
        Ok(Self {
            axes: [Polynomial::read(keys, 'A')?, Polynomial::read(keys, 'B')?],
        })
    }

    /// Offsets from the reference pixel without the distortion.
    pub(super) fn undistorted(&self, offset: [f64; 2]) -> [f64; 2] {
        let [u, v] = offset;
        let [a, b] = &self.axes;
        [u + a.at(offset), v + b.at(offset)]
    }

    /// The pixel offsets that [`Sip::undistorted`] takes to `target`, by fixed-point steps; `None` when they do not settle.
    pub(super) fn distorted(&self, target: [f64; 2]) -> Option<[f64; 2]> {
        let mut offset = target;
        for _ in 0..MAX_STEPS {
            let [u, v] = self.undistorted(offset);
            let error = [target[0] - u, target[1] - v];
            offset = [offset[0] + error[0], offset[1] + error[1]];
            let size = error[0].hypot(error[1]);
            if size < 1e-11 * (1.0 + offset[0].hypot(offset[1])) {
                return Some(offset);
            }
            if !size.is_finite() {
                return None;
            }
        }
        None
    }
}
