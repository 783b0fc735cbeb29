//! The pullback of the operations that trained networks are made of, in f32 on the CPU: in the place of the gradient where
//! nobody else holds it, and without the values that the run left out ([`super::lean`]).

use candle_core::Tensor;

use super::activation::{self, Slopes};
use super::batch_norm::{Pulled, Scaled};
use super::elementwise::{floats, from_vec};
use super::flow::Flow;
use super::run::{Mode, Run};
use super::{Network, NetworkError, Node, NodeId, Op, Role, linear, normalise};
use crate::kernels::Algorithm;

/// What came out of a node: gradients at the values of other nodes and at parameters.
#[derive(Default)]
pub(super) struct Outflow {
    pub(super) nodes: Vec<(NodeId, Flow)>,
    pub(super) params: Vec<((NodeId, Role), Tensor)>,
}

impl Outflow {
    fn to(node: NodeId, gradient: Flow) -> Self {
        Self {
            nodes: vec![(node, gradient)],
            params: Vec::new(),
        }
    }

    fn add(&mut self, node: NodeId, role: Role, gradient: Tensor) {
        self.params.push(((node, role), gradient));
    }
}

/// A node on the way back and what is asked of it.
pub(super) struct Place<'a> {
    pub(super) network: &'a Network,
    pub(super) run: &'a Run,
    pub(super) id: NodeId,
    /// Whether each input of the node needs a gradient.
    pub(super) need: &'a [bool],
    /// Whether parameters need theirs.
    pub(super) params: bool,
    /// Nodes whose own gradients are asked for: no pullback through two nodes at once may pass them by.
    pub(super) stops_at: &'a [NodeId],
}

impl Place<'_> {
    fn node(&self) -> &Node {
        self.network.node(self.id)
    }

    fn input(&self, i: usize) -> NodeId {
        self.node().inputs[i]
    }

    fn x(&self) -> Result<Tensor, NetworkError> {
        Ok(self
            .run
            .edited_value(self.network, self.input(0))?
            .contiguous()?)
    }

    /// Pulls `g` back through the node; gives it back when the general pullback has to.
    pub(super) fn pull(&self, g: Flow) -> Result<Result<Outflow, Flow>, NetworkError> {
        if !g.is_fast() {
            return Ok(Err(g));
        }
        let node = self.node();
        let first = || self.input(0);
        Ok(Ok(match &node.op {
            Op::Identity => Outflow::to(first(), g),
            Op::Reshape { .. } | Op::Flatten => {
                let mut dims = vec![g.dims()[0]];
                dims.extend_from_slice(&self.network.node(first()).fact.dims);
                Outflow::to(first(), g.reshape(&dims)?)
            }
            Op::Add if self.is_plain_sum() => self.sum(g)?,
            Op::Conv2d(_) | Op::ConvTranspose2d { .. } | Op::Dense => self.weighted(g)?,
            Op::BatchNorm { eps } => {
                let stats = self.run.batch_stats().get(&self.id);
                // A run resumed or put together by hand may have none.
                if self.run.mode == Mode::Training && stats.is_none() {
                    return Ok(Err(g));
                }
                let scaled = Scaled::with(node, &self.x()?, stats, *eps)?;
                self.normalised(self.id, scaled.pullback(g)?)?
            }
            op if op.is_activation() => self.activated(g)?,
            _ => return Ok(Err(g)),
        }))
    }

    fn is_plain_sum(&self) -> bool {
        let node = self.node();
        let alike = |i: &NodeId| self.network.node(*i).fact.dims == node.fact.dims;
        node.inputs.iter().all(alike)
    }

    fn sum(&self, g: Flow) -> Result<Outflow, NetworkError> {
        let (a, b) = (self.input(0), self.input(1));
        Ok(match self.need {
            [true, true] => {
                let (to_a, to_b) = g.split()?;
                Outflow {
                    nodes: vec![(a, to_a), (b, to_b)],
                    params: Vec::new(),
                }
            }
            [true, _] => Outflow::to(a, g),
            _ => Outflow::to(b, g),
        })
    }

    fn weighted(&self, g: Flow) -> Result<Outflow, NetworkError> {
        let node = self.node();
        let weight = node.require(Role::Weight)?;
        let g = g.into_tensor()?.contiguous()?;
        let mut out = Outflow::default();
        if self.params {
            let gradient = linear::pullback_weight(&node.op, &self.x()?, &g, weight.dims())?;
            out.add(self.id, Role::Weight, gradient);
            if let Some(bias) = node.param(Role::Bias) {
                let gradient = normalise::bias_pullback(&g, bias.dims())?;
                out.add(self.id, Role::Bias, gradient);
            }
        }
        if self.need[0] {
            let mut dims = vec![g.dim(0)?];
            dims.extend_from_slice(&self.network.node(self.input(0)).fact.dims);
            let flow = linear::input_flow(Algorithm::Fastest, &node.op, &g, weight, &dims)?;
            out.nodes.push((self.input(0), flow));
        }
        Ok(out)
    }

    /// The gradients of a normalisation that was pulled back to its own input.
    fn normalised(&self, id: NodeId, pulled: Pulled) -> Result<Outflow, NetworkError> {
        let node = self.network.node(id);
        let mut out = Outflow::to(node.inputs[0], pulled.input);
        if self.params {
            let channels = pulled.bias.len();
            out.add(id, Role::Weight, from_vec(pulled.weight, &[channels])?);
            out.add(id, Role::Bias, from_vec(pulled.bias, &[channels])?);
        }
        Ok(out)
    }

    fn activated(&self, g: Flow) -> Result<Outflow, NetworkError> {
        let node = self.node();
        let slope = node.param(Role::Slope);
        if let Some(scaled) = self.run.scaled(self.input(0))
            && !self.stops_at.contains(&self.input(0))
            && let Some(slopes) = Slopes::of_node(node)?
        {
            let (pulled, below) = scaled.activated_pullback(&slopes, g)?;
            let mut out = self.normalised(self.input(0), pulled)?;
            if let Some(slope) = slope.filter(|_| self.params) {
                out.add(self.id, Role::Slope, from_vec(below, slope.dims())?);
            }
            return Ok(out);
        }
        let y = self.run.value(self.network, self.id)?;
        // The value may have taken the place of the input.
        let x = match self.x() {
            Ok(x) => x,
            Err(NetworkError::NotRetained { .. }) if activation::keeps_signs(&node.op) => y.clone(),
            Err(error) => return Err(error),
        };
        let slope_gradient = match slope.filter(|_| self.params) {
            Some(slope) => Some(activation::pull_slope(&floats(&x)?, &g, slope)?),
            None => None,
        };
        let flow = activation::pull(&node.op, &x, y, g, slope)?;
        let mut out = Outflow::to(self.input(0), flow);
        if let Some(gradient) = slope_gradient {
            out.add(self.id, Role::Slope, gradient);
        }
        Ok(out)
    }
}
