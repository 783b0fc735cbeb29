//! Sums and moments over planes (see `planes`), in one pass over memory and on all cores.
//!
//! Sums are taken in f32 over short blocks and in f64 across them, in a fixed order: the number of threads changes no bit.

use rayon::prelude::*;

use super::planes::{Loop, TASK, wide};

/// Elements summed in f32 before the sum is carried over to f64.
const BLOCK: usize = 1024;
/// Independent f32 sums, so that the loop over a block can use vector registers.
const LANES: usize = 32;
/// Values that are computed before they are summed; a few of these fit the nearest cache.
const PART: usize = 256;

/// Sums over every plane `i`, of all components of `f(i)(a, b)`.
pub fn sum_planes<const N: usize, F: Fn(f32, f32) -> [f32; N]>(
    a: &[f32],
    b: &[f32],
    plane: usize,
    f: impl Fn(usize) -> F + Sync,
) -> Vec<[f64; N]> {
    assert_eq!(a.len(), b.len(), "both values have one shape");
    a.par_chunks(plane)
        .zip(b.par_chunks(plane))
        .enumerate()
        .with_min_len(TASK.div_ceil(plane))
        .map(|(i, (a, b))| {
            let f = f(i);
            wide(PlaneSums { a, b, f })
        })
        .collect()
}

/// What the elements of a plane are multiplied with.
#[derive(Clone, Copy, Debug)]
pub enum Weights<'a> {
    /// All with the same.
    One(f32),
    /// Each with its own; at least as many as a plane has elements.
    Each(&'a [f32]),
}

/// The sum over every plane `i` of its elements times `weights(i)`, the products in f32, their sums in f64.
pub fn weighted_sums<'a>(
    x: &[f32],
    plane: usize,
    weights: impl Fn(usize) -> Weights<'a> + Sync,
) -> Vec<f64> {
    // Large planes are shared among the threads.
    let parts = plane.div_ceil(TASK).max(1);
    let count = x.len().div_ceil(plane.max(1)) * parts;
    let part = |index: usize| {
        let (i, first) = (index / parts, index % parts * TASK);
        let whole = &x[i * plane..x.len().min((i + 1) * plane)];
        let x = &whole[first.min(whole.len())..whole.len().min(first + TASK)];
        match weights(i) {
            Weights::One(weight) => wide(Dot(x, x, move |x: f32, _| x * weight)),
            Weights::Each(weights) => {
                wide(Dot(x, &weights[first.min(weights.len())..], |x: f32, w| {
                    x * w
                }))
            }
        }
    };
    let sums: Vec<f64> = (0..count)
        .into_par_iter()
        .with_min_len(TASK.div_ceil(plane.max(1)))
        .map(part)
        .collect();
    sums.chunks(parts).map(|sums| sums.iter().sum()).collect()
}

/// The sum of `2(a, b)` over all elements of `0` with those of `1`.
struct Dot<'a, F>(&'a [f32], &'a [f32], F);

impl<F: Fn(f32, f32) -> f32> Loop for Dot<'_, F> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let Self(a, b, f) = self;
        let mut sums = [0.0_f64; LANES];
        let (blocks, rest) = a.as_chunks::<LANES>();
        let (others, _) = b[..a.len()].as_chunks::<LANES>();
        for (a, b) in blocks.iter().zip(others) {
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                *sum += f64::from(f(*a, *b));
            }
        }
        let last = &b[a.len() - rest.len()..];
        for ((sum, a), b) in sums.iter_mut().zip(rest).zip(last) {
            *sum += f64::from(f(*a, *b));
        }
        sum_lanes(sums)
    }
}

/// Whether no value is infinite or not a number.
pub fn all_finite(x: &[f32]) -> bool {
    x.par_chunks(TASK).all(|x| wide(Finite(x)))
}

struct Finite<'a>(&'a [f32]);

