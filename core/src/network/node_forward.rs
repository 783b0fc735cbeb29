//! The value of one operation from the values it reads; every caller that runs a graph comes here.

use candle_core::{D, Tensor};

use super::forward::not_retained;
use super::plane_work::PlaneWork;
use super::run::{BatchStats, Mode};
use super::{
    NetworkError, Node, Op, Role, activation, batch_norm, elementwise, linear, normalise, pool,
    resample,
};
use crate::kernels::Algorithm;

/// The value of one node. `inputs`: the (edited) values it reads, each `[N, ...]`.
pub(crate) fn node_forward(
    node: &Node,
    inputs: &[&Tensor],
    batch: usize,
    mode: Mode,
    report: impl FnMut(BatchStats),
) -> Result<Tensor, NetworkError> {
    let x = inputs.first().copied();
    let x = || x.ok_or_else(|| not_retained(node));
    if !matches!(node.op, Op::InstanceNorm { .. })
        && let Ok(x) = x()
        && elementwise::is_fast(x)
        && x.rank() == 4
        && let Some(work) = PlaneWork::of(&node.op, &x.dims()[1..])?
    {
        return Ok(work.map(x)?);
    }
    Ok(match &node.op {
        Op::Input { .. } => return Err(not_retained(node)),
        Op::Constant => {
            let value = node.require(Role::Value)?;
            let mut dims = vec![batch];
            dims.extend_from_slice(value.dims());
            value.unsqueeze(0)?.expand(dims)?.contiguous()?
        }
        Op::Identity => x()?.clone(),
        Op::Conv2d(_) | Op::ConvTranspose2d { .. } | Op::Dense => linear::apply(
            Algorithm::Fastest,
            &node.op,
            x()?,
            node.require(Role::Weight)?,
            node.param(Role::Bias),
        )?,
        Op::BatchNorm { eps } => {
            let (y, stats) = batch_norm::forward(node, x()?, mode, *eps)?;
            stats.into_iter().for_each(report);
            y
        }
        Op::InstanceNorm { eps } => normalise::instance_norm(node, x()?, *eps)?,
        Op::PixelNorm { eps } => normalise::pixel_norm(x()?, *eps)?,
        Op::Relu
        | Op::LeakyRelu { .. }
        | Op::Prelu
        | Op::Tanh
        | Op::Sigmoid
        | Op::Elu { .. }
        | Op::Silu
        | Op::Softplus
        | Op::Function(_) => activation::value(&node.op, x()?, node.param(Role::Slope))?,
        Op::Add => elementwise::add(inputs[0], inputs[1])?,
        Op::Mul => elementwise::mul(inputs[0], inputs[1])?,
        Op::Concat { axis } => Tensor::cat(inputs, axis + 1)?,
        Op::Upsample { scale, mode } => resample::upsample(x()?, *scale, *mode)?,
        Op::PixelShuffle { factor } => resample::pixel_shuffle(x()?, *factor)?,
        Op::AvgPool(pool) => pool::avg_pool(x()?, pool)?,
        Op::MaxPool(pool) => pool::max_pool(x()?, pool)?,
        Op::GlobalAvgPool => x()?.mean_keepdim(D::Minus1)?.mean_keepdim(D::Minus2)?,
        Op::GlobalMaxPool => pool::global_max_pool(x()?)?,
        Op::Reshape { dims } => {
            let mut full = vec![batch];
            full.extend_from_slice(dims);
            x()?.reshape(full)?
        }
        Op::Flatten => x()?.flatten_from(1)?,
        Op::Pad { padding, value } => resample::pad(x()?, *padding, *value)?,
        Op::Slice { axis, start, end } => {
            x()?.narrow(axis + 1, *start, end - start)?.contiguous()?
        }
        Op::Select { axis, indices } => resample::select(x()?, axis + 1, indices)?,
        Op::Transpose { order } => resample::transpose(x()?, order)?,
    })
}
