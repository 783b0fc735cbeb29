//! NPY arrays and NPZ archives of them.
//!
//! Invariant: the size of an array is checked against its bytes before anything is allocated; the header is read
//! without evaluating Python. Source: `NumPy` enhancement proposal 1 (NPY 1.0) and the 2.0 and 3.0 notes of
//! `numpy.lib.format`.

use super::error::StampProblem;
use super::numbers::{Endian, Number, Scaling, decode, looks_reversed};
use super::raw::Raw;
use super::{MAX_PIXELS, Selector, list, zip};

/// First bytes of every NPY file.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// The header of an NPY file.
#[derive(Clone, Debug, PartialEq)]
struct Header {
    number: Number,
    endian: Endian,
    fortran_order: bool,
    dims: Vec<usize>,
}

/// Reads an NPY file.
pub(super) fn read(bytes: &[u8]) -> Result<Raw, StampProblem> {
    read_array(bytes, None, 0, "NPY array")
}

/// Reads the arrays of an NPZ archive that can be pictures: numbers with at least two axes. Labels and tables beside
/// them are left out.
pub(super) fn read_archive(
    bytes: &[u8],
    selector: Option<&Selector>,
) -> Result<Vec<Raw>, StampProblem> {
    let entries = zip::entries(bytes)?;
    if entries.iter().any(|entry| entry.name.ends_with("data.pkl")) {
        return Err(StampProblem::UnknownFormat {
            what: "it is a PyTorch checkpoint".to_owned(),
        });
    }
    let mut raws = Vec::new();
    let mut names = Vec::new();
    // One limit for the whole archive: entries may share the bytes they are unpacked from.
    let mut pixels = 0;
    for (index, entry) in entries.iter().enumerate() {
        let Some(name) = entry.name.strip_suffix(".npy") else {
            continue;
        };
        names.push(format!("`{name}`"));
        if selector.is_some_and(|s| !s.matches(index, Some(name), 1)) {
            continue;
        }
        let data = entry.unpack()?;
        let part = format!("NPZ array `{name}`");
        let read = read_array(&data, Some(name.to_owned()), index, &part);
        pixels += read.as_ref().map_or(0, |raw| raw.values.len());
        if pixels > MAX_PIXELS {
            return Err(StampProblem::TooLarge {
                part: "NPZ archive up to ".to_owned() + &part,
                claimed: pixels as u128,
                limit: MAX_PIXELS as u128,
                unit: "pixels",
            });
        }
        match read {
            Ok(raw) if raw.dims.len() >= 2 || selector.is_some() => raws.push(raw),
            Ok(_) => {}
            Err(StampProblem::Unsupported { .. }) if selector.is_none() => {}
            Err(problem) => return Err(problem),
        }
    }
    if raws.is_empty() {
        return Err(StampProblem::NotFound {
            wanted: match selector {
                Some(selector) => format!("array {selector}"),
                None => "array of numbers with two or more axes".to_owned(),
            },
            available: list(&names),
        });
    }
    Ok(raws)
}

fn read_array(
    bytes: &[u8],
    key: Option<String>,
    index: usize,
    part: &str,
) -> Result<Raw, StampProblem> {
    let (header, data) = parse(bytes, part)?;
    let count = super::fits_header::product(&header.dims);
    if count > MAX_PIXELS as u128 {
        return Err(StampProblem::TooLarge {
            part: part.to_owned(),
            claimed: count,
            limit: MAX_PIXELS as u128,
            unit: "pixels",
        });
    }
    let expected = count as usize * header.number.size();
    let Some(data) = data.get(..expected) else {
        return Err(StampProblem::truncated(part, expected as u128, data.len()));
    };
    if looks_reversed(data, header.number, header.endian) {
        return Err(StampProblem::WrongEndian {
            part: part.to_owned(),
            expected: header.endian.name(),
        });
    }
    let mut values = decode(data, header.number, header.endian, Scaling::NONE);
    if header.fortran_order {
        values = row_major(&values, &header.dims);
    }
    let mut raw = Raw::new(key, index, header.dims, values);
    raw.range = header.number.picture_range();
    raw.may_be_list = true;
    Ok(raw)
}

/// Column-major values brought into row-major order.
fn row_major(values: &[f32], dims: &[usize]) -> Vec<f32> {
    let mut index = vec![0_usize; dims.len()];
    let mut ordered = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        let at = index
            .iter()
            .zip(dims)
            .rev()
            .fold(0, |at, (i, n)| at * n + i);
        ordered.push(values.get(at).copied().unwrap_or(f32::NAN));
        for (i, n) in index.iter_mut().zip(dims).rev() {
            *i += 1;
            if *i < *n {
                break;
            }
            *i = 0;
        }
    }
    ordered
}

