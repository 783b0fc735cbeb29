//! The array that the pieces of a convolution write, and what is done to each piece of it while it is in the cache.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

/// Called with the offset of a run of outputs (whole rows of one plane) and the run, once for every element.
pub type Finish<'a> = &'a (dyn Fn(usize, &mut [f32]) + Sync);

/// An array while pieces of work write disjoint parts of it.
pub(super) struct Target<'a> {
    first: *mut MaybeUninit<f32>,
    len: usize,
    finish: Option<Finish<'a>>,
    of: PhantomData<&'a mut [MaybeUninit<f32>]>,
}

// SAFETY: the pointer is only used through `part` and `finish`, whose contracts forbid two threads on one element; the
// function to finish with may be called by all.
unsafe impl Sync for Target<'_> {}

impl<'a> Target<'a> {
    /// Covers `values`; `finish` is to work on what was written.
    pub(super) fn new(values: &'a mut [MaybeUninit<f32>], finish: Option<Finish<'a>>) -> Self {
        Self {
            first: values.as_mut_ptr(),
            len: values.len(),
            finish,
            of: PhantomData,
        }
    }

    /// The elements from `start`.
    ///
    /// # Safety
    /// While the result lives, no other part with one of these elements is used.
    ///
    /// # Panics
    /// When the part lies outside.
    #[allow(
        clippy::mut_from_ref,
        reason = "the parts are disjoint by the contract"
    )]
    pub(super) unsafe fn part(&self, start: usize, len: usize) -> &mut [MaybeUninit<f32>] {
        let is_inside = start.checked_add(len).is_some_and(|end| end <= self.len);
        assert!(is_inside, "a part lies inside the array");
        // SAFETY: inside the slice that `self` borrows mutably, and disjoint from other parts by the contract.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(start), len) }
    }

    /// Finishes the elements from `start`.
    ///
    /// # Safety
    /// As [`Target::part`], and all of them have been written.
    pub(super) unsafe fn finish(&self, start: usize, len: usize) {
        if let Some(finish) = self.finish {
            // SAFETY: the contract.
            finish(start, unsafe { self.part(start, len).assume_init_mut() });
        }
    }
}

/// A vector of `len` elements, all of which `write` must write.
///
/// # Safety
/// `write` writes every element.
pub(super) unsafe fn filled(len: usize, write: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let mut values = Vec::with_capacity(len);
    write(&mut values.spare_capacity_mut()[..len]);
    // SAFETY: the contract: all `len` elements have been written (a panic would not have come here).
    unsafe { values.set_len(len) };
    values
}

/// `values` as an array to be written.
pub(super) fn overwritten(values: &mut [f32]) -> &mut [MaybeUninit<f32>] {
    let len = values.len();
    // SAFETY: the same memory; nobody in this module writes an uninitialised value into it.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), len) }
}
