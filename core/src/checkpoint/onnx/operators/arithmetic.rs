//! Sums, products and other functions of every element.

use super::super::array::Array;
use super::super::call::{Call, Constant, Operands, Value};
use super::super::fault::{Fault, Reading};
use super::super::lower::Lowering;
use super::{broadcastable, patterns, without_batch};
use crate::network::{Function, NodeId, Op};

/// A bound beyond which a picture's values never are: exporters write it for none.
const NO_BOUND: f32 = 1e30;

pub(super) fn several(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    operands: &Operands,
) -> Reading<NodeId> {
    let mut values = operands.values.iter().enumerate();
    let (Some((_, Some(first))), count) = (values.next(), operands.values.len()) else {
        return Err(Fault::broken("it has no input"));
    };
    if count == 1 {
        return l.plain(call, "", Op::Identity, &[operands.layer(0)?]);
    }
    let mut so_far = (
        first.clone(),
        call.node.inputs.first().copied().unwrap_or_default(),
    );
    for (i, value) in values {
        let Some(value) = value else {
            return Err(Fault::broken(format!("input {i} is missing")));
        };
        let name = call.node.inputs.get(i).copied().unwrap_or_default();
        let id = pair(l, call, so_far, (value.clone(), name))?;
        so_far = (Value::Layer(id), "");
    }
    let Value::Layer(id) = so_far.0 else {
        return Err(Fault::broken("its inputs are constants"));
    };
    if call.node.op == "Mean" {
        let part = l.number(call, "share", 1.0 / count as f32)?;
        return l.plain(call, "", Op::Mul, &[id, part]);
    }
    Ok(id)
}

type Named<'n> = (Value, &'n str);

fn pair(l: &mut Lowering<'_>, call: &Call<'_>, a: Named<'_>, b: Named<'_>) -> Reading<NodeId> {
    let rank = |l: &Lowering<'_>, value: &Value| match value {
        Value::Layer(id) => Some(l.layers.dims(*id).len()),
        Value::Constant(_) => None,
    };
    match (rank(l, &a.0), rank(l, &b.0)) {
        (Some(x), Some(y)) if x != y => {
            return Err(Fault::unsupported(format!(
                "it combines values of {} and {} axes, of which the batch would not be the first in both",
                x + 1,
                y + 1
            )));
        }
        (None, None) => {
            // Constants for operators that are not computed beforehand.
            let (a, b) = (broadcastable(l, &a.0, 0)?, broadcastable(l, &b.0, 0)?);
            return layers(l, call, a, b);
        }
        _ => {}
    }
    match call.node.op {
        "Add" | "Sum" | "Mean" => add(l, call, a, b),
        "Sub" => match (a, b) {
            (a, (Value::Constant(c), name)) => {
                let minus = derived(&c, call, "negative", |x| -x)?;
                add(l, call, a, (Value::Constant(minus), name))
            }
            (a, (Value::Layer(b), _)) => {
                let b = negative(l, call, b)?;
                add(l, call, a, (Value::Layer(b), ""))
            }
        },
        "Div" => match (a, b) {
            ((Value::Layer(a), _), (Value::Constant(c), _)) => {
                let inverse = derived(&c, call, "inverse", |x| (1.0 / f64::from(x)) as f32)?;
                multiply(l, call, a, &Value::Constant(inverse))
            }
            ((a, _), (Value::Layer(b), _)) => {
                let op = Op::Function(Function::Reciprocal);
                let inverse = l.plain(call, "inverse", op, &[b])?;
                multiply(l, call, inverse, &a)
            }
            _ => Err(Fault::broken("its inputs are constants")),
        },
        "Mul" => match (a.0, b.0) {
            (Value::Layer(a), b) | (b, Value::Layer(a)) => multiply(l, call, a, &b),
            _ => Err(Fault::broken("its inputs are constants")),
        },
        "Pow" => match (a.0, b.0) {
            (Value::Layer(x), Value::Constant(power)) => raise(l, call, x, &power),
            _ => Err(Fault::unsupported(
                "its exponent is computed when the network runs",
            )),
        },
        _ => match (a.0, b.0) {
            (Value::Layer(a), b) | (b, Value::Layer(a)) => extreme(l, call, a, &b),
            _ => Err(Fault::broken("its inputs are constants")),
        },
    }
}

