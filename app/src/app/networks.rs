//! Networks of others: seeds, and the descriptions that their weights need.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use egui::Context;
use ganoscope_core::jobs::{Draft, Input, Latent, StudySpec};
use ganoscope_core::latent::Takes;
use log::Level;

use super::App;
use crate::command::{Change, Command};
use crate::workbench::DescriptionSheet;

/// Seeds a person can read aloud.
const MOST_RANDOM: u64 = 1_000_000;

/// A seed that nobody chose.
pub(super) fn random_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // The finest part of the clock, spread by a factor without small divisors.
    let ticks = since.map_or(0, |since| since.as_nanos() as u64);
    (ticks.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) % MOST_RANDOM
}

impl App {
    /// What the network that is open takes; pictures while there is none.
    pub(super) fn takes(&self) -> Takes {
        let series = self.results.series.shown();
        series.map_or(Takes::Pictures, |series| series.takes)
    }

    /// Goes to another seed, of the same class.
    pub(super) fn seed_by(&mut self, next: impl Fn(u64) -> u64, ctx: &Context) {
        if self.takes() == Takes::Pictures {
            let text =
                "this network takes pictures, not seeds; the arrow keys go to other pictures";
            return self.say(Level::Warn, text, ctx);
        }
        let latent = self.document.input.as_ref().and_then(Input::latent);
        let next = match latent {
            Some(latent) => Latent {
                seed: next(latent.seed),
                ..latent
            },
            None => Latent::of(0),
        };
        if latent != Some(next) {
            self.change(Change::ShowInput(Input::Latent(next)));
        }
    }

    /// Drafts the description of the network that is run.
    pub(super) fn describe_network(&mut self, ctx: &Context) {
        let series = self.results.series.shown();
        let file = series.and_then(|series| series.network.file.as_ref());
        match file {
            Some(file) if file.can_be_described => {
                let spec = StudySpec::Describe(file.path.clone());
                self.bridge.start(spec, &mut self.results);
            }
            Some(_) => {
                let text =
                    "this network needs no description: its file or its manifest says what it is";
                self.say(Level::Warn, text, ctx);
            }
            None => self.say(Level::Warn, "open a network first", ctx),
        }
    }

    /// Shows a description to be corrected.
    pub(super) fn show_draft(&mut self, draft: Arc<Draft>, ctx: &Context) {
        if let Some(why) = &draft.why {
            self.say(Level::Error, &why.to_string(), ctx);
        }
        self.workbench.network_open = false;
        self.workbench.sheet = Some(DescriptionSheet {
            text: draft.text.clone(),
            draft,
            is_saving: false,
        });
    }

    pub(super) fn edit_description(&mut self, text: String) {
        if let Some(sheet) = &mut self.workbench.sheet {
            sheet.text = text;
        }
    }

    /// Writes the description beside its weights; what it describes is opened when it is there.
    pub(super) fn save_description(&mut self, ctx: &Context) {
        let Some(sheet) = &self.workbench.sheet else {
            return;
        };
        let (path, text) = (sheet.draft.description.clone(), sheet.text.clone());
        // A description that came there meanwhile is somebody's work.
        if !sheet.draft.is_saved && path.exists() {
            let text = format!(
                "a description is there already, open the weights again to correct it: {}",
                path.display()
            );
            return self.say(Level::Error, &text, ctx);
        }
        let is_saving = self.save_text(path, text, ctx).is_some();
        if let Some(sheet) = &mut self.workbench.sheet {
            sheet.is_saving = is_saving;
        }
    }

    /// The description was written, or could not be.
    pub(super) fn description_saved(&mut self, path: &Path, is_written: bool) {
        let is_it =
            |sheet: &&mut DescriptionSheet| sheet.is_saving && sheet.draft.description == path;
        let Some(sheet) = self.workbench.sheet.as_mut().filter(is_it) else {
            return;
        };
        sheet.is_saving = false;
        if is_written {
            let weights = sheet.draft.weights.clone();
            self.workbench.sheet = None;
            self.commands.push(Command::Open(vec![weights]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_seeds_are_short() {
        assert!((0..100).all(|_| random_seed() < MOST_RANDOM));
    }
}
