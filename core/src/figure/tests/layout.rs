//! What lies where in a figure: ticks, labels, texts, gaps.

use std::collections::BTreeMap;

use super::super::*;
use super::{LIMITS, look, sheet, stamp, svg_of, texts};
use crate::sky::{Grid, Place};
use crate::stamp::{Stamp, ValueRange};

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

#[test]
fn a_picture_made_smaller_has_outlines_and_axes_where_the_whole_one_has_them() {
    let whole = stamp();
    let small = whole.reduced_to(150);
    assert_eq!((small.dims(), small.reduction_factor()), ([1, 10, 15], 2));
    let frame = Frame::new(0.0, 0.0, 90.0, 60.0);
    let corners = [(3.0, 3.0), (29.0, 3.0), (6.0, 19.0)];
    let drawn = |stamp: &Stamp| {
        let mut panel = Panel::new("Blend", stamp.clone(), look());
        panel.outlines = vec![Outline {
            corners: corners.map(|(column, row)| Place::new(column, row)).into(),
            is_closed: true,
            color: [255, 0, 0],
        }];
        let items = panel.draw(frame, Stroke::new([0; 3], 0.5));
        let clipped = items.into_iter().find_map(|item| match item {
            Item::Clipped { items, .. } => Some(items),
            _ => None,
        });
        let mut sheet = Sheet::new("One", Palette::PRINT);
        sheet.rows = vec![vec![Panel::new("Blend", stamp.clone(), look())]];
        sheet.axes = Axes::offsets(&Grid::of(stamp));
        (clipped.unwrap(), texts(&svg_of(&sheet.draw())))
    };
    let (outlines, labels) = drawn(&whole);
    assert!(!outlines.is_empty() && labels.len() > 4);
    assert_eq!(drawn(&small), (outlines, labels));
}
