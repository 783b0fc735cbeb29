//! PyTorch files before 1.6: five pickles (magic number, protocol, machine, the object, keys of the storages), then for
//! every storage its length in 8 bytes and its elements.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::element::Order;
use super::pickle::{self, Bytes, Heap, Item, Object};
use crate::checkpoint::bytes;
use crate::checkpoint::memory::{Budget, Held};
use crate::checkpoint::trouble::Trouble;
use crate::network::GoOn;

/// How the first pickle is written: a long of ten bytes, `0x1950a86a20f9469cfc6c`.
const MAGIC: [u8; 13] = [
    0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.',
];

/// The protocol of the container, not of the pickles.
const PROTOCOL: i64 = 1001;

/// An opened file.
pub(super) struct Legacy {
    file: BufReader<File>,
    path: PathBuf,
    budget: Budget,
    /// First byte and number of bytes of every storage.
    places: BTreeMap<String, (u64, u64)>,
    /// Order of the bytes of its numbers.
    pub(super) order: Order,
}

impl Legacy {
    /// Reads the pickles and finds the storages; returns the object.
    pub(super) fn open(path: &Path, budget: &Budget) -> Result<(Self, Heap, Item), Trouble> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut bytes = Bytes::new(BufReader::new(file), length);
        let [_, _] = bytes.array::<2>()?;
        if bytes.left() < MAGIC.len() as u64 || bytes.array()? != MAGIC {
            return Err(Trouble::Refused(
                "a Python pickle that torch.save did not write - save the weights alone in Python: \
                 torch.save(network.state_dict(), PATH)"
                    .to_owned(),
            ));
        }
        let mut heap = Heap::new(length, budget, path);
        if pickle::read(&mut bytes, &mut heap)? != Item::Int(PROTOCOL) {
            return Err(Trouble::broken("its container has an unknown protocol"));
        }
        let machine = pickle::read(&mut bytes, &mut heap)?;
        let root = pickle::read(&mut bytes, &mut heap)?;
        let keys = pickle::read(&mut bytes, &mut heap)?;
        let order = match entry(&heap, &machine, "little_endian") {
            Some(Item::Bool(false)) => Order::Big,
            _ => Order::Little,
        };
        let places = places(&mut bytes, &heap, &keys, order)?;
        let file = BufReader::new(File::open(path)?);
        let legacy = Self {
            file,
            path: path.to_owned(),
            budget: budget.clone(),
            places,
            order,
        };
        Ok((legacy, heap, root))
    }

    /// The bytes of a storage.
    pub(super) fn storage(
        &mut self,
        key: &str,
        go_on: GoOn<'_>,
    ) -> Result<(Vec<u8>, Held), Trouble> {
        let Some(&(start, length)) = self.places.get(key) else {
            return Err(Trouble::broken(format!("it has no storage {key}")));
        };
        let what = format!("storage {key}");
        let held = self.budget.take(length, &what, &self.path)?;
        self.file.seek(SeekFrom::Start(start))?;
        let bytes = bytes::exactly(&mut self.file, length as usize, go_on)?;
        Ok((bytes, held))
    }
}

/// Where the storages lie, in the order of `keys`.
fn places(
    bytes: &mut Bytes<BufReader<File>>,
    heap: &Heap,
    keys: &Item,
    order: Order,
) -> Result<BTreeMap<String, (u64, u64)>, Trouble> {
    let elements = heap.elements();
    let mut places = BTreeMap::new();
    for key in heap.items(keys).unwrap_or_default() {
        let Some(key) = key.text() else {
            return Err(Trouble::broken("the key of a storage is not a text"));
        };
        let Some(element) = elements.get(key) else {
            return Err(Trouble::broken(format!(
                "storage {key} has no element type"
            )));
        };
        let count = match order {
            Order::Little => u64::from_le_bytes(bytes.array()?),
            Order::Big => u64::from_be_bytes(bytes.array()?),
        };
        let start = bytes.position();
        let length = count
            .checked_mul(element.bytes())
            .filter(|length| *length <= bytes.left());
        let Some(length) = length else {
            return Err(Trouble::broken(format!(
                "storage {key} claims {count} elements, {} bytes follow; it was cut short",
                bytes.left()
            )));
        };
        bytes.spend(length)?;
        bytes.inner().seek_relative(length as i64)?;
        places.insert(key.to_string(), (start, length));
    }
    Ok(places)
}

/// The value of a key of a dictionary.
fn entry<'a>(heap: &'a Heap, dict: &Item, key: &str) -> Option<&'a Item> {
    let Some(Object::Dict(dict)) = heap.of(dict) else {
        return None;
    };
    let mut found = dict
        .iter()
        .filter(|(k, _)| k.text().is_some_and(|k| &**k == key));
    found.next().map(|(_, value)| value)
}
