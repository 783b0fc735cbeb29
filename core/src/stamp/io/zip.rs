//! The part of ZIP that NPZ archives use: a list of files, stored or deflated.
//!
//! Invariant: an entry is unpacked to at most its stated size, which is limited, and its checksum is verified. Source:
//! PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3 (ZIP64).

use std::io::{self, Read as _, Write};

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::MAX_BYTES;
use super::error::StampProblem;

/// First bytes of an archive with at least one file.
pub(super) const MAGIC: &[u8] = b"PK\x03\x04";

/// A file in an archive.
pub(super) struct Entry<'a> {
    pub(super) name: String,
    method: u16,
    crc: u32,
    size: u64,
    packed: &'a [u8],
}

/// The files that the central directory at the end of the archive lists.
pub(super) fn entries(bytes: &[u8]) -> Result<Vec<Entry<'_>>, StampProblem> {
    let end = find_end(bytes).ok_or_else(|| {
        StampProblem::damaged(
            "NPZ archive",
            "it ends before its list of files (cut short)",
        )
    })?;
    try_entries(bytes, end)
        .ok_or_else(|| StampProblem::damaged("NPZ archive", "its list of files is damaged"))
}

/// Position of the end-of-central-directory record: 22 bytes, followed by a comment of up to 65,535.
fn find_end(bytes: &[u8]) -> Option<usize> {
    const RECORD: usize = 22;
    let from = bytes.len().saturating_sub(RECORD + 65_535);
    let mut records = bytes.get(from..)?.windows(RECORD);
    let at = records.rposition(|record| record.starts_with(b"PK\x05\x06"))?;
    Some(from + at)
}

fn try_entries(bytes: &[u8], end: usize) -> Option<Vec<Entry<'_>>> {
    let mut count = u64::from(u16_at(bytes, end + 10)?);
    let mut start = u64::from(u32_at(bytes, end + 16)?);
    if (count == 0xFFFF || start == 0xFFFF_FFFF)
        && let Some(locator) = end.checked_sub(20)
        && bytes.get(locator..)?.starts_with(b"PK\x06\x07")
    {
        let record = usize::try_from(u64_at(bytes, locator + 8)?).ok()?;
        count = u64_at(bytes, record.checked_add(32)?)?;
        start = u64_at(bytes, record.checked_add(48)?)?;
    }
    let mut at = usize::try_from(start).ok()?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let (entry, length) = entry_at(bytes, at)?;
        entries.push(entry);
        at = at.checked_add(length)?;
    }
    Some(entries)
}

/// The entry whose central directory record starts at `at`, and the length of that record.
fn entry_at(bytes: &[u8], at: usize) -> Option<(Entry<'_>, usize)> {
    let record = bytes.get(at..)?;
    if !record.starts_with(b"PK\x01\x02") {
        return None;
    }
    let lengths = [28, 30, 32].map(|field| u16_at(record, field).map(usize::from));
    let [name_bytes, extra_bytes, comment_bytes] = lengths;
    let (name_bytes, extra_bytes) = (name_bytes?, extra_bytes?);
    let mut extra = record.get(46 + name_bytes..46 + name_bytes + extra_bytes)?;
    let mut sizes = [24, 20, 42].map(|field| u32_at(record, field).map(u64::from));
    // ZIP64: sizes that do not fit follow in an extra field, in the order size, packed size, position.
    while let (Some(id), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let (mut field, rest) = extra.get(4..)?.split_at_checked(usize::from(length))?;
        for size in &mut sizes {
            if id == 1 && *size == Some(0xFFFF_FFFF) {
                *size = u64_at(field, 0);
                field = field.get(8..)?;
            }
        }
        extra = rest;
    }
    let [size, packed_bytes, local] = sizes;
    let local = bytes.get(usize::try_from(local?).ok()?..)?;
    if !local.starts_with(b"PK\x03\x04") {
        return None;
    }
    // The local header repeats name and extra field with lengths of its own.
    let data_at = 30 + usize::from(u16_at(local, 26)?) + usize::from(u16_at(local, 28)?);
    let packed = local
        .get(data_at..)?
        .get(..usize::try_from(packed_bytes?).ok()?)?;
    let name = String::from_utf8_lossy(record.get(46..46 + name_bytes)?).into_owned();
    let entry = Entry {
        name,
        method: u16_at(record, 10)?,
        crc: u32_at(record, 16)?,
        size: size?,
        packed,
    };
    Some((entry, 46 + name_bytes + extra_bytes + comment_bytes?))
}

