//! Building a network layer by layer, with parameters taken from a source (a state dict, a seed, procedural values).

use std::sync::Arc;

use candle_core::Tensor;

use super::{
    ConvSpec, Fact, LayerName, Network, NetworkError, Node, NodeId, Op, Output, Param, Role, fact,
};

/// Gives the tensor for a parameter: its key, its role and its dimensions.
type Source<'a> = dyn FnMut(&str, Role, &[usize]) -> Result<Tensor, NetworkError> + 'a;

/// Collects layers in topological order; every method returns the id of the layer it added.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use ganoscope_core::network::{ConvSpec, NetworkBuilder};
///
/// let mut builder = NetworkBuilder::new(|_key, _role, dims| Ok(Tensor::ones(dims, DType::F32, &Device::Cpu)?));
/// let x = builder.input("input", &[3, 8, 8])?;
/// let x = builder.conv("conv", x, 4, ConvSpec::square(3, 1, 1), true)?;
/// builder.output("image", x);
/// let network = builder.finish()?;
/// assert_eq!(network.nodes()[1].fact.dims, [4, 8, 8]);
/// # Ok::<(), ganoscope_core::network::NetworkError>(())
/// ```
pub struct NetworkBuilder<'a> {
    nodes: Vec<Node>,
    outputs: Vec<Output>,
    source: Box<Source<'a>>,
}

impl<'a> NetworkBuilder<'a> {
    /// A builder that asks `source` for every parameter.
    pub fn new(
        source: impl FnMut(&str, Role, &[usize]) -> Result<Tensor, NetworkError> + 'a,
    ) -> Self {
        Self {
            nodes: Vec::new(),
            outputs: Vec::new(),
            source: Box::new(source),
        }
    }

    /// The fact of a layer added before. Its type is provisional: that of the network is known at the end.
    pub fn fact(&self, id: NodeId) -> &Fact {
        &self.nodes[id.index()].fact
    }

    /// Adds a layer with ready-made parameters.
    pub fn add(
        &mut self,
        name: &str,
        op: Op,
        inputs: &[NodeId],
        params: Vec<Param>,
    ) -> Result<NodeId, NetworkError> {
        let empty = Fact {
            dtype: candle_core::DType::F32,
            dims: Vec::new(),
        };
        let mut node = Node {
            name: LayerName::from(name),
            op,
            inputs: inputs.to_vec(),
            params,
            fact: empty,
        };
        node.fact = fact::of_node(&self.nodes, &node)?;
        self.nodes.push(node);
        Ok(NodeId(self.nodes.len() as u32 - 1))
    }

    /// Adds a layer without parameters.
    pub fn plain(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> Result<NodeId, NetworkError> {
        self.add(name, op, inputs, Vec::new())
    }

    /// Adds an input of the given dimensions (batch left out).
    pub fn input(&mut self, name: &str, dims: &[usize]) -> Result<NodeId, NetworkError> {
        self.plain(
            name,
            Op::Input {
                dims: dims.to_vec(),
            },
            &[],
        )
    }

    /// Adds a constant, asked of the source under the layer's own name.
    pub fn constant(&mut self, name: &str, dims: &[usize]) -> Result<NodeId, NetworkError> {
        let value = self.param_named(name.to_owned(), Role::Value, dims)?;
        self.add(name, Op::Constant, &[], vec![value])
    }

    /// Adds a convolution to `channels` channels.
    pub fn conv(
        &mut self,
        name: &str,
        input: NodeId,
        channels: usize,
        conv: ConvSpec,
        bias: bool,
    ) -> Result<NodeId, NetworkError> {
        let inner = self.fact(input).units() / conv.groups.max(1);
        let mut params = vec![self.param(
            name,
            Role::Weight,
            &[channels, inner, conv.kernel[0], conv.kernel[1]],
        )?];
        if bias {
            params.push(self.param(name, Role::Bias, &[channels])?);
        }
        self.add(name, Op::Conv2d(conv), &[input], params)
    }

    /// Adds a transposed convolution to `channels` channels.
    pub fn conv_transpose(
        &mut self,
        name: &str,
        input: NodeId,
        channels: usize,
        conv: ConvSpec,
        output_padding: [usize; 2],
        bias: bool,
    ) -> Result<NodeId, NetworkError> {
        let outer = self.fact(input).units();
        let dims = [
            outer,
            channels / conv.groups.max(1),
            conv.kernel[0],
            conv.kernel[1],
        ];
        let mut params = vec![self.param(name, Role::Weight, &dims)?];
        if bias {
            params.push(self.param(name, Role::Bias, &[channels])?);
        }
        self.add(
            name,
            Op::ConvTranspose2d {
                conv,
                output_padding,
            },
            &[input],
            params,
        )
    }

    /// Adds a dense layer to `features` features.
    pub fn dense(
        &mut self,
        name: &str,
        input: NodeId,
        features: usize,
        bias: bool,
    ) -> Result<NodeId, NetworkError> {
        let mut params =
            vec![self.param(name, Role::Weight, &[features, self.fact(input).len()])?];
        if bias {
            params.push(self.param(name, Role::Bias, &[features])?);
        }
        self.add(name, Op::Dense, &[input], params)
    }

    /// Adds a batch normalisation with scale, shift and statistics.
    pub fn batch_norm(
        &mut self,
        name: &str,
        input: NodeId,
        eps: f64,
    ) -> Result<NodeId, NetworkError> {
        let dims = [self.fact(input).units()];
        let params = [Role::Weight, Role::Bias, Role::Mean, Role::Var]
            .into_iter()
            .map(|role| self.param(name, role, &dims))
            .collect::<Result<_, _>>()?;
        self.add(name, Op::BatchNorm { eps }, &[input], params)
    }

    /// Adds a `PReLU` with slopes of the given dimensions: `[1]`, `[C]` or `[C, H, W]`.
    pub fn prelu(
        &mut self,
        name: &str,
        input: NodeId,
        dims: &[usize],
    ) -> Result<NodeId, NetworkError> {
        let slope = self.param(name, Role::Slope, dims)?;
        self.add(name, Op::Prelu, &[input], vec![slope])
    }

    /// Declares an output.
    pub fn output(&mut self, name: &str, node: NodeId) {
        self.outputs.push(Output {
            name: name.into(),
            node,
        });
    }

    /// Checks everything and returns the network.
    pub fn finish(self) -> Result<Network, NetworkError> {
        let network = Network::from_nodes(self.nodes, self.outputs)?;
        network.check_finite()?;
        Ok(network)
    }

    fn param(&mut self, layer: &str, role: Role, dims: &[usize]) -> Result<Param, NetworkError> {
        let suffix = match role {
            Role::Weight | Role::Slope => "weight",
            Role::Bias => "bias",
            Role::Mean => "running_mean",
            Role::Var => "running_var",
            Role::Value => "value",
        };
        self.param_named(format!("{layer}.{suffix}"), role, dims)
    }

    fn param_named(
        &mut self,
        key: String,
        role: Role,
        dims: &[usize],
    ) -> Result<Param, NetworkError> {
        let tensor = (self.source)(&key, role, dims)?;
        Ok(Param {
            role,
            key: Arc::from(key),
            tensor,
        })
    }
}
