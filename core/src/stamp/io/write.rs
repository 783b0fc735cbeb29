//! Writing stamps and named arrays in the formats that hold data, and stamps as PNG for display.
//!
//! Invariant: a file appears complete or not at all; float pixels are written bit for bit except in PNG, whose limits are
//! the stamp's explicit range.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Write as _};
use std::path::Path;

use image::{ExtendedColorType, ImageEncoder as _};

use super::error::{StampError, StampProblem};
use super::raw::dims_text;
use super::{Format, fits_write, npy, tensors, zip};
use crate::atomic::{AtomicWriteError, atomic_write};
use crate::stamp::{Card, CardKind, RowOrder, Stamp, ValueRange};

/// An array with a name: an output, an activation, a map of relevance.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedArray<'a> {
    /// The name in the file: EXTNAME, tensor or array name.
    pub name: String,
    /// Dimensions, slowest first; the last two are rows (top first) and columns.
    pub dims: Vec<usize>,
    /// Values, row-major.
    pub values: Cow<'a, [f32]>,
    /// Black and white, if the array has such a meaning.
    pub range: Option<ValueRange>,
    /// Band names, one per channel, or empty.
    pub bands: Vec<String>,
    /// Descriptive FITS cards (WCS and the like), or empty.
    pub cards: Vec<Card>,
    /// Row order of the file that the cards come from.
    pub rows: RowOrder,
}

impl<'a> NamedArray<'a> {
    /// An array without further meaning.
    pub fn new(
        name: impl Into<String>,
        dims: impl Into<Vec<usize>>,
        values: impl Into<Cow<'a, [f32]>>,
    ) -> Self {
        Self {
            name: name.into(),
            dims: dims.into(),
            values: values.into(),
            range: None,
            bands: Vec::new(),
            cards: Vec::new(),
            rows: RowOrder::TopDown,
        }
    }
}

impl<'a> From<&'a Stamp> for NamedArray<'a> {
    fn from(stamp: &'a Stamp) -> Self {
        let [channels, height, width] = stamp.dims();
        let dims = match channels {
            1 => vec![height, width],
            _ => vec![channels, height, width],
        };
        Self {
            name: stamp.name.to_string(),
            dims,
            values: Cow::Borrowed(&stamp.pixels),
            range: Some(stamp.range),
            bands: stamp.bands.clone(),
            cards: stamp.own_cards(),
            rows: stamp.rows,
        }
    }
}

/// Writes stamps. FITS, NPZ and safetensors take any number of them under their names, NPY several of one size, PNG one
/// of one or three channels (8 bits between its range's limits, for display only). `provenance` goes into the primary
/// FITS header or the safetensors metadata.
pub fn write(
    path: &Path,
    stamps: &[Stamp],
    format: Format,
    provenance: &[Card],
) -> Result<(), StampError> {
    let arrays: Vec<NamedArray<'_>> = stamps.iter().map(NamedArray::from).collect();
    match (format, stamps) {
        (Format::Png, [stamp]) => {
            let png = encode_png(stamp).map_err(|problem| problem.at(path))?;
            put(path, |out| out.write_all(&png))
        }
        (Format::Npy, [_, _, ..]) => {
            let stack = stack(&arrays).map_err(|problem| problem.at(path))?;
            write_arrays(path, &[stack], format, provenance)
        }
        (Format::Safetensors, _) => {
            let metadata = metadata(tensors::stamps_metadata(), provenance);
            put_arrays(path, &arrays, format, provenance, metadata)
        }
        _ => write_arrays(path, &arrays, format, provenance),
    }
}

