//! The weights of a file by layer, whichever way the container names them; decoded one at a time when a layer asks.
//!
//! Invariant: a weight is decoded only after its shape was found to be the one its layer needs.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::Place;
use crate::checkpoint::CheckpointError;

/// Decodes the values of one weight, row by row as Keras has them; says what is wrong otherwise.
pub(super) type Decode = Box<dyn Fn() -> Result<Vec<f32>, String>>;

/// One weight of a file.
pub(super) struct Entry {
    /// Its name in the file.
    pub(super) key: String,
    /// Its dimensions in the file.
    pub(super) dims: Vec<usize>,
    /// Its values.
    pub(super) decode: Decode,
}

/// How a container names weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// `layer/weight`, possibly with more before it (TensorFlow.js).
    Names,
    /// The same in a group named after the outermost layer (Keras 2).
    GroupedNames,
    /// `layers/class/vars/index` (Keras 3).
    Numbers,
}

/// All weights of a file.
pub(super) struct Store {
    naming: Naming,
    entries: Vec<Entry>,
    /// Entries by the group and the last part of their names.
    by_group: HashMap<(String, String), Vec<usize>>,
    /// Entries by the last two parts of their names, or by the whole name where weights are numbered.
    by_layer: HashMap<(String, String), Vec<usize>>,
    used: BTreeSet<usize>,
}

/// The part of a name after the last `/`, without TensorFlow's `:0`, and what is before.
fn split(name: &str) -> (&str, &str) {
    let name = name.rsplit_once(':').map_or(name, |(name, _)| name);
    name.rsplit_once('/').unwrap_or(("", name))
}

impl Store {
    /// The weights with the names by which they are looked for; `Entry::key` may have more before them.
    pub(super) fn new(naming: Naming, named: Vec<(String, Entry)>) -> Self {
        let mut store = Self {
            naming,
            entries: Vec::new(),
            by_group: HashMap::new(),
            by_layer: HashMap::new(),
            used: BTreeSet::new(),
        };
        for (name, entry) in named {
            let index = store.entries.len();
            let (rest, weight) = split(&name);
            let layer = if naming == Naming::Numbers {
                rest
            } else {
                split(rest).1
            };
            let group = name.split('/').next().unwrap_or_default();
            let places = [(&mut store.by_layer, layer), (&mut store.by_group, group)];
            for (map, owner) in places {
                map.entry((owner.to_owned(), weight.to_owned()))
                    .or_default()
                    .push(index);
            }
            store.entries.push(entry);
        }
        store
    }

    /// The entry of an index that this store gave.
    pub(super) fn entry(&self, index: usize) -> &Entry {
        &self.entries[index]
    }

    /// Finds weight `name` (or one of several, with `|` between them), the `number`th of its layer, and marks it as used.
    pub(super) fn find(
        &mut self,
        place: &Place<'_>,
        (number, name): (usize, &str),
        path: &Path,
    ) -> Result<usize, CheckpointError> {
        let found = match self.naming {
            Naming::Numbers => {
                let key = (format!("{}/vars", place.stored), number.to_string());
                self.by_layer.get(&key).cloned()
            }
            // Versions of Keras differ in some names.
            Naming::Names => name
                .split('|')
                .find_map(|name| self.by_layer.get(&pair(place.layer(), name)).cloned()),
            Naming::GroupedNames => name.split('|').find_map(|name| self.in_group(place, name)),
        };
        let found = self.most_alike(found.unwrap_or_default(), place);
        match found.as_slice() {
            [index] => {
                self.used.insert(*index);
                Ok(*index)
            }
            [] => Err(CheckpointError::tensor(
                path,
                &format!("{}/{name}", place.names.join("/")),
                "is missing",
            )),
            [first, second, ..] => Err(CheckpointError::tensor(
                path,
                &self.entries[*first].key,
                format!(
                    "and {} are both named like {name} of layer {}",
                    self.entries[*second].key,
                    place.names.join("/")
                ),
            )),
        }
    }

    /// Entries of the outermost layer's group; a layer that is not inside another owns all of them.
    fn in_group(&self, place: &Place<'_>, name: &str) -> Option<Vec<usize>> {
        let group = place.names.first().copied().unwrap_or_default();
        let all = self.by_group.get(&pair(group, name))?;
        let layer = pair(place.layer(), name);
        let owned: BTreeSet<usize> = self
            .by_layer
            .get(&layer)
            .into_iter()
            .flatten()
            .copied()
            .collect();
        let both: Vec<usize> = all.iter().copied().filter(|i| owned.contains(i)).collect();
        let is_outer = place.names.len() == 1;
        let found = if both.is_empty() && is_outer {
            all.clone()
        } else {
            both
        };
        (!found.is_empty()).then_some(found)
    }

    /// Those whose names hold the most of the models around the layer.
    fn most_alike(&self, found: Vec<usize>, place: &Place<'_>) -> Vec<usize> {
        if found.len() < 2 {
            return found;
        }
        let alike = |index: &usize| {
            let key = &self.entries[*index].key;
            let parts: BTreeSet<&str> = key.split('/').collect();
            place
                .names
                .iter()
                .filter(|name| parts.contains(*name))
                .count()
        };
        let most = found.iter().map(alike).max();
        found
            .into_iter()
            .filter(|i| Some(alike(i)) == most)
            .collect()
    }

    /// Names of the weights that no layer asked for, and of those that layers did, both in the order of the file.
    pub(super) fn unused_and_used(&self) -> (Vec<String>, Vec<String>) {
        let keys = self.entries.iter().enumerate();
        let (used, unused): (Vec<_>, Vec<_>) = keys.partition(|(i, _)| self.used.contains(i));
        let names = |entries: Vec<(usize, &Entry)>| {
            entries.into_iter().map(|(_, e)| e.key.clone()).collect()
        };
        (names(unused), names(used))
    }
}

fn pair(owner: &str, name: &str) -> (String, String) {
    (owner.to_owned(), name.to_owned())
}
