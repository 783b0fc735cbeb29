//! The statistics of all regions on all pictures, one row each; only rows that can be seen are drawn.

use egui::{RichText, Sense, TextStyle, Ui};
use egui_extras::{Column, TableBuilder};
use ganoscope_core::jobs::{MeasuredPicture, RegionsPreview, Scene};
use ganoscope_core::region::Statistics;
use ganoscope_core::sky::{Frame, format_degrees, format_hours};

use super::small_combo;
use crate::command::Command;
use crate::theme::Tokens;
use crate::views::ViewCx;
use crate::views::parts::is_stale;
use crate::widgets::region_name;

/// Height of a row, points.
const ROW: f32 = 17.0;

/// The band whose numbers are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Band(usize);

impl Band {
    /// The choice, where the picture has several.
    pub(super) fn choice_ui(&mut self, ui: &mut Ui, scene: &Scene) {
        let blend = &scene.blend;
        let count = blend.channels;
        self.0 = self.0.min(count.saturating_sub(1));
        if count < 2 {
            return;
        }
        let name = |band: usize| {
            let name = blend.bands.get(band).cloned();
            name.unwrap_or_else(|| format!("band {}", band + 1))
        };
        ui.horizontal(|ui| {
            ui.label(RichText::new("Numbers of").color(Tokens::of(ui).weak));
            small_combo(ui, "Band", &name(self.0), |ui| {
                for band in 0..count {
                    ui.selectable_value(&mut self.0, band, name(band));
                }
            });
        });
    }
}

/// A column: its head, what it is, and its text for one row.
type Head = (&'static str, &'static str, f32);

const NAMES: [Head; 2] = [
    ("region", "Its words, or its number", 54.0),
    ("picture", "On which it was measured", 60.0),
];

const NUMBERS: [Head; 11] = [
    ("sum", "Sum of value times covered part", 62.0),
    ("mean", "Sum divided by area", 62.0),
    ("std", "Standard deviation about the mean", 62.0),
    ("median", "Half of the area is below it", 62.0),
    ("min", "Smallest value", 62.0),
    ("max", "Largest value", 62.0),
    (
        "area",
        "Covered area without missing pixels, square pixels",
        62.0,
    ),
    (
        "missing",
        "Covered pixels that are NaN, infinite or BLANK",
        50.0,
    ),
    (
        "x",
        "Centroid of the values: FITS column, the first is 1",
        56.0,
    ),
    (
        "y",
        "Centroid of the values: FITS row from the bottom, the first is 1",
        56.0,
    ),
    ("sky", "Centroid of the values on the sky, ICRS", 190.0),
];

/// Draws the table; `reveal` is a region whose rows are to be seen.
pub(super) fn table_ui(
    cx: &ViewCx<'_>,
    ui: &mut Ui,
    preview: &RegionsPreview,
    band: Band,
    reveal: Option<usize>,
) {
    let tokens = Tokens::of(ui);
    let unit = match preview.unit.as_str() {
        "" => "Values as in the file".to_owned(),
        unit => format!("Values in {unit}"),
    };
    let mut note = unit;
    for more in &preview.notes {
        note += &format!(". {}", more.trim_end_matches('.'));
    }
    let text = RichText::new(note).text_style(TextStyle::Small);
    ui.add(egui::Label::new(text.color(tokens.weak)).wrap());
    if is_stale(ui, &cx.results.regions) {
        ui.multiply_opacity(0.6);
    }
    let rows = Rows {
        preview,
        band: band.0,
        has_sky: preview.grid.wcs().is_ok(),
    };
    egui::ScrollArea::horizontal()
        .id_salt("statistics")
        .auto_shrink(false)
        .show(ui, |ui| rows.ui(cx, ui, reveal));
}

struct Rows<'a> {
    preview: &'a RegionsPreview,
    band: usize,
    has_sky: bool,
}

