//! The tensors of a checkpoint, wherever they are in its dictionaries.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::pickle::{Heap, Item, Object, TensorView};
use crate::checkpoint::trouble::Trouble;

/// Deepest nesting looked into: checkpoints have two or three levels.
const MAX_DEPTH: usize = 8;

/// Longest name that is looked at: those of layers are a tenth of it.
const MAX_NAME_BYTES: usize = 512;

/// Names under which trainings keep what they are at, the finest first.
const STEPS: [&str; 8] = [
    "global_step",
    "step",
    "steps",
    "iteration",
    "iterations",
    "iter",
    "n_iter",
    "epoch",
];

/// A tensor under its key, and the keys of the dictionaries around it.
pub(super) struct Leaf {
    pub(super) folder: Rc<[String]>,
    pub(super) key: String,
    pub(super) view: TensorView,
}

/// All tensors under text keys, in the order of the file. Containers that are referred to again are looked into once.
pub(super) fn leaves(heap: &Heap, root: &Item) -> Result<Vec<Leaf>, Trouble> {
    let mut walk = Walk {
        heap,
        seen: BTreeSet::new(),
        leaves: Vec::new(),
        bytes: 0,
    };
    walk.look_into(root, &mut Vec::new())?;
    Ok(walk.leaves)
}

struct Walk<'a> {
    heap: &'a Heap,
    seen: BTreeSet<usize>,
    leaves: Vec<Leaf>,
    /// Memory of what was found.
    bytes: u64,
}

impl Walk<'_> {
    fn look_into(&mut self, item: &Item, folder: &mut Vec<String>) -> Result<(), Trouble> {
        let Item::Object(id) = item else {
            return Ok(());
        };
        if folder.len() > MAX_DEPTH || !self.seen.insert(id.index()) {
            return Ok(());
        }
        let entries: Vec<(String, &Item)> = match self.heap.of(item) {
            Some(Object::Dict(pairs)) => {
                let named = pairs.iter().filter_map(|(k, v)| {
                    let name = k.text().filter(|name| name.len() <= MAX_NAME_BYTES)?;
                    Some((name.to_string(), v))
                });
                named.collect()
            }
            Some(Object::List(items) | Object::Tuple(items)) => {
                let numbered = items.iter().enumerate();
                numbered.map(|(i, v)| (i.to_string(), v)).collect()
            }
            _ => return Ok(()),
        };
        // The tensors of a dictionary share the names around it.
        let mut shared: Option<Rc<[String]>> = None;
        for (key, value) in entries {
            if let Some(Object::Tensor(view)) = self.heap.of(value) {
                let names: usize = folder.iter().map(String::len).sum();
                let new = if shared.is_none() { names } else { 0 };
                let axes = 2 * size_of::<u64>() * view.dims.len();
                self.bytes += (new + key.len() + axes + 2 * size_of::<Leaf>()) as u64;
                self.heap.room_beside(self.bytes)?;
                let folder = shared.get_or_insert_with(|| folder.as_slice().into());
                self.leaves.push(Leaf {
                    folder: Rc::clone(folder),
                    key,
                    view: view.clone(),
                });
            } else {
                folder.push(key);
                self.look_into(value, folder)?;
                folder.pop();
            }
        }
        Ok(())
    }
}

/// The training step a checkpoint states beside its weights.
pub(super) fn step(heap: &Heap, root: &Item) -> Option<u64> {
    let Some(Object::Dict(pairs)) = heap.of(root) else {
        return None;
    };
    let named = |name: &str| {
        let mut found = pairs
            .iter()
            .filter(|(k, _)| k.text().is_some_and(|k| &**k == name));
        found.next().and_then(|(_, value)| value.natural())
    };
    STEPS.into_iter().find_map(named)
}
