//! Files damaged at random and cut anywhere: reading gives stamps or an error, never a panic.

mod stamp_files;

use ganoscope_core::seed::Stream;
use ganoscope_core::stamp::io::{self, Format, Selector};
use ganoscope_core::stamp::{Stamp, ValueRange};
use stamp_files::*;

/// A small file of each kind, for damaging.
fn specimens() -> Vec<(String, Vec<u8>)> {
    let mut files = vec![
        ("cube.fits".to_owned(), fits_cube()),
        ("blend.fits".to_owned(), fits_blend()),
        ("cube.fits.gz".to_owned(), gzip(&fits_cube())),
        (
            "a.png".to_owned(),
            png(&picture(), image::ExtendedColorType::Rgb8),
        ),
        (
            "a.npy".to_owned(),
            npy("'|u1'", true, "(3, 16, 24)", &picture()),
        ),
    ];
    let square: Vec<f32> = unit()[..3 * 16 * 16].to_vec();
    let record = ["x", "y", "blended"].map(|name| (name, square.clone()));
    files.push(("a.tfrecords".to_owned(), tfrecords(&[record.to_vec()])));
    let folder = Folder::new();
    let stamp = Stamp::new("BLEND", unit(), [3, HEIGHT, WIDTH], ValueRange::UNIT);
    for format in [Format::Npz, Format::Safetensors, Format::Fits] {
        let path = folder.0.path().join("own");
        let stamps = std::slice::from_ref(&stamp);
        io::write(&path, stamps, format, &[]).expect("written");
        let bytes = std::fs::read(&path).expect("file");
        files.push((format!("own.{}", format.extension()), bytes));
    }
    for name in [
        "rice_i16.fits.fz",
        "rice_dither2.fits.fz",
        "gzip2_i32.fits.fz",
        "cards.fits",
        "lzw.tif",
        "grey_f32.tif",
        "palette.png",
        "cmyk.jpg",
        "progressive.jpg",
    ] {
        files.push((
            name.to_owned(),
            std::fs::read(fixture(name)).expect("fixture"),
        ));
    }
    files
}

/// Opens damaged bytes in every way; any result but a panic is right.
fn open(folder: &Folder, name: &str, bytes: &[u8]) {
    let path = folder.file(name, bytes);
    if let Err(error) = io::read_blends(&path) {
        assert!(error.to_string().ends_with(name), "{error}");
    }
    let _ = io::read_header(&path);
    let _ = io::read(&path, Some(&Selector::Index(1)));
}

#[test]
fn truncation_anywhere_never_panics() {
    let folder = Folder::new();
    for (name, bytes) in specimens() {
        let step = (bytes.len() / 60).max(1);
        let ends = (0..bytes.len().min(40)).chain((40..bytes.len()).step_by(step));
        for end in ends {
            open(&folder, &name, &bytes[..end]);
        }
    }
}

#[test]
fn flipped_bytes_never_panic() {
    let folder = Folder::new();
    let mut random = Stream::new(20);
    for (name, bytes) in specimens() {
        for _ in 0..60 {
            let mut damaged = bytes.clone();
            for _ in 0..=random.below(3) {
                // Headers matter most: half of the damage goes there.
                let within = if random.coin() {
                    bytes.len().min(600)
                } else {
                    bytes.len()
                };
                let at = random.below(within);
                damaged[at] = match random.below(3) {
                    0 => damaged[at] ^ (1 << random.below(8)),
                    1 => b'0' + random.below(10) as u8,
                    _ => random.bits() as u8,
                };
            }
            open(&folder, &name, &damaged);
        }
    }
}
