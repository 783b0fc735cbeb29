//! Why a job failed, in a form that can be sent between threads, kept with a result and shown.
//!
//! Invariant: built at the worker's edge from any error; nothing behind the edge of the worker is referenced.

use std::any::Any;
use std::fmt;
use std::path::Path;

/// Why a job failed: one headline, then the chain of causes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A clause that names the culprit (layer or file).
    pub headline: String,
    /// What the headline rests on, outermost first.
    pub causes: Vec<String>,
}

impl Failure {
    /// A failure with a headline and no cause.
    pub fn new(headline: impl Into<String>) -> Self {
        Self {
            headline: headline.into(),
            causes: Vec::new(),
        }
    }

    /// The failure of a thread that panicked, with the message of the panic.
    pub fn from_panic(payload: &(dyn Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        Self {
            headline: "the network stopped in the middle of its work".to_owned(),
            causes: vec![message.to_owned()],
        }
    }

    /// The same failure with `path` named, unless a message names it already. Paths come last.
    pub fn at(mut self, path: &Path) -> Self {
        let shown = path.display().to_string();
        if !self.headline.contains(&shown) && !self.causes.iter().any(|c| c.contains(&shown)) {
            self.headline = format!("{}: {shown}", self.headline);
        }
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline)?;
        for cause in &self.causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

// `Failure` is not an `Error` itself: that would forbid this conversion.
impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let headline = error.to_string();
        let mut causes = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // Many errors repeat their source in their own message.
            if !headline.contains(&text) {
                causes.push(text);
            }
            source = cause.source();
        }
        Self { headline, causes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_named_once_and_last() {
        let path = Path::new("/data/a.fits");
        let failure = Failure::new("the file ends too early").at(path);
        assert_eq!(failure.to_string(), "the file ends too early: /data/a.fits");
        assert_eq!(failure.clone().at(path), failure);
    }

    #[test]
    fn panics_keep_their_message() {
        let failure = Failure::from_panic(&"index out of bounds");
        assert!(failure.to_string().ends_with("index out of bounds"));
        let owned: Box<dyn Any + Send> = Box::new("layer conv1".to_owned());
        assert!(
            Failure::from_panic(owned.as_ref())
                .to_string()
                .ends_with("layer conv1")
        );
    }
}
