//! What a network is run on: a picture of a file, or numbers drawn from a seed.
//!
//! Invariant: the text of a file is its path with how it is read, and that of a latent is `seed:SEED` or `seed:SEED:CLASS`, so that a session, a
//! command line and a person name an input the same way.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::stamp::io::PictureFile;

/// What the text of a latent begins with.
const SEED: &str = "seed:";

/// What a network is run on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Input {
    /// The picture of a file.
    File(PictureFile),
    /// Numbers drawn from a seed.
    Latent(Latent),
}

/// Numbers drawn from a seed: standard normal ones, and one class where the network takes one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Latent {
    /// The seed.
    pub seed: u64,
    /// The class, from 0; the first when not said. Networks without classes do not look at it.
    pub class: Option<usize>,
}

impl Latent {
    /// The latent of a seed, of the first class.
    pub const fn of(seed: u64) -> Self {
        Self { seed, class: None }
    }
}

impl Input {
    /// The latent of a seed.
    pub const fn seed(seed: u64) -> Self {
        Self::Latent(Latent::of(seed))
    }

    /// The path of a file.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(picture) => Some(&picture.path),
            Self::Latent(_) => None,
        }
    }

    /// The picture, if it is that of a file.
    pub const fn picture(&self) -> Option<&PictureFile> {
        match self {
            Self::File(picture) => Some(picture),
            Self::Latent(_) => None,
        }
    }

    /// The latent, if it is one.
    pub const fn latent(&self) -> Option<Latent> {
        match self {
            Self::File(_) => None,
            Self::Latent(latent) => Some(*latent),
        }
    }

    /// What a person calls it in a list: the file's name without its extension, `seed 3` or `seed 3, class 2`.
    pub fn name(&self) -> String {
        match self {
            Self::File(picture) => picture.name(),
            Self::Latent(Latent { seed, class: None }) => format!("seed {seed}"),
            Self::Latent(Latent {
                seed,
                class: Some(class),
            }) => format!("seed {seed}, class {class}"),
        }
    }

    /// A name for files made of it: the stem of its file, `seed-3` or `seed-3-class-2`.
    pub fn stem(&self) -> String {
        match self {
            Self::File(picture) => picture.stem(),
            Self::Latent(_) => self.name().replace(", ", "-").replace(' ', "-"),
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(picture) => picture.fmt(f),
            Self::Latent(latent) => latent.fmt(f),
        }
    }
}

impl fmt::Display for Latent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SEED}{}", self.seed)?;
        self.class.map_or(Ok(()), |class| write!(f, ":{class}"))
    }
}

/// A text that begins like a latent and is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a latent is seed:SEED or seed:SEED:CLASS with whole numbers, not {0}")]
pub struct NotALatent(String);

impl FromStr for Latent {
    type Err = NotALatent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotALatent(text.to_owned());
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let rest = text.strip_prefix(SEED).ok_or_else(wrong)?;
        let (seed, class) = match rest.split_once(':') {
            Some((seed, class)) => (seed, Some(class)),
            None => (rest, None),
        };
        if !digits(seed) || !class.is_none_or(digits) {
            return Err(wrong());
        }
        Ok(Self {
            seed: seed.parse().map_err(|_| wrong())?,
            class: class.map(str::parse).transpose().map_err(|_| wrong())?,
        })
    }
}

impl Input {
    /// The latent that a text names, or nothing for the path of a file.
    ///
    /// # Errors
    /// When it begins with `seed:` and goes on as something else.
    pub fn latent_of(text: &str) -> Result<Option<Latent>, NotALatent> {
        text.starts_with(SEED).then(|| text.parse()).transpose()
    }
}

impl From<PathBuf> for Input {
    fn from(path: PathBuf) -> Self {
        Self::File(path.into())
    }
}

impl From<PictureFile> for Input {
    fn from(picture: PictureFile) -> Self {
        Self::File(picture)
    }
}

impl From<&Path> for Input {
    fn from(path: &Path) -> Self {
        Self::File(path.into())
    }
}

impl Serialize for Input {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            // A file of that very name must be read back as the file it is.
            Self::File(picture)
                if picture
                    .path
                    .to_str()
                    .is_some_and(|text| text.starts_with(SEED)) =>
            {
                let path = Path::new(".").join(&picture.path);
                let reading = picture.reading.clone();
                PictureFile { path, reading }.serialize(serializer)
            }
            Self::File(picture) => picture.serialize(serializer),
            Self::Latent(latent) => serializer.collect_str(latent),
        }
    }
}

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let latent = Self::latent_of(&text).map_err(de::Error::custom)?;
        Ok(match latent {
            Some(latent) => Self::Latent(latent),
            None => Self::File(PictureFile::from_text(&text)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_survive_their_text_and_old_sessions_are_read() {
        let inputs = vec![
            Input::File("a b.fits".into()),
            Input::seed(u64::MAX),
            Input::Latent(Latent {
                seed: 3,
                class: Some(7),
            }),
        ];
        let text = ron::to_string(&inputs).unwrap();
        assert_eq!(ron::from_str::<Vec<Input>>(&text).unwrap(), inputs);
        let old: Option<Input> = ron::from_str("Some(\"/data/blend.fits\")").unwrap();
        assert_eq!(old, Some(Input::File("/data/blend.fits".into())));
        let odd = Input::File("seed:3".into());
        let text = ron::to_string(&odd).unwrap();
        let back: Input = ron::from_str(&text).unwrap();
        assert!(back.file().is_some(), "{text}");
    }

    #[test]
    fn a_latent_that_is_none_is_refused() {
        for text in [
            "seed:",
            "seed:-1",
            "seed:1:",
            "seed:1:x",
            "seed:99999999999999999999",
            "seed:+1",
        ] {
            let error = Input::latent_of(text).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
        assert_eq!(Input::latent_of("seeds.fits"), Ok(None));
        assert_eq!(Input::seed(3).stem(), "seed-3");
        let compressed = Input::File("/data/blend-p18.fits.gz".into());
        assert_eq!(compressed.name(), "blend-p18");
    }
}
