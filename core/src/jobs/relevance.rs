//! Relevance in the preview lane: what can be asked of it and what is answered, as plain data without tensors.
//!
//! Invariant: a spec says everything that its answer depends on, the files it names apart.

use std::path::PathBuf;

use super::preview::typical_largest;
use super::{DeblendSpec, Failure, Input};
use crate::attribution::{FlippingCurve, LayerRule, Method, RegionSum, RuleChange, Target};
use crate::network::LayerName;
use crate::stamp::Stamp;
use crate::stamp::io::PictureFile;

/// What is explained.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Explained {
    /// The discriminator's verdict over the truths and the outputs of a run.
    #[default]
    Verdict,
    /// A part of what the generator, without edits, makes of the blend. Light is counted from black.
    Output(Target),
}

/// The reasons for a verdict or for a part of an output.
#[derive(Clone, Debug, PartialEq)]
pub struct RelevanceSpec {
    /// The run.
    pub run: DeblendSpec,
    /// How relevance is computed.
    pub method: Method,
    /// Rules of the method that are others; without effect for methods that have no rules.
    pub rules: Vec<RuleChange>,
    /// Other methods to show beside it.
    pub beside: Vec<Method>,
    /// What is explained.
    pub explained: Explained,
    /// The file whose pictures stand beside what was generated; that of the run when not given.
    pub real: Option<PictureFile>,
}

impl RelevanceSpec {
    /// The verdicts of the discriminator by one method as it is.
    pub const fn new(run: DeblendSpec, method: Method) -> Self {
        Self {
            run,
            method,
            rules: Vec::new(),
            beside: Vec::new(),
            explained: Explained::Verdict,
            real: None,
        }
    }
}

/// How relevance goes on through the generator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThroughWay {
    /// By rules: what the evidence for "generated" is made of.
    #[default]
    Relevance,
    /// As the gradient, times the activation: to first order what switching a unit off would take from the logit.
    Gradient,
}

/// What the units of a generator, without edits, did for the discriminator's verdicts over its pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct ThroughSpec {
    /// Series directory.
    pub series: PathBuf,
    /// Training step of the checkpoint.
    pub step: u64,
    /// What the generator is run on.
    pub input: Input,
    /// How.
    pub way: ThroughWay,
}

/// The relevance of truths and outputs, or of the blend.
#[derive(Clone, Debug)]
pub struct RelevancePreview {
    /// Training step of the checkpoint.
    pub step: u64,
    /// Name of the method, as in the headless commands.
    pub method: String,
    /// Truths first, then outputs; the blend alone where a part of an output is explained.
    pub rows: Vec<RelevanceRow>,
    /// The relevance drawn in full colour: one scale for all maps of the method, so that they can be compared.
    pub scale: f32,
    /// The share of all magnitudes of a map in one pixel that is drawn in full colour where several methods stand side by side.
    pub share_scale: f32,
    /// Every layer with the rule that applies; empty for methods without rules.
    pub rules: Vec<LayerRule>,
    /// Smallest and largest value of what the network takes: the box of the z-box rule.
    pub input_range: (f64, f64),
}

/// One picture that was explained.
#[derive(Clone, Debug)]
pub struct RelevanceRow {
    /// Which galaxy, from 0.
    pub galaxy: usize,
    /// Whether it was generated (otherwise it is the truth, or the blend).
    pub is_generated: bool,
    /// Whether it is the blend, from which the explained output was made.
    pub is_blend: bool,
    /// The picture, `[0, 1]`.
    pub image: Stamp,
    /// The explained score: the discriminator's verdict, positive for "real", or that of the target.
    pub logit: f32,
    /// One map per pole, or one map for both signs, by the method.
    pub maps: Vec<PoleMap>,
    /// The maps of the other methods.
    pub beside: Vec<BesideMap>,
}

/// The map of another method over the same picture.
#[derive(Clone, Debug)]
pub struct BesideMap {
    /// The method.
    pub method: Method,
    /// Its map, both signs in one, or why there is none.
    pub map: Result<PoleMap, Failure>,
    /// Rank correlation of its pixels with those of the method asked for, -1 to 1.
    pub agreement: f64,
}

