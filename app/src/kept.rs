//! Outputs kept to be compared with later ones: of another checkpoint, another picture, other edits.
//!
//! Invariant: what is kept shares its pixels with the preview it was; nothing is copied. The list is in memory only and has
//! at most [`Kept::MOST`] entries, each with a name of its own.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ganoscope_core::jobs::{DeblendPreview, Input};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Names a kept entry for as long as the program runs.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct KeptId(u64);

/// The outputs of one moment.
#[derive(Clone, Debug)]
pub struct KeptRun {
    /// Its number.
    pub id: KeptId,
    /// What they were made of.
    pub input: Input,
    /// What it is of: `step 5,000, blend-0003, edited`.
    pub title: String,
    /// The outputs.
    pub preview: Arc<DeblendPreview>,
}

/// Why something was not kept.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeepError {
    /// The list is full.
    #[error(
        "{} entries are kept already; remove one in the Compare view first",
        Kept::MOST
    )]
    Full,
    /// The same outputs are there already.
    #[error("these outputs are kept already: {0}")]
    There(String),
}

/// Everything that is kept, the oldest first.
#[derive(Clone, Debug)]
pub struct Kept {
    runs: Vec<KeptRun>,
    next: u64,
}

impl Default for Kept {
    /// Nothing kept. Numbers go on from the time, so that a session from before does not name what is kept now.
    fn default() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let next = since.map_or(0, |since| since.as_micros() as u64);
        Self {
            runs: Vec::new(),
            next,
        }
    }
}

impl Kept {
    /// The most entries.
    pub const MOST: usize = 12;

    /// Keeps outputs under a title, made another than those there are; returns the entry.
    ///
    /// # Errors
    /// When the list is full or the same outputs are there already.
    pub fn keep(
        &mut self,
        preview: Arc<DeblendPreview>,
        input: impl Into<Input>,
        title: &str,
    ) -> Result<&KeptRun, KeepError> {
        let is_same = |run: &&KeptRun| Arc::ptr_eq(&run.preview, &preview);
        if let Some(run) = self.runs.iter().find(is_same) {
            return Err(KeepError::There(run.title.clone()));
        }
        if self.runs.len() >= Self::MOST {
            return Err(KeepError::Full);
        }
        let is_taken = |title: &str| self.runs.iter().any(|run| run.title == title);
        let numbered = (2..).map(|n| format!("{title} ({n})"));
        let title = std::iter::once(title.to_owned())
            .chain(numbered)
            .find(|title| !is_taken(title))
            .unwrap_or_default();
        let id = KeptId(self.next);
        self.next += 1;
        self.runs.push(KeptRun {
            id,
            input: input.into(),
            title,
            preview,
        });
        let last = self.runs.len() - 1;
        Ok(&self.runs[last])
    }

    /// Takes an entry off the list.
    pub fn remove(&mut self, id: KeptId) {
        self.runs.retain(|run| run.id != id);
    }

    /// Takes all entries off the list.
    pub fn clear(&mut self) {
        self.runs.clear();
    }

    /// The entry of a number, while it is kept.
    pub fn run(&self, id: KeptId) -> Option<&KeptRun> {
        self.runs.iter().find(|run| run.id == id)
    }

    /// All entries, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &KeptRun> {
        self.runs.iter()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

/// What outputs are of, as a person reads it: step, picture or seed, and whether the network was edited.
pub fn title_of(step: u64, input: &Input, is_edited: bool) -> String {
    let name = input.name();
    let edited = if is_edited { ", edited" } else { "" };
    format!("step {}, {name}{edited}", grouped(step))
}

/// A number with its thousands apart: `26,000`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ganoscope_core::stamp::{Stamp, ValueRange};

    use super::*;

    fn preview() -> Arc<DeblendPreview> {
        let stamp = Stamp::new("s", vec![0.5], [1, 1, 1], ValueRange::UNIT);
        Arc::new(DeblendPreview {
            step: 5,
            outputs: vec![stamp],
            numbers: Vec::new(),
            account: None,
            measures: Vec::new(),
            has_truth: false,
        })
    }

    #[test]
    fn titles_tell_entries_apart_and_pixels_are_shared() {
        let mut kept = Kept::default();
        let first = preview();
        let input = Path::new("data/blend-0003.fits");
        let title = title_of(26_000, &input.into(), true);
        assert_eq!(title, "step 26,000, blend-0003, edited");
        let id = kept.keep(first.clone(), input, &title).unwrap().id;
        assert_eq!(
            kept.keep(first.clone(), input, &title).unwrap_err(),
            KeepError::There(title.clone())
        );
        let second = kept.keep(preview(), input, &title).unwrap();
        assert_eq!(second.title, format!("{title} (2)"));
        let run = kept.run(id).unwrap();
        let pixels = |p: &DeblendPreview| p.outputs[0].pixels.as_ptr();
        assert_eq!(pixels(&run.preview), pixels(&first));
        kept.remove(id);
        assert!(kept.run(id).is_none());
        assert_eq!(kept.keep(first, input, &title).unwrap().title, title);
    }

    #[test]
    fn the_list_has_an_end() {
        let mut kept = Kept::default();
        for _ in 0..Kept::MOST {
            kept.keep(preview(), Path::new("blend.fits"), "step 1")
                .unwrap();
        }
        let error = kept
            .keep(preview(), Path::new("blend.fits"), "step 1")
            .unwrap_err();
        assert_eq!(error, KeepError::Full);
        assert!(error.to_string().starts_with("12 entries"), "{error}");
        assert_eq!(kept.len(), Kept::MOST);
        kept.clear();
        assert!(kept.is_empty());
    }

    #[test]
    fn thousands_are_apart() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(n), text);
        }
    }
}
