//! What is known of every value before anything runs: its type and dimensions, inferred once at load.
//!
//! Invariant: a network that exists has facts for every layer, so a wrong shape is reported with the layer's name at
//! load and never in the middle of a run.

use candle_core::DType;

use super::{ConvSpec, NetworkError, Node, Op, Param, Role};

/// Element type and dimensions of a value; the batch axis is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Element type.
    pub dtype: DType,
    /// Dimensions of one sample, for example `[64, 80, 80]`.
    pub dims: Vec<usize>,
}

impl Fact {
    /// Number of channels or features: what units of this layer are.
    pub fn units(&self) -> usize {
        self.dims.first().copied().unwrap_or(1)
    }

    /// Rows and columns, `[1, 1]` for a vector.
    pub fn size(&self) -> [usize; 2] {
        match self.dims.as_slice() {
            [_, h, w] => [*h, *w],
            _ => [1, 1],
        }
    }

    /// Elements of one sample.
    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// Whether a sample has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Display for Fact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[N")?;
        for dim in &self.dims {
            write!(f, ", {dim}")?;
        }
        write!(f, "]")
    }
}

/// Infers the dimensions of `op` from those of its inputs and parameters, checking the parameters on the way.
pub(super) fn infer(
    layer: &str,
    op: &Op,
    params: &[Param],
    inputs: &[&Fact],
) -> Result<Fact, NetworkError> {
    let check = Checker {
        layer,
        op,
        params,
        inputs,
    };
    let dtype = inputs.first().map_or_else(
        || params.first().map_or(DType::F32, |p| p.tensor.dtype()),
        |f| f.dtype,
    );
    Ok(Fact {
        dtype,
        dims: check.dims()?,
    })
}

struct Checker<'a> {
    layer: &'a str,
    op: &'a Op,
    params: &'a [Param],
    inputs: &'a [&'a Fact],
}

