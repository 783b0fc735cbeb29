//! The relevance of the generator's units through both networks, one judged picture per step.

use std::sync::Arc;

use super::super::Studio;
use crate::attribution::{Balance, Method, Options, Pole, Prepared, Through, ThroughSettings};
use crate::checkpoint::NetworkRole;
use crate::jobs::{
    Failure, Preview, Progress, Step, Study, ThroughSpec, ThroughWay, UnitRelevance,
};
use crate::network::LayerName;

/// Answers that are kept: a person goes to and fro between two ways and a few checkpoints.
const KEPT: usize = 8;

/// Both networks made ready, and the last answers.
#[derive(Default)]
pub(super) struct HeldUnits {
    ready: Option<(ThroughSpec, Arc<Through>)>,
    kept: Vec<Arc<UnitRelevance>>,
}

impl HeldUnits {
    pub(super) fn forget_if(&mut self, is_meant: impl Fn(&ThroughSpec) -> bool) {
        self.ready.take_if(|(spec, _)| is_meant(spec));
        self.kept.retain(|kept| !is_meant(&kept.spec));
    }
}

/// The preview in the making.
pub(in crate::jobs::studio) struct ThroughJob {
    spec: ThroughSpec,
    /// The pictures that are judged, once the networks are ready.
    outputs: Option<Vec<usize>>,
    done: usize,
    logits: Vec<f64>,
    balances: Vec<Balance>,
    layers: Vec<(LayerName, Vec<f64>)>,
}

impl ThroughJob {
    pub(in crate::jobs::studio) const fn new(spec: ThroughSpec) -> Self {
        Self {
            spec,
            outputs: None,
            done: 0,
            logits: Vec::new(),
            balances: Vec::new(),
            layers: Vec::new(),
        }
    }

    /// Judges the next picture and adds what arrived at the units.
    fn judge(&mut self, studio: &mut Studio, output: usize) -> Result<(), Failure> {
        let through = studio.through(&self.spec)?.of_outputs(&[output]);
        let spec = &self.spec;
        let cancel = studio.cancel.clone();
        let go_on = || cancel.go_on();
        let fed = studio.fed(&spec.series, spec.step, &spec.input, &go_on)?;
        let map = through.attribute(&fed.tensors, &[])?;
        for part in &map.parts {
            let balance = part.balances.first().copied().unwrap_or_default();
            self.logits.push(balance.score);
            self.balances.push(balance);
            for units in &part.units {
                let sums = units.sums.first().map(Vec::as_slice).unwrap_or_default();
                let found = self
                    .layers
                    .iter_mut()
                    .find(|(name, _)| *name == units.layer);
                match found {
                    Some((_, total)) => {
                        for (total, sum) in total.iter_mut().zip(sums) {
                            *total += sum;
                        }
                    }
                    None => self.layers.push((units.layer.clone(), sums.to_vec())),
                }
            }
        }
        Ok(())
    }

    fn finished(&mut self) -> UnitRelevance {
        let largest = |of: &dyn Fn(&Balance) -> Option<f64>| {
            let all = self.balances.iter().filter_map(of);
            all.map(f64::abs).reduce(f64::max)
        };
        let share = |b: &Balance| (b.start != 0.0).then(|| b.absorbed / b.start.abs());
        let is_claimed = self.spec.way == ThroughWay::Relevance;
        UnitRelevance {
            spec: self.spec.clone(),
            gap: largest(&|b| b.gap),
            absorbed: largest(&share).filter(|_| is_claimed),
            logits: std::mem::take(&mut self.logits),
            layers: std::mem::take(&mut self.layers),
        }
    }
}

impl Studio {
    /// Both networks of a spec, ready: those kept, or new ones.
    fn through(&mut self, spec: &ThroughSpec) -> Result<Arc<Through>, Failure> {
        let fits = |held: &ThroughSpec| {
            held.series == spec.series && held.step == spec.step && held.way == spec.way
        };
        if let Some((held, through)) = &self.relevance.units.ready
            && fits(held)
        {
            return Ok(through.clone());
        }
        let load = |studio: &mut Self, role| studio.networks.network(&spec.series, spec.step, role);
        let generator = load(self, NetworkRole::Generator)?;
        let judge = load(self, NetworkRole::Discriminator)?;
        let manifest = &self.networks.series(&spec.series)?.manifest;
        let pair = |range: crate::stamp::ValueRange| (f64::from(range.low), f64::from(range.high));
        let options = Options {
            input_range: pair(manifest.output_range),
            ..Options::default()
        };
        let method = method_of(spec.way);
        let settings = ThroughSettings {
            drawn_range: pair(manifest.output_range),
            input_range: pair(manifest.input_range),
            ..ThroughSettings::default()
        };
        let judge = Prepared::new(&judge, &method, &options)?;
        let through = Arc::new(Through::new(&generator, judge, settings)?);
        self.relevance.units.ready = Some((spec.clone(), through.clone()));
        Ok(through)
    }
}

/// The method of the discriminator: the evidence for "generated", or the slope of the logit.
const fn method_of(way: ThroughWay) -> Method {
    match way {
        ThroughWay::Relevance => Method::Polarized { pole: Pole::Fake },
        ThroughWay::Gradient => Method::InputXGradient,
    }
}

impl ThroughWay {
    /// The method as the headless command names it.
    pub const fn method(self) -> Method {
        method_of(self)
    }
}

impl Study<Studio, Preview> for ThroughJob {
    fn step(&mut self, studio: &mut Studio) -> Result<Step<Preview>, Failure> {
        let kept = studio.relevance.units.kept.iter();
        if let Some(kept) = kept.into_iter().find(|kept| kept.spec == self.spec) {
            return Ok(Step::Done(Some(Preview::Through(kept.clone()))));
        }
        let outputs = match self.outputs.take() {
            Some(outputs) => outputs,
            None => studio.through(&self.spec)?.outputs().to_vec(),
        };
        if let Some(output) = outputs.get(self.done) {
            self.judge(studio, *output)?;
            self.done += 1;
        }
        if self.done >= outputs.len() {
            let found = Arc::new(self.finished());
            let kept = &mut studio.relevance.units.kept;
            kept.push(found.clone());
            if kept.len() > KEPT {
                kept.remove(0);
            }
            return Ok(Step::Done(Some(Preview::Through(found))));
        }
        let progress = Progress {
            done: self.done,
            total: outputs.len(),
            what: "going through the generator".into(),
        };
        self.outputs = Some(outputs);
        Ok(Step::More {
            progress,
            partial: None,
        })
    }
}
