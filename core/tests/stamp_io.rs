//! Every format gives the pixels, the value range and the orientation that its file means.

mod stamp_files;

use std::path::Path;

use ganoscope_core::stamp::io::{self, Selector};
use ganoscope_core::stamp::{RangeSource, RowOrder, Stamp, ValueRange};
use stamp_files::*;

const RGB_DIMS: [usize; 3] = [3, HEIGHT, WIDTH];

#[track_caller]
fn read_one(path: &Path) -> Stamp {
    io::read_one(path, None).expect("readable")
}

/// Reads a picture and compares it, in `[0, 1]`, with the fixture picture.
#[track_caller]
fn assert_is_picture(path: &Path, tolerance: f32) -> Stamp {
    let stamp = read_one(path);
    let name = path.display().to_string();
    assert_eq!(stamp.dims(), RGB_DIMS, "{name}");
    let pixels = stamp.to_range(ValueRange::UNIT).pixels;
    assert_close(&pixels, &unit(), tolerance, &name);
    stamp
}

/// Name, BITPIX, scaling cards, data, tolerance.
type Case<'a> = (&'a str, i32, &'a [&'a str], Vec<u8>, f32);

#[test]
fn fits_of_every_number_type_gives_the_picture() {
    let folder = Folder::new();
    let levels = upside_down(&picture());
    let encode = |f: &dyn Fn(u8) -> Vec<u8>| levels.iter().flat_map(|v| f(*v)).collect::<Vec<u8>>();
    let unit = |v: u8| f32::from(v) / 255.0;
    let signed = |v: u8| ((2.0 * unit(v) - 1.0) * 32767.0).round() as i16;
    let (scale, zero) = ("BSCALE  = 3.05185094759971E-05", "BZERO   = 32768");
    let range = ["VRANGELO= 0", "VRANGEHI= 255"];
    let cases: [Case<'_>; 8] = [
        ("u8", 8, &[], levels.clone(), 0.0),
        (
            "u8 scaled",
            8,
            &["BSCALE  = 3.9215686274509803E-3"],
            levels.clone(),
            1e-7,
        ),
        (
            "i16 unsigned",
            16,
            &[zero],
            encode(&|v| ((i32::from(v) * 257 - 32768) as i16).to_be_bytes().to_vec()),
            1e-7,
        ),
        (
            "i16 scaled",
            16,
            &[scale],
            encode(&|v| signed(v).to_be_bytes().to_vec()),
            2e-5,
        ),
        (
            "i32",
            32,
            &range,
            encode(&|v| i32::from(v).to_be_bytes().to_vec()),
            0.0,
        ),
        (
            "i64",
            64,
            &range,
            encode(&|v| i64::from(v).to_be_bytes().to_vec()),
            0.0,
        ),
        (
            "f32",
            -32,
            &[],
            encode(&|v| unit(v).to_be_bytes().to_vec()),
            0.0,
        ),
        (
            "f64",
            -64,
            &[],
            encode(&|v| f64::from(unit(v)).to_be_bytes().to_vec()),
            0.0,
        ),
    ];
    for (name, bitpix, extra, data, tolerance) in cases {
        let bytes = fits_hdu(None, bitpix, &RGB_DIMS, extra, &data);
        let path = folder.file(&format!("{name}.fits"), &bytes);
        let stamp = assert_is_picture(&path, tolerance);
        assert_eq!((&*stamp.name, stamp.rows), (name, RowOrder::BottomUp));
        let expected = if bitpix < 0 {
            RangeSource::Guessed
        } else {
            RangeSource::File
        };
        assert_eq!(stamp.range_source, expected, "{name}");
        // The content counts, packed or not, whatever the name.
        assert_is_picture(&folder.file("packed.png", &gzip(&bytes)), tolerance);
    }
}

