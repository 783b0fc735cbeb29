//! The relevance preview: the discriminator's reasons, one picture per step so that a newer preview can cut in.

use std::path::PathBuf;
use std::sync::Arc;

use super::Studio;
use super::input::{tensor_from_stamp, values_of};
use crate::attribution::{AttributionMap, Balance, Method, Options, Prepared, Target};
use crate::checkpoint::NetworkRole;
use crate::jobs::preview::signed_map;
use crate::jobs::{
    Failure, Input, PoleMap, Preview, Progress, RelevancePreview, RelevanceRow, RelevanceSpec,
    Step, Study,
};
use crate::network::Network;
use crate::stamp::Stamp;

/// A discriminator made ready for one method.
pub(super) struct HeldAttributor {
    pub(super) series: PathBuf,
    step: u64,
    method: Method,
    network: Arc<Network>,
    prepared: Arc<Prepared>,
}

impl Studio {
    /// The discriminator of a checkpoint, ready for a method: the one held, or a new one.
    fn attributor(&mut self, spec: &RelevanceSpec) -> Result<&HeldAttributor, Failure> {
        let held = self.attributor.take().filter(|held| {
            held.series == spec.run.series
                && held.step == spec.run.step
                && held.method == spec.method
        });
        let held = match held {
            Some(held) => held,
            None => {
                let network = self.networks.network(
                    &spec.run.series,
                    spec.run.step,
                    NetworkRole::Discriminator,
                )?;
                let range = self
                    .networks
                    .series(&spec.run.series)?
                    .manifest
                    .output_range;
                let (low, high) = (f64::from(range.low), f64::from(range.high));
                let options = Options {
                    input_range: (low, high),
                    ..Options::default()
                };
                let method = spec.method.clone().with_black(low);
                let prepared = Prepared::new(&network, &method, &options)?;
                HeldAttributor {
                    series: spec.run.series.clone(),
                    step: spec.run.step,
                    method: spec.method.clone(),
                    network,
                    prepared: Arc::new(prepared),
                }
            }
        };
        Ok(self.attributor.insert(held))
    }
}

/// A picture that waits to be judged.
struct Candidate {
    galaxy: usize,
    is_generated: bool,
    image: Stamp,
}

/// The preview in the making.
pub(super) struct RelevanceJob {
    spec: RelevanceSpec,
    /// `None` until the first step has run the generator. Taken from the end.
    waiting: Option<Vec<Candidate>>,
    rows: Vec<RelevanceRow>,
}

impl RelevanceJob {
    pub(super) const fn new(spec: RelevanceSpec) -> Self {
        Self {
            spec,
            waiting: None,
            rows: Vec::new(),
        }
    }

    /// Truths first, then outputs.
    fn candidates(&self, studio: &mut Studio) -> Result<Vec<Candidate>, Failure> {
        let series = studio.networks.series(&self.spec.run.series)?;
        // A discriminator alone judges the picture itself.
        let is_alone = series.main_role() == NetworkRole::Discriminator;
        let truths = match &self.spec.run.input {
            Input::File(path) if is_alone => vec![studio.scene(path)?.blend.clone()],
            Input::File(path) => studio.scene(path)?.truths.clone(),
            Input::Latent(_) => Vec::new(),
        };
        let outputs = studio.outputs(&self.spec.run)?;
        let candidates = |images: Vec<Stamp>, is_generated| {
            images
                .into_iter()
                .enumerate()
                .map(move |(galaxy, image)| Candidate {
                    galaxy,
                    is_generated,
                    image,
                })
        };
        let mut waiting: Vec<_> = candidates(truths, false)
            .chain(candidates(outputs, true))
            .collect();
        waiting.reverse();
        Ok(waiting)
    }

    fn judge(&self, studio: &mut Studio, candidate: Candidate) -> Result<RelevanceRow, Failure> {
        let range = studio
            .networks
            .series(&self.spec.run.series)?
            .manifest
            .output_range;
        let held = studio.attributor(&self.spec)?;
        let input = tensor_from_stamp(&candidate.image, &held.network, range)?;
        let map = held.prepared.attribute(&[input], &Target::default())?;
        let logit = values_of(&map.output)?.first().copied().unwrap_or(f32::NAN);
        let maps = pole_maps(&map)?;
        Ok(RelevanceRow {
            galaxy: candidate.galaxy,
            is_generated: candidate.is_generated,
            image: candidate.image,
            logit,
            maps,
        })
    }
}

impl Study<Studio, Preview> for RelevanceJob {
    fn step(&mut self, studio: &mut Studio) -> Result<Step<Preview>, Failure> {
        let mut waiting = match self.waiting.take() {
            Some(waiting) => waiting,
            None => self.candidates(studio)?,
        };
        if let Some(candidate) = waiting.pop() {
            let row = self.judge(studio, candidate)?;
            self.rows.push(row);
        }
        if waiting.is_empty() {
            let rows = std::mem::take(&mut self.rows);
            return Ok(Step::Done(Some(Preview::Relevance(Arc::new(
                RelevancePreview {
                    step: self.spec.run.step,
                    method: self.spec.method.to_string(),
                    scale: RelevancePreview::shared_scale(&rows),
                    rows,
                },
            )))));
        }
        let progress = Progress {
            done: self.rows.len(),
            total: self.rows.len() + waiting.len(),
            what: "computing relevance".into(),
        };
        self.waiting = Some(waiting);
        Ok(Step::More {
            progress,
            partial: None,
        })
    }
}

/// The maps of an attribution: one per pole where the method has poles, else one.
fn pole_maps(map: &AttributionMap) -> Result<Vec<PoleMap>, Failure> {
    let one = |relevance: &candle_core::Tensor, balances: &[Balance], is_real_pole| {
        let heat = relevance.sum(1)?.get(0)?;
        let size = match *heat.dims() {
            [h, w] => [h, w],
            _ => return Err(Failure::new("the relevance is not a picture")),
        };
        Ok(PoleMap {
            is_real_pole,
            map: signed_map("relevance", values_of(&heat)?, size),
            conservation_gap: balances.first().and_then(|b| b.gap),
            absorbed: balances
                .first()
                .filter(|b| b.gap.is_some() && b.start != 0.0)
                .map(|b| b.absorbed / b.start.abs()),
            warnings: map.warnings.clone(),
        })
    };
    match &map.poles {
        Some(poles) => Ok(vec![
            one(&poles.real.relevance, &poles.real.balances, Some(true))?,
            one(&poles.fake.relevance, &poles.fake.balances, Some(false))?,
        ]),
        None => Ok(vec![one(&map.relevance, &map.balances, None)?]),
    }
}
