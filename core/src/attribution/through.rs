//! One relevance through both networks: the discriminator's reasons, carried through the picture it judged into the generator
//! that drew it. Which units of the generator made the discriminator say "generated"?
//!
//! Invariant: what the discriminator's logit gave is what arrives at the generator's input, what biases of both networks took,
//! and the gap. Between the networks only the range of the pixels changes: the value is converted exactly, and relevance, which
//! belongs to a pixel whatever unit it is measured in, stays with its pixel.

use std::collections::BTreeMap;

use candle_core::Tensor;

use super::prepared::Prepared;
use super::scored::Scored;
use super::{
    AttributionError, AttributionMap, Balance, Composite, Method, Options, Pole, Target, UnitSums,
};
use crate::network::{LayerName, Network, NetworkError};

/// How a picture of the generator becomes one for the discriminator, and what is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct ThroughSettings {
    /// The pictures that are judged, by index of the generator's output; all when empty.
    pub outputs: Vec<usize>,
    /// Smallest and largest value of the generator's pixels.
    pub drawn_range: (f64, f64),
    /// Smallest and largest value of the generator's input.
    pub input_range: (f64, f64),
    /// The generator's rules.
    pub composite: Composite,
    /// Layers of the generator whose relevance is returned for every place.
    pub retain: Vec<LayerName>,
}

impl Default for ThroughSettings {
    /// All outputs, pictures in `[-1, 1]`, inputs in `[0, 1]`.
    fn default() -> Self {
        Self {
            outputs: Vec::new(),
            drawn_range: (-1.0, 1.0),
            input_range: (0.0, 1.0),
            composite: Composite::epsilon_plus(),
            retain: Vec::new(),
        }
    }
}

/// A generator and its discriminator, prepared for one method.
#[derive(Clone, Debug)]
pub struct Through {
    pub(super) judge: Prepared,
    inside: Inside,
    pub(super) settings: ThroughSettings,
    /// What the discriminator takes is `scale` times what the generator gives plus `shift`.
    pub(super) scale: f64,
    shift: f64,
}

/// The generator, as the method needs it.
#[derive(Clone, Debug)]
enum Inside {
    /// Relevance goes on by rules.
    Relevance(Prepared),
    /// The gradient goes on; the judge's own is prepared too.
    Gradient(Network, Prepared),
}

/// The reasons for one verdict, inside the generator.
#[derive(Clone, Debug)]
pub struct ThroughPart {
    /// Index of the generator's output that was judged.
    pub output: usize,
    /// The side of the decision, for the method polarized with both poles.
    pub pole: Option<Pole>,
    /// Relevance of the pixels of that picture, `[N, C, H, W]`.
    pub picture: Tensor,
    /// Relevance of the generator's first input.
    pub input: Tensor,
    /// Where the relevance went in the discriminator alone, one per sample.
    pub judged: Vec<Balance>,
    /// Where it went in both networks, one per sample: `sum` is that of `input`.
    pub balances: Vec<Balance>,
    /// What arrived at every unit of the generator, from its output to its input.
    pub units: Vec<UnitSums>,
    /// Relevance of the layers of [`ThroughSettings::retain`], in the layers' dimensions.
    pub inner: BTreeMap<LayerName, Tensor>,
}

/// What the reasons of a discriminator are inside its generator.
#[derive(Clone, Debug)]
pub struct ThroughMap {
    /// The generator's outputs that were judged, `[N, C, H, W]` in its own range, in the order of `parts` without repeats.
    pub pictures: Vec<Tensor>,
    /// One for every picture and pole.
    pub parts: Vec<ThroughPart>,
    /// What a reader should know, as sentences without a full stop.
    pub warnings: Vec<String>,
}

/// A unit with the relevance that went through it.
#[derive(Clone, Debug, PartialEq)]
pub struct RankedUnit {
    /// Its layer.
    pub layer: LayerName,
    /// Its channel, from 0.
    pub channel: usize,
    /// Sum over rows, columns and samples. Negative: it spoke for "generated".
    pub sum: f64,
    /// Its part of the magnitudes of all units of its layer, 0 to 1.
    pub share: f64,
}

