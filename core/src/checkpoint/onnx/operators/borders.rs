//! Borders around pictures, and blocks of pixels that become channels and back.

use super::super::call::{Call, Operands};
use super::super::fault::{Fault, Reading};
use super::super::fold::axis_of;
use super::super::lower::Lowering;
use super::arrange::{settled, take};
use crate::network::{NodeId, Op, Padding};

/// How many elements are added before and after each of our axes.
fn pads(call: &Call<'_>, operands: &Operands, rank: usize) -> Reading<Vec<[i64; 2]>> {
    let second = operands.constant(1, "how much it pads")?;
    let pads = call.ints_or_input("pads", second.map(|c| &c.array))?;
    let pads = pads.ok_or_else(|| Fault::broken("how much it pads is missing"))?;
    let axes: Vec<usize> = match operands.constant(3, "which axes it pads")? {
        Some(axes) => {
            let axes = axes.array.as_ints()?.into_iter();
            axes.map(|axis| axis_of(axis, rank + 1))
                .collect::<Reading<_>>()?
        }
        None => (0..=rank).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(Fault::broken(format!(
            "it pads {} axes by {pads:?}",
            axes.len()
        )));
    }
    let mut found = vec![[0; 2]; rank];
    for (i, axis) in axes.iter().enumerate() {
        let both = [pads[i], pads[i + axes.len()]];
        match axis.checked_sub(1) {
            Some(axis) => found[axis] = both,
            None if both == [0, 0] => {}
            None => return Err(Fault::unsupported("it pads the batch")),
        }
    }
    Ok(found)
}

pub(super) fn pad(l: &mut Lowering<'_>, call: &Call<'_>, operands: &Operands) -> Reading<NodeId> {
    let input = operands.layer(0)?;
    let dims = l.layers.dims(input).to_vec();
    let mut pads = pads(call, operands, dims.len())?;
    let mut x = input;
    // Negative padding cuts off.
    for (axis, both) in pads.iter_mut().enumerate() {
        let cut = both.map(|n| usize::try_from(n.min(0).saturating_neg()).unwrap_or(usize::MAX));
        let kept = dims[axis]
            .checked_sub(cut[0])
            .and_then(|n| n.checked_sub(cut[1]));
        let Some(kept) = kept.filter(|kept| *kept > 0) else {
            return Err(Fault::broken(format!("it cuts all of axis {axis} off")));
        };
        x = take(l, call, "cut", x, axis, (cut[0]..cut[0] + kept).collect())?;
        *both = both.map(|n| n.max(0));
    }
    let mode = call.text("mode").unwrap_or("constant");
    if mode != "constant" {
        for (axis, both) in pads.into_iter().enumerate() {
            if both != [0, 0] {
                let size = l.layers.dims(x)[axis];
                let indices = mirrored(mode, size, both)?;
                x = take(l, call, "bordered", x, axis, indices)?;
            }
        }
        return settled(l, call, input, x);
    }
    let value = match operands.constant(2, "the value it pads with")? {
        Some(value) => value.array.as_floats()?.first().copied().unwrap_or(0.0),
        None => call.float("value", 0.0),
    };
    let of = |n: i64| usize::try_from(n).unwrap_or(0);
    match pads.as_slice() {
        pads if pads.iter().all(|both| *both == [0, 0]) => settled(l, call, input, x),
        &[[0, 0], rows, columns] => {
            let padding = Padding {
                top: of(rows[0]),
                bottom: of(rows[1]),
                left: of(columns[0]),
                right: of(columns[1]),
            };
            let value = f64::from(value);
            l.plain(call, "", Op::Pad { padding, value }, &[x])
        }
        other => Err(Fault::unsupported(format!(
            "it pads by {other:?}; only rows and columns of pictures are padded"
        ))),
    }
}

/// The indices of an axis with a border taken from its own elements.
fn mirrored(mode: &str, size: usize, [before, after]: [i64; 2]) -> Reading<Vec<usize>> {
    let last = size as i64 - 1;
    // A mirror has only what is before it.
    let is_too_wide = match mode {
        "reflect" => before.max(after) > last,
        "wrap" => before.max(after) > size as i64,
        _ => before.max(after) > 1 << 20,
    };
    if is_too_wide {
        return Err(Fault::broken(format!(
            "its border is wider than {size} elements"
        )));
    }
    (-before..size as i64 + after)
        .map(|i| {
            let index = match mode {
                "reflect" if i > last => 2 * last - i,
                "reflect" => i.abs(),
                "edge" => i.clamp(0, last),
                "wrap" => i.rem_euclid(size as i64),
                other => return Err(Fault::unsupported(format!("it pads in the mode {other}"))),
            };
            Ok(index as usize)
        })
        .collect()
}

fn block_of(call: &Call<'_>) -> Reading<usize> {
    let block = call.int("blocksize", 0);
    let block_size = usize::try_from(block)
        .ok()
        .filter(|n| (1..=1 << 10).contains(n));
    block_size.ok_or_else(|| Fault::broken(format!("its blocks have the size {block}")))
}

pub(super) fn depth_to_space(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    operands: &Operands,
) -> Reading<NodeId> {
    let mut x = operands.layer(0)?;
    let factor = block_of(call)?;
    let channels = l.layers.dims(x).first().copied().unwrap_or(0);
    if call.text("mode").unwrap_or("DCR") == "DCR" {
        let square = factor * factor;
        if !channels.is_multiple_of(square) {
            return Err(Fault::broken(format!(
                "{channels} channels are no blocks of {factor}"
            )));
        }
        // The block's place counts before the channel; a pixel shuffle has it after.
        let outer = channels / square;
        let order = (0..channels).map(|c| c % square * outer + c / square);
        x = take(l, call, "channels", x, 0, order.collect())?;
    }
    l.plain(call, "", Op::PixelShuffle { factor }, &[x])
}

pub(super) fn space_to_depth(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    operands: &Operands,
) -> Reading<NodeId> {
    let x = operands.layer(0)?;
    let block = block_of(call)?;
    let &[c, h, w] = l.layers.dims(x) else {
        return Err(Fault::unsupported("it reads no picture"));
    };
    if !h.is_multiple_of(block) || !w.is_multiple_of(block) {
        return Err(Fault::broken(format!(
            "{h} by {w} pixels are no blocks of {block}"
        )));
    }
    let dims = vec![c, h / block, block, w / block, block];
    let x = l.plain(call, "blocks", Op::Reshape { dims }, &[x])?;
    let order = vec![2, 4, 0, 1, 3];
    let x = l.plain(call, "ordered", Op::Transpose { order }, &[x])?;
    let dims = vec![c * block * block, h / block, w / block];
    l.plain(call, "", Op::Reshape { dims }, &[x])
}
