//! Real files: one stamp in many encodings, blends with truth, survey scenes. Runs where the data lies beside the
//! repository.

mod stamp_files;

use std::path::Path;

use ganoscope_core::stamp::io::{self, Selector};
use ganoscope_core::stamp::{RangeSource, RowOrder, Stamp, ValueRange};
use stamp_files::{assert_close, files_in, mean_difference, shared};

#[track_caller]
fn read_one(path: &Path) -> Stamp {
    io::read_one(path, None).expect("readable")
}

/// What each file of `variants/` holds.
enum Holds {
    /// The colour picture, within a tolerance in `[0, 1]`.
    Colour(f32),
    /// The colour picture on average, within a tolerance.
    About(f32),
    /// The mean of the three colours, within a tolerance in `[0, 1]`.
    Grey(f32),
    /// Damage.
    Nothing,
    /// Checked on its own, or no stamp at all.
    Other,
}

fn variant(name: &str) -> Option<Holds> {
    Some(match name {
        "cube_f32.fits"
        | "cube_f64.fits"
        | "cube_u8.fits"
        | "cube_u16.fits"
        | "mef_rgb.fits"
        | "cube_channel_last.fits"
        | "cube_f32.fits.gz"
        | "rgb8.png"
        | "rgba8.png"
        | "rgb8.tif"
        | "stamp.npz"
        | "stamp_chw_f64.npy"
        | "expected.npy" => Holds::Colour(2e-7),
        // Stored in steps of 1/32767 of [-1, 1].
        "cube_i16_scaled.fits" => Holds::Colour(0.51 / 65534.0),
        // Pillow's own decoders differ by 3.54, 4.23, 1.43 and 3.00 levels from the original.
        "q95.jpg" => Holds::About(3.6 / 255.0),
        "progressive.jpg" => Holds::About(4.3 / 255.0),
        "cmyk.jpg" => Holds::About(1.5 / 255.0),
        "palette.png" => Holds::About(3.01 / 255.0),
        "grey2d_f32.fits" | "grey_f32.tif" => Holds::Grey(2e-7),
        "grey16.png" => Holds::Grey(0.51 / 65535.0),
        "cube_f32_nan_inf.fits"
        | "cube_i32_blank.fits"
        | "grey2d_rice.fits.fz"
        | "grey8.png"
        | "crop_240.png"
        | "variants.json" => Holds::Other,
        _ if name.starts_with("bad") => Holds::Nothing,
        _ => return None,
    })
}

#[test]
fn every_variant_gives_its_expected_pixels_or_a_clear_error() {
    let Some(folder) = shared("variants") else {
        return;
    };
    let expected = read_one(&folder.join("expected.npy"));
    assert_eq!(expected.dims(), [3, 80, 80]);
    let colour = expected.to_range(ValueRange::UNIT).pixels;
    let grey = mean_plane(&colour);
    for path in files_in(&folder) {
        let name = path
            .file_name()
            .expect("name")
            .to_string_lossy()
            .into_owned();
        match variant(&name).unwrap_or_else(|| panic!("unknown variant {name}")) {
            Holds::Colour(tolerance) => {
                let stamp = read_one(&path).to_range(ValueRange::UNIT);
                assert_eq!(stamp.dims(), [3, 80, 80], "{name}");
                assert_close(&stamp.pixels, &colour, tolerance, &name);
            }
            Holds::About(tolerance) => {
                let stamp = read_one(&path).to_range(ValueRange::UNIT);
                assert_eq!(stamp.dims(), [3, 80, 80], "{name}");
                let difference = mean_difference(&stamp.pixels, &colour);
                assert!(difference < tolerance, "{name}: {}", difference * 255.0);
                eprintln!("{name}: mean difference {:.2}/255", difference * 255.0);
            }
            Holds::Grey(tolerance) => {
                let stamp = read_one(&path).to_range(ValueRange::UNIT);
                assert_eq!(stamp.dims(), [1, 80, 80], "{name}");
                assert_close(&stamp.pixels, &grey, tolerance, &name);
            }
            Holds::Nothing => {
                let error = io::read(&path, None).expect_err(&name).to_string();
                assert!(error.ends_with(&*path.display().to_string()), "{error}");
                eprintln!("{error}");
            }
            Holds::Other => {}
        }
    }
}