#[test]
fn fits_layouts_give_the_picture() {
    let folder = Folder::new();
    let up = upside_down(&unit());
    let last = fits_hdu(
        None,
        -32,
        &[HEIGHT, WIDTH, 3],
        &[],
        &big_endian(&channel_last(&up, 3)),
    );
    assert_is_picture(&folder.file("channel-last.fits", &last), 0.0);

    let mut bands = fits_primary();
    for (name, plane) in ["BLUE", "GREEN", "RED"].iter().zip([2, 1, 0]) {
        let data = big_endian(up.chunks(HEIGHT * WIDTH).nth(plane).expect("plane"));
        bands.extend(fits_hdu(Some(name), -32, &[HEIGHT, WIDTH], &[], &data));
    }
    let path = folder.file("bands.fits", &bands);
    let stamp = assert_is_picture(&path, 0.0);
    assert_eq!(stamp.bands, ["red", "green", "blue"]);
    let green = io::read_one(&path, Some(&Selector::name("green"))).expect("one band");
    assert_eq!((green.dims(), &*green.name), ([1, HEIGHT, WIDTH], "GREEN"));

    let top_down = fits_hdu(
        None,
        -32,
        &RGB_DIMS,
        &["ROWORDER= 'TOP-DOWN'"],
        &big_endian(&unit()),
    );
    let stamp = assert_is_picture(&folder.file("top-down.fits", &top_down), 0.0);
    assert_eq!(stamp.rows, RowOrder::TopDown);

    let mut two = big_endian(&up);
    two.extend(big_endian(&up));
    let list = fits_hdu(None, -32, &[2, 3, HEIGHT, WIDTH], &[], &two);
    let stamps = io::read(&folder.file("list.fits", &list), None).expect("two pictures");
    assert_eq!(
        stamps.iter().map(|s| &*s.name).collect::<Vec<_>>(),
        ["list[0]", "list[1]"]
    );
}

#[test]
fn tile_compressed_fits_agrees_with_astropy() {
    let grey_up_to = |factor: f64| -> Vec<f32> {
        grey()
            .iter()
            .map(|v| (v * factor).round_ties_even() as f32)
            .collect()
    };
    let levels: Vec<f32> = picture().iter().map(|v| f32::from(*v)).collect();
    for (name, expected) in [
        ("rice_i16", grey_up_to(100.0)),
        ("rice_u8_cube", levels),
        ("gzip2_i32", grey_up_to(1e5)),
    ] {
        let stamp = read_one(&fixture(&format!("{name}.fits.fz")));
        assert_close(&stamp.pixels, &expected, 0.0, name);
        assert_eq!(&*stamp.name, name);
    }
    for name in ["rice_dither1", "rice_dither2", "gzip1_dither_none"] {
        let stamp = read_one(&fixture(&format!("{name}.fits.fz")));
        let expected = read_one(&fixture(&format!("{name}.npy")));
        assert_close(&stamp.pixels, &expected.pixels, 2e-5, name);
    }
    // Lossless, so it must be near the noise-free picture without being equal.
    let lossless = read_one(&fixture("gzip2_f32.fits.fz"));
    let expected: Vec<f32> = grey().iter().map(|v| *v as f32).collect();
    let difference = mean_difference(&lossless.pixels, &expected);
    assert!((1.0..2.5).contains(&difference), "{difference}");
    let error = io::read(&fixture("hcompress.fits.fz"), None).expect_err("unsupported");
    assert!(error.to_string().contains("HCOMPRESS_1"), "{error}");
}

#[test]
fn header_cards_are_kept_and_blank_is_missing() {
    let path = fixture("cards.fits");
    let stamp = read_one(&path);
    let long = "a string too long for one card, ".repeat(6);
    assert_eq!(stamp.card("LONGTEXT"), Some(long.trim_end()));
    assert_eq!(stamp.card("ESO TEL ALTITUDE"), Some("2440"));
    assert_eq!(stamp.card("OBJECT"), Some("O'Hara's galaxy"));
    assert_eq!(stamp.missing(), 2 * HEIGHT);
    let expected = planes(1, |_, y, x| match x {
        0 | 1 => f32::NAN,
        _ => 100.0 + 0.5 * (10 * x + y) as f32,
    });
    assert_close(&stamp.pixels, &expected, 0.0, "cards.fits");
    assert_eq!(stamp.with_missing_set_to(0.0).missing(), 0);
    let headers = io::read_header(&path).expect("header");
    assert_eq!(headers[0].float("BSCALE"), Some(0.5));
    assert_eq!(headers[0].integer("NAXIS1"), Some(WIDTH as i64));
}

