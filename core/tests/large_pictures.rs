//! Pictures too large to be held: read row by row and reduced, in bounded memory, and refused clearly where the file is no such
//! picture.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use ganoscope_core::jobs::{
    Cancel, Engine as _, Finding, Opened, Preview, PreviewSpec, RegionsSpec, Step, Studio,
    StudySpec,
};
use ganoscope_core::region::{Place, Region, RegionStatistics, Shape, measure};
use ganoscope_core::sky::Grid;
use ganoscope_core::stamp::io::{self, LargePicture, LargeReader, PictureFile, read_window};
use ganoscope_core::stamp::{Stamp, ValueRange};

/// A FITS header in whole blocks.
fn header(cards: &[String]) -> Vec<u8> {
    let mut bytes: Vec<u8> = cards
        .iter()
        .map(String::as_str)
        .chain(["END"])
        .flat_map(|card| format!("{card:<80}").into_bytes())
        .collect();
    bytes.resize(bytes.len().next_multiple_of(2880), b' ');
    bytes
}

fn cards(bitpix: i32, axes: &[u64]) -> Vec<String> {
    let mut cards = vec![
        "SIMPLE  = T".to_owned(),
        format!("BITPIX  = {bitpix}"),
        format!("NAXIS   = {}", axes.len()),
    ];
    let lengths = axes.iter().enumerate();
    cards.extend(lengths.map(|(i, length)| format!("NAXIS{}  = {length}", i + 1)));
    cards
}

/// The value of pixel (x, y), counted from 0 at the bottom left, of a band.
fn value(x: usize, y: usize, band: usize) -> f32 {
    (1000 * band + 40 * y + x) as f32
}

/// A picture without symmetry; pixel (3, 1) of the first band is NaN.
fn write_picture(path: &Path, [bands, height, width]: [usize; 3], extra: &[&str]) {
    let mut cards = cards(-32, &[width as u64, height as u64, bands as u64]);
    cards.extend(extra.iter().map(|&card| card.to_owned()));
    let mut bytes = header(&cards);
    for band in 0..bands {
        for y in 0..height {
            for x in 0..width {
                let value = if (band, x, y) == (0, 3, 1) {
                    f32::NAN
                } else {
                    value(x, y, band)
                };
                bytes.extend(value.to_be_bytes());
            }
        }
    }
    bytes.resize(bytes.len().next_multiple_of(2880), 0);
    fs::write(path, bytes).expect("written");
}

fn read_large(path: &Path, most: usize) -> LargePicture {
    let mut reader = LargeReader::open(path, None, most)
        .expect("readable")
        .expect("large");
    loop {
        if let Some(picture) = reader.advance().expect("readable") {
            return picture;
        }
    }
}

fn file(folder: &tempfile::TempDir, name: &str) -> PathBuf {
    folder.path().join(name)
}

#[test]
fn a_reduced_picture_is_the_mean_of_the_whole_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(&folder, "two-bands.fits");
    for order in [&[][..], &["ROWORDER= 'TOP-DOWN'"]] {
        write_picture(&path, [2, 23, 31], order);
        let whole = io::read_one(&path, None).expect("readable");
        let LargePicture { stamp, missing } = read_large(&path, 2 * 8 * 11);
        assert_eq!(missing, 1);
        assert_eq!(stamp.dims(), [2, 8, 11]);
        assert_eq!(stamp.reduction_factor(), 3);
        assert_eq!(stamp.size_in_file(), [23, 31]);
        assert_eq!((stamp.range, stamp.rows), (whole.range, whole.rows));
        assert_eq!(stamp.cards, whole.cards);
        let expected = whole.reduced_to(2 * 8 * 11);
        assert_eq!(stamp.pixels, expected.pixels);
        assert_eq!(stamp.reduction, expected.reduction);
        let grid = Grid::of(&stamp);
        assert_eq!(grid, Grid::of(&whole), "positions are those of the file");
    }
}

