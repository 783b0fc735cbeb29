//! `TFRecord` files of blends: features `x`, `y` and `blended`, as the published deblender writes them.
//!
//! Invariant: both checksums of a record are verified; features are found by name, since their order in the protobuf
//! map varies from file to file. Source: TensorFlow's record framing (length, masked CRC-32C, payload, masked CRC-32C)
//! and `tf.train.Example`; Reiman and Göhre 2019 (arXiv:1810.10098) for the features.

use super::error::StampProblem;
use super::raw::Raw;
use super::{MAX_PIXELS, Selector, list};
use crate::stamp::ValueRange;

/// Bytes before the payload: length and its checksum.
const HEAD: usize = 12;

/// Whether the bytes start with a record: the checksum of its length is right.
pub(super) fn is_tfrecord(bytes: &[u8]) -> bool {
    record_length(bytes).is_some()
}

/// The payload length, if its checksum is right.
fn record_length(bytes: &[u8]) -> Option<u64> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let sum = u32::from_le_bytes(*rest.first_chunk()?);
    (masked_crc32c(length) == sum).then(|| u64::from_le_bytes(*length))
}

/// The float features of every record, sorted by name, channel last. Index `r` in a key `x[r]` counts records where
/// there are several.
pub(super) fn read(bytes: &[u8], selector: Option<&Selector>) -> Result<Vec<Raw>, StampProblem> {
    let records = records(bytes)?;
    let mut raws = Vec::new();
    let mut names = Vec::new();
    for (index, payload) in records.iter().enumerate() {
        let mut found = read_example(payload, index)?;
        if records.len() > 1 {
            for raw in &mut found {
                raw.key = raw.key.take().map(|key| format!("{key}[{index}]"));
            }
        }
        names.extend(found.iter().map(Raw::part));
        found.retain(|raw| selector.is_none_or(|s| s.matches(index, raw.key.as_deref(), 1)));
        raws.append(&mut found);
    }
    if raws.is_empty() {
        let wanted = selector.map_or("picture".to_owned(), |s| format!("feature {s}"));
        let available = list(&names);
        return Err(StampProblem::NotFound { wanted, available });
    }
    Ok(raws)
}

/// Splits the file into payloads.
fn records(bytes: &[u8]) -> Result<Vec<&[u8]>, StampProblem> {
    let mut payloads = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let part = format!("TFRecord {}", payloads.len());
        if rest.len() < HEAD {
            return Err(StampProblem::truncated(part, HEAD as u128, rest.len()));
        }
        let length = record_length(rest)
            .ok_or_else(|| StampProblem::damaged(&part, "the checksum of its length is wrong"))?;
        let whole = u128::from(length) + HEAD as u128 + 4;
        if whole > rest.len() as u128 {
            return Err(StampProblem::truncated(part, whole, rest.len()));
        }
        let (record, after) = rest.split_at(whole as usize);
        let (payload, sum) = record.split_at(HEAD + length as usize);
        let payload = payload.get(HEAD..).unwrap_or_default();
        if sum != masked_crc32c(payload).to_le_bytes() {
            return Err(StampProblem::damaged(
                part,
                "the checksum of its content is wrong",
            ));
        }
        payloads.push(payload);
        rest = after;
    }
    Ok(payloads)
}

/// The pictures of one `tf.train.Example`.
fn read_example(payload: &[u8], index: usize) -> Result<Vec<Raw>, StampProblem> {
    let damaged = || {
        StampProblem::damaged(
            format!("TFRecord {index}"),
            "it is no tf.train.Example with named features",
        )
    };
    let features = features(payload).ok_or_else(damaged)?;
    let size = |name: &str| {
        let (_, feature) = features.iter().find(|(key, _)| key == name)?;
        match feature {
            Feature::Integer(value) => usize::try_from(*value).ok().filter(|n| *n > 0),
            Feature::Floats(_) => None,
        }
    };
    let stated = || {
        Some([
            size("height")?,
            size("width")?,
            size("depth").or(size("channels"))?,
        ])
    };
    let mut raws = Vec::new();
    for (name, feature) in &features {
        let Feature::Floats(values) = feature else {
            continue;
        };
        let count = values.len();
        let dims = stated()
            .filter(|[h, w, c]| super::fits_header::product(&[*h, *w, *c]) == count as u128)
            .or_else(|| square(count));
        let Some(dims) = dims.filter(|_| count <= MAX_PIXELS) else {
            return Err(StampProblem::unsupported(
                format!("feature `{name}` of TFRecord {index}"),
                format!("its {count} numbers are no square picture"),
                "height x height x 3 numbers, or features `height`, `width`, `depth`",
            ));
        };
        raws.push(Raw::new(
            Some(name.clone()),
            index,
            dims.to_vec(),
            values.clone(),
        ));
    }
    raws.sort_by(|a, b| a.key.cmp(&b.key));
    set_published_ranges(&mut raws);
    Ok(raws)
}

/// The side of a square picture of three channels, or of one.
fn square(count: usize) -> Option<[usize; 3]> {
    [3, 1].into_iter().find_map(|channels| {
        let side = (count / channels).isqrt();
        (side > 0 && side * side * channels == count).then_some([side, side, channels])
    })
}

