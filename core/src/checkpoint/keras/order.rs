//! The order in which the calls of a model are lowered.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::fields::Fields;
use super::graph::{Layer, Model};
use crate::checkpoint::CheckpointError;

/// Layers and calls so that each comes after those that it reads; in the order of the file where that is open.
pub(super) fn sorted(
    model: &Model<'_>,
    path: &Path,
) -> Result<Vec<(usize, usize)>, CheckpointError> {
    let broken = |layer: &Layer<'_>, what: String| {
        let fields = Fields {
            layer: layer.name,
            class: layer.class,
            config: layer.config,
            path,
        };
        fields.broken(what)
    };
    let mut index = HashMap::new();
    let mut waiting = Vec::new();
    for (at, layer) in model.layers.iter().enumerate() {
        for (number, call) in layer.calls.iter().enumerate() {
            index.insert((at, number), waiting.len());
            waiting.push((at, number, call));
        }
    }
    let mut readers = vec![Vec::new(); waiting.len()];
    let mut missing = vec![0_usize; waiting.len()];
    for (reader, (at, _, call)) in waiting.iter().enumerate() {
        for reference in call.references() {
            let source = index
                .get(&(reference.layer, reference.call))
                .ok_or_else(|| {
                    let name = model.layers.get(reference.layer).map_or("", |l| l.name);
                    let what = format!("reads call {} of {name}, which has none", reference.call);
                    broken(&model.layers[*at], what)
                })?;
            readers[*source].push(reader);
            missing[reader] += 1;
        }
    }
    // The lowest first, so that equal files give equal networks.
    let ready = (0..waiting.len()).filter(|i| missing[*i] == 0);
    let mut ready: BTreeSet<usize> = ready.collect();
    let mut order = Vec::with_capacity(waiting.len());
    while let Some(next) = ready.pop_first() {
        order.push((waiting[next].0, waiting[next].1));
        for reader in &readers[next] {
            missing[*reader] -= 1;
            if missing[*reader] == 0 {
                ready.insert(*reader);
            }
        }
    }
    match missing.iter().position(|count| *count > 0) {
        Some(stuck) => Err(broken(
            &model.layers[waiting[stuck].0],
            "reads its own value".to_owned(),
        )),
        None => Ok(order),
    }
}