#[test]
fn a_picture_that_fits_is_read_as_usual() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(&folder, "small.fits");
    write_picture(&path, [1, 20, 30], &[]);
    assert!(
        LargeReader::open(&path, None, 600)
            .expect("readable")
            .is_none()
    );
    assert!(
        LargeReader::open(&path, None, 599)
            .expect("readable")
            .is_some()
    );
    let other = file(&folder, "notes.txt");
    fs::write(&other, "no picture").expect("written");
    assert!(
        LargeReader::open(&other, None, 1)
            .expect("readable")
            .is_none()
    );
}

#[test]
fn a_window_has_the_pixels_of_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(&folder, "window.fits");
    write_picture(&path, [2, 23, 31], &[]);
    let whole = io::read_one(&path, None).expect("readable");
    let window = read_window(&path, None, 5..9, 20..99, ValueRange::UNIT).expect("readable");
    assert_eq!(window.dims(), [2, 4, 11]);
    for band in 0..2 {
        for (row, line) in window.plane(band).chunks(11).enumerate() {
            let from = (5 + row) * 31 + 20;
            assert_eq!(line, &whole.plane(band)[from..from + 11]);
        }
    }
}

#[test]
fn what_a_header_claims_must_be_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |name: &str, cards: &[String]| {
        let path = file(&folder, name);
        fs::write(&path, header(cards)).expect("written");
        let error = LargeReader::open(&path, None, 1 << 24).expect_err("refused");
        let text = error.to_string();
        assert!(text.ends_with(&path.display().to_string()), "{text}");
        text
    };
    let text = refused("cut.fits", &cards(-32, &[20_000, 20_000]));
    assert!(
        text.contains("cut short, expected 1600000000 bytes, found 0"),
        "{text}"
    );
    let most = i64::MAX as u64;
    let text = refused("absurd.fits", &cards(-64, &[most, most, 3]));
    assert!(text.contains("cut short"), "{text}");
    let text = refused("cube.fits", &cards(-32, &[5000, 5000, 4000]));
    assert!(text.contains("at most 32 bands"), "{text}");
    let text = refused("bits.fits", &cards(12, &[20_000, 20_000]));
    assert!(
        text.contains("cut short") || text.contains("BITPIX"),
        "{text}"
    );
}

/// What is unpacked in memory is refused before, with the way out.
#[test]
fn what_would_unpack_to_too_much_is_refused_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let packed = file(&folder, "packed.fits.gz");
    let mut bytes = b"\x1f\x8b\x08\0\0\0\0\0\0\0".to_vec();
    bytes.resize(4 << 20, 7);
    bytes.extend(1_600_008_640_u32.to_le_bytes());
    fs::write(&packed, &bytes).expect("written");
    let error = LargeReader::open(&packed, None, 1 << 24).expect_err("refused");
    assert!(error.to_string().contains("1600008640 bytes"), "{error}");
    assert!(error.to_string().contains("gunzip"), "{error}");
    // A small one, and one that was cut and ends in anything.
    for end in [12_345_u32, 0xFFFF_0000] {
        bytes.truncate(50);
        bytes.extend(end.to_le_bytes());
        fs::write(&packed, &bytes).expect("written");
        let other = LargeReader::open(&packed, None, 1 << 24).expect("left to the usual reader");
        assert!(other.is_none());
    }

    let compressed = file(&folder, "compressed.fits");
    let mut bytes = header(&cards(8, &[]));
    let lines = [
        "XTENSION= 'BINTABLE'",
        "BITPIX  = 8",
        "NAXIS   = 2",
        "NAXIS1  = 8",
        "NAXIS2  = 20000",
        "PCOUNT  = 0",
        "GCOUNT  = 1",
        "TFIELDS = 1",
        "ZIMAGE  = T",
        "ZBITPIX = -32",
        "ZNAXIS  = 2",
        "ZNAXIS1 = 20000",
        "ZNAXIS2 = 20000",
    ];
    bytes.extend(header(&lines.map(str::to_owned)));
    fs::write(&compressed, bytes).expect("written");
    let error = LargeReader::open(&compressed, None, 1 << 24).expect_err("refused");
    assert!(error.to_string().contains("400000000 pixels"), "{error}");
    assert!(error.to_string().contains("funpack"), "{error}");
}