/// The published records store `x` and `y` in `[-1, 1]` but `blended` in `[0, 1]`. The relation `blended = max((x + 1) / 2,
/// (y + 1) / 2)` proves that a record is one of them; others are left to the guess from their pixels.
fn set_published_ranges(raws: &mut [Raw]) {
    /// Rounding in float32; the genuine records agree to 6e-8.
    const TOLERANCE: f32 = 1e-5;
    let [blended, x, y] = raws else { return };
    let keys = [&blended.key, &x.key, &y.key].map(Option::as_deref);
    if keys != [Some("blended"), Some("x"), Some("y")] {
        return;
    }
    let is_published = blended.values.len() == x.values.len()
        && x.values.len() == y.values.len()
        && blended
            .values
            .iter()
            .zip(x.values.iter().zip(&y.values))
            .all(|(b, (x, y))| (b - f32::midpoint(x.max(*y), 1.0)).abs() < TOLERANCE);
    if is_published {
        blended.range = Some(ValueRange::UNIT);
        x.range = Some(ValueRange::SIGNED);
        y.range = Some(ValueRange::SIGNED);
    }
}

enum Feature {
    Floats(Vec<f32>),
    /// The first number of an integer list.
    Integer(i64),
}

/// Example { 1: Features { 1: repeated entry { 1: name, 2: Feature } } }. Byte lists are left out.
fn features(payload: &[u8]) -> Option<Vec<(String, Feature)>> {
    let mut found = Vec::new();
    for features in fields(payload)?.into_iter().filter_map(|f| f.bytes(1)) {
        for entry in fields(features)?.into_iter().filter_map(|f| f.bytes(1)) {
            let entry = fields(entry)?;
            let name = entry.iter().find_map(|f| f.bytes(1))?;
            let feature = fields(entry.iter().find_map(|f| f.bytes(2))?)?;
            let name = String::from_utf8_lossy(name).into_owned();
            if let Some(list) = feature.iter().find_map(|f| f.bytes(2)) {
                found.push((name, Feature::Floats(floats(list)?)));
            } else if let Some(list) = feature.iter().find_map(|f| f.bytes(3))
                && let Some(value) = first_integer(list)
            {
                found.push((name, Feature::Integer(value)));
            }
        }
    }
    Some(found)
}

/// `FloatList` { 1: packed or single little-endian floats }.
fn floats(list: &[u8]) -> Option<Vec<f32>> {
    let mut values = Vec::new();
    for field in fields(list)? {
        if let (1, Wire::Bytes(bytes) | Wire::Word(bytes)) = (field.number, field.wire) {
            let (words, rest) = bytes.as_chunks::<4>();
            if !rest.is_empty() {
                return None;
            }
            values.extend(words.iter().map(|word| f32::from_le_bytes(*word)));
        }
    }
    Some(values)
}

/// The first number of `Int64List` { 1: packed or single varints }.
fn first_integer(list: &[u8]) -> Option<i64> {
    match fields(list)?.first()?.wire {
        Wire::Varint(value) => Some(value as i64),
        Wire::Bytes(bytes) => varint(bytes).map(|(value, _)| value as i64),
        Wire::Word(_) => None,
    }
}

/// One field of a protobuf message.
struct Field<'a> {
    number: u64,
    wire: Wire<'a>,
}

#[derive(Clone, Copy)]
enum Wire<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// Fixed 4 or 8 bytes.
    Word(&'a [u8]),
}

impl<'a> Field<'a> {
    /// The content of field `number` if it is a message or string.
    fn bytes(&self, number: u64) -> Option<&'a [u8]> {
        match self.wire {
            Wire::Bytes(bytes) if self.number == number => Some(bytes),
            _ => None,
        }
    }
}

/// The fields of a protobuf message, or `None` if the bytes are none.
fn fields(mut bytes: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let (key, rest) = varint(bytes)?;
        let (wire, rest) = match key & 7 {
            0 => {
                let (value, rest) = varint(rest)?;
                (Wire::Varint(value), rest)
            }
            1 => {
                let (word, rest) = rest.split_at_checked(8)?;
                (Wire::Word(word), rest)
            }
            2 => {
                let (length, rest) = varint(rest)?;
                let (content, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                (Wire::Bytes(content), rest)
            }
            5 => {
                let (word, rest) = rest.split_at_checked(4)?;
                (Wire::Word(word), rest)
            }
            _ => return None,
        };
        fields.push(Field {
            number: key >> 3,
            wire,
        });
        bytes = rest;
    }
    Some(fields)
}

/// A base-128 number of at most 10 bytes.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (i, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7F) << (7 * i as u32);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(i + 1..)?));
        }
    }
    None
}

/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), rotated and offset as TensorFlow stores it.
fn masked_crc32c(bytes: &[u8]) -> u32 {
    let crc = !bytes.iter().fold(!0, |crc, byte| {
        TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8)
    });
    crc.rotate_right(15).wrapping_add(0xA282_EAD8)
}

/// The remainders of all bytes.
static TABLE: [u32; 256] = {
    let mut table = [0_u32; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0x82F6_3B78
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_castagnolis() {
        // RFC 3720, appendix B.4: 32 bytes of zeros give 8A9136AA.
        let unmasked = masked_crc32c(&[0; 32])
            .wrapping_sub(0xA282_EAD8)
            .rotate_left(15);
        assert_eq!(unmasked, 0x8A91_36AA);
    }

    #[test]
    fn squares_of_three_or_one_channels_are_recognised() {
        assert_eq!(square(19_200), Some([80, 80, 3]));
        assert_eq!(square(6_400), Some([80, 80, 1]));
        assert_eq!(square(19_201), None);
        assert_eq!(square(0), None);
    }
}
