//! One update by Adam (Kingma and Ba 2015, arXiv 1412.6980, algorithm 1) of one parameter, in one pass over memory and on
//! all cores.

use std::mem::MaybeUninit;

use rayon::prelude::*;
use rayon::slice::ChunksMut;

use super::planes::{Loop, TASK, wide};

/// Values whose gradients are added up at a time, few enough to stay in the nearest cache.
const BLOCK: usize = 1024;

/// The numbers of an update.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// Decays of the moments.
    pub beta: [f32; 2],
    /// What the moments are divided by because they began at zero.
    pub correction: [f32; 2],
    /// Learning rate.
    pub rate: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
}

/// The value of a parameter and its moments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdamState<V> {
    /// The parameter.
    pub value: V,
    /// Running mean of the gradient.
    pub first: V,
    /// Running mean of the gradient's square.
    pub second: V,
}

impl AdamStep {
    /// What `before` becomes by the sum of the gradients: `value - rate * m / (sqrt(v) + eps)`.
    ///
    /// # Panics
    /// When the slices differ in length or there is no gradient.
    pub fn update(&self, before: AdamState<&[f32]>, gradients: &[&[f32]]) -> AdamState<Vec<f32>> {
        let n = before.value.len();
        let lengths = gradients.iter().chain([&before.first, &before.second]);
        assert!(
            !gradients.is_empty() && lengths.into_iter().all(|v| v.len() == n),
            "all have one length"
        );
        let mut after = AdamState {
            value: Vec::with_capacity(n),
            first: Vec::with_capacity(n),
            second: Vec::with_capacity(n),
        };
        chunks(&mut after.value, n)
            .zip(chunks(&mut after.first, n))
            .zip(chunks(&mut after.second, n))
            .enumerate()
            .for_each(|(i, ((value, first), second))| {
                let from = i * TASK;
                wide(Piece {
                    step: self,
                    before: AdamState {
                        value: &before.value[from..],
                        first: &before.first[from..],
                        second: &before.second[from..],
                    },
                    gradients,
                    from,
                    after: AdamState {
                        value,
                        first,
                        second,
                    },
                });
            });
        for values in [&mut after.value, &mut after.first, &mut after.second] {
            // SAFETY: the chunks cover all `n` elements, and every piece writes all of its three chunks: what it reads
            // reaches at least as far, because all slices have the length `n`.
            unsafe { values.set_len(n) };
        }
        after
    }
}

fn chunks(values: &mut Vec<f32>, n: usize) -> ChunksMut<'_, MaybeUninit<f32>> {
    values.spare_capacity_mut()[..n].par_chunks_mut(TASK)
}

/// A part of a parameter: elements from `from` on, as many as `after` has.
struct Piece<'a> {
    step: &'a AdamStep,
    before: AdamState<&'a [f32]>,
    gradients: &'a [&'a [f32]],
    from: usize,
    after: AdamState<&'a mut [MaybeUninit<f32>]>,
}

impl Loop for Piece<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let AdamStep {
            beta: [b1, b2],
            correction: [c1, c2],
            rate,
            epsilon,
        } = *self.step;
        let mut sum = [0.0_f32; BLOCK];
        let after = self.after;
        let n = after.value.len();
        for start in (0..n).step_by(BLOCK) {
            let range = start..n.min(start + BLOCK);
            let sum = &mut sum[..range.len()];
            sum.fill(0.0);
            for gradient in self.gradients {
                for (sum, g) in sum.iter_mut().zip(&gradient[self.from + start..]) {
                    *sum += g;
                }
            }
            let before = self.before.value[range.clone()]
                .iter()
                .zip(&self.before.first[range.clone()])
                .zip(&self.before.second[range.clone()]);
            let to = after.value[range.clone()]
                .iter_mut()
                .zip(&mut after.first[range.clone()])
                .zip(&mut after.second[range]);
            for ((((value, first), second), ((x, m), v)), g) in to.zip(before).zip(sum) {
                let m = b1 * m + (1.0 - b1) * *g;
                let v = b2 * v + (1.0 - b2) * *g * *g;
                first.write(m);
                second.write(v);
                value.write(x - rate * (m / c1) / ((v / c2).sqrt() + epsilon));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::hash_uniform;

    #[test]
    fn every_element_is_updated_by_the_sum_of_its_gradients() {
        for n in [1, 1000, 40_000] {
            let of = |name: &str| -> Vec<f32> {
                let values = hash_uniform(name, n, 3);
                values.iter().map(|v| *v as f32 + 1.0).collect()
            };
            let [x, m, v, g, h] = ["x", "m", "v", "g", "h"].map(of);
            let step = AdamStep {
                beta: [0.9, 0.99],
                correction: [0.5, 0.25],
                rate: 0.01,
                epsilon: 1e-8,
            };
            let before = AdamState {
                value: x.as_slice(),
                first: &m,
                second: &v,
            };
            let after = step.update(before, &[&g, &h]);
            for i in 0..n {
                let sum = g[i] + h[i];
                let first = 0.9 * m[i] + 0.1 * sum;
                let second = 0.99 * v[i] + 0.01 * sum * sum;
                let value = x[i] - 0.01 * (first / 0.5) / ((second / 0.25).sqrt() + 1e-8);
                assert!((after.first[i] - first).abs() < 1e-5);
                assert!((after.second[i] - second).abs() < 1e-5);
                assert!((after.value[i] - value).abs() < 1e-5);
            }
        }
    }
}