impl Loop for Finite<'_> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        // The largest magnitude by its bits; a value that is not a number has larger bits than any other.
        let magnitudes = self.0.iter().map(|x| x.to_bits() & 0x7fff_ffff);
        magnitudes.fold(0, u32::max) < f32::INFINITY.to_bits()
    }
}

/// For a `[N, channels, plane]` value the sums over every channel `i` of the first components of `f(i)(a, b, c)`, and for
/// every element of a sample the sum over the samples of its last component; `c` is one sample.
pub fn sum_planes_and_samples<const N: usize, F: Fn(f32, f32, f32) -> ([f32; N], f32)>(
    [a, b, c]: [&[f32]; 3],
    plane: usize,
    f: impl Fn(usize) -> F + Sync,
) -> (Vec<[f64; N]>, Vec<f32>) {
    assert_eq!(a.len(), b.len(), "both values have one shape");
    assert!(
        !c.is_empty() && c.len().is_multiple_of(plane) && a.len().is_multiple_of(c.len()),
        "a sample of {} elements has whole planes of {plane}, and there are whole samples",
        c.len()
    );
    let mut samples = vec![0.0; c.len()];
    let sums = samples
        .par_chunks_mut(plane)
        .enumerate()
        .map(|(channel, sample)| {
            wide(ChannelSums {
                values: [a, b, c],
                from: channel * plane,
                f: f(channel),
                sample,
            })
        })
        .collect();
    (sums, samples)
}

/// One channel of [`sum_planes_and_samples`]: elements from `from` on of every sample, as many as `sample` has.
struct ChannelSums<'a, F> {
    values: [&'a [f32]; 3],
    from: usize,
    f: F,
    sample: &'a mut [f32],
}

impl<const N: usize, F: Fn(f32, f32, f32) -> ([f32; N], f32)> Loop for ChannelSums<'_, F> {
    type Output = [f64; N];

    #[inline(always)]
    fn run(self) -> [f64; N] {
        let [a, b, c] = self.values;
        let mut sums = [[0.0_f64; LANES]; N];
        for start in (0..self.sample.len()).step_by(BLOCK) {
            let end = self.sample.len().min(start + BLOCK);
            let sample = &mut self.sample[start..end];
            let c = &c[self.from + start..];
            for n in (0..a.len()).step_by(self.values[2].len()) {
                let (a, b) = (&a[n + self.from + start..], &b[n + self.from + start..]);
                let mut block = [[0.0; LANES]; N];
                let mut values = [[0.0; PART]; N];
                let inputs = a.chunks(PART).zip(b.chunks(PART)).zip(c.chunks(PART));
                for (sample, ((a, b), c)) in sample.chunks_mut(PART).zip(inputs) {
                    let inputs = a.iter().zip(b).zip(c);
                    let count = sample.len();
                    for (i, (sum, ((a, b), c))) in
                        sample.iter_mut().zip(inputs).enumerate().take(PART)
                    {
                        let (value, rest) = (self.f)(*a, *b, *c);
                        *sum += rest;
                        for n in 0..N {
                            values[n][i] = value[n];
                        }
                    }
                    add_values(&mut block, &values, count);
                }
                carry(&mut sums, &block);
            }
        }
        sums.map(sum_lanes)
    }
}

/// Mean and population variance of every channel of a `[N, channels, plane]` value over samples and pixels.
///
/// Accurate to about f32 whatever the ratio of mean and deviation: every block is summed about its own mean, and blocks
/// are merged in f64 (Chan, Golub, `LeVeque` 1979).
pub fn channel_moments(x: &[f32], channels: usize, plane: usize) -> Vec<[f64; 2]> {
    let planes: Vec<Moments> = x
        .par_chunks(plane)
        .with_min_len(TASK.div_ceil(plane))
        .map(|x| wide(PlaneMoments(x)))
        .collect();
    let mut merged = vec![Moments::default(); channels];
    for (i, plane) in planes.into_iter().enumerate() {
        merged[i % channels].merge(plane);
    }
    merged
        .iter()
        .map(|m| [m.mean, m.squares / m.count])
        .collect()
}

