//! `model.toml` read back; every error says the line.

use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::{Blueprint, Geometry, Layer, LayerOp, Pad, Port};
use crate::checkpoint::manifest::{MAX_MANIFEST_BYTES, one_line};
use crate::checkpoint::memory::{Budget, JSON_BYTES};
use crate::checkpoint::{CheckpointError, NetworkRole};
use crate::network::{Function, Op, Padding, PoolSpec, Role, UpsampleMode};
use crate::stamp::ValueRange;

/// Version of the format.
const VERSION: u32 = 1;

/// Largest number for a size: beyond any network, and safe to multiply.
const MAX_NUMBER: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelText {
    ganoscope_model: u32,
    #[serde(default)]
    family: String,
    role: NetworkRole,
    weights: Option<String>,
    input_range: Option<ValueRange>,
    output_range: Option<ValueRange>,
    #[serde(default)]
    input: Vec<Spanned<PortText>>,
    #[serde(default)]
    layer: Vec<Spanned<LayerText>>,
    #[serde(default)]
    output: Vec<Spanned<OutputText>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PortText {
    name: String,
    dims: Vec<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputText {
    name: String,
    layer: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LayerText {
    name: String,
    op: String,
    inputs: Option<Vec<String>>,
    weight: Option<String>,
    bias: Option<String>,
    mean: Option<String>,
    variance: Option<String>,
    value: Option<String>,
    stride: Option<Numbers>,
    padding: Option<Numbers>,
    dilation: Option<Numbers>,
    output_padding: Option<Numbers>,
    kernel: Option<Numbers>,
    scale: Option<Numbers>,
    groups: Option<usize>,
    factor: Option<usize>,
    axis: Option<usize>,
    indices: Option<Vec<usize>>,
    order: Option<Vec<usize>>,
    start: Option<usize>,
    end: Option<usize>,
    dims: Option<Vec<usize>>,
    eps: Option<f64>,
    slope: Option<f64>,
    alpha: Option<f64>,
    by: Option<f64>,
    number: Option<f64>,
    mode: Option<String>,
    count_padding: Option<bool>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Numbers {
    One(usize),
    Several(Vec<usize>),
    Word(String),
}

impl Blueprint {
    /// Reads a description; returns its text too.
    ///
    /// # Errors
    /// [`CheckpointError::Manifest`] with the line.
    pub(in crate::checkpoint) fn read(
        path: &Path,
        budget: &Budget,
    ) -> Result<(Self, String), CheckpointError> {
        let size = std::fs::metadata(path)
            .map_err(CheckpointError::read(path))?
            .len();
        let wrong = |what: String| CheckpointError::Manifest {
            what,
            path: path.to_owned(),
        };
        if size > MAX_MANIFEST_BYTES {
            return Err(wrong(format!("a description of {size} bytes is not read")));
        }
        let _held = budget.take(size.saturating_mul(JSON_BYTES), "the description", path)?;
        let text = std::fs::read_to_string(path).map_err(CheckpointError::read(path))?;
        match Self::from_toml(&text) {
            Ok(blueprint) => Ok((blueprint, text)),
            Err(what) => Err(wrong(what)),
        }
    }

    /// The description written in `text`, or a line saying what is wrong and where.
    pub(in crate::checkpoint) fn from_toml(text: &str) -> Result<Self, String> {
        let model: ModelText = toml::from_str(text).map_err(|e| one_line(text, &e))?;
        if model.ganoscope_model != VERSION {
            return Err(format!(
                "the description has version {}, this program reads version {VERSION}",
                model.ganoscope_model
            ));
        }
        for (name, range) in [
            ("input_range", model.input_range),
            ("output_range", model.output_range),
        ] {
            if let Some(ValueRange { low, high }) = range
                && !(low.is_finite() && high.is_finite() && low < high)
            {
                return Err(format!(
                    "{name} is {low} to {high}, expected low below high"
                ));
            }
        }
        let line = |start: usize| text.bytes().take(start).filter(|b| *b == b'\n').count() + 1;
        let mut inputs = Vec::new();
        for port in model.input {
            let at = line(port.span().start);
            let PortText { name, dims } = port.into_inner();
            if dims.is_empty() || dims.iter().any(|dim| !(1..=MAX_NUMBER).contains(dim)) {
                return Err(format!(
                    "line {at}: input {name} has the dimensions {dims:?}"
                ));
            }
            inputs.push(Port {
                name,
                dims,
                doubt: None,
                line: Some(at),
            });
        }
        let mut layers: Vec<Layer> = Vec::new();
        for layer in model.layer {
            let at = line(layer.span().start);
            let layer = layer.into_inner();
            let name = layer.name.clone();
            let before = layers.last().map(|l| &l.name);
            let before = before
                .or(inputs.last().map(|port: &Port| &port.name))
                .cloned();
            let read = layer.read(before, at);
            layers.push(read.map_err(|what| format!("line {at}: layer {name}: {what}"))?);
        }
        let outputs = model.output.into_iter().map(|output| {
            let OutputText { name, layer } = output.into_inner();
            (name, layer)
        });
        Ok(Self {
            family: model.family,
            role: model.role,
            weights: model.weights,
            input_range: model.input_range,
            output_range: model.output_range,
            inputs,
            layers,
            outputs: outputs.collect(),
        })
    }
}

impl LayerText {
    fn read(self, before: Option<String>, line: usize) -> Result<Layer, String> {
        let op = self.operation()?;
        let inputs = match (&self.inputs, &op) {
            (Some(inputs), _) => inputs.clone(),
            (None, LayerOp::Constant(_)) => Vec::new(),
            (None, _) => before.into_iter().collect(),
        };
        let weight = if matches!(op, LayerOp::Plain(Op::Prelu)) {
            Role::Slope
        } else {
            Role::Weight
        };
        let params = [
            (weight, self.weight),
            (Role::Bias, self.bias),
            (Role::Mean, self.mean),
            (Role::Var, self.variance),
            (Role::Value, self.value),
        ];
        let params = params
            .into_iter()
            .filter_map(|(role, key)| Some((role, key?)));
        Ok(Layer {
            name: self.name,
            inputs,
            op,
            params: params.collect(),
            doubts: Vec::new(),
            line: Some(line),
        })
    }

    fn operation(&self) -> Result<LayerOp, String> {
        let plain = |op| Ok(LayerOp::Plain(op));
        match self.op.as_str() {
            "conv" => Ok(LayerOp::Conv(self.geometry()?)),
            "conv-transpose" => {
                let extra = numbers::<2>("output_padding", self.output_padding.as_ref(), 0)?;
                Ok(LayerOp::ConvTranspose(self.geometry()?, extra))
            }
            "avg-pool" => Ok(LayerOp::AvgPool(self.pool()?)),
            "max-pool" => Ok(LayerOp::MaxPool(self.pool()?)),
            "constant" => Ok(LayerOp::Constant(self.dims.clone().map(sizes).transpose()?)),
            "scale" => Ok(LayerOp::Scale(needed("by", self.by)?)),
            "dense" => plain(Op::Dense),
            "identity" => plain(Op::Identity),
            "batch-norm" => plain(Op::BatchNorm { eps: self.eps() }),
            "instance-norm" => plain(Op::InstanceNorm { eps: self.eps() }),
            "pixel-norm" => plain(Op::PixelNorm {
                eps: self.eps.unwrap_or(1e-8),
            }),
            "relu" => plain(Op::Relu),
            "leaky-relu" => plain(Op::LeakyRelu {
                slope: needed("slope", self.slope)?,
            }),
            "prelu" => plain(Op::Prelu),
            "tanh" => plain(Op::Tanh),
            "sigmoid" => plain(Op::Sigmoid),
            "elu" => plain(Op::Elu {
                alpha: self.alpha.unwrap_or(1.0),
            }),
            "silu" => plain(Op::Silu),
            "softplus" => plain(Op::Softplus),
            "add" => plain(Op::Add),
            "mul" => plain(Op::Mul),
            "global-avg-pool" => plain(Op::GlobalAvgPool),
            "global-max-pool" => plain(Op::GlobalMaxPool),
            "flatten" => plain(Op::Flatten),
            "exp" => plain(Op::Function(Function::Exp)),
            "log" => plain(Op::Function(Function::Log)),
            "sqrt" => plain(Op::Function(Function::Sqrt)),
            "erf" => plain(Op::Function(Function::Erf)),
            "reciprocal" => plain(Op::Function(Function::Reciprocal)),
            _ => self.shaping(),
        }
    }

    /// Operations that only move values.
    fn shaping(&self) -> Result<LayerOp, String> {
        Ok(LayerOp::Plain(match self.op.as_str() {
            "concat" => Op::Concat {
                axis: self.axis.unwrap_or(0),
            },
            "upsample" => Op::Upsample {
                scale: numbers::<2>("scale", self.scale.as_ref(), 2)?,
                mode: match self.mode.as_deref() {
                    None | Some("nearest") => UpsampleMode::Nearest,
                    Some("bilinear") => UpsampleMode::Bilinear {
                        align_corners: false,
                    },
                    Some("bilinear-corners") => UpsampleMode::Bilinear {
                        align_corners: true,
                    },
                    Some(other) => return Err(format!("mode {other} is unknown")),
                },
            },
            "pixel-shuffle" => Op::PixelShuffle {
                factor: sizes(vec![needed("factor", self.factor)?])?[0],
            },
            "reshape" => Op::Reshape {
                dims: sizes(needed("dims", self.dims.clone())?)?,
            },
            "pad" => Op::Pad {
                padding: self.sides()?,
                value: self.number.unwrap_or(0.0),
            },
            "slice" => Op::Slice {
                axis: self.axis.unwrap_or(0),
                start: needed("start", self.start)?,
                end: needed("end", self.end)?,
            },
            "select" => Op::Select {
                axis: self.axis.unwrap_or(0),
                indices: needed("indices", self.indices.clone())?,
            },
            "transpose" => Op::Transpose {
                order: needed("order", self.order.clone())?,
            },
            other => return Err(format!("the operation {other} is unknown")),
        }))
    }

    fn eps(&self) -> f64 {
        self.eps.unwrap_or(1e-5)
    }

    fn geometry(&self) -> Result<Geometry, String> {
        let padding = match &self.padding {
            Some(Numbers::Word(word)) if word == "same" => Pad::Same,
            _ => Pad::Sides(self.sides()?),
        };
        Ok(Geometry {
            stride: numbers::<2>("stride", self.stride.as_ref(), 1)?,
            padding,
            dilation: numbers::<2>("dilation", self.dilation.as_ref(), 1)?,
            groups: self.groups.unwrap_or(1),
        })
    }

    fn pool(&self) -> Result<PoolSpec, String> {
        let kernel = numbers::<2>("kernel", self.kernel.as_ref(), 2)?;
        let stride = match &self.stride {
            Some(stride) => numbers::<2>("stride", Some(stride), 1)?,
            None => kernel,
        };
        Ok(PoolSpec {
            kernel,
            stride,
            padding: self.sides()?,
            count_padding: self.count_padding.unwrap_or(true),
        })
    }

    fn sides(&self) -> Result<Padding, String> {
        if let Some(Numbers::Several(two)) = &self.padding
            && let [rows, columns] = two.as_slice()
        {
            let [rows, columns] = [*rows, *columns].map(|n| n.min(MAX_NUMBER));
            return Ok(Padding {
                top: rows,
                bottom: rows,
                left: columns,
                right: columns,
            });
        }
        let [top, bottom, left, right] = numbers::<4>("padding", self.padding.as_ref(), 0)?;
        Ok(Padding {
            top,
            bottom,
            left,
            right,
        })
    }
}

/// One number for all, or as many as there are.
fn numbers<const N: usize>(
    field: &str,
    numbers: Option<&Numbers>,
    usual: usize,
) -> Result<[usize; N], String> {
    let found = match numbers {
        None => [usual; N],
        Some(Numbers::One(n)) => [*n; N],
        Some(Numbers::Several(several)) => <[usize; N]>::try_from(several.as_slice())
            .map_err(|_| format!("{field} has {} numbers, expected 1 or {N}", several.len()))?,
        Some(Numbers::Word(word)) => return Err(format!("{field} is {word:?}, expected numbers")),
    };
    match found.iter().find(|n| **n > MAX_NUMBER) {
        Some(n) => Err(format!("{field} is {n}, at most {MAX_NUMBER} is read")),
        None => Ok(found),
    }
}

fn sizes(dims: Vec<usize>) -> Result<Vec<usize>, String> {
    match dims.iter().find(|dim| !(1..=MAX_NUMBER).contains(*dim)) {
        Some(dim) => Err(format!("a dimension of {dim} is not possible")),
        None => Ok(dims),
    }
}

fn needed<T>(field: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("{field} is missing"))
}
