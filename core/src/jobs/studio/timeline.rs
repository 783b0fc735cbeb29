//! The timeline study: every checkpoint regenerates every blend, one forward pass a step. A picture that cannot be run is
//! left out and counted, so that the mean is over the same pictures whichever is shown.

use std::path::PathBuf;

use super::deblend::given;
use super::feed::Fed;
use super::{Studio, measure};
use crate::jobs::{Cancel, Failure, Finding, Input, Progress, Step, Study, TimelinePoint};
use crate::network::Plan;
use crate::stamp::Stamp;
use crate::stamp::io::PictureFile;

/// Sums over the blends of one checkpoint.
#[derive(Default)]
struct Sums {
    /// Sum and number of pictures, per output: not all pictures have as many truths.
    psnr: Vec<(f64, usize)>,
    psnr_of_blend: f64,
    blends: usize,
    left_out: usize,
    outputs: Vec<Stamp>,
    /// Why the last picture was left out.
    failure: Option<Failure>,
}

/// Checkpoints outside, blends inside; a checkpoint that cannot be loaded is reported and left out.
pub(super) struct TimelineStudy {
    series: PathBuf,
    inputs: Vec<Input>,
    shown: Input,
    /// The checkpoint that is being measured, ready to run on pictures of a size.
    plan: Option<((u64, [usize; 2]), Plan)>,
    /// `None` until the first step.
    steps: Option<Vec<u64>>,
    at_step: usize,
    at_input: usize,
    sums: Sums,
    cancel: Cancel,
}

impl TimelineStudy {
    pub(super) fn new(
        series: PathBuf,
        mut inputs: Vec<Input>,
        shown: Input,
        cancel: Cancel,
    ) -> Self {
        // The blend shown comes first, so that its small pictures can be shown soonest.
        inputs.retain(|input| *input != shown);
        inputs.insert(0, shown.clone());
        Self {
            series,
            inputs,
            shown,
            plan: None,
            steps: None,
            at_step: 0,
            at_input: 0,
            sums: Sums::default(),
            cancel,
        }
    }

    fn measure(&mut self, studio: &mut Studio, step: u64, input: &Input) -> Result<(), Failure> {
        let cancel = self.cancel.clone();
        let go_on = || cancel.go_on();
        let series = studio.networks.series(&self.series)?;
        let Fed { network, tensors } = studio.fed(&self.series, step, input, &go_on)?;
        let of = (step, network.input_fact().size());
        let plan = match self.plan.take().filter(|(known, _)| *known == of) {
            Some(plan) => plan,
            None => (of, Plan::new(&network)?),
        };
        let (_, plan) = self.plan.insert(plan);
        let outputs = given(&network, &plan.run_while(&tensors, &go_on)?, &series)?.pictures;
        if let Input::File(picture) = input {
            self.measure_truths(studio, picture, &outputs)?;
        }
        if *input == self.shown {
            self.sums.outputs = outputs;
        }
        Ok(())
    }

    fn measure_truths(
        &mut self,
        studio: &mut Studio,
        picture: &PictureFile,
        outputs: &[Stamp],
    ) -> Result<(), Failure> {
        let scene = studio.scene(picture)?;
        let pairs = || scene.truths.iter().zip(outputs);
        let psnr: Option<Vec<f64>> = pairs().map(|(t, o)| measure::psnr_of(t, o)).collect();
        if let Some(psnr) = psnr.filter(|psnr| !psnr.is_empty()) {
            // Of the truths that are measured, so that both are means over the same.
            let of_blend = pairs().filter_map(|(t, _)| measure::psnr_of(t, &scene.blend));
            let of_blend: f64 = of_blend.sum();
            if self.sums.psnr.len() < psnr.len() {
                self.sums.psnr.resize(psnr.len(), (0.0, 0));
            }
            for ((sum, count), value) in self.sums.psnr.iter_mut().zip(&psnr) {
                *sum += value;
                *count += 1;
            }
            self.sums.psnr_of_blend += of_blend / psnr.len().max(1) as f64;
            self.sums.blends += 1;
        }
        Ok(())
    }

    fn point(&mut self, step: u64) -> TimelinePoint {
        let Sums {
            psnr,
            psnr_of_blend,
            blends,
            left_out,
            outputs,
            failure,
        } = std::mem::take(&mut self.sums);
        // When nothing could be run, it is the checkpoint that failed.
        let failure = failure.filter(|_| left_out == self.inputs.len());
        let mean = |(sum, count): (f64, usize)| sum / count.max(1) as f64;
        TimelinePoint {
            step,
            psnr: psnr.into_iter().map(mean).collect(),
            psnr_of_blend: psnr_of_blend / blends.max(1) as f64,
            blends,
            left_out,
            outputs,
            failure,
        }
    }
}

impl Study<Studio, Finding> for TimelineStudy {
    fn step(&mut self, studio: &mut Studio) -> Result<Step<Finding>, Failure> {
        let steps = match self.steps.take() {
            Some(steps) => steps,
            None => {
                let series = studio.networks.series(&self.series)?;
                series.checkpoints.iter().map(|c| c.step).collect()
            }
        };
        let Some(step) = steps.get(self.at_step).copied() else {
            return Ok(Step::Done(None));
        };
        let input = self.inputs[self.at_input].clone();
        if let Err(why) = self.measure(studio, step, &input) {
            if self.cancel.is_cancelled() {
                return Err(why);
            }
            self.sums.left_out += 1;
            self.sums.failure = Some(why);
        }
        self.at_input += 1;
        let mut partial = None;
        if self.at_input == self.inputs.len() {
            partial = Some(Finding::Timeline(self.point(step)));
            self.at_input = 0;
            self.at_step += 1;
        }
        if self.at_step == steps.len() {
            return Ok(Step::Done(partial));
        }
        let progress = Progress {
            done: self.at_step * self.inputs.len() + self.at_input,
            total: steps.len() * self.inputs.len(),
            what: format!("measuring step {}", steps[self.at_step]).into(),
        };
        self.steps = Some(steps);
        Ok(Step::More { progress, partial })
    }
}
