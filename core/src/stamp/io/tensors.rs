//! Stamps and named arrays in safetensors files.
//!
//! Invariant: sizes are checked against the bytes by the safetensors reader before anything is allocated; a file of
//! weights is not mistaken for stamps. Source: the safetensors format (8-byte header length, JSON header, data).

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use safetensors::{SafeTensorError, SafeTensors};

use super::blend_file::is_blend_role;
use super::error::StampProblem;
use super::numbers::{Endian, Number, Scaling, decode, looks_reversed};
use super::raw::Raw;
use super::{NamedArray, Selector, list};
use crate::stamp::ValueRange;

/// The tensor that holds the pictures for a network.
const INPUT: &str = "input";

/// Metadata key of files whose tensors are all stamps, and its value.
const CONTENT: (&str, &str) = ("content", "stamps");

/// Metadata key of the value range, for one tensor with its name after a dot: `value_range.output = "-1,1"`.
const RANGE: &str = "value_range";

/// Whether the bytes start like a safetensors file: a header length that fits, then a JSON object.
pub(super) fn is_safetensors(bytes: &[u8]) -> bool {
    bytes
        .first_chunk()
        .is_some_and(|length| u64::from_le_bytes(*length) < 1 << 32 && bytes.get(8) == Some(&b'{'))
}

/// The stamps of a file: the tensor `input`, a blend with its truths, every tensor of a file of stamps, or the only
/// tensor. A selector may name any tensor.
pub(super) fn read(bytes: &[u8], selector: Option<&Selector>) -> Result<Vec<Raw>, StampProblem> {
    let (header_bytes, metadata) =
        SafeTensors::read_metadata(bytes).map_err(|error| problem(&error, bytes))?;
    let data = bytes.get(8 + header_bytes..).unwrap_or_default();
    let tensors: BTreeMap<String, &TensorInfo> = metadata.tensors().into_iter().collect();
    let names: Vec<&String> = tensors.keys().collect();
    let about = metadata.metadata().clone().unwrap_or_default();
    let all_stamps = about.get(CONTENT.0).is_some_and(|c| c == CONTENT.1);
    let is_wanted = |index: usize, name: &str| match selector {
        Some(selector) => selector.matches(index, Some(name), 1),
        None if tensors.contains_key(INPUT) => name == INPUT,
        None if all_stamps || tensors.len() == 1 => true,
        None if names.iter().any(|n| is_blend_role(n)) => is_blend_role(name),
        None => false,
    };
    let mut raws = Vec::new();
    for (index, (name, info)) in tensors.iter().enumerate() {
        if is_wanted(index, name) {
            raws.push(read_tensor(index, name, info, data, &about)?);
        }
    }
    if raws.is_empty() {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        return Err(StampProblem::NotFound {
            wanted: match selector {
                Some(selector) => format!("tensor {selector}"),
                None => format!("tensor `{INPUT}`"),
            },
            available: list(&names),
        });
    }
    Ok(raws)
}

fn read_tensor(
    index: usize,
    name: &str,
    info: &TensorInfo,
    data: &[u8],
    about: &std::collections::HashMap<String, String>,
) -> Result<Raw, StampProblem> {
    let part = format!("tensor `{name}`");
    let number = match info.dtype {
        Dtype::BOOL => Number::Bool,
        Dtype::U8 => Number::U8,
        Dtype::I8 => Number::I8,
        Dtype::U16 => Number::U16,
        Dtype::I16 => Number::I16,
        Dtype::U32 => Number::U32,
        Dtype::I32 => Number::I32,
        Dtype::U64 => Number::U64,
        Dtype::I64 => Number::I64,
        Dtype::F16 => Number::F16,
        Dtype::BF16 => Number::Bf16,
        Dtype::F32 => Number::F32,
        Dtype::F64 => Number::F64,
        other => {
            return Err(StampProblem::unsupported(
                part,
                format!("its numbers are {other:?}"),
                "integers or floats of 1 to 8 bytes",
            ));
        }
    };
    let count = super::fits_header::product(&info.shape);
    if count > super::MAX_PIXELS as u128 {
        return Err(StampProblem::TooLarge {
            part,
            claimed: count,
            limit: super::MAX_PIXELS as u128,
            unit: "pixels",
        });
    }
    let (start, end) = info.data_offsets;
    let expected = count as usize * number.size();
    let tensor = data.get(start..end).filter(|d| d.len() == expected);
    let Some(tensor) = tensor else {
        let found = data.len().saturating_sub(start);
        return Err(StampProblem::truncated(part, expected as u128, found));
    };
    if looks_reversed(tensor, number, Endian::Little) {
        return Err(StampProblem::WrongEndian {
            part,
            expected: Endian::Little.name(),
        });
    }
    let values = decode(tensor, number, Endian::Little, Scaling::NONE);
    // The pictures of `input` are named after the file.
    let key = (name != INPUT).then(|| name.to_owned());
    let mut raw = Raw::new(key, index, info.shape.clone(), values);
    let range = about
        .get(&format!("{RANGE}.{name}"))
        .or_else(|| about.get(RANGE));
    raw.range = range
        .and_then(|text| parse_range(text))
        .or(number.picture_range());
    raw.may_be_list = true;
    Ok(raw)
}