/// One relevance map with its doubt.
#[derive(Clone, Debug)]
pub struct PoleMap {
    /// The evidence it collects: `Some(true)` for real, `Some(false)` for generated, `None` for both in one signed map.
    pub is_real_pole: Option<bool>,
    /// Relevance per pixel, channels summed: positive towards real, negative towards generated. `[1, H, W]`.
    pub map: Stamp,
    /// The share of the evidence that the map does not account for; `None` where the method claims none.
    pub conservation_gap: Option<f64>,
    /// The share of the evidence that biases took, which no pixel can have.
    pub absorbed: Option<f64>,
    /// What a person should know about the map.
    pub warnings: Vec<String>,
    /// The sum of the magnitudes of all maps of its method over this picture: what a share is a share of.
    pub whole: f64,
    /// What lies in the parts of the picture: cores and outskirts of its sources where any stands out, background, border.
    pub regions: Vec<RegionSum>,
}

/// What a person calls a picture.
pub(super) fn picture_name(galaxy: usize, is_generated: bool, is_blend: bool) -> String {
    match (is_blend, is_generated) {
        (true, _) => "Blend".to_owned(),
        (false, true) => format!("Galaxy {}, generated", galaxy + 1),
        (false, false) => format!("Galaxy {}, truth", galaxy + 1),
    }
}

impl RelevanceRow {
    /// What a person calls the picture: `Galaxy 1, truth`.
    pub fn name(&self) -> String {
        picture_name(self.galaxy, self.is_generated, self.is_blend)
    }

    /// The same in the names of arrays: `truth1`, `out1`, `blend`.
    pub fn short_name(&self) -> String {
        let galaxy = self.galaxy + 1;
        match (self.is_blend, self.is_generated) {
            (true, _) => "blend".to_owned(),
            (false, true) => format!("out{galaxy}"),
            (false, false) => format!("truth{galaxy}"),
        }
    }

    /// All maps of all methods that gave one.
    pub fn every_map(&self) -> impl Iterator<Item = &PoleMap> {
        let beside = self.beside.iter().filter_map(|b| b.map.as_ref().ok());
        self.maps.iter().chain(beside)
    }
}

impl RelevancePreview {
    /// The scale shared by the maps of the method: the 99.5 percentile of all their absolute values.
    pub fn shared_scale(rows: &[RelevanceRow]) -> f32 {
        let maps = rows.iter().flat_map(|row| &row.maps);
        typical_largest(maps.flat_map(|map| map.map.pixels.iter().copied()))
    }

    /// The scale shared by the maps of all methods, each as shares of its own magnitudes.
    pub fn shared_share(rows: &[RelevanceRow]) -> f32 {
        let maps = rows.iter().flat_map(RelevanceRow::every_map);
        typical_largest(maps.flat_map(|map| {
            let whole = map.whole.max(f64::MIN_POSITIVE);
            let pixels = map.map.pixels.iter();
            pixels.map(move |v| (f64::from(*v) / whole) as f32)
        }))
    }

    /// Whether a part of an output is explained, over the blend.
    pub fn is_of_blend(&self) -> bool {
        self.rows.iter().any(|row| row.is_blend)
    }

    /// Whether several methods stand side by side.
    pub fn has_beside(&self) -> bool {
        self.rows.iter().any(|row| !row.beside.is_empty())
    }
}

/// How far the maps of a relevance preview know what the score depends on.
#[derive(Clone, Debug)]
pub struct FlippingPreview {
    /// One per picture, in the order of [`RelevancePreview::rows`].
    pub rows: Vec<FlippingRow>,
}

/// The curves of one picture.
#[derive(Clone, Debug)]
pub struct FlippingRow {
    /// What a person calls the picture.
    pub name: String,
    /// Each method, the one asked for first, with its curve or why there is none.
    pub curves: Vec<(Method, Result<FlippingCurve, Failure>)>,
}

/// What arrived at the units of a generator.
#[derive(Clone, Debug)]
pub struct UnitRelevance {
    /// What was asked.
    pub spec: ThroughSpec,
    /// The discriminator's verdict over each picture that was generated.
    pub logits: Vec<f64>,
    /// The largest share of the evidence that is lost over both networks; nothing where conservation is not claimed.
    pub gap: Option<f64>,
    /// The largest share that biases of both networks took.
    pub absorbed: Option<f64>,
    /// Every layer with the sum over each of its units, all pictures together: negative for "generated".
    pub layers: Vec<(LayerName, Vec<f64>)>,
}

impl UnitRelevance {
    /// The sums of a layer; nothing for a layer that relevance does not see, a folded normalisation for example.
    pub fn of_layer(&self, layer: &str) -> Option<&[f64]> {
        let found = self.layers.iter().find(|(name, _)| **name == *layer);
        found.map(|(_, sums)| &**sums)
    }
}
