//! The workbench: how the window is arranged. Saved with the session, not undone.

mod navigation;
mod own;
mod region_desk;
mod relevance_desk;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::Theme;
use ganoscope_core::jobs::{Draft, Input, ThroughWay};
use serde::{Deserialize, Serialize};

use crate::comparison::Comparison;
use crate::dialogs::Question;
use crate::display::Display;
use crate::export::ExportChoice;
use crate::layout::{Layout, Pane, PaneId};
use crate::tour::TourStep;
use crate::views::ViewKey;

pub use navigation::Navigation;
pub use region_desk::{RegionDesk, RegionTool};
pub use relevance_desk::RelevanceSection;

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
    /// By relevance through both networks: what spoke most for "generated" first.
    Relevance,
    /// By activation times gradient of the discriminator's logit: what spoke most for "generated" first.
    Gradient,
}

impl UnitOrder {
    /// All, in the order of the menu.
    pub const ALL: [Self; 5] = [
        Self::Index,
        Self::Peak,
        Self::Mean,
        Self::Relevance,
        Self::Gradient,
    ];

    /// What a person calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Peak => "peak here",
            Self::Mean => "mean over all pictures",
            Self::Relevance => "relevance through the generator",
            Self::Gradient => "activation x gradient",
        }
    }

    /// How the sums that it sorts by are computed, for the orders that go through both networks.
    pub const fn through(self) -> Option<ThroughWay> {
        match self {
            Self::Relevance => Some(ThroughWay::Relevance),
            Self::Gradient => Some(ThroughWay::Gradient),
            Self::Index | Self::Peak | Self::Mean => None,
        }
    }
}

/// The file that the running session is saved in by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionName {
    /// The file.
    pub path: PathBuf,
    /// Whether the document is another one than the file holds.
    pub is_changed: bool,
}

/// Where the window is on the screen, points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowPlace {
    /// Its upper left corner with its frame, where the system tells it.
    pub position: Option<[f32; 2]>,
    /// Width and height without its frame.
    pub size: [f32; 2],
    /// Whether it fills the screen; position and size are then what it goes back to.
    pub is_maximized: bool,
}

/// A description of a network as it is being corrected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescriptionSheet {
    /// What it began as.
    pub draft: Arc<Draft>,
    /// What it is now.
    pub text: String,
    /// Whether it is being written, to be opened then.
    pub is_saving: bool,
}

impl DescriptionSheet {
    /// Whether nothing would be lost without it.
    pub fn is_untouched(&self) -> bool {
        !self.is_saving && self.text == self.draft.text
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
    /// What is open beside the maps of relevance.
    pub relevance: Option<RelevanceSection>,
    /// What was exported last, and how.
    pub export: ExportChoice,
    /// The name of the session; only in the program's own file, a session saved by name needs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionName>,
    /// Where the window was; only in the program's own file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowPlace>,
    /// Whether truths take the place of outputs for a moment.
    #[serde(skip)]
    pub blink: bool,
    /// Whether the list of keys is open.
    #[serde(skip)]
    pub help_open: bool,
    /// The pane that the export window is open for; wherever the attention goes, it stays with it.
    #[serde(skip)]
    pub export_of: Option<PaneId>,
    /// Whether the search over all commands is open.
    #[serde(skip)]
    pub palette_open: bool,
    /// Whether the list of changes is open.
    #[serde(skip)]
    pub history_open: bool,
    /// Whether the inspector is to show the choices of the display.
    #[serde(skip)]
    pub display_wanted: bool,
    /// The step of the tour that is shown.
    #[serde(skip)]
    pub tour: Option<TourStep>,
    /// What is asked for by typing a path, because the system has no dialog for it.
    #[serde(skip)]
    pub asked: Option<Question>,
    /// What of the list has no small picture yet.
    #[serde(skip)]
    pub thumbnail: Option<Input>,
    /// Whether what is known of the networks is shown.
    #[serde(skip)]
    pub network_open: bool,
    /// The description that is being corrected.
    #[serde(skip)]
    pub sheet: Option<DescriptionSheet>,
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
            relevance: None,
            export: ExportChoice::default(),
            session: None,
            window: None,
            blink: false,
            help_open: false,
            export_of: None,
            palette_open: false,
            history_open: false,
            display_wanted: false,
            tour: None,
            asked: None,
            thumbnail: None,
            network_open: false,
            sheet: None,
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
        self.export_of = self.export_of.filter(is_open);
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
}