#[test]
fn a_header_is_read_without_the_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(&folder, "sparse.fits");
    let mut head = cards(-32, &[20_000, 20_000]);
    head.push("OBJECT  = 'field'".to_owned());
    write_sparse(&path, &head, 1_600_000_000, &[]);
    let (headers, stopped) = io::read_headers(&path).expect("readable");
    assert!(stopped.is_none());
    assert_eq!(headers.len(), 1);
    assert_eq!(headers[0].text("OBJECT"), Some("field"));
}

/// A header, then a hole of `length` bytes with a few values in it, by their index.
fn write_sparse(path: &Path, cards: &[String], length: u64, values: &[(u64, f32)]) {
    let head = header(cards);
    let mut out = File::create(path).expect("created");
    out.write_all(&head).expect("written");
    out.set_len(head.len() as u64 + length.next_multiple_of(2880))
        .expect("made longer");
    for (index, value) in values {
        let at = head.len() as u64 + 4 * index;
        out.seek(SeekFrom::Start(at)).expect("within");
        out.write_all(&value.to_be_bytes()).expect("written");
    }
}

/// Opens a file as the window does; `None` when it was cancelled after `steps` steps.
fn open(studio: &mut Studio, path: &Path, steps: usize) -> Option<Opened> {
    let cancel = Cancel::default();
    let spec = StudySpec::Open(vec![path.to_owned()]);
    let mut study = studio.study(&spec, &cancel).expect("begun");
    for _ in 0..steps {
        match study.step(studio).expect("goes on") {
            Step::More { progress, .. } => assert!(progress.done <= progress.total),
            Step::Done(Some(Finding::Opened(mut opened))) => return opened.pop(),
            Step::Done(_) => panic!("nothing was opened"),
        }
    }
    None
}

fn regions(studio: &mut Studio, spec: RegionsSpec) -> Vec<Option<RegionStatistics>> {
    let spec = PreviewSpec::Regions(spec);
    let mut job = studio.preview(&spec, &Cancel::default()).expect("begun");
    loop {
        if let Step::Done(done) = job.step(studio).expect("goes on") {
            let Some(Preview::Regions(found)) = done else {
                panic!("another kind of answer");
            };
            return found.pictures[0].statistics.clone();
        }
    }
}

/// 20,000 x 20,000 floats: 1.6 GB of which a few are not zero.
#[test]
fn a_very_large_picture_is_opened_reduced_within_bounded_memory() {
    const SIDE: u64 = 20_000;
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(&folder, "huge.fits");
    // Column 12,345 of the 17th row from the bottom, and the last pixel of the file, which is the upper right one.
    let values = [(16 * SIDE + 12_345, 25.0), (SIDE * SIDE - 1, 50.0)];
    write_sparse(&path, &cards(-32, &[SIDE, SIDE]), 4 * SIDE * SIDE, &values);
    let before = peak_bytes();
    let mut studio = Studio::default();
    assert!(
        open(&mut studio, &path, 3).is_none(),
        "three steps are a small part, after which it can be cancelled"
    );
    let Some(Opened::Scene(scene)) = open(&mut studio, &path, usize::MAX) else {
        panic!("it is a picture");
    };
    if let (Some(before), Some(after)) = (before, peak_bytes()) {
        let grown = after.saturating_sub(before) >> 20;
        assert!(grown < 400, "{grown} MiB");
    }
    let blend = &scene.blend;
    assert_eq!(blend.dims(), [1, 2000, 2000]);
    assert_eq!(blend.reduction_factor(), 10);
    assert_eq!(
        scene.range_in_file,
        ValueRange {
            low: 0.0,
            high: 50.0
        }
    );
    assert!(
        scene.notes.iter().any(|note| note.contains("10 x 10")),
        "{:?}",
        scene.notes
    );
    let lit: Vec<usize> = (0..blend.pixels.len())
        .filter(|i| blend.pixels[*i] != 0.0)
        .collect();
    // 16 rows above the lowest is row 19,983 from the top.
    let at = |column: usize, row: usize| row / 10 * 2000 + column / 10;
    assert_eq!(lit, [at(19_999, 0), at(12_345, 19_983)]);
    // A part of it is cut out by its pixels, counted as DS9 does.
    let part = format!("{}[12340:12350,10:20]", path.display());
    let part = PictureFile::from_text(&part)
        .read()
        .expect("readable")
        .blend;
    assert_eq!(part.dims(), [1, 11, 11]);
    let lit = part.pixels.iter().position(|v| *v == 25.0);
    assert_eq!(lit, Some(3 * 11 + 6), "column 12,346 and row 17 from 1");
    let outside = format!("{}[1:20001,1:1]", path.display());
    let error = PictureFile::from_text(&outside)
        .read()
        .expect_err("outside");
    assert!(error.to_string().contains("1:20001,1:1"), "{error}");
    // Its numbers are those of the file, not of the means.
    let circle = Region::new(Shape::Circle {
        centre: Place::new(12_345.0, 19_983.0),
        radius: 3.0,
    });
    let spec = RegionsSpec {
        input: path.into(),
        run: None,
        regions: vec![circle].into(),
    };
    let found = regions(&mut studio, spec)[0].clone().expect("measured");
    let band = found.bands[0];
    assert_eq!((band.maximum, band.sum), (Some(25.0), 25.0));
    assert!((band.area - 9.0 * std::f64::consts::PI).abs() < 1e-9);
    let centroid = band.centroid.expect("there is light");
    assert!(centroid.distance(Place::new(12_345.0, 19_983.0)) < 1e-6);
}

