//! The document: what a person works on. It is saved, compared and undone as a whole.
//!
//! Invariant: it names things (files, layers, units) and holds no result; every picture on the screen follows from it
//! and from the files it names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ganoscope_core::attribution::{Method, Pole};
use ganoscope_core::edit::{EditStack, UnitSet};
use ganoscope_core::jobs::{LayerInfo, SeriesInfo};
use ganoscope_core::network::LayerName;
use ganoscope_core::region::Region;
use ganoscope_core::region::ds9::Kept;
use serde::{Deserialize, Serialize};

use crate::display::Display;
use crate::explain::Explain;

/// What a person works on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The open series directory.
    #[serde(default)]
    pub series: Option<PathBuf>,
    /// Training step of the checkpoint shown; the last one when not chosen.
    #[serde(default)]
    pub step: Option<u64>,
    /// The pictures in the list.
    #[serde(default)]
    pub inputs: Vec<PathBuf>,
    /// The picture shown, one of `inputs`.
    #[serde(default)]
    pub input: Option<PathBuf>,
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
            .filter(|layer| series.generator.layer(layer).is_some())
            .or_else(|| first_layer(series))
    }

    /// Puts a picture into the list (once) and shows it.
    pub fn show_input(&mut self, path: &Path) {
        if !self.inputs.iter().any(|p| p == path) {
            self.inputs.push(path.to_owned());
        }
        self.input = Some(path.to_owned());
    }
}

/// The last activation map that every output depends on: late enough to look like galaxies, early enough that its units
/// matter to all of them.
fn first_layer(series: &SeriesInfo) -> Option<LayerName> {
    let outputs = series.generator.outputs.len();
    let is_map = |l: &&LayerInfo| matches!(l.dims[..], [c, h, w] if c > 3 && h > 1 && w > 1);
    let layers = || series.generator.layers.iter();
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
