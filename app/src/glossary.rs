//! The glossary of the project, for tooltips: one text, read by people in the repository and over the words in the window.

/// The glossary as people read it: a table of word and meaning.
const TEXT: &str = include_str!("../../GLOSSARY.md");

/// What a word means, in a few words; nothing for a word the glossary does not have.
///
/// A row may explain several words, separated by commas.
pub fn meaning(word: &str) -> Option<&'static str> {
    rows().find_map(|(words, meaning)| {
        let mut words = words.split(", ");
        words
            .any(|w| w.eq_ignore_ascii_case(word))
            .then_some(meaning)
    })
}

/// The first word of a text that the glossary has, singular or plural, with its meaning.
pub fn meaning_in(text: &str) -> Option<(&'static str, &'static str)> {
    let lower = text.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphabetic());
    words.find_map(|word| {
        let singular = word.strip_suffix('s').unwrap_or(word);
        let is_meant = |entry: &&str| *entry == word || *entry == singular;
        rows().find_map(|(entries, meaning)| Some((entries.split(", ").find(is_meant)?, meaning)))
    })
}

/// The rows of the table, its head left out.
fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    let cells = |line: &'static str| {
        let row = line.strip_prefix("| ")?.strip_suffix(" |")?;
        row.split_once(" | ")
    };
    TEXT.lines()
        .filter_map(cells)
        .filter(|(word, _)| *word != "word" && !word.starts_with("---"))
}

/// Puts the meaning of words over whatever was drawn.
#[allow(
    clippy::return_self_not_must_use,
    reason = "a response may be left where it is"
)]
pub trait Explained {
    /// The same with a tooltip that quotes the glossary on the first word of `text` that it has; without one otherwise.
    fn explained(self, text: &str) -> Self;
}

impl Explained for egui::Response {
    fn explained(self, text: &str) -> Self {
        match meaning_in(text) {
            Some((word, meaning)) => self.on_hover_text(format!("{word}: {meaning}")),
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_alone_and_among_others() {
        assert!(meaning("unit").is_some_and(|m| m.contains("channel")));
        assert_eq!(meaning("truth"), meaning("source"));
        assert_eq!(meaning("Limits"), meaning("stretch"));
        assert_eq!(meaning("word"), None);
        assert_eq!(meaning("no such word"), None);
    }

    #[test]
    fn what_the_window_says_is_explained() {
        let word = |text| meaning_in(text).map(|(word, _)| word);
        for (text, expected) in [
            ("Galaxy 1, truth", "truth"),
            ("3 units selected", "unit"),
            ("Layer branch1.0.act", "layer"),
            ("Residual", "residual"),
            ("Recombination", "recombination"),
            ("Series", "series"),
            ("Stretch", "stretch"),
            ("Limits", "limits"),
        ] {
            assert_eq!(word(text), Some(expected), "{text}");
        }
        assert_eq!(word("x 3  y 4"), None);
    }

    #[test]
    fn every_row_has_a_meaning() {
        assert!(rows().count() > 40);
        assert!(rows().all(|(word, meaning)| !word.is_empty() && meaning.len() > 10));
    }
}
