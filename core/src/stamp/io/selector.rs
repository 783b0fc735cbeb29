//! Which image of a file is meant: `file.fits[SCI]`, `file.fits[SCI,2]`, `file.fits[1]`, as DS9 and CFITSIO write it.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// One image of a file, by name or by number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selector {
    /// Number in the file: of the FITS HDU (0 is the primary), array, tensor (in the order of names) or record.
    Index(usize),
    /// EXTNAME, array, tensor or feature name, in any case.
    Name {
        /// The name.
        name: String,
        /// EXTVER, where several extensions share a name.
        version: Option<u32>,
    },
}

impl Selector {
    /// The image called `name`.
    pub fn name(name: impl Into<String>) -> Self {
        Self::Name {
            name: name.into(),
            version: None,
        }
    }

    /// Whether it means the image number `index` called `name` of version `version`.
    pub(super) fn matches(&self, index: usize, name: Option<&str>, version: i64) -> bool {
        match self {
            Self::Index(wanted) => *wanted == index,
            Self::Name {
                name: wanted,
                version: wanted_version,
            } => {
                name.is_some_and(|name| name.eq_ignore_ascii_case(wanted))
                    && wanted_version.is_none_or(|wanted| i64::from(wanted) == version)
            }
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Name { name, version } => match version {
                Some(version) => write!(f, "[{name},{version}]"),
                None => write!(f, "[{name}]"),
            },
        }
    }
}

impl FromStr for Selector {
    type Err = Infallible;

    /// The text between the brackets; anything that is no number is a name.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let text = text.trim();
        if let Ok(index) = text.parse() {
            return Ok(Self::Index(index));
        }
        let versioned = text
            .rsplit_once(',')
            .and_then(|(name, version)| Some((name, version.trim().parse().ok()?)));
        Ok(match versioned {
            Some((name, version)) => Self::Name {
                name: name.trim().to_owned(),
                version: Some(version),
            },
            None => Self::name(text),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_and_written_alike() {
        for text in ["1", "SCI", "SCI,2"] {
            let Ok(selector) = text.parse::<Selector>();
            assert_eq!(selector.to_string(), format!("[{text}]"));
        }
        assert!(Selector::name("sci").matches(4, Some("SCI"), 2));
        let Ok(second) = "SCI,2".parse::<Selector>();
        assert!(!second.matches(1, Some("SCI"), 1));
    }
}