impl Checker<'_> {
    fn dims(&self) -> Result<Vec<usize>, NetworkError> {
        match self.op {
            Op::Input { dims } => {
                self.arity(0)?;
                if dims.iter().product::<usize>() == 0 {
                    return Err(self.wrong("an input needs at least one element".to_owned()));
                }
                Ok(dims.clone())
            }
            Op::Constant => {
                self.arity(0)?;
                Ok(self.param(Role::Value)?.tensor.dims().to_vec())
            }
            Op::Identity
            | Op::Relu
            | Op::LeakyRelu { .. }
            | Op::Tanh
            | Op::Sigmoid
            | Op::Elu { .. }
            | Op::Silu
            | Op::Softplus => Ok(self.one()?.dims.clone()),
            Op::PixelNorm { .. } => self.image().map(|_| self.inputs[0].dims.clone()),
            Op::Prelu => self.prelu(),
            Op::Conv2d(conv) => self.conv(conv),
            Op::ConvTranspose2d {
                conv,
                output_padding,
            } => self.conv_transpose(conv, *output_padding),
            Op::Dense => self.dense(),
            Op::BatchNorm { .. } => {
                self.channels(&[Role::Weight, Role::Bias, Role::Mean, Role::Var])
            }
            Op::InstanceNorm { .. } => {
                self.image()?;
                self.channels(&[Role::Weight, Role::Bias])
            }
            Op::Add | Op::Mul => self.broadcast(),
            Op::Concat { axis } => self.concat(*axis),
            Op::Upsample { scale, .. } => {
                let [c, h, w] = self.image()?;
                Ok(vec![c, h * scale[0], w * scale[1]])
            }
            Op::PixelShuffle { factor } => {
                let [c, h, w] = self.image()?;
                if *factor == 0 || c % (factor * factor) != 0 {
                    return Err(self.wrong(format!(
                        "{c} channels are not a multiple of {factor} squared"
                    )));
                }
                Ok(vec![c / (factor * factor), h * factor, w * factor])
            }
            Op::AvgPool(pool) | Op::MaxPool(pool) => {
                let [c, h, w] = self.image()?;
                let [oh, ow] = self.output_size(&pool.as_conv(), [h, w])?;
                Ok(vec![c, oh, ow])
            }
            Op::GlobalAvgPool | Op::GlobalMaxPool => self.image().map(|[c, _, _]| vec![c, 1, 1]),
            Op::Reshape { dims } => {
                let input = self.one()?;
                if dims.iter().product::<usize>() != input.len() {
                    return Err(self.wrong(format!("cannot reshape {input} to {dims:?}")));
                }
                Ok(dims.clone())
            }
            Op::Flatten => Ok(vec![self.one()?.len()]),
            Op::Pad { padding, .. } => {
                let [c, h, w] = self.image()?;
                Ok(vec![
                    c,
                    h + padding.top + padding.bottom,
                    w + padding.left + padding.right,
                ])
            }
            Op::Slice { axis, start, end } => {
                let mut dims = self.one()?.dims.clone();
                match dims.get_mut(*axis) {
                    Some(dim) if start < end && *end <= *dim => *dim = end - start,
                    _ => {
                        return Err(self.wrong(format!(
                            "slice {start}..{end} of axis {axis} is outside {dims:?}"
                        )));
                    }
                }
                Ok(dims)
            }
        }
    }

    fn wrong(&self, what: String) -> NetworkError {
        NetworkError::Layer {
            layer: self.layer.into(),
            op: self.op.kind(),
            what,
        }
    }

    fn arity(&self, n: usize) -> Result<(), NetworkError> {
        if self.inputs.len() == n {
            Ok(())
        } else {
            Err(self.wrong(format!("expected {n} inputs, got {}", self.inputs.len())))
        }
    }

    fn one(&self) -> Result<&Fact, NetworkError> {
        self.arity(1)?;
        Ok(self.inputs[0])
    }

    fn image(&self) -> Result<[usize; 3], NetworkError> {
        match self.one()?.dims.as_slice() {
            [c, h, w] => Ok([*c, *h, *w]),
            dims => Err(self.wrong(format!("expected an image [C, H, W], got {dims:?}"))),
        }
    }

    fn param(&self, role: Role) -> Result<&Param, NetworkError> {
        self.params
            .iter()
            .find(|p| p.role == role)
            .ok_or_else(|| self.wrong(format!("parameter {role:?} is missing")))
    }

    fn expect(&self, role: Role, dims: &[usize]) -> Result<(), NetworkError> {
        let param = self.param(role)?;
        if param.tensor.dims() == dims {
            return Ok(());
        }
        Err(NetworkError::ParamShape {
            layer: self.layer.into(),
            key: param.key.clone(),
            expected: dims.to_vec(),
            got: param.tensor.dims().to_vec(),
        })
    }

    fn has(&self, role: Role) -> bool {
        self.params.iter().any(|p| p.role == role)
    }

    fn output_size(&self, conv: &ConvSpec, size: [usize; 2]) -> Result<[usize; 2], NetworkError> {
        if conv.stride.contains(&0) || conv.kernel.contains(&0) || conv.dilation.contains(&0) {
            return Err(self.wrong("kernel, stride and dilation must be at least 1".to_owned()));
        }
        conv.output_size(size).ok_or_else(|| {
            self.wrong(format!(
                "kernel {:?} does not fit the padded input {size:?}",
                conv.kernel
            ))
        })
    }

    fn conv(&self, conv: &ConvSpec) -> Result<Vec<usize>, NetworkError> {
        let [c, h, w] = self.image()?;
        let weight = self.param(Role::Weight)?.tensor.dims().to_vec();
        let co = weight.first().copied().unwrap_or(0);
        if conv.groups == 0 || c % conv.groups != 0 || co % conv.groups != 0 {
            return Err(self.wrong(format!(
                "{} groups do not divide {c} and {co} channels",
                conv.groups
            )));
        }
        self.expect(
            Role::Weight,
            &[co, c / conv.groups, conv.kernel[0], conv.kernel[1]],
        )?;
        let [oh, ow] = self.output_size(conv, [h, w])?;
        if self.has(Role::Bias) && self.param(Role::Bias)?.tensor.rank() == 3 {
            self.expect(Role::Bias, &[co, oh, ow])?;
        } else if self.has(Role::Bias) {
            self.expect(Role::Bias, &[co])?;
        }
        Ok(vec![co, oh, ow])
    }

    fn conv_transpose(
        &self,
        conv: &ConvSpec,
        extra: [usize; 2],
    ) -> Result<Vec<usize>, NetworkError> {
        let [c, h, w] = self.image()?;
        let per_group = self
            .param(Role::Weight)?
            .tensor
            .dims()
            .get(1)
            .copied()
            .unwrap_or(0);
        if conv.groups == 0 || c % conv.groups != 0 {
            return Err(self.wrong(format!("{} groups do not divide {c} channels", conv.groups)));
        }
        self.expect(
            Role::Weight,
            &[c, per_group, conv.kernel[0], conv.kernel[1]],
        )?;
        let co = per_group * conv.groups;
        if self.has(Role::Bias) {
            self.expect(Role::Bias, &[co])?;
        }
        let pads = [
            conv.padding.top + conv.padding.bottom,
            conv.padding.left + conv.padding.right,
        ];
        let grow = |n: usize, i: usize| {
            ((n - 1) * conv.stride[i] + conv.dilation[i] * (conv.kernel[i] - 1) + 1 + extra[i])
                .checked_sub(pads[i])
                .filter(|n| *n > 0)
                .ok_or_else(|| self.wrong("padding removes the whole output".to_owned()))
        };
        Ok(vec![co, grow(h, 0)?, grow(w, 1)?])
    }

    fn dense(&self) -> Result<Vec<usize>, NetworkError> {
        let input = self.one()?;
        let [features] = input.dims.as_slice() else {
            return Err(self.wrong(format!(
                "expected a vector [F], got {input}; put a Flatten before it"
            )));
        };
        let out = self
            .param(Role::Weight)?
            .tensor
            .dims()
            .first()
            .copied()
            .unwrap_or(0);
        self.expect(Role::Weight, &[out, *features])?;
        if self.has(Role::Bias) {
            self.expect(Role::Bias, &[out])?;
        }
        Ok(vec![out])
    }

    fn channels(&self, roles: &[Role]) -> Result<Vec<usize>, NetworkError> {
        let input = self.one()?;
        let optional = matches!(self.op, Op::InstanceNorm { .. });
        for role in roles {
            if !optional || self.has(*role) {
                self.expect(*role, &[input.units()])?;
            }
        }
        Ok(input.dims.clone())
    }

    fn prelu(&self) -> Result<Vec<usize>, NetworkError> {
        let input = self.one()?;
        let slope = self.param(Role::Slope)?.tensor.dims();
        if slope == [1] || slope == [input.units()] || slope == input.dims.as_slice() {
            return Ok(input.dims.clone());
        }
        self.expect(Role::Slope, &input.dims)?;
        Ok(input.dims.clone())
    }

    fn broadcast(&self) -> Result<Vec<usize>, NetworkError> {
        self.arity(2)?;
        let (a, b) = (&self.inputs[0].dims, &self.inputs[1].dims);
        let rank = a.len().max(b.len());
        let at =
            |dims: &[usize], i: usize| (i + dims.len()).checked_sub(rank).map_or(1, |i| dims[i]);
        (0..rank)
            .map(|i| match (at(a, i), at(b, i)) {
                (x, y) if x == y => Ok(x),
                (1, n) | (n, 1) => Ok(n),
                _ => Err(self.wrong(format!(
                    "cannot combine {} with {}",
                    self.inputs[0], self.inputs[1]
                ))),
            })
            .collect()
    }

    fn concat(&self, axis: usize) -> Result<Vec<usize>, NetworkError> {
        let Some(first) = self.inputs.first() else {
            return Err(self.wrong("expected at least one input".to_owned()));
        };
        let mut dims = first.dims.clone();
        if axis >= dims.len() {
            return Err(self.wrong(format!("axis {axis} is outside {first}")));
        }
        for other in &self.inputs[1..] {
            let same = other.dims.len() == dims.len()
                && dims
                    .iter()
                    .zip(&other.dims)
                    .enumerate()
                    .all(|(i, (a, b))| i == axis || a == b);
            if !same {
                return Err(self.wrong(format!(
                    "cannot join {first} with {other} along axis {axis}"
                )));
            }
            dims[axis] += other.dims[axis];
        }
        Ok(dims)
    }
}

/// Infers the fact of one node from the nodes before it.
pub(super) fn of_node(nodes: &[Node], node: &Node) -> Result<Fact, NetworkError> {
    let inputs: Vec<&Fact> = node
        .inputs
        .iter()
        .map(|id| &nodes[id.index()].fact)
        .collect();
    infer(&node.name, &node.op, &node.params, &inputs)
}
