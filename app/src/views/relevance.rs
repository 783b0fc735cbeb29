//! Relevance: the discriminator's reasons over truths and outputs, both poles, on one scale.

use egui::{RichText, ScrollArea, Slider, TextStyle, Ui};
use ganoscope_core::attribution::{Method, Pole};
use ganoscope_core::jobs::{PoleMap, RelevancePreview, RelevanceRow, Slot};

use super::contours::{ContourMaps, contours_ui};
use super::parts::{Well, combo, is_stale, is_there, light, side_for};
use super::{View, ViewCx, ViewKey};
use crate::command::Change;
use crate::theme::{Tokens, size};
use crate::widgets::{Look, Picture, legend_ui, loading_over};

/// A gap from which a map deserves doubt.
const LARGE_GAP: f64 = 0.1;

/// The view.
pub(super) struct Relevance;

impl View for Relevance {
    fn key(&self) -> ViewKey {
        ViewKey::Relevance
    }

    fn ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let relevance = &cx.results.relevance;
        let has_none =
            |s: &std::sync::Arc<ganoscope_core::jobs::SeriesInfo>| !s.has_discriminator();
        if cx.results.series.ready().is_some_and(has_none) {
            let hint = "Relevance explains a discriminator; this series has only generators.";
            crate::widgets::empty_ui(ui, "No discriminator", hint, |_| {});
            return;
        }
        if !is_there(cx, ui, relevance, Slot::Relevance, "The relevance") {
            return;
        }
        let Some(preview) = relevance.shown() else {
            return;
        };
        bar_ui(cx, ui, preview);
        let contours = ContourMaps::of(cx, ui);
        let is_dimmed = is_stale(ui, relevance);
        let space = ui.available_rect_before_wrap();
        ScrollArea::both()
            .auto_shrink(false)
            .show(ui, |ui| rows_ui(cx, ui, (preview, &contours), is_dimmed));
        if relevance.is_pending() && is_dimmed {
            loading_over(ui, space, "Computing the relevance");
        }
    }
}

/// Method, opacity and the legend.
fn bar_ui(cx: &ViewCx<'_>, ui: &mut Ui, preview: &RelevancePreview) {
    let tokens = Tokens::of(ui);
    let scale = [tokens.generated, tokens.ground, tokens.real];
    let (low, high) = (
        format!("generated  -{:.1e}", preview.scale),
        format!("+{:.1e}  real", preview.scale),
    );
    let has_room = ui.available_width() >= size::BAR;
    ui.horizontal_wrapped(|ui| {
        let mut method = cx.document.method.clone();
        combo(ui, "Method", cx.document.method.name(), |ui| {
            for choice in methods() {
                let name = choice.name().to_owned();
                ui.selectable_value(&mut method, choice, name);
            }
        });
        if method != cx.document.method {
            cx.commands.push(Change::SetMethod(method));
        }
        let mut display = cx.document.display;
        let label = ui.label(RichText::new("Overlay").color(tokens.weak));
        let slider = Slider::new(&mut display.overlay, 0.0..=1.0).show_value(false);
        ui.add(slider).labelled_by(label.id);
        contours_ui(cx, ui, &mut display);
        if display != cx.document.display {
            cx.commands.push(Change::SetDisplay(display));
        }
        if has_room {
            legend_ui(ui, 90.0, &scale, &low, &high);
        }
    });
    if !has_room {
        ui.horizontal(|ui| legend_ui(ui, 90.0, &scale, &low, &high));
    }
}

/// The methods to choose from; the polarised one with both poles.
fn methods() -> Vec<Method> {
    let all = Method::all().into_iter();
    all.map(|method| match method {
        Method::Polarized { .. } => Method::Polarized { pole: Pole::Both },
        other => other,
    })
    .collect()
}

/// What is drawn, and the lines over it.
type Drawn<'a> = (&'a RelevancePreview, &'a ContourMaps);

