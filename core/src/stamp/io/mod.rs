//! Reading and writing stamps: FITS, PNG, JPEG, TIFF, NPY, NPZ, safetensors and `TFRecord`.
//!
//! Invariant: the format is told from the content, never from the name; any bytes give stamps or a [`StampError`] that
//! names the file, without a panic and without allocating what a header merely claims. Files appear complete or not at
//! all.

mod blend_file;
mod error;
mod fits;
mod fits_check;
mod fits_codec;
mod fits_disk;
mod fits_header;
mod fits_rice;
mod fits_tiles;
mod fits_write;
mod large;
mod large_plan;
mod npy;
mod numbers;
mod packed;
mod picture;
mod picture_file;
mod product;
mod raw;
mod selector;
mod tensors;
mod tfrecord;
mod write;
mod zip;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use image::ImageFormat;

pub use self::blend_file::{BlendFile, read_blend, read_blends};
pub use self::error::{StampError, StampProblem};
pub use self::fits_check::HeaderFinding;
pub use self::fits_header::Header;
pub use self::large::{LargePicture, LargeReader, read_window};
pub use self::picture_file::{PictureFile, Reading};
pub use self::product::{Product, Provenance};
pub use self::selector::Selector;
pub use self::write::{NamedArray, encode_png, write, write_arrays};

use self::raw::Raw;
pub(crate) use self::raw::finite_extremes;
use super::Stamp;
use crate::plain_file;

/// Pixels of the largest picture that is opened: 16,384 x 16,384.
pub const MAX_PIXELS: usize = 1 << 28;

/// Bytes of the largest file that is opened, and of what a compressed one may unpack to.
pub const MAX_BYTES: u64 = 1 << 31;

/// First bytes of gzip streams.
const GZIP_MAGIC: &[u8] = b"\x1f\x8b";

/// Bytes that are enough to tell every format.
const HEAD_BYTES: u64 = 4096;

/// A format of files with stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Flexible Image Transport System.
    Fits,
    /// Portable Network Graphics: for display when written, never for data.
    Png,
    /// JPEG; read only.
    Jpeg,
    /// TIFF; read only.
    Tiff,
    /// One `NumPy` array.
    Npy,
    /// An archive of `NumPy` arrays.
    Npz,
    /// Named tensors.
    Safetensors,
    /// TensorFlow records of blends; read only.
    TfRecord,
}

impl Format {
    /// The format that the first bytes of a file show.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        Some(match bytes {
            [0x89, b'P', b'N', b'G', ..] => Self::Png,
            [0xFF, 0xD8, 0xFF, ..] => Self::Jpeg,
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Self::Tiff,
            _ if bytes.starts_with(b"SIMPLE  =") => Self::Fits,
            _ if bytes.starts_with(npy::MAGIC) => Self::Npy,
            _ if bytes.starts_with(zip::MAGIC) => Self::Npz,
            _ if tfrecord::is_tfrecord(bytes) => Self::TfRecord,
            _ if tensors::is_safetensors(bytes) => Self::Safetensors,
            _ => return None,
        })
    }

    /// The format that the extension of a file to be written asks for.
    pub fn from_extension(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match extension.as_str() {
            "fits" | "fit" | "fts" => Self::Fits,
            "png" => Self::Png,
            "jpg" | "jpeg" => Self::Jpeg,
            "tif" | "tiff" => Self::Tiff,
            "npy" => Self::Npy,
            "npz" => Self::Npz,
            "safetensors" => Self::Safetensors,
            "tfrecord" | "tfrecords" => Self::TfRecord,
            _ => return None,
        })
    }

    /// The usual extension, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Tiff => "tif",
            Self::Npy => "npy",
            Self::Npz => "npz",
            Self::Safetensors => "safetensors",
            Self::TfRecord => "tfrecords",
        }
    }

    /// The name that messages use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fits => "FITS",
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Tiff => "TIFF",
            Self::Npy => "NPY",
            Self::Npz => "NPZ",
            Self::Safetensors => "safetensors",
            Self::TfRecord => "TFRecord",
        }
    }

    /// Whether [`write`](fn@write) can make it.
    pub fn is_writable(self) -> bool {
        !matches!(self, Self::Jpeg | Self::Tiff | Self::TfRecord)
    }
}

/// The stamps of a file, in file order: every image extension, array, tensor or record, or those that `selector` names.
///
/// A picture without a name of its own is named after the file. Images of red, green and blue (or other bands) in
/// separate extensions become one stamp. Empty or unreadable extensions beside readable ones are left out with a
/// warning in the log.
pub fn read(path: &Path, selector: Option<&Selector>) -> Result<Vec<Stamp>, StampError> {
    let stamps = try_read(path, selector).map_err(|problem| problem.at(path))?;
    log::debug!("{} stamps read: {}", stamps.len(), path.display());
    Ok(stamps)
}

