//! The gradients of one step, part of the batch by part.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::TrainError;
use super::batch::Batch;
use super::loss::{Amount, cross_entropy, square};
use crate::network::{
    BatchStats, Gradients, Mode, Network, NetworkError, NodeId, Retain, Run, Wanted, floats,
    has_kernels, is_fast,
};

/// A part of the batch after the generator's forward pass.
pub(super) struct Shard {
    pub(super) run: Run,
    pub(super) truths: [Tensor; 2],
    /// Its share of the batch.
    pub(super) share: f64,
}

/// Gradients of one shard, already weighted by its share.
pub(super) struct Part {
    pub(super) loss: Amount,
    pub(super) adversarial: Amount,
    gradients: Gradients,
    stats: Statistic,
}

/// The batch statistics of a run, by normalisation.
pub(super) type Statistic = BTreeMap<NodeId, BatchStats>;

/// `count` parts of (nearly) equal size, with their shares.
pub(super) fn shards(batch: &Batch, count: usize) -> candle_core::Result<Vec<(Batch, f64)>> {
    let all = batch.len();
    let size = all.div_ceil(count.max(1)).max(1);
    (0..all)
        .step_by(size)
        .map(|start| {
            let len = size.min(all - start);
            Ok((batch.part(start, len)?, len as f64 / all as f64))
        })
        .collect()
}

/// `f` of every item in order: on all cores where the cores compute, else one after the other, because a device takes
/// one piece of work at a time.
pub(super) fn in_parallel<T: Send, R: Send>(
    device: &Device,
    items: Vec<T>,
    f: impl Fn(T) -> Result<R, TrainError> + Sync + Send,
) -> Result<Vec<R>, TrainError> {
    if has_kernels(device) {
        items.into_par_iter().with_max_len(1).map(f).collect()
    } else {
        items.into_iter().map(f).collect()
    }
}

/// The parts' losses, adversarial losses, gradients and statistics, the latter in order.
pub(super) struct Sum {
    pub(super) loss: Amount,
    pub(super) adversarial: Amount,
    pub(super) gradients: Vec<Gradients>,
    pub(super) stats: Vec<Statistic>,
}

/// What the parts come to.
pub(super) fn summed(parts: Vec<Part>) -> candle_core::Result<Sum> {
    let mut sum = Sum {
        loss: Amount::Known(0.0),
        adversarial: Amount::Known(0.0),
        gradients: Vec::new(),
        stats: Vec::new(),
    };
    for part in parts {
        sum.loss = sum.loss.plus(part.loss)?;
        sum.adversarial = sum.adversarial.plus(part.adversarial)?;
        sum.gradients.push(part.gradients);
        sum.stats.push(part.stats);
    }
    Ok(sum)
}

/// The discriminator's gradients on the truths and the generated galaxies of a shard.
///
/// Both go through in one batch: with a batch each, batch normalisation would hide from the discriminator by what truths
/// and generated galaxies differ on the whole, and its running statistics would fit neither.
/// The mean over both galaxies is half the sum of their two means: the objective's half.
pub(super) fn judge_gradients(
    judge: &Network,
    shard: &Shard,
    judged: usize,
) -> Result<Part, TrainError> {
    let galaxies = shard.truths.iter().chain(shard.run.outputs());
    let galaxies: Vec<Tensor> = galaxies
        .map(|all| first(all, judged))
        .collect::<candle_core::Result<_>>()?;
    let run = judge_run(judge, &stacked(&galaxies)?, Mode::Training)?;
    let logits = &run.outputs()[0];
    let half = logits.dim(0)? / 2;
    let (real, to_real) = cross_entropy(&logits.narrow(0, 0, half)?, true, shard.share)?;
    let (fake, to_fake) = cross_entropy(&logits.narrow(0, half, half)?, false, shard.share)?;
    let seed = Tensor::cat(&[to_real, to_fake], 0)?;
    let gradients = judge.pullback(&run, &[(logit_node(judge), seed)], &Wanted::params())?;
    Ok(Part {
        loss: real.plus(fake)?.times(shard.share)?,
        adversarial: Amount::Known(0.0),
        gradients,
        stats: run.batch_stats().clone(),
    })
}

