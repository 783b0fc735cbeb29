//! A minus B: the signed map with its colour bar, and how large it is.
//!
//! Invariant: a difference is computed once for its two pictures, and both are kept so that no other pixels can take their
//! address.

use std::sync::Arc;

use egui::{Grid, RichText, TextStyle, Ui, vec2};
use ganoscope_core::stamp::Stamp;
use ganoscope_core::stamp::difference::{Difference, DifferenceError, DifferenceMeasures};
use ganoscope_core::stamp::stretch::Limits;

use super::super::ViewCx;
use super::super::contours::ContourMaps;
use super::super::parts::side_for;
use super::modes::{Words, single_ui, title_ui};
use super::pictures::Shown;
use crate::comparison::full_colour;
use crate::theme::{Tokens, size};
use crate::widgets::{Look, Picture, StampView, color_bar_ui, empty_ui, signed_with_marks};

/// Differences that are kept: of every picture to A.
const MOST: usize = 16;
/// Height of the colour bar with its ticks and the line of words below it, points.
const BAR: f32 = 50.0;
/// Height of the measures below the picture, points.
const TABLE: f32 = 150.0;

struct Made {
    of: [Arc<[f32]>; 2],
    outcome: Result<Arc<Difference>, DifferenceError>,
    /// What is drawn in full colour under the limits asked for last.
    scale: Option<(Limits, f32)>,
}

/// The differences computed last.
#[derive(Default)]
pub(super) struct Differences(Vec<Made>);

impl Differences {
    /// `first - second`.
    pub(super) fn of(
        &mut self,
        first: &Stamp,
        second: &Stamp,
    ) -> Result<Arc<Difference>, DifferenceError> {
        self.made(first, second).outcome.clone()
    }

    fn made(&mut self, first: &Stamp, second: &Stamp) -> &mut Made {
        let pixels = [&first.pixels, &second.pixels];
        let is_same = |made: &Made| {
            let mut pairs = made.of.iter().zip(pixels);
            pairs.all(|(kept, now)| Arc::ptr_eq(kept, now))
        };
        let at = self.0.iter().position(is_same).unwrap_or_else(|| {
            if self.0.len() >= MOST {
                self.0.remove(0);
            }
            self.0.push(Made {
                of: pixels.map(Arc::clone),
                outcome: Difference::of(first, second).map(Arc::new),
                scale: None,
            });
            self.0.len() - 1
        });
        &mut self.0[at]
    }

    /// The difference, and the value drawn in full colour.
    fn scaled(
        &mut self,
        first: &Stamp,
        second: &Stamp,
        limits: Limits,
    ) -> Result<(Arc<Difference>, f32), DifferenceError> {
        let made = self.made(first, second);
        let difference = made.outcome.clone()?;
        let largest = match made.scale {
            Some((of, largest)) if of == limits => largest,
            _ => full_colour(&difference.stamp, limits),
        };
        made.scale = Some((limits, largest));
        Ok((difference, largest))
    }
}

