//! Pictures beside each other, one after the other, and under a divider.

use egui::{Align, Align2, Layout, Rect, RichText, TextStyle, Ui};
use ganoscope_core::stamp::Stamp;
use ganoscope_core::stamp::difference::DifferenceMeasures;

use super::super::ViewCx;
use super::super::contours::ContourMaps;
use super::super::parts::{CAPTION, FOOTNOTE, Well, line, side_for};
use super::difference::Differences;
use super::pictures::{Pictures, Shown};
use crate::theme::Tokens;
use crate::widgets::{StampView, SwipeView, corner_text, value_text};

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
                Well {
                    place: ("compare", place, 0),
                    caption: &shown.title(),
                    footnote,
                    picture: shown.picture(contours),
                    side,
                    is_dimmed: shown.is_dimmed,
                }
                .show(cx, ui);
            }
        });
    }
}

/// One large picture below its titles, which are as wide as there is room, with a line of words below it. `draw` draws the
/// picture and returns its place; the texts of the pixel under the pointer stand in its corners.
pub(super) fn single_ui<R>(
    cx: &ViewCx<'_>,
    ui: &mut Ui,
    side: f32,
    words: &Words<'_>,
    draw: impl FnOnce(&mut Ui) -> (Rect, R),
) -> R {
    let wide = words.width.max(side);
    let caption = if words.titles.is_empty() {
        0.0
    } else {
        CAPTION
    };
    let size = egui::vec2(wide, caption + side + FOOTNOTE);
    ui.allocate_ui_with_layout(size, Layout::top_down(Align::Min), |ui| {
        ui.set_min_size(size);
        ui.spacing_mut().item_spacing.y = 1.0;
        let tokens = Tokens::of(ui);
        if !words.titles.is_empty() {
            ui.horizontal(|ui| {
                let count = words.titles.len() as f32;
                let share = (wide - (count - 1.0) * ui.spacing().item_spacing.x) / count;
                for title in words.titles {
                    title_ui(ui, share, title);
                }
            });
        }
        let (rect, result) = draw(ui);
        if let Some(pixel) = cx.workbench.cursor {
            for (stamp, corner) in words.stamps.iter().zip(CORNERS) {
                corner_text(ui, rect, corner, &value_text(stamp, pixel));
            }
        }
        line(ui, wide, FOOTNOTE - 2.0, |ui| {
            let text = RichText::new(words.footnote).text_style(TextStyle::Small);
            ui.label(text.color(tokens.weak));
        });
        result
    })
    .inner
}

/// A title that is cut where it would be wider.
pub(super) fn title_ui(ui: &mut Ui, width: f32, title: &str) {
    line(ui, width, CAPTION - 2.0, |ui| {
        ui.label(RichText::new(title).color(Tokens::of(ui).text));
    });
}

/// What is written around a large picture.
pub(super) struct Words<'a> {
    /// How wide it may be, points.
    pub(super) width: f32,
    /// Above it, beside each other; nothing where they stand elsewhere.
    pub(super) titles: &'a [&'a str],
    /// Below it.
    pub(super) footnote: &'a str,
    /// Whose values are written into its corners.
    pub(super) stamps: &'a [&'a Stamp],
}

/// How wide the titles of two pictures are, points.
const TITLES: f32 = 340.0;
/// Where the values of the first and of the second picture stand.
const CORNERS: [Align2; 2] = [Align2::LEFT_BOTTOM, Align2::RIGHT_TOP];

/// The picture whose turn it is.
pub(super) fn blink_ui(
    cx: &ViewCx<'_>,
    ui: &mut Ui,
    pictures: &Pictures<'_>,
    contours: &ContourMaps,
) {
    let place = cx.workbench.comparison.shown_place();
    let (Some(shown), count) = pictures.at(place) else {
        return;
    };
    let side = side_for(ui, 1, 1, 0.0);
    let title = format!("{} ({} of {count})", shown.title(), place + 1);
    let words = Words {
        width: ui.available_width(),
        titles: &[&title],
        footnote: &size_text(shown),
        stamps: &[shown.stamp],
    };
    single_ui(cx, ui, side, &words, |ui| {
        let response = StampView {
            place: ui.scope_id().with("blink"),
            label: &title,
            picture: shown.picture(contours),
            side,
            link: cx.leads(),
            is_dimmed: shown.is_dimmed,
            is_selected: false,
        }
        .show(ui, cx.textures, cx.commands);
        (response.rect, ())
    });
}

/// A to the left of the divider, B to its right; returns where the divider is moved to.
pub(super) fn swipe_ui(
    cx: &ViewCx<'_>,
    ui: &mut Ui,
    [first, second]: [&Shown<'_>; 2],
    contours: &ContourMaps,
) -> Option<f32> {
    let side = side_for(ui, 1, 1, 0.0);
    let divider = cx.workbench.comparison.divider();
    let titles = [first.title(), second.title()];
    let label = titles.join(" | ");
    let words = Words {
        width: ui.available_width().min(TITLES),
        titles: &titles.each_ref().map(|title| &**title),
        footnote: &format!("divider at {:.0} %", 100.0 * divider),
        stamps: &[first.stamp, second.stamp],
    };
    single_ui(cx, ui, side, &words, |ui| {
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
        (response.rect, moved)
    })
}
