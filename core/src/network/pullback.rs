//! The pullback of a run: gradients with respect to inputs, activations and parameters, operation by operation.
//!
//! candle's own `backward` is not used: it overwrites gradients at nearest upsampling, loses three quarters at max
//! pooling and has none for bilinear upsampling.

use std::collections::BTreeMap;

use candle_core::Tensor;

use super::flow::Flow;
use super::forward::inside;
use super::pullback_fast::{Outflow, Place};
use super::run::{Mode, Run};
use super::{
    Network, NetworkError, Node, NodeId, Op, Role, activation, batch_norm, elementwise, linear,
    normalise, pool, resample,
};
use crate::kernels::Algorithm;

/// Which gradients a pullback should return.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Gradients with respect to the network's inputs.
    pub inputs: bool,
    /// Gradients with respect to all trained parameters.
    pub params: bool,
    /// Gradients with respect to the value (before edits) of these nodes.
    pub nodes: Vec<NodeId>,
}

impl Wanted {
    /// Input gradients only.
    pub fn inputs() -> Self {
        Self {
            inputs: true,
            ..Self::default()
        }
    }

    /// Parameter gradients only.
    pub fn params() -> Self {
        Self {
            params: true,
            ..Self::default()
        }
    }
}

/// The gradients asked for; entries are absent where nothing flowed.
#[derive(Clone, Debug, Default)]
pub struct Gradients {
    /// By node: the network's inputs and the nodes asked for.
    pub nodes: BTreeMap<NodeId, Tensor>,
    /// By node and role.
    pub params: BTreeMap<(NodeId, Role), Tensor>,
}

impl Network {
    /// Pulls gradients at nodes' (edited) values back through `run`, which must have retained all activations.
    ///
    /// `seeds`: for each node the gradient `[N, ...]` of a scalar with respect to its value; for the network's output
    /// `i` the node is `outputs()[i].node`.
    pub fn pullback(
        &self,
        run: &Run,
        seeds: &[(NodeId, Tensor)],
        wanted: &Wanted,
    ) -> Result<Gradients, NetworkError> {
        self.check_run(run)?;
        // On a thread of the pool, so that not every loop has to wake it.
        rayon::scope(|_| self.pull(run, seeds, wanted))
    }

    fn pull(
        &self,
        run: &Run,
        seeds: &[(NodeId, Tensor)],
        wanted: &Wanted,
    ) -> Result<Gradients, NetworkError> {
        let needed = self.needed(wanted);
        let mut pending: Vec<Option<Flow>> = self.nodes().iter().map(|_| None).collect();
        for (id, seed) in seeds {
            let slot = pending.get_mut(id.index());
            let slot = slot.ok_or(NetworkError::OtherNetwork)?;
            let expected = run.value(self, *id)?.dims();
            if seed.dims() != expected {
                return Err(NetworkError::SeedShape {
                    layer: self.node(*id).name.clone(),
                    expected: expected.to_vec(),
                    got: seed.dims().to_vec(),
                });
            }
            accumulate(slot, Flow::Shared(seed.contiguous()?))?;
        }
        let mut gradients = Gradients::default();
        for (id, node) in self.iter().rev() {
            let Some(mut g) = pending[id.index()].take() else {
                continue;
            };
            if !needed[id.index()] {
                continue;
            }
            if let Some(edit) = &run.edits[id.index()] {
                let pulled = edit.pullback(&g.into_tensor()?);
                g = Flow::Shared(pulled.map_err(|e| inside(node, e.into()))?);
            }
            if wanted.nodes.contains(&id) || (wanted.inputs && self.inputs().contains(&id)) {
                let tensor = g.into_tensor()?;
                gradients.nodes.insert(id, tensor.clone());
                g = Flow::Shared(tensor);
            }
            let need: Vec<bool> = node.inputs.iter().map(|i| needed[i.index()]).collect();
            let trained = wanted.params && node.params.iter().any(|p| p.role.is_trained());
            if !(trained || need.contains(&true)) {
                continue;
            }
            let place = Place {
                network: self,
                run,
                id,
                need: &need,
                params: wanted.params,
                stops_at: &wanted.nodes,
            };
            let out = place.pull(g).and_then(|out| match out {
                Ok(out) => Ok(out),
                Err(g) => self.general(&place, g),
            });
            let out = out.map_err(|e| inside(node, e))?;
            for (input, gradient) in out.nodes {
                accumulate(&mut pending[input.index()], gradient)?;
            }
            gradients.params.extend(out.params);
        }
        Ok(gradients)
    }