/// `"-1,1"` as a range.
fn parse_range(text: &str) -> Option<ValueRange> {
    let (low, high) = text.split_once(',')?;
    let (low, high): (f32, f32) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
    (low < high && (high - low).is_finite()).then_some(ValueRange { low, high })
}

/// Truncation is the damage that people can act on, so it is told apart.
fn problem(error: &SafeTensorError, bytes: &[u8]) -> StampProblem {
    let part = "safetensors file";
    let header = bytes.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
    match error {
        SafeTensorError::InvalidHeaderLength
        | SafeTensorError::HeaderTooSmall
        | SafeTensorError::HeaderTooLarge => {
            StampProblem::truncated(format!("header of the {part}"), header.into(), bytes.len())
        }
        SafeTensorError::MetadataIncompleteBuffer => {
            let read: Option<Metadata> = usize::try_from(header)
                .ok()
                .and_then(|length| bytes.get(8..)?.get(..length))
                .and_then(|json| serde_json::from_slice(json).ok());
            let expected = read.map_or(0, |metadata| metadata.data_len());
            let found = bytes.len().saturating_sub(8 + header as usize);
            if expected > found {
                StampProblem::truncated(format!("data of the {part}"), expected as u128, found)
            } else {
                StampProblem::damaged(part, "its data is longer than its header says")
            }
        }
        other => StampProblem::damaged(part, other.to_string()),
    }
}

/// A safetensors file of float32 arrays with `metadata`; equal content gives equal bytes.
pub(super) fn encode(arrays: &[NamedArray<'_>], metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let mut metadata = metadata.clone();
    let mut header = serde_json::Map::new();
    let mut at = 0;
    for array in arrays {
        let end = at + 4 * array.values.len();
        let entry = serde_json::json!({
            "dtype": "F32",
            "shape": array.dims,
            "data_offsets": [at, end],
        });
        header.insert(array.name.clone(), entry);
        if let Some(range) = array.range {
            let key = format!("{RANGE}.{}", array.name);
            metadata.insert(key, format!("{},{}", range.low, range.high));
        }
        at = end;
    }
    header.insert("__metadata__".to_owned(), serde_json::json!(metadata));
    let mut json = serde_json::Value::Object(header).to_string();
    // The data starts at a multiple of 8 bytes.
    json.extend(std::iter::repeat_n(
        ' ',
        json.len().next_multiple_of(8) - json.len(),
    ));
    let mut bytes = Vec::with_capacity(8 + json.len() + at);
    bytes.extend((json.len() as u64).to_le_bytes());
    bytes.extend(json.as_bytes());
    for array in arrays {
        bytes.extend(array.values.iter().flat_map(|v| v.to_le_bytes()));
    }
    bytes
}

/// The metadata that marks a file whose tensors are all stamps.
pub(super) fn stamps_metadata() -> BTreeMap<String, String> {
    BTreeMap::from([(CONTENT.0.to_owned(), CONTENT.1.to_owned())])
}
