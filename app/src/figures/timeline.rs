//! The figure of Timeline: the measures of every checkpoint as lines.

use ganoscope_core::figure::{Chart, Lane, Level, Spot};

use super::Setting;
use crate::views::Curves;
use crate::widgets::rgb;

/// The plot; the checkpoints are at equal distances, as on the screen.
pub fn timeline(curves: &Curves, setting: &Setting) -> Chart {
    let tokens = setting.paper.tokens();
    let lanes = curves.lanes.iter().enumerate();
    let lanes = lanes.map(|(i, lane)| Lane {
        name: lane.name.clone(),
        color: rgb(tokens.galaxy(lane.galaxy)),
        spot: Spot::ALL[i % Spot::ALL.len()],
        points: lane.points.clone(),
    });
    let last = curves.steps.len().saturating_sub(1) as f64;
    let places = curves.steps.iter().enumerate();
    let mut notes = setting.notes.clone();
    let shown = curves.shown.and_then(|at| curves.steps.get(at));
    notes.extend(shown.map(|step| format!("The vertical line is at step {step}, which is shown.")));
    Chart {
        title: setting.title.clone(),
        across: "Training step of the checkpoint".to_owned(),
        up: "PSNR (dB)".to_owned(),
        places: places
            .map(|(i, step)| (i as f64, step.to_string()))
            .collect(),
        span: [-0.5, last + 0.5],
        range: curves.span(),
        lanes: lanes.collect(),
        levels: curves
            .blend
            .map(|value| Level {
                name: "blend itself".to_owned(),
                value,
            })
            .into_iter()
            .collect(),
        shown: curves.shown.map(|at| at as f64),
        notes,
        palette: setting.paper.palette(),
    }
}
