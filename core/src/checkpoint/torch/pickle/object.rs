//! What a pickle of weights may consist of, as plain data in one arena: containers refer to each other by index, so that
//! a pickle that contains itself is no danger.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use crate::checkpoint::memory::Budget;
use crate::checkpoint::torch::element::Element;
use crate::checkpoint::trouble::Trouble;

/// Position in a [`Heap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::checkpoint::torch) struct ObjectId(usize);

/// A value on the stack or in a container; cheap to copy.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::checkpoint::torch) enum Item {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer of at most 64 bits.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(Rc<str>),
    /// Bytes.
    Bytes(Rc<[u8]>),
    /// A name of the list of what may be named.
    Global(Global),
    /// A container, a storage or a tensor.
    Object(ObjectId),
    /// Something of which only the kind matters: a large integer, a date, a set of options.
    Inert,
}

/// What the names in a pickle stand for; nothing else may be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::checkpoint::torch) enum Global {
    /// `collections.OrderedDict` and the like: an empty dictionary, or one of pairs.
    Dict,
    /// `list`, `set` and the like, called with a list.
    List,
    /// `torch.Size`, called with a tuple.
    Size,
    /// `_codecs.encode(text, "latin1")`, which is how Python 3 writes bytes in protocol 2.
    Encode,
    /// `torch._utils._rebuild_tensor` and its later versions.
    RebuildTensor,
    /// As before, with the element type as an argument of its own.
    RebuildTyped,
    /// `torch._utils._rebuild_parameter`, with or without state.
    RebuildParameter,
    /// `torch._tensor._rebuild_from_type_v2`.
    RebuildFromType,
    /// The class of a storage.
    Storage(Element),
    /// A storage whose elements are told by the tensor.
    UntypedStorage,
    /// A `torch.dtype`.
    Type(Element),
    /// Anything that holds no weights and is passed over.
    Inert,
}

/// A container, a storage or a tensor.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::checkpoint::torch) enum Object {
    /// A tuple.
    Tuple(Vec<Item>),
    /// A list or a set.
    List(Vec<Item>),
    /// A dictionary in the order in which it was filled.
    Dict(Vec<(Item, Item)>),
    /// Where elements lie.
    Storage(Storage),
    /// A view of a storage.
    Tensor(TensorView),
}

/// A storage: elements of one type under a name in the archive, or at a place in a legacy file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::checkpoint::torch) struct Storage {
    /// Type of the elements; `None` where the tensor tells it.
    pub(in crate::checkpoint::torch) element: Option<Element>,
    /// Name.
    pub(in crate::checkpoint::torch) key: Rc<str>,
    /// Number of elements (of bytes, where the type is not known).
    pub(in crate::checkpoint::torch) count: u64,
}

/// A tensor as a strided view of a storage; all counts are in elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::checkpoint::torch) struct TensorView {
    /// The storage.
    pub(in crate::checkpoint::torch) storage: Storage,
    /// Type of the elements.
    pub(in crate::checkpoint::torch) element: Element,
    /// First element.
    pub(in crate::checkpoint::torch) offset: u64,
    /// Dimensions.
    pub(in crate::checkpoint::torch) dims: Vec<usize>,
    /// Steps from one index to the next, per axis.
    pub(in crate::checkpoint::torch) strides: Vec<u64>,
}

/// All objects of a pickle.
///
/// Invariant: they hold no more items than the pickle has bytes for, whatever it says about copying, and take no more memory
/// than there is.
#[derive(Debug)]
pub(in crate::checkpoint::torch) struct Heap {
    objects: Vec<Object>,
    items: u64,
    limit: u64,
    /// Bytes counted, at most those of `room`.
    bytes: u64,
    room: u64,
    /// What is told where there is no room; it names the file.
    budget: Budget,
    path: Box<Path>,
}

/// Bytes of an item in a list that doubles when it grows.
const ITEM_BYTES: u64 = 2 * size_of::<Item>() as u64;

/// The same of an object.
const OBJECT_BYTES: u64 = 2 * size_of::<Object>() as u64;

