//! Means, sums and maxima over axes, and softmax.
//!
//! Axes that stand together are one: the value is seen as `[before, axes, after]`, and a pooling window over the middle
//! gives the mean or the maximum.

use std::ops::Range;

use super::super::call::{Call, Operands};
use super::super::fault::{Fault, Reading};
use super::super::fold::axis_of;
use super::super::lower::Lowering;
use crate::network::{Function, NodeId, Op, PoolSpec};

/// The mean or maximum over neighbouring axes, which stay with one element each.
pub(super) fn over(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    x: NodeId,
    axes: Range<usize>,
    is_mean: bool,
) -> Reading<NodeId> {
    let dims = l.layers.dims(x).to_vec();
    if dims.len() == 3 && axes == (1..3) {
        let op = if is_mean {
            Op::GlobalAvgPool
        } else {
            Op::GlobalMaxPool
        };
        return l.plain(call, "pooled", op, &[x]);
    }
    let (Some(before), Some(middle), Some(after)) = (
        dims.get(..axes.start),
        dims.get(axes.clone()),
        dims.get(axes.end..),
    ) else {
        return Err(Fault::broken(format!(
            "axes {axes:?} are not those of {dims:?}"
        )));
    };
    let count = |dims: &[usize]| dims.iter().product::<usize>();
    let seen = vec![count(before), count(middle), count(after)];
    let window = [count(middle), 1];
    let pool = PoolSpec {
        kernel: window,
        stride: window,
        ..PoolSpec::square(1)
    };
    let mut reduced = dims.clone();
    reduced[axes].fill(1);
    let x = l.plain(call, "seen", Op::Reshape { dims: seen }, &[x])?;
    let op = if is_mean {
        Op::AvgPool(pool)
    } else {
        Op::MaxPool(pool)
    };
    let x = l.plain(call, "pooled", op, &[x])?;
    l.plain(call, "reduced", Op::Reshape { dims: reduced }, &[x])
}

/// The sum over neighbouring axes.
pub(super) fn sum_over(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    x: NodeId,
    axes: Range<usize>,
) -> Reading<NodeId> {
    let middle = l.layers.dims(x).get(axes.clone()).unwrap_or_default();
    let count: usize = middle.iter().product();
    let mean = over(l, call, x, axes, true)?;
    let count = l.number(call, &format!("count{count}"), count as f32)?;
    l.plain(call, "summed", Op::Mul, &[mean, count])
}

/// The axes without the batch, in runs of neighbours, last first.
fn runs(axes: &[i64], rank: usize) -> Reading<Vec<Range<usize>>> {
    let mut places = Vec::new();
    for axis in axes {
        let axis = axis_of(*axis, rank + 1)?;
        places.push(axis.checked_sub(1).ok_or_else(|| {
            Fault::unsupported("it reduces over the batch, so that samples would see each other")
        })?);
    }
    places.sort_unstable();
    places.dedup();
    let mut runs: Vec<Range<usize>> = Vec::new();
    for place in places {
        match runs.last_mut() {
            Some(run) if run.end == place => run.end += 1,
            _ => runs.push(place..place + 1),
        }
    }
    runs.reverse();
    Ok(runs)
}

pub(super) fn reduce(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    operands: &Operands,
) -> Reading<NodeId> {
    let mut x = operands.layer(0)?;
    let dims = l.layers.dims(x).to_vec();
    let given = operands.constant(1, "the list of axes")?;
    let axes = call.ints_or_input("axes", given.map(|c| &c.array))?;
    let axes = axes.filter(|axes| !axes.is_empty());
    if axes.is_none() && call.int("noop_with_empty_axes", 0) != 0 {
        return l.plain(call, "", Op::Identity, &[x]);
    }
    let axes =
        axes.ok_or_else(|| Fault::unsupported("it reduces over all axes, and so over the batch"))?;
    let runs = runs(&axes, dims.len())?;
    match call.node.op {
        "ReduceL2" | "ReduceSumSquare" => x = l.plain(call, "squares", Op::Mul, &[x, x])?,
        "ReduceL1" => x = super::arithmetic::magnitude(l, call, x)?,
        "ReduceMin" => x = super::arithmetic::negative(l, call, x)?,
        _ => {}
    }
    for run in &runs {
        x = match call.node.op {
            "ReduceMean" => over(l, call, x, run.clone(), true)?,
            "ReduceMax" | "ReduceMin" => over(l, call, x, run.clone(), false)?,
            _ => sum_over(l, call, x, run.clone())?,
        };
    }
    match call.node.op {
        "ReduceL2" => x = l.plain(call, "root", Op::Function(Function::Sqrt), &[x])?,
        "ReduceMin" => x = super::arithmetic::negative(l, call, x)?,
        _ => {}
    }
    if call.int("keepdims", 1) != 0 {
        return Ok(x);
    }
    let is_reduced = |axis: &usize| runs.iter().any(|run| run.contains(axis));
    let kept = (0..dims.len()).filter(|axis| !is_reduced(axis));
    let mut dims: Vec<usize> = kept.map(|axis| dims[axis]).collect();
    if dims.is_empty() {
        // A number a sample.
        dims.push(1);
    }
    l.plain(call, "", shaped(dims), &[x])
}

/// The operation that gives these dimensions.
pub(super) fn shaped(dims: Vec<usize>) -> Op {
    if dims.len() == 1 {
        Op::Flatten
    } else {
        Op::Reshape { dims }
    }
}

pub(super) fn softmax(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    operands: &Operands,
) -> Reading<NodeId> {
    let x = operands.layer(0)?;
    let rank = l.layers.dims(x).len();
    // Up to version 12 everything from the axis on is one distribution.
    let is_old = call.opset < 13;
    let axis = axis_of(call.int("axis", if is_old { 1 } else { -1 }), rank + 1)?;
    let Some(axis) = axis.checked_sub(1) else {
        return Err(Fault::unsupported("it compares the samples of the batch"));
    };
    let axes = axis..if is_old { rank } else { axis + 1 };
    // Less the largest, so that no exponential overflows.
    let largest = over(l, call, x, axes.clone(), false)?;
    let minus = super::arithmetic::negative(l, call, largest)?;
    let x = l.plain(call, "shifted", Op::Add, &[x, minus])?;
    let exp = l.plain(call, "exp", Op::Function(Function::Exp), &[x])?;
    let sum = sum_over(l, call, exp, axes)?;
    if call.node.op == "LogSoftmax" {
        let log = l.plain(call, "log", Op::Function(Function::Log), &[sum])?;
        let minus = super::arithmetic::negative(l, call, log)?;
        return l.plain(call, "", Op::Add, &[x, minus]);
    }
    let inverse = l.plain(call, "inverse", Op::Function(Function::Reciprocal), &[sum])?;
    l.plain(call, "", Op::Mul, &[exp, inverse])
}
