//! Stored tensors as constants: every element type and every place elements can be in.
//!
//! Invariant: nothing is allocated before the elements were counted in the file and in the memory that is left.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use half::{bf16, f16};

use super::array::{Array, Count, MAX_RANK, product};
use super::fault::{Fault, Reading};
use super::proto::Tensor;
use super::wire::{Field, number};
use crate::checkpoint::memory::{Budget, Held};
use crate::checkpoint::trouble::Trouble;
use crate::checkpoint::{beside, bytes};

/// Most integers of a tensor: they are for shapes. Quantised weights would be more.
const MAX_INTS: usize = 1 << 20;

/// Bytes of an integer while it is read.
const INT_BYTES: u64 = (size_of::<i64>() + size_of::<Count>()) as u64;

/// The element types of a tensor, with their numbers in the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Float = 1,
    Uint8 = 2,
    Int8 = 3,
    Uint16 = 4,
    Int16 = 5,
    Int32 = 6,
    Int64 = 7,
    Bool = 9,
    Half = 10,
    Double = 11,
    Uint32 = 12,
    Uint64 = 13,
    Bfloat = 16,
}

impl Element {
    /// The type of a number, where it can be read.
    pub(super) fn of(number: i64) -> Option<Self> {
        use Element as E;
        let all = [
            E::Float,
            E::Uint8,
            E::Int8,
            E::Uint16,
            E::Int16,
            E::Int32,
            E::Int64,
            E::Bool,
            E::Half,
            E::Double,
            E::Uint32,
            E::Uint64,
            E::Bfloat,
        ];
        all.into_iter().find(|element| *element as i64 == number)
    }

    /// Whether values of it are floating-point numbers.
    pub(super) const fn is_float(self) -> bool {
        matches!(self, Self::Float | Self::Half | Self::Double | Self::Bfloat)
    }

    const fn width(self) -> usize {
        match self {
            Self::Uint8 | Self::Int8 | Self::Bool => 1,
            Self::Uint16 | Self::Int16 | Self::Half | Self::Bfloat => 2,
            Self::Float | Self::Int32 | Self::Uint32 => 4,
            Self::Int64 | Self::Double | Self::Uint64 => 8,
        }
    }

    /// The number of the field that has elements of it one by one.
    const fn field(self) -> u64 {
        match self {
            Self::Float => 4,
            Self::Int64 => 7,
            Self::Double => 10,
            Self::Uint32 | Self::Uint64 => 11,
            _ => 5,
        }
    }
}

/// Reads stored tensors of one model.
pub(super) struct Store<'a> {
    /// The model's file.
    pub(super) path: &'a Path,
    pub(super) budget: &'a Budget,
    /// The files beside the model that were read, in the order in which they were needed.
    pub(super) beside: Vec<PathBuf>,
}

impl Store<'_> {
    /// The tensor as a constant.
    pub(super) fn array(&mut self, tensor: &Tensor<'_>) -> Reading<Array> {
        let wrong = |what: String| Fault::tensor(tensor.name, what);
        let Some(element) = Element::of(tensor.data_type) else {
            let what = format!("has elements of the unknown type {}", tensor.data_type);
            return Err(wrong(what));
        };
        let dims = tensor.dims.iter().map(|dim| usize::try_from(*dim).ok());
        let dims: Option<Vec<usize>> = dims.collect();
        let Some(dims) = dims.filter(|dims| dims.len() <= MAX_RANK) else {
            return Err(wrong(format!("has the dimensions {:?}", tensor.dims)));
        };
        let len = product(&dims).map_err(|_| wrong(format!("has the dimensions {dims:?}")))?;
        if !element.is_float() && len > MAX_INTS {
            return Err(wrong(format!(
                "has {len} integers; quantised weights are not read"
            )));
        }
        let size = len.checked_mul(element.width());
        if let Some(raw) = tensor
            .raw
            .filter(|raw| !tensor.is_external && Some(raw.len()) != size)
        {
            let (bytes, width) = (raw.len(), element.width());
            return Err(wrong(format!(
                "has {bytes} bytes for {len} elements of {width} bytes each"
            )));
        }
        let width = if element.is_float() { 4 } else { INT_BYTES };
        let needed = width.saturating_mul(len as u64);
        let what = format!("tensor {}", tensor.name);
        let held = self.budget.take(needed, &what, self.path);
        held.map_err(Fault::Placed)?.keep();
        if tensor.raw.is_none() && !tensor.is_external {
            return typed(tensor, element, len, dims);
        }
        match tensor.raw {
            Some(raw) if !tensor.is_external => from_bytes(raw, element, dims),
            _ => {
                let (bytes, _held) = self.external(tensor, size)?;
                from_bytes(&bytes, element, dims)
            }
        }
    }

    /// The bytes of a tensor that are in another file.
    fn external(
        &mut self,
        tensor: &Tensor<'_>,
        expected: Option<usize>,
    ) -> Reading<(Vec<u8>, Held)> {
        let wrong = |what: String| Fault::tensor(tensor.name, what);
        let (path, location) = place_of(tensor, self.path)?;
        let of = |key| match entry(tensor, key) {
            None => Ok(None),
            Some(text) => text
                .parse::<u64>()
                .map(Some)
                .map_err(|_| wrong(format!("has the {key} {text:?} in {location}"))),
        };
        let (offset, length) = (of("offset")?.unwrap_or(0), of("length")?);
        if length.is_some() && length != expected.map(|n| n as u64) {
            let what = format!("has {length:?} bytes in {location} that do not match its shape");
            return Err(wrong(what));
        }
        let failed = |source: io::Error| Fault::External(path.clone(), source);
        let mut file = File::open(&path).map_err(failed)?;
        let there = file.metadata().map_err(failed)?;
        let end = expected.and_then(|n| offset.checked_add(n as u64));
        let (Some(expected), true) = (expected, end.is_some_and(|end| end <= there.len())) else {
            let what = format!("lies beyond the {} bytes of {location}", there.len());
            return Err(wrong(what));
        };
        let what = format!("tensor {} in {location}", tensor.name);
        let held = self.budget.take(expected as u64, &what, self.path);
        let held = held.map_err(Fault::Placed)?;
        let mut bytes = vec![0; expected];
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        file.read_exact(&mut bytes).map_err(failed)?;
        if !self.beside.contains(&path) {
            self.beside.push(path);
        }
        Ok((bytes, held))
    }
}

