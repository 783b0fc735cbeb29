//! Small files of stamps made by hand, byte by byte, for the tests of reading; independent of the crate's own writers.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Rows of the fixture picture.
pub(crate) const HEIGHT: usize = 16;
/// Columns of the fixture picture.
pub(crate) const WIDTH: usize = 24;

/// The fixture picture of `tests/fixtures/stamps/make.py`: 8-bit levels, `[3, 16, 24]`, row 0 at the top.
pub(crate) fn picture() -> Vec<u8> {
    let level = |channel: usize, y: usize, x: usize| match channel {
        0 => 4 + 5 * x + 3 * y,
        1 => 10 + 9 * y,
        _ => 200 - 6 * x - 2 * y,
    };
    planes(3, |c, y, x| level(c, y, x) as u8)
}

/// The mean of its three channels, `[16, 24]`.
pub(crate) fn grey() -> Vec<f64> {
    let levels = picture();
    let plane = HEIGHT * WIDTH;
    let mean = |at| {
        (0..3)
            .map(|c| f64::from(levels[c * plane + at]))
            .sum::<f64>()
            / 3.0
    };
    (0..plane).map(mean).collect()
}

/// The picture as `[0, 1]` floats.
pub(crate) fn unit() -> Vec<f32> {
    picture().iter().map(|v| f32::from(*v) / 255.0).collect()
}

/// `[channels, 16, 24]` values of `f(channel, row, column)`.
pub(crate) fn planes<T>(channels: usize, f: impl Fn(usize, usize, usize) -> T) -> Vec<T> {
    let mut values = Vec::new();
    for c in 0..channels {
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                values.push(f(c, y, x));
            }
        }
    }
    values
}

/// Planar values `[channels, 16, 24]` with the rows reversed, as FITS stores them.
pub(crate) fn upside_down<T: Copy>(values: &[T]) -> Vec<T> {
    let flip = |plane: &[T]| -> Vec<T> { plane.chunks(WIDTH).rev().flatten().copied().collect() };
    values.chunks(HEIGHT * WIDTH).flat_map(flip).collect()
}

/// Planar values as channel-last values.
pub(crate) fn channel_last<T: Copy>(values: &[T], channels: usize) -> Vec<T> {
    let len = values.len() / channels;
    (0..len)
        .flat_map(|at| (0..channels).map(move |c| values[c * len + at]))
        .collect()
}

/// A FITS header of the given cards (without END), padded.
pub(crate) fn fits_header(cards: &[String]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for card in cards.iter().map(String::as_str).chain(["END"]) {
        bytes.extend(format!("{card:<80}").into_bytes());
    }
    bytes.resize(bytes.len().next_multiple_of(2880), b' ');
    bytes
}

/// The first HDU of a FITS file, or an extension named `name`: `dims` slowest first, `data` in file order.
pub(crate) fn fits_hdu(
    name: Option<&str>,
    bitpix: i32,
    dims: &[usize],
    extra: &[&str],
    data: &[u8],
) -> Vec<u8> {
    let mut cards = vec![match name {
        None => "SIMPLE  =                    T".to_owned(),
        Some(_) => "XTENSION= 'IMAGE   '".to_owned(),
    }];
    cards.push(format!("BITPIX  = {bitpix:20}"));
    cards.push(format!("NAXIS   = {:20}", dims.len()));
    for (axis, length) in dims.iter().rev().enumerate() {
        cards.push(format!("{:<8}= {length:20}", format!("NAXIS{}", axis + 1)));
    }
    if let Some(name) = name {
        cards.push(format!("{:<8}= {:20}", "PCOUNT", 0));
        cards.push(format!("{:<8}= {:20}", "GCOUNT", 1));
        cards.push(format!("EXTNAME = '{name:<8}'"));
    }
    cards.extend(extra.iter().map(|card| (*card).to_owned()));
    let mut bytes = fits_header(&cards);
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(2880), 0);
    bytes
}

/// An empty primary HDU.
pub(crate) fn fits_primary() -> Vec<u8> {
    fits_hdu(None, 8, &[], &[], &[])
}

/// The fixture picture as a FITS cube of float32.
pub(crate) fn fits_cube() -> Vec<u8> {
    let data = big_endian(&upside_down(&unit()));
    fits_hdu(None, -32, &[3, HEIGHT, WIDTH], &[], &data)
}

