//! Figures as files: well-formed, complete, with the numbers and pixels of the data.

use std::collections::BTreeMap;

use super::super::*;
use super::{look, sheet, stamp, svg_of, texts};
use crate::stamp::render::{Canvas, Raster, Rasters, render};

#[test]
fn an_svg_is_well_formed_and_says_everything() {
    let drawing = sheet().draw();
    let texts = texts(&svg_of(&drawing));
    for wanted in [
        "Two & more <pictures>",
        "Blend",
        "\"Galaxy\" 1",
        "PSNR 26.31 dB",
        "East offset (arcsec)",
        "North offset (arcsec)",
        "Light",
        "Relevance",
        "N",
        "E",
    ] {
        assert!(texts.iter().any(|t| t == wanted), "{wanted}: {texts:?}");
    }
}

#[test]
fn control_letters_and_foreign_ones_do_not_break_the_files() {
    let mut sheet = sheet();
    sheet.title = "a\u{0}b\u{7}\u{FFFF}\n星系 ]]> \u{202E}".to_owned();
    let drawing = sheet.draw();
    texts(&svg_of(&drawing));
    for format in FigureFormat::ALL {
        assert!(!drawing.encode(format, 1.0).unwrap().is_empty());
    }
}

#[test]
fn the_picture_in_an_svg_has_the_pixels_of_the_twin() {
    use base64::Engine as _;
    let svg = svg_of(&sheet().draw());
    let document = roxmltree::Document::parse(&svg).unwrap();
    let image = document
        .descendants()
        .find(|n| n.has_tag_name("image"))
        .expect("a picture");
    let link = image
        .attribute(("http://www.w3.org/1999/xlink", "href"))
        .unwrap();
    let data = link.strip_prefix("data:image/png;base64,").unwrap();
    let png = base64::engine::general_purpose::STANDARD
        .decode(data)
        .unwrap();
    let embedded = image::load_from_memory(&png).unwrap().to_rgb8();
    let stamp = stamp();
    let twin = render(
        &Rasters::new(Raster::of(&stamp).unwrap()),
        &look(),
        &Canvas::whole([30, 20]),
    );
    let times = embedded.width() / 30;
    assert!(times >= 1 && embedded.width() == 30 * times && embedded.height() == 20 * times);
    for (x, y, pixel) in embedded.enumerate_pixels() {
        let at = (y / times * 30 + x / times) as usize;
        assert_eq!(pixel.0, twin[at][..3], "{x} {y}");
    }
}

#[test]
fn the_picture_in_a_png_has_the_colours_of_the_twin_in_the_middle_of_its_pixels() {
    let stamp = stamp();
    let mut sheet = Sheet::new("", Palette::PRINT);
    sheet.rows = vec![vec![Panel::new("", stamp.clone(), look())]];
    let drawing = sheet.draw();
    let frame = drawing.items.iter().find_map(|item| match item {
        Item::Picture { frame, .. } => Some(*frame),
        _ => None,
    });
    let frame = frame.expect("a picture");
    let scale = 4.0;
    let png = drawing.encode(FigureFormat::Png, scale).unwrap();
    let picture = image::load_from_memory(&png).unwrap().to_rgb8();
    let twin = render(
        &Rasters::new(Raster::of(&stamp).unwrap()),
        &look(),
        &Canvas::whole([30, 20]),
    );
    for (row, column) in [(0, 0), (7, 11), (19, 29), (10, 3)] {
        let [x, y] = frame.at(
            (f64::from(column) + 0.5) / 30.0,
            (f64::from(row) + 0.5) / 20.0,
        );
        let found = picture.get_pixel((x * scale) as u32, (y * scale) as u32);
        assert_eq!(found.0, twin[(row * 30 + column) as usize][..3]);
    }
}

/// Every object of a PDF file by its number, found where the cross-reference table says.
fn objects(pdf: &[u8]) -> BTreeMap<usize, usize> {
    let find = |from: usize, what: &[u8]| {
        let found = pdf[from..].windows(what.len()).position(|w| w == what);
        found.map(|at| from + at)
    };
    assert!(pdf.starts_with(b"%PDF-1."));
    let tail = String::from_utf8_lossy(&pdf[pdf.len() - 40..]).into_owned();
    assert!(tail.trim_end().ends_with("%%EOF"), "{tail}");
    let start: usize = tail
        .lines()
        .rev()
        .nth(1)
        .and_then(|line| line.trim().parse().ok())
        .expect("the place of the table");
    assert!(pdf[start..].starts_with(b"xref"));
    let end = find(start, b"trailer").expect("a trailer");
    let table = String::from_utf8_lossy(&pdf[start..end]).into_owned();
    let entries = table.lines().skip(2).enumerate().skip(1);
    entries
        .map(|(number, entry)| {
            let offset: usize = entry[..10].parse().expect("an offset");
            let head = format!("{number} 0 obj");
            assert!(
                pdf[offset..].starts_with(head.as_bytes()),
                "object {number}"
            );
            (number, offset)
        })
        .collect()
}

#[test]
fn a_pdf_is_complete_and_holds_its_font() {
    let drawing = sheet().draw();
    let pdf = drawing.encode(FigureFormat::Pdf, 1.0).unwrap();
    let objects = objects(&pdf);
    let text = String::from_utf8_lossy(&pdf);
    let pictures = text.matches("/Subtype /Image").count();
    // Four pictures and the colours of two bars.
    assert_eq!(pictures, 6);
    assert_eq!(objects.len(), 10 + pictures);
    for part in ["/FontFile2", "/ToUnicode", "/MediaBox", "/Identity-H"] {
        assert!(text.contains(part), "{part}");
    }
    // A part of the font, not all of it.
    assert!(pdf.len() < 120_000, "{}", pdf.len());
}

#[test]
fn files_are_written_by_their_extension_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let drawing = sheet().draw();
    for (name, magic) in [
        ("a.svg", &b"<svg"[..]),
        ("b.PDF", b"%PDF"),
        ("c.png", b"\x89PNG"),
    ] {
        let path = folder.path().join(name);
        drawing.write(&path, 1.0).unwrap();
        assert!(std::fs::read(&path).unwrap().starts_with(magic), "{name}");
    }
    let error = drawing
        .write(&folder.path().join("a.gif"), 1.0)
        .unwrap_err();
    assert!(error.to_string().ends_with("a.gif"), "{error}");
    let error = drawing.encode(FigureFormat::Png, 1e6).unwrap_err();
    assert!(matches!(error, FigureError::TooLarge { .. }), "{error}");
    let nowhere = folder.path().join("no/where.svg");
    let error = drawing.write(&nowhere, 1.0).unwrap_err().to_string();
    assert!(error.contains("no"), "{error}");
}
