//! Weights saved by PyTorch: zip archives and the older single stream, whatever the file is called.
//!
//! Invariant: nothing of the file is run (see [`pickle`]); no more is allocated than a few times the length of the file.

mod archive;
mod element;
mod legacy;
mod pickle;
mod tensor;
mod tree;

use std::path::Path;

use candle_core::{Device, Tensor};

use self::archive::Archive;
use self::element::Order;
use self::legacy::Legacy;
use self::pickle::{Bytes, Heap, Item, TensorView};
use self::tree::Leaf;
use super::format::Format;
use super::infer::STEP_KEY;
use super::memory::{Budget, Held, tensor_bytes};
use super::state_dict::{self, Selector};
use super::trouble::Trouble;
use super::{CheckpointError, Guess, TensorEntry, TensorFile, hash, rename};
use crate::network::GoOn;

/// What messages call these files.
const KIND: &str = "PyTorch file";

/// Elements read for every byte of a file: views may share a storage, but not without end.
const MAX_ELEMENTS_PER_BYTE: u64 = 4;

/// Reads the state dict that `selector` names, with prefixes stripped and normalised weights made effective.
///
/// # Errors
/// A damaged file, a pickle that names more than weights, no or another network than asked for, too much memory.
pub(super) fn read(
    place: (&Path, Format),
    selector: &Selector<'_>,
    budget: &Budget,
    go_on: GoOn<'_>,
) -> Result<(TensorFile, Vec<Guess>), CheckpointError> {
    let (path, _) = place;
    let mut source = Source::open(place, budget, go_on).map_err(|t| t.at(KIND, path))?;
    let leaves = tree::leaves(&source.heap, &source.root).map_err(|t| t.at(KIND, path))?;
    if leaves.is_empty() {
        return Err(CheckpointError::Unsupported {
            what: "a PyTorch file without tensors under names - save the weights in Python: \
                   torch.save(network.state_dict(), PATH)"
                .to_owned(),
            path: path.to_owned(),
        });
    }
    let (part, guesses) = choose(&leaves, selector, path)?;
    let members: Vec<(&Leaf, String)> = part
        .members
        .into_iter()
        .filter_map(|(index, key)| Some((leaves.get(index)?, key)))
        .collect();
    let sha256 = hash::of_file(path, go_on)?;
    let mut file = tensors(&mut source, &members, (path, budget), go_on)?;
    if let Some(step) = tree::step(&source.heap, &source.root) {
        file.header
            .metadata
            .insert(STEP_KEY.to_owned(), step.to_string());
    }
    file.sha256 = sha256;
    state_dict::fold(&mut file)?;
    Ok((file, guesses))
}

/// The networks in a file, under the names that are written behind its path.
///
/// # Errors
/// As [`read`].
pub(super) fn parts(
    place: (&Path, Format),
    budget: &Budget,
    go_on: GoOn<'_>,
) -> Result<Vec<state_dict::Part>, CheckpointError> {
    let found = || {
        let source = Source::open(place, budget, go_on)?;
        let leaves = tree::leaves(&source.heap, &source.root)?;
        Ok(state_dict::parts(&described(&leaves)))
    };
    found().map_err(|trouble: Trouble| trouble.at(KIND, place.0))
}

fn choose(
    leaves: &[Leaf],
    selector: &Selector<'_>,
    path: &Path,
) -> Result<(state_dict::Part, Vec<Guess>), CheckpointError> {
    let parts = state_dict::parts(&described(leaves));
    state_dict::choose(parts, selector, path)
}

fn described(leaves: &[Leaf]) -> Vec<state_dict::Leaf<'_>> {
    let describe = leaves.iter().map(|leaf| state_dict::Leaf {
        folder: &leaf.folder,
        key: &leaf.key,
        is_weight: leaf.view.element.is_float() && leaf.view.dims.len() > 1,
        elements: tensor::elements(&leaf.view).unwrap_or(0),
    });
    describe.collect()
}

