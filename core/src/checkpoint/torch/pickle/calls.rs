//! What a pickle may ask to be made: dictionaries, storages, tensors. Arguments are checked, nothing is called.

use std::io::BufRead;

use super::object::{Global, Item, Object, Storage, TensorView};
use super::{Machine, pairs};
use crate::checkpoint::torch::element::Element;
use crate::checkpoint::trouble::Trouble;

/// Most axes of a tensor; convolutions have four.
const MAX_AXES: usize = 16;

impl<R: BufRead> Machine<'_, R> {
    /// A callable and its arguments become what it would return.
    pub(super) fn reduce(&mut self) -> Result<(), Trouble> {
        let arguments = self.pop()?;
        let callable = self.pop()?;
        let Item::Global(global) = callable else {
            return match callable {
                Item::Inert => {
                    self.push(Item::Inert);
                    Ok(())
                }
                _ => Err(Trouble::broken("something is called that has no name")),
            };
        };
        let Some(arguments) = self.heap.items(&arguments) else {
            return Err(Trouble::broken("arguments are not a tuple"));
        };
        // Counted when the result is kept; more arguments are of no use to anything below.
        let count = arguments.len();
        let arguments: Vec<Item> = arguments.iter().take(MAX_AXES).cloned().collect();
        let item = match global {
            Global::Dict => self.dict(arguments.first())?,
            Global::List => match arguments.first() {
                None => self.heap.add(Object::List(Vec::new()))?,
                Some(list) => list.clone(),
            },
            Global::Size => match arguments.first() {
                Some(dims) => dims.clone(),
                None => self.heap.add(Object::Tuple(Vec::new()))?,
            },
            Global::Encode => {
                // The text may be one that is remembered: every copy of it counts.
                let text = arguments.first().and_then(Item::text);
                let length = text.map_or(0, |text| text.len() as u64);
                self.heap.count_bytes(length.saturating_mul(2))?;
                encode(&arguments)?
            }
            Global::RebuildTensor => self.tensor(&arguments, None)?,
            Global::RebuildTyped => match arguments.get(6) {
                Some(Item::Global(Global::Type(element))) => {
                    self.tensor(&arguments, Some(*element))?
                }
                _ => return Err(Trouble::broken("a tensor has no element type")),
            },
            Global::RebuildParameter => match arguments.first() {
                Some(tensor) if count >= 2 => tensor.clone(),
                _ => return Err(Trouble::broken("a parameter has no tensor")),
            },
            Global::RebuildFromType => self.subclass(&arguments)?,
            Global::Storage(_) | Global::UntypedStorage | Global::Type(_) => {
                return Err(Trouble::broken("a storage is made without its place"));
            }
            Global::Inert => Item::Inert,
        };
        self.push(item);
        Ok(())
    }

    /// State is put into an object; only attributes of dictionaries and of what holds no weights are passed over.
    pub(super) fn build(&mut self) -> Result<(), Trouble> {
        self.pop()?;
        let top = self.top()?;
        let passed = *top == Item::Inert
            || matches!(
                self.heap.of(top),
                Some(Object::Dict(_) | Object::Tensor(_) | Object::List(_))
            );
        if passed {
            return Ok(());
        }
        Err(Trouble::broken("state is given to what has none"))
    }

    /// A storage, told by `("storage", class, key, place, count)`.
    pub(super) fn persistent(&mut self) -> Result<(), Trouble> {
        let id = self.pop()?;
        let parts = self.heap.items(&id).unwrap_or_default();
        if parts.first().and_then(Item::text).map(|t| &**t) == Some("module") {
            return Err(Trouble::Refused(
                "a whole pickled module, and code of a file is never run - save the weights alone in Python: \
                 torch.save(network.state_dict(), PATH)"
                    .to_owned(),
            ));
        }
        let (element, key, count) = match parts {
            [kind, Item::Global(class), Item::Text(key), _, count, ..]
                if kind.text().map(|t| &**t) == Some("storage") =>
            {
                let element = match class {
                    Global::Storage(element) => Some(*element),
                    Global::UntypedStorage => None,
                    _ => return Err(Trouble::broken("a storage has no class")),
                };
                (element, key.clone(), count.natural())
            }
            _ => {
                return Err(Trouble::broken(
                    "a reference out of the pickle is no storage",
                ));
            }
        };
        let Some(count) = count else {
            return Err(Trouble::broken(format!("storage {key} has no length")));
        };
        let storage = Storage {
            element,
            key,
            count,
        };
        let item = self.heap.add(Object::Storage(storage))?;
        self.push(item);
        Ok(())
    }

    fn dict(&mut self, content: Option<&Item>) -> Result<Item, Trouble> {
        let Some(content) = content else {
            return self.heap.add(Object::Dict(Vec::new()));
        };
        if let Some(Object::Dict(dict)) = self.heap.of(content) {
            let copy = Object::Dict(dict.clone());
            return self.heap.add(copy);
        }
        let Some(list) = self.heap.items(content) else {
            return Err(Trouble::broken("a dictionary is made of what is none"));
        };
        let mut flat = Vec::with_capacity(2 * list.len());
        for pair in list {
            match self.heap.items(pair) {
                Some([key, value]) => flat.extend([key.clone(), value.clone()]),
                _ => return Err(Trouble::broken("a key has no value")),
            }
        }
        self.heap.add(Object::Dict(pairs(flat)?))
    }

    /// `_rebuild_tensor_v2(storage, offset, dims, strides, ...)`.
    fn tensor(&mut self, arguments: &[Item], told: Option<Element>) -> Result<Item, Trouble> {
        let [storage, offset, dims, strides, ..] = arguments else {
            return Err(Trouble::broken("a tensor lacks arguments"));
        };
        let Some(Object::Storage(storage)) = self.heap.of(storage) else {
            return Err(Trouble::broken("a tensor has no storage"));
        };
        let Some(element) = told.or(storage.element) else {
            return Err(Trouble::broken("a tensor has no element type"));
        };
        let naturals = |item: &Item| -> Option<Vec<u64>> {
            let items = self.heap.items(item)?;
            (items.len() <= MAX_AXES).then_some(())?;
            items.iter().map(Item::natural).collect()
        };
        let (Some(dims), Some(strides), Some(offset)) =
            (naturals(dims), naturals(strides), offset.natural())
        else {
            return Err(Trouble::broken("a tensor has impossible dimensions"));
        };
        if dims.len() != strides.len() {
            return Err(Trouble::broken("a tensor has impossible strides"));
        }
        let view = TensorView {
            storage: storage.clone(),
            element,
            offset,
            dims: dims.into_iter().map(|dim| dim as usize).collect(),
            strides,
        };
        self.heap.add(Object::Tensor(view))
    }

    /// `_rebuild_from_type_v2(function, type, arguments, state)`: a tensor with attributes.
    fn subclass(&mut self, arguments: &[Item]) -> Result<Item, Trouble> {
        let [Item::Global(function), _, inner, ..] = arguments else {
            return Err(Trouble::broken("a tensor lacks arguments"));
        };
        let inner = self.heap.items(inner).unwrap_or_default().iter();
        let inner: Vec<Item> = inner.take(MAX_AXES).cloned().collect();
        match (function, inner.as_slice()) {
            (Global::RebuildTensor, inner) => self.tensor(inner, None),
            (Global::RebuildParameter, [tensor, ..]) => Ok(tensor.clone()),
            _ => Err(Trouble::broken("a tensor is made in an unknown way")),
        }
    }
}

/// Bytes that Python 3 wrote as a text of the first 256 characters.
fn encode(arguments: &[Item]) -> Result<Item, Trouble> {
    let [Item::Text(text), Item::Text(code)] = arguments else {
        return Err(Trouble::broken("bytes are not written as a text"));
    };
    let bytes: Result<Vec<u8>, _> = text.chars().map(|c| u8::try_from(u32::from(c))).collect();
    match (&**code, bytes) {
        ("latin1" | "latin-1", Ok(bytes)) => Ok(Item::Bytes(bytes.into())),
        _ => Err(Trouble::broken("bytes are not written in latin1")),
    }
}
