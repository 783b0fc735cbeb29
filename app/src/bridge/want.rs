//! What should be in each slot of the worker, by the document and what is looked at.
//!
//! Invariant: a function of what there is; nothing is asked for here, and what nobody looks at is not wanted.

use std::path::PathBuf;

use ganoscope_core::edit::EditStack;
use ganoscope_core::jobs::{
    DeblendSpec, Explained, Input, PreviewSpec, RegionsSpec, RelevanceSpec, Slot, ThroughSpec,
    ThumbnailSpec, UnitsSpec,
};

use crate::document::Document;
use crate::results::Results;
use crate::views::ViewKey;
use crate::workbench::{RelevanceSection, Workbench};

/// What should be in a slot.
#[allow(clippy::large_enum_variant, reason = "a handful exist, for one frame")]
pub(super) enum Want {
    /// This.
    Spec(PreviewSpec),
    /// This, if it is there; nobody looks at it, so it is not asked for, but nothing of other things may stand in its place.
    Kept(PreviewSpec),
    /// Whatever is there.
    Anything,
    /// Nothing.
    Nothing,
}

/// What should be in a slot, by the document and what is looked at.
pub(super) fn want(
    slot: Slot,
    document: &Document,
    workbench: &Workbench,
    results: &Results,
) -> Want {
    let spec = match slot {
        Slot::Thumbnail => {
            return thumbnail(document, workbench, results);
        }
        Slot::Series => document.series.clone().map(PreviewSpec::Series),
        Slot::Scene => document.picture().cloned().map(PreviewSpec::Scene),
        Slot::Deblend => run_of(document, results).map(PreviewSpec::Deblend),
        Slot::Unedited => run_of(document, results).map(|run| {
            PreviewSpec::Unedited(DeblendSpec {
                edits: EditStack::default(),
                ..run
            })
        }),
        Slot::Units => run_of(document, results).and_then(|run| {
            let series = results.series.shown()?;
            let layer = document.layer_in(series)?;
            Some(PreviewSpec::Units(UnitsSpec { run, layer }))
        }),
        Slot::Relevance | Slot::Flipping | Slot::Through => {
            explanation(slot, document, workbench, results)
        }
        Slot::Regions => {
            let input = document.picture().cloned();
            let input = input.filter(|_| !document.regions.is_empty());
            let Some(input) = input else {
                return Want::Nothing;
            };
            Some(PreviewSpec::Regions(RegionsSpec {
                input,
                run: run_of(document, results),
                regions: document.regions.clone(),
            }))
        }
        Slot::File => {
            let Some(input) = document.picture().cloned() else {
                return Want::Nothing;
            };
            Some(PreviewSpec::File(input))
        }
    };
    match spec {
        Some(spec) if is_seen(slot, document, workbench) => Want::Spec(spec),
        Some(spec) => Want::Kept(spec),
        // The old picture stays until the series that is being opened is there.
        None if results.series.is_pending() && document.input.is_some() => Want::Anything,
        None => Want::Nothing,
    }
}

/// Whether anybody looks at what is in a slot.
fn is_seen(slot: Slot, document: &Document, workbench: &Workbench) -> bool {
    let shows_relevance = workbench.shows(ViewKey::Relevance);
    match slot {
        Slot::Series | Slot::Scene | Slot::Deblend | Slot::Thumbnail => true,
        // Without edits they are the outputs themselves.
        Slot::Unedited => {
            let is_seen = workbench.inspector_open || workbench.shows(ViewKey::Compare);
            is_seen && !document.edits.is_idle()
        }
        Slot::Units => workbench.shows(ViewKey::Units),
        Slot::Regions => workbench.shows(ViewKey::Regions),
        Slot::File => workbench.shows(ViewKey::Header),
        Slot::Through => {
            workbench.shows(ViewKey::Units) && workbench.unit_order.through().is_some()
        }
        Slot::Flipping => {
            shows_relevance && workbench.relevance == Some(RelevanceSection::Faithfulness)
        }
        Slot::Relevance => shows_relevance || workbench.draws_lines_of_relevance(document),
    }
}

/// What should be in a slot of relevance.
fn explanation(
    slot: Slot,
    document: &Document,
    workbench: &Workbench,
    results: &Results,
) -> Option<PreviewSpec> {
    if slot != Slot::Through {
        let spec = relevance_of(document, results)?;
        return Some(if slot == Slot::Flipping {
            PreviewSpec::Flipping(spec)
        } else {
            PreviewSpec::Relevance(spec)
        });
    }
    let series = results.series.shown()?;
    let run = run_of(document, results).filter(|_| series.has_discriminator())?;
    Some(PreviewSpec::Through(ThroughSpec {
        series: run.series,
        step: run.step,
        input: run.input,
        way: workbench.unit_order.through()?,
    }))
}

/// The relevance that the document describes, where the series has what it explains.
fn relevance_of(document: &Document, results: &Results) -> Option<RelevanceSpec> {
    let has_discriminator = results.series.shown()?.has_discriminator();
    let spec = document
        .explain
        .spec(document, run_of(document, results)?)
        .ok()?;
    (has_discriminator || spec.explained != Explained::Verdict).then_some(spec)
}

/// The run that the document describes, once the series is known.
fn run_of(document: &Document, results: &Results) -> Option<DeblendSpec> {
    let (series, step) = network_of(document, results)?;
    Some(DeblendSpec {
        series,
        step,
        input: document.input.clone()?,
        edits: document.edits.clone(),
    })
}

/// The series and the step that are shown, once the series is known.
fn network_of(document: &Document, results: &Results) -> Option<(PathBuf, u64)> {
    let series = results.series.shown()?;
    let path = document.series.clone().filter(|p| *p == series.path)?;
    Some((path, document.step_in(series)?))
}

/// The small picture that the list misses. One at a time: what is looked at is computed before the next.
fn thumbnail(document: &Document, workbench: &Workbench, results: &Results) -> Want {
    let wanted = workbench.thumbnail.clone();
    let wanted = wanted.filter(|input| results.thumbnails.get(input).is_none());
    let spec = wanted.and_then(|input| match input {
        Input::File(picture) => Some(ThumbnailSpec::File(picture)),
        Input::Latent(_) => {
            let (series, step) = network_of(document, results)?;
            Some(ThumbnailSpec::Drawn {
                series,
                step,
                input,
            })
        }
    });
    spec.map_or(Want::Anything, |spec| {
        Want::Spec(PreviewSpec::Thumbnail(spec))
    })
}
