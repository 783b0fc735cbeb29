//! Which pictures a Compare view holds against each other, and how. Saved with the session, not undone.
//!
//! Invariant: there are always two pictures, A and B; further ones are lettered on from C and differ from both.

use std::ops::RangeInclusive;

use ganoscope_core::stamp::Stamp;
use ganoscope_core::stamp::stretch::Limits;
use serde::{Deserialize, Serialize};

use crate::display::some_of;
use crate::kept::KeptId;
use crate::source::Source;

/// How pictures are held against each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompareMode {
    /// Beside each other.
    #[default]
    SideBySide,
    /// One after the other in one place.
    Blink,
    /// A to the left of a divider, B to the right.
    Swipe,
    /// A minus B.
    Difference,
}

impl CompareMode {
    /// All, in the order of the bar.
    pub const ALL: [Self; 4] = [Self::SideBySide, Self::Blink, Self::Swipe, Self::Difference];

    /// What a person calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SideBySide => "Side by side",
            Self::Blink => "Blink",
            Self::Swipe => "Swipe",
            Self::Difference => "Difference",
        }
    }
}

/// What one Compare view shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Comparison {
    /// A.
    pub first: Source,
    /// B.
    pub second: Source,
    /// C and on: shown beside A and B, and blinked with them.
    pub further: Vec<Source>,
    /// How they are compared.
    pub mode: CompareMode,
    /// Where the divider stands, as a share of the well's width.
    pub divider: f32,
    /// What of a difference is drawn in full colour; symmetric about zero.
    pub scale: Limits,
    /// Time each picture is shown while they blink by themselves, seconds.
    pub period_secs: f32,
    /// Which of the pictures is shown while blinking, from 0; more than there are goes round.
    #[serde(skip)]
    pub shown: usize,
    /// Whether they blink by themselves. Never at the start.
    #[serde(skip)]
    pub is_automatic: bool,
}

/// The value of a difference that is drawn in full colour under limits; above zero.
pub fn full_colour(difference: &Stamp, limits: Limits) -> f32 {
    let found = limits.of(&some_of(&difference.pixels));
    let largest = found.map_or(0.0, |[low, high]| low.abs().max(high.abs()));
    // Equal pictures are drawn as zero, on a scale that has ends.
    if largest > 0.0 { largest } else { 1.0 }
}

impl Default for Comparison {
    fn default() -> Self {
        Self {
            first: Source::Output(0),
            second: Source::Truth(0),
            further: Vec::new(),
            mode: CompareMode::SideBySide,
            divider: 0.5,
            scale: Limits::Symmetric(99.5),
            period_secs: 0.8,
            shown: 0,
            is_automatic: false,
        }
    }
}

impl Comparison {
    /// The most pictures beside A and B.
    pub const MOST_FURTHER: usize = 10;
    /// How long each picture can be shown, seconds: never more than three flashes in a second (WCAG 2.2, 2.3.1).
    pub const PERIOD_SECS: RangeInclusive<f32> = 0.4..=5.0;

    /// All pictures in their order: A, B, and the further ones.
    pub fn pictures(&self) -> Vec<Source> {
        let mut all = vec![self.first, self.second];
        for source in self.further.iter().take(Self::MOST_FURTHER) {
            if !all.contains(source) {
                all.push(*source);
            }
        }
        all
    }

    /// The place of the picture that is shown while blinking.
    pub fn shown_place(&self) -> usize {
        self.shown % self.pictures().len()
    }

    /// The same, blinking, so many pictures further.
    #[must_use]
    pub fn blinked(mut self, by: isize) -> Self {
        let count = self.pictures().len() as isize;
        // The first press shows that it blinks: what is seen changes from A to B.
        self.shown = (self.shown_place() as isize + by).rem_euclid(count) as usize;
        self.mode = CompareMode::Blink;
        self
    }

    /// Adds a picture after the others, or takes it away; A and B stay.
    pub fn toggle(&mut self, source: Source) {
        if self.further.contains(&source) {
            self.further.retain(|other| *other != source);
        } else if self.further.len() < Self::MOST_FURTHER {
            self.further.push(source);
        }
    }

    /// Exchanges A and B.
    pub const fn exchange(&mut self) {
        std::mem::swap(&mut self.first, &mut self.second);
    }

    /// A kept entry was removed, or all were: it is not among the further pictures any more.
    pub fn forget(&mut self, removed: Option<KeptId>) {
        self.further.retain(|source| match source {
            Source::Kept(id, _) => removed.is_some_and(|removed| removed != *id),
            _ => true,
        });
    }

    /// Where the divider stands, whatever a session says.
    pub fn divider(&self) -> f32 {
        if self.divider.is_finite() {
            self.divider.clamp(0.0, 1.0)
        } else {
            0.5
        }
    }

    /// How long each picture is shown, whatever a session says, seconds.
    pub fn period_secs(&self) -> f64 {
        let (least, most) = (Self::PERIOD_SECS.start(), Self::PERIOD_SECS.end());
        f64::from(self.period_secs.max(*least).min(*most))
    }
}

/// `A`, `B`, `C`: what a picture is called by its place.
pub fn letter(place: usize) -> String {
    let letter = u8::try_from(place).ok().filter(|place| *place < 26);
    letter.map_or_else(
        || format!("{}", place + 1),
        |place| char::from(b'A' + place).to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blinking_goes_round_both_ways() {
        let mut comparison = Comparison::default();
        comparison.toggle(Source::Blend);
        assert_eq!(comparison.pictures().len(), 3);
        let places: Vec<usize> = (0..4)
            .scan(comparison.clone(), |at, _| {
                *at = at.clone().blinked(1);
                Some(at.shown_place())
            })
            .collect();
        assert_eq!(places, [1, 2, 0, 1]);
        let back = comparison.blinked(-1);
        assert_eq!((back.shown_place(), back.mode), (2, CompareMode::Blink));
    }

    #[test]
    fn further_pictures_are_ticked_once_and_bounded() {
        let mut comparison = Comparison::default();
        comparison.toggle(Source::Output(0));
        assert_eq!(comparison.pictures().len(), 2, "A is there already");
        comparison.toggle(Source::Output(0));
        for galaxy in 1..40 {
            comparison.toggle(Source::Truth(galaxy));
        }
        assert_eq!(comparison.further.len(), Comparison::MOST_FURTHER);
        assert_eq!(letter(comparison.pictures().len() - 1), "L");
        comparison.further.push(Source::Kept(KeptId::default(), 0));
        comparison.forget(Some(KeptId::default()));
        assert_eq!(comparison.further.len(), Comparison::MOST_FURTHER);
    }

    #[test]
    fn a_session_with_nonsense_is_kept_within_bounds() {
        let text = "(divider: NaN, period_secs: 0.0, first: output(3))";
        let comparison: Comparison = ron::from_str(text).unwrap();
        assert_eq!(comparison.divider(), 0.5);
        assert_eq!(comparison.period_secs(), f64::from(0.4_f32));
        assert_eq!(comparison.first, Source::Output(3));
        assert_eq!(comparison.second, Source::Truth(0));
        let started = Comparison {
            is_automatic: true,
            ..Comparison::default()
        };
        let again: Comparison = ron::from_str(&ron::to_string(&started).unwrap()).unwrap();
        assert!(!again.is_automatic, "blinking never starts by itself");
    }
}
