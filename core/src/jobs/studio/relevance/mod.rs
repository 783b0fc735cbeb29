//! The relevance preview: reasons over one picture by one method per step, so that a newer preview can cut in.

mod attributor;
mod flipping;
mod through;

use std::sync::Arc;

pub(super) use self::attributor::HeldRelevance;
use self::attributor::{Candidate, Way};
pub(super) use self::flipping::FlippingJob;
pub(super) use self::through::ThroughJob;
use super::Studio;
use crate::attribution::{RegionSum, rank_correlation};
use crate::checkpoint::NetworkRole;
use crate::jobs::preview::signed_map;
use crate::jobs::{
    BesideMap, Explained, Failure, Input, PoleMap, Preview, Progress, RelevancePreview,
    RelevanceRow, RelevanceSpec, Step, Study,
};
use crate::stamp::Stamp;

/// The preview in the making.
pub(super) struct RelevanceJob {
    spec: RelevanceSpec,
    ways: Vec<Way>,
    /// `None` until the first step has run the generator.
    candidates: Option<Vec<Candidate>>,
    rows: Vec<RelevanceRow>,
    /// Pictures times methods that are done.
    done: usize,
}

impl Studio {
    /// The pictures that a spec explains: truths first, then outputs; or the blend alone.
    fn candidates(&mut self, spec: &RelevanceSpec) -> Result<Vec<Candidate>, Failure> {
        if let Explained::Output(target) = &spec.explained {
            let scene = match &spec.run.input {
                Input::File(picture) => self.scene(picture)?,
                Input::Latent(_) => {
                    let why = "what is drawn from a seed was made from no picture; explain the discriminator's verdict";
                    return Err(Failure::new(why));
                }
            };
            let sources = match scene.truths.as_slice() {
                [] => vec![scene.blend.clone()],
                truths => truths.to_vec(),
            };
            return Ok(vec![Candidate {
                galaxy: target.output,
                is_generated: false,
                is_blend: true,
                input: spec.run.input.clone(),
                image: scene.blend.clone(),
                sources,
            }]);
        }
        let (real_input, real, is_blend) = self.real_pictures(spec)?;
        let outputs = self.outputs(&spec.run)?;
        let is_of_blend = real_input == spec.run.input;
        let real_ones = real.iter().enumerate().map(|(galaxy, image)| Candidate {
            galaxy,
            is_generated: false,
            is_blend,
            input: real_input.clone(),
            image: image.clone(),
            sources: vec![image.clone()],
        });
        let generated = outputs.into_iter().enumerate().map(|(galaxy, image)| {
            // The parts of a galaxy are those of its truth: then both maps are summed over the same pixels.
            let truth = real.get(galaxy).filter(|_| is_of_blend);
            Candidate {
                galaxy,
                is_generated: true,
                is_blend: false,
                input: spec.run.input.clone(),
                sources: vec![truth.unwrap_or(&image).clone()],
                image,
            }
        });
        Ok(real_ones.chain(generated).collect())
    }

    /// The pictures of galaxies that no network made, their file, and whether the network is run on them as on any picture of a
    /// file: a discriminator alone.
    fn real_pictures(
        &mut self,
        spec: &RelevanceSpec,
    ) -> Result<(Input, Vec<Stamp>, bool), Failure> {
        let series = self.networks.series(&spec.run.series)?;
        let is_alone = series.main_role() == NetworkRole::Discriminator;
        let own = spec.run.input.picture();
        let other = spec.real.as_ref().filter(|picture| Some(*picture) != own);
        let Some(picture) = other else {
            let pictures = match own {
                // A discriminator alone judges the picture itself.
                Some(picture) if is_alone => {
                    vec![self.scene(picture)?.blend.clone()]
                }
                Some(picture) => self.scene(picture)?.truths.clone(),
                None => Vec::new(),
            };
            return Ok((spec.run.input.clone(), pictures, is_alone));
        };
        let other = self.scene(picture)?;
        let pictures = match other.truths.as_slice() {
            _ if is_alone => vec![other.blend.clone()],
            // A file of one galaxy has no truths beside it.
            [] => vec![other.blend.clone()],
            truths => truths.to_vec(),
        };
        Ok((Input::File(picture.clone()), pictures, is_alone))
    }
}

impl RelevanceJob {
    pub(super) fn new(spec: RelevanceSpec) -> Self {
        Self {
            ways: Way::all_of(&spec),
            spec,
            candidates: None,
            rows: Vec::new(),
            done: 0,
        }
    }