    /// Nodes through which something that is wanted can be reached.
    fn needed(&self, wanted: &Wanted) -> Vec<bool> {
        let mut needed = vec![false; self.nodes().len()];
        for (id, node) in self.iter() {
            needed[id.index()] = wanted.nodes.contains(&id)
                || (wanted.inputs && self.inputs().contains(&id))
                || (wanted.params && node.params.iter().any(|p| p.role.is_trained()))
                || node.inputs.iter().any(|i| needed[i.index()]);
        }
        needed
    }

    /// The pullback of any node by tensor operations.
    fn general(&self, place: &Place<'_>, g: Flow) -> Result<Outflow, NetworkError> {
        let Place { run, id, .. } = *place;
        let node = self.node(id);
        let inputs = node
            .inputs
            .iter()
            .map(|i| run.edited_value(self, *i))
            .collect::<Result<Vec<_>, _>>()?;
        let y = run.value(self, id)?;
        let g = g.into_tensor()?;
        let known = run.batch_stats.get(&id);
        let local = match (&node.op, inputs.first(), known) {
            (Op::BatchNorm { eps }, Some(x), Some(_)) => {
                let pulled = batch_norm::pullback_by(node, x, &g, (run.mode, known), *eps)?;
                normalised(node, pulled, place.params)
            }
            _ => node_pullback(node, &inputs, y, &g, place.need, place.params, run.mode)?,
        };
        let inputs = node.inputs.iter().zip(local.inputs);
        let flows = inputs.filter_map(|(id, g)| Some((*id, g?.contiguous().map(Flow::Shared))));
        Ok(Outflow {
            nodes: flows
                .map(|(id, g)| Ok((id, g?)))
                .collect::<Result<_, NetworkError>>()?,
            params: local
                .params
                .into_iter()
                .map(|(r, g)| ((id, r), g))
                .collect(),
        })
    }
}

fn accumulate(slot: &mut Option<Flow>, gradient: Flow) -> Result<(), NetworkError> {
    *slot = Some(match slot.take() {
        Some(sum) => sum.plus(gradient)?,
        None => gradient,
    });
    Ok(())
}

/// The gradients of one node: for each input (if needed) and each trained parameter.
#[derive(Default)]
pub struct Local {
    /// One entry per input of the node.
    pub inputs: Vec<Option<Tensor>>,
    /// Gradients of the trained parameters, when asked for.
    pub params: Vec<(Role, Tensor)>,
}

impl Local {
    fn input(gradient: Tensor) -> Self {
        Self {
            inputs: vec![Some(gradient)],
            params: Vec::new(),
        }
    }
}

/// Pulls `g`, the gradient at the value `y` of a node, back to its inputs `x` and (with `params`) its parameters.
///
/// # Errors
/// When shapes do not fit, which a network that was checked at load excludes.
pub fn node_pullback(
    node: &Node,
    x: &[Tensor],
    y: &Tensor,
    g: &Tensor,
    need: &[bool],
    params: bool,
    mode: Mode,
) -> Result<Local, NetworkError> {
    Ok(match &node.op {
        Op::Input { .. } | Op::Constant => Local::default(),
        Op::Identity => Local::input(g.clone()),
        Op::Conv2d(_) | Op::ConvTranspose2d { .. } | Op::Dense => {
            weighted(node, &x[0], g, need[0], params)?
        }
        Op::BatchNorm { eps } => {
            let pulled = batch_norm::pullback(node, &x[0], g, mode, *eps)?;
            normalised(node, pulled, params)
        }
        Op::InstanceNorm { eps } => normalised(
            node,
            normalise::instance_norm_pullback(node, &x[0], g, *eps)?,
            params,
        ),
        Op::PixelNorm { eps } => Local::input(normalise::pixel_norm_pullback(&x[0], y, g, *eps)?),
        Op::Prelu => {
            let slope = node.require(Role::Slope)?;
            let mut local = Local::input(activation::pullback(&node.op, &x[0], y, g, Some(slope))?);
            if params {
                local
                    .params
                    .push((Role::Slope, activation::slope_pullback(&x[0], g, slope)?));
            }
            local
        }
        Op::Relu
        | Op::LeakyRelu { .. }
        | Op::Tanh
        | Op::Sigmoid
        | Op::Elu { .. }
        | Op::Silu
        | Op::Softplus
        | Op::Function(_) => Local::input(activation::pullback(&node.op, &x[0], y, g, None)?),
        Op::Add => {
            let to = |t: &Tensor| sum_to(g, t.dims()).map(Some);
            Local {
                inputs: vec![to(&x[0])?, to(&x[1])?],
                params: Vec::new(),
            }
        }
        Op::Mul => Local {
            inputs: vec![
                Some(sum_to(&elementwise::mul(g, &x[1])?, x[0].dims())?),
                Some(sum_to(&elementwise::mul(g, &x[0])?, x[1].dims())?),
            ],
            params: Vec::new(),
        },
        Op::Concat { axis } => Local {
            inputs: split(g, x, axis + 1)?,
            params: Vec::new(),
        },
        Op::Upsample { scale, mode } => {
            Local::input(resample::upsample_pullback(g, *scale, *mode)?)
        }
        Op::PixelShuffle { factor } => Local::input(resample::pixel_unshuffle(g, *factor)?),
        Op::AvgPool(pool) => Local::input(pool::avg_pool_pullback(&x[0], g, pool)?),
        Op::MaxPool(pool) => Local::input(pool::max_pool_pullback(&x[0], g, pool)?),
        Op::GlobalAvgPool => Local::input(pool::global_avg_pool_pullback(&x[0], g)?),
        Op::GlobalMaxPool => Local::input(pool::global_max_pool_pullback(&x[0], g)?),
        Op::Reshape { .. } | Op::Flatten => Local::input(g.reshape(x[0].dims())?),
        Op::Pad { padding, .. } => Local::input(resample::pad_pullback(g, *padding)?),
        Op::Slice { axis, start, end } => {
            let after = x[0].dim(axis + 1)? - end;
            Local::input(g.pad_with_zeros(axis + 1, *start, after)?.contiguous()?)
        }
        Op::Select { axis, indices } => {
            Local::input(resample::select_pullback(&x[0], g, axis + 1, indices)?)
        }
        Op::Transpose { order } => Local::input(resample::transpose_pullback(g, order)?),
    })
}

