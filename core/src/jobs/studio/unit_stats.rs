//! The unit statistics study: how active the units of a layer are over several blends, one forward pass a step.

use std::path::PathBuf;
use std::sync::Arc;

use super::Studio;
use super::feed::Fed;
use super::input::values_of;
use crate::jobs::{Cancel, Failure, Finding, Input, Progress, Step, Study, UnitStats};
use crate::network::{Edits, LayerName, Retain};

pub(super) struct UnitStatsStudy {
    series: PathBuf,
    inputs: Vec<Input>,
    done: usize,
    stats: UnitStats,
    cancel: Cancel,
}

impl UnitStatsStudy {
    pub(super) const fn new(
        series: PathBuf,
        step: u64,
        layer: LayerName,
        inputs: Vec<Input>,
        cancel: Cancel,
    ) -> Self {
        Self {
            series,
            inputs,
            done: 0,
            stats: UnitStats {
                step,
                layer,
                blends: 0,
                mean_abs: Vec::new(),
                max_abs: Vec::new(),
            },
            cancel,
        }
    }

    fn add(&mut self, studio: &mut Studio, input: &Input) -> Result<(), Failure> {
        let go_on = || self.cancel.go_on();
        let Fed { network, tensors } = studio.fed(&self.series, self.stats.step, input, &go_on)?;
        let retain = Retain::Layers(vec![self.stats.layer.clone()]);
        let run = network.forward_while(&tensors, &Edits::new(), &retain, &go_on)?;
        let activation = run.activation(&network, &self.stats.layer)?.get(0)?;
        let units = activation.dims().first().copied().unwrap_or(1);
        let values = values_of(&activation)?;
        let stats = &mut self.stats;
        stats.mean_abs.resize(units, 0.0);
        stats.max_abs.resize(units, 0.0);
        let len = (values.len() / units.max(1)).max(1);
        for (unit, map) in values.chunks(len).enumerate() {
            let sum: f64 = map.iter().map(|v| f64::from(v.abs())).sum();
            let largest = map.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
            stats.mean_abs[unit] += sum / len as f64;
            stats.max_abs[unit] = stats.max_abs[unit].max(f64::from(largest));
        }
        stats.blends += 1;
        Ok(())
    }

    fn finding(&self) -> Finding {
        let mut stats = self.stats.clone();
        for mean in &mut stats.mean_abs {
            *mean /= stats.blends.max(1) as f64;
        }
        Finding::UnitStats(Arc::new(stats))
    }
}

impl Study<Studio, Finding> for UnitStatsStudy {
    fn step(&mut self, studio: &mut Studio) -> Result<Step<Finding>, Failure> {
        if let Some(input) = self.inputs.get(self.done).cloned() {
            // A picture that does not fit is left out; when none fits, the last one says why.
            if let Err(why) = self.add(studio, &input) {
                if self.cancel.is_cancelled() {
                    return Err(why);
                }
                if self.done + 1 == self.inputs.len() && self.stats.blends == 0 {
                    return Err(why);
                }
                log::warn!("left out: {why}");
            }
            self.done += 1;
        }
        if self.done >= self.inputs.len() {
            return Ok(Step::Done(Some(self.finding())));
        }
        Ok(Step::More {
            progress: Progress {
                done: self.done,
                total: self.inputs.len(),
                what: "measuring units".into(),
            },
            partial: None,
        })
    }
}