/// Reads the chosen tensors; those of one storage after each other, so that it is read once.
fn tensors(
    source: &mut Source,
    members: &[(&Leaf, String)],
    (path, budget): (&Path, &Budget),
    go_on: GoOn<'_>,
) -> Result<TensorFile, CheckpointError> {
    let mut needed = 0_u64;
    for (leaf, key) in members {
        let elements = tensor::elements(&leaf.view).map_err(|t| of_tensor(t, key, path))?;
        needed = needed.saturating_add(elements);
    }
    if needed > source.length.saturating_mul(MAX_ELEMENTS_PER_BYTE) {
        let what = format!(
            "its tensors claim {needed} elements, it has {} bytes",
            source.length
        );
        return Err(Trouble::Broken(what).at(KIND, path));
    }
    let floats = members
        .iter()
        .filter(|(leaf, _)| leaf.view.element.is_float());
    let bytes = floats.map(|(leaf, _)| tensor_bytes(&leaf.view.dims));
    let bytes = bytes.fold(0, u64::saturating_add);
    budget.take(bytes, "the sum of its tensors", path)?.keep();
    let prefix = rename::wrapper_of(members.iter().map(|(_, key)| key.as_str()));
    let mut file = TensorFile::empty(path);
    let mut by_storage: Vec<usize> = (0..members.len()).collect();
    by_storage.sort_by_key(|i| members[*i].0.view.storage.key.clone());
    let mut last: Option<(&str, Vec<u8>, Held)> = None;
    let mut end = 0;
    for index in by_storage {
        let (leaf, from) = &members[index];
        let key = from[prefix..].to_owned();
        let view = &leaf.view;
        if last
            .as_ref()
            .is_none_or(|(name, ..)| *name != &*view.storage.key)
        {
            // The one before is not needed any more, and no more counted.
            drop(last.take());
            let storage = source.storage(view, go_on);
            let (bytes, held) = storage.map_err(|t| of_tensor(t, from, path))?;
            last = Some((&*view.storage.key, bytes, held));
        }
        let bytes = last.as_ref().map_or(&[][..], |(_, bytes, _)| bytes);
        if view.element.is_float() {
            let values = tensor::gather(view, bytes, source.order());
            let values = values.map_err(|t| of_tensor(t, from, path))?;
            let tensor = Tensor::from_vec(values, view.dims.as_slice(), &Device::Cpu)
                .map_err(|e| CheckpointError::tensor(path, from, e.to_string()))?;
            file.tensors.insert(key.clone(), tensor);
        }
        let start = end;
        end += tensor::elements(view).unwrap_or(0) * view.element.bytes();
        let entry = TensorEntry {
            dtype: view.element.name().to_owned(),
            shape: view.dims.clone(),
            data_offsets: [start, end],
        };
        file.header.entries.insert(key, entry);
    }
    for (_, from) in members {
        let key = from[prefix..].to_owned();
        if prefix > 0 {
            file.renamed.push((from.clone(), key.clone()));
        }
        file.order.push(key);
    }
    Ok(file)
}

/// An opened file: its objects, and where the storages are.
struct Source {
    heap: Heap,
    root: Item,
    length: u64,
    container: Container,
    /// The objects.
    _held: Held,
}

enum Container {
    Archive(Archive),
    Legacy(Legacy),
}

impl Source {
    fn open(
        (path, format): (&Path, Format),
        budget: &Budget,
        go_on: GoOn<'_>,
    ) -> Result<Self, Trouble> {
        let length = std::fs::metadata(path)?.len();
        if format == Format::Pickle {
            let (legacy, heap, root) = Legacy::open(path, budget)?;
            return Ok(Self {
                _held: budget.take(heap.bytes(), "its pickle", path)?,
                heap,
                root,
                length,
                container: Container::Legacy(legacy),
            });
        }
        let mut archive = Archive::open(path, budget, go_on)?;
        let (bytes, _held) = archive.pickle(go_on)?;
        let mut heap = Heap::new(bytes.len() as u64, budget, path);
        let root = pickle::read(&mut Bytes::new(&bytes[..], bytes.len() as u64), &mut heap)?;
        Ok(Self {
            _held: budget.take(heap.bytes(), "its pickle", path)?,
            heap,
            root,
            length,
            container: Container::Archive(archive),
        })
    }

    fn storage(&mut self, view: &TensorView, go_on: GoOn<'_>) -> Result<(Vec<u8>, Held), Trouble> {
        let key = &view.storage.key;
        match &mut self.container {
            Container::Archive(archive) => archive.storage(key, go_on),
            Container::Legacy(legacy) => legacy.storage(key, go_on),
        }
    }

    const fn order(&self) -> Order {
        match &self.container {
            Container::Archive(archive) => archive.order,
            Container::Legacy(legacy) => legacy.order,
        }
    }
}

fn of_tensor(trouble: Trouble, key: &str, path: &Path) -> CheckpointError {
    match trouble {
        Trouble::Broken(what) => CheckpointError::tensor(path, key, what),
        other => other.at(KIND, path),
    }
}