/// Two layers, where nothing is known of either.
fn layers(l: &mut Lowering<'_>, call: &Call<'_>, a: NodeId, b: NodeId) -> Reading<NodeId> {
    match call.node.op {
        "Add" | "Sum" | "Mean" => l.plain(call, "", Op::Add, &[a, b]),
        "Mul" => l.plain(call, "", Op::Mul, &[a, b]),
        _ => Err(Fault::unsupported("its inputs are constants")),
    }
}

fn add(l: &mut Lowering<'_>, call: &Call<'_>, a: Named<'_>, b: Named<'_>) -> Reading<NodeId> {
    match (a, b) {
        ((Value::Layer(a), _), (Value::Layer(b), _)) => match patterns::sum(l, call, a, b)? {
            Some(found) => Ok(found),
            None => l.plain(call, "", Op::Add, &[a, b]),
        },
        ((Value::Layer(x), name), (Value::Constant(c), _))
        | ((Value::Constant(c), _), (Value::Layer(x), name)) => {
            let dims = without_batch(c.array.dims(), l.layers.dims(x).len())?;
            if let Some(biased) = patterns::bias(l, x, name, &c, &dims)? {
                return Ok(biased);
            }
            let constant = l.constant(&c, &dims)?;
            l.plain(call, "", Op::Add, &[x, constant])
        }
        _ => Err(Fault::broken("its inputs are constants")),
    }
}

fn multiply(l: &mut Lowering<'_>, call: &Call<'_>, a: NodeId, b: &Value) -> Reading<NodeId> {
    if let Value::Layer(b) = b
        && let Some(found) = patterns::product(l, call, a, *b)?
    {
        return Ok(found);
    }
    let rank = l.layers.dims(a).len();
    let b = broadcastable(l, b, rank)?;
    l.plain(call, "", Op::Mul, &[a, b])
}

/// A constant with `f` done to every element, under a name of its own.
fn derived(
    constant: &Constant,
    call: &Call<'_>,
    what: &str,
    f: impl Fn(f32) -> f32,
) -> Reading<Constant> {
    call.hold(constant.array.len().saturating_mul(2))?;
    let values = constant.array.as_floats()?.into_iter().map(f).collect();
    Ok(Constant {
        key: format!("{}.{what}", call.label()).into(),
        array: Array::floats(values, constant.array.dims())?,
    })
}

/// `-x`.
pub(super) fn negative(l: &mut Lowering<'_>, call: &Call<'_>, x: NodeId) -> Reading<NodeId> {
    let minus = l.number(call, "minus", -1.0)?;
    l.plain(call, "negative", Op::Mul, &[x, minus])
}

/// `|x|`, as what is above zero and what is below.
pub(super) fn magnitude(l: &mut Lowering<'_>, call: &Call<'_>, x: NodeId) -> Reading<NodeId> {
    let above = l.plain(call, "above", Op::Relu, &[x])?;
    let minus = negative(l, call, x)?;
    let below = l.plain(call, "below", Op::Relu, &[minus])?;
    l.plain(call, "", Op::Add, &[above, below])
}

fn raise(l: &mut Lowering<'_>, call: &Call<'_>, x: NodeId, power: &Constant) -> Reading<NodeId> {
    let powers = power.array.as_floats()?;
    let first = powers.first().copied().unwrap_or(1.0);
    let root = Op::Function(Function::Sqrt);
    let reciprocal = Op::Function(Function::Reciprocal);
    if powers.iter().any(|power| *power != first) {
        return Err(Fault::unsupported(
            "its exponents differ from element to element",
        ));
    }
    match first {
        1.0 => l.plain(call, "", Op::Identity, &[x]),
        2.0 => l.plain(call, "", Op::Mul, &[x, x]),
        3.0 => {
            let square = l.plain(call, "square", Op::Mul, &[x, x])?;
            l.plain(call, "", Op::Mul, &[square, x])
        }
        0.5 => l.plain(call, "", root, &[x]),
        -0.5 => {
            let x = l.plain(call, "root", root, &[x])?;
            l.plain(call, "", reciprocal, &[x])
        }
        -1.0 => l.plain(call, "", reciprocal, &[x]),
        other => Err(Fault::unsupported(format!(
            "it raises to the power {other}"
        ))),
    }
}

