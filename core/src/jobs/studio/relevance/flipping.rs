//! Pixel flipping over the maps of a relevance preview: one order of hiding per step. Orders are kept, so that a method that is
//! added costs only its own, and random ones are shared by all methods.

use std::sync::Arc;

use super::super::Studio;
use super::super::feed::Fed;
use super::attributor::{Candidate, PictureKey, Way};
use crate::attribution::{Flipping, FlippingCurve};
use crate::jobs::{
    Failure, FlippingPreview, FlippingRow, Preview, Progress, RelevanceSpec, SizeBytes, Step, Study,
};

/// Which order of which picture.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::jobs::studio) struct FlipKey {
    pub(super) picture: PictureKey,
    order: Order,
}

/// In what order blocks are hidden.
#[derive(Clone, Debug, PartialEq)]
enum Order {
    /// As a map says.
    OfMap(Way),
    /// A random one, by number.
    Random(usize),
}

/// The score while more and more is hidden.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::jobs::studio) struct Scores(Vec<f64>);

impl SizeBytes for Scores {
    fn size_bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

/// The preview in the making.
pub(in crate::jobs::studio) struct FlippingJob {
    spec: RelevanceSpec,
    ways: Vec<Way>,
    candidates: Option<Vec<Candidate>>,
    /// Pictures times orders that are done.
    done: usize,
    /// The curves so far, by picture, then by order; an order that fails says why.
    found: Vec<Vec<Result<Vec<f64>, Failure>>>,
}

impl FlippingJob {
    pub(in crate::jobs::studio) fn new(spec: RelevanceSpec) -> Self {
        Self {
            ways: Way::all_of(&spec),
            spec,
            candidates: None,
            done: 0,
            found: Vec::new(),
        }
    }

    /// Orders of one picture: the random ones first, then those of the maps.
    fn orders(&self) -> Vec<Order> {
        let random = (0..Flipping::default().random_orders).map(Order::Random);
        let maps = self.ways.iter().cloned().map(Order::OfMap);
        random.chain(maps).collect()
    }

    fn scores(
        &self,
        studio: &mut Studio,
        candidate: &Candidate,
        order: Order,
    ) -> Result<Vec<f64>, Failure> {
        let key = FlipKey {
            picture: candidate.key(&self.spec),
            order,
        };
        if let Some(kept) = studio.relevance.flips.find(&key) {
            return Ok(kept.0.clone());
        }
        let (way, number) = match &key.order {
            Order::OfMap(way) => (way.clone(), None),
            Order::Random(number) => (self.ways[0].clone(), Some(*number)),
        };
        let judged = studio.judged(&self.spec, candidate, &way)?;
        let Fed { network, tensors } = studio.explained(&self.spec, candidate)?;
        let target = studio.target_of(&self.spec)?;
        let flipping = Flipping::default();
        let scores = flipping.scores(&network, &tensors, &judged.heat, &target, number)?;
        studio.relevance.flips.put(key, Scores(scores.clone()));
        Ok(scores)
    }

    fn finished(&self, candidates: &[Candidate]) -> FlippingPreview {
        let random_orders = Flipping::default().random_orders;
        let rows = candidates
            .iter()
            .zip(&self.found)
            .map(|(candidate, found)| {
                let (random, maps) = found.split_at(random_orders.min(found.len()));
                let random: Result<Vec<Vec<f64>>, Failure> = random.iter().cloned().collect();
                let curves = self.ways.iter().zip(maps).map(|(way, scores)| {
                    let curve = match (scores, &random) {
                        (Ok(scores), Ok(random)) => Ok(FlippingCurve::of(scores.clone(), random)),
                        (Err(why), _) | (_, Err(why)) => Err(why.clone()),
                    };
                    (way.method.clone(), curve)
                });
                FlippingRow {
                    name: candidate.name(),
                    curves: curves.collect(),
                }
            });
        FlippingPreview {
            rows: rows.collect(),
        }
    }
}

impl Study<Studio, Preview> for FlippingJob {
    fn step(&mut self, studio: &mut Studio) -> Result<Step<Preview>, Failure> {
        let candidates = match self.candidates.take() {
            Some(candidates) => candidates,
            None => studio.candidates(&self.spec)?,
        };
        let orders = self.orders();
        let total = candidates.len() * orders.len();
        let (picture, order) = (self.done / orders.len(), self.done % orders.len());
        if let (Some(candidate), Some(order)) = (candidates.get(picture), orders.get(order)) {
            let scores = self.scores(studio, candidate, order.clone());
            // Without the map asked for there is nothing to compare with.
            if let (Err(why), Order::Random(_)) = (&scores, order) {
                return Err(why.clone());
            }
            self.found.resize_with(picture + 1, Vec::new);
            if let Some(found) = self.found.get_mut(picture) {
                found.push(scores);
            }
            self.done += 1;
        }
        if self.done >= total {
            let preview = Preview::Flipping(Arc::new(self.finished(&candidates)));
            return Ok(Step::Done(Some(preview)));
        }
        self.candidates = Some(candidates);
        Ok(Step::More {
            progress: Progress {
                done: self.done,
                total,
                what: "hiding pixels".into(),
            },
            partial: None,
        })
    }
}
