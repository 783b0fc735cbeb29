//! A network as data: an immutable, named, topologically sorted graph with several inputs and outputs.
//!
//! The same graph runs forward ([`Network::forward`]), resumes with edits ([`Network::resume`]), is pulled back
//! ([`Network::pullback`]), carries relevance (`attribution`), is trained and is written back. Layers are addressed by
//! [`LayerName`]; a [`NodeId`] is only meaningful inside one network.

mod activation;
mod batch_norm;
mod build;
mod canonize;
mod cost;
mod cuda;
mod cut;
mod dump;
mod elementwise;
mod elsewhere;
mod error;
mod fact;
mod flow;
mod forward;
mod geometry;
mod lean;
mod linear;
mod name;
mod node;
mod node_forward;
mod normalise;
mod op;
mod plan;
mod plane_work;
mod pool;
mod pullback;
mod pullback_fast;
mod resample;
mod resize;
mod run;

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Tensor};

pub use build::NetworkBuilder;
pub use canonize::{Canonical, canonize};
pub(crate) use cuda::{
    adam_many as own_adam, clip_scale as own_clip, mix_many as own_mix,
    momentum_many as own_momentum,
};
#[doc(hidden)]
pub use elementwise::treat_cpu_as_foreign;
pub(crate) use elementwise::{floats, has_kernels, is_fast, is_finite, with_slice};
pub use error::NetworkError;
pub use fact::Fact;
pub use geometry::{ConvSpec, Padding, PoolSpec};
pub(crate) use linear::shape as conv_shape;
pub use linear::{
    apply as linear_apply, pullback_input as linear_pullback,
    pullback_weight as linear_weight_pullback,
};
pub use name::LayerName;
pub use node::{Node, NodeId, Output, Param, Role};
pub(crate) use node_forward::node_forward;
pub use op::{Function, Op, UpsampleMode};
pub use plan::{Plan, Request, Runner};
pub use pullback::{Gradients, Wanted, max_pool_route, node_pullback};
pub(crate) use run::always;
pub use run::{Affine, BatchStats, Edits, GoOn, Mode, Retain, Run};

/// The element type of all parameters; without parameters that of the first node as it was.
fn common_dtype(nodes: &[Node]) -> Result<DType, NetworkError> {
    let mut params = nodes
        .iter()
        .flat_map(|n| n.params.iter().map(move |p| (n, p)));
    let Some((_, first)) = params.clone().next() else {
        return Ok(nodes.first().map_or(DType::F32, |n| n.fact.dtype));
    };
    let dtype = first.tensor.dtype();
    match params.find(|(_, p)| p.tensor.dtype() != dtype || !dtype.is_float()) {
        Some((node, param)) => Err(NetworkError::ParamType {
            layer: node.name.clone(),
            key: param.key.clone(),
            expected: dtype,
            got: param.tensor.dtype(),
        }),
        None => Ok(dtype),
    }
}

/// An immutable network. Cloning is cheap: tensors are shared.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use ganoscope_core::network::{Edits, NetworkBuilder, Retain, Wanted};
///
/// let mut builder = NetworkBuilder::new(|_key, _role, dims| Ok(Tensor::ones(dims, DType::F32, &Device::Cpu)?));
/// let x = builder.input("input", &[2])?;
/// let y = builder.dense("logit", x, 1, false)?;
/// builder.output("logit", y);
/// let network = builder.finish()?;
///
/// let x = Tensor::new(&[[3_f32, 4.0]], &Device::Cpu)?;
/// let run = network.forward(&[x], &Edits::new(), &Retain::All)?;
/// assert_eq!(run.outputs()[0].to_vec2::<f32>()?, [[7.0]]);
///
/// let seed = (network.outputs()[0].node, run.outputs()[0].ones_like()?);
/// let gradients = network.pullback(&run, &[seed], &Wanted::inputs())?;
/// assert_eq!(gradients.nodes[&network.inputs()[0]].to_vec2::<f32>()?, [[1.0, 1.0]]);
/// # Ok::<(), ganoscope_core::network::NetworkError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Network {
    nodes: Vec<Node>,
    inputs: Vec<NodeId>,
    outputs: Vec<Output>,
    by_name: HashMap<LayerName, NodeId>,
}

impl Network {
    /// Checks names, order, parameters and shapes, and infers the facts of all nodes.
    fn from_nodes(mut nodes: Vec<Node>, outputs: Vec<Output>) -> Result<Self, NetworkError> {
        let dtype = common_dtype(&nodes)?;
        let mut by_name = HashMap::new();
        for index in 0..nodes.len() {
            let fact = fact::of_node(&nodes[..index], &nodes[index])?;
            nodes[index].fact = Fact { dtype, ..fact };
            let id = NodeId(index as u32);
            if by_name.insert(nodes[index].name.clone(), id).is_some() {
                return Err(NetworkError::DuplicateLayer {
                    layer: nodes[index].name.clone(),
                });
            }
        }
        let is_input = |node: &Node| matches!(node.op, Op::Input { .. });
        let inputs: Vec<_> = (0..nodes.len())
            .filter(|i| is_input(&nodes[*i]))
            .map(|i| NodeId(i as u32))
            .collect();
        if inputs.is_empty() || outputs.is_empty() {
            return Err(NetworkError::NoInputOrOutput);
        }
        if outputs.iter().any(|o| o.node.index() >= nodes.len()) {
            return Err(NetworkError::OtherNetwork);
        }
        Ok(Self {
            nodes,
            inputs,
            outputs,
            by_name,
        })
    }

