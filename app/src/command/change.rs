//! Changes of the document: each has a name for the undo menu and a kind that tells gestures apart.

use std::path::PathBuf;

use ganoscope_core::attribution::Method;
use ganoscope_core::edit::{Action, Edit, EditStack, UnitSet};
use ganoscope_core::jobs::{Input, Latent};
use ganoscope_core::latent::Takes;
use ganoscope_core::network::LayerName;
use ganoscope_core::stamp::io::{PictureFile, Reading};

use super::RegionChange;
use crate::display::Display;
use crate::document::Document;
use crate::explain::{Explain, TargetChoice};

/// A change of the document.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Open a series directory, or put pictures into the list and show the first of them, or both in one gesture.
    Open {
        /// The series directory, or the file of a lone network.
        series: Option<PathBuf>,
        /// What its network takes.
        takes: Takes,
        /// Whether its pictures are shown as they are, without a stretch for faint light.
        is_plain: bool,
        /// Pictures.
        inputs: Vec<PictureFile>,
    },
    /// Show a picture or a seed; it comes into the list where it is new.
    ShowInput(Input),
    /// Take a picture or a seed off the list.
    RemoveInput(Input),
    /// Choose the class of the seed shown.
    SetClass(usize),
    /// Show a checkpoint.
    GoToStep(u64),
    /// Show a layer.
    ShowLayer(LayerName),
    /// Select units, and only these.
    SelectUnits(UnitSet),
    /// Set the strength of every unit of a set: 0 off, 1 unchanged.
    SetStrength {
        /// The units.
        units: UnitSet,
        /// The factor.
        strength: f64,
    },
    /// Switch units off with one edit.
    Ablate(UnitSet),
    /// Remove all edits of exactly these units' sliders.
    ResetStrength(UnitSet),
    /// Change an edit of the list.
    SetEdit {
        /// Its place, from 0.
        index: usize,
        /// What it becomes.
        edit: Edit,
    },
    /// Remove an edit of the list.
    RemoveEdit {
        /// Its place, from 0.
        index: usize,
    },
    /// Replace all edits.
    SetEdits {
        /// What the edits become.
        edits: EditStack,
        /// For the undo menu, for example `open the recipe`.
        name: String,
    },
    /// Compute relevance another way.
    SetMethod(Method),
    /// Explain something else, by other rules, or beside other things.
    SetExplain {
        /// What the choices become.
        explain: Box<Explain>,
        /// For the undo menu, for example `compare with gradient`.
        name: String,
    },
    /// Turn pixels into colours another way.
    SetDisplay(Display),
    /// Change the marked areas.
    Regions(RegionChange),
    /// Read the picture shown in another way.
    ReadAs(Reading),
}

/// `1 unit`, `3 units`.
pub(crate) fn units_text(units: &UnitSet) -> String {
    match units.len() {
        1 => "1 unit".to_owned(),
        n => format!("{n} units"),
    }
}

impl Change {
    /// What the undo menu says after "Undo".
    pub fn name(&self) -> String {
        let file = |path: &PathBuf| {
            path.file_name()
                .map_or_else(|| path.display().to_string(), |n| n.display().to_string())
        };
        let picture = |picture: &PictureFile| format!("{}{}", file(&picture.path), picture.reading);
        let named = |input: &Input| match input {
            Input::File(file) => picture(file),
            Input::Latent(_) => input.name(),
        };
        match self {
            Self::Open { series, inputs, .. } => match (series, inputs.as_slice()) {
                (Some(one), _) => format!("open {}", file(one)),
                (None, [one]) => format!("open {}", picture(one)),
                (None, many) => format!("open {} pictures", many.len()),
            },
            Self::ShowInput(input) => format!("show {}", named(input)),
            Self::RemoveInput(input) => format!("remove {}", named(input)),
            Self::SetClass(class) => format!("choose class {class}"),
            Self::GoToStep(step) => format!("go to step {step}"),
            Self::ShowLayer(layer) => format!("show {layer}"),
            Self::SelectUnits(units) => format!("select {}", units_text(units)),
            Self::SetStrength { units, strength } => {
                format!("set {} to {strength:.2}", units_text(units))
            }
            Self::Ablate(units) => format!("ablate {}", units_text(units)),
            Self::ResetStrength(units) => format!("reset {}", units_text(units)),
            Self::SetEdit { index, .. } => format!("change edit {}", index + 1),
            Self::RemoveEdit { index } => format!("remove edit {}", index + 1),
            Self::SetEdits { name, .. } | Self::SetExplain { name, .. } => name.clone(),
            Self::SetMethod(method) => format!("use {method}"),
            Self::SetDisplay(_) => "change the display".to_owned(),
            Self::Regions(change) => change.name(),
            Self::ReadAs(_) => "read the picture another way".to_owned(),
        }
    }

