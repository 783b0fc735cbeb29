//! Angles as people write them: sexagesimal hours and degrees.
//!
//! Invariant: what is written is rounded once, so 59.9999 seconds never become 60.

/// An angle in degrees as `hh:mm:ss.sss`, brought into `[0, 24)` hours.
///
/// ```
/// assert_eq!(ganoscope_core::sky::format_hours(150.2479338843, 3), "10:00:59.504");
/// ```
pub fn format_hours(degrees: f64, decimals: u8) -> String {
    let hours = degrees.rem_euclid(360.0) / 15.0;
    let (mut whole, minutes, seconds) = split(hours, decimals);
    whole %= 24;
    format!("{whole:02}:{minutes:02}:{seconds}")
}

/// An angle in degrees as `+dd:mm:ss.ss`.
///
/// ```
/// assert_eq!(ganoscope_core::sky::format_degrees(-0.5, 1), "-00:30:00.0");
/// ```
pub fn format_degrees(degrees: f64, decimals: u8) -> String {
    let sign = if degrees < 0.0 { '-' } else { '+' };
    let (whole, minutes, seconds) = split(degrees.abs(), decimals);
    format!("{sign}{whole:02}:{minutes:02}:{seconds}")
}

/// Whole units, minutes and the text of the seconds.
fn split(units: f64, decimals: u8) -> (u64, u64, String) {
    let decimals = decimals.min(9);
    let parts = 10_u64.pow(u32::from(decimals));
    let total = (units * 3600.0 * parts as f64).round() as u64; // saturates; NaN becomes 0
    let (whole, rest) = (total / (3600 * parts), total % (3600 * parts));
    let (minutes, rest) = (rest / (60 * parts), rest % (60 * parts));
    let (seconds, fraction) = (rest / parts, rest % parts);
    let text = if decimals == 0 {
        format!("{seconds:02}")
    } else {
        format!(
            "{seconds:02}.{fraction:0width$}",
            width = usize::from(decimals)
        )
    };
    (whole, minutes, text)
}

/// `-1:30:15.5` or `1:30` as a number of whole units (hours or degrees); `None` when it is no such text.
pub fn parse_colons(text: &str) -> Option<f64> {
    let (sign, rest) = sign(text);
    let mut parts = rest.split(':');
    let whole = parts.next()?;
    let minutes = parts.next()?;
    let seconds = parts.next();
    if parts.next().is_some() {
        return None;
    }
    sum(sign, whole, minutes, seconds)
}

/// `10h20m30.5s` or `-10d20m` as a number of `unit`s (`h` or `d`); `None` when it is no such text.
pub fn parse_lettered(text: &str, unit: char) -> Option<f64> {
    let (sign, rest) = sign(text);
    let (whole, rest) = rest.split_once(unit)?;
    let (minutes, rest) = rest.split_once('m')?;
    let seconds = match rest {
        "" => None,
        _ => Some(rest.strip_suffix('s')?),
    };
    sum(sign, whole, minutes, seconds)
}

fn sign(text: &str) -> (f64, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// Parts without signs; minutes and seconds below 60.
fn sum(sign: f64, whole: &str, minutes: &str, seconds: Option<&str>) -> Option<f64> {
    let number = |text: &str| {
        let plain = text.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        let value = text.parse::<f64>().ok()?;
        (plain && value.is_finite()).then_some(value)
    };
    let below_60 = |text: &str| number(text).filter(|v| *v < 60.0);
    let seconds = seconds.map_or(Some(0.0), below_60)?;
    Some(sign * (number(whole)? + below_60(minutes)? / 60.0 + seconds / 3600.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_rounded_once() {
        assert_eq!(format_hours(359.999_999_999, 2), "00:00:00.00");
        assert_eq!(format_hours(-15.0, 0), "23:00:00");
        assert_eq!(format_degrees(1.999_999_999, 1), "+02:00:00.0");
        assert_eq!(format_degrees(-89.5, 0), "-89:30:00");
    }

    #[test]
    fn what_is_written_is_read() {
        for degrees in [0.0, 0.1, 12.345_678, 150.247_933_9, 359.9] {
            let hours = parse_colons(&format_hours(degrees, 9)).expect("hours");
            assert!((hours * 15.0 - degrees).abs() < 1e-11, "{degrees}");
            for signed in [degrees, -degrees] {
                let read = parse_colons(&format_degrees(signed, 9)).expect("degrees");
                assert!((read - signed).abs() < 1e-12, "{signed}");
            }
        }
        assert_eq!(parse_lettered("10h30m", 'h'), Some(10.5));
        assert_eq!(parse_lettered("-1d30m36s", 'd'), Some(-1.51));
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "", ":", "1", "1:", "1:60", "1:2:60", "1:-2", "1:2:3:4", "nan:1", "1:inf", "a:b:c",
        ] {
            assert_eq!(parse_colons(text), None, "{text}");
        }
        for text in ["", "h", "1h", "1h2", "1h2m3", "1h2m3x", "1d2m3s"] {
            assert_eq!(parse_lettered(text, 'h'), None, "{text}");
        }
    }
}