#[test]
fn variants_with_missing_pixels_and_other_scales() {
    let Some(folder) = shared("variants") else {
        return;
    };
    let levels = read_one(&folder.join("expected.npy"));
    let unit = levels.to_range(ValueRange::UNIT);
    // FITS pixel (x, y), 1-based from the bottom, of a plane.
    let at = |plane: usize, x: usize, y: usize| (plane * 80 + 80 - y) * 80 + x - 1;

    let mut expected = unit.pixels.to_vec();
    expected[at(0, 41, 41)] = f32::NAN;
    expected[at(1, 42, 42)] = f32::INFINITY;
    let stamp = read_one(&folder.join("cube_f32_nan_inf.fits"));
    assert_close(&stamp.pixels, &expected, 2e-7, "nan_inf");
    assert_eq!((stamp.range, stamp.missing()), (ValueRange::UNIT, 2));

    let mut expected: Vec<f32> = levels.pixels.iter().map(|v| v * 1000.0).collect();
    for (plane, x, y) in (0..48).map(|i| (i / 16, i % 4 + 1, i / 4 % 4 + 1)) {
        expected[at(plane, x, y)] = f32::NAN;
    }
    let stamp = read_one(&folder.join("cube_i32_blank.fits"));
    assert_close(&stamp.pixels, &expected, 0.0, "blank");

    let expected: Vec<f32> = mean_plane(&unit.pixels)
        .iter()
        .map(|v| v * 10_000.0)
        .collect();
    let stamp = read_one(&folder.join("grey2d_rice.fits.fz"));
    assert_close(&stamp.pixels, &expected, 0.51, "rice");

    // ITU-R 601 luma as Pillow computes it.
    let [red, green, blue] = [0, 1, 2].map(|c| levels.plane(c));
    let luma = red.iter().zip(green).zip(blue).map(|((r, g), b)| {
        ((19_595.0 * r + 38_470.0 * g + 7_471.0 * b + 32_768.0) / 65_536.0).floor() / 255.0
    });
    let stamp = read_one(&folder.join("grey8.png"));
    assert_close(&stamp.pixels, &luma.collect::<Vec<f32>>(), 1e-6, "luma");

    let crop = read_one(&folder.join("crop_240.png"));
    let sampled = (0..3).flat_map(|c| {
        let rows = crop.plane(c).chunks(240).skip(1).step_by(3);
        rows.flat_map(|row| row.iter().skip(1).step_by(3).copied().collect::<Vec<_>>())
    });
    assert_close(&sampled.collect::<Vec<_>>(), &unit.pixels, 1e-7, "crop");
}

fn mean_plane(pixels: &[f32]) -> Vec<f32> {
    let len = pixels.len() / 3;
    (0..len)
        .map(|at| (pixels[at] + pixels[at + len] + pixels[at + 2 * len]) / 3.0)
        .collect()
}

#[test]
fn every_blend_is_the_maximum_of_its_truths() {
    for (name, count, has_fill) in [("blends", 45, false), ("blends_sky", 64, true)] {
        let Some(folder) = shared(name) else { return };
        let files = files_in(&folder);
        let files: Vec<_> = files.iter().filter(|p| !ends(p, ".json")).collect();
        let mut blends = 0;
        for path in files {
            if ends(path, ".png") {
                assert_eq!(read_one(path).dims(), [3, 80, 240]);
                continue;
            }
            let blend = io::read_blend(path).expect("blend");
            let file = path.display().to_string();
            assert_eq!(blend.truths.len(), 2, "{file}");
            assert_eq!(blend.fill.is_some(), has_fill, "{file}");
            let stamps = [&blend.blend, &blend.truths[0], &blend.truths[1]];
            for stamp in stamps {
                assert_eq!(stamp.dims(), [3, 80, 80], "{file}");
                assert_eq!(stamp.range, ValueRange::SIGNED, "{file}");
                assert!(stamp.card("GAL1").is_some(), "{file}");
            }
            let truths = blend.truths[0].pixels.iter().zip(&*blend.truths[1].pixels);
            let most: Vec<f32> = truths.map(|(a, b)| a.max(*b)).collect();
            assert_close(&blend.blend.pixels, &most, 0.0, &file);
            blends += 1;
        }
        assert_eq!(blends, count, "{name}");
    }
}