    /// Changes of one kind without rest between them are one gesture.
    pub fn kind(&self) -> String {
        match self {
            Self::SetStrength { units, .. } => format!("strength {units}"),
            Self::SetEdit { index, .. } => format!("edit {index}"),
            Self::GoToStep(_) => "step".to_owned(),
            Self::SetClass(_) => "class".to_owned(),
            Self::SetDisplay(_) => "display".to_owned(),
            Self::Regions(change) => change.kind(),
            other => other.name(),
        }
    }

    /// Makes the change.
    pub fn apply(self, document: &mut Document) {
        match self {
            Self::Open {
                series,
                takes,
                is_plain,
                inputs,
            } => {
                let has_series = series.is_some();
                if let Some(path) = series {
                    document.series = Some(path);
                    document.step = None;
                    document.layer = None;
                    document.units = UnitSet::default();
                    document.edits = EditStack::default();
                    // Layers and outputs of another network.
                    document.explain.rules.clear();
                    document.explain.target = TargetChoice::default();
                }
                let inputs: Vec<Input> = inputs.into_iter().map(Input::from).collect();
                for input in inputs.iter().chain(inputs.first()) {
                    document.show_input(input);
                }
                if has_series {
                    document.suit(takes);
                    document.display = document.display.suited(is_plain);
                }
            }
            Self::ShowInput(input) => document.show_input(&input),
            Self::RemoveInput(input) => remove_input(document, &input),
            Self::SetClass(class) => set_class(document, class),
            Self::GoToStep(step) => document.step = Some(step),
            Self::ShowLayer(layer) => document.layer = Some(layer),
            Self::SelectUnits(units) => document.units = units,
            Self::SetStrength { units, strength } => {
                for unit in units.iter() {
                    document.edits.set_scale(unit, strength);
                }
            }
            Self::Ablate(units) => {
                // What its units' sliders were set to is replaced, and what is off already stays so.
                for unit in units.iter() {
                    document.edits.set_scale(unit, 1.0);
                }
                if !units.is_empty() {
                    let edit = Edit::new(units, Action::Ablate);
                    document.edits.edits.push(edit);
                }
            }
            Self::ResetStrength(units) => {
                for unit in units.iter() {
                    document.edits.set_scale(unit, 1.0);
                }
                document.edits.edits.retain(|edit| edit.units != units);
            }
            Self::SetEdit { index, edit } => {
                if let Some(slot) = document.edits.edits.get_mut(index) {
                    *slot = edit;
                }
            }
            Self::RemoveEdit { index } => {
                if index < document.edits.edits.len() {
                    document.edits.edits.remove(index);
                }
            }
            Self::SetEdits { edits, .. } => document.edits = edits,
            Self::SetMethod(method) => document.method = method,
            Self::SetExplain { explain, .. } => document.explain = *explain,
            Self::SetDisplay(display) => document.display = display,
            Self::Regions(change) => change.apply(document),
            Self::ReadAs(reading) => read_as(document, reading),
        }
    }
}

/// Takes an input off the list; its neighbour of the same kind is shown if it was shown.
fn remove_input(document: &mut Document, input: &Input) {
    let Some(at) = document.inputs.iter().position(|i| i == input) else {
        return;
    };
    document.inputs.remove(at);
    document
        .explain
        .real
        .take_if(|real| input.picture() == Some(real));
    if document.input.as_ref() == Some(input) {
        let is_alike = |other: &&Input| other.latent().is_some() == input.latent().is_some();
        let (before, after) = document.inputs.split_at(at);
        let next = after.iter().find(is_alike);
        document.input = next.or_else(|| before.iter().rfind(is_alike)).cloned();
    }
}