#[test]
fn pictures_give_the_picture() {
    use image::ExtendedColorType as Colour;
    let folder = Folder::new();
    let samples = channel_last(&picture(), 3);
    let plain = png(&samples, Colour::Rgb8);
    let stamp = assert_is_picture(&folder.file("picture.fits", &plain), 0.0);
    assert_eq!(
        (stamp.range, stamp.range_source),
        (ValueRange::UNIT, RangeSource::File)
    );
    assert_eq!(stamp.bands, ["red", "green", "blue"]);

    let alpha: Vec<u8> = samples
        .chunks(3)
        .flat_map(|p| [p[0], p[1], p[2], p[0] / 2])
        .collect();
    assert_is_picture(&folder.file("alpha.png", &png(&alpha, Colour::Rgba8)), 0.0);

    let deep: Vec<u8> = grey()
        .iter()
        .flat_map(|v| ((v / 255.0 * 65535.0).round() as u16).to_ne_bytes())
        .collect();
    let stamp = read_one(&folder.file("deep.png", &png(&deep, Colour::L16)));
    let expected: Vec<f32> = grey().iter().map(|v| (*v / 255.0) as f32).collect();
    assert_eq!(stamp.dims(), [1, HEIGHT, WIDTH]);
    assert_close(&stamp.pixels, &expected, 1e-5, "deep.png");

    assert_is_picture(&fixture("lzw.tif"), 0.0);
    let stamp = read_one(&fixture("grey_f32.tif"));
    assert_close(&stamp.pixels, &expected, 1e-7, "grey_f32.tif");
    assert_eq!(stamp.range_source, RangeSource::Guessed);
    let bilevel = read_one(&fixture("bilevel.png"));
    let expected = planes(1, |_, y, x| f32::from(u8::from(4 + 5 * x + 3 * y > 60)));
    assert_close(&bilevel.pixels, &expected, 0.0, "bilevel.png");
    for (name, tolerance) in [
        ("palette.png", 0.01),
        ("baseline.jpg", 0.01),
        ("progressive.jpg", 0.01),
        ("cmyk.jpg", 0.02),
    ] {
        let stamp = read_one(&fixture(name));
        assert_eq!(stamp.dims(), RGB_DIMS, "{name}");
        let difference = mean_difference(&stamp.pixels, &unit());
        assert!(difference < tolerance, "{name}: {difference}");
    }
}

