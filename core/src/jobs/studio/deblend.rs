//! The deblend preview: a run of the generator, resumed from the last one when only edits changed.

use std::path::PathBuf;
use std::sync::Arc;

use candle_core::Tensor;

use super::Studio;
use super::feed::Fed;
use super::input::{picture_dims, stamp_from_output, values_of};
use super::measure;
use crate::checkpoint::{BlendRule, Series};
use crate::edit::EditStack;
use crate::jobs::preview::typical_largest;
use crate::jobs::{
    Account, DeblendPreview, DeblendSpec, Failure, Input, OutputNumbers, Preview, Scene,
};
use crate::network::{Network, Retain, Run};
use crate::stamp::{Stamp, ValueRange};

/// The last run, with all its activations.
pub(super) struct HeldRun {
    pub(super) series: PathBuf,
    step: u64,
    pub(super) input: Input,
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
        let cancel = self.cancel.clone();
        // A run that is stopped leaves the held one as it is.
        let run = match self.run.as_ref().filter(|h| h.is_of_same_picture(spec)) {
            Some(held) if held.edits == spec.edits => None,
            Some(held) => {
                let edits = spec.edits.resolve(&held.network)?;
                let resumed = held
                    .network
                    .resume_while(&held.run, &edits, &|| cancel.go_on())?;
                Some((held.network.clone(), resumed))
            }
            None => Some(self.full_run(spec)?),
        };
        if let Some((network, run)) = run {
            self.run = Some(HeldRun {
                series: spec.series.clone(),
                step: spec.step,
                input: spec.input.clone(),
                edits: spec.edits.clone(),
                network,
                run,
            });
        }
        let held = self.run.as_ref();
        held.ok_or_else(|| Failure::new("the run came to nothing"))
    }

    fn full_run(&mut self, spec: &DeblendSpec) -> Result<(Arc<Network>, Run), Failure> {
        let cancel = self.cancel.clone();
        let go_on = || cancel.go_on();
        let Fed { network, tensors } = self.fed(&spec.series, spec.step, &spec.input, &go_on)?;
        let edits = spec.edits.resolve(&network)?;
        // The memory of the last run is needed for the next.
        self.run = None;
        let run = network.forward_while(&tensors, &edits, &Retain::All, &go_on)?;
        Ok((network, run))
    }

    /// The outputs of a spec that are pictures, as stamps in `[0, 1]`.
    pub(super) fn outputs(&mut self, spec: &DeblendSpec) -> Result<Vec<Stamp>, Failure> {
        Ok(self.given(spec)?.pictures)
    }

    /// The outputs of a spec.
    fn given(&mut self, spec: &DeblendSpec) -> Result<Given, Failure> {
        let series = self.networks.series(&spec.series)?;
        let held = self.run(spec)?;
        given(&held.network, held.run.outputs(), &series)
    }
}

/// What a network gave.
pub(super) struct Given {
    /// The outputs that are pictures, as stamps in `[0, 1]`.
    pub(super) pictures: Vec<Stamp>,
    /// The others.
    pub(super) numbers: Vec<OutputNumbers>,
}

/// The outputs of a network, pictures and numbers apart.
pub(super) fn given(
    network: &Network,
    outputs: &[Tensor],
    series: &Series,
) -> Result<Given, Failure> {
    let (mut pictures, mut numbers) = (Vec::new(), Vec::new());
    for (output, tensor) in network.outputs().iter().zip(outputs) {
        let dims = tensor.dims().get(1..).unwrap_or_default();
        if picture_dims(dims).is_some() {
            let range = series.manifest.output_range;
            pictures.push(stamp_from_output(tensor, &output.name, range)?);
        } else {
            numbers.push(OutputNumbers {
                name: output.name.to_string(),
                values: values_of(&tensor.get(0)?)?,
            });
        }
    }
    Ok(Given { pictures, numbers })
}

/// The deblend preview of a spec.
pub(super) fn deblend(studio: &mut Studio, spec: &DeblendSpec) -> Result<Preview, Failure> {
    let series = studio.networks.series(&spec.series)?;
    let given = studio.given(spec)?;
    picture(studio, spec, &series, given)
}

/// The preview without edits. The run that is held is used but not replaced: the edited one is what is moved next.
pub(super) fn unedited(studio: &mut Studio, spec: &DeblendSpec) -> Result<Preview, Failure> {
    let series = studio.networks.series(&spec.series)?;
    let given = match studio.run.as_ref().filter(|h| h.is_of_same_picture(spec)) {
        Some(held) => {
            let edits = spec.edits.resolve(&held.network)?;
            let go_on = || studio.cancel.go_on();
            let run = held.network.resume_while(&held.run, &edits, &go_on)?;
            given(&held.network, run.outputs(), &series)?
        }
        None => studio.given(spec)?,
    };
    picture(studio, spec, &series, given)
}

fn picture(
    studio: &mut Studio,
    spec: &DeblendSpec,
    series: &Series,
    given: Given,
) -> Result<Preview, Failure> {
    let Given { pictures, numbers } = given;
    let scene = match &spec.input {
        Input::File(picture) => Some(studio.scene(picture)?),
        Input::Latent(_) => None,
    };
    let mut preview = DeblendPreview {
        step: spec.step,
        outputs: pictures,
        numbers,
        account: None,
        measures: Vec::new(),
        has_truth: false,
    };
    if let Some(scene) = scene {
        let outputs = &preview.outputs;
        preview.account = account(&scene, outputs, series)?;
        let is_like = |truth: &Stamp| outputs.iter().any(|o| o.dims() == truth.dims());
        preview.has_truth = scene.truths.iter().any(is_like);
        if preview.account.is_some() || preview.has_truth {
            preview.measures = measure::all(outputs, &scene.truths, &scene.blend);
        }
    }
    Ok(Preview::Deblend(Arc::new(preview)))
}

/// What the outputs leave of a blend, of networks that take pictures apart: those of a series whose manifest says so, and those that
/// make several pictures of the blend's size.
pub(super) fn account(
    scene: &Scene,
    outputs: &[Stamp],
    series: &Series,
) -> Result<Option<Account>, Failure> {
    let blend = &scene.blend;
    let fits = |o: &Stamp| {
        [o.height, o.width] == [blend.height, blend.width]
            && (blend.channels == o.channels || blend.channels == 1)
    };
    let is_deblender = series.manifest.is_deblender();
    let takes_apart = !outputs.is_empty() && (is_deblender || outputs.len() > 1);
    if !takes_apart || !outputs.iter().all(fits) {
        return Ok(None);
    }
    let recombination = recombine(outputs, series.manifest.blend_rule)?;
    let residual = difference(blend, &recombination);
    Ok(Some(Account {
        recombination,
        residual_scale: typical_largest(residual.pixels.iter().copied()),
        residual_mean: residual.mean_of_bands(),
        residual,
    }))
}

/// The outputs put together by the rule their blends were made with.
fn recombine(outputs: &[Stamp], rule: BlendRule) -> Result<Stamp, Failure> {
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
fn difference(blend: &Stamp, recombination: &Stamp) -> Stamp {
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
