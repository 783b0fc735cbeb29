//! Figures as files: well-formed, complete, with the numbers and pixels of the data.

use std::collections::BTreeMap;

use super::*;
use crate::sky::{Grid, Place};
use crate::stamp::colormap::Colormap;
use crate::stamp::look::{Ink, Look};
use crate::stamp::render::{Canvas, Raster, Rasters, render};
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
fn the_ticks_of_a_colour_bar_end_at_the_limits_of_the_look() {
    let bar = Bar::new("Light", look());
    let ticks = bar.ticks();
    let (first, last) = (ticks[0], ticks[ticks.len() - 1]);
    assert_eq!([first.share, last.share], [0.0, 1.0]);
    assert_eq!([first.value, last.value], LIMITS.map(f64::from));
    assert!(ticks.len() > 2, "{ticks:?}");
    for tick in &ticks {
        // Contrast and bias are at rest: brightness is the place on the bar.
        let brightness = f64::from(look().brightness(tick.value as f32));
        assert!((brightness - tick.share).abs() < 1e-5, "{tick:?}");
    }
    let texts = texts(&svg_of(&sheet().draw()));
    for limit in LIMITS {
        let text = number_text(f64::from(limit));
        assert!(texts.contains(&text), "{text}: {texts:?}");
    }
    let wide = ValueRange {
        low: 0.0,
        high: 1000.0,
    };
    let in_data = bar.with_data(ValueRange::UNIT, wide, "adu").ticks();
    assert_eq!(in_data[0].value, f64::from(LIMITS[0]) * 1000.0);
    let inner = in_data[1];
    let pixel = (inner.value / 1000.0) as f32;
    assert!((f64::from(look().brightness(pixel)) - inner.share).abs() < 1e-5);
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
fn offsets_grow_to_the_north_and_the_east() {
    let grid = Grid::of(&stamp());
    let axes = Axes::offsets(&grid).unwrap();
    let across = axes.across([20, 30], 5);
    assert_eq!(across.label, "East offset (arcsec)");
    // 30 columns of 0.25 arcseconds: from +3.75 on the left to -3.75 on the right.
    let at = |axis: &Axis, text: &str| {
        let tick = axis.ticks.iter().find(|tick| tick.text == text);
        tick.unwrap_or_else(|| panic!("{text}: {axis:?}")).share
    };
    assert!((at(&across, "2") - 1.75 / 7.5).abs() < 1e-6);
    assert!((at(&across, "\u{2212}2") - 5.75 / 7.5).abs() < 1e-6);
    let down = axes.down([20, 30], 5);
    assert!(at(&down, "2") < at(&down, "0"), "north is up: {down:?}");
    assert_eq!(
        Axes::offsets(&Grid::of(&Stamp::new(
            "n",
            vec![0.0],
            [1, 1, 1],
            ValueRange::UNIT
        ))),
        None
    );
}

#[test]
fn places_on_the_sky_lie_where_the_coordinates_say() {
    let grid = Grid::of(&stamp());
    let axes = Axes::sky(&grid).unwrap();
    let down = axes.down([20, 30], 6);
    assert!(down.label.starts_with("Declination"), "{down:?}");
    let tick = down
        .ticks
        .iter()
        .find(|tick| tick.text.starts_with("+02:00:00"));
    // Declination 2 is in the middle of the rows.
    assert!((tick.expect("a tick").share - 0.5).abs() < 1e-3, "{down:?}");
    let across = axes.across([20, 30], 6);
    assert!(across.label.starts_with("Right ascension"));
    let tick = across
        .ticks
        .iter()
        .find(|tick| tick.text.starts_with("10:00:00.0"));
    assert!(
        (tick.expect("a tick").share - 0.5).abs() < 1e-3,
        "{across:?}"
    );
}

#[test]
fn labels_of_one_side_never_touch() {
    for side in [12.0, 40.0, 90.0, 160.0] {
        for axes in [Axes::Pixels, Axes::sky(&Grid::of(&stamp())).unwrap()] {
            let mut sheet = sheet();
            sheet.width = 3.0 * side + 120.0;
            sheet.axes = Some(axes);
            let drawing = sheet.draw();
            let mut by_line: BTreeMap<i64, Vec<(f64, f64)>> = BTreeMap::new();
            for item in &drawing.items {
                let Item::Text(text) = item else { continue };
                if text.is_upward {
                    continue;
                }
                let width = text_width(&text.text, text.size);
                let left = match text.align {
                    Align::Start => text.at[0],
                    Align::Middle => text.at[0] - width / 2.0,
                    Align::End => text.at[0] - width,
                };
                let line = by_line.entry((text.at[1] * 8.0) as i64).or_default();
                line.push((left, left + width));
            }
            for (line, mut spans) in by_line {
                spans.sort_by(|a, b| a.0.total_cmp(&b.0));
                for pair in spans.windows(2) {
                    assert!(pair[0].1 <= pair[1].0 + 0.01, "{side}: {line} {pair:?}");
                }
            }
        }
    }
}

#[test]
fn a_chart_keeps_gaps_and_names_everything() {
    let chart = Chart {
        title: "PSNR".to_owned(),
        across: "Training step".to_owned(),
        up: "PSNR (dB)".to_owned(),
        places: (0..4)
            .map(|i| (f64::from(i), (i * 100).to_string()))
            .collect(),
        span: [-0.5, 3.5],
        range: [18.0, 25.0],
        lanes: vec![Lane {
            name: "galaxy 1".to_owned(),
            color: [10, 120, 90],
            spot: Spot::Diamond,
            points: vec![[0.0, 20.0], [1.0, f64::NAN], [2.0, 23.0], [3.0, 24.0]],
        }],
        levels: vec![Level {
            name: "blend itself".to_owned(),
            value: 21.8,
        }],
        shown: Some(2.0),
        notes: Vec::new(),
        palette: Palette::PRINT,
    };
    let svg = svg_of(&chart.draw());
    assert!(!svg.contains("NaN"));
    let texts = texts(&svg);
    for wanted in [
        "PSNR (dB)",
        "Training step",
        "galaxy 1",
        "blend itself",
        "300",
        "20",
        "24",
    ] {
        assert!(texts.iter().any(|t| t == wanted), "{wanted}: {texts:?}");
    }
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

#[test]
fn texts_fit_and_wrap() {
    let text = "a rather long caption of a picture";
    for width in [5.0, 30.0, 80.0, 500.0] {
        assert!(text_width(&fitted(text, 8.0, width), 8.0) <= width);
    }
    assert_eq!(fitted(text, 8.0, 500.0), text);
    let long = format!("{text} {} end", "x".repeat(200));
    let lines = wrapped(&long, 7.0, 100.0);
    assert!(lines.iter().all(|line| text_width(line, 7.0) <= 100.0));
    let joined: String = lines.concat().chars().filter(|c| *c != ' ').collect();
    assert_eq!(joined, long.replace(' ', ""));
}

#[test]
fn numbers_are_short_and_exact_enough() {
    for (value, text) in [
        (0.0, "0"),
        (0.25, "0.25"),
        (12.0, "12"),
        (-1.5, "\u{2212}1.5"),
        (1234.0, "1234"),
        (0.0125, "0.0125"),
        (-1.5e-5, "\u{2212}1.5e-5"),
        (2e7, "2e7"),
    ] {
        assert_eq!(number_text(value), text);
    }
    assert_eq!(nice([0.0, f64::NAN], 4), Vec::<f64>::new());
    assert_eq!(nice([1.0, 1.0], 4), Vec::<f64>::new());
}
