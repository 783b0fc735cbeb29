//! The pictures of a comparison as they can be drawn, or why they cannot.

use egui::Ui;
use ganoscope_core::stamp::Stamp;

use super::super::ViewCx;
use super::super::contours::ContourMaps;
use super::super::parts::{is_stale, light};
use crate::comparison::{Comparison, letter};
use crate::source::Source;
use crate::widgets::{Look, Picture};

/// One picture with its letter.
pub(super) struct Shown<'a> {
    /// `A`, `B`, `C`.
    pub(super) letter: String,
    /// What a person calls it.
    pub(super) name: String,
    /// The pixels.
    pub(super) stamp: &'a Stamp,
    /// Whether it is older than what was asked for.
    pub(super) is_dimmed: bool,
    look: Look,
    galaxy: Option<usize>,
}

impl Shown<'_> {
    /// `A: Galaxy 1, generated`.
    pub(super) fn title(&self) -> String {
        format!("{}: {}", self.letter, self.name)
    }

    /// The picture with the lines that belong over it.
    pub(super) fn picture<'s>(&'s self, contours: &'s ContourMaps) -> Picture<'s> {
        contours.over(Picture::new(self.stamp, self.look), self.galaxy)
    }
}

/// All pictures of a comparison by their places; why not, for those that are not there.
pub(super) struct Pictures<'a>(Vec<Result<Shown<'a>, String>>);

impl<'a> Pictures<'a> {
    /// Looks them up.
    pub(super) fn of(cx: &ViewCx<'a>, ui: &Ui, comparison: &Comparison) -> Self {
        let places = comparison.pictures().into_iter().enumerate();
        Self(
            places
                .map(|(place, source)| shown(cx, ui, place, source))
                .collect(),
        )
    }

    /// A and B, when both are there.
    pub(super) fn pair(&self) -> Option<[&Shown<'a>; 2]> {
        match self.0.as_slice() {
            [Ok(first), Ok(second), ..] => Some([first, second]),
            _ => None,
        }
    }

    /// Those that are there.
    pub(super) fn there(&self) -> impl Iterator<Item = &Shown<'a>> {
        self.0.iter().flatten()
    }

    /// Why the others are not there.
    pub(super) fn missing(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|p| p.as_ref().err()).map(|w| &**w)
    }

    /// The picture at a place, and how many places there are.
    pub(super) fn at(&self, place: usize) -> (Option<&Shown<'a>>, usize) {
        let found = self.0.get(place).and_then(|p| p.as_ref().ok());
        (found, self.0.len())
    }

    /// Whether any is older than what was asked for.
    pub(super) fn is_dimmed(&self) -> bool {
        self.there().any(|shown| shown.is_dimmed)
    }
}

fn shown<'a>(cx: &ViewCx<'a>, ui: &Ui, place: usize, source: Source) -> Result<Shown<'a>, String> {
    let (document, results) = (cx.document, cx.results);
    let source = source.known(results);
    let letter = letter(place);
    let Some(stamp) = source.stamp(document, results) else {
        return Err(format!("{letter}: {}", source.absence(document, results)));
    };
    let look = match source.signed_scale(results) {
        Some(largest) => Look::Signed {
            largest,
            is_dark: ui.visuals().dark_mode,
        },
        None => light(cx),
    };
    let is_dimmed = match source {
        Source::Kept(..) | Source::Checkpoint { .. } => false,
        Source::Blend | Source::Truth(_) => is_stale(ui, &results.scene),
        Source::Unedited(_) if !document.edits.is_idle() => is_stale(ui, &results.unedited),
        Source::Relevance { .. } => is_stale(ui, &results.relevance),
        _ => is_stale(ui, &results.deblend),
    };
    Ok(Shown {
        letter,
        name: source.name(document, results),
        stamp,
        is_dimmed,
        look,
        galaxy: source.galaxy_here(results),
    })
}
