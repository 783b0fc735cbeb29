//! Reading safetensors: buffered, bounded before anything is allocated, converted to f32.
//!
//! Invariant: the tensors of an accepted file cover its data exactly, without holes or overlaps. Layout: 8 bytes little
//! endian header length, JSON header, data (<https://huggingface.co/docs/safetensors>).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde::Deserialize;

use super::foreign::foreign_kind;
use super::hash::Hashing;
use super::memory::{Budget, JSON_BYTES, tensor_bytes};
use super::{CheckpointError, Limits, bytes, rename};
use crate::network::{GoOn, always};

/// Longest header read: networks of ten thousands of tensors need less; a longer one is a broken or hostile file.
const MAX_HEADER_BYTES: u64 = 16 << 20;

/// Where the data of one tensor lies in its file, and how to read it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorEntry {
    /// Element type as the file names it, for example `F32`.
    pub dtype: String,
    /// Dimensions.
    pub shape: Vec<usize>,
    /// First byte and the byte after the last one, counted from the start of the data.
    pub data_offsets: [u64; 2],
}

impl TensorEntry {
    fn element_bytes(&self) -> Option<u64> {
        Some(match self.dtype.as_str() {
            "F64" | "I64" | "U64" | "C64" => 8,
            "F32" | "I32" | "U32" => 4,
            "F16" | "BF16" | "I16" | "U16" => 2,
            "I8" | "U8" | "BOOL" | "F8_E5M2" | "F8_E4M3" => 1,
            _ => return None,
        })
    }

    /// Whether the elements are numbers that can be weights.
    pub fn is_float(&self) -> bool {
        matches!(self.dtype.as_str(), "F32" | "F16" | "BF16" | "F64")
    }
}

/// The header of a safetensors file: what is in it, without the data.
#[derive(Clone, Debug)]
pub struct TensorHeader {
    /// The file.
    pub path: PathBuf,
    /// Every tensor by key.
    pub entries: BTreeMap<String, TensorEntry>,
    /// The free `__metadata__` strings.
    pub metadata: BTreeMap<String, String>,
}

impl TensorHeader {
    /// Reads and checks the header and the length of a file; the data are not read.
    ///
    /// # Errors
    /// [`CheckpointError::Read`], [`CheckpointError::Foreign`], [`CheckpointError::Header`] or, for a tensor outside
    /// the file, [`CheckpointError::Tensor`].
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let (mut file, length) = open(path)?;
        read_header(&mut file, length, path, &Budget::new(Limits::default()))
    }

    /// Strips wrappers from the keys; returns the old and new names.
    fn rename(&mut self) -> Vec<(String, String)> {
        let prefix = rename::wrapper_of(self.entries.keys().map(String::as_str));
        let stripped = self.entries.keys().map(|key| &key[prefix..]);
        let container = if rename::lacks_container(stripped) {
            "net."
        } else {
            ""
        };
        if prefix == 0 && container.is_empty() {
            return Vec::new();
        }
        let renamed: Vec<(String, String)> = self
            .entries
            .keys()
            .map(|key| (key.clone(), format!("{container}{}", &key[prefix..])))
            .collect();
        self.entries = std::mem::take(&mut self.entries)
            .into_values()
            .zip(&renamed)
            .map(|(entry, (_, to))| (to.clone(), entry))
            .collect();
        renamed
    }

    /// The tensors in the order of their data.
    fn by_offset(&self) -> Vec<(&str, &TensorEntry)> {
        let mut sorted: Vec<_> = self.entries.iter().map(|(k, e)| (k.as_str(), e)).collect();
        sorted.sort_by_key(|(_, entry)| entry.data_offsets);
        sorted
    }

    /// Checks that sizes match shapes and that the data are covered once.
    fn check(&self, data_bytes: u64) -> Result<(), CheckpointError> {
        let wrong = |tensor: &str, what: String| CheckpointError::tensor(&self.path, tensor, what);
        let mut expected_start = 0;
        for (key, entry) in self.by_offset() {
            let [start, end] = entry.data_offsets;
            let Some(width) = entry.element_bytes() else {
                return Err(wrong(key, format!("has the unknown type {}", entry.dtype)));
            };
            let needed = entry
                .shape
                .iter()
                .try_fold(width, |bytes, dim| bytes.checked_mul(*dim as u64));
            if end.checked_sub(start) != needed {
                let shape = &entry.shape;
                return Err(wrong(
                    key,
                    format!("has offsets {start}..{end} that do not match its shape {shape:?}"),
                ));
            }
            if start < expected_start {
                return Err(wrong(key, "overlaps the tensor before it".to_owned()));
            }
            if start > expected_start {
                return Err(wrong(key, "leaves a hole before its data".to_owned()));
            }
            if end > data_bytes {
                return Err(wrong(
                    key,
                    format!(
                        "needs {end} bytes of data, but the file ends after {data_bytes}; it was cut short"
                    ),
                ));
            }
            expected_start = end;
        }
        if expected_start != data_bytes {
            return Err(CheckpointError::header(
                &self.path,
                format!(
                    "{} bytes follow the last tensor",
                    data_bytes - expected_start
                ),
            ));
        }
        Ok(())
    }
}

