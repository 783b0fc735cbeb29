//! Bad files of stamps: each gives an error that names the file and what was expected, none a panic or a huge
//! allocation; a failed write leaves the old file as it was.

mod stamp_files;

use std::path::Path;

use ganoscope_core::stamp::io::{self, Format, NamedArray, Selector, StampProblem};
use ganoscope_core::stamp::{Stamp, ValueRange};
use stamp_files::*;

/// Reads a file that must fail; the message must contain `words` and end with the path.
#[track_caller]
fn assert_fails(path: &Path, words: &str) -> StampProblem {
    let error = io::read(path, None).expect_err(words);
    let message = error.to_string();
    assert!(message.contains(words), "{message}");
    assert!(message.ends_with(&*path.display().to_string()), "{message}");
    assert!(!message.contains('\n'), "{message}");
    error.problem
}

/// The file with `old` replaced by `new` of the same length.
fn replaced(bytes: &[u8], old: &str, new: &str) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let at = bytes.windows(old.len()).position(|w| w == old.as_bytes());
    let at = at.expect("text to replace");
    let mut bytes = bytes.to_vec();
    bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
    bytes
}

#[test]
fn files_that_are_no_stamps_say_what_they_are() {
    let folder = Folder::new();
    let missing = folder.0.path().join("missing.fits");
    assert_fails(&missing, "cannot read the file");
    assert_fails(folder.0.path(), "");
    assert_fails(
        &folder.file("empty.fits", b""),
        "the file is empty, expected FITS",
    );
    assert_fails(
        &folder.file("text.fits", b"this is not a FITS file\n"),
        "plain text",
    );
    assert_fails(
        &folder.file("noise.png", &[7; 100]),
        "first bytes are 07 07",
    );
    assert_fails(&folder.file("deep.png", b"\x89HDF\r\n\x1a\n"), "HDF5");
    assert_fails(&folder.file("none.fits.gz", &gzip(b"")), "empty");
    assert_fails(
        &folder.file("text.fits.gz", &gzip(&[b'x'; 10_000])),
        "plain text",
    );
    let error = io::read_header(&folder.file(
        "picture.fits",
        &png(&picture(), image::ExtendedColorType::Rgb8),
    ));
    assert!(error.expect_err("no header").to_string().contains("PNG"));
}

#[test]
fn misnamed_files_open_by_their_content() {
    let folder = Folder::new();
    for (name, bytes) in [
        ("a.png", fits_cube()),
        ("b.npy", fits_blend()),
        ("c", gzip(&fits_cube())),
    ] {
        assert!(io::read(&folder.file(name, &bytes), None).is_ok(), "{name}");
    }
}

