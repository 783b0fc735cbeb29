//! What there is to say about the files of one gesture, said as few messages.
//!
//! Invariant: everything gathered is said; of one weight it is one message, which lists what it sums up.

use egui::Context;
use log::Level;

use super::App;
use crate::notify::{Message, TERMINAL, sentence};

/// What was noticed while files were opened.
pub(super) struct Gathered {
    /// How many files there were.
    files: usize,
    warnings: Vec<String>,
    failures: Vec<String>,
}

impl Gathered {
    /// Nothing yet, of so many files.
    pub(super) const fn of(files: usize) -> Self {
        Self {
            files,
            warnings: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Something that a person should know about a file that was opened.
    pub(super) fn warn(&mut self, text: String) {
        self.warnings.push(text);
    }

    /// Why a file could not be opened.
    pub(super) fn fail(&mut self, text: String) {
        self.failures.push(text);
    }

    /// Whether some of them could not be opened.
    pub(super) const fn has_failures(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Says it all, the failures last, where they are read first.
    pub(super) fn tell(self, app: &mut App, ctx: &Context) {
        let Self {
            files,
            warnings,
            failures,
        } = self;
        let remarks = format!("{} remarks on the files that were opened", warnings.len());
        app.say_together(Level::Warn, &remarks, warnings, ctx);
        let failed = format!("{} of {files} files could not be opened", failures.len());
        app.say_together(Level::Error, &failed, failures, ctx);
    }
}

impl App {
    /// Says several things of one weight as one message; a single one as it is.
    fn say_together(&mut self, level: Level, summary: &str, texts: Vec<String>, ctx: &Context) {
        match texts.as_slice() {
            [] => {}
            [one] => self.say(level, one, ctx),
            several => {
                log::log!(target: TERMINAL, level, "{summary}: {}", several.join("; "));
                let message = Message {
                    details: texts.iter().map(|text| sentence(text)).collect(),
                    ..Message::new(level, summary)
                };
                self.notices.say(message, ctx.time());
            }
        }
    }
}
