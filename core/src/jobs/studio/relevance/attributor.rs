//! Networks made ready for a method, and the maps they gave: both are kept, so that what was computed once is not again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Tensor};

use super::super::Studio;
use super::super::feed::{Fed, check_memory};
use super::super::input::{tensor_from_stamp, values_of};
use crate::attribution::{
    AttributionMap, Balance, LayerRule, Method, Options, Pole, Prepared, RegionSettings,
    RuleChange, SourceRegions, Target,
};
use crate::checkpoint::{Limits, NetworkRole};
use crate::edit::EditStack;
use crate::jobs::preview::signed_map;
use crate::jobs::relevance::picture_name;
use crate::jobs::{BytesCache, Explained, Failure, Input, PoleMap, RelevanceSpec, SizeBytes};
use crate::latent;
use crate::network::{Network, always};
use crate::stamp::Stamp;
use crate::stamp::io::PictureFile;

/// Networks kept ready: as many methods as stand side by side with room to spare.
const READY: usize = 6;
/// The part of the memory limit that they may take together, as one of so many.
const READY_SHARE: u64 = 4;
/// Bytes of maps that are kept; those of the demonstration are 0.1 MB each.
const MAPS_BYTES: usize = 32 << 20;

/// How relevance is computed: a method with other rules.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Way {
    pub(super) method: Method,
    pub(super) rules: Vec<RuleChange>,
}

impl Way {
    /// The way asked for, and those beside it, which are as they are.
    pub(super) fn all_of(spec: &RelevanceSpec) -> Vec<Self> {
        let main = Self {
            method: spec.method.clone(),
            rules: if spec.method.is_relevance() {
                spec.rules.clone()
            } else {
                Vec::new()
            },
        };
        let beside = spec.beside.iter().map(|method| Self {
            method: method.clone(),
            rules: Vec::new(),
        });
        std::iter::once(main).chain(beside).collect()
    }
}

/// A network made ready for one way.
struct Ready {
    series: PathBuf,
    way: Way,
    attributor: Attributor,
}

impl Ready {
    /// About what it holds: the weights, and those that the rules made of them.
    fn bytes(&self) -> u64 {
        3 * 4 * self.attributor.network.parameter_count() as u64
    }
}

/// A network with what explains it. Cheap to clone.
#[derive(Clone)]
pub(super) struct Attributor {
    pub(super) network: Arc<Network>,
    pub(super) prepared: Arc<Prepared>,
    pub(super) input_range: (f64, f64),
}

/// Which picture: a file's truth or blend, or an output of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PictureKey {
    pub(super) series: PathBuf,
    pub(super) step: u64,
    pub(super) input: Input,
    pub(super) explained: Explained,
    pub(super) galaxy: usize,
    /// The edits of a run; nothing where no run is looked at.
    pub(super) edits: Option<EditStack>,
    /// The picture whose sources give an output its parts, where that is not the run's own.
    real: Option<PictureFile>,
}

/// What one way said of one picture.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    pub(super) score: f32,
    pub(super) maps: Vec<PoleMap>,
    /// All poles together, channels summed, row by row.
    pub(super) heat: Vec<f64>,
    pub(super) rules: Vec<LayerRule>,
    pub(super) input_range: (f64, f64),
}

impl SizeBytes for Judged {
    fn size_bytes(&self) -> usize {
        let maps = self.maps.iter().map(|map| size_of_val(&*map.map.pixels));
        maps.sum::<usize>() + size_of_val(&*self.heat)
    }
}

/// Everything that is kept about relevance.
pub(in crate::jobs::studio) struct HeldRelevance {
    ready: Vec<Ready>,
    maps: BytesCache<(PictureKey, Way), Judged>,
    pub(super) flips: BytesCache<super::flipping::FlipKey, super::flipping::Scores>,
    pub(super) units: super::through::HeldUnits,
}

impl Default for HeldRelevance {
    fn default() -> Self {
        Self {
            ready: Vec::new(),
            maps: BytesCache::new(MAPS_BYTES),
            flips: BytesCache::new(MAPS_BYTES / 8),
            units: super::through::HeldUnits::default(),
        }
    }
}

impl HeldRelevance {
    /// Forgets what was made of a series.
    pub(in crate::jobs::studio) fn forget_series(&mut self, path: &Path) {
        self.ready.retain(|ready| ready.series != path);
        self.maps.forget_if(|(picture, _)| picture.series == path);
        self.flips.forget_if(|key| key.picture.series == path);
        self.units.forget_if(|spec| spec.series == path);
    }

