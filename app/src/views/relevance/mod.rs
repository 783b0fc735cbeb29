//! Relevance: the reasons for a verdict or for a part of an output, by one method or several, with what says how far to trust
//! them.
//!
//! Invariant: the choices stay reachable in every state, also when what they ask for cannot be computed.

mod bar;
mod faithfulness;
mod maps;
mod rules;
mod sums;

use std::sync::Arc;

use egui::{Align, Frame, Layout, Panel, ProgressBar, ScrollArea, Ui, UiBuilder, vec2};
use ganoscope_core::jobs::{RelevancePreview, SeriesInfo, Slot};
use ganoscope_core::latent::Takes;

use super::contours::ContourMaps;
use super::parts::{is_stale, is_there};
use super::{View, ViewCx, ViewKey};
use crate::command::{Change, Command};
use crate::explain::{Explain, TargetChoice};
use crate::results::Loadable;
use crate::theme::{Tokens, size};
use crate::widgets::{empty_ui, loading_over};
use crate::workbench::RelevanceSection;

/// From this width on a part is opened at the right of the maps, points.
const BESIDE_FROM: f32 = 620.0;
/// From this height on it is opened below them, where it cannot be at the right; else in their place.
const BELOW_FROM: f32 = 420.0;

/// The view.
pub(super) struct Relevance;

impl View for Relevance {
    fn key(&self) -> ViewKey {
        ViewKey::Relevance
    }

    fn ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let relevance = &cx.results.relevance;
        let Some(series) = cx.results.series.shown() else {
            is_there(cx, ui, relevance, Slot::Relevance, "The relevance");
            return;
        };
        if !series.has_discriminator() && cx.document.explain.target == TargetChoice::Verdict {
            no_discriminator_ui(cx, ui, series);
            return;
        }
        bar::bar_ui(cx, ui, series, relevance.shown().map(|shown| &**shown));
        if let Err(why) = cx.document.explain.explained(cx.document) {
            empty_ui(ui, "Nothing to explain", &why, |ui| {
                if ui.button("Explain the whole output").clicked() {
                    let explain = Explain {
                        target: whole(cx.document.explain.target),
                        ..cx.document.explain.clone()
                    };
                    set(cx, explain, "explain the whole output".to_owned());
                }
            });
            return;
        }
        parts_ui(cx, ui, relevance);
    }
}

/// Changes the choices.
fn set(cx: &ViewCx<'_>, explain: Explain, name: String) {
    let explain = Box::new(explain);
    cx.commands.push(Change::SetExplain { explain, name });
}

/// The same output as a whole.
const fn whole(target: TargetChoice) -> TargetChoice {
    match target {
        TargetChoice::Output { output, .. } => TargetChoice::Output {
            output,
            region: None,
            band: None,
        },
        TargetChoice::Verdict => TargetChoice::Verdict,
    }
}

fn no_discriminator_ui(cx: &ViewCx<'_>, ui: &mut Ui, series: &SeriesInfo) {
    // What is drawn from numbers was made from no picture that a map could lie on.
    let can_be_explained = series.takes == Takes::Pictures && !series.drawn().is_empty();
    let hint = if can_be_explained {
        "This series has only generators: there is no verdict to explain, but what they draw can be."
    } else {
        "There is no verdict to explain: this series has only generators. Open it with its discriminator, or see in Units what draws the picture."
    };
    empty_ui(ui, "No discriminator", hint, |ui| {
        if !can_be_explained {
            return;
        }
        if ui.button("Explain an output").clicked() {
            let target = TargetChoice::Output {
                output: 0,
                region: None,
                band: None,
            };
            let explain = Explain {
                target,
                ..cx.document.explain.clone()
            };
            set(cx, explain, "explain an output".to_owned());
        }
    });
}

