//! Operators that move, select or join elements.

use super::super::array::Count;
use super::super::call::{Call, Operands, Value};
use super::super::fault::{Fault, Reading};
use super::super::fold::axis_of;
use super::super::lower::Lowering;
use super::super::{parts, shape, tensor::Element};
use super::broadcastable;
use super::reduce::shaped;
use crate::network::{NodeId, Op};

/// An axis after the batch, which is no axis of ours.
fn our_axis(axis: i64, rank: usize) -> Reading<usize> {
    axis_of(axis, rank + 1)?
        .checked_sub(1)
        .ok_or_else(|| Fault::unsupported("it works along the batch"))
}

pub(super) fn cast(l: &mut Lowering<'_>, call: &Call<'_>, operands: &Operands) -> Reading<NodeId> {
    let x = operands.layer(0)?;
    if call.node.op == "Cast" {
        let to = call.int("to", 1);
        let element = Element::of(to).filter(|element| element.is_float());
        let Some(element) = element else {
            return Err(Fault::unsupported(
                "it turns a layer's values into integers",
            ));
        };
        let output = call.node.outputs.first().copied().unwrap_or_default();
        let is_narrow = matches!(element, Element::Half | Element::Bfloat);
        if is_narrow && l.is_only_cast(output) {
            return Err(Fault::unsupported(
                "it rounds values to 16 bits and takes them back at once; networks are computed in 32 bits",
            ));
        }
        if is_narrow {
            l.guess_precision();
        }
    }
    l.plain(call, "", Op::Identity, &[x])
}

pub(super) fn concat(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    operands: &Operands,
) -> Reading<NodeId> {
    let first = operands
        .values
        .iter()
        .flatten()
        .find_map(|value| match value {
            Value::Layer(id) => Some(*id),
            Value::Constant(_) => None,
        });
    let first = first.ok_or_else(|| Fault::broken("its inputs are constants"))?;
    let rank = l.layers.dims(first).len();
    let axis = our_axis(call.int("axis", 1), rank)?;
    let mut inputs = Vec::new();
    for value in operands.values.iter().flatten() {
        inputs.push(match value {
            Value::Constant(constant) if constant.array.dims().len() != rank + 1 => {
                let what = format!("it joins {rank} axes with {}", constant.key);
                return Err(Fault::broken(what));
            }
            value => broadcastable(l, value, rank)?,
        });
    }
    l.plain(call, "", Op::Concat { axis }, &inputs)
}

pub(super) fn split(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    operands: &Operands,
) -> Reading<Vec<NodeId>> {
    let x = operands.layer(0)?;
    operands.constant(1, "the list of sizes")?;
    let dims = l.layers.dims(x).to_vec();
    let axis = our_axis(call.int("axis", 0), dims.len())?;
    let mut outputs = Vec::new();
    for range in parts::splits(call, dims[axis], &operands.arrays())? {
        let op = Op::Slice {
            axis,
            start: range.start,
            end: range.end,
        };
        outputs.push(l.plain(call, "", op, &[x])?);
    }
    Ok(outputs)
}

/// Takes `indices` of one of our axes, by the simplest operation that does.
pub(super) fn take(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    part: &'static str,
    x: NodeId,
    axis: usize,
    indices: Vec<usize>,
) -> Reading<NodeId> {
    let size = l.layers.dims(x).get(axis).copied().unwrap_or(0);
    let (first, len) = (indices.first().copied().unwrap_or(0), indices.len());
    let is_run = indices.iter().copied().eq(first..first + len);
    if is_run && len == size {
        return Ok(x);
    }
    let op = if is_run {
        Op::Slice {
            axis,
            start: first,
            end: first + len,
        }
    } else {
        Op::Select { axis, indices }
    };
    l.plain(call, part, op, &[x])
}

/// The node's value, which may be that of its input: then it is a layer all the same.
pub(super) fn settled(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    input: NodeId,
    x: NodeId,
) -> Reading<NodeId> {
    if input == x {
        return l.plain(call, "", Op::Identity, &[x]);
    }
    Ok(x)
}

pub(super) fn slice(l: &mut Lowering<'_>, call: &Call<'_>, operands: &Operands) -> Reading<NodeId> {
    let input = operands.layer(0)?;
    for (i, what) in [
        (1, "where it begins"),
        (2, "where it ends"),
        (3, "its axes"),
        (4, "its steps"),
    ] {
        operands.constant(i, what)?;
    }
    let mut x = input;
    let rank = l.layers.dims(x).len();
    for bound in parts::bounds(call, rank + 1, &operands.arrays())? {
        match bound.axis.checked_sub(1) {
            Some(axis) => {
                let indices = bound.indices(l.layers.dims(x)[axis])?;
                x = take(l, call, "part", x, axis, indices)?;
            }
            None if bound.is_whole() => {}
            None => return Err(Fault::unsupported("it takes a part of the batch")),
        }
    }
    settled(l, call, input, x)
}

pub(super) fn gather(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    operands: &Operands,
) -> Reading<NodeId> {
    let input = operands.layer(0)?;
    let indices = operands.needed(1, "the list of indices")?.array.clone();
    let dims = l.layers.dims(input).to_vec();
    let axis = our_axis(call.int("axis", 0), dims.len())?;
    let places = indices
        .as_ints()?
        .into_iter()
        .map(|i| axis_of(i, dims[axis]));
    let places = places.collect::<Reading<Vec<_>>>()?;
    let x = take(l, call, "taken", input, axis, places)?;
    if indices.dims().len() == 1 {
        return settled(l, call, input, x);
    }
    let mut dims = dims;
    dims.splice(axis..=axis, indices.dims().iter().copied());
    if dims.is_empty() {
        dims.push(1);
    }
    l.plain(call, "", shaped(dims), &[x])
}

