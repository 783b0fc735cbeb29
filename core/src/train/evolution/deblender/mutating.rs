//! Children of a deblender: one step by content and the objective of a mutation.

use candle_core::{Device, Tensor};

use crate::network::{Gradients, Mode, Network, NetworkError, NodeId, Retain, Run, Wanted};
use crate::train::TrainError;
use crate::train::batch::Batch;
use crate::train::evolution::{Individual, LeastSquaresOn, Mutation, StepSize};
use crate::train::loss::square;
use crate::train::step::{Shard, Statistic, in_parallel};

/// How far a matched weight may be from that of the heuristic mutation.
const MATCH_RANGE: [f64; 2] = [0.1, 10.0];

/// Norms of the mutations' gradients at the logits, by which their weights are matched: least squares and minimax have much
/// smaller gradients than the heuristic mutation where the discriminator wins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matched {
    /// Sums of the norms, in the order of [`Mutation::ALL`].
    sums: [f64; Mutation::ALL.len()],
}

impl Matched {
    /// Takes the gradients at these logits in.
    pub fn extend(&mut self, logits: &[f64], squares: LeastSquaresOn) {
        for (sum, mutation) in self.sums.iter_mut().zip(Mutation::ALL) {
            let (_, slopes) = mutation.objective(logits, squares);
            let norm = slopes.iter().map(|s| s * s).sum::<f64>().sqrt();
            if norm.is_finite() {
                *sum += norm;
            }
        }
    }

    /// The factor of a mutation's weight, 0.1 to 10: the heuristic mutation's mean norm over its own; 1 before anything was
    /// seen.
    pub fn factor(&self, mutation: Mutation) -> f64 {
        let sum = |mutation: Mutation| {
            let both = self.sums.iter().zip(Mutation::ALL);
            let mut own = both.filter(|(_, m)| *m == mutation);
            own.next().map_or(0.0, |(sum, _)| *sum)
        };
        let (heuristic, own) = (sum(Mutation::Heuristic), sum(mutation));
        if heuristic == 0.0 {
            return 1.0;
        }
        let [low, high] = MATCH_RANGE;
        // Without any gradient of its own the ratio is infinite, and so the largest factor.
        (heuristic / own).clamp(low, high)
    }

    /// Its numbers, for the saved state.
    pub(super) fn to_numbers(&self) -> Vec<f64> {
        self.sums.to_vec()
    }

    /// What [`Self::to_numbers`] gave; `None` when there is not one per mutation.
    pub(super) fn of_numbers(numbers: &[f64]) -> Option<Self> {
        let sums = numbers.try_into().ok()?;
        Some(Self { sums })
    }
}

/// A part of the batch as the parent sees it, with all that its children share.
pub(super) struct Seen {
    shard: Shard,
    /// Content loss of each galaxy and its gradient, weighted by half the share.
    content: Vec<(f64, Tensor)>,
    /// The discriminator on each galaxy, as it judges outside training.
    verdicts: Vec<(Run, Vec<f64>)>,
}

/// What the children of a step have in common.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) judge: &'a Network,
    pub(super) squares: LeastSquaresOn,
    /// Weight of the adversarial term of the heuristic mutation; 0 for content alone.
    pub(super) weight: f64,
    pub(super) matched: &'a Matched,
    pub(super) step: StepSize,
}

/// A child before it is judged.
pub(super) struct Born {
    pub(super) individual: Individual,
    pub(super) content: f64,
    pub(super) adversarial: f64,
}

impl Born {
    /// Whether its losses were finite.
    pub(super) const fn is_finite(&self) -> bool {
        self.content.is_finite() && self.adversarial.is_finite()
    }
}

/// The generator on a part of the batch, with its truths.
pub(super) fn shard(
    generator: &Network,
    (batch, share): &(Batch, f64),
    retain: &Retain,
    mode: Mode,
) -> Result<Shard, TrainError> {
    let blend = std::slice::from_ref(&batch.blend);
    Ok(Shard {
        run: generator.run_unchecked(blend, retain, mode)?,
        truths: batch.truths.clone(),
        share: *share,
    })
}

/// What all children of one parent share on a part of the batch; without a discriminator, content alone.
pub(super) fn seen(shard: Shard, judge: Option<&Network>) -> Result<Seen, TrainError> {
    let (mut content, mut verdicts) = (Vec::new(), Vec::new());
    for (output, truth) in shard.run.outputs().iter().zip(&shard.truths) {
        let (loss, gradient) = square(output, truth, 0.5 * shard.share)?;
        content.push((loss.read()? * shard.share, gradient));
        if let Some(judge) = judge {
            let run = judging(judge, output, &Retain::Gradients)?;
            let logits = logits(&run)?;
            verdicts.push((run, logits));
        }
    }
    Ok(Seen {
        shard,
        content,
        verdicts,
    })
}