/// The first `count` samples of a batch; all of them for 0 or where there are fewer.
fn first(all: &Tensor, count: usize) -> candle_core::Result<Tensor> {
    let n = all.dim(0)?;
    if count == 0 || count >= n {
        return Ok(all.clone());
    }
    all.narrow(0, 0, count)
}

/// Batches one after another.
fn stacked(batches: &[Tensor]) -> candle_core::Result<Tensor> {
    if !batches.iter().all(is_fast) {
        return Tensor::cat(batches, 0);
    }
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

/// The discriminator while the generator is trained.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) network: &'a Network,
    /// Of the adversarial term.
    pub(super) weight: f64,
    /// Samples of a part that it sees; 0: all.
    pub(super) judged: usize,
}

/// The generator's gradients on a shard: half of (content + weight x adversarial).
pub(super) fn generator_gradients(
    generator: &Network,
    shard: Shard,
    judge: Option<Judge<'_>>,
) -> Result<Part, TrainError> {
    let Shard { run, truths, share } = shard;
    let (mut content, mut adversarial) = (Amount::Known(0.0), Amount::Known(0.0));
    let mut seeds = Vec::new();
    for ((output, truth), node) in run.outputs().iter().zip(&truths).zip(generator.outputs()) {
        let (loss, gradient) = square(output, truth, 0.5 * share)?;
        content = content.plus(loss.times(share)?)?;
        seeds.push((node.node, gradient));
    }
    if let Some(judge) = judge {
        let seen: Vec<Tensor> = run
            .outputs()
            .iter()
            .map(|all| first(all, judge.judged))
            .collect::<candle_core::Result<_>>()?;
        let judged = adversarial_gradients(judge.network, &seen, judge.weight * 0.5 * share)?;
        for ((loss, gradient), node) in judged.into_iter().zip(generator.outputs()) {
            adversarial = adversarial.plus(loss.times(share)?)?;
            let unseen = truths[0].dim(0)? - gradient.dim(0)?;
            let gradient = match unseen {
                0 => gradient,
                _ => gradient.pad_with_zeros(0, 0, unseen)?.contiguous()?,
            };
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
    judge.run_unchecked(galaxies, &Retain::Gradients, mode)
}

/// How much the judge dislikes generated galaxies of both kinds, and the gradients at their pixels times `weight`; with its
/// running statistics, that is as it judges outside training.
fn adversarial_gradients(
    judge: &Network,
    outputs: &[Tensor],
    weight: f64,
) -> Result<Vec<(Amount, Tensor)>, TrainError> {
    let judged = |galaxies: &Tensor, weight: f64| -> Result<(Amount, Tensor), TrainError> {
        let run = judge_run(judge, galaxies, Mode::Inference)?;
        let (loss, seed) = cross_entropy(&run.outputs()[0], true, weight)?;
        let mut pulled = judge.pullback(&run, &[(logit_node(judge), seed)], &Wanted::inputs())?;
        let at_input = pulled.nodes.remove(&judge.inputs()[0]);
        at_input.map(|gradient| (loss, gradient)).ok_or_else(|| {
            NetworkError::NotRetained {
                layer: judge.node(judge.inputs()[0]).name.clone(),
            }
            .into()
        })
    };
    if outputs.iter().all(is_fast) {
        return outputs.iter().map(|o| judged(o, weight)).collect();
    }
    // In one run, which a GPU is not busy enough with otherwise. Its mean over all is that over each divided by their
    // number; what is returned adds up to the sum of the means.
    let count = outputs.len() as f64;
    let (loss, gradient) = judged(&stacked(outputs)?, weight * count)?;
    let mut start = 0;
    outputs
        .iter()
        .map(|output| {
            let len = output.dim(0)?;
            let part = gradient.narrow(0, start, len)?;
            start += len;
            Ok((loss.clone(), part))
        })
        .collect()
}
