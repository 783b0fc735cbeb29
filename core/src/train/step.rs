//! The gradients of one step, part of the batch by part.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::TrainError;
use super::data::Pair;
use super::loss::{binary_cross_entropy, mean_square};
use crate::network::{
    BatchStats, Edits, Gradients, Mode, Network, NetworkError, NodeId, Retain, Run, Wanted, floats,
};

/// Parts a batch is trained in, so that two cores each have long work of their own. It is fixed, because the statistics
/// of batch normalisation are those of a part and must not depend on the machine.
const SHARDS: usize = 2;

/// A part of the batch after the generator's forward pass.
pub(super) struct Shard {
    pub(super) run: Run,
    pub(super) truths: [Tensor; 2],
    /// Its share of the batch.
    pub(super) share: f64,
}

/// Gradients of one shard, already weighted by its share.
pub(super) struct Part {
    pub(super) loss: f64,
    pub(super) adversarial: f64,
    gradients: Gradients,
    stats: Statistic,
}

/// The batch statistics of a run, by normalisation.
pub(super) type Statistic = BTreeMap<NodeId, BatchStats>;

/// Parts of (nearly) equal size, with their shares.
pub(super) fn shards(pairs: &[Pair]) -> Vec<(&[Pair], f64)> {
    let size = pairs.len().div_ceil(SHARDS).max(1);
    pairs
        .chunks(size)
        .map(|part| (part, part.len() as f64 / pairs.len() as f64))
        .collect()
}

/// `f` of every item, on all cores, in order.
pub(super) fn in_parallel<T: Send, R: Send>(
    items: Vec<T>,
    f: impl Fn(T) -> Result<R, TrainError> + Sync + Send,
) -> Result<Vec<R>, TrainError> {
    items.into_par_iter().with_max_len(1).map(f).collect()
}

/// The parts' gradients and statistics, in order.
pub(super) fn parted(parts: Vec<Part>) -> (Vec<Gradients>, Vec<Statistic>) {
    parts.into_iter().map(|p| (p.gradients, p.stats)).unzip()
}

/// The discriminator's gradients on the truths and the generated galaxies of a shard.
///
/// Both go through in one batch: with a batch each, batch normalisation would hide from the discriminator by what truths
/// and generated galaxies differ on the whole, and its running statistics would fit neither.
/// The mean over both galaxies is half the sum of their two means: the objective's half.
pub(super) fn judge_gradients(judge: &Network, shard: &Shard) -> Result<Part, TrainError> {
    let galaxies = shard.truths.iter().chain(shard.run.outputs());
    let run = judge_run(judge, &stacked(galaxies)?, Mode::Training)?;
    let logits = logits(&run)?;
    let (of_real, of_fake) = logits.split_at(logits.len() / 2);
    let (real, to_real) = binary_cross_entropy(of_real, 1.0);
    let (fake, to_fake) = binary_cross_entropy(of_fake, 0.0);
    let seed = logit_seed(to_real.iter().chain(&to_fake), shard.share)?;
    let gradients = judge.pullback(&run, &[(logit_node(judge), seed)], &Wanted::params())?;
    Ok(Part {
        loss: (real + fake) * shard.share,
        adversarial: 0.0,
        gradients,
        stats: run.batch_stats().clone(),
    })
}

/// Batches one after another.
fn stacked<'a>(batches: impl Iterator<Item = &'a Tensor>) -> candle_core::Result<Tensor> {
    let (mut values, mut dims) = (Vec::new(), Vec::new());
    for batch in batches {
        let batch = batch.contiguous()?;
        values.extend_from_slice(&floats(&batch)?);
        dims = batch.dims().to_vec();
    }
    if let Some(n) = dims.first_mut() {
        *n = 0;
        let sample = dims.iter().skip(1).product::<usize>().max(1);
        dims[0] = values.len() / sample;
    }
    Tensor::from_vec(values, dims, &Device::Cpu)
}

fn logits(run: &Run) -> candle_core::Result<Vec<f64>> {
    let logits = run.outputs()[0].flatten_all()?.to_vec1::<f32>()?;
    Ok(logits.into_iter().map(f64::from).collect())
}

/// Gradients at the logits, `[N, 1]`, times `weight`.
fn logit_seed<'a>(
    gradients: impl Iterator<Item = &'a f64>,
    weight: f64,
) -> candle_core::Result<Tensor> {
    let values: Vec<f32> = gradients.map(|g| (g * weight) as f32).collect();
    let n = values.len();
    Tensor::from_vec(values, (n, 1), &Device::Cpu)
}

/// The generator's gradients on a shard: half of (content + weight x adversarial).
pub(super) fn generator_gradients(
    generator: &Network,
    shard: Shard,
    judge: Option<(&Network, f64)>,
) -> Result<Part, TrainError> {
    let Shard { run, truths, share } = shard;
    let (mut content, mut adversarial, mut seeds) = (0.0, 0.0, Vec::new());
    for ((output, truth), node) in run.outputs().iter().zip(&truths).zip(generator.outputs()) {
        let (loss, gradient) = mean_square(output, truth, 0.5 * share)?;
        content += loss * share;
        seeds.push((node.node, gradient));
        if let Some((judge, weight)) = judge {
            let (loss, gradient) = adversarial_gradient(judge, output, weight * 0.5 * share)?;
            adversarial += loss * share;
            seeds.push((node.node, gradient));
        }
    }
    let gradients = generator.pullback(&run, &seeds, &Wanted::params())?;
    Ok(Part {
        loss: content,
        adversarial,
        gradients,
        stats: run.batch_stats().clone(),
    })
}

fn logit_node(discriminator: &Network) -> NodeId {
    discriminator.outputs()[0].node
}

fn judge_run(judge: &Network, galaxies: &Tensor, mode: Mode) -> Result<Run, NetworkError> {
    let galaxies = std::slice::from_ref(galaxies);
    judge.run(galaxies, &Edits::new(), &Retain::Gradients, mode)
}

/// How much the judge dislikes a generated galaxy, and the gradient at its pixels times `weight`; with its running
/// statistics, that is as it judges outside training.
fn adversarial_gradient(
    judge: &Network,
    galaxy: &Tensor,
    weight: f64,
) -> Result<(f64, Tensor), TrainError> {
    let run = judge_run(judge, galaxy, Mode::Inference)?;
    let (loss, gradient) = binary_cross_entropy(&logits(&run)?, 1.0);
    let seed = logit_seed(gradient.iter(), weight)?;
    let mut pulled = judge.pullback(&run, &[(logit_node(judge), seed)], &Wanted::inputs())?;
    let at_input = pulled.nodes.remove(&judge.inputs()[0]);
    at_input.map(|gradient| (loss, gradient)).ok_or_else(|| {
        NetworkError::NotRetained {
            layer: judge.node(judge.inputs()[0]).name.clone(),
        }
        .into()
    })
}