/// The larger or the smaller of two values.
fn extreme(l: &mut Lowering<'_>, call: &Call<'_>, a: NodeId, b: &Value) -> Reading<NodeId> {
    let is_max = call.node.op == "Max";
    if let (true, Value::Layer(b)) = (is_max, b) {
        for (x, scaled) in [(a, *b), (*b, a)] {
            let slope = l.layers.as_scaled(scaled).filter(|(of, _)| *of == x);
            let slope: Option<Vec<f32>> =
                slope.and_then(|(_, slope)| slope.flatten_all().ok()?.to_vec1().ok());
            if let Some(&[slope]) = slope.as_deref()
                && (0.0..=1.0).contains(&slope)
            {
                let slope = super::written(slope);
                return l.plain(call, "", Op::LeakyRelu { slope }, &[x]);
            }
        }
    }
    let rank = l.layers.dims(a).len();
    let b = broadcastable(l, b, rank)?;
    if is_max {
        above(l, call, a, b)
    } else {
        below(l, call, a, b)
    }
}

/// `max(a, b)` as `b + max(a - b, 0)`.
fn above(l: &mut Lowering<'_>, call: &Call<'_>, a: NodeId, b: NodeId) -> Reading<NodeId> {
    let minus = negative(l, call, b)?;
    let over = l.plain(call, "over", Op::Add, &[a, minus])?;
    let over = l.plain(call, "kept", Op::Relu, &[over])?;
    l.plain(call, "", Op::Add, &[over, b])
}

/// `min(a, b)` as `b - max(b - a, 0)`.
fn below(l: &mut Lowering<'_>, call: &Call<'_>, a: NodeId, b: NodeId) -> Reading<NodeId> {
    let minus = negative(l, call, a)?;
    let under = l.plain(call, "under", Op::Add, &[minus, b])?;
    let under = l.plain(call, "kept", Op::Relu, &[under])?;
    let under = negative(l, call, under)?;
    l.plain(call, "", Op::Add, &[under, b])
}

/// `x` between two bounds, either of which may be missing.
fn clip(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    mut x: NodeId,
    low: Option<f32>,
    high: Option<f32>,
) -> Reading<NodeId> {
    let low = low.filter(|low| *low > -NO_BOUND);
    let high = high.filter(|high| *high < NO_BOUND);
    match low {
        Some(0.0) => x = l.plain(call, "low", Op::Relu, &[x])?,
        Some(low) => {
            let bound = l.number(call, "low bound", low)?;
            x = above(l, call, x, bound)?;
        }
        None => {}
    }
    match (low, high) {
        (_, Some(high)) => {
            let bound = l.number(call, "high bound", high)?;
            below(l, call, x, bound)
        }
        (None, None) => l.plain(call, "", Op::Identity, &[x]),
        (Some(_), None) => Ok(x),
    }
}

/// `factor x`.
fn times(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    part: &'static str,
    x: NodeId,
    factor: f32,
) -> Reading<NodeId> {
    let factor = l.number(call, &format!("{part}.factor"), factor)?;
    l.plain(call, part, Op::Mul, &[x, factor])
}

/// `x + term`.
fn plus(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    part: &'static str,
    x: NodeId,
    term: f32,
) -> Reading<NodeId> {
    let term = l.number(call, &format!("{part}.term"), term)?;
    l.plain(call, part, Op::Add, &[x, term])
}

