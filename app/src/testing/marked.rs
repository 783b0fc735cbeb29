//! Regions and files as the worker would answer them, for pictures of the views.

use std::path::Path;

use ganoscope_core::jobs::{Fact, FileInfo, MeasuredPicture, RegionsPreview, Scene};
use ganoscope_core::region::{Place, Region, Shape, measure};
use ganoscope_core::sky::Grid;
use ganoscope_core::stamp::io::Header;
use ganoscope_core::stamp::{Card, Stamp};

/// A circle, a turned ellipse, a polygon and an excluded box on a picture of 24 x 24 pixels.
pub fn tiny_regions() -> Vec<Region> {
    let at = Place::new;
    vec![
        Region::new(Shape::Circle {
            centre: at(11.5, 11.5),
            radius: 4.0,
        })
        .with_text("core"),
        Region::new(Shape::Ellipse {
            centre: at(17.0, 6.5),
            semi_axes: [4.5, 2.5],
            angle: 35.0,
        }),
        Region::new(Shape::Polygon {
            corners: vec![at(2.0, 14.0), at(8.0, 17.0), at(6.0, 22.0), at(1.5, 20.0)],
        }),
        Region::new(Shape::Box {
            centre: at(11.5, 8.0),
            size: [5.0, 2.0],
            angle: 0.0,
        })
        .excluded(),
    ]
}

/// Their statistics on a scene and its outputs.
pub fn regions_preview(scene: &Scene, outputs: &[Stamp]) -> RegionsPreview {
    let regions = tiny_regions();
    let picture = |(name, stamp): (String, &Stamp)| MeasuredPicture {
        name,
        bands: stamp.bands.clone(),
        statistics: regions
            .iter()
            .map(|region| {
                let excluded = regions.iter().filter(|other| other.exclude);
                (!region.exclude).then(|| measure(stamp, region, excluded))
            })
            .collect(),
    };
    let numbered = |word: &'static str, stamps: &[Stamp]| -> Vec<MeasuredPicture> {
        let named = stamps.iter().enumerate();
        named
            .map(|(i, stamp)| picture((format!("{word} {}", i + 1), stamp)))
            .collect()
    };
    let mut pictures = vec![picture(("blend".to_owned(), &scene.blend))];
    pictures.extend(numbered("galaxy", outputs));
    pictures.extend(numbered("truth", &scene.truths));
    RegionsPreview {
        grid: Grid::of(&scene.blend),
        unit: "nanomaggy".to_owned(),
        pictures,
        notes: Vec::new(),
        regions: regions.into(),
    }
}

/// What a FITS file of two HDUs says, one card of it against the standard.
pub fn file_info(path: &Path) -> FileInfo {
    let fact = Fact::new;
    let primary = vec![
        Card::value("SIMPLE", "T").with_comment("FITS standard 4.0"),
        Card::value("BITPIX", 8),
        Card::value("NAXIS", 0),
        Card::commentary("HISTORY", "reduced on the mountain"),
    ];
    let image = vec![
        Card::text("XTENSION", "IMAGE").with_comment("image extension"),
        Card::value("BITPIX", -32),
        Card::value("NAXIS", 3),
        Card::text("BUNIT", "nanomaggy").with_comment("unit of the pixels"),
        Card::value("CRPIX1", "left").with_comment("reference pixel"),
        Card::value("CRVAL1", 150.25).with_comment("[deg] right ascension"),
    ];
    FileInfo {
        path: path.to_owned(),
        facts: vec![
            fact("format", "FITS"),
            fact("size of the file", "12.3 kB"),
            fact("pixels", "24 x 24"),
            fact("bands", "3"),
            fact("black and white", "0 to 1, said by the file or its format"),
        ],
        images: Vec::new(),
        headers: [primary, image]
            .into_iter()
            .enumerate()
            .map(|(index, cards)| Header { index, cards })
            .collect(),
        stopped: None,
    }
}
