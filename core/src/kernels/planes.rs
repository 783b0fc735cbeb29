//! Element-wise loops over planes (one channel of one sample), in one pass over memory and on all cores.
//!
//! A plane `i` of a `[N, C, ...]` value is its elements `i * len..(i + 1) * len`; channel `i % C`.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::awake::in_order;
use super::finish::{Target, overwritten};

/// Elements per parallel task, at least.
pub(super) const TASK: usize = 1 << 14;

/// `f(i)(x)` for every element `x` of every plane `i`.
pub fn map_planes<F: Fn(f32) -> f32>(
    x: &[f32],
    plane: usize,
    f: impl Fn(usize) -> F + Sync,
) -> Vec<f32> {
    fill(x.len(), plane, |i, y| {
        let f = f(i);
        wide(|| {
            for (y, x) in y.iter_mut().zip(&x[i * plane..]) {
                y.write(f(*x));
            }
        });
    })
}

/// `f(i)(a, b)` for every pair of elements of every plane `i`; `b` is whole planes and repeats when it is shorter.
pub fn zip_planes<F: Fn(f32, f32) -> f32>(
    a: &[f32],
    b: &[f32],
    plane: usize,
    f: impl Fn(usize) -> F + Sync,
) -> Vec<f32> {
    check_repeats(a.len(), b, plane);
    fill(a.len(), plane, |i, y| {
        let (f, from) = (f(i), i * plane);
        let b = &b[from % b.len()..];
        wide(|| {
            for ((y, a), b) in y.iter_mut().zip(&a[from..]).zip(b) {
                y.write(f(*a, *b));
            }
        });
    })
}

/// `f(i)(a, b, c)` for all elements of every plane `i`; `b` and `c` are whole planes and repeat when they are shorter.
pub fn zip3_planes<F: Fn(f32, f32, f32) -> f32>(
    a: &[f32],
    b: &[f32],
    c: &[f32],
    plane: usize,
    f: impl Fn(usize) -> F + Sync,
) -> Vec<f32> {
    check_repeats(a.len(), b, plane);
    check_repeats(a.len(), c, plane);
    fill(a.len(), plane, |i, y| {
        let (f, from) = (f(i), i * plane);
        let (b, c) = (&b[from % b.len()..], &c[from % c.len()..]);
        wide(|| {
            for (((y, a), b), c) in y.iter_mut().zip(&a[from..]).zip(b).zip(c) {
                y.write(f(*a, *b, *c));
            }
        });
    })
}

/// Panics unless a value that repeats has whole planes, so that every plane meets whole ones.
fn check_repeats(all: usize, values: &[f32], plane: usize) {
    assert!(
        plane > 0 && !values.is_empty() && values.len().is_multiple_of(plane),
        "{} elements are whole planes of {plane}",
        values.len()
    );
    assert!(
        all.is_multiple_of(values.len()),
        "{} elements repeat over {all}",
        values.len()
    );
}

/// [`map_planes`] in the place of its input.
pub fn update_planes<F: Fn(f32) -> f32>(
    x: &mut [f32],
    plane: usize,
    f: impl Fn(usize) -> F + Sync,
) {
    x.par_chunks_mut(plane)
        .enumerate()
        .with_min_len(TASK.div_ceil(plane))
        .for_each(|(i, x)| {
            let f = f(i);
            wide(|| x.iter_mut().for_each(|x| *x = f(*x)));
        });
}

/// [`zip_planes`] in the place of its first input.
pub fn update_zip_planes<F: Fn(f32, f32) -> f32>(
    a: &mut [f32],
    b: &[f32],
    plane: usize,
    f: impl Fn(usize) -> F + Sync,
) {
    check_repeats(a.len(), b, plane);
    a.par_chunks_mut(plane)
        .enumerate()
        .with_min_len(TASK.div_ceil(plane))
        .for_each(|(i, a)| {
            let f = f(i);
            let b = &b[i * plane % b.len()..];
            wide(|| a.iter_mut().zip(b).for_each(|(a, b)| *a = f(*a, *b)));
        });
}

/// Calls `f` with the offset of every plane and its elements, on all cores.
pub fn for_planes(values: &mut [f32], plane: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
    let (planes, each) = (values.len().div_ceil(plane), TASK.div_ceil(plane));
    let len = values.len();
    let target = Target::new(overwritten(values), None);
    in_order(planes.div_ceil(each), |task| {
        for i in task * each..planes.min((task + 1) * each) {
            // SAFETY: every plane belongs to one task; its elements were initialised before.
            let run = unsafe {
                target
                    .part(i * plane, plane.min(len - i * plane))
                    .assume_init_mut()
            };
            f(i * plane, run);
        }
    });
}

/// `f(x)` for every element of a run, in its place, on this thread.
pub fn update_run(run: &mut [f32], f: impl Fn(f32) -> f32) {
    // Moved, so that the loop sees constants and not memory that might change.
    wide(move || run.iter_mut().for_each(|x| *x = f(*x)));
}

/// `f(a, b)` for every element of a run, in its place, on this thread.
///
/// # Panics
/// When `b` is shorter.
pub fn zip_run(run: &mut [f32], b: &[f32], f: impl Fn(f32, f32) -> f32) {
    let b = &b[..run.len()];
    wide(move || run.iter_mut().zip(b).for_each(|(a, b)| *a = f(*a, *b)));
}