pub(super) fn unary(l: &mut Lowering<'_>, call: &Call<'_>, operands: &Operands) -> Reading<NodeId> {
    let x = operands.layer(0)?;
    match call.node.op {
        "Neg" => negative(l, call, x),
        "Abs" => magnitude(l, call, x),
        "Selu" => {
            // The defaults are those of Klambauer et al. 2017, arXiv 1706.02515, as the format gives them.
            let alpha = f64::from(call.float("alpha", 1.673_263_2));
            let elu = l.plain(call, "elu", Op::Elu { alpha }, &[x])?;
            times(l, call, "", elu, call.float("gamma", 1.050_701))
        }
        "Celu" => {
            let alpha = call.float("alpha", 1.0);
            let x = times(l, call, "shrunk", x, alpha.recip())?;
            let x = l.plain(call, "elu", Op::Elu { alpha: 1.0 }, &[x])?;
            times(l, call, "", x, alpha)
        }
        "HardSigmoid" => {
            let (alpha, beta) = (call.float("alpha", 0.2), call.float("beta", 0.5));
            hard_sigmoid(l, call, x, alpha, beta)
        }
        "HardSwish" => {
            let gate = hard_sigmoid(l, call, x, 1.0 / 6.0, 0.5)?;
            l.plain(call, "", Op::Mul, &[x, gate])
        }
        "Mish" => {
            let soft = l.plain(call, "softplus", Op::Softplus, &[x])?;
            let gate = l.plain(call, "gate", Op::Tanh, &[soft])?;
            l.plain(call, "", Op::Mul, &[x, gate])
        }
        "Swish" => {
            let alpha = call.float("alpha", 1.0);
            if alpha == 1.0 {
                return l.plain(call, "", Op::Silu, &[x]);
            }
            let scaled = times(l, call, "scaled", x, alpha)?;
            let gate = l.plain(call, "gate", Op::Sigmoid, &[scaled])?;
            l.plain(call, "", Op::Mul, &[x, gate])
        }
        "Gelu" => gelu(l, call, x),
        "Softsign" => {
            let size = magnitude(l, call, x)?;
            let size = plus(l, call, "size", size, 1.0)?;
            let op = Op::Function(Function::Reciprocal);
            let inverse = l.plain(call, "inverse", op, &[size])?;
            l.plain(call, "", Op::Mul, &[x, inverse])
        }
        "Clip" => {
            let bound = |i: usize, name: &str| -> Reading<Option<f32>> {
                match operands.constant(i, "a bound")? {
                    Some(bound) => Ok(bound.array.as_floats()?.first().copied()),
                    None => Ok(call.attribute_float(name)),
                }
            };
            clip(l, call, x, bound(1, "min")?, bound(2, "max")?)
        }
        other => Err(super::refused(other)),
    }
}

fn hard_sigmoid(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    x: NodeId,
    alpha: f32,
    beta: f32,
) -> Reading<NodeId> {
    let x = times(l, call, "scaled", x, alpha)?;
    let x = plus(l, call, "raised", x, beta)?;
    clip(l, call, x, Some(0.0), Some(1.0))
}

/// Hendrycks and Gimpel 2016, arXiv 1606.08415: exact, or their approximation by tanh.
fn gelu(l: &mut Lowering<'_>, call: &Call<'_>, x: NodeId) -> Reading<NodeId> {
    let gate = if call.text("approximate") == Some("tanh") {
        let square = l.plain(call, "square", Op::Mul, &[x, x])?;
        let cube = l.plain(call, "cube", Op::Mul, &[square, x])?;
        let cube = times(l, call, "bent", cube, 0.044_715)?;
        let bent = l.plain(call, "sum", Op::Add, &[x, cube])?;
        let root = (2.0 / std::f64::consts::PI).sqrt() as f32;
        let bent = times(l, call, "scaled", bent, root)?;
        l.plain(call, "gate", Op::Tanh, &[bent])?
    } else {
        let scaled = times(l, call, "scaled", x, std::f32::consts::FRAC_1_SQRT_2)?;
        l.plain(call, "gate", Op::Function(Function::Erf), &[scaled])?
    };
    let gate = plus(l, call, "raised", gate, 1.0)?;
    let gated = l.plain(call, "gated", Op::Mul, &[x, gate])?;
    times(l, call, "", gated, 0.5)
}