/// The header and the data after it.
fn parse<'a>(bytes: &'a [u8], part: &str) -> Result<(Header, &'a [u8]), StampProblem> {
    let damaged = |why: &str| StampProblem::damaged(format!("header of the {part}"), why);
    let after_magic = bytes.strip_prefix(MAGIC);
    let after_magic = after_magic.ok_or_else(|| damaged("it does not start with \\x93NUMPY"))?;
    let cut = || damaged("the file ends inside it");
    let [major, _minor, rest @ ..] = after_magic else {
        return Err(cut());
    };
    let (length, rest) = if *major == 1 {
        let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
        (usize::from(u16::from_le_bytes(*length)), rest)
    } else {
        let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
        (u32::from_le_bytes(*length) as usize, rest)
    };
    let (text, data) = rest.split_at_checked(length).ok_or_else(cut)?;
    let text = std::str::from_utf8(text).map_err(|_| damaged("it is not text"))?;
    let descr = entry(text, "descr").ok_or_else(|| damaged("it has no `descr`"))?;
    let order = entry(text, "fortran_order").unwrap_or("False");
    let shape = entry(text, "shape").ok_or_else(|| damaged("it has no `shape`"))?;
    let (number, endian) = number_type(descr).ok_or_else(|| {
        StampProblem::unsupported(
            part,
            format!("its numbers are {}", first_words(descr)),
            "integers or floats of 1 to 8 bytes",
        )
    })?;
    let dims = dims(shape).ok_or_else(|| damaged("its `shape` is no tuple of sizes"))?;
    let fortran_order = order.starts_with("True");
    let header = Header {
        number,
        endian,
        fortran_order,
        dims,
    };
    Ok((header, data))
}

/// The text after `'key':` in a dictionary literal.
fn entry<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let quoted = [format!("'{key}'"), format!("\"{key}\"")];
    let at = quoted
        .iter()
        .find_map(|q| Some(text.find(q.as_str())? + q.len()))?;
    Some(text.get(at..)?.trim_start().strip_prefix(':')?.trim_start())
}

/// `'<f4'` as a number type.
fn number_type(descr: &str) -> Option<(Number, Endian)> {
    let quote = descr.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let (code, _) = descr.get(1..)?.split_once(quote)?;
    let endian = if code.starts_with('>') {
        Endian::Big
    } else {
        Endian::Little
    };
    let number = match code.trim_start_matches(['<', '>', '|', '=']) {
        "b1" => Number::Bool,
        "u1" => Number::U8,
        "i1" => Number::I8,
        "u2" => Number::U16,
        "i2" => Number::I16,
        "u4" => Number::U32,
        "i4" => Number::I32,
        "u8" => Number::U64,
        "i8" => Number::I64,
        "f2" => Number::F16,
        "f4" => Number::F32,
        "f8" => Number::F64,
        _ => return None,
    };
    Some((number, endian))
}

/// `(3, 80, 80)` as dimensions.
fn dims(shape: &str) -> Option<Vec<usize>> {
    let (inside, _) = shape.strip_prefix('(')?.split_once(')')?;
    let sizes = inside.split(',').map(str::trim).filter(|s| !s.is_empty());
    // Python 2 wrote long integers as `80L`.
    sizes
        .map(|s| s.trim_end_matches('L').parse().ok())
        .collect()
}

/// The beginning of a literal, for messages.
fn first_words(text: &str) -> String {
    let end = text.find(", 'fortran").unwrap_or(text.len());
    text.chars().take(end.min(40)).collect()
}

/// An NPY file (version 1.0, little-endian float32) of `values` with dimensions `dims`, slowest first.
pub(super) fn encode(dims: &[usize], values: &[f32]) -> Vec<u8> {
    let sizes: Vec<String> = dims.iter().map(usize::to_string).collect();
    let shape = match &sizes[..] {
        [one] => format!("({one},)"),
        sizes => format!("({})", sizes.join(", ")),
    };
    let dictionary = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    // NumPy aligns the data to 64 bytes; the header ends with a line break.
    let before = MAGIC.len() + 4;
    let length = (before + dictionary.len() + 1).next_multiple_of(64) - before;
    let mut bytes = Vec::with_capacity(before + length + 4 * values.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[1, 0]);
    bytes.extend_from_slice(&(length as u16).to_le_bytes());
    bytes.extend_from_slice(format!("{dictionary:<width$}\n", width = length - 1).as_bytes());
    bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_major_arrays_are_reordered() {
        // NumPy: a = arange(6).reshape(2, 3); a.ravel('F') = 0 3 1 4 2 5.
        assert_eq!(
            row_major(&[0., 3., 1., 4., 2., 5.], &[2, 3]),
            [0., 1., 2., 3., 4., 5.]
        );
    }

    #[test]
    fn headers_of_all_writers_are_understood() {
        assert_eq!(dims("(3, 80, 80), }"), Some(vec![3, 80, 80]));
        assert_eq!(dims("(5,)"), Some(vec![5]));
        assert_eq!(dims("()"), Some(vec![]));
        assert_eq!(dims("(2L, 3L)"), Some(vec![2, 3]));
        assert_eq!(dims("(-2, 3)"), None);
        assert_eq!(number_type("'>f8', "), Some((Number::F64, Endian::Big)));
        assert_eq!(number_type("[('x', '<f4')]"), None);
        assert_eq!(number_type("'|O'"), None);
    }

    #[test]
    fn encoded_arrays_are_aligned_and_read_back() {
        for dims in [vec![2, 3], vec![1, 2, 3], vec![6]] {
            let bytes = encode(&dims, &[0., 1., 2., 3., 4., 5.]);
            assert_eq!(bytes.len() % 64, 24, "64 n + 6 x 4 bytes");
            let raw = read(&bytes).expect("readable");
            assert_eq!(raw.dims, dims);
            assert_eq!(raw.values, [0., 1., 2., 3., 4., 5.]);
        }
    }
}
