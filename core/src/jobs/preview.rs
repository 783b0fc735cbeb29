//! What the preview lane answers: everything a view needs, as plain data without tensors.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::{
    Failure, FileInfo, FlippingPreview, Input, RegionsPreview, RelevancePreview, UnitRelevance,
};
use crate::checkpoint::{Guess, Identity, LoadReport, Metrics, NetworkRole, Series};
use crate::graph::Graph;
use crate::latent::Takes;
use crate::network::LayerName;
use crate::sky::Compass;
use crate::stamp::io::PictureFile;
use crate::stamp::{Stamp, ValueRange};

/// The result of a preview. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Preview {
    /// Of [`super::Slot::Series`].
    Series(Arc<SeriesInfo>),
    /// Of [`super::Slot::Scene`].
    Scene(Arc<Scene>),
    /// Of [`super::Slot::Deblend`] and [`super::Slot::Unedited`].
    Deblend(Arc<DeblendPreview>),
    /// Of [`super::Slot::Units`].
    Units(Arc<UnitMaps>),
    /// Of [`super::Slot::Relevance`].
    Relevance(Arc<RelevancePreview>),
    /// Of [`super::Slot::Regions`].
    Regions(Arc<RegionsPreview>),
    /// Of [`super::Slot::File`].
    File(Arc<FileInfo>),
    /// Of [`super::Slot::Flipping`].
    Flipping(Arc<FlippingPreview>),
    /// Of [`super::Slot::Through`].
    Through(Arc<UnitRelevance>),
    /// Of [`super::Slot::Thumbnail`].
    Thumbnail(Arc<Thumbnail>),
}

/// A small picture of a file, or of what a network draws.
#[derive(Clone, Debug)]
pub struct Thumbnail {
    /// What it is of.
    pub input: Input,
    /// The picture with few rows and columns, `[0, 1]` (not clipped), or why there is none.
    pub picture: Result<Stamp, Failure>,
}

/// A series directory or a lone network, as far as a person needs to know it.
#[derive(Clone, Debug)]
pub struct SeriesInfo {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it is a lone file, and no folder.
    pub is_file: bool,
    /// The role of the network that is run: the discriminator where there is no generator.
    pub role: NetworkRole,
    /// What the network that is run takes.
    pub takes: Takes,
    /// Name shown to people.
    pub name: String,
    /// The checkpoints by increasing step.
    pub checkpoints: Vec<CheckpointInfo>,
    /// The network that is run, by `role`.
    pub network: NetworkInfo,
    /// The discriminator beside a generator, if there is one.
    pub discriminator: Option<NetworkInfo>,
    /// What a person should know about the folder, for example a step without weights.
    pub warnings: Vec<String>,
}

impl Default for SeriesInfo {
    /// A series of pictures with nothing in it.
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            is_file: false,
            role: NetworkRole::Generator,
            takes: Takes::Pictures,
            name: String::new(),
            checkpoints: Vec::new(),
            network: NetworkInfo::default(),
            discriminator: None,
            warnings: Vec::new(),
        }
    }
}

impl SeriesInfo {
    /// The names of what the generator draws; nothing without a generator.
    pub fn drawn(&self) -> &[String] {
        match self.role {
            NetworkRole::Generator => &self.network.outputs,
            NetworkRole::Discriminator => &[],
        }
    }

    /// Whether there is a discriminator, beside a generator or alone.
    pub fn has_discriminator(&self) -> bool {
        self.network_of(NetworkRole::Discriminator).is_some()
    }

    /// The network of a role.
    pub fn network_of(&self, role: NetworkRole) -> Option<&NetworkInfo> {
        if role == self.role {
            return Some(&self.network);
        }
        match role {
            NetworkRole::Discriminator => self.discriminator.as_ref(),
            NetworkRole::Generator => None,
        }
    }

    /// The index of the checkpoint of `step`.
    pub fn position(&self, step: u64) -> Option<usize> {
        self.checkpoints.iter().position(|c| c.step == step)
    }

    /// The last step.
    pub fn last_step(&self) -> Option<u64> {
        self.checkpoints.last().map(|c| c.step)
    }
}

/// One checkpoint of a series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckpointInfo {
    /// Training step.
    pub step: u64,
    /// The metrics written by the training, by name.
    pub metrics: BTreeMap<String, f64>,
}