/// Draws `A - B`, or says why there is none.
pub(super) fn difference_ui(
    cx: &ViewCx<'_>,
    ui: &mut Ui,
    differences: &mut Differences,
    ([first, second], contours): ([&Shown<'_>; 2], &ContourMaps),
) {
    let limits = cx.workbench.comparison.scale;
    let (difference, largest) = match differences.scaled(first.stamp, second.stamp, limits) {
        Ok(found) => found,
        Err(error) => {
            let why = format!(
                "{} and {}: {error}. Choose pictures of one size, or another way to compare.",
                first.title(),
                second.title()
            );
            empty_ui(ui, "These pictures have no difference", &why, |_| {});
            return;
        }
    };
    let by_height = side_for(ui, 1, 1, BAR);
    let beside = ui.available_width() - size::MEASURES - size::GAP;
    let has_room = beside >= by_height.min(size::MEASURES);
    let side = if has_room {
        by_height.min(beside)
    } else {
        side_for(ui, 1, 1, BAR + TABLE)
    };
    let is_dimmed = first.is_dimmed || second.is_dimmed;
    let title = format!("A - B: {} - {}", first.name, second.name);
    title_ui(ui, ui.available_width(), &title);
    ui.horizontal_top(|ui| {
        ui.vertical(|ui| {
            let look = signed_with_marks(largest, ui.visuals().dark_mode);
            let picture = Picture::new(&difference.stamp, Look::Exact(look));
            let picture = contours.over(picture.with_over(&difference.mean), None);
            let words = Words {
                width: if has_room { side } else { ui.available_width() },
                titles: &[],
                footnote: &format!("full colour at {}", number_text(largest.into())),
                stamps: &[&difference.stamp],
            };
            single_ui(cx, ui, side, &words, |ui| {
                let response = StampView {
                    place: ui.scope_id().with("difference"),
                    label: &title,
                    picture,
                    side,
                    link: cx.leads(),
                    is_dimmed,
                    is_selected: false,
                }
                .show(ui, cx.textures, cx.commands);
                (response.rect, ())
            });
            ui.allocate_ui(vec2(side, BAR), |ui| {
                ui.set_max_width(side);
                color_bar_ui(ui, &look);
            });
            if !has_room {
                measures_ui(ui, &difference.measures);
            }
        });
        if has_room {
            measures_ui(ui, &difference.measures);
        }
    });
}

/// The table of measures.
fn measures_ui(ui: &mut Ui, measures: &DifferenceMeasures) {
    let tokens = Tokens::of(ui);
    let small = |text: String| RichText::new(text).text_style(TextStyle::Small);
    Grid::new("difference")
        .num_columns(2)
        .min_row_height(0.0)
        .spacing([8.0, 4.0])
        .show(ui, |ui| {
            for (name, tooltip, text) in rows_of(measures) {
                ui.label(small(name.to_owned()).color(tokens.weak))
                    .on_hover_text(tooltip);
                ui.label(small(text).color(tokens.strong));
                ui.end_row();
            }
        });
}

/// Name, tooltip and value of every measure there is.
fn rows_of(measures: &DifferenceMeasures) -> Vec<(&'static str, &'static str, String)> {
    let DifferenceMeasures {
        mean,
        rms,
        largest,
        largest_at,
        psnr,
        missing,
    } = *measures;
    let mut rows = vec![
        (
            "+ orange",
            "Where A - B is above zero",
            "A is brighter".to_owned(),
        ),
        (
            "- teal",
            "Where A - B is below zero",
            "B is brighter".to_owned(),
        ),
        ("mean", "Mean of A - B over all bands", number_text(mean)),
        (
            "RMS",
            "Root of the mean square of A - B over all bands",
            number_text(rms),
        ),
        (
            "largest",
            "The difference furthest from zero",
            number_text(largest),
        ),
    ];
    if let Some([x, y]) = largest_at {
        let tooltip = "Where that is: column and row from the top left, from 0";
        rows.push(("at x, y", tooltip, format!("{x}, {y}")));
    }
    let psnr = match (psnr, largest_at) {
        (Some(psnr), _) => format!("{psnr:.2} dB"),
        (None, Some(_)) => "equal".to_owned(),
        (None, None) => "no pixel".to_owned(),
    };
    rows.push(("PSNR", "For pixels between 0 and 1", psnr));
    if missing > 0 {
        let tooltip = "Values that one of the pictures does not have";
        rows.push(("missing", tooltip, missing.to_string()));
    }
    rows
}

/// A number with four digits, in powers of ten where it is very small.
fn number_text(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else if value.abs() < 1e-3 {
        format!("{value:.2e}")
    } else if value.abs() >= 10.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.4}")
    }
}

#[cfg(test)]
mod tests {
    use ganoscope_core::stamp::ValueRange;

    use super::*;

    fn stamp(pixels: &[f32]) -> Stamp {
        Stamp::new("s", pixels.to_vec(), [1, 1, pixels.len()], ValueRange::UNIT)
    }

    #[test]
    fn a_difference_is_computed_once_and_few_are_kept() {
        let mut differences = Differences::default();
        let (a, b) = (stamp(&[1.0, 0.0]), stamp(&[0.5, 0.25]));
        let first = differences.of(&a, &b).unwrap();
        assert!(Arc::ptr_eq(&first, &differences.of(&a, &b).unwrap()));
        let turned = differences.of(&b, &a).unwrap();
        assert_eq!(turned.measures.mean, -first.measures.mean);
        for i in 0..2 * MOST {
            differences.of(&a, &stamp(&[i as f32, 0.0])).unwrap();
        }
        assert_eq!(differences.0.len(), MOST);
    }

    #[test]
    fn the_scale_is_symmetric_and_never_empty() {
        let mut differences = Differences::default();
        let (a, b) = (stamp(&[1.0, 0.0]), stamp(&[0.5, 0.25]));
        let scale = |d: &mut Differences, limits| d.scaled(&a, &b, limits).unwrap().1;
        assert_eq!(scale(&mut differences, Limits::Symmetric(100.0)), 0.5);
        let manual = Limits::Manual {
            low: -0.2,
            high: 0.2,
        };
        assert_eq!(scale(&mut differences, manual), 0.2);
        let (_, largest) = differences.scaled(&a, &a, Limits::Symmetric(99.5)).unwrap();
        assert_eq!(largest, 1.0);
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (0.012_345, "0.0123"),
            (-0.000_123, "-1.23e-4"),
            (50.0, "50"),
        ] {
            assert_eq!(number_text(value), text);
        }
    }
}