pub(super) fn reshape(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    operands: &Operands,
) -> Reading<NodeId> {
    let x = operands.layer(0)?;
    let second = operands.constant(1, "the list of dimensions")?;
    let second = second.map(|constant| &constant.array);
    let dims = shape::of_layer(call, l.layers.dims(x), second, l.fixed_batch)?;
    if let Some((before, factor)) = shuffled(l, x, &dims) {
        return l.plain(call, "", Op::PixelShuffle { factor }, &[before]);
    }
    l.plain(call, "", shaped(dims), &[x])
}

/// A pixel shuffle as frameworks without one write it: `[C, r, r, H, W]`, the r moved behind H and W, `[C, H r, W r]`.
fn shuffled(l: &Lowering<'_>, x: NodeId, dims: &[usize]) -> Option<(NodeId, usize)> {
    let Op::Transpose { order } = &l.layers.draft(x).op else {
        return None;
    };
    let split = *l.layers.draft(x).inputs.first()?;
    let &[c, r, r2, h, w] = l.layers.dims(split) else {
        return None;
    };
    let is_split = matches!(l.layers.draft(split).op, Op::Reshape { .. });
    let before = *l.layers.draft(split).inputs.first()?;
    let fits = *order == [0, 3, 1, 4, 2]
        && r == r2
        && is_split
        && dims == [c, h * r, w * r]
        && l.layers.dims(before) == [c * r * r, h, w];
    fits.then_some((before, r))
}

pub(super) fn transpose<'a>(
    l: &mut Lowering<'a>,
    call: &Call<'a>,
    operands: &Operands,
) -> Reading<NodeId> {
    let x = operands.layer(0)?;
    let rank = l.layers.dims(x).len();
    let back: Vec<i64> = (0..=rank as i64).rev().collect();
    let perm = call.ints("perm").unwrap_or(&back);
    let input = call.node.inputs.first().copied().unwrap_or_default();
    if l.channels_last.contains(input) {
        // The input has its channels first here already.
        return Ok(x);
    }
    let order: Option<Vec<usize>> = perm
        .iter()
        .skip(1)
        .map(|axis| usize::try_from(*axis).ok()?.checked_sub(1))
        .collect();
    let (Some(order), Some(0)) = (order, perm.first()) else {
        return Err(Fault::unsupported(format!(
            "it moves the batch axis: {perm:?}"
        )));
    };
    let output = call.node.outputs.first().copied().unwrap_or_default();
    if order == [1, 2, 0] && l.is_picture_output(output, x) {
        l.guess_channels_last(output, "output");
        return l.plain(call, "", Op::Identity, &[x]);
    }
    if order.iter().copied().eq(0..rank) {
        return l.plain(call, "", Op::Identity, &[x]);
    }
    let draft = l.layers.draft(x);
    if let (Op::Transpose { order: before }, &[source]) = (&draft.op, draft.inputs.as_slice()) {
        let both: Option<Vec<usize>> = order.iter().map(|i| before.get(*i).copied()).collect();
        if both.is_some_and(|both| both.into_iter().eq(0..rank)) {
            return l.plain(call, "", Op::Identity, &[source]);
        }
    }
    l.plain(call, "", Op::Transpose { order }, &[x])
}

pub(super) fn expand(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    operands: &Operands,
) -> Reading<NodeId> {
    let input = operands.layer(0)?;
    let target = operands.needed(1, "the list of dimensions")?;
    let target = target.array.as_counts()?.to_vec();
    let dims = l.layers.dims(input).to_vec();
    let Some(extra) = (dims.len() + 1).checked_sub(target.len()) else {
        return Err(Fault::unsupported(
            "it gives the value more axes, before the batch",
        ));
    };
    let mut x = input;
    for (i, count) in target.iter().enumerate() {
        let Some(axis) = (i + extra).checked_sub(1) else {
            let is_batch = *count == Count::BATCH
                || *count == Count::of(1)
                || l.fixed_batch.is_some_and(|n| *count == Count::of(n));
            if !is_batch {
                return Err(Fault::unsupported("it repeats the batch"));
            }
            continue;
        };
        let to = count.plain()?;
        let own = dims[axis];
        if to != 1 && to != own as i64 {
            if own != 1 {
                return Err(Fault::broken(format!("{own} elements cannot become {to}")));
            }
            x = repeat(l, call, x, axis, to)?;
        }
    }
    settled(l, call, input, x)
}

/// All indices of an axis `times` over.
fn repeat(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    x: NodeId,
    axis: usize,
    times: i64,
) -> Reading<NodeId> {
    let size = l.layers.dims(x)[axis];
    let len = usize::try_from(times)
        .ok()
        .and_then(|n| n.checked_mul(size));
    // No stamp has more rows than that; a damaged file may ask for any number.
    let len = len.filter(|len| (1..=1 << 20).contains(len));
    let len = len.ok_or_else(|| Fault::unsupported(format!("it repeats {times} times")))?;
    let indices = (0..len).map(|i| i % size).collect();
    take(l, call, "repeated", x, axis, indices)
}

pub(super) fn tile(l: &mut Lowering<'_>, call: &Call<'_>, operands: &Operands) -> Reading<NodeId> {
    let input = operands.layer(0)?;
    let repeats = operands.needed(1, "the list of repeats")?.array.as_ints()?;
    if repeats.len() != l.layers.dims(input).len() + 1 || repeats.first() != Some(&1) {
        return Err(Fault::unsupported(format!(
            "it repeats the axes {repeats:?} times"
        )));
    }
    let mut x = input;
    for (axis, times) in repeats.into_iter().skip(1).enumerate() {
        x = repeat(l, call, x, axis, times)?;
    }
    settled(l, call, input, x)
}
