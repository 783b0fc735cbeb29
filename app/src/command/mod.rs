//! Commands: what views and menus ask for. Views only push them; the app drains them at one place, before painting.

mod change;
mod region_change;
mod ui_command;

use std::cell::RefCell;
use std::path::PathBuf;

use ganoscope_core::jobs::{Input, JobId, Slot};
use ganoscope_core::region::Place;
use ganoscope_core::region::ds9::System;

pub use change::Change;
pub use region_change::{RegionChange, RegionVerb};
pub use ui_command::{System as KeySystem, UiCommand};

use crate::comparison::Comparison;
use crate::display::Display;
use crate::export::ExportChoice;
use crate::kept::KeptId;
use crate::layout::{Layout, PaneId};
use crate::tour::TourStep;
use crate::views::ViewKey;
use crate::workbench::{Navigation, RelevanceSection, UnitOrder};

/// Something asked for, with its data.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Without data: from a menu, a button or a key.
    Ui(UiCommand),
    /// Change the document; undone by name.
    Change(Change),
    /// Find out what files and folders are, then open them.
    Open(Vec<PathBuf>),
    /// Show a view.
    Show(ViewKey),
    /// Tile the views like this.
    Arrange(Box<Layout>),
    /// The pointer or a key went to a pane.
    Attend(PaneId),
    /// Open a second pane with the same view.
    Duplicate(PaneId),
    /// Pan and zoom a pane with the others, or by itself.
    ToggleLink(PaneId),
    /// Give a pane limits, stretch and colours of its own, or those of all.
    ToggleScale(PaneId),
    /// Turn pixels into colours another way in a pane that has its own scale.
    DisplayAlone(PaneId, Display),
    /// Compare other pictures, or another way.
    Compare(Box<Comparison>),
    /// The same in one pane.
    CompareIn(PaneId, Box<Comparison>),
    /// Let go of something that was kept.
    RemoveKept(KeptId),
    /// Pan or zoom the linked pictures.
    Navigate(Navigation),
    /// Pan or zoom a pane that is not linked.
    NavigateAlone(PaneId, Navigation),
    /// Go back or forward over so many changes.
    Jump(isize),
    /// The pointer is over a pixel, (column, row), or over none.
    Point(Option<[usize; 2]>),
    /// Cut out what the network takes around a pixel, (column, row), of the picture shown, or around the pointer.
    CutOut(Option<[usize; 2]>),
    /// A small picture is to be seen and is not there yet.
    WantThumbnail(Input),
    /// The description of a network was corrected.
    EditDescription(String),
    /// Keep the description beside its weights, and open them with it.
    SaveDescription,
    /// Put the description away.
    CloseDescription,
    /// Shift contrast and bias by a drag over a picture: shares of its width to the right and of its height down.
    Shade([f32; 2]),
    /// Sort the units.
    SortUnits(UnitOrder),
    /// Choose what is exported.
    SetExport(ExportChoice),
    /// Ask for the file of the export chosen.
    AskExport,
    /// Open the export window for a pane.
    ExportOf(PaneId),
    /// Copy the command for what a pane shows.
    CopyCommandOf(PaneId),
    /// Take hold of a region, by its place in the document, or of none.
    SelectRegion(Option<usize>),
    /// The corners so far of a polygon that is being drawn.
    DraftRegion(Vec<Place>),
    /// Write region files in these coordinates.
    SetRegionSystem(System),
    /// Put a text on the clipboard; the words say what it is.
    Copy {
        /// What is copied.
        text: String,
        /// For the message: `the table`.
        what: &'static str,
    },
    /// Stop a study.
    Cancel(JobId),
    /// Open a part beside the maps of relevance, or none.
    ShowRelevanceSection(Option<RelevanceSection>),
    /// Stop computing a preview.
    Stop(Slot),
    /// Compute a preview again.
    Retry(Slot),
    /// Go to a step of the tour, or leave it.
    Tour(Option<TourStep>),
    /// The path that was typed where the system has no dialogs; none, when they changed their mind.
    Typed(Option<PathBuf>),
    /// Put a toast away.
    Dismiss(u64),
}

impl From<UiCommand> for Command {
    fn from(command: UiCommand) -> Self {
        Self::Ui(command)
    }
}

impl From<Change> for Command {
    fn from(change: Change) -> Self {
        Self::Change(change)
    }
}

impl From<RegionChange> for Command {
    fn from(change: RegionChange) -> Self {
        Self::Change(Change::Regions(change))
    }
}

/// Where views put commands.
#[derive(Debug, Default)]
pub struct Commands(RefCell<Vec<Command>>);

impl Commands {
    /// Asks for something.
    pub fn push(&self, command: impl Into<Command>) {
        self.0.borrow_mut().push(command.into());
    }

    /// Takes everything that was asked for, in order.
    pub fn take(&self) -> Vec<Command> {
        self.0.take()
    }
}