/// Big-endian bytes of floats.
pub(crate) fn big_endian(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_be_bytes()).collect()
}

/// A FITS blend with truths and fill: galaxy 1 is the picture, galaxy 2 its mirror image, in `[-1, 1]`.
pub(crate) fn fits_blend() -> Vec<u8> {
    let (x, y) = galaxies();
    let blend: Vec<f32> = x.iter().zip(&y).map(|(x, y)| x.max(*y)).collect();
    let dims = [3, HEIGHT, WIDTH];
    let mut bytes = fits_primary();
    for (name, values) in [("BLEND", &blend), ("GALAXY1", &x), ("GALAXY2", &y)] {
        let data = big_endian(&upside_down(values));
        bytes.extend(fits_hdu(
            Some(name),
            -32,
            &dims,
            &["CTYPE3  = 'RGB     '"],
            &data,
        ));
    }
    let fill = planes(1, |_, y, _| u8::from(y < 4));
    bytes.extend(fits_hdu(
        Some("FILL"),
        8,
        &dims[1..],
        &[],
        &upside_down(&fill),
    ));
    bytes
}

/// Two galaxies in `[-1, 1]`, `[3, 16, 24]`.
pub(crate) fn galaxies() -> (Vec<f32>, Vec<f32>) {
    let x: Vec<f32> = unit().iter().map(|v| 2.0 * v - 1.0).collect();
    let y = x
        .chunks(WIDTH)
        .flat_map(|row| row.iter().rev().copied())
        .collect();
    (x, y)
}

/// An NPY file with the header as given.
pub(crate) fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// A safetensors file with the JSON header as given.
pub(crate) fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// A `TFRecord` file whose records are the given lists of float features.
pub(crate) fn tfrecords(records: &[Vec<(&str, Vec<f32>)>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for features in records {
        let entries = features.iter().flat_map(|(name, values)| {
            let floats: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            let feature = message(2, &message(1, &floats));
            message(
                1,
                &[message(1, name.as_bytes()), message(2, &feature)].concat(),
            )
        });
        let payload = message(1, &entries.collect::<Vec<u8>>());
        let length = (payload.len() as u64).to_le_bytes();
        bytes.extend(length);
        bytes.extend(masked_crc(&length));
        bytes.extend(&payload);
        bytes.extend(masked_crc(&payload));
    }
    bytes
}

/// A length-delimited protobuf field.
fn message(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 128 {
        bytes.push((length & 127) as u8 | 128);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(content);
    bytes
}

/// CRC-32C, bit by bit, masked as TensorFlow does.
fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg());
        }
    }
    (!crc)
        .rotate_right(15)
        .wrapping_add(0xA282_EAD8)
        .to_le_bytes()
}

/// Gzip of bytes.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

/// A PNG file of interleaved 8-bit samples of the fixture size.
pub(crate) fn png(samples: &[u8], colour: image::ExtendedColorType) -> Vec<u8> {
    use image::ImageEncoder as _;
    let mut bytes = Vec::new();
    image::codecs::png::PngEncoder::new(&mut bytes)
        .write_image(samples, WIDTH as u32, HEIGHT as u32, colour)
        .expect("in memory");
    bytes
}

/// A folder for test files, removed at the end.
pub(crate) struct Folder(pub(crate) TempDir);

impl Folder {
    /// A new folder.
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("temporary folder"))
    }

    /// Writes a file and returns its path.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("temporary file");
        path
    }
}

/// A fixture of the repository.
pub(crate) fn fixture(name: &str) -> PathBuf {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    root.join("tests/fixtures/stamps").join(name)
}

/// A folder of the astronomical test data beside the repository; without it the test has nothing to do.
pub(crate) fn shared(folder: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/public"
    ))
    .join(folder);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped, not there: {}", path.display());
    None
}

/// The files of a folder, sorted by name, below it at any depth.
pub(crate) fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            files.extend(files_in(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Fails unless the values agree within `tolerance`; NaN equals NaN.
#[track_caller]
pub(crate) fn assert_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: number of pixels");
    for (at, (a, b)) in found.iter().zip(expected).enumerate() {
        let equal = (a - b).abs() <= tolerance || a == b || (a.is_nan() && b.is_nan());
        assert!(equal, "{what}: pixel {at} is {a}, expected {b}");
    }
}

/// Mean absolute difference.
pub(crate) fn mean_difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let sum: f32 = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).sum();
    sum / found.len() as f32
}
