//! Studies over all pictures: checkpoints and units.
//!
//! Invariant: one of a kind runs at a time; a later one takes its place.

use egui::Context;
use ganoscope_core::jobs::StudySpec;
use log::Level;

use super::App;
use crate::bridge::Bridge;

impl App {
    /// Forgets what was measured on checkpoints, and stops measuring.
    pub(super) fn forget_timeline(&mut self) {
        if let Some(job) = self.results.timeline.job {
            Bridge::cancel(&self.results, job);
        }
        self.results.timeline = crate::results::Timeline::default();
    }

    /// Forgets what was measured on units, and stops measuring.
    pub(super) fn forget_unit_stats(&mut self) {
        if let Some(job) = self.results.unit_stats_job {
            Bridge::cancel(&self.results, job);
        }
        self.results.forget_unit_stats();
    }

    pub(super) fn measure_checkpoints(&mut self, ctx: &Context) {
        let (Some(series), Some(shown)) = (&self.document.series, &self.document.input) else {
            self.say(Level::Warn, "open a series and a picture first", ctx);
            return;
        };
        let spec = StudySpec::Timeline {
            series: series.clone(),
            inputs: self.document.inputs_for(self.takes()).cloned().collect(),
            shown: shown.clone(),
        };
        let shown = shown.clone();
        self.forget_timeline();
        self.results.timeline.input = Some(shown);
        self.bridge.start(spec, &mut self.results);
    }

    pub(super) fn measure_units(&mut self) {
        let Some(series) = self.results.series.shown() else {
            return;
        };
        let (Some(step), Some(layer)) = (
            self.document.step_in(series),
            self.document.layer_in(series),
        ) else {
            return;
        };
        let spec = StudySpec::UnitStats {
            series: series.path.clone(),
            step,
            layer,
            inputs: self.document.inputs_for(series.takes).cloned().collect(),
        };
        // What is shown is measured once: another layer, or the same anew, takes the place of what is under way.
        if let Some(job) = self.results.unit_stats_job {
            Bridge::cancel(&self.results, job);
        }
        self.bridge.start(spec, &mut self.results);
    }
}
