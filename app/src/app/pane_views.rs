//! What the panes keep from frame to frame: their views, sizes and levels.
//!
//! Invariant: there is a view for every open pane and none for another.

use std::collections::HashMap;

use egui::Vec2;

use super::LevelsCache;
use super::tabs::TabsInSight;
use crate::display::{Display, Levels};
use crate::export::Subject;
use crate::layout::{Layout, Pane, PaneId};
use crate::views::{View, ViewCx, ViewKey};

/// The views of the open panes; each keeps its own small state (a filter, a scroll position), and the levels of its own scale.
#[derive(Default)]
pub(super) struct PaneViews {
    pub(super) views: HashMap<PaneId, Box<dyn View>>,
    /// Where the panes are on the screen.
    pub(super) sizes: HashMap<PaneId, Vec2>,
    levels: HashMap<PaneId, LevelsCache>,
    pub(super) tabs: TabsInSight,
}

impl PaneViews {
    /// Makes views for new panes and lets go of those that were closed.
    pub(super) fn keep(&mut self, layout: &Layout) {
        self.levels.retain(|id, _| layout.pane(*id).is_some());
        self.views
            .retain(|id, view| layout.pane(*id).is_some_and(|pane| pane.view == view.key()));
        for pane in layout.panes() {
            self.views
                .entry(pane.id)
                .or_insert_with(|| pane.view.make());
        }
        self.sizes.clear();
    }

    /// Size of a pane on the screen, points; nothing where it cannot be seen.
    pub(super) fn size(&self, pane: PaneId) -> Option<Vec2> {
        self.sizes.get(&pane).copied()
    }

    /// What the view of a pane shows by its own choice.
    pub(super) fn subject(&self, pane: PaneId) -> Subject {
        let view = self.views.get(&pane);
        view.map(|view| view.subject()).unwrap_or_default()
    }

    /// The view of a pane once more.
    pub(super) fn twin(&self, pane: PaneId, key: ViewKey) -> Box<dyn View> {
        let view = self.views.get(&pane).filter(|view| view.key() == key);
        view.map_or_else(|| key.make(), |view| view.twin())
    }

    /// Black and white of a pane with its own scale.
    pub(super) fn levels_of(&mut self, cx: &ViewCx<'_>, pane: Pane) -> Option<(Display, Levels)> {
        let display = cx.workbench.display_of(pane)?;
        let cache = self.levels.entry(pane.id).or_default();
        let levels = cache.of(cx.results.scene.shown(), display.limits);
        Some((display, levels))
    }
}
