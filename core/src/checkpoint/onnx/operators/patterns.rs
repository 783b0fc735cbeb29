//! What exporters break into several operators, recognised from the layers before.

use super::super::call::{Call, Constant};
use super::super::fault::Reading;
use super::super::lower::Lowering;
use super::weights;
use crate::network::{Function, NodeId, Op, Param, Role};

/// A product of two layers that is an operation of its own.
pub(super) fn product(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    a: NodeId,
    b: NodeId,
) -> Reading<Option<NodeId>> {
    for (x, other) in [(a, b), (b, a)] {
        let draft = l.layers.draft(other);
        if draft.op == Op::Sigmoid && draft.inputs == [x] {
            return l.plain(call, "", Op::Silu, &[x]).map(Some);
        }
        if let Some(eps) = root_mean_square_eps(l, x, other) {
            return l.plain(call, "", Op::PixelNorm { eps }, &[x]).map(Some);
        }
    }
    Ok(None)
}

/// Whether `other` is one over the root of the mean square of `x` over channels, and what was added to the mean.
fn root_mean_square_eps(l: &Lowering<'_>, x: NodeId, other: NodeId) -> Option<f64> {
    let input_of = |id: NodeId, op: &Op| {
        let draft = l.layers.draft(id);
        match draft.inputs.as_slice() {
            &[input] if draft.op == *op => Some(input),
            _ => None,
        }
    };
    let root = input_of(other, &Op::Function(Function::Reciprocal))?;
    let sum = input_of(root, &Op::Function(Function::Sqrt))?;
    let (mean, eps) = l.layers.as_shifted(sum)?;
    let eps = eps.flatten_all().ok()?.to_vec1::<f32>().ok()?;
    let &[eps] = eps.as_slice() else { return None };
    let &[channels, rows, columns] = l.layers.dims(x) else {
        return None;
    };
    // The mean over channels, as `reduce` makes it.
    let square = match &l.layers.draft(mean).op {
        Op::Reshape { dims } if *dims == [1, rows, columns] => {
            let pooled = *l.layers.draft(mean).inputs.first()?;
            let Op::AvgPool(pool) = l.layers.draft(pooled).op else {
                return None;
            };
            let seen = *l.layers.draft(pooled).inputs.first()?;
            let is_all = pool.kernel == [channels, 1] && l.layers.dims(seen).first() == Some(&1);
            let is_reshape = matches!(l.layers.draft(seen).op, Op::Reshape { .. });
            let first = l.layers.draft(seen).inputs.first();
            *first.filter(|_| is_all && is_reshape)?
        }
        _ => return None,
    };
    let draft = l.layers.draft(square);
    (draft.op == Op::Mul && draft.inputs == [x, x]).then(|| super::written(eps))
}

/// A sum of two layers that is an operation of its own: the slope below zero as Keras writes it,
/// `relu(x) - slope relu(-x)`.
pub(super) fn sum(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    a: NodeId,
    b: NodeId,
) -> Reading<Option<NodeId>> {
    for (above, below) in [(a, b), (b, a)] {
        let (Op::Relu, &[x]) = ({
            let draft = l.layers.draft(above);
            (&draft.op, draft.inputs.as_slice())
        }) else {
            continue;
        };
        let Some((rectified, slope)) = l.layers.as_scaled(below) else {
            continue;
        };
        let (Op::Relu, &[minus]) = ({
            let draft = l.layers.draft(rectified);
            (&draft.op, draft.inputs.as_slice())
        }) else {
            continue;
        };
        let is_minus = l.layers.as_scaled(minus).is_some_and(|(of, factor)| {
            let factor = factor.flatten_all().and_then(|f| f.to_vec1::<f32>());
            of == x && factor.is_ok_and(|factor| factor.iter().all(|f| *f == -1.0))
        });
        if !is_minus {
            continue;
        }
        call.hold(slope.elem_count())?;
        let slope = slope.neg()?;
        let constant = l.layers.draft(below).inputs.iter().copied();
        let key = constant
            .map(|id| l.layers.draft(id))
            .find(|draft| draft.op == Op::Constant)
            .and_then(|draft| draft.params.first())
            .map_or_else(|| call.label().into(), |param| param.key.clone());
        let slope = Constant {
            key,
            array: super::super::array::Array::Floats(slope),
        };
        let slope = weights::slopes(call, &slope, l.layers.dims(x))?;
        return l.add(call, "", Op::Prelu, &[x], vec![slope]).map(Some);
    }
    Ok(None)
}

/// A constant added to a layer with weights and without a bias, of which nobody else reads the value: its bias.
pub(super) fn bias(
    l: &mut Lowering<'_>,
    x: NodeId,
    name: &str,
    constant: &Constant,
    dims: &[usize],
) -> Reading<Option<NodeId>> {
    let mut draft = l.layers.draft(x).clone();
    let has_bias = draft.params.iter().any(|param| param.role == Role::Bias);
    let own = l.layers.dims(x);
    let channels = own.first().copied().unwrap_or(1);
    let is_one_a_channel = constant.array.len() == channels
        && dims.len() == own.len()
        && dims.first() == Some(&channels);
    if !draft.op.is_weighted() || has_bias || !is_one_a_channel || !l.is_read_once(name) {
        return Ok(None);
    }
    let bias: Param = constant.param(Role::Bias, &[channels])?;
    draft.params.push(bias);
    l.layers.again(draft).map(Some)
}
