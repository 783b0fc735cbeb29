//! Changes of the document's regions. A gesture (drawing, a drag, keys held down) is one change of one kind.

use std::sync::Arc;

use ganoscope_core::region::Region;
use ganoscope_core::region::ds9::Kept;

use crate::document::Document;

/// What is done to a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionVerb {
    /// It is being drawn.
    Draw,
    /// It goes elsewhere.
    Move,
    /// It becomes larger or smaller.
    Resize,
    /// It is turned.
    Turn,
    /// Its words change.
    Label,
    /// Its pixels are taken away from the others, or no longer.
    Exclude,
}

impl RegionVerb {
    /// What the undo menu says.
    const fn word(self) -> &'static str {
        match self {
            Self::Draw => "draw",
            Self::Move => "move",
            Self::Resize => "resize",
            Self::Turn => "turn",
            Self::Label => "label",
            Self::Exclude => "exclude",
        }
    }
}

/// A change of the regions.
#[derive(Clone, Debug, PartialEq)]
pub enum RegionChange {
    /// Set a region; one behind the last is a new one.
    Set {
        /// Its place in the list.
        index: usize,
        /// What it becomes.
        region: Region,
        /// By what gesture.
        verb: RegionVerb,
    },
    /// Remove a region.
    Remove(usize),
    /// Add the regions of a file that are not there yet, and the commands that it holds beside them.
    Add {
        /// The regions.
        regions: Vec<Region>,
        /// Commands that are not understood here.
        kept: Vec<Kept>,
        /// For the undo menu: `open galaxies.reg`.
        name: String,
    },
    /// Remove all regions.
    Clear,
}

impl RegionChange {
    /// What the undo menu says after "Undo".
    pub fn name(&self) -> String {
        match self {
            Self::Set { region, verb, .. } => {
                let verb = match verb {
                    RegionVerb::Exclude if !region.exclude => "include",
                    verb => verb.word(),
                };
                format!("{verb} {}", region.shape.name())
            }
            Self::Remove(index) => format!("delete region {}", index + 1),
            Self::Add { name, .. } => name.clone(),
            Self::Clear => "delete all regions".to_owned(),
        }
    }

    /// Changes of one kind without rest between them are one gesture.
    pub fn kind(&self) -> String {
        match self {
            Self::Set { index, verb, .. } => format!("{} region {index}", verb.word()),
            other => other.name(),
        }
    }

    /// Makes the change.
    pub fn apply(self, document: &mut Document) {
        // Undo points and questions to the worker share the list; only a change copies it.
        let regions = Arc::make_mut(&mut document.regions);
        match self {
            Self::Set { index, region, .. } => match regions.get_mut(index) {
                Some(slot) => *slot = region,
                None => regions.push(region),
            },
            Self::Remove(index) => {
                if index < regions.len() {
                    regions.remove(index);
                    document.explain.target.forget_region(index);
                }
            }
            Self::Add {
                regions: new, kept, ..
            } => {
                for region in new {
                    if !regions.contains(&region) {
                        regions.push(region);
                    }
                }
                for command in kept {
                    if !document.kept_commands.contains(&command) {
                        document.kept_commands.push(command);
                    }
                }
            }
            Self::Clear => {
                regions.clear();
                document.explain.target.forget_regions();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ganoscope_core::region::{Place, Shape};

    use super::*;

    fn circle(radius: f64) -> Region {
        Region::new(Shape::Circle {
            centre: Place::new(3.0, 4.0),
            radius,
        })
    }

    #[test]
    fn a_drag_is_one_kind_and_has_a_name() {
        let set = |radius, verb| RegionChange::Set {
            index: 2,
            region: circle(radius),
            verb,
        };
        let [near, far] = [1.0, 2.0].map(|radius| set(radius, RegionVerb::Resize));
        assert_eq!(near.kind(), far.kind());
        assert_ne!(near.kind(), set(1.0, RegionVerb::Move).kind());
        assert_eq!(near.name(), "resize circle");
        assert_eq!(set(1.0, RegionVerb::Exclude).name(), "include circle");
        assert_eq!(RegionChange::Remove(2).name(), "delete region 3");
    }

    #[test]
    fn a_file_that_is_opened_twice_adds_nothing() {
        let mut document = Document::default();
        let add = || RegionChange::Add {
            regions: vec![circle(1.0), circle(2.0)],
            kept: Vec::new(),
            name: "open a.reg".to_owned(),
        };
        add().apply(&mut document);
        add().apply(&mut document);
        assert_eq!(document.regions.len(), 2);
        RegionChange::Remove(7).apply(&mut document);
        RegionChange::Remove(0).apply(&mut document);
        assert_eq!(*document.regions, [circle(2.0)]);
    }
}