impl Entry<'_> {
    /// The unpacked bytes.
    pub(super) fn unpack(&self) -> Result<Vec<u8>, StampProblem> {
        let part = format!("NPZ entry `{}`", self.name);
        if self.size > MAX_BYTES {
            return Err(StampProblem::TooLarge {
                part,
                claimed: self.size.into(),
                limit: MAX_BYTES.into(),
                unit: "bytes",
            });
        }
        let mut bytes = Vec::new();
        match self.method {
            0 => bytes.extend_from_slice(self.packed),
            8 => {
                let mut stream = DeflateDecoder::new(self.packed).take(self.size);
                stream
                    .read_to_end(&mut bytes)
                    .map_err(|error| StampProblem::damaged(&part, error.to_string()))?;
            }
            other => {
                return Err(StampProblem::unsupported(
                    part,
                    format!("it is compressed by method {other}"),
                    "stored or deflated",
                ));
            }
        }
        if bytes.len() as u64 != self.size {
            return Err(StampProblem::truncated(part, self.size.into(), bytes.len()));
        }
        if crc32(&bytes) != self.crc {
            return Err(StampProblem::damaged(part, "its checksum is wrong"));
        }
        Ok(bytes)
    }
}

/// Writes an archive of stored files, each below 4 GiB.
pub(super) fn write(out: &mut impl Write, files: &[(String, Vec<u8>)]) -> io::Result<()> {
    /// Version 2.0 to extract, no flags, stored, midnight of 1 January 1980: equal content gives equal files.
    const COMMON: [u8; 10] = [20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
    let too_large = |_| io::Error::new(io::ErrorKind::FileTooLarge, "the archive exceeds 4 GiB");
    let mut directory = Vec::new();
    let mut at: u32 = 0;
    for (name, bytes) in files {
        let size = u32::try_from(bytes.len()).map_err(too_large)?;
        let name_bytes = name.len() as u16;
        let mut fields = COMMON.to_vec();
        fields.extend(crc32(bytes).to_le_bytes());
        fields.extend(size.to_le_bytes());
        fields.extend(size.to_le_bytes());
        fields.extend(name_bytes.to_le_bytes());
        fields.extend([0; 2]);
        out.write_all(MAGIC)?;
        out.write_all(&fields)?;
        out.write_all(name.as_bytes())?;
        out.write_all(bytes)?;
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&fields);
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
        let written = 30 + name.len() as u64 + u64::from(size);
        at = u32::try_from(u64::from(at) + written).map_err(too_large)?;
    }
    let count = (files.len() as u16).to_le_bytes();
    out.write_all(&directory)?;
    out.write_all(b"PK\x05\x06\0\0\0\0")?;
    out.write_all(&count)?;
    out.write_all(&count)?;
    out.write_all(&(directory.len() as u32).to_le_bytes())?;
    out.write_all(&at.to_le_bytes())?;
    out.write_all(&[0; 2])
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_read_back_and_damage_is_found() {
        let files = vec![
            ("a.npy".to_owned(), vec![1, 2, 3]),
            ("b/c.npy".to_owned(), vec![9; 1000]),
        ];
        let mut bytes = Vec::new();
        write(&mut bytes, &files).expect("in memory");
        let read: Vec<_> = entries(&bytes)
            .expect("archive")
            .iter()
            .map(|e| (e.name.clone(), e.unpack().expect("entry")))
            .collect();
        assert_eq!(read, files);
        let nine = bytes.iter().position(|b| *b == 9).expect("content");
        bytes[nine] = 8;
        assert!(entries(&bytes).expect("archive")[1].unpack().is_err());
        for end in 0..bytes.len() {
            assert!(entries(&bytes[..end]).is_err(), "{end}");
        }
    }
}
