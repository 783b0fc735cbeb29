//! What is written reads back: pixels bit for bit, ranges, bands, names and coordinates.

mod stamp_files;

use std::path::Path;

use ganoscope_core::stamp::io::{self, Format, NamedArray, Selector};
use ganoscope_core::stamp::{Card, CardKind, RangeSource, Stamp, ValueRange};
use stamp_files::*;

const RGB_DIMS: [usize; 3] = [3, HEIGHT, WIDTH];

#[track_caller]
fn read_one(path: &Path) -> Stamp {
    io::read_one(path, None).expect("readable")
}

#[test]
fn what_is_written_is_read_back() {
    let folder = Folder::new();
    let signed = ValueRange::SIGNED;
    let (x, y) = galaxies();
    let mut first = Stamp::new("BLEND", x, RGB_DIMS, signed);
    first.bands = ["g", "r", "z"].map(str::to_owned).to_vec();
    first.cards = vec![
        Card::text("CTYPE1", "RA---TAN"),
        Card::value("CRVAL1", 150.25),
        Card::value("NAXIS1", 99),
    ];
    let second = Stamp::new(
        "GALAXY1",
        y,
        RGB_DIMS,
        ValueRange {
            low: -1.5,
            high: 2.0,
        },
    );
    let stamps = [first, second];
    let provenance = [
        Card::text("CHECKPT", "step-0002000"),
        Card::commentary("HISTORY", "a test"),
    ];
    for format in [Format::Fits, Format::Npz, Format::Safetensors] {
        let path = folder
            .0
            .path()
            .join(format!("stamps.{}", format.extension()));
        io::write(&path, &stamps, format, &provenance).expect("written");
        let read = io::read(&path, None).expect("read back");
        assert_eq!(read.len(), 2, "{format:?}");
        for (found, expected) in read.iter().zip(&stamps) {
            assert_eq!(
                (&found.name, &found.pixels),
                (&expected.name, &expected.pixels)
            );
            assert_eq!(found.dims(), RGB_DIMS);
            if format != Format::Npz {
                assert_eq!(
                    (found.range, found.range_source),
                    (expected.range, RangeSource::File)
                );
            }
        }
        if format == Format::Fits {
            assert_eq!(read[0].bands, ["g", "r", "z"]);
            assert_eq!(read[0].card("CTYPE1"), Some("RA---TAN"));
            assert_eq!(read[0].card("CRVAL1"), Some("150.25"));
            assert_eq!(read[0].card("NAXIS1"), Some("24"));
            assert_eq!(read[0].card("CHECKPT"), Some("step-0002000"));
            assert_eq!(read[1].card("CTYPE1"), None);
        }
    }
    let path = folder.0.path().join("stack.npy");
    io::write(&path, &stamps, Format::Npy, &[]).expect("written");
    let read = io::read(&path, None).expect("read back");
    assert_eq!(read[1].pixels, stamps[1].pixels);
}

#[test]
fn a_fits_file_written_again_keeps_rows_and_coordinates() {
    let folder = Folder::new();
    let wcs = [
        "CRPIX2  = 3.0",
        "CRVAL2  = -30.5 / degrees",
        "CTYPE2  = 'DEC--TAN'",
        "HISTORY first",
    ];
    for order in [None, Some("ROWORDER= 'TOP-DOWN'")] {
        let cards: Vec<&str> = wcs.into_iter().chain(order).collect();
        let source = fits_hdu(
            None,
            -32,
            &[HEIGHT, WIDTH],
            &cards,
            &big_endian(&unit()[..HEIGHT * WIDTH]),
        );
        let source = folder.file("source.fits", &source);
        let stamp = read_one(&source);
        let copy = folder.0.path().join("copy.fits");
        io::write(&copy, std::slice::from_ref(&stamp), Format::Fits, &[]).expect("written");
        let again = read_one(&copy);
        assert_eq!((&again.pixels, again.rows), (&stamp.pixels, stamp.rows));
        assert_eq!(again.card("CRVAL2"), Some("-30.5"));
        let history = again
            .cards
            .iter()
            .find(|c| c.keyword == "HISTORY")
            .expect("kept");
        assert_eq!(
            (history.value.as_str(), history.kind),
            ("first", CardKind::Commentary)
        );
        // The data itself lies in the file as it did in the source.
        let data = |path: &Path, hdus: usize| {
            let bytes = std::fs::read(path).expect("file");
            bytes[2880 * hdus..][..4 * HEIGHT * WIDTH].to_vec()
        };
        assert_eq!(data(&source, 1), data(&copy, 2));
    }
}

#[test]
fn arrays_of_any_dimensions_are_written_under_their_names() {
    let folder = Folder::new();
    let values: Vec<f32> = (0..2 * 3 * 4 * 5).map(|i| i as f32).collect();
    let arrays = [
        NamedArray::new("output", [1, 2, 3, 4, 5], values.clone()),
        NamedArray::new("activation.conv1", [2, 3, 4, 5], values.clone()),
        NamedArray::new("score", [1, 1], vec![0.25]),
    ];
    let path = folder.0.path().join("out.safetensors");
    io::write_arrays(&path, &arrays, Format::Safetensors, &[]).expect("written");
    let bytes = std::fs::read(&path).expect("file");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("valid");
    assert_eq!(
        tensors.tensor("output").expect("there").shape(),
        [1, 2, 3, 4, 5]
    );
    assert_eq!(
        tensors.tensor("score").expect("there").data(),
        0.25_f32.to_le_bytes()
    );
    for format in [Format::Fits, Format::Npz] {
        let path = folder.0.path().join(format!("out.{}", format.extension()));
        io::write_arrays(&path, &arrays, format, &[]).expect("written");
        let name = Selector::name("activation.conv1");
        let read = io::read(&path, Some(&name)).expect("read back");
        assert_eq!(read.len(), 2);
        let pixels: Vec<f32> = read.iter().flat_map(|s| s.pixels.to_vec()).collect();
        assert_eq!(pixels, values, "{format:?}");
    }
}

#[test]
fn a_display_picture_has_the_explicit_limits() {
    let folder = Folder::new();
    let pixels = vec![-3.0, 0.0, 1.0, 2.0, 4.0, f32::NAN];
    let stamp = Stamp::new(
        "x",
        pixels,
        [1, 2, 3],
        ValueRange {
            low: 0.0,
            high: 2.0,
        },
    );
    let path = folder.0.path().join("x.png");
    io::write(&path, &[stamp], Format::Png, &[]).expect("written");
    let levels: Vec<f32> = read_one(&path).pixels.iter().map(|v| v * 255.0).collect();
    assert_close(
        &levels,
        &[0.0, 0.0, 128.0, 255.0, 255.0, 0.0],
        1e-3,
        "levels",
    );
}