impl Through {
    /// Prepares `generator` for what `judge`, a prepared discriminator, says of its pictures. How normalisation and biases are
    /// treated is as in the judge.
    ///
    /// Methods that distribute the logit by rules go on by the rules of `settings`. [`Method::InputXGradient`] goes on as the
    /// gradient, and a unit has activation times gradient: to first order what the logit loses when the unit is switched off.
    /// Relevance says what the logit is made of, which is another question: in the series that ships, the ranks of units by
    /// activation times gradient agree with switching them off to 0.6, those by relevance to 0.4 in magnitude and hardly in sign.
    ///
    /// # Errors
    /// When a picture of the generator does not fit the discriminator, an output does not exist, a rule does not fit a layer, or
    /// the method cannot be carried on.
    pub fn new(
        generator: &Network,
        judge: Prepared,
        mut settings: ThroughSettings,
    ) -> Result<Self, AttributionError> {
        let wrong = |what: String| AttributionError::Method {
            method: format!("{} through the generator", judge.method()),
            what,
        };
        let is_gradient = *judge.method() == Method::InputXGradient;
        if judge.plan().is_none() && !is_gradient {
            let what = "only relevance and input-x-gradient can be carried on";
            return Err(wrong(what.to_owned()));
        }
        let count = generator.outputs().len();
        if settings.outputs.is_empty() {
            settings.outputs = (0..count).collect();
        }
        let taken = judge.network().input_fact();
        for index in &settings.outputs {
            let output = generator.outputs().get(*index);
            let output =
                output.ok_or_else(|| wrong(format!("the generator has {count} outputs")))?;
            let fact = &generator.node(output.node).fact;
            if fact.dims != taken.dims {
                return Err(wrong(format!(
                    "output {} of the generator {fact} is not what the discriminator takes {taken}",
                    output.name
                )));
            }
        }
        let (drawn, judged) = (settings.drawn_range, judge.options().input_range);
        let scale = (judged.1 - judged.0) / (drawn.1 - drawn.0);
        if !(scale.is_finite() && scale > 0.0) {
            return Err(wrong(format!(
                "the ranges {drawn:?} and {judged:?} of the pixels cannot be"
            )));
        }
        Ok(Self {
            inside: Inside::new(generator, &judge, &settings)?,
            judge,
            shift: judged.0 - drawn.0 * scale,
            scale,
            settings,
        })
    }

    /// The same for some of its pictures: indices of the generator's outputs that it was prepared for; others are left out.
    #[must_use]
    pub fn of_outputs(&self, outputs: &[usize]) -> Self {
        let mut some = self.clone();
        let prepared = &self.settings.outputs;
        some.settings.outputs = outputs
            .iter()
            .copied()
            .filter(|o| prepared.contains(o))
            .collect();
        some
    }

    /// The pictures that are judged, by index of the generator's output.
    pub fn outputs(&self) -> &[usize] {
        &self.settings.outputs
    }

    /// Explains the verdicts over what the generator makes of `inputs`. `others`: what the discriminator takes beside the picture.
    ///
    /// # Errors
    /// When the inputs do not fit, or a value is not finite.
    pub fn attribute(
        &self,
        inputs: &[Tensor],
        others: &[Tensor],
    ) -> Result<ThroughMap, AttributionError> {
        let generator = match &self.inside {
            Inside::Relevance(generator) => generator,
            Inside::Gradient(generator, judge) => {
                return self.activations_times_gradients(generator, judge, inputs, others);
            }
        };
        let plan = generator.plan().ok_or(NetworkError::NoInputOrOutput)?;
        let dtype = plan.network.dtype();
        let inputs = inputs.iter().map(|x| x.to_dtype(dtype));
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        let first = self.settings.outputs.first().copied().unwrap_or_default();
        let scored = Scored::planned(plan, &inputs, &Target::output(first))?;
        let mut map = ThroughMap {
            pictures: Vec::new(),
            parts: Vec::new(),
            warnings: plan.warnings.clone(),
        };
        for index in &self.settings.outputs {
            let drawn = scored.run.outputs()[*index].to_dtype(generator.dtype())?;
            let judged = self.judge(&drawn, others)?;
            map.pictures.push(drawn);
            for warning in &judged.warnings {
                if !map.warnings.contains(warning) {
                    map.warnings.push(warning.clone());
                }
            }
            for (pole, relevance, balances) in sides(&judged) {
                let node = plan.network.outputs()[*index].node;
                let start = [(node, relevance.to_dtype(dtype)?)];
                let walk = plan.walk(&scored.run, &start, generator.options())?;
                let input = walk.inputs.first().ok_or(NetworkError::NoInputOrOutput)?;
                let whole = joined(balances, input, &walk.absorbed, &walk.stopped)?;
                map.parts.push(ThroughPart {
                    output: *index,
                    pole,
                    picture: relevance.clone(),
                    input: input.to_dtype(generator.dtype())?,
                    judged: balances.to_vec(),
                    balances: whole,
                    units: walk.units,
                    inner: walk.inner,
                });
            }
        }
        Ok(map)
    }

    /// The discriminator's map over a picture of the generator.
    fn judge(&self, drawn: &Tensor, others: &[Tensor]) -> Result<AttributionMap, AttributionError> {
        let inputs = [&[self.shown(drawn)?], others].concat();
        self.judge.attribute(&inputs, &Target::default())
    }