/// Writes named arrays of any dimensions: FITS, NPZ and safetensors under their names, NPY exactly one.
pub fn write_arrays(
    path: &Path,
    arrays: &[NamedArray<'_>],
    format: Format,
    provenance: &[Card],
) -> Result<(), StampError> {
    let metadata = metadata(BTreeMap::new(), provenance);
    put_arrays(path, arrays, format, provenance, metadata)
}

fn put_arrays(
    path: &Path,
    arrays: &[NamedArray<'_>],
    format: Format,
    provenance: &[Card],
    metadata: BTreeMap<String, String>,
) -> Result<(), StampError> {
    check(arrays, format).map_err(|problem| problem.at(path))?;
    match (format, arrays) {
        (Format::Fits, _) => put(path, |out| fits_write::write(out, arrays, provenance)),
        (Format::Safetensors, _) => put(path, |out| {
            out.write_all(&tensors::encode(arrays, &metadata))
        }),
        (Format::Npz, _) => {
            let file =
                |a: &NamedArray<'_>| (format!("{}.npy", a.name), npy::encode(&a.dims, &a.values));
            let files: Vec<_> = arrays.iter().map(file).collect();
            put(path, |out| zip::write(out, &files))
        }
        (Format::Npy, [array]) => put(path, |out| {
            out.write_all(&npy::encode(&array.dims, &array.values))
        }),
        _ => Err(StampProblem::Unwritable {
            what: format!("{} arrays as {}", arrays.len(), format.name()),
            expected: match format {
                Format::Npy => "one array; NPZ takes several".to_owned(),
                Format::Png => "one stamp".to_owned(),
                _ => "FITS, NPY, NPZ or safetensors".to_owned(),
            },
        }
        .at(path)),
    }
}

/// Sizes must be true, and names distinct where the format knows arrays by their name alone (FITS numbers equal names by
/// EXTVER).
fn check(arrays: &[NamedArray<'_>], format: Format) -> Result<(), StampProblem> {
    let unwritable = |what: String, expected: &str| StampProblem::Unwritable {
        what,
        expected: expected.to_owned(),
    };
    if arrays.is_empty() {
        return Err(unwritable("nothing".to_owned(), "at least one array"));
    }
    for (i, array) in arrays.iter().enumerate() {
        let count = super::fits_header::product(&array.dims);
        if count != array.values.len() as u128 {
            let sizes = (array.values.len(), dims_text(&array.dims));
            let what = format!("`{}`, {} values of size {}", array.name, sizes.0, sizes.1);
            return Err(unwritable(what, "as many values as the size says"));
        }
        let mut later = arrays.iter().skip(i + 1);
        if format != Format::Fits && later.any(|other| other.name == array.name) {
            let what = format!("two arrays called `{}`", array.name);
            return Err(unwritable(what, "distinct names"));
        }
    }
    Ok(())
}

/// Arrays of one size as one array with a leading axis.
fn stack(arrays: &[NamedArray<'_>]) -> Result<NamedArray<'static>, StampProblem> {
    let first = arrays.first().map(|a| a.dims.clone()).unwrap_or_default();
    if let Some(other) = arrays.iter().find(|a| a.dims != first) {
        return Err(StampProblem::Unwritable {
            what: format!("`{}` of size {}", other.name, dims_text(&other.dims)),
            expected: format!(
                "{} as the first; NPZ takes different sizes",
                dims_text(&first)
            ),
        });
    }
    let mut dims = vec![arrays.len()];
    dims.extend(first);
    let values: Vec<f32> = arrays
        .iter()
        .flat_map(|a| a.values.iter().copied())
        .collect();
    Ok(NamedArray::new("stamps", dims, values))
}

/// Provenance cards as safetensors metadata; cards of one keyword become lines of one entry.
fn metadata(
    mut metadata: BTreeMap<String, String>,
    provenance: &[Card],
) -> BTreeMap<String, String> {
    for card in provenance {
        let entry = metadata.entry(card.keyword.clone()).or_default();
        if card.kind == CardKind::Commentary && !entry.is_empty() {
            entry.push('\n');
            entry.push_str(&card.value);
        } else {
            entry.clone_from(&card.value);
        }
    }
    metadata
}

/// An 8-bit PNG file of a stamp of one or three channels: black is the low end of its range, white the high end, and
/// missing pixels are black. Apply a stretch first.
pub fn encode_png(stamp: &Stamp) -> Result<Vec<u8>, StampProblem> {
    let colour = match stamp.channels {
        1 => ExtendedColorType::L8,
        3 => ExtendedColorType::Rgb8,
        channels => {
            return Err(StampProblem::Unwritable {
                what: format!("a stamp of {channels} channels as PNG"),
                expected: "1 or 3 channels".to_owned(),
            });
        }
    };
    let len = stamp.height * stamp.width;
    let level = |value: f32| {
        let unit = stamp.range.map_to(ValueRange::UNIT, value);
        (unit.clamp(0.0, 1.0) * 255.0).round() as u8 // NaN becomes 0
    };
    let planes: Vec<&[f32]> = stamp.pixels.chunks_exact(len.max(1)).collect();
    let samples: Vec<u8> = (0..len)
        .flat_map(|at| planes.iter().map(move |plane| level(plane[at])))
        .collect();
    let mut png = Cursor::new(Vec::new());
    let (width, height) = (stamp.width as u32, stamp.height as u32);
    image::codecs::png::PngEncoder::new(&mut png)
        .write_image(&samples, width, height, colour)
        .map_err(|error| StampProblem::Unwritable {
            what: format!("{width} x {height} pixels as PNG ({error})"),
            expected: "a picture with pixels".to_owned(),
        })?;
    Ok(png.into_inner())
}

fn put(
    path: &Path,
    write: impl FnOnce(&mut io::BufWriter<std::fs::File>) -> io::Result<()>,
) -> Result<(), StampError> {
    atomic_write(path, write).map_err(|error: AtomicWriteError| StampProblem::Write(error).at(path))
}
