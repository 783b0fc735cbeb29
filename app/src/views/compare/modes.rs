//! Pictures beside each other, one after the other, and under a divider.

use egui::{Align, Align2, Layout, RichText, TextStyle, Ui};
use ganoscope_core::stamp::difference::DifferenceMeasures;

use super::super::ViewCx;
use super::super::contours::ContourMaps;
use super::super::parts::{CAPTION, FOOTNOTE, Well, line, side_for};
use super::difference::Differences;
use super::pictures::{Pictures, Shown};
use crate::theme::Tokens;
use crate::widgets::{SwipeView, corner_text, value_text};

/// Columns by rows, bands.
fn size_text(shown: &Shown<'_>) -> String {
    let [bands, rows, columns] = shown.stamp.dims();
    let bands = if bands == 1 {
        "1 band".to_owned()
    } else {
        format!("{bands} bands")
    };
    format!("{columns} x {rows}, {bands}")
}

/// How far a picture is from A.
fn distance_text(measures: &DifferenceMeasures) -> String {
    match (measures.psnr, measures.largest_at) {
        (Some(psnr), _) => format!("PSNR {psnr:.2} dB to A"),
        (None, Some(_)) => "equal to A".to_owned(),
        (None, None) => "no pixel in common with A".to_owned(),
    }
}

/// A picture in its well with its letter and name.
fn well_ui(
    cx: &ViewCx<'_>,
    ui: &mut Ui,
    (place, side): (usize, f32),
    (shown, contours): (&Shown<'_>, &ContourMaps),
    (caption, footnote): (&str, String),
) {
    Well {
        place: ("compare", place, 0),
        caption,
        footnote,
        picture: shown.picture(contours),
        side,
        is_dimmed: shown.is_dimmed,
    }
    .show(cx, ui);
}

/// All pictures beside each other, as large as there is room; how far each is from A below it.
pub(super) fn beside_ui(
    cx: &ViewCx<'_>,
    ui: &mut Ui,
    differences: &mut Differences,
    (pictures, contours): (&Pictures<'_>, &ContourMaps),
) {
    let all: Vec<&Shown<'_>> = pictures.there().collect();
    let side_of = |columns: usize| side_for(ui, columns, all.len().div_ceil(columns), 0.0);
    // Fewer columns where they make larger pictures.
    let columns = (1..=all.len()).max_by(|a, b| {
        let order = side_of(*a).total_cmp(&side_of(*b));
        order.then_with(|| a.cmp(b))
    });
    let columns = columns.unwrap_or(1);
    let side = side_of(columns);
    let first = all.first().map(|shown| shown.stamp);
    for (row, shown) in all.chunks(columns).enumerate() {
        ui.horizontal_top(|ui| {
            for (column, shown) in shown.iter().enumerate() {
                let place = row * columns + column;
                let footnote = match first.filter(|_| place > 0) {
                    None => size_text(shown),
                    Some(first) => match differences.of(first, shown.stamp) {
                        Ok(made) => distance_text(&made.measures),
                        Err(_) => size_text(shown),
                    },
                };
                let title = shown.title();
                well_ui(cx, ui, (place, side), (shown, contours), (&title, footnote));
            }
        });
    }
}

/// The picture whose turn it is.
pub(super) fn blink_ui(
    cx: &ViewCx<'_>,
    ui: &mut Ui,
    pictures: &Pictures<'_>,
    contours: &ContourMaps,
) {
    let place = cx.workbench.comparison.shown_place();
    let (shown, count) = pictures.at(place);
    let side = side_for(ui, 1, 1, 0.0);
    if let Some(shown) = shown {
        let title = format!("{} ({} of {count})", shown.title(), place + 1);
        let footnote = size_text(shown);
        well_ui(cx, ui, (0, side), (shown, contours), (&title, footnote));
    }
}

/// A to the left of the divider, B to its right; returns where the divider is moved to.
pub(super) fn swipe_ui(
    cx: &ViewCx<'_>,
    ui: &mut Ui,
    [first, second]: [&Shown<'_>; 2],
    contours: &ContourMaps,
) -> Option<f32> {
    let side = side_for(ui, 1, 1, 0.0);
    let size = egui::vec2(side, CAPTION + side + FOOTNOTE);
    let divider = cx.workbench.comparison.divider();
    ui.allocate_ui_with_layout(size, Layout::top_down(Align::Min), |ui| {
        ui.set_min_size(size);
        ui.spacing_mut().item_spacing.y = 1.0;
        let tokens = Tokens::of(ui);
        ui.horizontal(|ui| {
            let half = (side - ui.spacing().item_spacing.x) / 2.0;
            for shown in [first, second] {
                line(ui, half, CAPTION - 2.0, |ui| {
                    ui.label(RichText::new(shown.title()).color(tokens.text));
                });
            }
        });
        let label = format!("{} | {}", first.title(), second.title());
        let (response, moved) = SwipeView {
            place: ui.scope_id().with("swipe"),
            label: &label,
            first: first.picture(contours),
            second: second.picture(contours),
            divider,
            side,
            link: cx.leads(),
            is_dimmed: first.is_dimmed || second.is_dimmed,
        }
        .show(ui, cx.textures, cx.commands);
        if let Some(pixel) = cx.workbench.cursor {
            for (shown, corner) in [(first, Align2::LEFT_BOTTOM), (second, Align2::RIGHT_BOTTOM)] {
                let text = value_text(shown.stamp, pixel);
                corner_text(ui, response.rect, corner, &text);
            }
        }
        line(ui, side, FOOTNOTE - 2.0, |ui| {
            let text = format!("divider at {:.0} %", 100.0 * divider);
            let text = RichText::new(text).text_style(TextStyle::Small);
            ui.label(text.color(tokens.weak));
        });
        moved
    })
    .inner
}
