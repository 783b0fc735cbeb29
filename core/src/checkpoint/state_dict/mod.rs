//! State dicts as people save them: several networks in one file, running averages, normalised weights.
//!
//! Invariant: of several networks one is taken by rules that are told as guesses, and every other can be named.

mod norms;
mod parts;
mod words;

pub(super) use norms::fold;
pub(super) use parts::{Leaf, Part, Selector, choose, parts};
pub(super) use words::{is_averaged, role_of};

use std::path::Path;

use super::{CheckpointError, Guess, TensorFile, TensorHeader, rename};

/// The network of `file` that `selector` names, its weights made effective; the others are dropped.
///
/// # Errors
/// When there is no such network, or a normalised weight lacks a part.
pub(super) fn select(
    mut file: TensorFile,
    selector: &Selector<'_>,
    path: &Path,
) -> Result<(TensorFile, Vec<Guess>), CheckpointError> {
    let found = parts(&described(&file.header, file.order.iter()));
    if found.is_empty() || (found.len() == 1 && found[0].name.is_empty()) {
        if let Some(part) = selector.part {
            return Err(CheckpointError::Unsupported {
                what: format!("no network is named {part}: this file holds one network"),
                path: path.to_owned(),
            });
        }
        fold(&mut file)?;
        return Ok((file, Vec::new()));
    }
    let (part, guesses) = choose(found, selector, path)?;
    keep(&mut file, &part);
    fold(&mut file)?;
    Ok((file, guesses))
}

/// The networks that the keys of a safetensors file name.
pub(super) fn parts_of(header: &TensorHeader) -> Vec<Part> {
    parts(&described(header, header.entries.keys()))
}

fn described<'a>(header: &TensorHeader, keys: impl Iterator<Item = &'a String>) -> Vec<Leaf<'a>> {
    let describe = |key: &'a String| {
        let entry = header.entries.get(key)?;
        Some(Leaf {
            folder: &[],
            key,
            is_weight: entry.is_float() && entry.shape.len() > 1,
            elements: entry.shape.iter().map(|dim| *dim as u64).product(),
        })
    };
    keys.filter_map(describe).collect()
}

/// Leaves the tensors of one network, under the keys they have in it.
fn keep(file: &mut TensorFile, part: &Part) {
    let keys: Vec<(String, &str)> = part
        .members
        .iter()
        .filter_map(|(index, key)| Some((file.order.get(*index)?.clone(), key.as_str())))
        .collect();
    let prefix = rename::wrapper_of(keys.iter().map(|(_, key)| *key));
    let mut entries = std::mem::take(&mut file.header.entries);
    let mut tensors = std::mem::take(&mut file.tensors);
    file.order.clear();
    for (from, key) in keys {
        let to = key[prefix..].to_owned();
        if let Some(entry) = entries.remove(&from) {
            file.header.entries.insert(to.clone(), entry);
        }
        if let Some(tensor) = tensors.remove(&from) {
            file.tensors.insert(to.clone(), tensor);
        }
        file.renamed.push((from, to.clone()));
        file.order.push(to);
    }
}
