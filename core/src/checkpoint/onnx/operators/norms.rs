//! Normalisations.

use super::super::call::{Call, Constant, Operands};
use super::super::fault::{Fault, Reading};
use super::super::fold::axis_of;
use super::super::lower::Lowering;
use super::{broadcastable, reduce};
use crate::network::{Function, NodeId, Op, Role};

pub(super) fn batch_norm(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    operands: &Operands,
) -> Reading<NodeId> {
    let x = operands.layer(0)?;
    if call.int("training_mode", 0) != 0 {
        return Err(Fault::unsupported(
            "it normalises by the batch; export the network in evaluation mode",
        ));
    }
    let channels = l.layers.dims(x).first().copied().unwrap_or(1);
    let roles = [
        (Role::Weight, "its scale"),
        (Role::Bias, "its shift"),
        (Role::Mean, "its mean"),
        (Role::Var, "its variance"),
    ];
    let params = roles
        .into_iter()
        .enumerate()
        .map(|(i, (role, what))| operands.needed(i + 1, what)?.param(role, &[channels]));
    let eps = super::written(call.float("epsilon", 1e-5));
    let params = params.collect::<Reading<_>>()?;
    l.add(call, "", Op::BatchNorm { eps }, &[x], params)
}

/// Gives `x` the dimensions `[groups, rest, 1]`, so that every group is normalised by itself.
fn grouped(l: &mut Lowering<'_>, call: &Call<'_>, x: NodeId, groups: usize) -> Reading<NodeId> {
    let len = l.layers.dims(x).iter().product::<usize>();
    if groups == 0 || !len.is_multiple_of(groups) {
        return Err(Fault::broken(format!(
            "{groups} groups do not divide {len} elements"
        )));
    }
    let dims = vec![groups, len / groups, 1];
    l.plain(call, "groups", Op::Reshape { dims }, &[x])
}

pub(super) fn instance_norm(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    operands: &Operands,
) -> Reading<NodeId> {
    let x = operands.layer(0)?;
    let dims = l.layers.dims(x).to_vec();
    let channels = dims.first().copied().unwrap_or(1);
    let params = vec![
        operands
            .needed(1, "its scale")?
            .param(Role::Weight, &[channels])?,
        operands
            .needed(2, "its shift")?
            .param(Role::Bias, &[channels])?,
    ];
    let op = Op::InstanceNorm {
        eps: super::written(call.float("epsilon", 1e-5)),
    };
    if dims.len() == 3 {
        return l.add(call, "", op, &[x], params);
    }
    let x = grouped(l, call, x, channels)?;
    let x = l.add(call, "normed", op, &[x], params)?;
    l.plain(call, "", Op::Reshape { dims }, &[x])
}

/// Normalises the groups of `x`, then scales and shifts.
fn scaled(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    x: NodeId,
    groups: usize,
    params: [Option<Constant>; 2],
) -> Reading<NodeId> {
    let dims = l.layers.dims(x).to_vec();
    let rank = dims.len();
    let op = Op::InstanceNorm {
        eps: super::written(call.float("epsilon", 1e-5)),
    };
    let x = grouped(l, call, x, groups)?;
    let x = l.plain(call, "normed", op, &[x])?;
    let mut x = l.plain(call, "restored", Op::Reshape { dims }, &[x])?;
    for (param, op) in params.into_iter().zip([Op::Mul, Op::Add]) {
        if let Some(param) = param {
            let part = if op == Op::Mul { "scaled" } else { "" };
            let value = super::super::call::Value::Constant(param);
            let constant = broadcastable(l, &value, rank)?;
            x = l.plain(call, part, op, &[x, constant])?;
        }
    }
    Ok(x)
}

pub(super) fn layer_norm(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    operands: &Operands,
) -> Reading<NodeId> {
    let x = operands.layer(0)?;
    if call.node.outputs.iter().skip(1).any(|name| l.is_read(name)) {
        return Err(Fault::unsupported("its mean or its deviation is read"));
    }
    let dims = l.layers.dims(x);
    let axis = axis_of(call.int("axis", -1), dims.len() + 1)?;
    let Some(axis) = axis.checked_sub(1) else {
        return Err(Fault::unsupported("it normalises over the batch"));
    };
    let groups = dims[..axis].iter().product();
    let params = [
        operands.constant(1, "its scale")?.cloned(),
        operands.constant(2, "its shift")?.cloned(),
    ];
    scaled(l, call, x, groups, params)
}

pub(super) fn group_norm(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    operands: &Operands,
) -> Reading<NodeId> {
    let x = operands.layer(0)?;
    let dims = l.layers.dims(x).to_vec();
    let channels = dims.first().copied().unwrap_or(1);
    let groups = usize::try_from(call.int("num_groups", 0)).unwrap_or(0);
    let mut params = [None, None];
    for (i, slot) in params.iter_mut().enumerate() {
        let stored = operands.needed(i + 1, "its scale or shift")?;
        // One a group up to version 20, one a channel since.
        let len = stored.array.len().max(1);
        if !channels.is_multiple_of(len) {
            return Err(Fault::tensor(
                &stored.key,
                format!("has {len} elements for {channels} channels"),
            ));
        }
        call.hold(channels)?;
        let each = channels / len;
        let places: Vec<usize> = (0..channels).map(|c| c / each).collect();
        let mut full = vec![1; dims.len()];
        if let Some(first) = full.first_mut() {
            *first = channels;
        }
        let array = stored
            .array
            .reshape(&[len])?
            .select(0, &places)?
            .reshape(&full)?;
        *slot = Some(Constant {
            key: stored.key.clone(),
            array,
        });
    }
    scaled(l, call, x, groups, params)
}

pub(super) fn lp_norm(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    operands: &Operands,
) -> Reading<NodeId> {
    let x = operands.layer(0)?;
    if call.int("p", 2) != 2 {
        return Err(Fault::unsupported(
            "it normalises by another norm than the second",
        ));
    }
    let axis = axis_of(call.int("axis", -1), l.layers.dims(x).len() + 1)?;
    let Some(axis) = axis.checked_sub(1) else {
        return Err(Fault::unsupported("it normalises over the batch"));
    };
    let squares = l.plain(call, "squares", Op::Mul, &[x, x])?;
    let sum = reduce::sum_over(l, call, squares, axis..axis + 1)?;
    let root = l.plain(call, "root", Op::Function(Function::Sqrt), &[sum])?;
    let inverse = l.plain(call, "inverse", Op::Function(Function::Reciprocal), &[root])?;
    l.plain(call, "", Op::Mul, &[x, inverse])
}