/// The maps with the part that is open: at their right, below them, or in their place.
fn parts_ui(cx: &ViewCx<'_>, ui: &mut Ui, relevance: &Loadable<Arc<RelevancePreview>>) {
    let Some(section) = cx.workbench.relevance else {
        maps_ui(cx, ui, relevance);
        return;
    };
    let space = ui.available_size();
    if space.x >= BESIDE_FROM {
        Panel::right("relevance part")
            .resizable(true)
            .default_size((space.x * 0.42).min(420.0))
            .size_range(220.0..=space.x * 0.6)
            .frame(Frame::NONE)
            .show(ui, |ui| section_ui(cx, ui, section));
    } else if space.y >= BELOW_FROM {
        Panel::bottom("relevance part below")
            .resizable(true)
            .default_size(space.y * 0.45)
            .size_range(120.0..=space.y * 0.7)
            .frame(Frame::NONE)
            .show(ui, |ui| section_ui(cx, ui, section));
    } else {
        section_ui(cx, ui, section);
        return;
    }
    let frame = Frame::new().inner_margin(egui::Margin {
        right: size::MARGIN,
        ..egui::Margin::ZERO
    });
    egui::CentralPanel::default()
        .frame(frame)
        .show(ui, |ui| maps_ui(cx, ui, relevance));
}

fn section_ui(cx: &ViewCx<'_>, ui: &mut Ui, section: RelevanceSection) {
    let frame = Frame::new().inner_margin(egui::Margin::same(size::MARGIN / 2));
    frame.show(ui, |ui| {
        ui.take_available_space();
        let shown = cx.results.relevance.shown();
        match (section, shown) {
            (RelevanceSection::Faithfulness, _) => faithfulness::faithfulness_ui(cx, ui),
            (RelevanceSection::Rules, shown) => {
                rules::rules_ui(cx, ui, shown.map(|shown| &**shown));
            }
            (RelevanceSection::Sums, Some(shown)) => sums::sums_ui(ui, shown),
            (RelevanceSection::Sums, None) => {}
        }
    });
}

fn maps_ui(cx: &ViewCx<'_>, ui: &mut Ui, relevance: &Loadable<Arc<RelevancePreview>>) {
    if !is_there(cx, ui, relevance, Slot::Relevance, "The relevance") {
        stop_ui(cx, ui, Slot::Relevance);
        return;
    }
    let Some(preview) = relevance.shown() else {
        return;
    };
    let contours = ContourMaps::of(cx, ui);
    let is_dimmed = is_stale(ui, relevance);
    let space = ui.available_rect_before_wrap();
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        maps::grid_ui(cx, ui, (preview, &contours), space.size(), is_dimmed);
    });
    if relevance.is_pending() && is_dimmed {
        loading_over(ui, space, "Computing the relevance");
        stop_over(cx, ui, space, Slot::Relevance);
    }
}

/// How far the work of a slot is, and a button that stops it.
fn stop_ui(cx: &ViewCx<'_>, ui: &mut Ui, slot: Slot) {
    if !cx.results.is_pending(slot) {
        return;
    }
    ui.horizontal(|ui| {
        if let Some(progress) = cx.results.progress.get(&slot) {
            let text = format!("{} of {}", progress.done, progress.total);
            let bar = ProgressBar::new(progress.fraction()).desired_width(120.0);
            ui.add(bar.text(text)).on_hover_text(&*progress.what);
        }
        if ui.button("Stop").clicked() {
            cx.commands.push(Command::Stop(slot));
        }
    });
}

/// The same over the lower right corner of what is being computed anew.
fn stop_over(cx: &ViewCx<'_>, ui: &mut Ui, space: egui::Rect, slot: Slot) {
    let extent = vec2(space.width().min(210.0), 30.0);
    let corner = egui::Rect::from_min_size(space.right_bottom() - extent, extent);
    let builder = UiBuilder::new()
        .id_salt("stop")
        .max_rect(corner)
        .layout(Layout::right_to_left(Align::Center));
    ui.scope_builder(builder, |ui| {
        Frame::new()
            .fill(Tokens::of(ui).side)
            .corner_radius(size::CORNER)
            .inner_margin(4)
            .show(ui, |ui| stop_ui(cx, ui, slot));
    });
}
