//! Patterns over layer names: which layers a rule is meant for.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Rule;

/// A pattern of layer names: `*` stands for any letters, `?` for one, everything else for itself.
///
/// ```
/// use ganoscope_core::attribution::Pattern;
///
/// let pattern = Pattern::from("root.*.conv?");
/// assert!(pattern.matches("root.4.conv1"));
/// assert!(!pattern.matches("branch1.4.conv1"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// Whether a text has a letter that stands for others.
    pub fn is_pattern(text: &str) -> bool {
        text.contains(['*', '?'])
    }

    /// Whether a name is meant.
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name): (Vec<char>, Vec<char>) =
            (self.0.chars().collect(), name.chars().collect());
        // The last star and what it stood for when the rest failed: only that one ever has to take more.
        let (mut p, mut n, mut star) = (0, 0, None);
        while n < name.len() {
            match pattern.get(p) {
                Some('*') => {
                    star = Some((p, n));
                    p += 1;
                }
                Some(c) if *c == '?' || *c == name[n] => {
                    p += 1;
                    n += 1;
                }
                _ => match star {
                    Some((at, taken)) => {
                        star = Some((at, taken + 1));
                        p = at + 1;
                        n = taken + 1;
                    }
                    None => return false,
                },
            }
        }
        pattern[p..].iter().all(|c| *c == '*')
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A rule for all layers of a pattern that it applies to; the others keep theirs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatternRule {
    /// Which layers.
    pub layers: Pattern,
    /// Their rule.
    pub rule: Rule,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_take_as_much_as_they_need() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "net.conv1", true),
            ("net.*", "net.conv1", true),
            ("*.conv*", "net.conv.conv1", true),
            ("*a*b", "aXbXb", true),
            ("*a*b", "aXbXc", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("net.conv", "net.conv1", false),
            ("", "x", false),
            ("é*", "école", true),
        ] {
            assert_eq!(
                Pattern::from(pattern).matches(name),
                expected,
                "{pattern} {name}"
            );
        }
        // Time is bounded by the product of the lengths.
        let many = Pattern::from("*a*a*a*a*a*a*a*a*a*a*a*a*b");
        assert!(!many.matches(&"a".repeat(2000)));
    }
}
