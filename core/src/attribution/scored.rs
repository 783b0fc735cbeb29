//! A run with the value of a target, and the balance of what was made of it.

use candle_core::Tensor;

use super::lrp::Plan;
use super::sums::sample_sums;
use super::{AttributionError, Balance, Start, Target};
use crate::network::{Edits, Network, NodeId, Retain, Run, is_finite};

/// A run with the target's value.
pub(super) struct Scored {
    pub(super) run: Run,
    /// Node of the explained output.
    pub(super) node: NodeId,
    /// Value of the explained output, `[N, ...]`.
    pub(super) output: Tensor,
    /// Gradient of the score with respect to the output, `[1, ...]`.
    pub(super) weights: Tensor,
    /// The value from which the elements of the output are counted.
    level: f64,
    /// The score of each sample.
    pub(super) scores: Vec<f64>,
}

impl Scored {
    /// Runs the network, retaining everything, and checks that every layer the target depends on is finite.
    pub(super) fn new(
        network: &Network,
        inputs: &[Tensor],
        target: &Target,
    ) -> Result<Self, AttributionError> {
        let run = network.forward(inputs, &Edits::new(), &Retain::All)?;
        let node = network.outputs()[target.output].node;
        check_finite(network, &run, node)?;
        Self::of(network, run, target)
    }

    /// Runs the network of `plan`, which keeps what a walk reads, and checks as [`Scored::new`] does.
    pub(super) fn planned(
        plan: &Plan,
        inputs: &[Tensor],
        target: &Target,
    ) -> Result<Self, AttributionError> {
        let run = plan.run(inputs)?;
        if !plan.is_finite(&run)? {
            // Only a run that keeps all can tell where it began.
            return Self::new(&plan.network, inputs, target);
        }
        Self::of(&plan.network, run, target)
    }

    fn of(network: &Network, run: Run, target: &Target) -> Result<Self, AttributionError> {
        let node = network.outputs()[target.output].node;
        let output = run.outputs()[target.output].clone();
        let weights = target.weights(&output)?;
        let level = target.score.level();
        let mut scored = Self {
            run,
            node,
            output,
            weights,
            level,
            scores: Vec::new(),
        };
        scored.scores = scored.scores_of(&scored.output)?;
        Ok(scored)
    }

    /// A value of the output counted from the target's level.
    pub(super) fn above(&self, output: &Tensor) -> Result<Tensor, candle_core::Error> {
        if self.level == 0.0 {
            Ok(output.clone())
        } else {
            output - self.level
        }
    }

    /// The score of each sample of a value of the output.
    pub(super) fn scores_of(&self, output: &Tensor) -> Result<Vec<f64>, candle_core::Error> {
        sample_sums(&self.above(output)?.broadcast_mul(&self.weights)?)
    }

    /// The weights repeated for every sample.
    pub(super) fn seed(&self) -> Result<Tensor, candle_core::Error> {
        self.weights.broadcast_as(self.output.dims())?.contiguous()
    }
}

/// The magnitude of the starting relevance for a score.
pub(super) fn magnitude(start: Start, score: f64) -> f64 {
    match start {
        Start::Score => score.abs(),
        Start::One => 1.0,
        Start::Probability => 1.0 / (1.0 + (-score.abs()).exp()),
    }
}

/// One factor per sample as a tensor that broadcasts with `like`.
pub(super) fn per_sample(factors: &[f64], like: &Tensor) -> Result<Tensor, candle_core::Error> {
    let mut dims = vec![1; like.rank()];
    dims[0] = factors.len();
    Tensor::from_slice(factors, dims, like.device())?.to_dtype(like.dtype())
}

/// The balance of each sample.
pub(super) fn balances(
    scores: &[f64],
    start: &Tensor,
    map: &Tensor,
    absorbed: &[f64],
) -> Result<Vec<Balance>, candle_core::Error> {
    let (starts, sums) = (sample_sums(start)?, sample_sums(map)?);
    let absolutes = sample_sums(&map.abs()?)?;
    let rows = scores
        .iter()
        .zip(starts)
        .zip(sums)
        .zip(absolutes)
        .zip(absorbed);
    Ok(rows
        .map(|((((score, start), sum), absolute), absorbed)| {
            Balance {
                score: *score,
                start,
                sum,
                absolute,
                absorbed: *absorbed,
                stopped: 0.0,
                gap: None,
            }
            .close()
        })
        .collect())
}

/// Takes what stayed at inner layers into the balances.
pub(super) fn stop(balances: &mut [Balance], stopped: &[f64]) {
    for (balance, stopped) in balances.iter_mut().zip(stopped) {
        if *stopped != 0.0 {
            *balance = Balance {
                stopped: *stopped,
                ..*balance
            }
            .close();
        }
    }
}

/// Names the first layer below `node` whose activation is not finite.
fn check_finite(network: &Network, run: &Run, node: NodeId) -> Result<(), AttributionError> {
    let mut below = vec![false; network.nodes().len()];
    below[node.index()] = true;
    for (id, node) in network.iter().rev() {
        if below[id.index()] {
            for input in &node.inputs {
                below[input.index()] = true;
            }
        }
    }
    for (id, node) in network.iter().filter(|(id, _)| below[id.index()]) {
        if !is_finite(run.value(network, id)?)? {
            return Err(AttributionError::NotFinite {
                layer: node.name.clone(),
                what: "activation",
            });
        }
    }
    Ok(())
}