/// Routes `r`, given at the value of a max pooling with windows `pool`, to the winners of `x`.
///
/// # Errors
/// When the window does not fit.
pub fn max_pool_route(
    x: &Tensor,
    r: &Tensor,
    pool: &super::PoolSpec,
) -> Result<Tensor, NetworkError> {
    Ok(pool::max_pool_pullback(x, r, pool)?)
}

fn weighted(
    node: &Node,
    x: &Tensor,
    g: &Tensor,
    need: bool,
    params: bool,
) -> Result<Local, NetworkError> {
    let weight = node.require(Role::Weight)?;
    let input = if need {
        Some(linear::pullback_input(
            Algorithm::Fastest,
            &node.op,
            g,
            weight,
            x.dims(),
        )?)
    } else {
        None
    };
    let mut local = Local {
        inputs: vec![input],
        params: Vec::new(),
    };
    if params {
        local.params.push((
            Role::Weight,
            linear::pullback_weight(&node.op, x, g, weight.dims())?,
        ));
        if let Some(bias) = node.param(Role::Bias) {
            local
                .params
                .push((Role::Bias, normalise::bias_pullback(g, bias.dims())?));
        }
    }
    Ok(local)
}

fn normalised(node: &Node, pulled: normalise::NormPullback, params: bool) -> Local {
    let mut local = Local::input(pulled.input);
    if params && node.param(Role::Weight).is_some() {
        local.params.push((Role::Weight, pulled.weight));
    }
    if params && node.param(Role::Bias).is_some() {
        local.params.push((Role::Bias, pulled.bias));
    }
    local
}

/// Sums the axes along which a value of `dims` was broadcast to the shape of `g`.
fn sum_to(g: &Tensor, dims: &[usize]) -> Result<Tensor, candle_core::Error> {
    let mut aligned = vec![dims[0]];
    aligned.resize(1 + g.rank() - dims.len(), 1);
    aligned.extend_from_slice(&dims[1..]);
    let mut sum = g.clone();
    for (axis, dim) in aligned.iter().enumerate().skip(1) {
        if *dim == 1 && sum.dim(axis)? != 1 {
            sum = sum.sum_keepdim(axis)?;
        }
    }
    sum.reshape(dims)
}

fn split(
    g: &Tensor,
    parts: &[Tensor],
    axis: usize,
) -> Result<Vec<Option<Tensor>>, candle_core::Error> {
    let mut start = 0;
    parts
        .iter()
        .map(|part| {
            let len = part.dim(axis)?;
            let piece = g.narrow(axis, start, len)?.contiguous()?;
            start += len;
            Ok(Some(piece))
        })
        .collect()
}
