//! Round numbers for axes and colour bars.

/// Round values from `low` to `high` (or from `high` to `low`), at most `most` of them, in rising order: multiples of 1, 2 or
/// 5 times a power of ten. None where the span is empty or not finite.
///
/// ```
/// use ganoscope_core::figure::nice;
/// assert_eq!(nice([0.0, 79.0], 5), [0.0, 20.0, 40.0, 60.0]);
/// assert_eq!(nice([3.0, -3.0], 3), [-2.0, 0.0, 2.0]);
/// ```
pub fn nice([from, to]: [f64; 2], most: usize) -> Vec<f64> {
    let (low, high) = (from.min(to), from.max(to));
    let span = high - low;
    if !span.is_normal() || most == 0 {
        return Vec::new();
    }
    let power = 10.0_f64.powf((span / most as f64).log10().floor());
    for factor in [1.0, 2.0, 5.0, 10.0, 20.0, 50.0] {
        let step = factor * power;
        let values = multiples(low, high, step);
        if values.len() <= most {
            return values;
        }
    }
    Vec::new()
}

/// The multiples of `step` in a span, its ends included up to rounding.
fn multiples(low: f64, high: f64, step: f64) -> Vec<f64> {
    let slack = 1e-9 * (high - low);
    let first = ((low - slack) / step).ceil();
    let last = ((high + slack) / step).floor();
    // A span of at most ten steps or so; anything else is no axis.
    let count = (last - first + 1.0).clamp(0.0, 1000.0) as usize;
    // Zero is written without a sign.
    (0..count)
        .map(|i| (first + i as f64) * step + 0.0)
        .collect()
}

/// A value with about three digits, without needless zeros: `0.25`, `12`, `-1.5e-5`.
pub fn number_text(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !value.is_finite() {
        return value.to_string();
    }
    let size = value.abs();
    let text = if (1e-3..1e5).contains(&size) {
        let decimals = (2 - size.log10().floor() as i32).clamp(0, 6) as usize;
        let text = format!("{value:.decimals$}");
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        }
    } else {
        let text = format!("{value:.2e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        format!(
            "{}e{power}",
            digits.trim_end_matches('0').trim_end_matches('.')
        )
    };
    // A hyphen is too short beside figures.
    text.replacen('-', "\u{2212}", usize::from(value < 0.0))
}

/// Values of an axis with as many decimals as tell them apart.
pub(super) fn texts(values: &[f64]) -> Vec<String> {
    let step = values
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).abs())
        .fold(f64::INFINITY, f64::min);
    if !step.is_finite() || step <= 0.0 {
        return values.iter().map(|value| number_text(*value)).collect();
    }
    let decimals = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    let text = |value: &f64| {
        format!("{value:.decimals$}").replacen('-', "\u{2212}", usize::from(*value < 0.0))
    };
    values.iter().map(text).collect()
}
