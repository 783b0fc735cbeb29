//! The operators of ONNX as layers, a file for each kind.

mod arithmetic;
mod arrange;
mod borders;
mod norms;
mod patterns;
mod reduce;
mod resize;
mod weights;
mod windows;

use super::call::{Call, Operands, Value};
use super::fault::{Fault, Reading};
use super::lower::Lowering;
use crate::network::{Function, NodeId, Op};

/// The layers that carry the outputs of a node, at least one of whose inputs is a layer.
pub(super) fn lower<'a>(
    l: &mut Lowering<'a>,
    call: &Call<'a>,
    operands: &Operands,
) -> Reading<Vec<NodeId>> {
    if let Some(op) = plain(call) {
        return Ok(vec![l.plain(call, "", op, &[operands.layer(0)?])?]);
    }
    let one = |id: NodeId| Ok(vec![id]);
    match call.node.op {
        "Dropout" if call.node.outputs.iter().skip(1).any(|mask| l.is_read(mask)) => {
            Err(Fault::unsupported("the mask of a dropout is read"))
        }
        "Identity" | "Dropout" => one(l.plain(call, "", Op::Identity, &[operands.layer(0)?])?),
        "Cast" | "CastLike" => one(arrange::cast(l, call, operands)?),
        "Conv" => one(weights::conv(l, call, operands)?),
        "ConvTranspose" => one(weights::conv_transpose(l, call, operands)?),
        "Gemm" => one(weights::gemm(l, call, operands)?),
        "MatMul" => one(weights::mat_mul(l, call, operands)?),
        "PRelu" => one(weights::prelu(l, call, operands)?),
        "BatchNormalization" => one(norms::batch_norm(l, call, operands)?),
        "InstanceNormalization" => one(norms::instance_norm(l, call, operands)?),
        "LayerNormalization" => one(norms::layer_norm(l, call, operands)?),
        "GroupNormalization" => one(norms::group_norm(l, call, operands)?),
        "LpNormalization" => one(norms::lp_norm(l, call, operands)?),
        "AveragePool" | "MaxPool" => one(windows::pool(l, call, operands)?),
        "GlobalAveragePool" | "GlobalMaxPool" => one(windows::global_pool(l, call, operands)?),
        "Add" | "Sub" | "Mul" | "Div" | "Max" | "Min" | "Sum" | "Mean" | "Pow" => {
            one(arithmetic::several(l, call, operands)?)
        }
        "Neg" | "Abs" | "Selu" | "Celu" | "HardSigmoid" | "HardSwish" | "Mish" | "Gelu"
        | "Swish" | "Softsign" | "Clip" | "ThresholdedRelu" => {
            one(arithmetic::unary(l, call, operands)?)
        }
        "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceL1" | "ReduceL2"
        | "ReduceSumSquare" => one(reduce::reduce(l, call, operands)?),
        "Softmax" | "LogSoftmax" => one(reduce::softmax(l, call, operands)?),
        "Resize" | "Upsample" => one(resize::resize(l, call, operands)?),
        "Concat" => one(arrange::concat(l, call, operands)?),
        "Split" => arrange::split(l, call, operands),
        "Slice" => one(arrange::slice(l, call, operands)?),
        "Gather" => one(arrange::gather(l, call, operands)?),
        "Pad" => one(borders::pad(l, call, operands)?),
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => {
            one(arrange::reshape(l, call, operands)?)
        }
        "Transpose" => one(arrange::transpose(l, call, operands)?),
        "Expand" => one(arrange::expand(l, call, operands)?),
        "Tile" => one(arrange::tile(l, call, operands)?),
        "DepthToSpace" => one(borders::depth_to_space(l, call, operands)?),
        "SpaceToDepth" => one(borders::space_to_depth(l, call, operands)?),
        op => Err(refused(op)),
    }
}

/// Functions of every element that are one operation.
fn plain(call: &Call<'_>) -> Option<Op> {
    Some(match call.node.op {
        "Relu" => Op::Relu,
        "LeakyRelu" => Op::LeakyRelu {
            slope: written(call.float("alpha", 0.01)),
        },
        "Elu" => Op::Elu {
            alpha: written(call.float("alpha", 1.0)),
        },
        "Tanh" => Op::Tanh,
        "Sigmoid" => Op::Sigmoid,
        "Softplus" => Op::Softplus,
        "Exp" => Op::Function(Function::Exp),
        "Log" => Op::Function(Function::Log),
        "Sqrt" => Op::Function(Function::Sqrt),
        "Erf" => Op::Function(Function::Erf),
        "Reciprocal" => Op::Function(Function::Reciprocal),
        _ => return None,
    })
}

/// A number as people wrote it: 0.2, where the file has the nearest f32.
fn written(x: f32) -> f64 {
    x.to_string().parse().unwrap_or(f64::from(x))
}

/// Why an operator is not read, where more can be said than that.
fn refused(op: &str) -> Fault {
    let why = match op {
        "RandomNormal" | "RandomNormalLike" | "RandomUniform" | "RandomUniformLike"
        | "Multinomial" => {
            "draws random numbers; export the network with its noise switched off, or as an input"
        }
        "Loop" | "If" | "Scan" => "control flow is not read; export with fixed sizes",
        "LSTM" | "GRU" | "RNN" => "recurrent layers are not read",
        "QuantizeLinear" | "DequantizeLinear" | "QLinearConv" | "ConvInteger" | "MatMulInteger" => {
            "quantised networks are not read; export it in floating point"
        }
        "Einsum" | "Attention" | "GridSample" => "this operator has no layer of ours",
        _ => "this operator is not read",
    };
    Fault::unsupported(why)
}

/// The operand at `i` as a layer that another of `rank` axes (batch left out) can be combined with.
fn broadcastable(l: &mut Lowering<'_>, value: &Value, rank: usize) -> Reading<NodeId> {
    match value {
        Value::Layer(id) => Ok(*id),
        Value::Constant(constant) => {
            let dims = without_batch(constant.array.dims(), rank)?;
            l.constant(constant, &dims)
        }
    }
}

/// The dimensions of a constant that is combined with a value of `rank` axes, batch left out of both.
fn without_batch(dims: &[usize], rank: usize) -> Reading<Vec<usize>> {
    match dims.split_first() {
        // A number for all.
        None => Ok(vec![1]),
        Some(_) if dims.len() <= rank => Ok(dims.to_vec()),
        Some((first, rest)) if dims.len() == rank + 1 => {
            if *first == 1 {
                return Ok(if rest.is_empty() {
                    vec![1]
                } else {
                    rest.to_vec()
                });
            }
            Err(Fault::unsupported(format!(
                "a constant of {dims:?} differs from sample to sample of the batch"
            )))
        }
        _ => Err(Fault::unsupported(format!(
            "a constant of {dims:?} gives the value more axes than it has"
        ))),
    }
}