/// The elements in their bytes.
fn from_bytes(bytes: &[u8], element: Element, dims: Vec<usize>) -> Reading<Array> {
    use bytes::each;
    let ints = match element {
        Element::Float => return Array::floats(each(bytes, f32::from_le_bytes), &dims),
        Element::Half => {
            let values = each(bytes, |c| f16::from_le_bytes(c).to_f32());
            return Array::floats(values, &dims);
        }
        Element::Bfloat => {
            let values = each(bytes, |c| bf16::from_le_bytes(c).to_f32());
            return Array::floats(values, &dims);
        }
        Element::Double => {
            let values = each(bytes, |c| f64::from_le_bytes(c) as f32);
            return Array::floats(values, &dims);
        }
        Element::Uint8 | Element::Bool => each(bytes, |[b]: [u8; 1]| i64::from(b)),
        Element::Int8 => each(bytes, |c| i64::from(i8::from_le_bytes(c))),
        Element::Uint16 => each(bytes, |c| i64::from(u16::from_le_bytes(c))),
        Element::Int16 => each(bytes, |c| i64::from(i16::from_le_bytes(c))),
        Element::Uint32 => each(bytes, |c| i64::from(u32::from_le_bytes(c))),
        Element::Int32 => each(bytes, |c| i64::from(i32::from_le_bytes(c))),
        Element::Int64 | Element::Uint64 => each(bytes, i64::from_le_bytes),
    };
    let values = ints.into_iter().map(Count::of).collect();
    Ok(Array::Ints { dims, values })
}

/// The elements in fields of their own.
fn typed(tensor: &Tensor<'_>, element: Element, len: usize, dims: Vec<usize>) -> Reading<Array> {
    let (mut floats, mut ints) = (Vec::new(), Vec::new());
    for (number, field) in &tensor.typed {
        if *number == element.field() {
            read_typed(*field, element, len, &mut floats, &mut ints)?;
        }
    }
    let found = floats.len().max(ints.len());
    if found != len {
        let what = format!("has {found} elements, its dimensions {dims:?} need {len}");
        return Err(Fault::tensor(tensor.name, what));
    }
    if element.is_float() {
        return Array::floats(floats, &dims);
    }
    let values = ints.into_iter().map(Count::of).collect();
    Ok(Array::Ints { dims, values })
}

/// Adds the elements of one field, at most one more than `len`.
fn read_typed(
    field: Field<'_>,
    element: Element,
    len: usize,
    floats: &mut Vec<f32>,
    ints: &mut Vec<i64>,
) -> Reading<()> {
    let bits = |n: u64| match element {
        Element::Half => f16::from_bits(n as u16).to_f32(),
        _ => bf16::from_bits(n as u16).to_f32(),
    };
    match (element, field) {
        (Element::Float, Field::Fixed32(bytes) | Field::Bytes(bytes)) => {
            let (values, _) = bytes.as_chunks();
            floats.extend(values.iter().map(|c| f32::from_le_bytes(*c)));
        }
        (Element::Double, Field::Fixed64(bytes) | Field::Bytes(bytes)) => {
            let (values, _) = bytes.as_chunks();
            floats.extend(values.iter().map(|c| f64::from_le_bytes(*c) as f32));
        }
        (Element::Half | Element::Bfloat, Field::Number(n)) => floats.push(bits(n)),
        (Element::Half | Element::Bfloat, Field::Bytes(mut packed)) => {
            while !packed.is_empty() && floats.len() <= len {
                floats.push(bits(number(&mut packed)?));
            }
        }
        (_, Field::Number(n)) => ints.push(n as i64),
        (_, Field::Bytes(mut packed)) => {
            while !packed.is_empty() && ints.len() <= len {
                ints.push(number(&mut packed)? as i64);
            }
        }
        _ => {
            return Err(Fault::broken(
                "a tensor has elements of another type than it says",
            ));
        }
    }
    Ok(())
}
/// What a tensor that is elsewhere says under a key.
fn entry<'a>(tensor: &Tensor<'a>, key: &str) -> Option<&'a str> {
    let mut entries = tensor.external.iter();
    entries.find(|(k, _)| *k == key).map(|(_, value)| *value)
}

/// The file that a tensor of the model at `model` is in, and what the model calls it.
pub(super) fn place_of<'a>(tensor: &Tensor<'a>, model: &Path) -> Reading<(PathBuf, &'a str)> {
    let location = entry(tensor, "location").unwrap_or_default();
    let place = beside::find(model, location).map_err(|trouble| match trouble {
        Trouble::Refused(what) => {
            Fault::tensor(tensor.name, format!("is said to be in a file, but {what}"))
        }
        Trouble::Placed(error) => Fault::Placed(error),
        other => Fault::Placed(other.at("ONNX model", model)),
    })?;
    Ok((place, location))
}