#[test]
fn arrays_of_every_layout_and_type_give_the_picture() {
    let folder = Folder::new();
    let unit = unit();
    let little = |values: &[f32]| {
        values
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let last = channel_last(&unit, 3);
    // Column-major [3, 16, 24]: the first index runs fastest, so the values are those of [24, 16, 3] row-major.
    let column_major: Vec<f64> = (0..WIDTH)
        .flat_map(|x| {
            (0..HEIGHT).flat_map(move |y| (0..3).map(move |c| (c * HEIGHT + y) * WIDTH + x))
        })
        .map(|at| f64::from(unit[at]))
        .collect();
    let column_major: Vec<u8> = column_major.iter().flat_map(|v| v.to_le_bytes()).collect();
    let halves: Vec<u8> = unit
        .iter()
        .flat_map(|v| half::f16::from_f32(*v).to_le_bytes())
        .collect();
    let words: Vec<u8> = picture()
        .iter()
        .flat_map(|v| (u16::from(*v) * 257).to_be_bytes())
        .collect();
    let cases = [
        (npy("'<f4'", false, "(3, 16, 24)", &little(&unit)), 0.0),
        (npy("'>f4'", false, "(3, 16, 24)", &big_endian(&unit)), 0.0),
        (npy("'<f4'", false, "(16, 24, 3)", &little(&last)), 0.0),
        (npy("'<f8'", true, "(3, 16, 24)", &column_major), 0.0),
        (npy("'<f2'", false, "(3, 16, 24)", &halves), 1e-3),
        (npy("'|u1'", false, "(3, 16, 24)", &picture()), 0.0),
        (npy("'>u2'", false, "(1, 3, 16, 24)", &words), 1e-7),
        (
            safetensors(
                r#"{"input":{"dtype":"F32","shape":[1,3,16,24],"data_offsets":[0,4608]}}"#,
                &little(&unit),
            ),
            0.0,
        ),
    ];
    for (number, (bytes, tolerance)) in cases.iter().enumerate() {
        assert_is_picture(
            &folder.file(&format!("array{number}.png"), bytes),
            *tolerance,
        );
    }
    let two = [little(&unit), little(&unit)].concat();
    let batch = npy("'<f4'", false, "(2, 3, 16, 24)", &two);
    let stamps = io::read(&folder.file("batch.npy", &batch), None).expect("two pictures");
    assert_eq!(stamps.len(), 2);
    assert_eq!(&*stamps[1].name, "batch[1]");
}

#[test]
fn a_blend_is_grouped_whatever_its_file() {
    let folder = Folder::new();
    let fits =
        io::read_blend(&folder.file("blend.fits.gz", &gzip(&fits_blend()))).expect("FITS blend");
    let (x, y) = galaxies();
    let fill = fits.fill.as_ref().expect("fill");
    assert_eq!(
        (fill.range, fill.dims()),
        (ValueRange::UNIT, [1, HEIGHT, WIDTH])
    );
    assert_eq!(fill.pixels.iter().sum::<f32>(), 4.0 * WIDTH as f32);
    assert_eq!(fits.truths.len(), 2);
    assert_eq!(fits.blend.bands, ["red", "green", "blue"]);
    assert_close(&fits.truths[0].pixels, &x, 0.0, "galaxy 1");
    assert_close(&fits.truths[1].pixels, &y, 0.0, "galaxy 2");
    for stamp in [&fits.blend, &fits.truths[0], &fits.truths[1]] {
        assert_eq!(stamp.range, ValueRange::SIGNED);
    }

    // The published records: square, channel last, the blend in [0, 1].
    let square = |values: &[f32]| -> Vec<f32> {
        let crop = values.chunks(WIDTH).flat_map(|row| row[..HEIGHT].to_vec());
        channel_last(&crop.collect::<Vec<_>>(), 3)
    };
    let (x, y) = (square(&x), square(&y));
    let blended: Vec<f32> = x
        .iter()
        .zip(&y)
        .map(|(x, y)| f32::midpoint(x.max(*y), 1.0))
        .collect();
    let first = vec![
        ("y", y.clone()),
        ("blended", blended.clone()),
        ("x", x.clone()),
    ];
    let second = vec![("blended", blended), ("x", x), ("y", y)];
    let path = folder.file("records.bin", &tfrecords(&[first, second]));
    let blends = io::read_blends(&path).expect("records");
    assert_eq!(blends.len(), 2);
    for record in &blends {
        assert_eq!(record.blend.dims(), [3, HEIGHT, HEIGHT]);
        assert_eq!(record.blend.range, ValueRange::UNIT);
        assert_eq!(record.truths[0].range, ValueRange::SIGNED);
        assert_eq!(record.truths[1].range_source, RangeSource::File);
        let cropped = fits.truths[1]
            .pixels
            .chunks(WIDTH)
            .flat_map(|row| row[..HEIGHT].to_vec());
        assert_close(
            &record.truths[1].pixels,
            &cropped.collect::<Vec<_>>(),
            0.0,
            "y",
        );
    }
    let alone = io::read_blend(&fixture("lzw.tif")).expect("a plain picture");
    assert_eq!((alone.truths.len(), alone.fill), (0, None));
}