/// Number of values, their mean and the sum of squares about it.
#[derive(Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    #[inline(always)]
    fn merge(&mut self, other: Self) {
        let count = self.count + other.count;
        let apart = other.mean - self.mean;
        let share = other.count / count;
        self.mean += apart * share;
        self.squares += other.squares + apart * apart * self.count * share;
        self.count = count;
    }
}

struct PlaneMoments<'a>(&'a [f32]);

impl Loop for PlaneMoments<'_> {
    type Output = Moments;

    #[inline(always)]
    fn run(self) -> Moments {
        let mut moments = Moments::default();
        for block in self.0.chunks(BLOCK) {
            let count = block.len() as f64;
            let [sum] = total(block_sums(block, block, |x, _| [x]));
            let pivot = (sum / count) as f32;
            // The pivot was rounded to f32 for the differences; their own sum corrects for it.
            let [rest, squares] = total(block_sums(block, block, |x, _| {
                let d = x - pivot;
                [d, d * d]
            }));
            moments.merge(Moments {
                count,
                mean: f64::from(pivot) + rest / count,
                squares: squares - rest * rest / count,
            });
        }
        moments
    }
}

struct PlaneSums<'a, F> {
    a: &'a [f32],
    b: &'a [f32],
    f: F,
}

impl<const N: usize, F: Fn(f32, f32) -> [f32; N]> Loop for PlaneSums<'_, F> {
    type Output = [f64; N];

    #[inline(always)]
    fn run(self) -> [f64; N] {
        let mut sums = [[0.0_f64; LANES]; N];
        for (a, b) in self.a.chunks(BLOCK).zip(self.b.chunks(BLOCK)) {
            carry(&mut sums, &block_sums(a, b, &self.f));
        }
        sums.map(sum_lanes)
    }
}

/// The sums of a block, spread over lanes.
#[inline(always)]
fn block_sums<const N: usize>(
    a: &[f32],
    b: &[f32],
    f: impl Fn(f32, f32) -> [f32; N],
) -> [[f32; LANES]; N] {
    let mut sums = [[0.0; LANES]; N];
    let mut values = [[0.0; PART]; N];
    for (a, b) in a.chunks(PART).zip(b.chunks(PART)) {
        // First all values and then their sums: compilers turn each into vector code, but not both at once.
        for (i, (a, b)) in a.iter().zip(b).enumerate().take(PART) {
            let value = f(*a, *b);
            for n in 0..N {
                values[n][i] = value[n];
            }
        }
        add_values(&mut sums, &values, a.len());
    }
    sums
}

/// Adds the first `count` values to the lanes.
#[inline(always)]
fn add_values<const N: usize>(
    sums: &mut [[f32; LANES]; N],
    values: &[[f32; PART]; N],
    count: usize,
) {
    for (sums, values) in sums.iter_mut().zip(values) {
        let lanes = values[..count].chunks_exact(LANES);
        for (sum, value) in sums.iter_mut().zip(lanes.remainder()) {
            *sum += value;
        }
        for lane in lanes {
            for (sum, value) in sums.iter_mut().zip(lane) {
                *sum += value;
            }
        }
    }
}

/// Carries the sums of a block over to f64.
#[inline(always)]
fn carry<const N: usize>(sums: &mut [[f64; LANES]; N], block: &[[f32; LANES]; N]) {
    for (sums, block) in sums.iter_mut().zip(block) {
        for (sum, block) in sums.iter_mut().zip(block) {
            *sum += f64::from(*block);
        }
    }
}

#[inline(always)]
fn total<const N: usize>(sums: [[f32; LANES]; N]) -> [f64; N] {
    sums.map(|lanes| sum_lanes(lanes.map(f64::from)))
}

/// The sum of all lanes, halves upon halves, which vector registers can do.
#[inline(always)]
fn sum_lanes(mut lanes: [f64; LANES]) -> f64 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests;
