//! The workbench: how the window is arranged. Saved with the session, not undone.

mod navigation;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use egui::Theme;
use ganoscope_core::region::Place;
use ganoscope_core::region::ds9::System;
use serde::{Deserialize, Serialize};

use crate::command::UiCommand;
use crate::comparison::Comparison;
use crate::display::Display;
use crate::document::Document;
use crate::export::ExportChoice;
use crate::kept::KeptId;
use crate::layout::{Layout, Pane, PaneId};
use crate::tour::TourStep;
use crate::views::ViewKey;

pub use navigation::Navigation;

/// Files and folders that were opened last; more are forgotten.
const MOST_RECENT: usize = 12;

/// How the units of a layer are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitOrder {
    /// By their place in the layer.
    #[default]
    Index,
    /// By their largest absolute activation over the picture shown.
    Peak,
    /// By their mean absolute activation over all pictures, once that was measured.
    Mean,
}

impl UnitOrder {
    /// All, in the order of the menu.
    pub const ALL: [Self; 3] = [Self::Index, Self::Peak, Self::Mean];

    /// What a person calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Peak => "peak here",
            Self::Mean => "mean over all pictures",
        }
    }
}

/// What a drag over a picture does to regions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RegionTool {
    /// Takes hold of regions; beside them it pans.
    #[default]
    Select,
    /// Draws a circle around where it begins.
    Circle,
    /// Draws an ellipse around where it begins.
    Ellipse,
    /// Draws a box between two corners.
    Box,
    /// Every click is a corner.
    Polygon,
    /// Draws an outline by hand.
    Freehand,
}

impl RegionTool {
    /// All, in the order of the palette.
    pub const ALL: [Self; 6] = [
        Self::Select,
        Self::Circle,
        Self::Ellipse,
        Self::Box,
        Self::Polygon,
        Self::Freehand,
    ];

    /// The command that takes it; carries its name, tooltip and key.
    pub const fn command(self) -> UiCommand {
        match self {
            Self::Select => UiCommand::ToolSelect,
            Self::Circle => UiCommand::ToolCircle,
            Self::Ellipse => UiCommand::ToolEllipse,
            Self::Box => UiCommand::ToolBox,
            Self::Polygon => UiCommand::ToolPolygon,
            Self::Freehand => UiCommand::ToolFreehand,
        }
    }
}

/// What is in the hand for regions. Neither saved nor undone.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionDesk {
    /// What a drag does.
    pub tool: RegionTool,
    /// The region that is taken hold of, by its place in the document.
    pub selected: Option<usize>,
    /// The corners of a polygon that is not closed yet.
    pub draft: Vec<Place>,
    /// The coordinates of region files that are written.
    pub system: System,
}

impl Default for RegionDesk {
    fn default() -> Self {
        Self {
            tool: RegionTool::Select,
            selected: None,
            draft: Vec::new(),
            system: System::Image,
        }
    }
}

/// How the window is arranged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is the open state of one side"
)]
pub struct Workbench {
    /// The view that has the attention: the help explains it, and views are opened beside it.
    pub view: ViewKey,
    /// Its pane.
    pub attention: PaneId,
    /// How the views are tiled.
    pub layout: Layout,
    /// Pan and zoom of the panes that are not linked.
    pub own_navigation: BTreeMap<PaneId, Navigation>,
    /// Limits, stretch and colours of the panes that have their own.
    pub own_display: BTreeMap<PaneId, Display>,
    /// What the panes compare.
    pub own_comparison: BTreeMap<PaneId, Comparison>,
    /// What was compared last: a new pane begins with it.
    pub comparison: Comparison,
    /// Files and folders that were opened last, the newest first.
    pub recent: Vec<PathBuf>,
    /// Whether the list of pictures is open.
    pub library_open: bool,
    /// Whether the inspector is open.
    pub inspector_open: bool,
    /// Whether the timeline is open.
    pub timeline_open: bool,
    /// The theme; that of the system when not chosen.
    pub is_dark: Option<bool>,
    /// Whether nothing may move by itself.
    pub is_still: bool,
    /// Pan and zoom of the linked pictures.
    pub navigation: Navigation,
    /// How units are sorted.
    pub unit_order: UnitOrder,
    /// What was exported last, and how.
    pub export: ExportChoice,
    /// Whether truths take the place of outputs for a moment.
    #[serde(skip)]
    pub blink: bool,
    /// Whether the list of keys is open.
    #[serde(skip)]
    pub help_open: bool,
    /// Whether the export window is open.
    #[serde(skip)]
    pub export_open: bool,
    /// Whether the search over all commands is open.
    #[serde(skip)]
    pub palette_open: bool,
    /// Whether the list of changes is open.
    #[serde(skip)]
    pub history_open: bool,
    /// The step of the tour that is shown.
    #[serde(skip)]
    pub tour: Option<TourStep>,
    /// The file in the list whose small picture is missing.
    #[serde(skip)]
    pub thumbnail: Option<PathBuf>,
    /// The pixel under the pointer, (column, row) of the linked pictures.
    #[serde(skip)]
    pub cursor: Option<[usize; 2]>,
    /// What is in the hand for regions.
    #[serde(skip)]
    pub regions: RegionDesk,
}