    /// Forgets what was made of a picture.
    pub(in crate::jobs::studio) fn forget_input(&mut self, path: &Path) {
        let is_of = |input: &Input| input.file() == Some(path);
        self.maps.forget_if(|(picture, _)| is_of(&picture.input));
        self.flips.forget_if(|key| is_of(&key.picture.input));
        self.units.forget_if(|spec| is_of(&spec.input));
    }
}

/// A picture that waits to be explained.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) galaxy: usize,
    pub(super) is_generated: bool,
    pub(super) is_blend: bool,
    /// What it is of.
    pub(super) input: Input,
    pub(super) image: Stamp,
    /// The pictures whose brightest sources it holds.
    pub(super) sources: Vec<Stamp>,
}

impl Candidate {
    /// What a person calls it.
    pub(super) fn name(&self) -> String {
        picture_name(self.galaxy, self.is_generated, self.is_blend)
    }

    pub(super) fn key(&self, spec: &RelevanceSpec) -> PictureKey {
        PictureKey {
            series: spec.run.series.clone(),
            step: spec.run.step,
            input: self.input.clone(),
            explained: spec.explained.clone(),
            galaxy: self.galaxy,
            edits: self.is_generated.then(|| spec.run.edits.clone()),
            real: spec.real.clone().filter(|_| self.is_generated),
        }
    }
}

impl Studio {
    /// The network that explains a picture, with what it is given: as it is run where it takes the picture itself, else as it
    /// judges what a generator draws.
    pub(super) fn explained(
        &mut self,
        spec: &RelevanceSpec,
        candidate: &Candidate,
    ) -> Result<Fed, Failure> {
        let run = &spec.run;
        if candidate.is_blend {
            return self.fed(&run.series, run.step, &candidate.input, &always);
        }
        let (role, size) = (NetworkRole::Discriminator, candidate.image.size());
        let networks = &mut self.networks;
        let fitting = networks.fitting(&run.series, run.step, role, size, &always);
        let network = match fitting {
            Some(network) => network,
            None => networks.network(&run.series, run.step, role)?,
        };
        check_memory(&network)?;
        let range = networks.series(&run.series)?.manifest.output_range;
        let mut tensors = vec![tensor_from_stamp(&candidate.image, &network, range)?];
        tensors.extend(latent::further_tensors(&network)?);
        Ok(Fed { network, tensors })
    }

    /// A network ready for a way: one that is kept, or a new one.
    fn attributor(
        &mut self,
        spec: &RelevanceSpec,
        network: Arc<Network>,
        way: &Way,
    ) -> Result<Attributor, Failure> {
        let series = &spec.run.series;
        let role = match spec.explained {
            Explained::Verdict => NetworkRole::Discriminator,
            Explained::Output(_) => NetworkRole::Generator,
        };
        let held = &mut self.relevance.ready;
        let is_it = |r: &Ready| r.way == *way && Arc::ptr_eq(&r.attributor.network, &network);
        if let Some(at) = held.iter().position(is_it) {
            let ready = held.remove(at);
            let attributor = ready.attributor.clone();
            held.push(ready);
            return Ok(attributor);
        }
        let opened = self.networks.series(series)?;
        let range = match role {
            // Alone it judges the pictures of files.
            _ if role == opened.main_role() => opened.manifest.input_range_of(role),
            NetworkRole::Generator => opened.manifest.input_range,
            NetworkRole::Discriminator => opened.manifest.output_range,
        };
        let input_range = (f64::from(range.low), f64::from(range.high));
        let options = Options {
            input_range,
            ..Options::default()
        };
        let method = way.method.clone().with_black(input_range.0);
        let prepared = match method.composite(input_range) {
            Some(mut composite) if !way.rules.is_empty() => {
                composite.change(&network, &way.rules, input_range)?;
                Prepared::with_composite(&network, &method, composite, &options)?
            }
            _ => Prepared::new(&network, &method, &options)?,
        };
        let attributor = Attributor {
            network,
            prepared: Arc::new(prepared),
            input_range,
        };
        let held = &mut self.relevance.ready;
        held.push(Ready {
            series: series.clone(),
            way: way.clone(),
            attributor: attributor.clone(),
        });
        let most = Limits::default().memory_bytes / READY_SHARE;
        let bytes = |held: &[Ready]| held.iter().map(Ready::bytes).fold(0, u64::saturating_add);
        while held.len() > READY || (held.len() > 1 && bytes(held) > most) {
            held.remove(0);
        }
        Ok(attributor)
    }

