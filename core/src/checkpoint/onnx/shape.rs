//! Dimensions that nodes ask for, with the batch left out.

use super::array::{Array, Count, product};
use super::call::Call;
use super::fault::{Fault, Reading};
use super::fold::axis_of;

/// The dimensions that `Reshape`, `Flatten`, `Squeeze` and `Unsqueeze` give a constant.
pub(super) fn of_constant(
    call: &Call<'_>,
    array: &Array,
    inputs: &[Option<Array>],
) -> Reading<Vec<usize>> {
    let dims: Vec<Count> = array.dims().iter().map(|d| Count::of(*d as i64)).collect();
    let second = inputs.get(1).and_then(Option::as_ref);
    let target = target(call, &dims, second)?;
    let len = array.len();
    let mut found: Vec<Option<usize>> = Vec::new();
    for (axis, count) in target.iter().enumerate() {
        found.push(match count.plain()? {
            0 if call.int("allowzero", 0) == 0 => {
                Some(array.dims().get(axis).copied().unwrap_or(0))
            }
            -1 => None,
            n => Some(usize::try_from(n).map_err(|_| Fault::broken("a dimension is negative"))?),
        });
    }
    infer(&found, len)
}

/// The dimensions that the same operators give a value of `dims` (batch left out).
pub(super) fn of_layer(
    call: &Call<'_>,
    dims: &[usize],
    second: Option<&Array>,
    fixed_batch: Option<i64>,
) -> Reading<Vec<usize>> {
    let mut with_batch = vec![Count::BATCH];
    with_batch.extend(dims.iter().map(|d| Count::of(*d as i64)));
    let target = target(call, &with_batch, second)?;
    let copies = call.node.op == "Reshape" && call.int("allowzero", 0) == 0;
    let target: Vec<Count> = target
        .iter()
        .enumerate()
        .map(|(axis, count)| match with_batch.get(axis) {
            Some(own) if copies && count.n == 0 => *own,
            _ => *count,
        })
        .collect();
    without_batch(&target, product(dims)?, fixed_batch)
}

/// Leaves the batch out of dimensions of `len` elements a sample.
fn without_batch(target: &[Count], len: usize, fixed_batch: Option<i64>) -> Reading<Vec<usize>> {
    let mixes = || {
        let shown: Vec<String> = target.iter().map(|count| shown(*count)).collect();
        Fault::unsupported(format!(
            "gives the dimensions [{}], which mixes the batch with another axis",
            shown.join(", ")
        ))
    };
    let Some((first, rest)) = target.split_first() else {
        return Err(mixes());
    };
    let mut found = Vec::new();
    for count in rest {
        found.push(match (count.batch, count.n) {
            (0, -1) => None,
            (0, n) => {
                Some(usize::try_from(n).map_err(|_| Fault::broken("a dimension is negative"))?)
            }
            _ => return Err(mixes()),
        });
    }
    let is_batch = *first == Count::BATCH
        || *first == Count::of(-1)
        || (first.batch == 0 && fixed_batch == Some(first.n));
    // One place for what is left can only stand for one of both.
    let is_known = found.iter().all(Option::is_some);
    if !is_batch || (*first == Count::of(-1) && !is_known) {
        return Err(mixes());
    }
    let dims = infer(&found, len).map_err(|_| mixes())?;
    // A value needs an axis besides the batch: one number a sample is a vector of one.
    Ok(if dims.is_empty() { vec![1] } else { dims })
}

fn shown(count: Count) -> String {
    match (count.n, count.batch) {
        (n, 0) => n.to_string(),
        (1, _) => "batch".to_owned(),
        (n, _) => format!("{n} batch"),
    }
}

/// Fills the one dimension that is not given, so that there are `len` elements.
fn infer(dims: &[Option<usize>], len: usize) -> Reading<Vec<usize>> {
    let wrong = || {
        Fault::broken(format!(
            "{len} elements cannot have the dimensions {dims:?}"
        ))
    };
    let known: Vec<usize> = dims.iter().copied().flatten().collect();
    let known = product(&known)?;
    let missing = match dims.iter().filter(|dim| dim.is_none()).count() {
        0 if known == len => 1,
        1 if known > 0 && len.is_multiple_of(known) => len / known,
        _ => return Err(wrong()),
    };
    Ok(dims.iter().map(|dim| dim.unwrap_or(missing)).collect())
}

/// The dimensions asked for, as they are written: 0 and -1 have their meanings still.
fn target(call: &Call<'_>, dims: &[Count], second: Option<&Array>) -> Reading<Vec<Count>> {
    let rank = dims.len();
    match call.node.op {
        "Flatten" => {
            let axis = call.int("axis", 1);
            let split = if axis == rank as i64 {
                rank
            } else {
                axis_of(axis, rank)?
            };
            let of = |dims: &[Count]| dims.iter().try_fold(Count::of(1), |a, b| a.times(*b));
            Ok(vec![of(&dims[..split])?, of(&dims[split..])?])
        }
        "Squeeze" => {
            let is_one = |axis: &usize| dims[*axis] == Count::of(1);
            let axes: Vec<usize> = match call.ints_or_input("axes", second)? {
                Some(axes) => axes
                    .into_iter()
                    .map(|a| axis_of(a, rank))
                    .collect::<Reading<_>>()?,
                None => (0..rank).filter(is_one).collect(),
            };
            if let Some(axis) = axes.iter().find(|axis| !is_one(axis)) {
                let what = format!("removes axis {axis}, which has {}", shown(dims[*axis]));
                return Err(Fault::unsupported(what));
            }
            let kept = dims
                .iter()
                .enumerate()
                .filter(|(axis, _)| !axes.contains(axis));
            Ok(kept.map(|(_, dim)| *dim).collect())
        }
        "Unsqueeze" => {
            let axes = call.ints_or_input("axes", second)?;
            let axes = axes.ok_or_else(|| Fault::broken("the new axes are missing"))?;
            let full = rank + axes.len();
            let axes: Vec<usize> = axes
                .into_iter()
                .map(|a| axis_of(a, full))
                .collect::<Reading<_>>()?;
            let mut own = dims.iter();
            let one = Count::of(1);
            let of = |axis: usize| {
                if axes.contains(&axis) {
                    Some(&one)
                } else {
                    own.next()
                }
            };
            Ok((0..full).filter_map(of).copied().collect())
        }
        // `Reshape` had its dimensions as an attribute before version 5.
        _ => match (second, call.ints("shape")) {
            (Some(array), _) => Ok(array.as_counts()?.to_vec()),
            (None, Some(ints)) => Ok(ints.iter().copied().map(Count::of).collect()),
            (None, None) => Err(Fault::broken("the dimensions are missing")),
        },
    }
}
