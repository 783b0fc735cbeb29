//! From the bytes of a storage to the elements of a tensor: strides, offsets and element types.

use super::element::Order;
use super::pickle::TensorView;
use crate::checkpoint::trouble::Trouble;

/// The number of elements of a view, or what is wrong with it.
pub(super) fn elements(view: &TensorView) -> Result<u64, Trouble> {
    let count = view
        .dims
        .iter()
        .try_fold(1_u64, |n, dim| n.checked_mul(*dim as u64));
    count.ok_or_else(|| Trouble::broken(format!("has impossible dimensions {:?}", view.dims)))
}

/// The elements of a view in row-major order. `bytes`: its whole storage.
pub(super) fn gather(view: &TensorView, bytes: &[u8], order: Order) -> Result<Vec<f32>, Trouble> {
    let width = view.element.bytes() as usize;
    let count = elements(view)? as usize;
    if count == 0 {
        return Ok(Vec::new());
    }
    let held = (bytes.len() / width) as u64;
    let last = view
        .dims
        .iter()
        .zip(&view.strides)
        .try_fold(view.offset, |index, (dim, stride)| {
            (*dim as u64 - 1).checked_mul(*stride)?.checked_add(index)
        });
    if last.is_none_or(|last| last >= held) {
        return Err(Trouble::broken(format!(
            "reaches beyond its storage of {held} elements (dimensions {:?}, strides {:?}, offset {})",
            view.dims, view.strides, view.offset
        )));
    }
    let value = |index: u64| {
        let at = index as usize * width;
        // Every index is at most the last one, which was compared with the storage.
        view.element.value(&bytes[at..at + width], order)
    };
    let mut values = Vec::with_capacity(count);
    if is_contiguous(view) {
        values.extend((view.offset..view.offset + count as u64).map(value));
        return Ok(values);
    }
    let mut place = vec![0; view.dims.len()];
    for _ in 0..count {
        let steps = place.iter().zip(&view.strides).map(|(i, s)| *i as u64 * s);
        values.push(value(view.offset + steps.sum::<u64>()));
        for (axis, index) in place.iter_mut().enumerate().rev() {
            *index += 1;
            if *index < view.dims[axis] {
                break;
            }
            *index = 0;
        }
    }
    Ok(values)
}

/// Whether the elements follow each other.
fn is_contiguous(view: &TensorView) -> bool {
    let mut expected = 1;
    view.dims
        .iter()
        .zip(&view.strides)
        .rev()
        .all(|(dim, stride)| {
            let fits = *dim == 1 || *stride == expected;
            expected *= *dim as u64;
            fits
        })
}
