//! What can be asked of the worker, as comparable data: a result is a pure function of its spec and the files it names.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Input, RelevanceSpec, ThroughSpec};
use crate::edit::EditStack;
use crate::network::LayerName;
use crate::region::Region;
use crate::stamp::io::PictureFile;

/// A place for one preview; the newest spec of a slot wins. In the order in which the worker serves them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// A series: its checkpoints and layers.
    Series,
    /// A blend and its truths.
    Scene,
    /// The outputs of the generator.
    Deblend,
    /// The outputs of the generator without edits, to compare with.
    Unedited,
    /// The activations of a layer.
    Units,
    /// The relevance of the discriminator.
    Relevance,
    /// The statistics of regions.
    Regions,
    /// What a picture's file says of itself.
    File,
    /// What the units of the generator did for the verdicts of the discriminator.
    Through,
    /// How far the maps of relevance can be trusted.
    Flipping,
    /// A small picture for the list of what is open.
    Thumbnail,
}

impl Slot {
    /// All slots, in the order in which they are served.
    pub const ALL: [Self; 11] = [
        Self::Series,
        Self::Scene,
        Self::Deblend,
        Self::Unedited,
        Self::Units,
        Self::Relevance,
        Self::Regions,
        Self::File,
        Self::Through,
        Self::Flipping,
        Self::Thumbnail,
    ];
}

/// One run of the generator.
#[derive(Clone, Debug, PartialEq)]
pub struct DeblendSpec {
    /// Series directory, or the file of a lone network.
    pub series: PathBuf,
    /// Training step of the checkpoint.
    pub step: u64,
    /// What it is run on.
    pub input: Input,
    /// What is edited.
    pub edits: EditStack,
}

/// The activations of one layer of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitsSpec {
    /// The run.
    pub run: DeblendSpec,
    /// The layer of the generator.
    pub layer: LayerName,
}

/// The statistics of regions on a picture and on what a generator makes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionsSpec {
    /// The blend.
    pub input: PictureFile,
    /// The run whose outputs are measured too.
    pub run: Option<DeblendSpec>,
    /// The regions, in the pixels of the blend's file, or of what is cut out of it.
    pub regions: Arc<Vec<Region>>,
}

/// A small picture for a list.
#[derive(Clone, Debug, PartialEq)]
pub enum ThumbnailSpec {
    /// The picture of a file.
    File(PictureFile),
    /// What a network draws, without edits.
    Drawn {
        /// Series directory, or the file of a lone network.
        series: PathBuf,
        /// Training step of the checkpoint.
        step: u64,
        /// What it is run on.
        input: Input,
    },
}

impl ThumbnailSpec {
    /// What the small picture is of.
    pub fn input(&self) -> Input {
        match self {
            Self::File(picture) => Input::File(picture.clone()),
            Self::Drawn { input, .. } => input.clone(),
        }
    }
}

/// What a preview shows.
#[derive(Clone, Debug, PartialEq)]
pub enum PreviewSpec {
    /// A series directory: its checkpoints and layers.
    Series(PathBuf),
    /// A picture file: the blend and its truths.
    Scene(PictureFile),
    /// Outputs, recombination, residual, measures.
    Deblend(DeblendSpec),
    /// The same without edits; the spec's edits are empty.
    Unedited(DeblendSpec),
    /// Activations.
    Units(UnitsSpec),
    /// Relevance of the discriminator, or of a part of an output.
    Relevance(RelevanceSpec),
    /// Relevance of the generator's units.
    Through(ThroughSpec),
    /// Pixel flipping over the maps of a relevance preview.
    Flipping(RelevanceSpec),
    /// Statistics of regions.
    Regions(RegionsSpec),
    /// What a picture's file says of itself.
    File(PictureFile),
    /// A small picture.
    Thumbnail(ThumbnailSpec),
}

impl PreviewSpec {
    /// The slot the preview belongs to.
    pub const fn slot(&self) -> Slot {
        match self {
            Self::Series(_) => Slot::Series,
            Self::Scene(_) => Slot::Scene,
            Self::Deblend(_) => Slot::Deblend,
            Self::Unedited(_) => Slot::Unedited,
            Self::Units(_) => Slot::Units,
            Self::Relevance(_) => Slot::Relevance,
            Self::Through(_) => Slot::Through,
            Self::Flipping(_) => Slot::Flipping,
            Self::Regions(_) => Slot::Regions,
            Self::File(_) => Slot::File,
            Self::Thumbnail(_) => Slot::Thumbnail,
        }
    }
}

/// What a study finds out.
#[derive(Clone, Debug, PartialEq)]
pub enum StudySpec {
    /// Look at files and folders a person wants to open, and say what they are.
    Open(Vec<PathBuf>),
    /// Draft a description of the network in a file of weights.
    Describe(PathBuf),
    /// Regenerate every checkpoint over the given inputs and measure the outputs against the truths where there are any.
    Timeline {
        /// Series directory.
        series: PathBuf,
        /// Blends with truths, or latents.
        inputs: Vec<Input>,
        /// The input whose outputs are kept as small pictures.
        shown: Input,
    },
    /// How active every unit of a layer is over the given inputs.
    UnitStats {
        /// Series directory.
        series: PathBuf,
        /// Training step of the checkpoint.
        step: u64,
        /// The layer of the generator.
        layer: LayerName,
        /// What it is run on.
        inputs: Vec<Input>,
    },
}

impl StudySpec {
    /// What a person calls it.
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Open(_) => "Opening files",
            Self::Describe(_) => "Describing the network",
            Self::Timeline { .. } => "Measuring checkpoints",
            Self::UnitStats { .. } => "Unit statistics",
        }
    }
}
