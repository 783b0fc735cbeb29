//! A picture without any symmetry: a region at a known DS9 position covers the right pixels when it is read, after it is
//! written, and when the rows of the file lie the other way round.

use std::path::Path;

use ganoscope_core::region::ds9::{self, System};
use ganoscope_core::region::{Place, Region, Shape, measure};
use ganoscope_core::sky::{Frame, Grid};
use ganoscope_core::stamp::Stamp;
use ganoscope_core::stamp::io::{self, Format};

const WIDTH: usize = 6;
const HEIGHT: usize = 5;

/// A FITS file whose pixel (x, y), counted from 1, is `10 y + x`.
fn fits(cards: &[&str]) -> Vec<u8> {
    let mut lines = vec![
        "SIMPLE  = T".to_owned(),
        "BITPIX  = -32".to_owned(),
        "NAXIS   = 2".to_owned(),
        format!("NAXIS1  = {WIDTH}"),
        format!("NAXIS2  = {HEIGHT}"),
    ];
    lines.extend(cards.iter().map(|&card| card.to_owned()));
    lines.push("END".to_owned());
    let mut bytes: Vec<u8> = lines
        .iter()
        .flat_map(|line| format!("{line:<80}").into_bytes())
        .collect();
    bytes.resize(bytes.len().next_multiple_of(2880), b' ');
    for y in 1..=HEIGHT {
        for x in 1..=WIDTH {
            bytes.extend(((10 * y + x) as f32).to_be_bytes());
        }
    }
    bytes.resize(bytes.len().next_multiple_of(2880), 0);
    bytes
}

const WCS: [&str; 8] = [
    "CTYPE1  = 'RA---TAN'",
    "CTYPE2  = 'DEC--TAN'",
    "CRPIX1  = 2",
    "CRPIX2  = 4",
    "CRVAL1  = 150.0",
    "CRVAL2  = 2.0",
    "CDELT1  = -0.001",
    "CDELT2  = 0.001",
];

const TOP_DOWN: &str = "ROWORDER= 'TOP-DOWN'";

fn read(folder: &Path, cards: &[&str]) -> Stamp {
    let path = folder.join("source.fits");
    std::fs::write(&path, fits(cards)).expect("written");
    io::read_one(&path, None).expect("readable")
}

/// The one pixel that a file of one small region covers.
#[track_caller]
fn hit(stamp: &Stamp, regions: &str) -> f64 {
    let file = ds9::read(regions, &Grid::of(stamp)).expect("regions");
    assert_eq!(file.regions.len(), 1);
    let found = measure(stamp, &file.regions[0], []).bands[0];
    assert_eq!((found.pixels, found.minimum), (1, found.maximum));
    found.mean.expect("a pixel")
}

#[test]
fn a_ds9_position_hits_its_pixel_on_read_on_write_and_after_a_flip() {
    let folder = tempfile::tempdir().expect("a folder");
    let sky = "fk5; circle(150.0, 2.0, 0.3\")";
    for top_down in [false, true] {
        let mut cards = WCS.to_vec();
        if top_down {
            cards.push(TOP_DOWN);
        }
        let stamp = read(folder.path(), &cards);
        // In memory the picture stands as people see it.
        let top_left = if top_down { 11.0 } else { 51.0 };
        assert_eq!(stamp.pixels[0], top_left);
        let copy = folder.path().join("copy.fits");
        io::write(&copy, std::slice::from_ref(&stamp), Format::Fits, &[]).expect("written");
        let written = io::read_one(&copy, None).expect("readable");
        for stamp in [&stamp, &written] {
            assert_eq!(hit(stamp, "image; circle(5, 2, 0.4)"), 25.0);
            assert_eq!(hit(stamp, "image; box(1, 5, 0.5, 0.5, 0)"), 51.0);
            assert_eq!(hit(stamp, "circle(6, 1, 0.4)"), 16.0);
            assert_eq!(hit(stamp, sky), 42.0);
            // One pixel to the east is one column to the left, one to the north one row up.
            assert_eq!(hit(stamp, "icrs; circle(150.001, 2.0, 0.3\")"), 41.0);
            assert_eq!(
                hit(stamp, "icrs; circle(10:00:00, +2:00:03.6, 0.3\")"),
                52.0
            );
        }
    }
}