/// One block per galaxy, truth above output; blocks side by side when there is room.
fn rows_ui(cx: &ViewCx<'_>, ui: &mut Ui, (preview, contours): Drawn<'_>, is_dimmed: bool) {
    let galaxies = 1 + preview.rows.iter().map(|r| r.galaxy).max().unwrap_or(0);
    let maps = preview.rows.iter().map(|r| r.maps.len()).max().unwrap_or(1);
    let rows_of = |galaxy: usize| preview.rows.iter().filter(move |r| r.galaxy == galaxy);
    let most = (0..galaxies).map(|g| rows_of(g).count()).max().unwrap_or(1);
    let beside = side_for(ui, galaxies * (maps + 1), most, 2.0);
    let stacked = side_for(ui, maps + 1, most * galaxies, 2.0);
    let draw = |ui: &mut Ui, galaxy: usize, side: f32| {
        ui.vertical(|ui| {
            for row in rows_of(galaxy) {
                row_ui(cx, ui, (preview, contours), row, side, is_dimmed);
            }
        });
    };
    if beside >= stacked {
        ui.horizontal_top(|ui| {
            for galaxy in 0..galaxies {
                draw(ui, galaxy, beside - size::GROUP_GAP / (maps + 1) as f32);
                if galaxy + 1 < galaxies {
                    ui.add_space(size::GROUP_GAP);
                }
            }
        });
    } else {
        for galaxy in 0..galaxies {
            draw(ui, galaxy, stacked);
        }
    }
}

fn row_ui(
    cx: &ViewCx<'_>,
    ui: &mut Ui,
    (preview, contours): Drawn<'_>,
    row: &RelevanceRow,
    side: f32,
    is_dimmed: bool,
) {
    let at = row.galaxy * 2 + usize::from(row.is_generated);
    let kind = if row.is_generated {
        "generated"
    } else {
        "truth"
    };
    let verdict = if row.logit > 0.0 { "real" } else { "generated" };
    ui.horizontal_top(|ui| {
        Well {
            place: ("relevance", at, 0),
            caption: &format!("Galaxy {}, {kind}", row.galaxy + 1),
            footnote: format!("{verdict}, logit {:+.2}", row.logit),
            picture: contours.over(Picture::new(&row.image, light(cx)), Some(row.galaxy)),
            side,
            is_dimmed,
        }
        .show(cx, ui);
        for (i, map) in row.maps.iter().enumerate() {
            map_ui(
                cx,
                ui,
                (preview, contours),
                row,
                map,
                (at, i),
                side,
                is_dimmed,
            );
        }
    });
}

#[expect(
    clippy::too_many_arguments,
    reason = "one map with everything that places it"
)]
fn map_ui(
    cx: &ViewCx<'_>,
    ui: &mut Ui,
    (preview, contours): Drawn<'_>,
    row: &RelevanceRow,
    map: &PoleMap,
    (at, i): (usize, usize),
    side: f32,
    is_dimmed: bool,
) {
    let caption = match map.is_real_pole {
        Some(true) => "for real",
        Some(false) => "for generated",
        None => "both signs",
    };
    let look = Look::Relevance {
        levels: cx.levels,
        scale: preview.scale,
        opacity: cx.document.display.overlay,
        is_dark: ui.visuals().dark_mode,
    };
    let picture = Picture::new(&row.image, look).with_over(&map.map);
    let rect = Well {
        place: ("relevance", at, 1 + i),
        caption,
        footnote: gap_text(map),
        picture: contours.over(picture, Some(row.galaxy)),
        side,
        is_dimmed,
    }
    .show(cx, ui);
    if map.conservation_gap.is_some_and(|g| g.abs() > LARGE_GAP) || !map.warnings.is_empty() {
        doubt_ui(ui, rect, map);
    }
}

fn gap_text(map: &PoleMap) -> String {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share.abs());
    match (map.conservation_gap, map.absorbed) {
        (Some(gap), Some(absorbed)) => {
            format!("gap {}, biases {}", percent(gap), percent(absorbed))
        }
        (Some(gap), None) => format!("gap {}", percent(gap)),
        (None, _) => "no conservation claimed".to_owned(),
    }
}

/// A sign in the corner of a map that should be trusted less, with the reasons.
fn doubt_ui(ui: &mut Ui, well: egui::Rect, map: &PoleMap) {
    let rect = egui::Rect::from_min_size(
        well.right_top() + egui::vec2(-20.0, 4.0),
        egui::vec2(16.0, 16.0),
    );
    let response = ui.interact(
        rect,
        ui.scope_id()
            .with(("doubt", well.min.x as i32, well.min.y as i32)),
        egui::Sense::hover(),
    );
    crate::widgets::paint_icon(
        ui.painter(),
        rect,
        crate::widgets::Icon::Warning,
        Tokens::of(ui).warning,
    );
    response.on_hover_ui(|ui| {
        if let Some(gap) = map.conservation_gap.filter(|g| g.abs() > LARGE_GAP) {
            ui.label(format!(
                "{:.0} % of the evidence is not accounted for; trust this map less",
                100.0 * gap.abs()
            ));
        }
        for warning in &map.warnings {
            ui.label(RichText::new(crate::notify::sentence(warning)).text_style(TextStyle::Small));
        }
    });
}
