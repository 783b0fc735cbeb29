//! What kind of file weights or a graph come in, told from its bytes: names are often wrong.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::memory::Budget;
use super::zip_archive::Archive;
use super::{CheckpointError, Limits, keras};
use crate::plain_file;

/// Bytes looked at: magic numbers are in the first eight, a description says what it is in its first lines.
const PREFIX_BYTES: usize = 512;

/// The kinds of files that networks are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Tensors by name.
    Safetensors,
    /// A zip archive of PyTorch since 1.6, or an archive that is none of Keras.
    TorchArchive,
    /// A zip archive of Keras 3.
    KerasArchive,
    /// A Python pickle that is not in an archive: PyTorch before 1.6.
    Pickle,
    /// A protocol buffer that begins like an ONNX model.
    Onnx,
    /// Keras 2.
    Hdf5,
    /// A text beginning like JSON: a layers model of TensorFlow.js.
    Json,
    /// A description of a network, which names its weights.
    Description,
}

impl Format {
    /// The format of a file. What is none of the others is taken for safetensors, whose reader says what is wrong.
    ///
    /// # Errors
    /// [`CheckpointError::Read`].
    pub(super) fn of(path: &Path) -> Result<Self, CheckpointError> {
        Ok(Self::told(path)?.unwrap_or(Self::Safetensors))
    }

    /// The format of a file, or `None` when its bytes do not tell.
    ///
    /// # Errors
    /// [`CheckpointError::Read`].
    pub(super) fn told(path: &Path) -> Result<Option<Self>, CheckpointError> {
        let mut file = plain_file::open(path).map_err(CheckpointError::read(path))?;
        let mut prefix = Vec::with_capacity(PREFIX_BYTES);
        (&mut file)
            .take(PREFIX_BYTES as u64)
            .read_to_end(&mut prefix)
            .map_err(CheckpointError::read(path))?;
        let length = file
            .seek(SeekFrom::End(0))
            .map_err(CheckpointError::read(path))?;
        let format = Self::of_bytes(&prefix, length);
        if format != Some(Self::TorchArchive) {
            return Ok(format);
        }
        // The names inside tell; an archive that cannot be opened is told by its reader.
        let archive = Archive::open(path, &Budget::new(Limits::default()));
        let is_keras = archive.is_ok_and(|archive| keras::is_archive(&archive));
        Ok(Some(if is_keras {
            Self::KerasArchive
        } else {
            Self::TorchArchive
        }))
    }

    /// Whether files of it hold the graph of one network, and not weights alone.
    pub(super) const fn holds_graph(self) -> bool {
        matches!(
            self,
            Self::Onnx | Self::Hdf5 | Self::Json | Self::KerasArchive
        )
    }

    /// Whether a zip archive begins with a `.npy` array.
    pub(super) fn is_archive_of_arrays(path: &Path) -> bool {
        let mut prefix = Vec::with_capacity(PREFIX_BYTES);
        let read = File::open(path).and_then(|file| {
            let mut start = file.take(PREFIX_BYTES as u64);
            start.read_to_end(&mut prefix)
        });
        read.is_ok() && prefix.windows(4).any(|name| name == b".npy")
    }

    /// The format of a file of `length` bytes that begins with `prefix`; zip archives are all taken for PyTorch's.
    fn of_bytes(prefix: &[u8], length: u64) -> Option<Self> {
        if let Some(header) = prefix.first_chunk() {
            // A header that fits into the file and begins as JSON: whatever else the bytes could mean, it is this.
            let fits = u64::from_le_bytes(*header) <= length.saturating_sub(8);
            if fits && prefix.get(8) == Some(&b'{') {
                return Some(Self::Safetensors);
            }
        }
        Some(match prefix {
            [b'P', b'K', 3, 4, ..] => Self::TorchArchive,
            [0x80, 1..=5, ..] => Self::Pickle,
            [0x89, b'H', b'D', b'F', ..] => Self::Hdf5,
            // Field 1 (version of the format) as a number, then field 2 (name of the writer), 7 (graph) or 8 (opset).
            [0x08, 1..=127, 0x12 | 0x3a | 0x42, ..] => Self::Onnx,
            _ if first_letter(prefix) == Some(b'{') => Self::Json,
            _ if is_description(prefix) => Self::Description,
            _ => return None,
        })
    }
}

/// Whether a line says that this describes a network.
fn is_description(prefix: &[u8]) -> bool {
    prefix
        .split(|b| *b == b'\n')
        .any(|line| line.starts_with(b"ganoscope_model"))
}

/// The first byte after a byte order mark and white space.
fn first_letter(prefix: &[u8]) -> Option<u8> {
    let text = prefix.strip_prefix(b"\xef\xbb\xbf").unwrap_or(prefix);
    text.iter().copied().find(|b| !b.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn the_first_bytes_tell_the_format() {
        let of = |bytes: &[u8]| Format::of_bytes(bytes, 1000).unwrap_or(Format::Safetensors);
        assert_eq!(of(b"PK\x03\x04rest"), Format::TorchArchive);
        assert_eq!(of(&[0x80, 2, 0x8a, 10]), Format::Pickle);
        assert_eq!(of(b"\x89HDF\r\n\x1a\n"), Format::Hdf5);
        assert_eq!(of(b"\x08\x08\x12\x07pytorch"), Format::Onnx);
        assert_eq!(of(b" \n{\"format\": 1}"), Format::Json);
        assert_eq!(of(b"# mine\nganoscope_model = 1"), Format::Description);
        // A header of 0x80 bytes looks like a pickle, and one of 8 like a protocol buffer.
        assert_eq!(of(b"\x80\x02\0\0\0\0\0\0{\"a\""), Format::Safetensors);
        assert_eq!(of(b"\x08\x01\0\0\0\0\0\0{\"a\""), Format::Safetensors);
        assert_eq!(of(b"nothing that is known"), Format::Safetensors);
        assert_eq!(of(b""), Format::Safetensors);
    }
}