/// A long box along the diagonal covers other pixels when its angle is taken the wrong way round.
#[test]
fn angles_lie_as_in_ds9() {
    let folder = tempfile::tempdir().expect("a folder");
    for top_down in [false, true] {
        let mut cards = WCS.to_vec();
        if top_down {
            cards.push(TOP_DOWN);
        }
        let stamp = read(folder.path(), &cards);
        let grid = Grid::of(&stamp);
        for text in [
            "image; box(3, 3, 5, 0.2, 45)",
            // West is to the right and north up, as in the pixels.
            "fk5; box(149.999, 1.999, 18\", 0.72\", 45)",
        ] {
            let file = ds9::read(text, &grid).expect("regions");
            let found = measure(&stamp, &file.regions[0], []).bands[0];
            // Pixels (2, 2) and (4, 4), not (2, 4) and (4, 2), hold most of it.
            let shape = &file.regions[0].shape;
            for (x, y, inside) in [(2.0, 2.0, true), (4.0, 4.0, true), (2.0, 4.0, false)] {
                assert_eq!(
                    shape.contains(grid.from_fits([x, y])),
                    inside,
                    "{text} {x} {y}"
                );
            }
            assert!((found.mean.expect("covered") - 33.0).abs() < 0.1);
        }
    }
}

#[test]
fn regions_written_in_any_system_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let physical = [
        "LTV1    = -100.5",
        "LTV2    = 20",
        "LTM1_1  = 0.5",
        "LTM2_2  = 0.5",
    ];
    let centre = Place::new(2.25, 1.5);
    let corners = [(0.5, 0.25), (4.5, 1.0), (3.0, 4.0)];
    let corners = corners.map(|(c, r)| Place::new(c, r)).to_vec();
    let regions = [
        Shape::Circle {
            centre,
            radius: 1.75,
        },
        Shape::Ellipse {
            centre,
            semi_axes: [2.0, 0.5],
            angle: 30.0,
        },
        Shape::Box {
            centre,
            size: [1.0, 3.0],
            angle: -12.5,
        },
        Shape::Polygon {
            corners: corners.clone(),
        },
        Shape::Freehand { corners },
    ]
    .map(|shape| Region::new(shape).with_text("a; {b} # c"));
    for rotation in ["CROTA2  = 0", "CROTA2  = 77", "CDELT1  = 0.001"] {
        for order in [None, Some(TOP_DOWN)] {
            // The first card of a keyword counts.
            let mut cards = vec![rotation];
            cards.extend(WCS.into_iter().chain(physical).chain(order));
            let grid = Grid::of(&read(folder.path(), &cards));
            for system in [
                System::Image,
                System::Physical,
                System::Sky(Frame::Icrs),
                System::Sky(Frame::Fk5),
                System::Sky(Frame::Galactic),
            ] {
                let text = ds9::write(&regions, &[], system, &grid).expect("written");
                let file = ds9::read(&text, &grid).expect(&text);
                assert!(file.warnings.is_empty() && file.kept.is_empty());
                assert_eq!(file.regions.len(), regions.len());
                for (found, wanted) in file.regions.iter().zip(&regions) {
                    assert_eq!((&found.text, &found.tags), (&wanted.text, &wanted.tags));
                    assert_eq!(found.shape.name(), wanted.shape.name());
                    let pairs = found
                        .shape
                        .outline()
                        .into_iter()
                        .zip(wanted.shape.outline());
                    let furthest = pairs.map(|(a, b)| a.distance(b)).fold(0.0, f64::max);
                    assert!(furthest < 2e-5, "{system:?} {cards:?}: {furthest} {text}");
                }
            }
        }
    }
}

/// A PNG has no FITS rows; its regions count from the bottom, as in the FITS file that is written from it.
#[test]
fn pictures_without_fits_count_from_the_bottom() {
    let folder = tempfile::tempdir().expect("a folder");
    let stamp = read(folder.path(), &WCS);
    let plain = Stamp::new("plain", stamp.pixels.clone(), stamp.dims(), stamp.range);
    assert_eq!(hit(&plain, "image; circle(5, 2, 0.4)"), 25.0);
    let error = ds9::read("fk5\ncircle(150, 2, 1\")", &Grid::of(&plain)).expect_err("no sky");
    assert_eq!(
        error.to_string(),
        "line 2, column 8: a position in fk5 needs sky coordinates, but the file has no sky coordinates"
    );
}
