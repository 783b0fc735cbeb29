//! How much memory a constant will need that is computed from constants, told before it is computed.

use super::array::{Array, broadcast};

/// Bytes an element takes while it is computed: places, copies of the inputs, the value.
const ELEMENT_BYTES: u64 = 48;

/// Bytes that computing the node may take; an estimate from above.
pub(super) fn bytes_needed(op: &str, inputs: &[Option<Array>]) -> u64 {
    let given = inputs.iter().flatten().map(|array| array.len() as u64);
    let given = given.fold(0, u64::saturating_add);
    let made = if shares_elements(op) && !has_ints(inputs) {
        0
    } else {
        most_made(op, inputs).unwrap_or(given)
    };
    let ints = if has_ints(inputs) { given } else { 0 };
    ELEMENT_BYTES.saturating_mul(made.saturating_add(ints))
}

/// Bytes that stay of the values made.
pub(super) fn bytes_kept(op: &str, values: &[Array]) -> u64 {
    let bytes = values.iter().map(|value| match value {
        Array::Floats(_) if shares_elements(op) => 0,
        Array::Floats(_) => 4_u64.saturating_mul(value.len() as u64),
        Array::Ints { .. } => 16_u64.saturating_mul(value.len() as u64),
    });
    bytes.fold(0, u64::saturating_add)
}

/// Whether floats of the result are those of the input, not copies.
fn shares_elements(op: &str) -> bool {
    matches!(
        op,
        "Identity" | "Dropout" | "CastLike" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze"
    )
}

fn has_ints(inputs: &[Option<Array>]) -> bool {
    let mut arrays = inputs.iter().flatten();
    arrays.any(|array| matches!(array, Array::Ints { .. }))
}

/// Most elements of the result, where it may be larger than the inputs; what is wrong is told when it is computed.
fn most_made(op: &str, inputs: &[Option<Array>]) -> Option<u64> {
    let input = |i: usize| inputs.get(i).and_then(Option::as_ref);
    let product = |dims: &[usize]| {
        let dims = dims.iter().map(|dim| *dim as u64);
        dims.fold(1, u64::saturating_mul)
    };
    // Of the sizes in an input; the batch counts as one sample.
    let sizes = |i: usize| -> Option<u64> {
        let counts = input(i)?.as_counts().ok()?.iter();
        let sizes = counts.map(|count| u64::try_from(count.n).unwrap_or(0).max(1));
        Some(sizes.fold(1, u64::saturating_mul))
    };
    let joined = |range: std::ops::Range<usize>| {
        let mut dims: Vec<usize> = Vec::new();
        for array in range.filter_map(input) {
            dims = broadcast(&dims, array.dims()).ok()?;
        }
        Some(product(&dims))
    };
    match op {
        "ConstantOfShape" => sizes(0),
        "Expand" => {
            let target = input(1)?.as_counts().ok()?.iter();
            let target: Option<Vec<usize>> = target.map(|n| n.n.max(1).try_into().ok()).collect();
            Some(product(&broadcast(input(0)?.dims(), &target?).ok()?))
        }
        "Tile" => Some(sizes(1)?.saturating_mul(input(0)?.len() as u64)),
        "Range" => {
            let bound = |i: usize| input(i)?.as_ints().ok()?.first().copied();
            let reach = bound(1)?.saturating_sub(bound(0)?).unsigned_abs();
            Some(reach / bound(2)?.unsigned_abs().max(1) + 1)
        }
        "Gather" => Some((input(0)?.len() as u64).saturating_mul(input(1)?.len() as u64)),
        "Where" => joined(0..3),
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Max" | "Min" | "Equal" | "Mod" | "Less"
        | "Greater" => joined(0..2),
        _ => None,
    }
}
