//! What a pane has of its own: pan and zoom, a scale, what it compares.
//!
//! Invariant: what a pane does not have of its own is that of all.

use super::{Navigation, Workbench};
use crate::comparison::Comparison;
use crate::display::Display;
use crate::document::Document;
use crate::kept::KeptId;
use crate::layout::{Pane, PaneId};
use crate::views::ViewKey;

impl Workbench {
    /// Limits, stretch and colours of a pane, where it has its own.
    pub fn display_of(&self, pane: Pane) -> Option<Display> {
        let own = || self.own_display.get(&pane.id).copied();
        pane.has_own_scale.then(|| own().unwrap_or_default())
    }

    /// What a pane compares.
    pub fn comparison_of(&self, id: PaneId) -> &Comparison {
        self.own_comparison.get(&id).unwrap_or(&self.comparison)
    }

    /// Compares other pictures in a pane, or another way.
    pub fn compare(&mut self, id: PaneId, comparison: Comparison) {
        if self.layout.pane(id).is_some() {
            self.own_comparison.insert(id, comparison.clone());
        }
        self.comparison = comparison;
    }

    /// The panes that keys for comparing act on: the one with the attention if it compares, else all that can be seen.
    pub fn comparing(&self) -> Vec<PaneId> {
        let compares = |pane: &Pane| pane.view == ViewKey::Compare;
        let seen: Vec<PaneId> = self
            .layout
            .visible()
            .filter(compares)
            .map(|p| p.id)
            .collect();
        if seen.contains(&self.attention) {
            vec![self.attention]
        } else {
            seen
        }
    }

    /// A kept entry was removed, or all were.
    pub fn forget_kept(&mut self, removed: Option<KeptId>) {
        self.comparison.forget(removed);
        for comparison in self.own_comparison.values_mut() {
            comparison.forget(removed);
        }
    }

    /// Gives a pane limits, stretch and colours of its own, at first those it has now; or those of all again.
    pub fn toggle_scale(&mut self, id: PaneId, shared: Display) {
        if !self.layout.pane(id).is_some_and(|p| p.view.has_scale()) {
            return;
        }
        self.layout.toggle_scale(id);
        if self.layout.pane(id).is_some_and(|pane| pane.has_own_scale) {
            self.own_display.entry(id).or_insert(shared);
        }
    }

    /// What a pane has of its own, for its copy: pan and zoom, scale, comparison.
    pub fn copy_own(&mut self, from: PaneId, to: PaneId) {
        let Some(pane) = self.layout.pane(from) else {
            return;
        };
        self.own_navigation.insert(to, self.navigation_of(pane));
        if let Some(display) = self.display_of(pane) {
            self.own_display.insert(to, display);
        }
        if pane.view == ViewKey::Compare {
            let comparison = self.comparison_of(from).clone();
            self.own_comparison.insert(to, comparison);
        }
    }

    /// The pan and zoom that keys change: of the pane with the attention where it is not linked, else of the linked ones.
    pub fn navigated(&mut self) -> &mut Navigation {
        match self.layout.pane(self.attention) {
            Some(pane) if !pane.is_linked => self.own_navigation.entry(pane.id).or_default(),
            _ => &mut self.navigation,
        }
    }

    /// Whether lines of relevance are drawn somewhere.
    pub fn draws_lines_of_relevance(&self, document: &Document) -> bool {
        let own = self.layout.visible().filter_map(|p| self.display_of(p));
        let mut displays = own.chain([document.display]);
        displays.any(|d| d.contours.is_some_and(|c| c.is_of_relevance()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layout;

    #[test]
    fn a_pane_from_an_older_file_has_no_scale_of_its_own() {
        let pane: Pane = ron::from_str("(id: 3, view: deblend, is_linked: false)").expect("reads");
        assert!(!pane.has_own_scale && !pane.is_linked);
        let mut layout = Layout::default();
        let id = PaneId::default();
        layout.toggle_scale(id);
        let copy = layout.duplicate(id).expect("a copy");
        assert!(layout.pane(copy).is_some_and(|pane| pane.has_own_scale));
    }

    #[test]
    fn a_scale_of_its_own_begins_with_the_shared_one_and_is_kept() {
        let mut bench = Workbench::default();
        let id = bench.attention;
        let shared = Display {
            contrast: 2.0,
            ..Display::default()
        };
        let display = |bench: &Workbench| {
            let pane = bench.layout.pane(id).expect("open");
            bench.display_of(pane)
        };
        assert_eq!(display(&bench), None);
        bench.toggle_scale(id, shared);
        assert_eq!(display(&bench), Some(shared));
        bench.toggle_scale(id, Display::default());
        assert_eq!(display(&bench), None);
        bench.toggle_scale(id, Display::default());
        assert_eq!(display(&bench), Some(shared), "its own is not forgotten");
    }
}
