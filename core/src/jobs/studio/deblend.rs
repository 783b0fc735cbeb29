//! The deblend preview: a run of the generator, resumed from the last one when only edits changed.

use std::path::PathBuf;
use std::sync::Arc;

use candle_core::Tensor;

use super::Studio;
use super::input::{stamp_from_output, tensor_from_scene};
use super::measure;
use crate::checkpoint::{BlendRule, NetworkRole, Series};
use crate::edit::EditStack;
use crate::jobs::preview::typical_largest;
use crate::jobs::{DeblendPreview, DeblendSpec, Failure, Preview};
use crate::network::{Network, Retain, Run};
use crate::stamp::{Stamp, ValueRange};

/// The last run, with all its activations.
pub(super) struct HeldRun {
    pub(super) series: PathBuf,
    step: u64,
    pub(super) input: PathBuf,
    edits: EditStack,
    pub(super) network: Arc<Network>,
    pub(super) run: Run,
}

impl HeldRun {
    fn is_of_same_picture(&self, spec: &DeblendSpec) -> bool {
        self.series == spec.series && self.step == spec.step && self.input == spec.input
    }
}

impl Studio {
    /// The run of a spec: the one held, resumed from it, or a new one. It is held from then on.
    pub(super) fn run(&mut self, spec: &DeblendSpec) -> Result<&HeldRun, Failure> {
        let held = self.run.take().filter(|held| held.is_of_same_picture(spec));
        let held = match held {
            Some(held) if held.edits == spec.edits => held,
            Some(mut held) => {
                let edits = spec.edits.resolve(&held.network)?;
                held.run = held.network.resume(&held.run, &edits)?;
                held.edits = spec.edits.clone();
                held
            }
            None => self.full_run(spec)?,
        };
        Ok(self.run.insert(held))
    }

    fn full_run(&mut self, spec: &DeblendSpec) -> Result<HeldRun, Failure> {
        let series = self.networks.series(&spec.series)?;
        let network = self
            .networks
            .network(&spec.series, spec.step, NetworkRole::Generator)?;
        let scene = self.scene(&spec.input)?;
        let input = tensor_from_scene(&scene, &network, series.manifest.input_range)?;
        let edits = spec.edits.resolve(&network)?;
        let run = network.forward(&[input], &edits, &Retain::All)?;
        Ok(HeldRun {
            series: spec.series.clone(),
            step: spec.step,
            input: spec.input.clone(),
            edits: spec.edits.clone(),
            network,
            run,
        })
    }

    /// The outputs of a spec as stamps in `[0, 1]`.
    pub(super) fn outputs(&mut self, spec: &DeblendSpec) -> Result<Vec<Stamp>, Failure> {
        let series = self.networks.series(&spec.series)?;
        let held = self.run(spec)?;
        stamps_from_outputs(&held.network, held.run.outputs(), &series)
    }
}

/// The outputs of a network as stamps in `[0, 1]`.
pub(super) fn stamps_from_outputs(
    network: &Network,
    outputs: &[Tensor],
    series: &Series,
) -> Result<Vec<Stamp>, Failure> {
    let outputs = network.outputs().iter().zip(outputs);
    outputs
        .map(|(output, tensor)| {
            stamp_from_output(tensor, &output.name, series.manifest.output_range)
        })
        .collect()
}

/// The deblend preview of a spec.
pub(super) fn deblend(studio: &mut Studio, spec: &DeblendSpec) -> Result<Preview, Failure> {
    let series = studio.networks.series(&spec.series)?;
    let outputs = studio.outputs(spec)?;
    picture(studio, spec, &series, outputs)
}

/// The preview without edits. The run that is held is used but not replaced: the edited one is what is moved next.
pub(super) fn unedited(studio: &mut Studio, spec: &DeblendSpec) -> Result<Preview, Failure> {
    let series = studio.networks.series(&spec.series)?;
    let outputs = match studio.run.as_ref().filter(|h| h.is_of_same_picture(spec)) {
        Some(held) => {
            let edits = spec.edits.resolve(&held.network)?;
            let run = held.network.resume(&held.run, &edits)?;
            stamps_from_outputs(&held.network, run.outputs(), &series)?
        }
        None => studio.outputs(spec)?,
    };
    picture(studio, spec, &series, outputs)
}

fn picture(
    studio: &mut Studio,
    spec: &DeblendSpec,
    series: &Series,
    outputs: Vec<Stamp>,
) -> Result<Preview, Failure> {
    let scene = studio.scene(&spec.input)?;
    let recombination = recombine(&outputs, series.manifest.blend_rule)?;
    let residual = difference(&scene.blend, &recombination);
    let measures = measure::all(&outputs, &scene.truths, &scene.blend);
    Ok(Preview::Deblend(Arc::new(DeblendPreview {
        step: spec.step,
        outputs,
        recombination,
        residual_scale: typical_largest(residual.pixels.iter().copied()),
        residual_mean: residual.mean_of_bands(),
        residual,
        measures,
        has_truth: !scene.truths.is_empty(),
    })))
}

/// The outputs put together by the rule their blends were made with.
pub(super) fn recombine(outputs: &[Stamp], rule: BlendRule) -> Result<Stamp, Failure> {
    let first = outputs
        .first()
        .ok_or_else(|| Failure::new("the network has no output"))?;
    let mut pixels = first.pixels.to_vec();
    for other in &outputs[1..] {
        if other.dims() != first.dims() {
            return Err(Failure::new(format!(
                "outputs {} and {} differ in size",
                first.name, other.name
            )));
        }
        for (sum, value) in pixels.iter_mut().zip(other.pixels.iter()) {
            *sum = match rule {
                BlendRule::Maximum => sum.max(*value),
                BlendRule::Sum => *sum + *value,
            };
        }
    }
    Ok(Stamp::new(
        "recombination",
        pixels,
        first.dims(),
        ValueRange::UNIT,
    ))
}

/// `blend - recombination`, band by band; a blend of one band is taken for every band.
pub(super) fn difference(blend: &Stamp, recombination: &Stamp) -> Stamp {
    let plane = recombination.height * recombination.width;
    let at = |i: usize| {
        let channel = (i / plane).min(blend.channels - 1);
        blend.pixels[channel * plane + i % plane]
    };
    let pixels: Vec<f32> = recombination
        .pixels
        .iter()
        .enumerate()
        .map(|(i, v)| at(i) - v)
        .collect();
    Stamp::new("residual", pixels, recombination.dims(), ValueRange::SIGNED)
}