impl Default for Workbench {
    fn default() -> Self {
        Self {
            view: ViewKey::Deblend,
            attention: PaneId::default(),
            layout: Layout::default(),
            own_navigation: BTreeMap::new(),
            own_display: BTreeMap::new(),
            own_comparison: BTreeMap::new(),
            comparison: Comparison::default(),
            recent: Vec::new(),
            library_open: true,
            inspector_open: true,
            timeline_open: true,
            is_dark: Some(true),
            is_still: false,
            navigation: Navigation::default(),
            unit_order: UnitOrder::Index,
            export: ExportChoice::default(),
            blink: false,
            help_open: false,
            export_open: false,
            palette_open: false,
            history_open: false,
            tour: None,
            thumbnail: None,
            cursor: None,
            regions: RegionDesk::default(),
        }
    }
}

impl Workbench {
    /// Whether a view can be seen.
    pub fn shows(&self, view: ViewKey) -> bool {
        self.layout.shows(view)
    }

    /// Brings a view to the front and gives it the attention.
    pub fn show(&mut self, view: ViewKey) {
        self.attention = self.layout.show(view, self.attention);
        self.view = view;
    }

    /// Gives a pane the attention.
    pub fn attend(&mut self, id: PaneId) {
        if let Some(pane) = self.layout.pane(id) {
            self.attention = id;
            self.view = pane.view;
        }
    }

    /// Takes an arrangement; the attention stays where it can.
    pub fn arrange(&mut self, layout: Layout) {
        self.layout = layout;
        let is_seen = |pane: &Pane| pane.id == self.attention;
        let found = self.layout.visible().find(is_seen);
        let found = found.or_else(|| self.layout.visible().min_by_key(|pane| pane.id));
        if let Some(pane) = found {
            (self.attention, self.view) = (pane.id, pane.view);
        }
        let is_open = |id: &PaneId| self.layout.pane(*id).is_some();
        self.own_navigation.retain(|id, _| is_open(id));
        self.own_display.retain(|id, _| is_open(id));
        self.own_comparison.retain(|id, _| is_open(id));
    }

    /// Pan and zoom of a pane.
    pub fn navigation_of(&self, pane: Pane) -> Navigation {
        if pane.is_linked {
            self.navigation
        } else {
            self.own_navigation
                .get(&pane.id)
                .copied()
                .unwrap_or_default()
        }
    }

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

    /// Puts a path at the head of those opened last.
    pub fn remember(&mut self, path: &Path) {
        self.recent.retain(|recent| recent != path);
        self.recent.insert(0, path.to_owned());
        self.recent.truncate(MOST_RECENT);
    }

    /// A workbench from a file, made whole: a layout that cannot be shown becomes the usual one.
    pub fn mended(mut self) -> Self {
        if !self.layout.is_sound() {
            self.layout = Layout::default();
        }
        let view = self.view;
        self.show(view);
        self
    }

    /// The theme chosen, if one was.
    pub fn theme(&self) -> Option<Theme> {
        self.is_dark.map(Theme::from_dark_mode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_workbench_is_read() {
        let text =
            "(view: deblend, own_navigation: {}, navigation: (zoom: 2.0, centre: (0.5, 0.5)))";
        let bench: Workbench = ron::from_str(text).expect("reads");
        assert_eq!(bench.navigation.zoom, 2.0);
        assert_eq!(bench.navigation.exact, None);
        assert_eq!(bench.comparison, Comparison::default());
        assert!(bench.own_display.is_empty());
    }

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
