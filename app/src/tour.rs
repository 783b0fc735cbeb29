//! The tour of the demonstration: five steps, each a thing to do, for the first time somebody opens the window.
//!
//! Invariant: the tour is words and a step; what a step needs open is opened by the app, what a person does is theirs.

use crate::document::Document;
use crate::views::ViewKey;
use crate::workbench::Workbench;

/// A step of the tour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TourStep {
    /// A blend and what the generator makes of it.
    Outputs,
    /// The training.
    Checkpoints,
    /// The units of a layer.
    Units,
    /// Turning units down.
    Strength,
    /// Reasons of the discriminator.
    Reasons,
}

/// The part of the window a step is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The views.
    Views,
    /// The timeline below them.
    Timeline,
    /// The inspector on the right.
    Inspector,
}

impl TourStep {
    /// All, in order.
    pub const ALL: [Self; 5] = [
        Self::Outputs,
        Self::Checkpoints,
        Self::Units,
        Self::Strength,
        Self::Reasons,
    ];

    /// Its place, from 1.
    pub fn number(self) -> usize {
        Self::ALL.iter().position(|step| *step == self).unwrap_or(0) + 1
    }

    /// The step so many further on, if there is one.
    pub fn by(self, steps: isize) -> Option<Self> {
        let at = (self.number() - 1).checked_add_signed(steps)?;
        Self::ALL.get(at).copied()
    }

    /// Its heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Outputs => "Two galaxies in one picture",
            Self::Checkpoints => "How the network learned it",
            Self::Units => "Who draws what",
            Self::Strength => "Turn it down",
            Self::Reasons => "Is it believed?",
        }
    }

    /// What to see and to do.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Outputs => {
                "On the left the blend, beside it each galaxy as the generator draws it, below the truths. Scroll over \
                 a picture to zoom and drag to pan: all pictures follow. Drag with the right button for contrast."
            }
            Self::Checkpoints => {
                "Every checkpoint of the training is here. Drag in the plot or press the left arrow key: the pictures \
                 above are drawn anew by the network as it was then."
            }
            Self::Units => {
                "Each small map is one unit of a layer, bright where it is active. Click one to select it, Shift \
                 selects up to it. The list above them goes to another layer."
            }
            Self::Strength => {
                "The selected units have sliders here. Drag one to 0 to switch the unit off and watch the galaxies \
                 change. Undo takes it back; saved as a recipe, the edit runs without a window too."
            }
            Self::Reasons => {
                "The discriminator's evidence, pixel by pixel: red with + for a real galaxy, blue with - for a \
                 generated one. Open a series of your own from File, or drop it on the window. The key ? lists all keys."
            }
        }
    }

    /// What it is about.
    pub const fn part(self) -> Part {
        match self {
            Self::Outputs | Self::Units | Self::Reasons => Part::Views,
            Self::Checkpoints => Part::Timeline,
            Self::Strength => Part::Inspector,
        }
    }

    /// Opens what the step is about.
    pub fn prepare(self, workbench: &mut Workbench) {
        match self {
            Self::Outputs => workbench.show(ViewKey::Deblend),
            Self::Checkpoints => {
                workbench.show(ViewKey::Deblend);
                workbench.timeline_open = true;
            }
            Self::Units => workbench.show(ViewKey::Units),
            Self::Strength => workbench.inspector_open = true,
            Self::Reasons => workbench.show(ViewKey::Relevance),
        }
    }

    /// Whether what it asks for was done; nothing where there is only something to see.
    pub fn is_done(self, document: &Document) -> Option<bool> {
        match self {
            Self::Outputs | Self::Reasons => None,
            Self::Checkpoints => Some(document.step.is_some()),
            Self::Units => Some(!document.units.is_empty()),
            Self::Strength => Some(!document.edits.is_idle()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_each_other_and_end() {
        let mut step = TourStep::Outputs;
        let mut seen = vec![step];
        while let Some(next) = step.by(1) {
            step = next;
            seen.push(step);
        }
        assert_eq!(seen, TourStep::ALL);
        assert_eq!(TourStep::Outputs.by(-1), None);
        assert_eq!(TourStep::Reasons.number(), 5);
    }

    #[test]
    fn each_step_opens_what_it_speaks_of() {
        let mut bench = Workbench {
            timeline_open: false,
            inspector_open: false,
            ..Workbench::default()
        };
        for step in TourStep::ALL {
            step.prepare(&mut bench);
        }
        assert!(bench.timeline_open && bench.inspector_open);
        assert_eq!(bench.view, ViewKey::Relevance);
    }
}
