//! Element-wise loops over planes (one channel of one sample), in one pass over memory and on all cores.
//!
//! A plane `i` of a `[N, C, ...]` value is its elements `i * len..(i + 1) * len`; channel `i % C`. Sums are taken in f32
//! over short blocks and in f64 across them, in a fixed order: the number of threads changes no bit.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::awake::in_order;
use super::finish::{Target, overwritten};

/// Elements per parallel task, at least.
const TASK: usize = 1 << 14;
/// Elements summed in f32 before the sum is carried over to f64.
const BLOCK: usize = 1024;
/// Independent f32 sums, so that the loop over a block can use vector registers.
const LANES: usize = 16;

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

/// `f(i)(a, b)` for every pair of elements of every plane `i`; both of one length.
pub fn zip_planes<F: Fn(f32, f32) -> f32>(
    a: &[f32],
    b: &[f32],
    plane: usize,
    f: impl Fn(usize) -> F + Sync,
) -> Vec<f32> {
    assert_eq!(a.len(), b.len(), "both values have one shape");
    fill(a.len(), plane, |i, y| {
        let f = f(i);
        wide(|| {
            for ((y, a), b) in y.iter_mut().zip(&a[i * plane..]).zip(&b[i * plane..]) {
                y.write(f(*a, *b));
            }
        });
    })
}

/// `f(a, b, c)` for all elements; `b` and `c` are whole planes and repeat when they are shorter than `a`.
pub fn zip3_planes(
    a: &[f32],
    b: &[f32],
    c: &[f32],
    plane: usize,
    f: impl Fn(f32, f32, f32) -> f32 + Sync,
) -> Vec<f32> {
    for shorter in [b, c] {
        assert!(
            !shorter.is_empty() && shorter.len().is_multiple_of(plane),
            "{} elements are whole planes of {plane}",
            shorter.len()
        );
    }
    fill(a.len(), plane, |i, y| {
        let from = i * plane;
        let (b, c) = (&b[from % b.len()..], &c[from % c.len()..]);
        wide(|| {
            for (((y, a), b), c) in y.iter_mut().zip(&a[from..]).zip(b).zip(c) {
                y.write(f(*a, *b, *c));
            }
        });
    })
}

/// The sum over every plane `i` of `f(i, j, x)` for its elements `x` at `j`, in f64.
pub fn weighted_sums(
    x: &[f32],
    plane: usize,
    f: impl Fn(usize, usize, f32) -> f64 + Sync,
) -> Vec<f64> {
    x.par_chunks(plane)
        .enumerate()
        .with_min_len(TASK.div_ceil(plane))
        .map(|(i, x)| x.iter().enumerate().map(|(j, x)| f(i, j, *x)).sum())
        .collect()
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
    assert_eq!(a.len(), b.len(), "both values have one shape");
    a.par_chunks_mut(plane)
        .zip(b.par_chunks(plane))
        .enumerate()
        .with_min_len(TASK.div_ceil(plane))
        .for_each(|(i, (a, b))| {
            let f = f(i);
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

/// Two sums over every plane `i`, of both components of `f(i)(a, b)`.
pub fn sum_planes<F: Fn(f32, f32) -> [f32; 2]>(
    a: &[f32],
    b: &[f32],
    plane: usize,
    f: impl Fn(usize) -> F + Sync,
) -> Vec<[f64; 2]> {
    assert_eq!(a.len(), b.len(), "both values have one shape");
    a.par_chunks(plane)
        .zip(b.par_chunks(plane))
        .enumerate()
        .with_min_len(TASK.div_ceil(plane))
        .map(|(i, (a, b))| {
            let f = f(i);
            let mut total = [0.0_f64; 2];
            for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
                let [s, t] = wide(|| block_sums(a, b, &f));
                total[0] += s;
                total[1] += t;
            }
            total
        })
        .collect()
}

#[inline(always)]
fn block_sums(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> [f32; 2]) -> [f64; 2] {
    let (mut s, mut t) = ([0.0_f32; LANES], [0.0_f32; LANES]);
    let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    for (lane, (a, b)) in a_lanes
        .remainder()
        .iter()
        .zip(b_lanes.remainder())
        .enumerate()
    {
        [s[lane], t[lane]] = f(*a, *b);
    }
    for (a, b) in a_lanes.zip(b_lanes) {
        for lane in 0..LANES {
            let [x, y] = f(a[lane], b[lane]);
            s[lane] += x;
            t[lane] += y;
        }
    }
    [s, t].map(|lanes| lanes.iter().map(|v| f64::from(*v)).sum())
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

/// Runs `f` compiled for the widest common instruction set of this machine.
#[inline(always)]
pub(super) fn wide<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma")]
        fn avx2<R>(f: impl FnOnce() -> R) -> R {
            f()
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has the features the function is compiled for.
            return unsafe { avx2(f) };
        }
    }
    f()
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
            let repeated = zip3_planes(&x, &x[..2 * plane], &y[..3 * plane], plane, |a, b, c| {
                a + 10.0 * b + 100.0 * c
            });
            for (i, got) in repeated.iter().enumerate() {
                let expected = x[i] + 10.0 * x[i % (2 * plane)] + 100.0 * y[i % (3 * plane)];
                assert_eq!(*got, expected);
            }
            let sums = weighted_sums(&x, plane, |i, j, x| i as f64 + j as f64 + f64::from(x));
            let slow = |i: usize| -> f64 {
                let of = |j: usize| (i + j) as f64 + f64::from(x[i * plane + j]);
                (0..plane).map(of).sum()
            };
            assert!(sums.iter().enumerate().all(|(i, sum)| *sum == slow(i)));
            let mut updated = x.clone();
            update_planes(&mut updated, plane, |i| move |x| x * i as f32);
            assert_eq!(updated, y);
            update_zip_planes(&mut updated, &x, plane, |i| move |y, x| y - x * i as f32);
            assert_eq!(updated, z);
            assert_eq!(y[5 * plane], x[5 * plane] * 5.0);
        }
    }

    #[test]
    fn sums_equal_the_slow_sums_and_do_not_depend_on_threads() {
        for plane in [1, 7, 25, 1030, 6400] {
            let (a, b) = (values("a", plane * 5), values("b", plane * 5));
            let sums = || sum_planes(&a, &b, plane, |_| |a, b| [a, a * b]);
            for (i, sum) in sums().iter().enumerate() {
                let range = i * plane..(i + 1) * plane;
                let slow: f64 = a[range.clone()]
                    .iter()
                    .zip(&b[range])
                    .map(|(a, b)| f64::from(*a) * f64::from(*b))
                    .sum();
                assert!(
                    (slow - sum[1]).abs() < 1e-6 * plane as f64,
                    "{slow} {}",
                    sum[1]
                );
            }
            let pool = |n| {
                rayon::ThreadPoolBuilder::new()
                    .num_threads(n)
                    .build()
                    .unwrap()
            };
            assert_eq!(pool(1).install(sums), pool(3).install(sums));
        }
    }
}