    /// Checks that every parameter is finite and that no variance is negative; `NetworkBuilder::finish` calls it.
    pub fn check_finite(&self) -> Result<(), NetworkError> {
        for (id, param) in self.params() {
            let layer = || self.node(id).name.clone();
            if !is_finite(&param.tensor)? {
                return Err(NetworkError::ParamNotFinite {
                    layer: layer(),
                    key: param.key.clone(),
                });
            }
            if param.role == Role::Var && !is_finite(&param.tensor.sqrt()?)? {
                return Err(NetworkError::Layer {
                    layer: layer(),
                    op: self.node(id).op.kind(),
                    what: format!("parameter {} has negative variances", param.key),
                });
            }
        }
        Ok(())
    }

    /// All nodes in topological order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// All nodes with their ids.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Node)> {
        self.nodes
            .iter()
            .enumerate()
            .map(|(i, node)| (NodeId(i as u32), node))
    }

    /// The node of an id of this network.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The input nodes, in the order `forward` takes tensors.
    pub fn inputs(&self) -> &[NodeId] {
        &self.inputs
    }

    /// The fact of the first input.
    pub fn input_fact(&self) -> &Fact {
        &self.node(self.inputs[0]).fact
    }

    /// The named outputs.
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// The id of a layer, or an error that offers the nearest name.
    pub fn find(&self, layer: &str) -> Result<NodeId, NetworkError> {
        self.by_name
            .get(layer)
            .copied()
            .ok_or_else(|| NetworkError::UnknownLayer {
                layer: layer.into(),
                nearest: error::nearest(layer, self.nodes.iter().map(|n| &*n.name)),
            })
    }

    /// The index of an output by name, or by position written as a number.
    pub fn find_output(&self, name: &str) -> Result<usize, NetworkError> {
        let by_name = self.outputs.iter().position(|o| &*o.name == name);
        let by_index = || name.parse().ok().filter(|i| *i < self.outputs.len());
        by_name
            .or_else(by_index)
            .ok_or_else(|| NetworkError::UnknownOutput {
                output: name.to_owned(),
                known: self.outputs.iter().map(|o| o.name.to_string()).collect(),
            })
    }

    /// Element type of the network's values.
    pub fn dtype(&self) -> DType {
        self.input_fact().dtype
    }

    /// Device of the parameters; the CPU for a network without parameters.
    pub fn device(&self) -> Device {
        self.params()
            .next()
            .map_or(Device::Cpu, |(_, p)| p.tensor.device().clone())
    }

    /// All parameters with the node they belong to, in topological order.
    pub fn params(&self) -> impl Iterator<Item = (NodeId, &Param)> {
        self.iter()
            .flat_map(|(id, node)| node.params.iter().map(move |p| (id, p)))
    }

    /// Number of stored values in all parameters, statistics included.
    pub fn parameter_count(&self) -> usize {
        self.params().map(|(_, p)| p.tensor.elem_count()).sum()
    }

    /// The parameters as a state dict.
    pub fn state_dict(&self) -> BTreeMap<String, Tensor> {
        self.params()
            .map(|(_, p)| (p.key.to_string(), p.tensor.clone()))
            .collect()
    }

    /// The same graph with every parameter replaced by `f(node, parameter)`; shapes are checked again.
    pub fn map_params(
        &self,
        mut f: impl FnMut(NodeId, &Param) -> Result<Tensor, NetworkError>,
    ) -> Result<Self, NetworkError> {
        let mut nodes = self.nodes.clone();
        for (index, node) in nodes.iter_mut().enumerate() {
            for param in &mut node.params {
                param.tensor = f(NodeId(index as u32), param)?;
            }
        }
        Self::from_nodes(nodes, self.outputs.clone())
    }

    /// The same network with parameters converted to `dtype`; law tests run in f64.
    pub fn to_dtype(&self, dtype: DType) -> Result<Self, NetworkError> {
        let mut network = self.map_params(|_, p| Ok(p.tensor.to_dtype(dtype)?))?;
        // A network without parameters has nothing to take the type from.
        for node in &mut network.nodes {
            node.fact.dtype = dtype;
        }
        Ok(network)
    }

    /// The same network on another device.
    pub fn to_device(&self, device: &Device) -> Result<Self, NetworkError> {
        self.map_params(|_, p| Ok(p.tensor.to_device(device)?))
    }

    /// For every node, the nodes that read it.
    pub fn consumers(&self) -> Vec<Vec<NodeId>> {
        let mut consumers = vec![Vec::new(); self.nodes.len()];
        for (id, node) in self.iter() {
            for input in &node.inputs {
                consumers[input.index()].push(id);
            }
        }
        consumers
    }
}
