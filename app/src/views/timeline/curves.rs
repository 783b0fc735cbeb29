//! The curves of the timeline as plain data: what the study measured, or what the training wrote.

use ganoscope_core::jobs::{CheckpointInfo, SeriesInfo, TimelinePoint};

use crate::document::Document;
use crate::results::Results;

/// How far below the blend itself a plot reaches, dB. The first checkpoints lie far lower; showing them to scale would
/// flatten everything that matters.
const BELOW_BLEND_DB: f64 = 3.0;

/// One line: its name, the galaxy it belongs to, points `[index of the checkpoint, dB]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// What a legend says.
    pub name: String,
    /// The galaxy it belongs to, from 0.
    pub galaxy: usize,
    /// `[index of the checkpoint, dB]`.
    pub points: Vec<[f64; 2]>,
}

/// What the plot of the timeline shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// The training step of every checkpoint.
    pub steps: Vec<u64>,
    /// One line per galaxy.
    pub lanes: Vec<Curve>,
    /// PSNR of the blends themselves: what doing nothing gives, dB.
    pub blend: Option<f64>,
    /// The checkpoint shown, by index.
    pub shown: Option<usize>,
}

impl Curves {
    /// The curves of a series as far as they are known.
    pub fn of(document: &Document, results: &Results, series: &SeriesInfo) -> Self {
        let step = document.step_in(series);
        Self {
            steps: series.checkpoints.iter().map(|c| c.step).collect(),
            lanes: lanes(results, series),
            blend: psnr_of_blend(results, series),
            shown: step.and_then(|step| series.position(step)),
        }
    }

    /// The lowest and highest value shown.
    pub fn span(&self) -> [f64; 2] {
        let values = || {
            let all = self.lanes.iter().flat_map(|lane| &lane.points);
            let finite = all.map(|p| p[1]).filter(|v| v.is_finite());
            finite.chain(self.blend)
        };
        let high = values().fold(f64::NEG_INFINITY, f64::max);
        let low = values().fold(f64::INFINITY, f64::min);
        if !high.is_finite() {
            return [0.0, 30.0];
        }
        let floor = self.blend.map(|blend| blend - BELOW_BLEND_DB);
        let low = floor.map_or(low, |floor| low.max(floor));
        let margin = ((high - low) * 0.12).max(0.4);
        [low - margin, high + margin]
    }
}

/// What the study found; before it ran, what the training wrote.
fn lanes(results: &Results, series: &SeriesInfo) -> Vec<Curve> {
    let found = &results.timeline.points;
    let galaxies = found.values().map(|p| p.psnr.len()).max().unwrap_or(0);
    if galaxies > 0 {
        let points = |galaxy: usize| {
            let of =
                |p: &TimelinePoint| Some([series.position(p.step)? as f64, *p.psnr.get(galaxy)?]);
            found.values().filter_map(of).collect()
        };
        let lane = |galaxy: usize| Curve {
            name: format!("galaxy {}", galaxy + 1),
            galaxy,
            points: points(galaxy),
        };
        return (0..galaxies).map(lane).collect();
    }
    let lane = |galaxy: usize| {
        let metric = format!("psnr.{}", galaxy + 1);
        let of = |(i, c): (usize, &CheckpointInfo)| Some([i as f64, *c.metrics.get(&metric)?]);
        let checkpoints = series.checkpoints.iter().enumerate();
        Curve {
            name: format!("galaxy {} (training)", galaxy + 1),
            galaxy,
            points: checkpoints.filter_map(of).collect(),
        }
    };
    let outputs = series.network.outputs.len();
    let lanes = (0..outputs).map(lane);
    lanes.filter(|lane| !lane.points.is_empty()).collect()
}

/// PSNR of the blends themselves, dB.
fn psnr_of_blend(results: &Results, series: &SeriesInfo) -> Option<f64> {
    let found = results.timeline.points.values().find(|p| p.blends > 0);
    let written = || {
        let last = series.checkpoints.last()?;
        last.metrics.get("psnr_of_blend").copied()
    };
    found.map(|p| p.psnr_of_blend).or_else(written)
}
