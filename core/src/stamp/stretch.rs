//! From pixel values to display brightness: limits, then a stretch.
//!
//! Invariant: pixels are never changed, only mapped; missing pixels (NaN) and infinite ones take no part in limits. Formulas
//! are those of astropy's visualization module, which DS9's agree with up to constants.

mod zscale;

use serde::{Deserialize, Serialize};

pub use self::zscale::ZScale;

/// The values shown as black and white.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limits {
    /// The smallest and largest value.
    MinMax,
    /// The central share of the values, percent: 99.5 leaves out a quarter of a percent on either side.
    Percentile(f64),
    /// IRAF's zscale: a line through the sorted values, steepened by the contrast.
    ZScale(ZScale),
    /// `-m` to `m`, where `m` is this percentile of the absolute values; for signed maps.
    Symmetric(f64),
    /// Given values.
    Manual {
        /// Shown as black.
        low: f32,
        /// Shown as white.
        high: f32,
    },
}

impl Default for Limits {
    /// 99.5 %.
    fn default() -> Self {
        Self::Percentile(99.5)
    }
}

impl Limits {
    /// `[low, high]` for `values`; `None` where no value is finite.
    ///
    /// ```
    /// use ganoscope_core::stamp::stretch::Limits;
    /// let values = [3.0, f32::NAN, -1.0, 0.5];
    /// assert_eq!(Limits::MinMax.of(&values), Some([-1.0, 3.0]));
    /// assert_eq!(Limits::Symmetric(100.0).of(&values), Some([-3.0, 3.0]));
    /// ```
    pub fn of(self, values: &[f32]) -> Option<[f32; 2]> {
        if let Self::Manual { low, high } = self {
            return Some([low, high]);
        }
        let mut finite: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
        let tail = |percent: f64| (1.0 - percent.clamp(0.0, 100.0) / 100.0) / 2.0;
        match self {
            Self::Percentile(percent) => {
                let tail = tail(percent);
                Some([
                    quantile(&mut finite, tail)?,
                    quantile(&mut finite, 1.0 - tail)?,
                ])
            }
            Self::ZScale(zscale) => zscale.of(&finite),
            Self::Symmetric(percent) => {
                for value in &mut finite {
                    *value = value.abs();
                }
                let high = quantile(&mut finite, 1.0 - 2.0 * tail(percent))?;
                Some([-high, high])
            }
            Self::MinMax | Self::Manual { .. } => {
                Some([quantile(&mut finite, 0.0)?, quantile(&mut finite, 1.0)?])
            }
        }
    }
}

/// The value below which a share `at` of `values` lies, interpolated as numpy does; reorders `values`, which hold no NaN.
fn quantile(values: &mut [f32], at: f64) -> Option<f32> {
    if values.is_empty() {
        return None;
    }
    let position = at * (values.len() - 1) as f64;
    let (below, share) = (position.floor() as usize, position.fract());
    let (_, low, above) = values.select_nth_unstable_by(below, f32::total_cmp);
    let low = *low;
    let high = above.iter().copied().min_by(f32::total_cmp).unwrap_or(low);
    Some((f64::from(low) + share * (f64::from(high) - f64::from(low))) as f32)
}

/// Brightness as a function of the value between its limits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stretch {
    /// `x`.
    Linear,
    /// `ln(a x + 1) / ln(a + 1)`; a = 1000 is usual.
    Log(f32),
    /// Square root of `x`.
    Sqrt,
    /// `x^2`.
    Squared,
    /// `asinh(x / a) / asinh(1 / a)`; a = 0.1 is usual. Linear in faint light, logarithmic in bright.
    Asinh(f32),
    /// `sinh(x / a) / sinh(1 / a)`; a = 1/3 is usual.
    Sinh(f32),
    /// `(a^x - 1) / (a - 1)`; a = 1000 is usual.
    Power(f32),
}

impl Default for Stretch {
    /// asinh with a = 0.1.
    fn default() -> Self {
        Self::Asinh(0.1)
    }
}