impl Seen {
    /// The discriminator's logits on all galaxies.
    pub(super) fn logits(&self) -> impl Iterator<Item = f64> + '_ {
        self.verdicts
            .iter()
            .flat_map(|(_, logits)| logits.iter().copied())
    }

    /// The generator's gradients by content and a mutation (or content alone), with both losses.
    fn gradients(
        &self,
        generator: &Network,
        mutation: Option<Mutation>,
        setting: &Setting<'_>,
    ) -> Result<(Gradients, [f64; 2]), TrainError> {
        let nodes = generator.outputs().iter().map(|output| output.node);
        let mut seeds: Vec<(NodeId, Tensor)> = Vec::new();
        let (mut content, mut adversarial) = (0.0, 0.0);
        for (node, (loss, gradient)) in nodes.clone().zip(&self.content) {
            content += loss;
            seeds.push((node, gradient.clone()));
        }
        if let Some(mutation) = mutation {
            let weight = setting.weight * setting.matched.factor(mutation);
            for (node, (run, logits)) in nodes.zip(&self.verdicts) {
                let (loss, slopes) = mutation.objective(logits, setting.squares);
                adversarial += loss * self.shard.share;
                let factor = weight * 0.5 * self.shard.share;
                let slopes: Vec<f64> = slopes.iter().map(|s| s * factor).collect();
                seeds.push((node, at_pixels(setting.judge, run, &slopes)?));
            }
        }
        let gradients = generator.pullback(&self.shard.run, &seeds, &Wanted::params())?;
        Ok((gradients, [content, adversarial]))
    }

    fn stats(&self) -> Statistic {
        self.shard.run.batch_stats().clone()
    }
}

/// The children of one parent, one per mutation (`None` for content alone), in order.
pub(super) fn children(
    parent: &Individual,
    seen: &[Seen],
    mutations: &[Option<Mutation>],
    setting: &Setting<'_>,
) -> Result<Vec<Born>, TrainError> {
    let places = mutations
        .iter()
        .flat_map(|m| seen.iter().map(move |s| (*m, s)));
    let parts = in_parallel(
        &parent.network.device(),
        places.collect(),
        |(mutation, seen)| seen.gradients(&parent.network, mutation, setting),
    )?;
    let stats: Vec<Statistic> = seen.iter().map(Seen::stats).collect();
    let mut parts = parts.into_iter();
    let mut born = Vec::new();
    for _ in mutations {
        let (gradients, losses): (Vec<_>, Vec<_>) = parts.by_ref().take(seen.len()).unzip();
        let sum = |i: usize| losses.iter().map(|l: &[f64; 2]| l[i]).sum::<f64>();
        let (content, adversarial) = (sum(0), sum(1));
        let finite = content.is_finite() && adversarial.is_finite();
        born.push(Born {
            individual: if finite {
                parent.stepped(&gradients, &stats, setting.step)?
            } else {
                parent.clone()
            },
            content,
            adversarial,
        });
    }
    Ok(born)
}

/// The discriminator on a batch of galaxies, as it judges outside training.
pub(super) fn judging(
    judge: &Network,
    galaxies: &Tensor,
    retain: &Retain,
) -> Result<Run, NetworkError> {
    let galaxies = std::slice::from_ref(galaxies);
    judge.run_unchecked(galaxies, retain, Mode::Inference)
}

pub(super) fn logits(run: &Run) -> candle_core::Result<Vec<f64>> {
    let logits = run.outputs()[0].flatten_all()?.to_vec1::<f32>()?;
    Ok(logits.into_iter().map(f64::from).collect())
}

/// The gradient at the galaxies from that at their logits.
fn at_pixels(judge: &Network, run: &Run, slopes: &[f64]) -> Result<Tensor, TrainError> {
    let values: Vec<f32> = slopes.iter().map(|s| *s as f32).collect();
    let count = values.len();
    let seed = Tensor::from_vec(values, (count, 1), &Device::Cpu)?.to_device(&judge.device())?;
    let logit = judge.outputs()[0].node;
    let mut pulled = judge.pullback(run, &[(logit, seed)], &Wanted::inputs())?;
    let input = judge.inputs()[0];
    let gradient = pulled.nodes.remove(&input);
    gradient.ok_or_else(|| {
        let layer = judge.node(input).name.clone();
        NetworkError::NotRetained { layer }.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_match_the_heuristic_gradient_within_a_factor_of_ten() {
        let mut matched = Matched::default();
        assert_eq!(matched.factor(Mutation::Minimax), 1.0);
        // Near equilibrium all are of one size: D = 1/2 gives slopes -1/2, -1/2 and -1/4.
        matched.extend(&[0.0; 8], LeastSquaresOn::Sigmoid);
        assert!((matched.factor(Mutation::Heuristic) - 1.0).abs() < 1e-12);
        assert!((matched.factor(Mutation::Minimax) - 1.0).abs() < 1e-12);
        assert!((matched.factor(Mutation::LeastSquares) - 2.0).abs() < 1e-12);
        // Where the discriminator wins by far, the others have next to no gradient.
        let mut lost = Matched::default();
        lost.extend(&[-12.0; 8], LeastSquaresOn::Sigmoid);
        assert_eq!(lost.factor(Mutation::Minimax), 10.0);
        assert_eq!(lost.factor(Mutation::LeastSquares), 10.0);
        assert_eq!(Matched::of_numbers(&lost.to_numbers()), Some(lost));
        assert_eq!(Matched::of_numbers(&[1.0]), None);
    }
}