/// The tensors of a file, as f32 on the CPU.
#[derive(Clone, Debug)]
pub struct TensorFile {
    /// The file, its entries and its metadata.
    pub header: TensorHeader,
    /// Tensors with floating-point elements.
    pub tensors: BTreeMap<String, Tensor>,
    /// Keys that were changed on reading ([`TensorHeader::entries`] has the changed ones): as in the file, and as here.
    pub renamed: Vec<(String, String)>,
    /// The keys in the order in which the network lists its layers, as PyTorch files keep it; for other files in the
    /// order of the names, numbers in them by their value.
    pub order: Vec<String>,
    /// SHA-256 of the whole file, in hexadecimal.
    pub sha256: String,
}

impl TensorFile {
    /// A file of which nothing was read yet.
    pub(super) fn empty(path: &Path) -> Self {
        Self {
            header: TensorHeader {
                path: path.to_owned(),
                entries: BTreeMap::new(),
                metadata: BTreeMap::new(),
            },
            tensors: BTreeMap::new(),
            renamed: Vec::new(),
            order: Vec::new(),
            sha256: String::new(),
        }
    }

    /// Reads a file. Integer tensors (counters such as `num_batches_tracked`) stay in the header only.
    ///
    /// # Errors
    /// As [`TensorHeader::read`].
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        Self::read_while(path, &always)
    }

    /// [`TensorFile::read`] that can be stopped: `go_on` is asked before every mebibyte of data.
    ///
    /// # Errors
    /// [`CheckpointError::Stopped`] when it says no, and those of [`TensorFile::read`].
    pub fn read_while(path: &Path, go_on: GoOn<'_>) -> Result<Self, CheckpointError> {
        Self::read_within(path, &Budget::new(Limits::default()), go_on)
    }

    /// [`TensorFile::read_while`] within the memory that is left.
    pub(super) fn read_within(
        path: &Path,
        budget: &Budget,
        go_on: GoOn<'_>,
    ) -> Result<Self, CheckpointError> {
        let (file, length) = open(path)?;
        let mut file = Hashing::new(file);
        let mut header = read_header(&mut file, length, path, budget)?;
        let floats = header.entries.values().filter(|entry| entry.is_float());
        let needed = floats.map(|entry| tensor_bytes(&entry.shape));
        let needed = needed.fold(0, u64::saturating_add);
        budget.take(needed, "the sum of its tensors", path)?.keep();
        let mut tensors = BTreeMap::new();
        for (key, entry) in header.by_offset() {
            // Checked against the file's length, so the allocation is never larger than the file.
            let [start, end] = entry.data_offsets;
            let _held = budget.take(end - start, &format!("tensor {key}"), path)?;
            let bytes = bytes::exactly(&mut file, (end - start) as usize, go_on)
                .map_err(|trouble| trouble.at("safetensors file", path))?;
            if let Some(values) = decode(&entry.dtype, &bytes) {
                let tensor = Tensor::from_vec(values, entry.shape.as_slice(), &Device::Cpu)
                    .map_err(|e| CheckpointError::tensor(path, key, e.to_string()))?;
                tensors.insert(key.to_owned(), tensor);
            }
        }
        let sha256 = file.finish();
        let renamed = header.rename();
        for (from, to) in &renamed {
            if let Some(tensor) = tensors.remove(from) {
                tensors.insert(to.clone(), tensor);
            }
        }
        let mut order: Vec<String> = header.entries.keys().cloned().collect();
        order.sort_by(|a, b| rename::in_order(a, b));
        Ok(Self {
            header,
            tensors,
            renamed,
            order,
            sha256,
        })
    }
}