#[test]
fn genuine_records_agree_with_their_fits_copies() {
    let Some(folder) = shared("genuine") else {
        return;
    };
    for name in ["genuine-train", "genuine-valid"] {
        let record = io::read_blend(&folder.join(format!("{name}.tfrecords"))).expect("record");
        let fits = io::read_blend(&folder.join(format!("{name}.fits"))).expect("FITS");
        assert_eq!(record.blend.range, ValueRange::UNIT);
        assert_eq!(record.blend.range_source, RangeSource::File);
        assert_eq!(record.truths[0].range, ValueRange::SIGNED);
        let blend = record.blend.to_range(ValueRange::SIGNED);
        assert_close(&blend.pixels, &fits.blend.pixels, 1e-6, name);
        for (a, b) in record.truths.iter().zip(&fits.truths) {
            assert_close(&a.pixels, &b.pixels, 0.0, name);
        }
        let picture = read_one(&folder.join(format!("{name}.png")));
        let first = record.truths[0].to_range(ValueRange::UNIT);
        // The picture shows blend, galaxy 1 and galaxy 2 side by side.
        let crop = picture
            .pixels
            .chunks(240)
            .flat_map(|row| row[80..160].to_vec());
        assert_close(&crop.collect::<Vec<_>>(), &first.pixels, 0.51 / 255.0, name);
    }
}

#[test]
fn scenes_open_with_their_headers() {
    let Some(folder) = shared("scenes") else {
        return;
    };
    let emmi = read_one(&folder.join("sep_image.fits"));
    assert_eq!(emmi.dims(), [1, 256, 256]);
    assert_eq!(
        (emmi.rows, emmi.range_source),
        (RowOrder::BottomUp, RangeSource::File)
    );
    assert_eq!(emmi.card("ESO INS OPTI-7 ID"), Some("#608"));
    assert_eq!(
        emmi.card("ESO DET PARM2"),
        Some("HLO1 :   2.02    VLO1 :   1.01    VDD1 :  23.03")
    );
    let log = emmi.cards.iter().filter(|card| card.keyword == "ESO-LOG");
    assert_eq!(log.count(), 4);
    let hsc = io::read(&folder.join("hsc_cosmos.fits"), None).expect("scene");
    assert_eq!(hsc[0].dims(), [5, 69, 57]);
    assert_eq!(hsc[0].bands, ["g", "r", "i", "z", "y"]);
    assert_eq!((&*hsc[1].name, hsc[1].dims()), ("PSF", [5, 41, 41]));
    assert_eq!(read_one(&folder.join("Cut_HSC.fits")).dims(), [5, 50, 50]);
    let hst = read_one(&folder.join("Cut_HST.fits"));
    assert_eq!(
        (hst.dims(), hst.card("CTYPE1")),
        ([1, 250, 250], Some("RA---TAN"))
    );

    let Some(cosmos) = shared("cosmos_f814w.fits") else {
        return;
    };
    let stamps = io::read(&cosmos, None).expect("COSMOS");
    let headers = io::read_header(&cosmos).expect("headers");
    assert_eq!(stamps.len(), headers.len() - 1);
    assert_eq!(&*stamps[0].name, "COSMOS-000");
    let third = Selector::Index(3);
    let stamp = io::read_one(&cosmos, Some(&third)).expect("third extension");
    assert_eq!((&*stamp.name, stamp.dims()), ("COSMOS-003", [1, 32, 32]));
    assert_eq!(stamp.card("MAG"), Some("24.558876037597656"));
}

#[test]
fn every_picture_opens() {
    for name in ["real_stamps", "originals"] {
        let Some(folder) = shared(name) else { return };
        let files = files_in(&folder);
        assert!(!files.is_empty());
        for path in files {
            let stamp = read_one(&path);
            assert_eq!(stamp.range, ValueRange::UNIT, "{}", path.display());
            assert!(matches!(stamp.channels, 1 | 3), "{}", path.display());
            assert!(stamp.width >= 80, "{}", path.display());
        }
    }
}

fn ends(path: &Path, end: &str) -> bool {
    path.to_string_lossy().ends_with(end)
}