impl Heap {
    /// An empty heap for a pickle of at most `bytes` bytes.
    pub(in crate::checkpoint::torch) fn new(bytes: u64, budget: &Budget, path: &Path) -> Self {
        Self {
            objects: Vec::new(),
            items: 0,
            bytes: 0,
            room: budget.left(),
            budget: budget.clone(),
            path: path.into(),
            // Every item is written by a byte at least; filling a dictionary from a list doubles it.
            limit: bytes.saturating_mul(4).saturating_add(1024),
        }
    }

    /// Keeps an object.
    pub(in crate::checkpoint::torch) fn add(&mut self, object: Object) -> Result<Item, Trouble> {
        let items = match &object {
            Object::Tuple(items) | Object::List(items) => items.len(),
            Object::Dict(pairs) => 2 * pairs.len(),
            Object::Tensor(view) => view.dims.len(),
            Object::Storage(_) => 1,
        };
        self.count(items + 1)?;
        self.count_bytes(OBJECT_BYTES)?;
        self.objects.push(object);
        Ok(Item::Object(ObjectId(self.objects.len() - 1)))
    }

    /// Counts items that are added to a container.
    pub(in crate::checkpoint::torch) fn count(&mut self, items: usize) -> Result<(), Trouble> {
        self.items = self.items.saturating_add(items as u64);
        if self.items > self.limit {
            return Err(Trouble::broken("it copies itself over and over"));
        }
        self.count_bytes(ITEM_BYTES.saturating_mul(items as u64))
    }

    /// Counts bytes that are kept.
    pub(in crate::checkpoint::torch) fn count_bytes(&mut self, bytes: u64) -> Result<(), Trouble> {
        self.bytes = self.bytes.saturating_add(bytes);
        self.room_for(0, 0)
    }

    /// Bytes of everything that is kept.
    pub(in crate::checkpoint::torch) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether there is room for the values of the stack and those that are remembered beside what is kept.
    pub(in crate::checkpoint::torch) fn room_for(
        &self,
        stack: usize,
        remembered: usize,
    ) -> Result<(), Trouble> {
        let values = stack.saturating_add(remembered.saturating_mul(2)) as u64;
        self.room_beside(ITEM_BYTES.saturating_mul(values))
    }

    /// Whether there is room for `more` bytes beside what is kept.
    pub(in crate::checkpoint::torch) fn room_beside(&self, more: u64) -> Result<(), Trouble> {
        let bytes = self.bytes.saturating_add(more);
        if bytes <= self.room {
            return Ok(());
        }
        Err(self
            .budget
            .too_large(bytes, "its pickle", &self.path)
            .into())
    }

    /// The object of an item, if it is one.
    pub(in crate::checkpoint::torch) fn of(&self, item: &Item) -> Option<&Object> {
        match item {
            Item::Object(id) => self.objects.get(id.0),
            _ => None,
        }
    }

    /// [`Self::of`], to be changed.
    pub(in crate::checkpoint::torch) fn of_mut(&mut self, item: &Item) -> Option<&mut Object> {
        match item {
            Item::Object(id) => self.objects.get_mut(id.0),
            _ => None,
        }
    }

    /// The element type of every storage by its key.
    pub(in crate::checkpoint::torch) fn elements(&self) -> BTreeMap<Rc<str>, Element> {
        let storages = self.objects.iter().filter_map(|object| match object {
            Object::Storage(storage) => Some((storage.key.clone(), storage.element?)),
            _ => None,
        });
        storages.collect()
    }

    /// The items of a tuple or list.
    pub(in crate::checkpoint::torch) fn items(&self, item: &Item) -> Option<&[Item]> {
        match self.of(item)? {
            Object::Tuple(items) | Object::List(items) => Some(items),
            _ => None,
        }
    }
}

impl ObjectId {
    /// The position as an index.
    pub(in crate::checkpoint::torch) const fn index(self) -> usize {
        self.0
    }
}

impl Item {
    /// A count or an index.
    pub(in crate::checkpoint::torch) fn natural(&self) -> Option<u64> {
        match self {
            Self::Int(n) => u64::try_from(*n).ok(),
            _ => None,
        }
    }

    /// A text.
    pub(in crate::checkpoint::torch) fn text(&self) -> Option<&Rc<str>> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}