/// The picture shown is read in another way, in its place of the list.
fn read_as(document: &mut Document, reading: Reading) {
    let Some(old) = document.picture().cloned() else {
        return;
    };
    let new = old.read_as(reading);
    document.explain.real.take_if(|real| *real == old);
    put_in_place(document, &old.into(), &new.into());
}

/// The seed shown takes another class, in its place of the list.
fn set_class(document: &mut Document, class: usize) {
    let Some(Input::Latent(latent)) = document.input else {
        return;
    };
    let (old, new) = (
        Input::Latent(latent),
        Input::Latent(Latent {
            class: Some(class),
            ..latent
        }),
    );
    put_in_place(document, &old, &new);
}

/// Shows an input in the place of another; one that is in the list already leaves the other where it is.
fn put_in_place(document: &mut Document, old: &Input, new: &Input) {
    let is_known = document.inputs.contains(new);
    let place = document.inputs.iter_mut().find(|input| *input == old);
    if let Some(place) = place.filter(|_| !is_known) {
        *place = new.clone();
    }
    document.show_input(new);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slider_drag_is_one_kind() {
        let units = UnitSet::of_layer("root.0.act", [1, 2]);
        let set = |strength| Change::SetStrength {
            units: units.clone(),
            strength,
        };
        assert_eq!(set(0.3).kind(), set(0.4).kind());
        assert_ne!(set(0.3).kind(), Change::Ablate(units.clone()).kind());
        assert_eq!(set(0.0).name(), "set 2 units to 0.00");
        assert_eq!(Change::Ablate(units.clone()).name(), "ablate 2 units");
    }

    #[test]
    fn removing_the_shown_picture_shows_its_neighbour() {
        let files: Vec<PathBuf> = ["a", "b", "c"].map(PathBuf::from).to_vec();
        let mut document = Document::new(None, files.clone());
        let paths: Vec<Input> = files.into_iter().map(Input::from).collect();
        document.input = Some(paths[1].clone());
        Change::RemoveInput(paths[1].clone()).apply(&mut document);
        assert_eq!(document.input, Some(paths[2].clone()));
        Change::RemoveInput(paths[2].clone()).apply(&mut document);
        assert_eq!(document.input, Some(paths[0].clone()));
        Change::RemoveInput(paths[0].clone()).apply(&mut document);
        assert_eq!(document.input, None);
    }

    #[test]
    fn ablation_and_slider_are_one_state() {
        let units = UnitSet::of_layer("root.0.act", [1, 2]);
        let one = UnitSet::of_layer("root.0.act", [1]);
        let strengths = |document: &Document| -> Vec<f64> {
            units.iter().map(|u| document.edits.scale_of(u)).collect()
        };
        let set = |strength| Change::SetStrength {
            units: one.clone(),
            strength,
        };
        let mut document = Document::default();
        set(3.0).apply(&mut document);
        Change::Ablate(units.clone()).apply(&mut document);
        assert_eq!(strengths(&document), [0.0, 0.0]);
        assert_eq!(
            document.edits.edits.len(),
            1,
            "the slider's edit is replaced"
        );
        set(4.0).apply(&mut document);
        assert_eq!(strengths(&document), [4.0, 0.0]);
        set(0.0).apply(&mut document);
        set(1.0).apply(&mut document);
        assert_eq!(strengths(&document), [1.0, 0.0]);
        Change::ResetStrength(units.clone()).apply(&mut document);
        assert_eq!(document, Document::default());
    }

    #[test]
    fn strength_one_leaves_no_edit() {
        let units = UnitSet::of_layer("root.0.act", [1, 2]);
        let mut document = Document::default();
        let set = |strength| Change::SetStrength {
            units: units.clone(),
            strength,
        };
        set(0.0).apply(&mut document);
        assert_eq!(document.edits.edits.len(), 2);
        set(1.0).apply(&mut document);
        assert_eq!(document, Document::default());
    }
}