/// The stamp that `selector` names, or the first of the file (of a blend file: the blend).
pub fn read_one(path: &Path, selector: Option<&Selector>) -> Result<Stamp, StampError> {
    let mut stamps = read(path, selector)?;
    let blend = stamps.iter().position(blend_file::is_blend).unwrap_or(0);
    // `read` never returns an empty list.
    Ok(stamps.swap_remove(blend))
}

/// The headers of all HDUs of a FITS file.
pub fn read_header(path: &Path) -> Result<Vec<Header>, StampError> {
    let (headers, stopped) = read_headers(path)?;
    stopped.map_or(Ok(headers), Err)
}

/// The headers of a FITS file up to the first that cannot be read, and what is wrong with that one. Fails when not even
/// the first can be read.
pub fn read_headers(path: &Path) -> Result<(Vec<Header>, Option<StampError>), StampError> {
    let read = || {
        let (headers, stopped) = match fits_on_disk(path)? {
            Some(mut file) => fits_disk::headers(&mut file)?,
            None => headers_in(&content(path)?)?,
        };
        match stopped {
            Some(problem) if headers.is_empty() => Err(problem),
            stopped => Ok((headers, stopped.map(|problem| problem.at(path)))),
        }
    };
    read().map_err(|problem: StampProblem| problem.at(path))
}

/// The open file, where it is a FITS file that is stored as it is.
fn fits_on_disk(path: &Path) -> Result<Option<File>, StampProblem> {
    let mut file = plain_file::open(path).map_err(StampProblem::Read)?;
    let mut head = [0; 10];
    let is_fits = file.read_exact(&mut head).is_ok() && Format::sniff(&head) == Some(Format::Fits);
    Ok(is_fits.then_some(file))
}

/// The headers of a FITS file in memory, and what is wrong with the first that cannot be read.
fn headers_in(bytes: &[u8]) -> Result<(Vec<Header>, Option<StampProblem>), StampProblem> {
    match Format::sniff(bytes) {
        Some(Format::Fits) => {
            let (hdus, stopped) = fits::hdus_until(bytes);
            let headers = hdus.into_iter().map(|h| h.header).collect();
            Ok((headers, stopped))
        }
        Some(other) => Err(StampProblem::unsupported(
            "header",
            format!("this is a {} file", other.name()),
            "a FITS file",
        )),
        None => Err(unknown(bytes)),
    }
}

fn try_read(path: &Path, selector: Option<&Selector>) -> Result<Vec<Stamp>, StampProblem> {
    let bytes = content(path)?;
    let format = Format::sniff(&bytes).ok_or_else(|| unknown(&bytes))?;
    let ok = |raws: Vec<Raw>| raws.into_iter().map(Ok).collect();
    let picture = |kind| picture::read(&bytes, kind, format.name());
    let raws: Vec<Result<Raw, StampProblem>> = match format {
        Format::Fits => fits::read(&bytes, selector)?,
        Format::Png => only(picture(ImageFormat::Png)?, selector)?,
        Format::Jpeg => only(picture(ImageFormat::Jpeg)?, selector)?,
        Format::Tiff => only(picture(ImageFormat::Tiff)?, selector)?,
        Format::Npy => only(npy::read(&bytes)?, selector)?,
        Format::Npz => ok(npy::read_archive(&bytes, selector)?),
        Format::Safetensors => ok(tensors::read(&bytes, selector)?),
        Format::TfRecord => ok(tfrecord::read(&bytes, selector)?),
    };
    let stem = stem(path);
    let alone = raws.len() == 1;
    let mut stamps = Vec::new();
    let mut first_problem = None;
    for raw in raws {
        let read = raw.and_then(|mut raw| {
            if selector.is_none() && alone {
                raw.key = None; // the only picture is called like its file
            } else if raw.key.is_none() && raw.index > 0 {
                raw.key = Some(format!("{stem}[{}]", raw.index));
            }
            raw.into_stamps(&stem, path)
        });
        match read {
            Ok(mut more) => stamps.append(&mut more),
            Err(problem) => {
                log::warn!("left out: {problem}: {}", path.display());
                first_problem.get_or_insert(problem);
            }
        }
    }
    match first_problem {
        Some(problem) if stamps.is_empty() => Err(problem),
        _ => {
            blend_file::share_range(&mut stamps);
            Ok(stamps)
        }
    }
}

