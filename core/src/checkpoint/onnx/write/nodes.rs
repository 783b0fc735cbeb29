//! Every operation of ours as one or several operators.

use super::attributes::{Geometry, simple};
use super::{Attribute, CheckpointError, Writer};
use crate::network::{ConvSpec, Node, NodeId, Op, Padding, PoolSpec, Role, UpsampleMode};
use Attribute::{Float, Int, Ints, Text};

type Written = Result<(), CheckpointError>;

impl Writer<'_> {
    /// Adds the operators of one layer.
    #[allow(clippy::too_many_lines, reason = "one arm an operation")]
    pub(super) fn layer(&mut self, id: NodeId) -> Written {
        let network = self.network;
        let node = network.node(id);
        let output = self.value(id);
        let inputs: Vec<String> = node.inputs.iter().map(|input| self.value(*input)).collect();
        let x = inputs.first().cloned().unwrap_or_default();
        match &node.op {
            Op::Input { .. } => {}
            Op::Constant => self.constant(id)?,
            Op::Conv2d(conv) => self.conv(node, conv, &x, &output)?,
            Op::ConvTranspose2d {
                conv,
                output_padding,
            } => {
                let mut operands = vec![x];
                self.params(node, &[Role::Weight, Role::Bias], &mut operands)?;
                let extra = output_padding.map(|n| n as i64);
                let shape = Geometry::of(conv);
                let mut attributes = shape.attributes();
                attributes.push(("output_padding", Ints(&extra)));
                self.call("ConvTranspose", node, &operands, &output, &attributes);
            }
            Op::Dense => {
                let mut operands = vec![x];
                self.params(node, &[Role::Weight, Role::Bias], &mut operands)?;
                self.call("Gemm", node, &operands, &output, &[("transB", Int(1))]);
            }
            Op::BatchNorm { eps } => {
                let mut operands = vec![x];
                let roles = [Role::Weight, Role::Bias, Role::Mean, Role::Var];
                self.params(node, &roles, &mut operands)?;
                let eps = [("epsilon", Float(*eps as f32))];
                self.call("BatchNormalization", node, &operands, &output, &eps);
            }
            Op::InstanceNorm { eps } => self.instance_norm(node, *eps, &x, &output)?,
            Op::PixelNorm { eps } => self.pixel_norm(node, *eps, &x, &output),
            Op::Prelu => {
                let rank = node.fact.dims.len();
                let slope = self.slope(node, rank)?;
                self.call("PRelu", node, &[x, slope], &output, &[]);
            }
            Op::Silu => {
                let gate = self.inner(node, "Sigmoid", &[&x]);
                self.call("Mul", node, &[x, gate], &output, &[]);
            }
            Op::Add | Op::Mul => {
                let op = if node.op == Op::Add { "Add" } else { "Mul" };
                let operands = self.aligned(node, &inputs);
                self.call(op, node, &operands, &output, &[]);
            }
            Op::Concat { axis } => {
                let operands = self.with_batch(node, &inputs);
                let axis = [("axis", Int(*axis as i64 + 1))];
                self.call("Concat", node, &operands, &output, &axis);
            }
            Op::Upsample { scale, mode } => self.upsample(node, *scale, *mode, &x, &output),
            Op::PixelShuffle { factor } => {
                let attributes = [("blocksize", Int(*factor as i64)), ("mode", Text("CRD"))];
                self.call("DepthToSpace", node, &[x], &output, &attributes);
            }
            Op::AvgPool(pool) => self.pool("AveragePool", node, pool, &x, &output),
            Op::MaxPool(pool) => self.pool("MaxPool", node, pool, &x, &output),
            Op::Reshape { dims } => {
                let mut target = vec![-1];
                target.extend(dims.iter().map(|dim| *dim as i64));
                let target = self.ints(&format!("{}.dims", node.name), &target);
                self.call("Reshape", node, &[x, target], &output, &[]);
            }
            Op::Pad { padding, value } => self.pad(node, *padding, *value, &x, &output),
            Op::Slice { axis, start, end } => {
                let bound = |writer: &mut Self, part: &str, n: usize| {
                    writer.ints(&format!("{}.{part}", node.name), &[n as i64])
                };
                let start = bound(self, "start", *start);
                let end = bound(self, "end", *end);
                let axis = bound(self, "axis", axis + 1);
                self.call("Slice", node, &[x, start, end, axis], &output, &[]);
            }
            Op::Select { axis, indices } => {
                let indices: Vec<i64> = indices.iter().map(|i| *i as i64).collect();
                let indices = self.ints(&format!("{}.indices", node.name), &indices);
                let axis = [("axis", Int(*axis as i64 + 1))];
                self.call("Gather", node, &[x, indices], &output, &axis);
            }
            Op::Transpose { order } => {
                let mut perm = vec![0];
                perm.extend(order.iter().map(|axis| *axis as i64 + 1));
                self.call("Transpose", node, &[x], &output, &[("perm", Ints(&perm))]);
            }
            op @ (Op::Identity
            | Op::Relu
            | Op::LeakyRelu { .. }
            | Op::Tanh
            | Op::Sigmoid
            | Op::Elu { .. }
            | Op::Softplus
            | Op::Function(_)
            | Op::GlobalAvgPool
            | Op::GlobalMaxPool
            | Op::Flatten) => {
                let (name, attributes) = simple(op);
                self.call(name, node, &[x], &output, &attributes);
            }
        }
        Ok(())
    }

    fn call(
        &mut self,
        op: &str,
        node: &Node,
        inputs: &[String],
        output: &str,
        attributes: &[(&str, Attribute<'_>)],
    ) {
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.node(op, &node.name, &inputs, output, attributes);
    }

    /// A name for a value that only the layer itself reads.
    fn name(&mut self, name: &str) -> String {
        super::free(&mut self.taken, name)
    }

    /// An operator whose value only the layer itself reads.
    fn inner(&mut self, node: &Node, op: &str, inputs: &[&str]) -> String {
        let name = format!("{}.{op}", node.name);
        let value = self.name(&format!("{name} inside"));
        self.node(op, &name, inputs, &value, &[]);
        value
    }

    /// Stores the parameters of a layer that it has.
    fn params(&mut self, node: &Node, roles: &[Role], operands: &mut Vec<String>) -> Written {
        for role in roles {
            if let Some(param) = node.params.iter().find(|param| param.role == *role) {
                operands.push(self.tensor(&param.key, &param.tensor, param.tensor.dims())?);
            }
        }
        Ok(())
    }

    /// The constant with a batch of one in front.
    fn constant(&mut self, id: NodeId) -> Written {
        let network = self.network;
        if let Some(param) = network.node(id).params.first() {
            let dims = [&[1], param.tensor.dims()].concat();
            self.values[id.index()] = self.tensor(&param.key, &param.tensor, &dims)?;
        }
        Ok(())
    }

    fn conv(&mut self, node: &Node, conv: &ConvSpec, x: &str, output: &str) -> Written {
        let mut operands = vec![x.to_owned()];
        let geometry = Geometry::of(conv);
        let map = node
            .params
            .iter()
            .find(|p| p.role == Role::Bias && p.tensor.rank() == 3);
        let Some(map) = map else {
            self.params(node, &[Role::Weight, Role::Bias], &mut operands)?;
            self.call("Conv", node, &operands, output, &geometry.attributes());
            return Ok(());
        };
        // A bias that differs from pixel to pixel is added afterwards.
        self.params(node, &[Role::Weight], &mut operands)?;
        let plain = self.name(&format!("{} without bias", node.name));
        self.call("Conv", node, &operands, &plain, &geometry.attributes());
        let dims = [&[1], map.tensor.dims()].concat();
        let bias = self.tensor(&map.key, &map.tensor, &dims)?;
        self.node(
            "Add",
            &format!("{}.bias", node.name),
            &[&plain, &bias],
            output,
            &[],
        );
        Ok(())
    }

    fn instance_norm(&mut self, node: &Node, eps: f64, x: &str, output: &str) -> Written {
        let channels = node.fact.units();
        let mut operands = vec![x.to_owned()];
        for (role, usual) in [(Role::Weight, 1.0), (Role::Bias, 0.0)] {
            if node.param(role).is_some() {
                self.params(node, &[role], &mut operands)?;
            } else {
                let name = format!("{}.{role:?}", node.name);
                operands.push(self.floats(&name, &vec![usual; channels], &[channels]));
            }
        }
        let eps = [("epsilon", Float(eps as f32))];
        self.call("InstanceNormalization", node, &operands, output, &eps);
        Ok(())
    }

    /// `x / sqrt(mean(x x) + eps)`, the mean over channels.
    fn pixel_norm(&mut self, node: &Node, eps: f64, x: &str, output: &str) {
        let square = self.inner(node, "Mul", &[x, x]);
        let name = format!("{}.ReduceMean", node.name);
        let mean = self.name(&format!("{name} inside"));
        let attributes = [("axes", Ints(&[1])), ("keepdims", Int(1))];
        self.node("ReduceMean", &name, &[&square], &mean, &attributes);
        let eps = self.floats(&format!("{}.eps", node.name), &[eps as f32], &[]);
        let sum = self.inner(node, "Add", &[&mean, &eps]);
        let root = self.inner(node, "Sqrt", &[&sum]);
        self.node("Div", &node.name, &[x, &root], output, &[]);
    }

    /// The slopes in dimensions that are repeated over a value of `rank` axes besides the batch.
    fn slope(&mut self, node: &Node, rank: usize) -> Result<String, CheckpointError> {
        let Some(param) = node.params.iter().find(|param| param.role == Role::Slope) else {
            return Ok(String::new());
        };
        let mut dims = param.tensor.dims().to_vec();
        if dims.len() == 1 && dims[0] > 1 {
            dims.resize(rank.max(1), 1);
        }
        self.tensor(&param.key, &param.tensor, &dims)
    }

    /// Values of the same number of axes, the batch first: broadcasting goes by the last ones. Constants are the same for
    /// all samples, so that an axis of one in the place of the batch fits anywhere.
    fn aligned(&mut self, node: &Node, inputs: &[String]) -> Vec<String> {
        let network = self.network;
        let dims: Vec<&[usize]> = node
            .inputs
            .iter()
            .map(|id| network.node(*id).fact.dims.as_slice())
            .collect();
        let rank = dims.iter().map(|dims| dims.len()).max().unwrap_or(0);
        let mut aligned = Vec::new();
        for (i, (input, dims)) in inputs.iter().zip(dims).enumerate() {
            let is_constant = network.node(node.inputs[i]).op == Op::Constant;
            if dims.len() == rank || is_constant {
                aligned.push(input.clone());
                continue;
            }
            let mut target = vec![-1];
            target.resize(1 + rank - dims.len(), 1);
            target.extend(dims.iter().map(|dim| *dim as i64));
            let target = self.ints(&format!("{}.dims {i}", node.name), &target);
            let name = self.name(&format!("{}.aligned {i}", node.name));
            self.node("Reshape", &name, &[input, &target], &name, &[]);
            aligned.push(name);
        }
        aligned
    }

    /// Constants repeated for every sample of the batch: joining does not repeat anything.
    fn with_batch(&mut self, node: &Node, inputs: &[String]) -> Vec<String> {
        let network = self.network;
        let is_constant = |id: &NodeId| network.node(*id).op == Op::Constant;
        // A batch of the first input of the network; there is always one.
        let source = network
            .inputs()
            .first()
            .map(|id| self.value(*id))
            .unwrap_or_default();
        let mut joined = Vec::new();
        for (i, (id, input)) in node.inputs.iter().zip(inputs).enumerate() {
            if !is_constant(id) {
                joined.push(input.clone());
                continue;
            }
            let part = |what: &str| format!("{}.{what} {i}", node.name);
            let (batch, whole) = (self.name(&part("batch")), self.name(&part("whole")));
            let limits = [("start", Int(0)), ("end", Int(1))];
            self.node("Shape", &batch, &[&source], &batch, &limits);
            let dims = &network.node(*id).fact.dims;
            let dims: Vec<i64> = dims.iter().map(|dim| *dim as i64).collect();
            let rest = self.ints(&part("dims"), &dims);
            self.node(
                "Concat",
                &whole,
                &[&batch, &rest],
                &whole,
                &[("axis", Int(0))],
            );
            let repeated = self.name(&part("repeated"));
            self.node("Expand", &repeated, &[input, &whole], &repeated, &[]);
            joined.push(repeated);
        }
        joined
    }

    fn upsample(
        &mut self,
        node: &Node,
        scale: [usize; 2],
        mode: UpsampleMode,
        x: &str,
        output: &str,
    ) {
        let scales = [1.0, 1.0, scale[0] as f32, scale[1] as f32];
        let scales = self.floats(&format!("{}.scales", node.name), &scales, &[4]);
        let rule = "coordinate_transformation_mode";
        let attributes = match mode {
            UpsampleMode::Nearest => vec![
                ("mode", Text("nearest")),
                (rule, Text("asymmetric")),
                ("nearest_mode", Text("floor")),
            ],
            UpsampleMode::Bilinear { align_corners } => {
                let rule_value = if align_corners {
                    "align_corners"
                } else {
                    "half_pixel"
                };
                vec![("mode", Text("linear")), (rule, Text(rule_value))]
            }
        };
        let operands = [x.to_owned(), String::new(), scales];
        self.call("Resize", node, &operands, output, &attributes);
    }

    fn pool(&mut self, op: &str, node: &Node, pool: &PoolSpec, x: &str, output: &str) {
        let geometry = Geometry::of(&pool.as_conv());
        let mut attributes = geometry.window();
        if op == "AveragePool" {
            attributes.push(("count_include_pad", Int(i64::from(pool.count_padding))));
        }
        self.call(op, node, &[x.to_owned()], output, &attributes);
    }

    fn pad(&mut self, node: &Node, padding: Padding, value: f64, x: &str, output: &str) {
        let Padding {
            top,
            bottom,
            left,
            right,
        } = padding;
        let [top, bottom, left, right] = [top, bottom, left, right].map(|n| n as i64);
        let pads = [0, 0, top, left, 0, 0, bottom, right];
        let pads = self.ints(&format!("{}.pads", node.name), &pads);
        let value = self.floats(&format!("{}.value", node.name), &[value as f32], &[]);
        let operands = [x.to_owned(), pads, value];
        self.call(
            "Pad",
            node,
            &operands,
            output,
            &[("mode", Text("constant"))],
        );
    }
}