    /// What is explained, in the values of the network.
    pub(super) fn target_of(&mut self, spec: &RelevanceSpec) -> Result<Target, Failure> {
        Ok(match &spec.explained {
            Explained::Verdict => Target::default(),
            Explained::Output(target) => {
                let series = self.networks.series(&spec.run.series)?;
                let black = f64::from(series.manifest.output_range.low);
                target.clone().with_black(black)
            }
        })
    }

    /// What a way says of a picture: kept from before, or computed.
    pub(super) fn judged(
        &mut self,
        spec: &RelevanceSpec,
        candidate: &Candidate,
        way: &Way,
    ) -> Result<Arc<Judged>, Failure> {
        let key = (candidate.key(spec), way.clone());
        if let Some(judged) = self.relevance.maps.find(&key) {
            return Ok(judged);
        }
        let Fed { network, tensors } = self.explained(spec, candidate)?;
        let attributor = self.attributor(spec, network, way)?;
        let target = self.target_of(spec)?;
        let map = attributor.prepared.attribute(&tensors, &target)?;
        let score = match spec.explained {
            Explained::Verdict => values_of(&map.output)?.first().copied(),
            Explained::Output(_) => map.balances.first().map(|b| b.score as f32),
        };
        let heat = map.relevance.to_dtype(DType::F64)?.sum(1)?;
        let judged = Judged {
            score: score.unwrap_or(f32::NAN),
            maps: pole_maps(&map, &way.method, &candidate.sources)?,
            heat: heat.flatten_all()?.to_vec1()?,
            rules: attributor.prepared.layer_rules(),
            input_range: attributor.input_range,
        };
        Ok(self.relevance.maps.put(key, judged))
    }
}

/// The maps of an attribution: one per pole where the method has poles, else one.
fn pole_maps(
    map: &AttributionMap,
    method: &Method,
    sources: &[Stamp],
) -> Result<Vec<PoleMap>, Failure> {
    let size = match *map.relevance.dims() {
        [_, _, rows, columns] => [rows, columns],
        _ => return Err(Failure::new("the relevance is not a picture")),
    };
    let parts = parts_of(sources, size);
    let one = |relevance: &Tensor, balances: &[Balance], is_real_pole| {
        let heat = relevance.sum(1)?.get(0)?;
        Ok::<_, Failure>(PoleMap {
            is_real_pole,
            map: signed_map("relevance", values_of(&heat)?, size),
            conservation_gap: balances.first().and_then(|b| b.gap),
            absorbed: balances
                .first()
                .filter(|b| b.gap.is_some() && b.start != 0.0)
                .map(|b| b.absorbed / b.start.abs()),
            warnings: map.warnings.clone(),
            whole: 0.0,
            regions: parts
                .sums(relevance)?
                .into_iter()
                .next()
                .unwrap_or_default(),
        })
    };
    let mut maps = match &map.poles {
        Some(poles) => vec![
            one(&poles.real.relevance, &poles.real.balances, Some(true))?,
            one(&poles.fake.relevance, &poles.fake.balances, Some(false))?,
        ],
        None => {
            let decided = map.balances.first().map(|b| b.score > 0.0);
            let pole = match method {
                Method::Polarized { pole: Pole::Real } => Some(true),
                Method::Polarized { pole: Pole::Fake } => Some(false),
                Method::Polarized { .. } => decided,
                _ => None,
            };
            vec![one(&map.relevance, &map.balances, pole)?]
        }
    };
    let pixels = maps.iter().flat_map(|map| map.map.pixels.iter());
    let whole = pixels.map(|v| f64::from(v.abs())).sum();
    for map in &mut maps {
        map.whole = whole;
    }
    Ok(maps)
}

/// The parts of a picture around its sources; background and border alone where none stands out, or the sizes differ.
fn parts_of(sources: &[Stamp], size: [usize; 2]) -> SourceRegions {
    let settings = RegionSettings::default();
    let fits = |stamp: &Stamp| [stamp.height, stamp.width] == size;
    let measured = match sources {
        [] => None,
        sources if !sources.iter().all(fits) => None,
        sources => SourceRegions::of_sources(sources, &settings).ok(),
    };
    measured.unwrap_or_else(|| SourceRegions::new(&[], size, &settings))
}
