//! Changes of the document, and of what stands beside it and belongs to what was there before.

use std::path::PathBuf;

use ganoscope_core::jobs::{Input, Slot};

use super::App;
use crate::command::Change;
use crate::document::Document;
use crate::history::History;

/// What things beside the document belong to.
pub(super) struct Before {
    checkpoint: (Option<PathBuf>, Option<u64>),
    input: Option<Input>,
}

impl Before {
    pub(super) fn of(document: &Document) -> Self {
        Self {
            checkpoint: (document.series.clone(), document.step),
            input: document.input.clone(),
        }
    }
}

impl App {
    /// Changes the document, remembered for undo.
    pub(super) fn change(&mut self, change: Change) {
        self.history
            .about_to_change(&self.document, change.name(), &change.kind());
        let before = Before::of(&self.document);
        change.apply(&mut self.document);
        self.let_go_of_others(&before);
    }

    /// Goes back or forward. The region that is taken hold of is let go where the regions become others: its place in the
    /// list may be that of another, or of none.
    pub(super) fn travel(
        &mut self,
        go: impl FnOnce(&mut History, &mut Document) -> Option<String>,
    ) {
        let before = Before::of(&self.document);
        let regions = self.document.regions.clone();
        go(&mut self.history, &mut self.document);
        if self.document.regions != regions {
            self.workbench.regions.selected = None;
        }
        self.let_go_of_others(&before);
    }

    /// Lets go of measurements that are not of the series and step shown, and of a polygon begun on another picture,
    /// however the document came to show another.
    pub(super) fn let_go_of_others(&mut self, before: &Before) {
        let now = Before::of(&self.document);
        if now.checkpoint.0 != before.checkpoint.0 {
            self.forget_timeline();
        }
        if now.checkpoint != before.checkpoint {
            self.forget_unit_stats();
            self.results.thumbnails.forget_drawn();
            // One that is being drawn is of the network before.
            self.bridge.clear(Slot::Thumbnail, &mut self.results);
        }
        if now.input != before.input {
            self.workbench.regions.draft.clear();
        }
    }
}