impl Rows<'_> {
    fn heads(&self) -> impl Iterator<Item = Head> + use<> {
        let numbers = if self.has_sky {
            NUMBERS.len()
        } else {
            NUMBERS.len() - 1
        };
        NAMES.into_iter().chain(NUMBERS.into_iter().take(numbers))
    }

    fn ui(&self, cx: &ViewCx<'_>, ui: &mut Ui, reveal: Option<usize>) {
        let tokens = Tokens::of(ui);
        let pictures = self.preview.pictures.len();
        let count = pictures * self.preview.regions.len();
        let mut table = TableBuilder::new(ui)
            .id_salt("regions")
            .sense(Sense::click())
            .auto_shrink(false)
            .cell_layout(egui::Layout::left_to_right(egui::Align::Center));
        if let Some(region) = reveal {
            table = table.scroll_to_row(region * pictures, Some(egui::Align::Min));
        }
        for (_, _, width) in self.heads() {
            table = table.column(Column::exact(width).clip(true));
        }
        table
            .header(ROW + 2.0, |mut row| {
                for (head, tooltip, _) in self.heads() {
                    row.col(|ui| {
                        let text = RichText::new(head).text_style(TextStyle::Small);
                        ui.label(text.color(tokens.weak)).on_hover_text(tooltip);
                    });
                }
            })
            .body(|body| {
                body.rows(ROW, count, |mut row| {
                    let index = row.index();
                    let (region, picture) = (index / pictures.max(1), index % pictures.max(1));
                    row.set_selected(cx.workbench.regions.selected == Some(region));
                    for text in self.cells(region, picture) {
                        row.col(|ui| {
                            let text = RichText::new(text).text_style(TextStyle::Monospace);
                            ui.label(text);
                        });
                    }
                    if row.response().clicked() {
                        cx.commands.push(Command::SelectRegion(Some(region)));
                    }
                });
            });
    }

    fn cells(&self, index: usize, picture: usize) -> Vec<String> {
        let Some(region) = self.preview.regions.get(index) else {
            return Vec::new();
        };
        let Some(measured) = self.preview.pictures.get(picture) else {
            return Vec::new();
        };
        let mut cells = vec![region_name(index, region), measured.name.clone()];
        match self.statistics(measured, index) {
            Some(statistics) => cells.extend(self.numbers(statistics)),
            None if region.exclude => cells.push("excluded".to_owned()),
            None => {}
        }
        cells
    }

    /// Of the chosen band, or of the only one.
    fn statistics(&self, measured: &MeasuredPicture, index: usize) -> Option<Statistics> {
        let bands = &measured.statistics.get(index)?.as_ref()?.bands;
        bands.get(self.band).or_else(|| bands.last()).copied()
    }

    fn numbers(&self, found: Statistics) -> Vec<String> {
        let maybe = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), number_text);
        let grid = &self.preview.grid;
        let centroid = found.centroid.map(|place| grid.to_fits(place));
        let part = |axis: usize| {
            let value = centroid.and_then(|pixel| pixel.get(axis).copied());
            value.map_or_else(|| "-".to_owned(), |v| format!("{v:.2}"))
        };
        let mut cells = vec![
            if found.pixels > 0 {
                number_text(found.sum)
            } else {
                "-".to_owned()
            },
            maybe(found.mean),
            maybe(found.standard_deviation),
            maybe(found.median),
            maybe(found.minimum),
            maybe(found.maximum),
            format!("{:.2}", found.area),
            found.missing.to_string(),
            part(0),
            part(1),
        ];
        if self.has_sky {
            let sky = found.centroid.and_then(|place| grid.sky(place));
            let sky = sky.and_then(|sky| sky.to(Frame::Icrs).ok());
            cells.push(sky.map_or_else(
                || "-".to_owned(),
                |sky| {
                    format!(
                        "{} {}",
                        format_hours(sky.longitude, 3),
                        format_degrees(sky.latitude, 2)
                    )
                },
            ));
        }
        cells
    }
}

/// Five digits, with an exponent where zeros would hide them.
fn number_text(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if !(1e-3..1e6).contains(&size) {
        format!("{value:.3e}")
    } else {
        let digits = (4.0 - size.log10().floor()).clamp(0.0, 6.0) as usize;
        format!("{value:.digits$}")
    }
}

#[cfg(test)]
mod tests {
    use super::number_text;

    #[test]
    fn numbers_have_five_digits() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1.0000"),
            (-12.3456, "-12.346"),
            (0.012_345_6, "0.012346"),
            (123_456.7, "123457"),
            (1.5e-5, "1.500e-5"),
            (2e7, "2.000e7"),
        ] {
            assert_eq!(number_text(value), text);
        }
    }
}
