//! What a person chose to have explained, beside the method: other rules, other methods to compare with, the target, the real
//! pictures. Part of the document: saved and undone.
//!
//! Invariant: it names things; whether they are there is found out when it is asked for.

use ganoscope_core::attribution::{Aperture, Method, RuleChange, Score, Target};
use ganoscope_core::edit::EditStack;
use ganoscope_core::jobs::{DeblendSpec, Explained, RelevanceSpec};
use ganoscope_core::stamp::io::PictureFile;
use serde::{Deserialize, Serialize};

use crate::document::Document;

/// The choices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Explain {
    /// Rules that are others than the method's.
    pub rules: Vec<RuleChange>,
    /// Methods beside the one asked for.
    pub beside: Vec<Method>,
    /// What is explained.
    pub target: TargetChoice,
    /// The file whose pictures stand beside the generated ones; that of the blend when not chosen.
    pub real: Option<PictureFile>,
}

/// What is explained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetChoice {
    /// The discriminator's verdict.
    #[default]
    Verdict,
    /// What the generator draws.
    Output {
        /// Its output, by position.
        output: usize,
        /// The marked area whose light is explained, by its place in the document; the whole output when not chosen.
        #[serde(default)]
        region: Option<usize>,
        /// The band; all when not chosen.
        #[serde(default)]
        band: Option<usize>,
    },
}

impl TargetChoice {
    /// A region was removed: its light is explained no more, and those after it have other places.
    pub(crate) fn forget_region(&mut self, removed: usize) {
        if let Self::Output { region, .. } = self {
            *region = match *region {
                Some(index) if index == removed => None,
                Some(index) if index > removed => Some(index - 1),
                other => other,
            };
        }
    }

    /// All regions were removed.
    pub(crate) fn forget_regions(&mut self) {
        if let Self::Output { region, .. } = self {
            *region = None;
        }
    }
}

impl Explain {
    /// The same with the rule of a place changed, or as the method has it where there is none.
    #[must_use]
    pub fn with_rule(&self, place: &str, change: Option<RuleChange>) -> Self {
        let mut explain = self.clone();
        explain.rules.retain(|rule| rule.place != place);
        explain.rules.extend(change);
        explain
    }

    /// The same with a method beside the others, or without it.
    #[must_use]
    pub fn with_beside(&self, method: &Method, is_wanted: bool) -> Self {
        let mut explain = self.clone();
        explain.beside.retain(|other| other.name() != method.name());
        if is_wanted {
            explain.beside.push(method.clone());
        }
        explain
    }

    /// What is explained, by the regions of a document.
    ///
    /// # Errors
    /// Why there is no such target, and what to do.
    pub fn explained(&self, document: &Document) -> Result<Explained, String> {
        let TargetChoice::Output {
            output,
            region,
            band,
        } = self.target
        else {
            return Ok(Explained::Verdict);
        };
        let score = match (region, band) {
            (None, None) => Score::Sum,
            (None, Some(band)) => Score::Channel(band),
            (Some(index), band) => {
                let region = document.regions.get(index);
                let region = region.ok_or_else(|| {
                    format!(
                        "Region {} is not there any more. Choose another part.",
                        index + 1
                    )
                })?;
                Score::Flux(Aperture {
                    shape: region.shape.clone(),
                    channel: band,
                    level: 0.0,
                })
            }
        };
        Ok(Explained::Output(Target { output, score }))
    }

    /// What is asked of the worker for a run.
    ///
    /// # Errors
    /// As [`Explain::explained`].
    pub fn spec(&self, document: &Document, run: DeblendSpec) -> Result<RelevanceSpec, String> {
        let explained = self.explained(document)?;
        let is_output = matches!(explained, Explained::Output(_));
        let mut run = run;
        if is_output {
            // Edits are no part of what is explained: nothing is computed again because of them.
            run.edits = EditStack::default();
        }
        Ok(RelevanceSpec {
            run,
            method: document.method.clone(),
            rules: self.rules.clone(),
            beside: self.beside.clone(),
            explained,
            real: self.real.clone().filter(|_| !is_output),
        })
    }
}