    /// Explains the next picture by the next method: the method asked for comes first over all pictures.
    fn explain(&mut self, studio: &mut Studio, candidates: &[Candidate]) -> Result<(), Failure> {
        let (way, picture) = (self.done / candidates.len(), self.done % candidates.len());
        let (Some(way), Some(candidate)) = (self.ways.get(way), candidates.get(picture)) else {
            return Ok(());
        };
        if self.done < candidates.len() {
            let judged = studio.judged(&self.spec, candidate, way)?;
            self.rows.push(RelevanceRow {
                galaxy: candidate.galaxy,
                is_generated: candidate.is_generated,
                is_blend: candidate.is_blend,
                image: candidate.image.clone(),
                logit: judged.score,
                maps: judged.maps.clone(),
                beside: Vec::new(),
            });
        } else if let Some(row) = self.rows.get_mut(picture) {
            let beside = beside(studio, &self.spec, candidate, [&self.ways[0], way]);
            row.beside.push(beside);
        }
        self.done += 1;
        Ok(())
    }

    fn finished(
        &mut self,
        studio: &mut Studio,
        candidates: &[Candidate],
    ) -> Result<Preview, Failure> {
        let rows = std::mem::take(&mut self.rows);
        let (rules, input_range) = match candidates.first() {
            // What is said of a map is kept with it.
            Some(first) => {
                let judged = studio.judged(&self.spec, first, &self.ways[0])?;
                (judged.rules.clone(), judged.input_range)
            }
            None => (Vec::new(), (0.0, 1.0)),
        };
        Ok(Preview::Relevance(Arc::new(RelevancePreview {
            step: self.spec.run.step,
            method: self.spec.method.to_string(),
            scale: RelevancePreview::shared_scale(&rows),
            share_scale: RelevancePreview::shared_share(&rows),
            rules,
            input_range,
            rows,
        })))
    }
}

/// The map of another method; where it has poles, both together. That it does not fit is said in its place.
fn beside(
    studio: &mut Studio,
    spec: &RelevanceSpec,
    candidate: &Candidate,
    [main, way]: [&Way; 2],
) -> BesideMap {
    let mut compare = || -> Result<_, Failure> {
        let main = studio.judged(spec, candidate, main)?;
        let judged = studio.judged(spec, candidate, way)?;
        let agreement = rank_correlation(&main.heat, &judged.heat);
        let mut maps = judged.maps.iter().cloned();
        let first = maps.next();
        let map = first.ok_or_else(|| Failure::new("the method gave no map"))?;
        Ok((maps.fold(map, together), agreement))
    };
    let (map, agreement) = match compare() {
        Ok((map, agreement)) => (Ok(map), agreement),
        Err(why) => (Err(why), 0.0),
    };
    BesideMap {
        method: way.method.clone(),
        map,
        agreement,
    }
}

impl Study<Studio, Preview> for RelevanceJob {
    fn step(&mut self, studio: &mut Studio) -> Result<Step<Preview>, Failure> {
        let candidates = match self.candidates.take() {
            Some(candidates) => candidates,
            None => {
                if self.spec.explained == Explained::Verdict {
                    // Loaded first: without one there is nothing to run the generator for.
                    let run = &self.spec.run;
                    let role = NetworkRole::Discriminator;
                    studio.networks.network(&run.series, run.step, role)?;
                }
                studio.candidates(&self.spec)?
            }
        };
        let total = candidates.len() * self.ways.len();
        if self.done < total {
            self.explain(studio, &candidates)?;
        }
        if self.done >= total {
            let preview = self.finished(studio, &candidates)?;
            return Ok(Step::Done(Some(preview)));
        }
        self.candidates = Some(candidates);
        Ok(Step::More {
            progress: Progress {
                done: self.done,
                total,
                what: "computing relevance".into(),
            },
            partial: None,
        })
    }
}

/// Two poles in one map of both signs.
fn together(real: PoleMap, fake: PoleMap) -> PoleMap {
    let pixels: Vec<f32> = real
        .map
        .pixels
        .iter()
        .zip(fake.map.pixels.iter())
        .map(|(a, b)| a + b)
        .collect();
    let size = [real.map.height, real.map.width];
    let larger = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) if b.abs() > a.abs() => Some(b),
        (a, b) => a.or(b),
    };
    let whole = pixels.iter().map(|v| f64::from(v.abs())).sum();
    let regions = real.regions.iter().zip(&fake.regions).map(|(a, b)| {
        let absolute = a.absolute + b.absolute;
        RegionSum {
            sum: a.sum + b.sum,
            absolute,
            share: if real.whole > 0.0 {
                absolute / real.whole
            } else {
                0.0
            },
            ..a.clone()
        }
    });
    PoleMap {
        is_real_pole: None,
        map: signed_map("relevance", pixels, size),
        conservation_gap: larger(real.conservation_gap, fake.conservation_gap),
        absorbed: larger(real.absorbed, fake.absorbed),
        warnings: real.warnings.clone(),
        whole,
        regions: regions.collect(),
    }
}
