//! The maps' sums over the parts of their pictures: a row per map, a bar per part with a mark at the part's area.

use egui::{Align2, Grid, RichText, ScrollArea, Sense, TextStyle, Ui, pos2, vec2};
use ganoscope_core::attribution::{RegionSum, SourcePart};
use ganoscope_core::jobs::{PoleMap, RelevancePreview, RelevanceRow};

use crate::theme::{Tokens, size};

/// Height of a bar, points.
const BAR_HEIGHT: f32 = 16.0;
/// Narrowest and widest bar, points.
const BAR_WIDTH: std::ops::RangeInclusive<f32> = 46.0..=110.0;
/// What the names of a row take, points.
const NAMES: f32 = 170.0;

/// The table of all maps.
pub(super) fn sums_ui(ui: &mut Ui, preview: &RelevancePreview) {
    let text =
        "Share of each map's magnitudes; the line in a bar is the part's share of the picture.";
    ui.label(RichText::new(text).color(Tokens::of(ui).weak));
    let maps: Vec<(&RelevanceRow, String, &PoleMap)> = rows_of(preview);
    let parts = parts_of(&maps);
    let room = (ui.available_width() - NAMES) / parts.len().max(1) as f32 - size::GAP;
    let width = room.clamp(*BAR_WIDTH.start(), *BAR_WIDTH.end());
    ScrollArea::both().auto_shrink(false).show(ui, |ui| {
        Grid::new("sums")
            .spacing(vec2(size::GAP, 3.0))
            .striped(true)
            .show(ui, |ui| {
                let weak = Tokens::of(ui).weak;
                let small = |text: &str| RichText::new(text).text_style(TextStyle::Small);
                for head in ["picture", "map"] {
                    ui.label(small(head).color(weak));
                }
                for part in &parts {
                    ui.label(small(&part_name(*part, &parts)).color(weak));
                }
                ui.end_row();
                for (row, name, map) in &maps {
                    ui.label(small(&row.name()));
                    ui.label(small(name));
                    for part in &parts {
                        let sum = map.regions.iter().find(|sum| sum.part == *part);
                        part_ui(ui, sum, width);
                    }
                    ui.end_row();
                }
            });
    });
}

/// Every map with the picture it is of and its name.
fn rows_of(preview: &RelevancePreview) -> Vec<(&RelevanceRow, String, &PoleMap)> {
    let mut sorted: Vec<&RelevanceRow> = preview.rows.iter().collect();
    sorted.sort_by_key(|row| (row.galaxy, row.is_generated));
    let mut maps = Vec::new();
    for row in sorted {
        maps.extend(row.maps.iter().map(|map| {
            let name = match map.is_real_pole {
                Some(true) => "for real".to_owned(),
                Some(false) => "for generated".to_owned(),
                None => preview.method.clone(),
            };
            (row, name, map)
        }));
        maps.extend(row.beside.iter().filter_map(|beside| {
            let map = beside.map.as_ref().ok()?;
            Some((row, beside.method.name().to_owned(), map))
        }));
    }
    maps
}

/// The parts of all pictures, in their order.
fn parts_of(maps: &[(&RelevanceRow, String, &PoleMap)]) -> Vec<SourcePart> {
    let parts = maps.iter().flat_map(|(_, _, map)| &map.regions);
    let mut parts: Vec<SourcePart> = parts.map(|sum| sum.part).collect();
    parts.sort_unstable();
    parts.dedup();
    parts
}

/// Its name; without a number where no picture has several sources.
fn part_name(part: SourcePart, parts: &[SourcePart]) -> String {
    let has_several = parts.contains(&SourcePart::Core(1));
    match part {
        SourcePart::Core(_) if !has_several => "core".to_owned(),
        SourcePart::Outskirts(_) if !has_several => "outskirts".to_owned(),
        part => part.to_string(),
    }
}

/// A share as a bar and a number.
fn part_ui(ui: &mut Ui, sum: Option<&RegionSum>, width: f32) {
    let (rect, response) = ui.allocate_exact_size(vec2(width, BAR_HEIGHT), Sense::hover());
    let tokens = Tokens::of(ui);
    let font = TextStyle::Small.resolve(ui.style());
    let Some(sum) = sum else {
        let at = rect.left_center() + vec2(3.0, 0.0);
        ui.painter()
            .text(at, Align2::LEFT_CENTER, "-", font, tokens.weak);
        response.on_hover_text("No source stands out in this picture");
        return;
    };
    let along = |share: f64| rect.left() + rect.width() * share.clamp(0.0, 1.0) as f32;
    let color = if sum.sum < 0.0 {
        tokens.generated
    } else {
        tokens.real
    };
    let painter = ui.painter();
    painter.rect_filled(rect, 2.0, tokens.well);
    let bar = rect.with_max_x(along(sum.share));
    painter.rect_filled(bar, 2.0, color.gamma_multiply(0.55));
    let area = along(sum.area_share);
    painter.line_segment(
        [pos2(area, rect.top()), pos2(area, rect.bottom())],
        (1.0, tokens.weak),
    );
    let text = format!("{:.0} %", 100.0 * sum.share);
    let at = rect.left_center() + vec2(3.0, 0.0);
    painter.text(at, Align2::LEFT_CENTER, text, font, tokens.strong);
    response.on_hover_ui(|ui| {
        ui.label(format!(
            "{}: {:.1} % of the magnitudes",
            sum.part,
            100.0 * sum.share
        ));
        ui.label(format!("sum {:+.3e}", sum.sum));
        ui.label(format!(
            "{:.0} pixels, {:.1} % of the picture",
            sum.area,
            100.0 * sum.area_share
        ));
    });
}
