//! Names of pictures that can be compared or have contours drawn of them: what is there now, and what was kept.
//!
//! Invariant: a source is a name, not a picture; what it names may be gone, and then it says so.

use ganoscope_core::jobs::{DeblendPreview, PoleMap, RelevancePreview};
use ganoscope_core::stamp::Stamp;
use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::kept::{KeptId, grouped};
use crate::results::{Loadable, Results};

/// Names a picture. Galaxies are counted from 0.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The blend.
    #[default]
    Blend,
    /// An output of the generator, with the edits there are.
    Output(usize),
    /// A truth.
    Truth(usize),
    /// An output of the generator without edits.
    Unedited(usize),
    /// The outputs put together.
    Recombination,
    /// Blend minus recombination.
    Residual,
    /// An output that was kept.
    Kept(KeptId, usize),
    /// An output of another checkpoint without edits, once the checkpoints were measured.
    Checkpoint {
        /// Its training step.
        step: u64,
        /// The galaxy.
        galaxy: usize,
    },
    /// A map of relevance.
    Relevance {
        /// The galaxy.
        galaxy: usize,
        /// Of the output, else of the truth.
        is_generated: bool,
        /// Which of the maps of the method.
        map: usize,
    },
}

impl Source {
    /// All pictures that can be compared now. Unedited outputs are there while there are edits.
    pub fn all(document: &Document, results: &Results) -> Vec<Self> {
        let mut all = Vec::new();
        let outputs = present(&results.deblend).map_or(0, |p| p.outputs.len());
        let scene = present(&results.scene);
        all.extend(scene.map(|_| Self::Blend));
        all.extend((0..outputs).map(Self::Output));
        all.extend((0..scene.map_or(0, |scene| scene.truths.len())).map(Self::Truth));
        if !document.edits.is_idle() {
            all.extend((0..outputs).map(Self::Unedited));
        }
        if present(&results.deblend).is_some_and(|p| p.account.is_some()) {
            all.extend([Self::Recombination, Self::Residual]);
        }
        all.extend(results.kept.iter().flat_map(|run| {
            let outputs = 0..run.preview.outputs.len();
            outputs.map(|galaxy| Self::Kept(run.id, galaxy))
        }));
        all
    }

    /// The outputs of all checkpoints, whether they were computed yet or not; nothing where there is only one checkpoint.
    pub fn all_checkpoints(results: &Results) -> Vec<Self> {
        let Some(series) = present(&results.series).filter(|s| s.checkpoints.len() > 1) else {
            return Vec::new();
        };
        let outputs = present(&results.deblend).map_or(0, |p| p.outputs.len());
        let steps = series.checkpoints.iter().map(|c| c.step);
        steps
            .flat_map(|step| (0..outputs).map(move |galaxy| Self::Checkpoint { step, galaxy }))
            .collect()
    }

    /// The maps of relevance that are there.
    pub fn all_relevance(results: &Results) -> Vec<Self> {
        let rows = present(&results.relevance)
            .map(|r| &*r.rows)
            .unwrap_or_default();
        let maps = rows.iter().flat_map(|row| {
            (0..row.maps.len()).map(|map| Self::Relevance {
                galaxy: row.galaxy,
                is_generated: row.is_generated,
                map,
            })
        });
        maps.collect()
    }