impl Stretch {
    /// Every stretch with its usual parameter, in the order menus show them.
    pub const ALL: [Self; 7] = [
        Self::Linear,
        Self::Log(1000.0),
        Self::Sqrt,
        Self::Squared,
        Self::Asinh(0.1),
        Self::Sinh(1.0 / 3.0),
        Self::Power(1000.0),
    ];

    /// Its name as people know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Log(_) => "log",
            Self::Sqrt => "sqrt",
            Self::Squared => "squared",
            Self::Asinh(_) => "asinh",
            Self::Sinh(_) => "sinh",
            Self::Power(_) => "power",
        }
    }

    /// The same curve, or linear where the parameter makes it so within 1/1000 or means nothing.
    pub fn usable(self) -> Self {
        let is_curved = match self {
            Self::Linear | Self::Sqrt | Self::Squared => true,
            Self::Log(a) => (1e-3..=1e12).contains(&a),
            Self::Asinh(a) | Self::Sinh(a) => (1e-9..=30.0).contains(&a),
            Self::Power(a) => (1e-9..=1e12).contains(&a) && (a - 1.0).abs() > 1e-3,
        };
        if is_curved { self } else { Self::Linear }
    }

    /// What the rising part of the curve is divided by so that it ends at 1.
    ///
    /// `ln(a + 1)`, `asinh(1 / a)`, `1 - exp(-2 / a)` (see [`Stretch::apply`]), `a - 1`; 1 for the others.
    pub fn norm(self) -> f32 {
        match self {
            Self::Linear | Self::Sqrt | Self::Squared => 1.0,
            Self::Log(a) => a.ln_1p(),
            Self::Asinh(a) => a.recip().asinh(),
            Self::Sinh(a) => 1.0 - (-2.0 / a).exp(),
            Self::Power(a) => a - 1.0,
        }
    }

    /// Brightness in `[0, 1]` of `x`, the place between the limits; clips below 0 and above 1, keeps NaN.
    pub fn apply(self, x: f32) -> f32 {
        let x = x.clamp(0.0, 1.0);
        let curve = self.usable();
        match curve {
            Self::Linear => x,
            Self::Log(a) => (a * x).ln_1p() / curve.norm(),
            Self::Sqrt => x.sqrt(),
            Self::Squared => x * x,
            Self::Asinh(a) => (x / a).asinh() / curve.norm(),
            // exp(x / a) / exp(1 / a) in front, because sinh(1 / a) passes what a float holds at a = 0.011.
            Self::Sinh(a) => ((x - 1.0) / a).exp() * (1.0 - (-2.0 * x / a).exp()) / curve.norm(),
            Self::Power(a) => (a.powf(x) - 1.0) / curve.norm(),
        }
    }

    /// The place between the limits that is shown with brightness `y` in `[0, 1]`; for ticks of a colour bar.
    pub fn invert(self, y: f32) -> f32 {
        let y = y.clamp(0.0, 1.0);
        match self.usable() {
            Self::Linear => y,
            Self::Log(a) => (y * a.ln_1p()).exp_m1() / a,
            Self::Sqrt => y * y,
            Self::Squared => y.sqrt(),
            Self::Asinh(a) => a * (y * a.recip().asinh()).sinh(),
            Self::Sinh(a) if a < 0.02 => {
                // asinh(y sinh(1 / a)), whose sinh a float does not hold: the logarithm of twice it.
                (1.0 + a * y.max(f32::MIN_POSITIVE).ln()).max(0.0)
            }
            Self::Sinh(a) => a * (y * a.recip().sinh()).asinh(),
            Self::Power(a) => (y * (a - 1.0)).ln_1p() / a.ln(),
        }
    }
}