/// The array of a format that holds one, number 0.
fn only(
    raw: Raw,
    selector: Option<&Selector>,
) -> Result<Vec<Result<Raw, StampProblem>>, StampProblem> {
    match selector {
        Some(other) if *other != Selector::Index(0) => Err(StampProblem::NotFound {
            wanted: format!("image {other}"),
            available: "one image, [0]".to_owned(),
        }),
        _ => Ok(vec![Ok(raw)]),
    }
}

/// The bytes of a file, unpacked if it is a gzip stream.
fn content(path: &Path) -> Result<Vec<u8>, StampProblem> {
    if path.is_dir() {
        return Err(StampProblem::unsupported("it", "it is a folder", "a file"));
    }
    let mut file = plain_file::open(path).map_err(StampProblem::Read)?;
    let metadata = file.metadata().map_err(StampProblem::Read)?;
    if metadata.len() > MAX_BYTES {
        return Err(too_many_bytes("the file", metadata.len()));
    }
    let mut bytes = Vec::new();
    let mut limited = (&mut file).take(MAX_BYTES);
    limited
        .read_to_end(&mut bytes)
        .map_err(StampProblem::Read)?;
    if bytes.is_empty() {
        return Err(StampProblem::Empty);
    }
    if bytes.starts_with(GZIP_MAGIC) {
        return unpack(&bytes);
    }
    Ok(bytes)
}

/// Unpacks a gzip stream, but only if it starts like something readable.
fn unpack(packed: &[u8]) -> Result<Vec<u8>, StampProblem> {
    let mut stream = MultiGzDecoder::new(packed);
    let mut bytes = Vec::new();
    let read = |stream: &mut MultiGzDecoder<&[u8]>, limit: u64, bytes: &mut Vec<u8>| {
        let mut limited = stream.take(limit);
        limited.read_to_end(bytes).map_err(|error| {
            let why = format!("{error} after {} unpacked bytes", bytes.len());
            StampProblem::damaged("gzip stream", why)
        })
    };
    read(&mut stream, HEAD_BYTES, &mut bytes)?;
    if bytes.is_empty() {
        return Err(StampProblem::Empty);
    }
    if Format::sniff(&bytes).is_none() {
        return Err(unknown(&bytes));
    }
    read(&mut stream, MAX_BYTES - HEAD_BYTES + 1, &mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_many_bytes("the unpacked file", bytes.len() as u64));
    }
    Ok(bytes)
}

fn too_many_bytes(part: &str, claimed: u64) -> StampProblem {
    StampProblem::TooLarge {
        part: part.to_owned(),
        claimed: claimed.into(),
        limit: MAX_BYTES.into(),
        unit: "bytes",
    }
}

/// What the content of an unreadable file looks like.
fn unknown(bytes: &[u8]) -> StampProblem {
    let known: [(&[u8], &str); 6] = [
        (b"\x89HDF", "it is an HDF5 file"),
        (b"GIF8", "it is a GIF picture"),
        (b"RIFF", "it is a WebP picture"),
        (b"BM", "it is a BMP picture"),
        (b"%PDF", "it is a PDF document"),
        (b"\x80\x02", "it is a Python pickle"),
    ];
    let head = bytes.get(..bytes.len().min(256)).unwrap_or_default();
    let what = match known.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        Some((_, what)) => (*what).to_owned(),
        None if head
            .iter()
            .all(|b| matches!(b, b'\t' | b'\n' | b'\r' | b' '..=b'~')) =>
        {
            let start: String = head.iter().take(24).map(|b| char::from(*b)).collect();
            format!("it is plain text (`{}...`)", start.trim_end())
        }
        None => {
            let start: Vec<String> = head.iter().take(8).map(|b| format!("{b:02x}")).collect();
            format!("its first bytes are {}", start.join(" "))
        }
    };
    StampProblem::UnknownFormat { what }
}

/// The file name without the extensions that belong to its format: `a.fits.gz` is `a`.
pub fn stem(path: &Path) -> String {
    const DOUBLE: [&str; 3] = [".gz", ".fz", ".tar"];
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = DOUBLE
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(&name);
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem.to_owned(),
        _ => name.to_owned(),
    }
}

/// `BLEND, GALAXY1, GALAXY2 and 4 more`, for messages.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 8;
    match names {
        [] => "nothing".to_owned(),
        _ if names.len() <= SHOWN => names.join(", "),
        _ => format!(
            "{} and {} more",
            names[..SHOWN].join(", "),
            names.len() - SHOWN
        ),
    }
}
