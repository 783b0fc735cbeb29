//! The views: functions from document and results to pixels and commands.
//!
//! Invariant: a view sees nothing but its [`ViewCx`] and changes nothing; what it wants it pushes as a command. Adding a
//! view is one file and one line in [`VIEWS`]; menu, keys, help and the snapshot test follow.

mod compare;
mod contours;
mod deblend;
mod export;
mod header;
mod inspector;
mod layers;
mod library;
mod network;
mod parts;
mod reading;
mod regions;
mod relevance;
mod timeline;
mod tone;
mod units;

use egui::Ui;
use ganoscope_core::region::Region;
use ganoscope_core::stamp::Stamp;
use serde::{Deserialize, Serialize};

pub use export::{EXPORT_WIDTH, export_ui};
pub(crate) use inspector::edit_text;
pub use inspector::inspector_ui;
pub(crate) use layers::words as layer_words;
pub use library::library_ui;
pub use network::{SHEET_WIDTH, description_ui, network_ui};
pub use timeline::{Curves, strip_ui};
pub use units::unit_order;

use crate::command::{Commands, UiCommand};
use crate::display::Levels;
use crate::document::Document;
use crate::export::Subject;
use crate::results::Results;
use crate::widgets::{Link, RegionLayer, Textures};
use crate::workbench::Workbench;

/// What a view may see.
pub struct ViewCx<'a> {
    /// What is worked on.
    pub document: &'a Document,
    /// How the window is arranged.
    pub workbench: &'a Workbench,
    /// What the worker has answered.
    pub results: &'a Results,
    /// Black and white of all light.
    pub levels: Levels,
    /// Where to ask for things.
    pub commands: &'a Commands,
    /// Pictures on the graphics card.
    pub textures: &'a Textures,
}

impl ViewCx<'_> {
    /// The link of a large picture.
    pub(crate) fn leads(&self) -> Link<'_> {
        Link::Leads {
            navigation: self.workbench.navigation,
            cursor: self.workbench.cursor,
            regions: self.regions(),
        }
    }

    /// The regions as they lie on pictures with the pixels of the blend.
    fn regions(&self) -> Option<RegionLayer<'_>> {
        let blend = &self.results.scene.shown()?.blend;
        let desk = &self.workbench.regions;
        Some(RegionLayer {
            regions: &self.document.regions,
            selected: desk.selected,
            tool: desk.tool,
            draft: &desk.draft,
            pixels: [blend.height, blend.width],
            factor: blend.reduction_factor(),
        })
    }

    /// The region that is taken hold of, and its place in the document.
    pub(crate) fn selected_region(&self) -> Option<(usize, &Region)> {
        let index = self.workbench.regions.selected?;
        Some((index, self.document.regions.get(index)?))
    }

    /// The link of a small picture in a list.
    pub(crate) fn follows(&self, stamp: &Stamp) -> Link<'_> {
        let blend = self.results.scene.shown().map(|scene| &scene.blend);
        let mut navigation = self.workbench.navigation;
        if let (Some(exact), Some(blend)) = (navigation.exact, blend) {
            // Pixels of the screen are counted for those of the blend; a map of other pixels shows the same sky.
            let ratio = blend.width.max(1) as f32 / stamp.width.max(1) as f32;
            navigation.exact = Some(exact * ratio);
        }
        Link::Follows {
            navigation,
            cursor: self.workbench.cursor,
            regions: self.regions(),
            has_same_pixels: blend
                .is_some_and(|b| (b.height, b.width) == (stamp.height, stamp.width)),
        }
    }
}

/// A part of the window that shows one aspect of the document.
pub trait View: Send {
    /// Its row in the table of views.
    fn key(&self) -> ViewKey;

    /// The same view again with its own small state, to be drawn elsewhere.
    fn twin(&self) -> Box<dyn View> {
        self.key().make()
    }

    /// What of the document it shows by its own choice.
    fn subject(&self) -> Subject {
        Subject::default()
    }

    /// Draws it, filling `ui`.
    fn ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui);
}

/// Names a view.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum ViewKey {
    /// Blend, outputs, truths, residual.
    #[default]
    Deblend,
    /// The network as a graph.
    Layers,
    /// Activations of a layer.
    Units,
    /// Reasons of the discriminator.
    Relevance,
    /// Checkpoints.
    Timeline,
    /// Any two pictures against each other.
    Compare,
    /// Marked areas and their statistics.
    Regions,
    /// What the picture's file says.
    Header,
}

