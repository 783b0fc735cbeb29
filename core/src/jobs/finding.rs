//! What studies find out, part by part.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Failure, Scene, SeriesInfo};
use crate::network::LayerName;
use crate::stamp::Stamp;

/// A part of a study's result.
#[derive(Clone, Debug)]
pub enum Finding {
    /// Of [`super::StudySpec::Open`], one per path, in the order of the paths.
    Opened(Vec<Opened>),
    /// Of [`super::StudySpec::Timeline`], one per checkpoint.
    Timeline(TimelinePoint),
    /// Of [`super::StudySpec::UnitStats`].
    UnitStats(Arc<UnitStats>),
}

/// What a path turned out to be.
#[derive(Clone, Debug)]
pub enum Opened {
    /// A series directory, or a lone network.
    Series(Arc<SeriesInfo>),
    /// A picture.
    Scene(Arc<Scene>),
    /// A session; its text is not looked at here.
    Session {
        /// Where it is.
        path: PathBuf,
        /// RON.
        text: String,
        /// Files that are not what they were when it was saved.
        changed: Vec<PathBuf>,
    },
    /// A recipe of edits.
    Recipe {
        /// Where it is.
        path: PathBuf,
        /// The edits.
        edits: crate::edit::EditStack,
    },
    /// A DS9 region file; its text is not looked at here, because positions depend on the picture shown.
    Regions {
        /// Where it is.
        path: PathBuf,
        /// The commands.
        text: String,
    },
    /// A network that needs a description, or whose description is asked for.
    Draft(Arc<Draft>),
    /// It cannot be opened.
    Failed {
        /// Where it is.
        path: PathBuf,
        /// Why.
        why: Failure,
    },
}

/// The description of a network, to be corrected by a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The file of weights.
    pub weights: PathBuf,
    /// Where its description belongs.
    pub description: PathBuf,
    /// The description: that which is there, or a draft with its doubts.
    pub text: String,
    /// Whether it is there already.
    pub is_saved: bool,
    /// Why the network cannot be opened without it.
    pub why: Option<Failure>,
}

/// One checkpoint measured over the blends of a study.
#[derive(Clone, Debug)]
pub struct TimelinePoint {
    /// Training step.
    pub step: u64,
    /// Mean PSNR of each output against its truth over the blends, dB.
    pub psnr: Vec<f64>,
    /// Mean PSNR of the blends themselves, dB: what doing nothing gives.
    pub psnr_of_blend: f64,
    /// Number of blends measured.
    pub blends: usize,
    /// Number of pictures that could not be run.
    pub left_out: usize,
    /// The outputs for the blend shown, `[0, 1]`.
    pub outputs: Vec<Stamp>,
    /// Why the checkpoint could not be measured; the other fields are empty then.
    pub failure: Option<Failure>,
}

/// How active the units of a layer are over several blends.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitStats {
    /// Training step of the checkpoint.
    pub step: u64,
    /// The layer.
    pub layer: LayerName,
    /// Number of blends.
    pub blends: usize,
    /// Per unit: mean of the absolute activation.
    pub mean_abs: Vec<f64>,
    /// Per unit: largest absolute activation.
    pub max_abs: Vec<f64>,
}