/// Place of `value` between `low` (0) and `high` (1), not clipped; limits that coincide part black from white.
pub fn between([low, high]: [f32; 2], value: f32) -> f32 {
    if high > low {
        (value - low) / (high - low)
    } else if value.is_nan() {
        value
    } else {
        f32::from(value > high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: [f32; 5] = [0.0, 0.01, 0.25, 0.5, 1.0];

    #[test]
    fn stretches_match_astropy() {
        // astropy 8.0.2: LogStretch(1000), AsinhStretch(0.1), SinhStretch(1/3), PowerDistStretch(1000) at X.
        let expected = [
            (
                Stretch::Log(1000.0),
                [0.0, 0.347_080_7, 0.799_775_5, 0.899_815_7, 1.0],
            ),
            (
                Stretch::Asinh(0.1),
                [0.0, 0.033_297_75, 0.549_402_5, 0.771_269_6, 1.0],
            ),
            (
                Stretch::Sinh(1.0 / 3.0),
                [0.0, 0.002_995_096, 0.082_084_95, 0.212_548_02, 1.0],
            ),
            (
                Stretch::Power(1000.0),
                [0.0, 7.159_09e-5, 0.004_628_041, 0.030_653_43, 1.0],
            ),
        ];
        for (stretch, values) in expected {
            for (x, y) in X.into_iter().zip(values) {
                assert!((stretch.apply(x) - y).abs() < 2e-6, "{stretch:?} {x}");
            }
        }
    }

    #[test]
    fn every_stretch_keeps_the_ends_and_inverts() {
        for stretch in Stretch::ALL {
            assert_eq!(stretch.apply(-3.0), 0.0);
            assert!((stretch.apply(7.0) - 1.0).abs() < 1e-6);
            assert!(stretch.apply(f32::NAN).is_nan());
            for x in X {
                let back = stretch.invert(stretch.apply(x));
                assert!((back - x).abs() < 1e-4, "{stretch:?} {x} {back}");
            }
        }
    }

    #[test]
    fn parameters_at_the_edge_give_curves_from_0_to_1() {
        let parameters = [0.0, -1.0, 1e-30, 1e-3, 0.01, 1.0, 29.0, 1e30, f32::NAN];
        for a in parameters {
            for stretch in [
                Stretch::Log(a),
                Stretch::Asinh(a),
                Stretch::Sinh(a),
                Stretch::Power(a),
            ] {
                let shown = X.map(|x| stretch.apply(x));
                assert!((shown[0]).abs() < 1e-6, "{stretch:?} {shown:?}");
                assert!((shown[4] - 1.0).abs() < 1e-5, "{stretch:?} {shown:?}");
                assert!(
                    shown.windows(2).all(|w| w[0] <= w[1]),
                    "{stretch:?} {shown:?}"
                );
                let place = stretch.invert(0.5);
                assert!((0.0..=1.0).contains(&place), "{stretch:?} {place}");
                assert!(
                    (stretch.apply(place) - 0.5).abs() < 1e-3,
                    "{stretch:?} {place}"
                );
            }
        }
    }

    #[test]
    fn percentiles_match_numpy() {
        // numpy: numpy.percentile of ((7919 i mod 1009) / 1009)^2 + 30 [i mod 97 = 0] at 0.25 and 99.75.
        for (n, low, high) in [
            (4096, 3.928_96e-6, 30.557_448),
            (700, 1.934_767e-5, 30.395_23),
            (60, 6.451_942e-4, 25.721_333),
        ] {
            let got = Limits::Percentile(99.5).of(&zscale::sample(n)).unwrap();
            assert!(
                (got[0] - low).abs() < 1e-8 && (got[1] - high).abs() < 1e-4,
                "{got:?}"
            );
        }
    }

    #[test]
    fn missing_and_infinite_pixels_do_not_set_limits() {
        let values = [f32::NAN, 1.0, f32::INFINITY, 2.0, f32::NEG_INFINITY];
        for limits in [Limits::MinMax, Limits::Percentile(100.0)] {
            assert_eq!(limits.of(&values), Some([1.0, 2.0]));
        }
        assert_eq!(Limits::default().of(&[f32::NAN]), None);
        assert_eq!(Limits::ZScale(ZScale::default()).of(&[]), None);
        assert_eq!(Limits::Symmetric(99.0).of(&[]), None);
    }

    #[test]
    fn coinciding_limits_part_black_from_white() {
        assert_eq!(between([2.0, 2.0], 2.0), 0.0);
        assert_eq!(between([2.0, 2.0], 2.5), 1.0);
        assert!(between([2.0, 2.0], f32::NAN).is_nan());
        assert_eq!(between([0.0, 4.0], 1.0), 0.25);
    }
}