impl CheckpointInfo {
    /// Those of a series, by ascending step.
    pub fn all_of(series: &Series) -> Vec<Self> {
        let checkpoints = series.checkpoints.iter();
        checkpoints
            .map(|c| Self {
                step: c.step,
                metrics: c.metrics.as_ref().map(Metrics::numbers).unwrap_or_default(),
            })
            .collect()
    }
}

/// A network, as far as a person needs to know it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NetworkInfo {
    /// The layers in the order in which they are computed.
    pub layers: Vec<LayerInfo>,
    /// Number of parameters.
    pub parameters: usize,
    /// Names of the outputs.
    pub outputs: Vec<String>,
    /// `[C, H, W]` of the picture that it takes; `None` where it takes none.
    pub picture: Option<[usize; 3]>,
    /// All layers, inputs and constants too, and how they are connected.
    pub graph: Arc<Graph>,
    /// Its file and how that was understood; nothing in tests of drawings.
    pub file: Option<Arc<NetworkFile>>,
}

/// The file of a network, and how it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkFile {
    /// The weights file.
    pub path: PathBuf,
    /// SHA-256 of it, in hexadecimal.
    pub sha256: String,
    /// What it is and how that is known.
    pub identity: Identity,
    /// Where the tensors went.
    pub report: LoadReport,
    /// What the file does not say and why it was taken so.
    pub guesses: Vec<Guess>,
    /// What its inputs and outputs are, a line each, for example `z: 100 x 1 x 1`.
    pub ports: Vec<String>,
    /// What it takes.
    pub takes: Takes,
    /// Whether pictures of any size can be given to it.
    pub takes_any_size: bool,
    /// Whether a manifest says what it is; otherwise it was recognised.
    pub has_manifest: bool,
    /// Whether a description would say more: the file holds weights without a graph, and no manifest stands over it.
    pub can_be_described: bool,
}

impl NetworkInfo {
    /// The layer of a name.
    pub fn layer(&self, name: &str) -> Option<&LayerInfo> {
        self.layers.iter().find(|layer| &*layer.name == name)
    }
}

/// One layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerInfo {
    /// Its name.
    pub name: LayerName,
    /// Kind of operation, for example `Conv2d`.
    pub kind: &'static str,
    /// The operation with its settings, in one line.
    pub summary: String,
    /// Dimensions of its value: `[C, H, W]` or `[F]`.
    pub dims: Vec<usize>,
    /// Number of its parameters.
    pub parameters: usize,
    /// The outputs it has an effect on, by position.
    pub reaches: Vec<usize>,
}

impl LayerInfo {
    /// Number of units.
    pub fn units(&self) -> usize {
        self.dims.first().copied().unwrap_or(1)
    }
}

/// A picture file: the blend, and the truths when they are known.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Where it is, and how it was read.
    pub picture: PictureFile,
    /// The blend, `[0, 1]` (not clipped).
    pub blend: Stamp,
    /// The galaxies of the blend, each alone, in the same units; empty when unknown.
    pub truths: Vec<Stamp>,
    /// The range of values in the file that became 0 to 1.
    pub range_in_file: ValueRange,
    /// Whether that range is a guess, which what a network takes overrides where the pixels lie in it.
    pub is_range_guessed: bool,
    /// North, east and scale in the middle of the blend, where its file has sky coordinates.
    pub compass: Option<Compass>,
    /// What a person should know, for example a guessed value range.
    pub notes: Vec<String>,
}

impl Scene {
    /// What a step of 1 in the pixels here is in the values of the file: for differences and sums above the sky, which have no
    /// zero point.
    pub fn step_in_file(&self) -> f32 {
        self.range_in_file.high - self.range_in_file.low
    }
}

/// What the generator makes of a blend.
#[derive(Clone, Debug)]
pub struct DeblendPreview {
    /// Training step of the checkpoint.
    pub step: u64,
    /// The outputs that are pictures, `[0, 1]`.
    pub outputs: Vec<Stamp>,
    /// The outputs that are numbers, a logit for example.
    pub numbers: Vec<OutputNumbers>,
    /// How the outputs account for the blend; nothing of networks that do not take a picture apart.
    pub account: Option<Account>,
    /// One per output that is a picture, where there is something to measure it by; else empty.
    pub measures: Vec<Measures>,
    /// Which output accounts for which truth is by position; false when there are no truths.
    pub has_truth: bool,
}

/// An output that is no picture.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputNumbers {
    /// Its name.
    pub name: String,
    /// Its values, one for a logit.
    pub values: Vec<f32>,
}

