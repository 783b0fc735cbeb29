//! Messages that have words of files in them, told on one line.

use std::fmt::Display;

/// A text with its line breaks and other control characters escaped: names come from files, and a message is one line.
pub(crate) fn one_line(text: impl Display) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let mut told = String::new();
    for c in text.to_string().chars() {
        if breaks(c) {
            told.extend(c.escape_default());
        } else {
            told.push(c);
        }
    }
    told
}
