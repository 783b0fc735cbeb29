//! Which part of an axis nodes ask for, for constants and for layers.

use std::ops::Range;

use super::array::{Array, MAX_COMPUTED};
use super::call::Call;
use super::fault::{Fault, Reading};
use super::fold::axis_of;

/// What `Slice` takes of a value of `dims`: for every axis it names the indices kept, in their order.
pub(super) fn slices(
    call: &Call<'_>,
    dims: &[usize],
    inputs: &[Option<Array>],
) -> Reading<Vec<(usize, Vec<usize>)>> {
    bounds(call, dims.len(), inputs)?
        .into_iter()
        .map(|bound| Ok((bound.axis, bound.indices(dims[bound.axis])?)))
        .collect()
}

/// What `Slice` asks of one axis.
pub(super) struct Bound {
    pub(super) axis: usize,
    start: i64,
    end: i64,
    step: i64,
}

impl Bound {
    /// Whether everything is kept, whatever the size.
    pub(super) const fn is_whole(&self) -> bool {
        self.start == 0 && self.step == 1 && self.end >= i32::MAX as i64
    }

    /// The indices kept of an axis of `size`.
    pub(super) fn indices(&self, size: usize) -> Reading<Vec<usize>> {
        if self.step == 0 || size > MAX_COMPUTED {
            return Err(Fault::broken(format!(
                "takes every {}th of {size}",
                self.step
            )));
        }
        let size = size as i64;
        let from_front = |i: i64| if i < 0 { i.saturating_add(size) } else { i };
        let (low, high) = if self.step > 0 {
            (0, size)
        } else {
            (-1, size - 1)
        };
        let start = from_front(self.start).clamp(low, high);
        // Beyond the front, -1 is before the first.
        let end = from_front(self.end).clamp(low, high);
        let mut indices = Vec::new();
        let mut index = start;
        while (self.step > 0 && index < end) || (self.step < 0 && index > end) {
            indices.push(index as usize);
            index = index.saturating_add(self.step);
        }
        Ok(indices)
    }
}

/// What `Slice` asks of a value of `rank` axes.
pub(super) fn bounds(
    call: &Call<'_>,
    rank: usize,
    inputs: &[Option<Array>],
) -> Reading<Vec<Bound>> {
    let of =
        |name: &str, i: usize| call.ints_or_input(name, inputs.get(i).and_then(Option::as_ref));
    let (Some(starts), Some(ends)) = (of("starts", 1)?, of("ends", 2)?) else {
        return Err(Fault::broken("the bounds of the slice are missing"));
    };
    let axes = of("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = of("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if [&ends, &axes, &steps]
        .iter()
        .any(|list| list.len() != starts.len())
    {
        return Err(Fault::broken("the bounds of the slice differ in number"));
    }
    (0..starts.len())
        .map(|i| {
            Ok(Bound {
                axis: axis_of(axes[i], rank)?,
                start: starts[i],
                end: ends[i],
                step: steps[i],
            })
        })
        .collect()
}

/// The ranges that `Split` makes of an axis of `size`.
pub(super) fn splits(
    call: &Call<'_>,
    size: usize,
    inputs: &[Option<Array>],
) -> Reading<Vec<Range<usize>>> {
    let sizes = call.ints_or_input("split", inputs.get(1).and_then(Option::as_ref))?;
    let parts = call.node.outputs.len().max(1);
    let sizes: Vec<usize> = match sizes {
        Some(sizes) => sizes
            .into_iter()
            .map(|n| usize::try_from(n).unwrap_or(0))
            .collect(),
        None => {
            let each = size.div_ceil(parts);
            let of = |i: usize| size.saturating_sub(i * each).min(each);
            (0..parts).map(of).collect()
        }
    };
    let mut start = 0;
    let mut ranges = Vec::new();
    for part in &sizes {
        let end = start + part.min(&size);
        ranges.push(start..end);
        start = end;
    }
    if start != size || sizes.len() != parts || sizes.contains(&0) {
        let what = format!(
            "splits {size} into the {} parts {sizes:?}",
            call.node.outputs.len()
        );
        return Err(Fault::broken(what));
    }
    Ok(ranges)
}