/// What the outputs leave of a blend.
#[derive(Clone, Debug)]
pub struct Account {
    /// The outputs put together by the series' own rule, `[0, 1]`.
    pub recombination: Stamp,
    /// Blend minus recombination, in units of the `[0, 1]` range; zero is a perfect account.
    pub residual: Stamp,
    /// The mean of its bands, `[1, H, W]`: what its signs are drawn of.
    pub residual_mean: Stamp,
    /// The residual drawn in full colour: the 99.5 percentile of its absolute values.
    pub residual_scale: f32,
}

impl DeblendPreview {
    /// What a person calls an output, by its position: `Galaxy 1` of a deblender, else `Output`, with its name among several.
    pub fn title_of(&self, output: usize) -> String {
        if self.account.is_some() {
            return format!("Galaxy {}", output + 1);
        }
        match (self.outputs.len(), self.outputs.get(output)) {
            (2.., Some(stamp)) => format!("Output {}", stamp.name),
            _ => "Output".to_owned(),
        }
    }
}

/// What is measured on one output, pixels in `[0, 1]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measures {
    /// Peak signal-to-noise ratio against the truth, dB.
    pub psnr: Option<f64>,
    /// Structural similarity to the truth, at most 1.
    pub ssim: Option<f64>,
    /// PSNR of the blend itself against the truth, dB: what doing nothing gives.
    pub psnr_of_blend: Option<f64>,
    /// Light above the sky, in the unit of the pixels.
    pub flux: Option<f64>,
    /// The same of the truth.
    pub flux_of_truth: Option<f64>,
    /// Centre of light, (column, row), 0-based pixels.
    pub centroid: Option<[f64; 2]>,
    /// The same of the truth.
    pub centroid_of_truth: Option<[f64; 2]>,
}

/// The activations of one layer, before edits.
#[derive(Clone, Debug)]
pub struct UnitMaps {
    /// The layer.
    pub layer: LayerName,
    /// `[C, H, W]`; `[F, 1, 1]` for a vector.
    pub dims: [usize; 3],
    /// The activations in that order.
    pub values: Arc<[f32]>,
    /// Per unit: mean, and the smallest and largest value.
    pub ranges: Vec<UnitRange>,
}

/// The values of one unit over one picture.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UnitRange {
    /// Mean over the pixels.
    pub mean: f32,
    /// Smallest value.
    pub min: f32,
    /// Largest value.
    pub max: f32,
}

impl UnitRange {
    /// Of the values of one unit; zeros when there are none. Values that are not numbers are left out.
    pub fn of(values: &[f32]) -> Self {
        let mut range = Self {
            mean: 0.0,
            min: f32::INFINITY,
            max: f32::NEG_INFINITY,
        };
        let (mut sum, mut count) = (0.0_f64, 0_usize);
        for value in values.iter().copied().filter(|v| v.is_finite()) {
            sum += f64::from(value);
            count += 1;
            range.min = range.min.min(value);
            range.max = range.max.max(value);
        }
        if count == 0 {
            return Self::default();
        }
        range.mean = (sum / count as f64) as f32;
        range
    }

    /// The largest absolute value.
    pub fn largest(self) -> f32 {
        self.min.abs().max(self.max.abs())
    }
}

impl UnitMaps {
    /// Number of units.
    pub fn units(&self) -> usize {
        self.dims[0]
    }

    /// The map of one unit, `[H, W]`.
    pub fn map(&self, unit: usize) -> &[f32] {
        let len = self.dims[1] * self.dims[2];
        &self.values[unit * len..(unit + 1) * len]
    }

    /// Whether any value is below zero.
    pub fn is_signed(&self) -> bool {
        self.ranges.iter().any(|r| r.min < 0.0)
    }
}

/// The largest absolute value that is not extreme, the 99.5 percentile; 1 when there is none above zero.
pub(super) fn typical_largest(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.map(f32::abs).filter(|v| v.is_finite()).collect();
    if values.is_empty() {
        return 1.0;
    }
    let at = ((values.len() - 1) as f64 * 0.995) as usize;
    let (_, scale, _) = values.select_nth_unstable_by(at, f32::total_cmp);
    if *scale > 0.0 { *scale } else { 1.0 }
}

/// A signed map as a stamp: zero-centred, `[1, H, W]`.
pub(super) fn signed_map(name: &str, values: Vec<f32>, [height, width]: [usize; 2]) -> Stamp {
    let largest = values.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let range = ValueRange {
        low: -largest,
        high: largest,
    };
    Stamp::new(name, values, [1, height, width], range)
}
