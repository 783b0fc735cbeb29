//! Pictures that claim more than their bytes can hold: an error, and no memory for the claim.
//!
//! One test, because the count of memory is that of the whole process.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod hostile;

use ganoscope_core::stamp::io;
use hostile::{Counting, peak_of};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What reading any small file may take, bytes.
const BESIDE: usize = 1 << 20;

/// A PNG picture of 8-bit grey that claims a size and holds nothing.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, 0, 0, 0, 0]);
    for (kind, data) in [
        (b"IHDR", header),
        (b"IDAT", Vec::new()),
        (b"IEND", Vec::new()),
    ] {
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(&data);
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(kind);
        bytes.extend(&data);
        bytes.extend(crc.sum().to_be_bytes());
    }
    bytes
}

/// A TIFF picture of 8-bit grey, not compressed, whose one strip is the file's first four bytes.
fn tiff(width: u32, height: u32) -> Vec<u8> {
    let fields = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 0),
        (277, 1),
        (278, height),
        (279, 4),
    ];
    let mut bytes = b"II\x2a\0\x08\0\0\0".to_vec();
    bytes.extend((fields.len() as u16).to_le_bytes());
    for (tag, value) in fields {
        bytes.extend([(tag as u16).to_le_bytes(), 4_u16.to_le_bytes()].concat());
        bytes.extend([1_u32.to_le_bytes(), value.to_le_bytes()].concat());
    }
    bytes.extend([0; 4]);
    bytes
}

#[test]
fn a_claim_takes_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("a.png", png(16_000, 16_000)),
        ("a.tif", tiff(16_000, 16_000)),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let (read, peak) = peak_of(|| io::read(&path, None));
        let error = read.unwrap_err().to_string();
        assert!(error.contains("it claims 256000000 samples"), "{error}");
        assert!(error.ends_with(name), "{error}");
        assert!(peak < BESIDE, "{name}: {peak} bytes");
    }
    // A small picture is read.
    let path = folder.path().join("small.tif");
    std::fs::write(&path, tiff(2, 2)).unwrap();
    assert_eq!(io::read(&path, None).unwrap()[0].dims(), [1, 2, 2]);
}
