//! The document: what a person works on. It is saved, compared and undone as a whole.
//!
//! Invariant: it names things (files, layers, units) and holds no result; every picture on the screen follows from it
//! and from the files it names.

use std::path::PathBuf;
use std::sync::Arc;

use ganoscope_core::attribution::{Method, Pole};
use ganoscope_core::edit::{EditStack, UnitSet};
use ganoscope_core::jobs::{Input, LayerInfo, SeriesInfo};
use ganoscope_core::latent::Takes;
use ganoscope_core::network::LayerName;
use ganoscope_core::region::Region;
use ganoscope_core::region::ds9::Kept;
use ganoscope_core::stamp::io::PictureFile;
use serde::{Deserialize, Serialize};

use crate::display::Display;
use crate::explain::Explain;

/// Seeds that a generator of numbers is opened with.
const FIRST_SEEDS: u64 = 12;

/// What a person works on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The open series directory, or the file of a lone network.
    #[serde(default)]
    pub series: Option<PathBuf>,
    /// Training step of the checkpoint shown; the last one when not chosen.
    #[serde(default)]
    pub step: Option<u64>,
    /// The pictures and seeds in the list.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// The picture or seed shown, one of `inputs`.
    #[serde(default)]
    pub input: Option<Input>,
    /// The generator's layer whose units are shown; a good place to begin when not chosen.
    #[serde(default)]
    pub layer: Option<LayerName>,
    /// The selected units.
    #[serde(default)]
    pub units: UnitSet,
    /// What is edited.
    #[serde(default)]
    pub edits: EditStack,
    /// How relevance is computed.
    #[serde(default = "default_method")]
    pub method: Method,
    /// What is explained, by which rules, beside what.
    #[serde(default)]
    pub explain: Explain,
    /// How pixels become colours.
    #[serde(default)]
    pub display: Display,
    /// Marked areas, in the pixels of the picture's file; the same on every picture.
    #[serde(default)]
    pub regions: Arc<Vec<Region>>,
    /// Commands of DS9 region files that are not understood here and go into the next file.
    #[serde(default)]
    pub kept_commands: Vec<Kept>,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            series: None,
            step: None,
            inputs: Vec::new(),
            input: None,
            layer: None,
            units: UnitSet::default(),
            edits: EditStack::default(),
            method: default_method(),
            explain: Explain::default(),
            display: Display::default(),
            regions: Arc::default(),
            kept_commands: Vec::new(),
        }
    }
}

/// Both poles, so that the evidence against the decision is never hidden.
pub fn default_method() -> Method {
    Method::Polarized { pole: Pole::Both }
}

impl Document {
    /// A document over a series and pictures, the first picture shown.
    pub fn new(series: Option<PathBuf>, inputs: Vec<PathBuf>) -> Self {
        let inputs: Vec<Input> = inputs.into_iter().map(Input::from).collect();
        Self {
            series,
            input: inputs.first().cloned(),
            inputs,
            ..Self::default()
        }
    }

    /// The step shown: the chosen one if the series has it, else the last.
    pub fn step_in(&self, series: &SeriesInfo) -> Option<u64> {
        self.step
            .filter(|step| series.position(*step).is_some())
            .or_else(|| series.last_step())
    }

    /// The layer shown: the chosen one if the network has it, else one that is a good place to begin.
    pub fn layer_in(&self, series: &SeriesInfo) -> Option<LayerName> {
        let chosen = self.layer.clone();
        chosen
            .filter(|layer| series.network.layer(layer).is_some())
            .or_else(|| first_layer(series))
    }

    /// Puts a picture or a seed into the list (once) and shows it.
    pub fn show_input(&mut self, input: &Input) {
        if !self.inputs.contains(input) {
            self.inputs.push(input.clone());
        }
        self.input = Some(input.clone());
    }

    /// The inputs of the list that a network can be run on.
    pub fn inputs_for(&self, takes: Takes) -> impl Iterator<Item = &Input> {
        let wants_latents = takes != Takes::Pictures;
        let fits = move |input: &&Input| input.latent().is_some() == wants_latents;
        self.inputs.iter().filter(fits)
    }

    /// Shows an input that a network can be run on: the one shown, the first of the list, or new seeds. Pictures stay in the
    /// list for the next network that takes them.
    pub fn suit(&mut self, takes: Takes) {
        let classes = match takes {
            Takes::Pictures => None,
            Takes::Latents { classes } => Some(classes),
        };
        let fits = |input: &Input| match (input.latent(), classes) {
            (None, None) => true,
            // A class that the network does not have belongs to another one.
            (Some(latent), Some(classes)) => latent.class.is_none_or(|class| class < classes),
            _ => false,
        };
        if self.input.as_ref().is_some_and(fits) {
            return;
        }
        if let Some(known) = self.inputs.iter().find(|input| fits(input)).cloned() {
            self.input = Some(known);
            return;
        }
        self.input = None;
        if classes.is_some() {
            self.inputs.extend((0..FIRST_SEEDS).map(Input::seed));
            self.input = Some(Input::seed(0));
        }
    }

    /// The picture shown, if it is that of a file.
    pub fn picture(&self) -> Option<&PictureFile> {
        self.input.as_ref().and_then(Input::picture)
    }
}

/// The last activation map that every output depends on: late enough to look like galaxies, early enough that its units
/// matter to all of them.
fn first_layer(series: &SeriesInfo) -> Option<LayerName> {
    let outputs = series.network.outputs.len();
    let is_map = |l: &&LayerInfo| matches!(l.dims[..], [c, h, w] if c > 3 && h > 1 && w > 1);
    let layers = || series.network.layers.iter();
    let shared = || {
        layers()
            .filter(is_map)
            .filter(|l| l.reaches.len() == outputs)
    };
    shared()
        .rfind(|l| l.kind.ends_with("ReLU"))
        .or_else(|| shared().next_back())
        .or_else(|| layers().next_back())
        .map(|l| l.name.clone())
}
