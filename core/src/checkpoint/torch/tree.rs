//! The tensors of a checkpoint, wherever they are in its dictionaries.

use std::collections::BTreeSet;

use super::pickle::{Heap, Item, Object, TensorView};

/// Deepest nesting looked into: checkpoints have two or three levels.
const MAX_DEPTH: usize = 8;

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
    pub(super) folder: Vec<String>,
    pub(super) key: String,
    pub(super) view: TensorView,
}

/// All tensors under text keys, in the order of the file. Containers that are referred to again are looked into once.
pub(super) fn leaves(heap: &Heap, root: &Item) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    let mut seen = BTreeSet::new();
    walk(heap, root, &mut Vec::new(), &mut seen, &mut leaves);
    leaves
}

fn walk(
    heap: &Heap,
    item: &Item,
    folder: &mut Vec<String>,
    seen: &mut BTreeSet<usize>,
    leaves: &mut Vec<Leaf>,
) {
    let Item::Object(id) = item else { return };
    if folder.len() > MAX_DEPTH || !seen.insert(id.index()) {
        return;
    }
    let entries: Vec<(String, &Item)> = match heap.of(item) {
        Some(Object::Dict(pairs)) => {
            let named = pairs
                .iter()
                .filter_map(|(k, v)| Some((k.text()?.to_string(), v)));
            named.collect()
        }
        Some(Object::List(items) | Object::Tuple(items)) => {
            let numbered = items.iter().enumerate();
            numbered.map(|(i, v)| (i.to_string(), v)).collect()
        }
        _ => return,
    };
    for (key, value) in entries {
        if let Some(Object::Tensor(view)) = heap.of(value) {
            leaves.push(Leaf {
                folder: folder.clone(),
                key,
                view: view.clone(),
            });
        } else {
            folder.push(key);
            walk(heap, value, folder, seen, leaves);
            folder.pop();
        }
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