/// The most memory this process has had, where the system says so.
fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes << 10)
}

#[test]
fn regions_on_a_reduced_picture_have_the_numbers_of_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(&folder, "reduced.fits");
    write_picture(&path, [2, 23, 31], &[]);
    let whole: Stamp = io::read_one(&path, None).expect("readable");
    let region = |shape| Region::new(shape);
    let all = vec![
        region(Shape::Ellipse {
            centre: Place::new(12.5, 9.0),
            semi_axes: [6.0, 3.5],
            angle: 20.0,
        }),
        region(Shape::Box {
            centre: Place::new(30.0, 22.0),
            size: [8.0, 8.0],
            angle: 0.0,
        }),
        region(Shape::Circle {
            centre: Place::new(12.0, 9.0),
            radius: 2.0,
        })
        .excluded(),
        region(Shape::Circle {
            centre: Place::new(3.0, 21.0),
            radius: 1.2,
        }),
    ];
    let mut studio = Studio::default().with_most_pixels(200);
    let spec = |regions: &[Region]| RegionsSpec {
        input: path.clone().into(),
        run: None,
        regions: regions.to_vec().into(),
    };
    for _ in 0..2 {
        let found = regions(&mut studio, spec(&all));
        for (index, region) in all.iter().enumerate() {
            let expected = (!region.exclude)
                .then(|| measure(&whole, region, all.iter().filter(|r| r.exclude)));
            let (Some(found), Some(expected)) = (&found[index], expected) else {
                assert!(region.exclude);
                continue;
            };
            assert_eq!(found.bands.len(), 2);
            for (a, b) in found.bands.iter().zip(&expected.bands) {
                assert_eq!((a.pixels, a.missing), (b.pixels, b.missing), "{index}");
                assert!((a.sum - b.sum).abs() < 1e-6 * b.sum.abs());
                assert_eq!(
                    (a.minimum, a.maximum, a.median),
                    (b.minimum, b.maximum, b.median)
                );
                let away = a.centroid.zip(b.centroid).map(|(p, q)| p.distance(q));
                assert!(away.is_some_and(|d| d < 1e-6), "{index} {away:?}");
            }
        }
    }
    // Without what was excluded the same question has another answer.
    let kept: Vec<Region> = all.iter().filter(|r| !r.exclude).cloned().collect();
    let found = regions(&mut studio, spec(&kept))[0]
        .clone()
        .expect("measured");
    let expected = measure(&whole, &kept[0], []);
    assert!((found.bands[1].sum - expected.bands[1].sum).abs() < 1e-6 * expected.bands[1].sum);
}
