//! Figures over a small picture with coordinates: their files, and what lies where.

mod files;
mod layout;

use super::*;
use crate::sky::{Grid, Place};
use crate::stamp::colormap::Colormap;
use crate::stamp::look::{Ink, Look};
use crate::stamp::stretch::Stretch;
use crate::stamp::{Card, RowOrder, Stamp, ValueRange};

const LIMITS: [f32; 2] = [-0.0125, 1.75];

fn look() -> Look {
    Look::new(Ink::Map(Colormap::Viridis), LIMITS, Stretch::Asinh(0.1))
}

/// 20 rows of 30 columns with coordinates: north up, east to the left, 0.25 arcseconds per pixel.
fn stamp() -> Stamp {
    let pixels: Vec<f32> = (0..600).map(|i| (i % 37) as f32 / 20.0 - 0.1).collect();
    let mut stamp = Stamp::new("s", pixels, [1, 20, 30], ValueRange::UNIT);
    stamp.rows = RowOrder::BottomUp;
    stamp.cards = vec![
        Card::text("CTYPE1", "RA---TAN"),
        Card::text("CTYPE2", "DEC--TAN"),
        Card::value("CRPIX1", 15.5),
        Card::value("CRPIX2", 10.5),
        Card::value("CRVAL1", 150.0),
        Card::value("CRVAL2", 2.0),
        Card::value("CDELT1", -0.25 / 3600.0),
        Card::value("CDELT2", 0.25 / 3600.0),
    ];
    stamp
}

fn sheet() -> Sheet {
    let stamp = stamp();
    let mut sheet = Sheet::new("Two & more <pictures>", Palette::PRINT);
    let panel = |name: &str| Panel::new(name, stamp.clone(), look()).with_note("PSNR 26.31 dB");
    let mut first = panel("Blend");
    first.compass = Grid::of(&stamp).compass(Place::new(14.5, 9.5));
    first.outlines = vec![Outline {
        corners: vec![
            Place::new(3.0, 3.0),
            Place::new(9.0, 3.0),
            Place::new(6.0, 9.0),
        ],
        is_closed: true,
        color: [255, 0, 0],
    }];
    sheet.rows = vec![
        vec![first, panel("\"Galaxy\" 1"), panel("Galaxy 2")],
        vec![panel("Residual")],
    ];
    sheet.axes = Axes::offsets(&Grid::of(&stamp));
    sheet.bars = vec![
        Bar::new("Light", look()),
        Bar::signed("Relevance", 0.5, [[0, 0, 255], [0; 3], [255, 0, 0]]),
    ];
    sheet.notes = vec!["A note that is long enough to need more than one line. ".repeat(6)];
    sheet
}

/// Every text of an SVG file.
fn texts(svg: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).expect("well-formed XML");
    let texts = document.descendants().filter(|n| n.has_tag_name("text"));
    texts
        .map(|n| n.text().unwrap_or_default().to_owned())
        .collect()
}

fn svg_of(drawing: &Drawing) -> String {
    String::from_utf8(drawing.encode(FigureFormat::Svg, 1.0).unwrap()).unwrap()
}