fn open(path: &Path) -> Result<(BufReader<File>, u64), CheckpointError> {
    let file = File::open(path).map_err(CheckpointError::read(path))?;
    let metadata = file.metadata().map_err(CheckpointError::read(path))?;
    if metadata.is_dir() {
        return Err(CheckpointError::header(path, "it is a folder"));
    }
    Ok((BufReader::with_capacity(1 << 16, file), metadata.len()))
}

fn read_header(
    file: &mut impl Read,
    length: u64,
    path: &Path,
    budget: &Budget,
) -> Result<TensorHeader, CheckpointError> {
    if length < 8 {
        let what = format!("it has {length} bytes, the smallest has 10");
        return Err(CheckpointError::header(path, what));
    }
    let mut prefix = [0; 8];
    file.read_exact(&mut prefix)
        .map_err(CheckpointError::read(path))?;
    let header_bytes = u64::from_le_bytes(prefix);
    if header_bytes > MAX_HEADER_BYTES.min(length - 8)
        && let Some(found) = foreign_kind(prefix)
    {
        let path = path.to_owned();
        return Err(CheckpointError::Foreign { found, path });
    }
    if header_bytes > MAX_HEADER_BYTES {
        let what =
            format!("its header claims {header_bytes} bytes, at most {MAX_HEADER_BYTES} are read");
        return Err(CheckpointError::header(path, what));
    }
    if header_bytes > length - 8 {
        let what = format!(
            "its header claims {header_bytes} bytes, the file has {length}; it was cut short"
        );
        return Err(CheckpointError::header(path, what));
    }
    let _held = budget.take(header_bytes.saturating_mul(JSON_BYTES), "its header", path)?;
    let mut text = vec![0; header_bytes as usize];
    file.read_exact(&mut text)
        .map_err(CheckpointError::read(path))?;
    parse_header(&text, length - 8 - header_bytes, path)
}

fn parse_header(
    text: &[u8],
    data_bytes: u64,
    path: &Path,
) -> Result<TensorHeader, CheckpointError> {
    let values: BTreeMap<String, serde_json::Value> = serde_json::from_slice(text)
        .map_err(|e| CheckpointError::header(path, format!("its header is broken ({e})")))?;
    let mut header = TensorHeader {
        path: path.to_owned(),
        entries: BTreeMap::new(),
        metadata: BTreeMap::new(),
    };
    for (key, value) in values {
        let wrong = |e: serde_json::Error| {
            CheckpointError::tensor(path, &key, format!("has a broken header entry ({e})"))
        };
        if key == "__metadata__" {
            header.metadata = serde_json::from_value(value).map_err(wrong)?;
        } else {
            let entry = serde_json::from_value(value).map_err(wrong)?;
            header.entries.insert(key, entry);
        }
    }
    header.check(data_bytes)?;
    Ok(header)
}

/// Little-endian elements as f32; `None` for types that cannot be weights.
fn decode(dtype: &str, bytes: &[u8]) -> Option<Vec<f32>> {
    use bytes::each;
    Some(match dtype {
        "F32" => each(bytes, f32::from_le_bytes),
        "F64" => each(bytes, |c| f64::from_le_bytes(c) as f32),
        "F16" => each(bytes, |c| half::f16::from_le_bytes(c).to_f32()),
        "BF16" => each(bytes, |c| half::bf16::from_le_bytes(c).to_f32()),
        _ => return None,
    })
}
