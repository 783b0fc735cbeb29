//! What is known of every value before anything runs: its type and dimensions, inferred once at load.
//!
//! Invariant: a network that exists has facts for every layer, so a wrong shape is reported with the layer's name at
//! load and never in the middle of a run.

mod weighted;

use candle_core::DType;

use super::{NetworkError, Node, Op, Param, Role};

/// Most elements of one sample: beyond any stamp, below what a damaged file may ask to be allocated.
const MAX_LEN: usize = 1 << 30;

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
    let dims = check.dims()?;
    let scalar = dims.is_empty() && !matches!(op, Op::Constant);
    let len = dims
        .iter()
        .try_fold(1_usize, |len, dim| len.checked_mul(*dim));
    if scalar || !len.is_some_and(|len| (1..=MAX_LEN).contains(&len)) {
        return Err(check.wrong(format!("its value would have the dimensions {dims:?}")));
    }
    Ok(Fact { dtype, dims })
}

struct Checker<'a> {
    layer: &'a str,
    op: &'a Op,
    params: &'a [Param],
    inputs: &'a [&'a Fact],
}

impl Checker<'_> {
    #[allow(clippy::too_many_lines, reason = "one arm an operation")]
    fn dims(&self) -> Result<Vec<usize>, NetworkError> {
        match self.op {
            Op::Input { dims } => {
                self.arity(0)?;
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
            | Op::Softplus
            | Op::Function(_) => Ok(self.one()?.dims.clone()),
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
                Ok(vec![
                    c,
                    h.saturating_mul(scale[0]),
                    w.saturating_mul(scale[1]),
                ])
            }
            Op::PixelShuffle { factor } => {
                let [c, h, w] = self.image()?;
                let square = factor.saturating_mul(*factor);
                if square == 0 || c % square != 0 {
                    return Err(self.wrong(format!(
                        "{c} channels are not a multiple of {factor} squared"
                    )));
                }
                Ok(vec![c / square, h * factor, w * factor])
            }
            Op::AvgPool(pool) | Op::MaxPool(pool) => self.pool(pool),
            Op::GlobalAvgPool | Op::GlobalMaxPool => self.image().map(|[c, _, _]| vec![c, 1, 1]),
            Op::Reshape { dims } => {
                let input = self.one()?;
                let len = dims
                    .iter()
                    .try_fold(1_usize, |len, dim| len.checked_mul(*dim));
                if len != Some(input.len()) {
                    return Err(self.wrong(format!("cannot reshape {input} to {dims:?}")));
                }
                Ok(dims.clone())
            }
            Op::Flatten => Ok(vec![self.one()?.len()]),
            Op::Pad { padding, .. } => {
                let [c, h, w] = self.image()?;
                Ok(vec![
                    c,
                    h.saturating_add(padding.top).saturating_add(padding.bottom),
                    w.saturating_add(padding.left).saturating_add(padding.right),
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
            Op::Select { axis, indices } => self.select(*axis, indices),
            Op::Transpose { order } => self.transpose(order),
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

    fn select(&self, axis: usize, indices: &[usize]) -> Result<Vec<usize>, NetworkError> {
        let mut dims = self.one()?.dims.clone();
        match dims.get_mut(axis) {
            // The indices are handed on as 32 bit numbers.
            Some(dim) if u32::try_from(*dim).is_ok() && indices.iter().all(|index| index < dim) => {
                *dim = indices.len();
            }
            _ => {
                return Err(self.wrong(format!(
                    "some of {} indices of axis {axis} are outside {dims:?}",
                    indices.len()
                )));
            }
        }
        Ok(dims)
    }

    fn transpose(&self, order: &[usize]) -> Result<Vec<usize>, NetworkError> {
        let input = self.one()?;
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..input.dims.len()) {
            return Err(self.wrong(format!("{order:?} does not order the axes of {input}")));
        }
        Ok(order.iter().map(|axis| input.dims[*axis]).collect())
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
    let inputs = node
        .inputs
        .iter()
        .map(|id| nodes.get(id.index()).map(|n| &n.fact))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| NetworkError::Layer {
            layer: node.name.clone(),
            op: node.op.kind(),
            what: "reads a layer that does not come before it".to_owned(),
        })?;
    infer(&node.name, &node.op, &node.params, &inputs)
}