/// All views, in the order of the tabs.
pub const VIEWS: [ViewKey; 8] = [
    ViewKey::Deblend,
    ViewKey::Layers,
    ViewKey::Units,
    ViewKey::Relevance,
    ViewKey::Timeline,
    ViewKey::Compare,
    ViewKey::Regions,
    ViewKey::Header,
];

impl ViewKey {
    /// The command that shows it; carries its name, tooltip and key.
    pub const fn command(self) -> UiCommand {
        match self {
            Self::Deblend => UiCommand::ShowDeblend,
            Self::Layers => UiCommand::ShowLayers,
            Self::Units => UiCommand::ShowUnits,
            Self::Relevance => UiCommand::ShowRelevance,
            Self::Timeline => UiCommand::ShowTimeline,
            Self::Compare => UiCommand::ShowCompare,
            Self::Regions => UiCommand::ShowRegions,
            Self::Header => UiCommand::ShowHeader,
        }
    }

    /// Whether it shows light between limits, which it can have for itself.
    pub const fn has_scale(self) -> bool {
        matches!(self, Self::Deblend | Self::Relevance | Self::Compare)
    }

    /// What the tab says.
    pub const fn title(self) -> &'static str {
        self.command().text()
    }

    /// What it shows and how it is used, in a few sentences.
    pub const fn help(self) -> &'static str {
        match self {
            Self::Deblend => {
                "The blend, what the generator makes of it, and the truth where it is known, all under one stretch; of other \
                 networks the picture or the seed's drawing, and a discriminator's logit. \
                 The recombination puts the outputs together again; the residual is what it leaves of the blend: \
                 orange where light is missing, teal where there is too much. Scroll to zoom, drag to pan, \
                 double-click to see the whole; all pictures in all views move together. B shows the truths in the place of the \
                 outputs while no Compare view is open."
            }
            Self::Layers => {
                "The network from its inputs at the top to its outputs at the bottom: names, operations, shapes, \
                 parameters and cost. Boxes that follow each other alike are drawn as one; click opens them. A click \
                 on a box shows its layer, on an operation in it that layer; double-click shows the units. Drag to \
                 pan, scroll to zoom, double-click beside the boxes to see the whole; arrow keys go along the lines."
            }
            Self::Units => {
                "What every unit of one layer does on this picture, before any edit. Click selects a unit, Ctrl adds \
                 or removes one, Shift selects up to it. The selected units are turned up and down in the inspector; \
                 A ablates them."
            }
            Self::Relevance => {
                "Why the discriminator calls a picture real or generated, for truths and outputs side by side on one \
                 scale. Red with + is evidence for real, blue with - is evidence for generated. The conservation gap \
                 is the share of the evidence that a map does not account for: with a large gap, trust the map less."
            }
            Self::Timeline => {
                "How the outputs changed over the training. Measure all checkpoints (M) regenerates every checkpoint \
                 over the pictures that have truths. Drag in the plot or press the arrow keys to go to another \
                 checkpoint; everything else follows."
            }
            Self::Compare => {
                "Any two pictures, A and B: what is there now, and what was kept (P keeps the present outputs, to compare \
                 another checkpoint, picture or edit with them). Side by side; one after the other (B, Shift+B \
                 backwards; More adds further pictures); under a divider that is dragged, or moved with the arrow \
                 keys; or A minus B, orange where A is brighter, teal where B is."
            }
            Self::Regions => {
                "Marked areas, the same on every picture, and what is in them. Take a tool and drag over any picture; \
                 then drag a region to move it, a handle to change it; arrow keys move it by a pixel, Delete removes \
                 it. A pixel counts with the part of it that is covered; missing pixels count nowhere. Positions are \
                 those of FITS and DS9: the first pixel is 1, rows count from the bottom."
            }
            Self::Header => {
                "What the file of the picture says: every card of every part of a FITS file, in its order, and for all \
                 formats how its pixels are read. The search finds keywords, values and comments."
            }
        }
    }

    /// Makes the view.
    pub fn make(self) -> Box<dyn View> {
        match self {
            Self::Deblend => Box::new(deblend::Deblend),
            Self::Layers => Box::<layers::Layers>::default(),
            Self::Units => Box::<units::Units>::default(),
            Self::Relevance => Box::new(relevance::Relevance),
            Self::Timeline => Box::new(timeline::Timeline),
            Self::Compare => Box::<compare::Compare>::default(),
            Self::Regions => Box::<regions::Regions>::default(),
            Self::Header => Box::<header::HeaderView>::default(),
        }
    }
}
