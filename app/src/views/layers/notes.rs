//! What the document and the search say of layers: the marks that boxes carry.

use std::collections::{BTreeMap, BTreeSet};

use ganoscope_core::edit::UnitSet;
use ganoscope_core::graph::{Graph, Shown};
use ganoscope_core::network::LayerName;

use super::marks::Mark;
use super::search::Search;
use super::sheet::Sheet;
use crate::document::Document;

/// What concerns each layer, by position.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The layer whose units are shown.
    pub(super) shown: Option<usize>,
    edited: BTreeMap<usize, BTreeSet<usize>>,
    edited_off: BTreeSet<usize>,
    selected: BTreeMap<usize, usize>,
    found: BTreeSet<usize>,
}

impl Notes {
    /// What a search found.
    pub(super) fn of_search(search: &Search) -> Self {
        Self {
            found: search.hits().iter().copied().collect(),
            ..Self::default()
        }
    }

    /// With what the document says of the generator; it says nothing of a discriminator's layers.
    pub(super) fn with_document(
        mut self,
        graph: &Graph,
        document: &Document,
        shown: Option<&LayerName>,
    ) -> Self {
        self.shown = shown.and_then(|layer| graph.find(layer));
        let layers = |units: &UnitSet| {
            let found = units.by_layer().into_iter();
            let found = found.filter_map(|(layer, units)| Some((graph.find(&layer)?, units)));
            found.collect::<Vec<_>>()
        };
        for edit in &document.edits.edits {
            for (layer, units) in layers(&edit.units) {
                if edit.enabled {
                    self.edited.entry(layer).or_default().extend(units);
                } else {
                    self.edited_off.insert(layer);
                }
            }
        }
        for (layer, units) in layers(&document.units) {
            self.selected.insert(layer, units.len());
        }
        self
    }

    /// The marks of an item: of all its layers together.
    pub(super) fn marks(&self, sheet: &Sheet, shown: Shown) -> Vec<Mark> {
        let layers: Vec<usize> = sheet.layers(shown).collect();
        let mut marks = Vec::new();
        let edited = layers.iter().filter_map(|l| self.edited.get(l));
        let edited: usize = edited.map(BTreeSet::len).sum();
        if edited > 0 {
            marks.push(Mark::Edited(edited));
        } else if layers.iter().any(|l| self.edited_off.contains(l)) {
            marks.push(Mark::EditedOff);
        }
        if self.shown.is_some_and(|layer| layers.contains(&layer)) {
            marks.push(Mark::Shown);
        }
        let selected = layers.iter().filter_map(|l| self.selected.get(l));
        let selected: usize = selected.sum();
        if selected > 0 {
            marks.push(Mark::Selected(selected));
        }
        if layers.iter().any(|l| self.found.contains(l)) {
            marks.push(Mark::Found);
        }
        let graph = sheet.graph();
        let outputs = layers.iter().filter_map(|l| graph.layers.get(*l));
        let outputs = outputs.flat_map(|layer| &layer.outputs);
        marks.extend(outputs.map(|name| Mark::Output(name.to_string())));
        marks
    }
}
