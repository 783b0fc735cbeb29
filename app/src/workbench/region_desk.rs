//! What is in the hand for regions: the tool, the region that is taken hold of, the corners of an unfinished polygon.

use ganoscope_core::region::Place;
use ganoscope_core::region::ds9::System;

use crate::command::UiCommand;

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

impl RegionDesk {
    /// Whether nothing is in the hand.
    pub fn is_idle(&self) -> bool {
        self.tool == RegionTool::Select && self.selected.is_none() && self.draft.is_empty()
    }
}