/// `f(a, b, c)` for every element of a run, in the place of `a`, on this thread.
///
/// # Panics
/// When `b` or `c` is shorter.
pub fn zip3_run(run: &mut [f32], b: &[f32], c: &[f32], f: impl Fn(f32, f32, f32) -> f32) {
    let (b, c) = (&b[..run.len()], &c[..run.len()]);
    wide(move || {
        for ((a, b), c) in run.iter_mut().zip(b).zip(c) {
            *a = f(*a, *b, *c);
        }
    });
}

/// [`zip3_planes`] in the place of its first input.
pub fn update_zip3_planes<F: Fn(f32, f32, f32) -> f32>(
    a: &mut [f32],
    b: &[f32],
    c: &[f32],
    plane: usize,
    f: impl Fn(usize) -> F + Sync,
) {
    check_repeats(a.len(), b, plane);
    check_repeats(a.len(), c, plane);
    a.par_chunks_mut(plane)
        .enumerate()
        .with_min_len(TASK.div_ceil(plane))
        .for_each(|(i, a)| {
            let (f, from) = (f(i), i * plane);
            let (b, c) = (&b[from % b.len()..], &c[from % c.len()..]);
            wide(|| {
                for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
                    *a = f(*a, *b, *c);
                }
            });
        });
}

/// A vector of `len` elements, each plane written by `write(i, plane)`, which must write all of it.
fn fill(
    len: usize,
    plane: usize,
    write: impl Fn(usize, &mut [MaybeUninit<f32>]) + Sync,
) -> Vec<f32> {
    assert!(
        plane > 0 && len.is_multiple_of(plane),
        "{len} elements are whole planes of {plane}"
    );
    let mut values = Vec::with_capacity(len);
    values.spare_capacity_mut()[..len]
        .par_chunks_mut(plane)
        .enumerate()
        .with_min_len(TASK.div_ceil(plane))
        .for_each(|(i, plane)| write(i, plane));
    // SAFETY: the planes cover all `len` elements, and all callers zip a plane with slices that reach at least as far
    // (`x[i * plane..]` of a value of `len` elements, or a repeated value of whole planes), so every element was written.
    unsafe { values.set_len(len) };
    values
}

/// `x`, or `slope x` where it is not `kept`, without a choice between the two: in a loop that writes in the place of what it
/// reads that becomes a masked store, which many processors do one element at a time. The factor 1 changes no bit.
#[inline(always)]
pub fn sloped(is_kept: bool, x: f32, slope: f32) -> f32 {
    x * if is_kept { 1.0 } else { slope }
}

/// A loop over memory; `run` must be `inline(always)`, or it is compiled for the oldest machine after all.
pub(super) trait Loop {
    /// What it computes.
    type Output;
    /// Does it.
    fn run(self) -> Self::Output;
}

/// A closure is inlined when it is small.
impl<R, F: FnOnce() -> R> Loop for F {
    type Output = R;

    #[inline(always)]
    fn run(self) -> R {
        self()
    }
}

/// Runs `f` compiled for the widest common instruction set of this machine.
///
/// No multiplication is fused with an addition, so the width changes no bit.
#[inline(always)]
pub(super) fn wide<L: Loop>(f: L) -> L::Output {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
        fn avx512<L: Loop>(f: L) -> L::Output {
            f.run()
        }
        #[target_feature(enable = "avx2,fma")]
        fn avx2<L: Loop>(f: L) -> L::Output {
            f.run()
        }
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("fma")
        {
            // SAFETY: the processor has the features the function is compiled for; AVX-512 includes AVX2.
            return unsafe { avx512(f) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has the features the function is compiled for.
            return unsafe { avx2(f) };
        }
    }
    f.run()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::hash_uniform;

    fn values(name: &str, n: usize) -> Vec<f32> {
        hash_uniform(name, n, 3).iter().map(|v| *v as f32).collect()
    }

    #[test]
    fn planes_see_their_own_index() {
        for plane in [1, 7, 25, 6400] {
            let x = values("x", plane * 6);
            let y = map_planes(&x, plane, |i| move |x| x * i as f32);
            let z = zip_planes(&x, &y, plane, |i| move |x, y| y - x * i as f32);
            assert!(z.iter().all(|z| *z == 0.0));
            // Two planes of b and three of c, repeated over the six of a.
            let (two, three) = (&x[..2 * plane], &y[..3 * plane]);
            let all = |i: usize| move |a, b, c| i as f32 + a + 10.0 * b + 100.0 * c;
            let pair = |i: usize| move |a, b| i as f32 + a + 10.0 * b;
            let (mut in_place, mut pairs_in_place) = (x.clone(), x.clone());
            let repeated = zip3_planes(&x, two, three, plane, all);
            let pairs = zip_planes(&x, two, plane, pair);
            update_zip3_planes(&mut in_place, two, three, plane, all);
            update_zip_planes(&mut pairs_in_place, two, plane, pair);
            assert_eq!((&repeated, &pairs), (&in_place, &pairs_in_place));
            for i in 0..x.len() {
                let expected = pair(i / plane)(x[i], two[i % two.len()]);
                assert_eq!(pairs[i], expected);
                assert_eq!(repeated[i], expected + 100.0 * three[i % three.len()]);
            }
            let mut updated = x.clone();
            update_planes(&mut updated, plane, |i| move |x| x * i as f32);
            assert_eq!(updated, y);
            update_zip_planes(&mut updated, &x, plane, |i| move |y, x| y - x * i as f32);
            assert_eq!(updated, z);
            assert_eq!(y[5 * plane], x[5 * plane] * 5.0);
        }
    }
}