    /// The picture, while there is one.
    pub fn stamp<'a>(self, document: &Document, results: &'a Results) -> Option<&'a Stamp> {
        let preview = || present(&results.deblend);
        match self {
            Self::Blend => Some(&present(&results.scene)?.blend),
            Self::Output(galaxy) => preview()?.outputs.get(galaxy),
            Self::Truth(galaxy) => present(&results.scene)?.truths.get(galaxy),
            Self::Unedited(galaxy) => unedited(document, results)?.outputs.get(galaxy),
            Self::Recombination => Some(&preview()?.account.as_ref()?.recombination),
            Self::Residual => Some(&preview()?.account.as_ref()?.residual),
            Self::Kept(id, galaxy) => results.kept.run(id)?.preview.outputs.get(galaxy),
            Self::Checkpoint { step, galaxy } => {
                let timeline = &results.timeline;
                let is_here = timeline.input.is_some() && timeline.input == document.input;
                let point = timeline.points.get(&step).filter(|_| is_here)?;
                point.outputs.get(galaxy)
            }
            Self::Relevance { .. } => Some(&self.relevance(results)?.map),
        }
    }

    fn relevance(self, results: &Results) -> Option<&PoleMap> {
        let Self::Relevance {
            galaxy,
            is_generated,
            map,
        } = self
        else {
            return None;
        };
        let mut rows = present(&results.relevance)?.rows.iter();
        let row = rows.find(|r| r.galaxy == galaxy && r.is_generated == is_generated)?;
        row.maps.get(map)
    }

    /// The value drawn in full colour where the picture is a signed map.
    pub fn signed_scale(self, results: &Results) -> Option<f32> {
        match self {
            Self::Residual => {
                let account = present(&results.deblend)?.account.as_ref()?;
                Some(account.residual_scale)
            }
            Self::Relevance { .. } => Some(present(&results.relevance)?.scale),
            _ => None,
        }
    }

    /// The galaxy that it shows alone, if it does.
    pub const fn galaxy(self) -> Option<usize> {
        match self {
            Self::Output(galaxy)
            | Self::Truth(galaxy)
            | Self::Unedited(galaxy)
            | Self::Kept(_, galaxy)
            | Self::Checkpoint { galaxy, .. }
            | Self::Relevance { galaxy, .. } => Some(galaxy),
            Self::Blend | Self::Recombination | Self::Residual => None,
        }
    }

    /// The galaxy whose truth in the present picture it can be held against.
    pub fn galaxy_here(self, results: &Results) -> Option<usize> {
        let is_here = match self {
            Self::Kept(id, _) => {
                let run = results.kept.run(id)?;
                run.input.picture() == Some(&present(&results.scene)?.picture)
            }
            _ => true,
        };
        self.galaxy().filter(|_| is_here)
    }

    /// Whether it follows from the document, so that it can be out of date; what was kept cannot.
    pub const fn is_present(self) -> bool {
        !matches!(self, Self::Kept(..))
    }

    /// The same, or the blend for a truth that this picture does not have; the output for both where nothing but a seed is given.
    pub fn known(self, results: &Results) -> Self {
        let scene = present(&results.scene);
        let has_truths = scene.is_none_or(|scene| !scene.truths.is_empty());
        let is_drawn = scene.is_none() && present(&results.deblend).is_some();
        match self {
            Self::Blend | Self::Truth(_) if is_drawn => Self::Output(0),
            Self::Truth(_) if !has_truths => Self::Blend,
            other => other,
        }
    }

    /// What a person calls it.
    pub fn name(self, document: &Document, results: &Results) -> String {
        let preview = match self {
            Self::Kept(id, _) => results.kept.run(id).map(|run| &*run.preview),
            _ => present(&results.deblend),
        };
        let galaxy = |galaxy: usize, what: &str| {
            let title = preview.map(|preview| preview.title_of(galaxy));
            let title = title.unwrap_or_else(|| format!("Galaxy {}", galaxy + 1));
            format!("{title}, {what}")
        };
        match self {
            Self::Blend => "Blend".to_owned(),
            Self::Output(i) if document.edits.is_idle() => galaxy(i, "generated"),
            Self::Output(i) => galaxy(i, "edited"),
            Self::Truth(i) => galaxy(i, "truth"),
            Self::Unedited(i) => galaxy(i, "as trained"),
            Self::Recombination => "Recombination".to_owned(),
            Self::Residual => "Residual".to_owned(),
            Self::Kept(id, i) => match results.kept.run(id) {
                Some(run) => galaxy(i, &run.title),
                None => galaxy(i, "kept, removed"),
            },
            Self::Checkpoint { step, galaxy: i } if document.edits.is_idle() => {
                galaxy(i, &format!("step {}", grouped(step)))
            }
            Self::Checkpoint { step, galaxy: i } => {
                galaxy(i, &format!("step {}, as trained", grouped(step)))
            }
            Self::Relevance {
                galaxy: i,
                is_generated,
                ..
            } => {
                let is_of_blend =
                    present(&results.relevance).is_some_and(RelevancePreview::is_of_blend);
                if is_of_blend && self.relevance(results).is_some() {
                    return "Blend, relevance".to_owned();
                }
                let of = if is_generated { "generated" } else { "truth" };
                let pole = self.relevance(results).map(|map| map.is_real_pole);
                let what = match pole.flatten() {
                    Some(true) => "for real",
                    Some(false) => "for generated",
                    None => "relevance",
                };
                galaxy(i, &format!("{of}, {what}"))
            }
        }
    }

    /// Why there is no picture, ending with what a person can do.
    pub fn absence(self, document: &Document, results: &Results) -> String {
        let name = self.name(document, results);
        match self {
            Self::Kept(..) => format!("{name}: it is not kept any more. Choose another picture."),
            Self::Truth(_) => {
                format!("{name}: this picture has no such truth. Choose another picture.")
            }
            Self::Checkpoint { .. } if results.timeline.job.is_some() => {
                format!("{name} is being computed.")
            }
            Self::Checkpoint { .. } => {
                format!("{name} is not computed for this picture. Measure all checkpoints.")
            }
            _ => format!("{name} is not there. Choose another picture."),
        }
    }
}