/// A PNG picture of 8-bit grey that claims a size and holds nothing.
fn empty_png(width: u32, height: u32) -> Vec<u8> {
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

#[test]
fn pictures_of_too_many_pixels_are_refused_before_decoding() {
    let folder = Folder::new();
    let huge = folder.file("huge.png", &empty_png(32_000, 32_000));
    let problem = assert_fails(&huge, "1024000000 pixels, the limit is");
    assert!(matches!(problem, StampProblem::TooLarge { .. }));
}

#[test]
fn huge_claims_are_refused_before_allocating() {
    let folder = Folder::new();
    let fits = fits_cube();
    let wide = replaced(
        &fits,
        "NAXIS1  =                   24",
        "NAXIS1  =           2000000000",
    );
    let problem = assert_fails(&folder.file("wide.fits", &wide), "pixels, the limit is");
    assert!(matches!(problem, StampProblem::TooLarge { .. }));
    assert_fails(&folder.file("wide.fits.gz", &gzip(&wide)), "the limit is");
    // Below the limit, but far more than the file has.
    let long = replaced(
        &fits,
        "NAXIS1  =                   24",
        "NAXIS1  =               500000",
    );
    assert_fails(
        &folder.file("long.fits", &long),
        "expected 96000000 bytes, found",
    );
    let minus = replaced(
        &fits,
        "NAXIS1  =                   24",
        "NAXIS1  =                  -24",
    );
    assert_fails(&folder.file("minus.fits", &minus), "NAXIS1 is -24");
    let many = replaced(
        &fits,
        "NAXIS   =                    3",
        "NAXIS   =               999999",
    );
    assert_fails(&folder.file("many.fits", &many), "number of axes");
    assert_fails(
        &folder.file("a.npy", &npy("'<f4'", false, "(99999, 99999, 99999)", &[])),
        "pixels",
    );
    assert_fails(
        &folder.file("b.npy", &npy("'<f4'", false, "(3, 80, 80)", &[0; 99])),
        "found 99",
    );
    let claim = r#"{"input":{"dtype":"F32","shape":[1,3,80,80],"data_offsets":[0,76800]}}"#;
    assert_fails(
        &folder.file("a.safetensors", &safetensors(claim, &[0; 99])),
        "found 99",
    );
    let header = (1_u64 << 31).to_le_bytes();
    assert_fails(
        &folder.file("b.safetensors", &[&header[..], b"{}"].concat()),
        "header of the safetensors",
    );
    let mut picture = png(&[0; HEIGHT * WIDTH], image::ExtendedColorType::L8);
    picture[16..20].copy_from_slice(&0x7FFF_FFFF_u32.to_be_bytes());
    assert_fails(&folder.file("wide.png", &picture), "PNG picture");
    // A compressed image that claims 2^28 pixels in a few bytes.
    let packed = std::fs::read(fixture("rice_i16.fits.fz")).expect("fixture");
    let packed = replaced(
        &packed,
        "ZNAXIS1 =                   24",
        "ZNAXIS1 =             10000000",
    );
    assert_fails(&folder.file("packed.fits", &packed), "cut short");
}

#[test]
fn truncated_files_say_how_much_is_missing() {
    let folder = Folder::new();
    let fits = fits_cube();
    let cut = folder.file("cut.fits", &fits[..4000]);
    assert_fails(
        &cut,
        "image data of the primary HDU is cut short, expected 4608 bytes, found 1120",
    );
    assert_fails(
        &folder.file("head.fits", &fits[..400]),
        "before the END card",
    );
    let blend = fits_blend();
    assert_fails(
        &folder.file("blend.fits", &blend[..blend.len() - 8000]),
        "extension GALAXY2",
    );
    let packed = gzip(&fits);
    assert_fails(
        &folder.file("cut.fits.gz", &packed[..packed.len() / 2]),
        "gzip",
    );
    let record = tfrecords(&[vec![("x", unit())]]);
    assert_fails(
        &folder.file("cut.tfrecords", &record[..500]),
        "TFRecord 0 is cut short",
    );
    let folder = &folder;
    let cut_pictures = |name: &str, bytes: &[u8], words: &str| {
        for percent in [15, 40, 70, 95] {
            let cut = &bytes[..bytes.len() * percent / 100];
            assert_fails(&folder.file(name, cut), words);
        }
    };
    let picture = png(&channel_last(&picture(), 3), image::ExtendedColorType::Rgb8);
    cut_pictures("cut.png", &picture, "PNG picture");
    for name in ["baseline.jpg", "progressive.jpg", "cmyk.jpg"] {
        let jpeg = std::fs::read(fixture(name)).expect("fixture");
        cut_pictures(name, &jpeg, "JPEG picture");
    }
    let tiff = std::fs::read(fixture("lzw.tif")).expect("fixture");
    cut_pictures("cut.tif", &tiff, "TIFF picture");
}

#[test]
fn wrong_byte_order_and_wrong_sums_are_noticed() {
    let folder = Folder::new();
    let little: Vec<u8> = unit().iter().flat_map(|v| v.to_le_bytes()).collect();
    let reversed = fits_hdu(None, -32, &[3, HEIGHT, WIDTH], &[], &little);
    assert_fails(
        &folder.file("little.fits", &reversed),
        "wrong byte order, expected big-endian",
    );
    let reversed = npy("'<f4'", false, "(3, 16, 24)", &big_endian(&unit()));
    assert_fails(&folder.file("big.npy", &reversed), "expected little-endian");
    let square: Vec<f32> = unit()[..3 * 16 * 16].to_vec();
    let mut record = tfrecords(&[vec![("x", square)]]);
    record[100] ^= 1;
    assert_fails(
        &folder.file("flipped.tfrecords", &record),
        "checksum of its content",
    );
}

#[test]
fn pictures_without_pixels_or_values_are_refused() {
    let folder = Folder::new();
    let nothing = fits_hdu(None, -32, &[0, 24], &[], &[]);
    assert_fails(&folder.file("zero.fits", &nothing), "has no pixels");
    assert_fails(
        &folder.file("zero.npy", &npy("'<f4'", false, "(3, 0, 80)", &[])),
        "has no",
    );
    let nan = vec![f32::NAN; HEIGHT * WIDTH];
    let all_nan = fits_hdu(None, -32, &[HEIGHT, WIDTH], &[], &big_endian(&nan));
    let problem = assert_fails(
        &folder.file("nan.fits", &all_nan),
        "no finite pixel, all 384",
    );
    assert!(matches!(
        problem,
        StampProblem::NotFinite { count: 384, .. }
    ));
    // Beside a good image it is left out.
    let mut mixed = fits_cube();
    mixed.extend(fits_hdu(
        Some("ERR"),
        -32,
        &[HEIGHT, WIDTH],
        &[],
        &big_endian(&nan),
    ));
    let stamps = io::read(&folder.file("mixed.fits", &mixed), None).expect("one image");
    assert_eq!(stamps.len(), 1);
    assert_fails(
        &folder.file("primary.fits", &fits_primary()),
        "no image in the file",
    );
}

#[test]
fn wrong_shapes_say_what_was_expected() {
    let folder = Folder::new();
    let line = fits_hdu(None, -32, &[100], &[], &[0; 400]);
    assert_fails(&folder.file("line.fits", &line), "2 to 4 axes");
    let five = npy("'<f4'", false, "(2, 2, 2, 2, 2)", &[0; 128]);
    assert_fails(&folder.file("five.npy", &five), "2 x 2 x 2 x 2 x 2");
    let text = npy("'<U5'", false, "(3, 4)", &[0; 240]);
    assert_fails(&folder.file("text.npy", &text), "integers or floats");
    let weights = r#"{"conv.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"conv.bias":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#;
    let weights = safetensors(weights, &[0; 8]);
    assert_fails(
        &folder.file("weights.safetensors", &weights),
        "no tensor `input` in the file, which has `conv.bias`, `conv.weight`",
    );
    let record = tfrecords(&[vec![("x", vec![0.5; 19_201])]]);
    assert_fails(
        &folder.file("odd.tfrecords", &record),
        "19201 numbers are no square picture",
    );
    let mut blend = fits_blend();
    blend.extend(fits_hdu(
        Some("GALAXY3"),
        -32,
        &[2, 2],
        &[],
        &big_endian(&[0.5; 4]),
    ));
    let error = io::read_blend(&folder.file("blend.fits", &blend)).expect_err("another size");
    assert!(error.to_string().contains("`GALAXY3`"), "{error}");
    let error = io::read_one(
        &folder.file("a.fits", &fits_blend()),
        Some(&Selector::name("SCI")),
    );
    let error = error.expect_err("no such extension").to_string();
    assert!(
        error.contains("[SCI]") && error.contains("extension GALAXY1"),
        "{error}"
    );
    let bitpix = replaced(
        &fits_cube(),
        "BITPIX  =                  -32",
        "BITPIX  =                   12",
    );
    assert_fails(&folder.file("bitpix.fits", &bitpix), "BITPIX is 12");
}

#[test]
fn what_a_format_cannot_hold_is_refused_before_writing() {
    let folder = Folder::new();
    let path = folder.0.path().join("x");
    let stamp = |name: &str, dims: [usize; 3]| {
        Stamp::new(
            name,
            vec![0.5; dims.iter().product()],
            dims,
            ValueRange::UNIT,
        )
    };
    let (a, b) = (stamp("a", [3, 4, 4]), stamp("b", [3, 4, 5]));
    for (stamps, format, words) in [
        (vec![], Format::Fits, "at least one array"),
        (
            vec![a.clone(), b.clone()],
            Format::Npy,
            "NPZ takes different sizes",
        ),
        (vec![a.clone(), b], Format::Png, "one stamp"),
        (vec![stamp("c", [5, 2, 2])], Format::Png, "1 or 3 channels"),
        (vec![a.clone(), a.clone()], Format::Npz, "distinct names"),
        (vec![a], Format::Jpeg, "FITS, NPY, NPZ or safetensors"),
    ] {
        let error = io::write(&path, &stamps, format, &[])
            .expect_err(words)
            .to_string();
        assert!(error.contains(words) && error.ends_with("/x"), "{error}");
        assert!(!path.exists());
    }
    let lie = NamedArray::new("lie", [2, 2], vec![0.0; 5]);
    let error = io::write_arrays(&path, &[lie], Format::Fits, &[]).expect_err("5 values");
    assert!(
        error.to_string().contains("5 values of size 2 x 2"),
        "{error}"
    );
}

#[test]
fn failed_writes_leave_the_old_file() {
    let folder = Folder::new();
    let stamp = [Stamp::new("a", vec![0.5; 16], [1, 4, 4], ValueRange::UNIT)];
    let path = folder.file("kept.fits", b"old");
    let mut permissions = std::fs::metadata(&path).expect("metadata").permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&path, permissions).expect("mark read-only");
    let error = io::write(&path, &stamp, Format::Fits, &[]).expect_err("read-only");
    assert!(error.to_string().ends_with("kept.fits"), "{error}");
    assert_eq!(std::fs::read(&path).expect("file"), b"old");
    let nowhere = folder.0.path().join("no/such/folder/a.npy");
    let error = io::write(&nowhere, &stamp, Format::Npy, &[]).expect_err("no folder");
    assert!(
        error
            .to_string()
            .contains("cannot create a file in this folder"),
        "{error}"
    );
    #[cfg(target_os = "linux")]
    {
        let full = Path::new("/dev/full");
        let error = io::write(full, &stamp, Format::Safetensors, &[]).expect_err("full");
        assert!(error.to_string().contains("No space left"), "{error}");
    }
}
