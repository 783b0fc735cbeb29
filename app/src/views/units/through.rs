//! What the units did for the discriminator's verdict: the sums that they are sorted by, and how far these can be trusted.

use egui::{RichText, Ui};
use ganoscope_core::jobs::{Slot, ThroughWay, UnitMaps};

use crate::command::Command;
use crate::results::{Loadable, Results};
use crate::theme::Tokens;
use crate::views::ViewCx;
use crate::workbench::Workbench;

/// What a way means, and how well it foretells an ablation. The correlations are those of the series that ships, measured by
/// `core/tests/through_shipped.rs`.
pub(super) const fn meaning(way: ThroughWay) -> &'static str {
    match way {
        ThroughWay::Relevance => {
            "What the discriminator's evidence for \"generated\" is made of, carried through both networks by rules; most for \
             \"generated\" first. It accounts for all evidence, but foretells an ablation less well: rank correlation 0.39 with \
             switching units off, against 0.62 for activation x gradient."
        }
        ThroughWay::Gradient => {
            "To first order what switching a unit off takes from the discriminator's logit; most for \"generated\" first. Rank \
             correlation 0.62 with switching units off, against 0.39 for relevance; it does not account for all evidence."
        }
    }
}

/// The sums of the layer shown by the order chosen, where they are there and up to date with it.
pub(super) fn sums_of<'a>(
    workbench: &Workbench,
    results: &'a Results,
    maps: &UnitMaps,
) -> Option<&'a [f64]> {
    let way = workbench.unit_order.through()?;
    let found = results.through.shown()?;
    let sums = found.of_layer(&maps.layer)?;
    (found.spec.way == way && sums.len() == maps.units()).then_some(sums)
}

/// How far the sums are, or what is lost on the way.
pub(super) fn through_ui(cx: &ViewCx<'_>, ui: &mut Ui, maps: &UnitMaps, way: ThroughWay) {
    let tokens = Tokens::of(ui);
    let weak = |text: String| RichText::new(text).color(tokens.weak);
    let has_discriminator =
        |series: &std::sync::Arc<ganoscope_core::jobs::SeriesInfo>| series.has_discriminator();
    if !cx.results.series.shown().is_some_and(has_discriminator) {
        ui.label(weak("no discriminator to ask".to_owned()));
        return;
    }
    match &cx.results.through {
        Loadable::Pending { .. } => {
            ui.label(weak("computing".to_owned()));
            if ui.button("Stop").clicked() {
                cx.commands.push(Command::Stop(Slot::Through));
            }
        }
        Loadable::Failed { why, .. } => {
            let text = crate::notify::sentence(&why.headline);
            ui.label(RichText::new(text).color(tokens.error));
            if ui.button("Try again").clicked() {
                cx.commands.push(Command::Retry(Slot::Through));
            }
        }
        Loadable::Empty => {}
        Loadable::Ready(found) => {
            let text = match (found.gap, found.of_layer(&maps.layer)) {
                (_, None) => "this layer is folded into its neighbours".to_owned(),
                (Some(gap), _) => format!("conservation gap {:.2} %", 100.0 * gap),
                (None, _) => "no conservation claimed".to_owned(),
            };
            let logits: Vec<String> = found.logits.iter().map(|l| format!("{l:+.2}")).collect();
            let response = ui.label(weak(text)).on_hover_text(meaning(way));
            response.on_hover_text(format!(
                "Of the network as trained, on this picture; the discriminator's logits are {}",
                logits.join(", ")
            ));
        }
    }
}