/// A result, or the one before while it is computed anew; nothing of one that failed.
fn present<T>(loadable: &Loadable<std::sync::Arc<T>>) -> Option<&T> {
    match loadable {
        Loadable::Failed { .. } => None,
        other => other.shown().map(|value| &**value),
    }
}

/// The outputs without edits: those that are shown, while there are no edits.
fn unedited<'a>(document: &Document, results: &'a Results) -> Option<&'a DeblendPreview> {
    if document.edits.is_idle() {
        present(&results.deblend)
    } else {
        present(&results.unedited)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use ganoscope_core::edit::{Action, Edit, UnitSet};
    use ganoscope_core::jobs::Input;

    use super::*;
    use crate::testing::{failed_results, ready_results};

    fn ready() -> (Document, Results) {
        let document = Document::new(Some("series".into()), vec!["blend.fits".into()]);
        let results = ready_results(Path::new("series"), Path::new("blend.fits"));
        (document, results)
    }

    #[test]
    fn everything_that_is_there_has_a_name_and_a_picture() {
        let (mut document, mut results) = ready();
        let edit = Edit::new(UnitSet::of_layer("act_in", [1]), Action::Ablate);
        document.edits.edits = vec![edit];
        let preview = results.deblend.ready().unwrap().clone();
        results
            .kept
            .keep(preview, Path::new("blend.fits"), "step 5,000, blend")
            .unwrap();
        let mut all = Source::all(&document, &results);
        assert_eq!(all.len(), 1 + 2 + 2 + 2 + 2 + 2);
        all.extend(Source::all_relevance(&results));
        let mut names: Vec<String> = all
            .iter()
            .map(|source| {
                assert!(source.stamp(&document, &results).is_some(), "{source:?}");
                source.name(&document, &results)
            })
            .collect();
        assert!(names.contains(&"Galaxy 2, step 5,000, blend".to_owned()));
        assert!(names.contains(&"Galaxy 1, edited".to_owned()));
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "names tell pictures apart");
    }

    #[test]
    fn checkpoints_are_those_of_the_picture_shown() {
        let (mut document, results) = ready();
        let all = Source::all_checkpoints(&results);
        assert_eq!(all.len(), 6 * 2);
        let one = Source::Checkpoint {
            step: 2500,
            galaxy: 1,
        };
        assert!(all.contains(&one) && one.stamp(&document, &results).is_some());
        assert_eq!(one.name(&document, &results), "Galaxy 2, step 2,500");
        document.input = Some(Input::File("other.fits".into()));
        assert!(one.stamp(&document, &results).is_none());
        assert!(one.absence(&document, &results).contains("Measure all"));
    }

    #[test]
    fn what_is_gone_says_so() {
        let (document, mut results) = ready();
        let preview = results.deblend.ready().unwrap().clone();
        let id = results
            .kept
            .keep(preview, Path::new("blend.fits"), "step 1")
            .unwrap()
            .id;
        let kept = Source::Kept(id, 0);
        assert_eq!(kept.name(&document, &results), "Galaxy 1, step 1");
        results.kept.remove(id);
        assert!(kept.stamp(&document, &results).is_none());
        assert!(
            kept.absence(&document, &results)
                .contains("not kept any more")
        );
        assert!(Source::Output(7).stamp(&document, &results).is_none());
        assert!(Source::all(&document, &failed_results()).is_empty());
    }

    #[test]
    fn without_truths_the_blend_takes_their_place() {
        let (_, mut results) = ready();
        assert_eq!(Source::Truth(0).known(&results), Source::Truth(0));
        let mut scene = (**results.scene.ready().unwrap()).clone();
        scene.truths.clear();
        results.scene = Loadable::Ready(Arc::new(scene));
        assert_eq!(Source::Truth(0).known(&results), Source::Blend);
        assert_eq!(Source::Output(0).known(&results), Source::Output(0));
    }
}