    /// A picture as the discriminator takes it.
    pub(super) fn shown(&self, drawn: &Tensor) -> Result<Tensor, AttributionError> {
        if self.scale == 1.0 && self.shift == 0.0 {
            Ok(drawn.clone())
        } else {
            Ok(drawn.affine(self.scale, self.shift)?)
        }
    }
}

impl Inside {
    fn new(
        generator: &Network,
        judge: &Prepared,
        settings: &ThroughSettings,
    ) -> Result<Self, AttributionError> {
        if judge.plan().is_none() {
            let gradient = Prepared::new(judge.network(), &Method::Gradient, judge.options())?;
            return Ok(Self::Gradient(generator.clone(), gradient));
        }
        let options = Options {
            unit_sums: true,
            retain: settings.retain.clone(),
            input_range: settings.input_range,
            batch_norm: judge.options().batch_norm,
            zero_bias: judge.options().zero_bias,
            precision: judge.options().precision,
            ..Options::default()
        };
        let composite = Method::Composite(settings.composite.clone());
        Ok(Self::Relevance(Prepared::new(
            generator, &composite, &options,
        )?))
    }
}

/// The maps to carry on: of each pole where there are two, else the one.
fn sides(map: &AttributionMap) -> Vec<(Option<Pole>, &Tensor, &[Balance])> {
    match &map.poles {
        Some(poles) => vec![
            (
                Some(Pole::Real),
                &poles.real.relevance,
                &poles.real.balances,
            ),
            (
                Some(Pole::Fake),
                &poles.fake.relevance,
                &poles.fake.balances,
            ),
        ],
        None => vec![(None, &map.relevance, &map.balances)],
    }
}

/// The balance of both networks from that of the discriminator and what happened in the generator.
fn joined(
    judged: &[Balance],
    input: &Tensor,
    absorbed: &[f64],
    stopped: &[f64],
) -> Result<Vec<Balance>, AttributionError> {
    let sums = super::sums::sample_sums(input)?;
    let absolutes = super::sums::sample_sums(&input.abs()?)?;
    let rows = judged.iter().zip(sums).zip(absolutes);
    let rows = rows.zip(absorbed.iter().zip(stopped));
    Ok(rows
        .map(|(((judged, sum), absolute), (absorbed, stopped))| {
            Balance {
                sum,
                absolute,
                absorbed: judged.absorbed + absorbed,
                stopped: *stopped,
                ..*judged
            }
            .close()
        })
        .collect())
}

impl ThroughPart {
    /// The largest gap of the samples over both networks, in magnitude.
    pub fn conservation_gap(&self) -> f64 {
        let gaps = self.balances.iter().filter_map(|balance| balance.gap);
        gaps.map(f64::abs).fold(0.0, f64::max)
    }

    /// The units of a layer, or of all layers, the one that spoke most for "generated" first.
    pub fn ranked(&self, layer: Option<&str>) -> Vec<RankedUnit> {
        ranked(self.units.iter(), layer)
    }
}

impl ThroughMap {
    /// What arrived at the units by all pictures together; of the poles, that of one side (`None`: all parts).
    pub fn together(&self, pole: Option<Pole>) -> Vec<UnitSums> {
        let mut total: Vec<UnitSums> = Vec::new();
        let parts = self.parts.iter();
        for part in parts.filter(|part| pole.is_none() || part.pole == pole) {
            for units in &part.units {
                match total.iter_mut().find(|t| t.layer == units.layer) {
                    Some(sum) => sum.add(units),
                    None => total.push(units.clone()),
                }
            }
        }
        total
    }

    /// The units of a layer, or of all layers, by all pictures together, the one that spoke most for "generated" first.
    pub fn ranked(&self, pole: Option<Pole>, layer: Option<&str>) -> Vec<RankedUnit> {
        ranked(self.together(pole).iter(), layer)
    }
}

/// Units by the share of their layer, most negative first.
fn ranked<'a>(units: impl Iterator<Item = &'a UnitSums>, layer: Option<&str>) -> Vec<RankedUnit> {
    let mut all = Vec::new();
    for units in units.filter(|units| layer.is_none_or(|layer| *units.layer == *layer)) {
        let count = units.sums.first().map_or(0, Vec::len);
        let total = |of: &[Vec<f64>], channel: usize| -> f64 {
            of.iter().filter_map(|sums| sums.get(channel)).sum()
        };
        let sums: Vec<f64> = (0..count).map(|c| total(&units.sums, c)).collect();
        let whole: f64 = sums.iter().map(|sum| sum.abs()).sum();
        all.extend(sums.iter().enumerate().map(|(channel, sum)| RankedUnit {
            layer: units.layer.clone(),
            channel,
            sum: *sum,
            share: if whole > 0.0 { sum.abs() / whole } else { 0.0 },
        }));
    }
    all.sort_by(|a, b| a.sum.total_cmp(&b.sum));
    all
}
