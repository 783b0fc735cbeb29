//! Muon (Jordan et al. 2024, <https://kellerjordan.github.io/posts/muon/>) for the kernels between features: momentum made
//! orthogonal, on the CPU kernel by kernel, elsewhere for all kernels of one shape at once.

use candle_core::{Result, Tensor};

use super::adam::Moments;
use crate::kernels::AdamState;
use crate::network::{Param, own_mix, own_momentum};

/// Whether a parameter is the kernel of a layer between features, `[n, n, rows, columns]`.
pub(super) fn is_inner_kernel(dims: &[usize]) -> bool {
    matches!(dims, [out, input, _, _] if out == input)
}

/// Decay of Muon's momentum.
const MUON_MOMENTUM: f32 = 0.95;
/// Root mean square of Muon's step in learning rates, which makes rates of Adam fit (Liu et al. 2025, arXiv 2502.16982,
/// section 2.2).
const MUON_STEP: f32 = 0.2;

/// One update by Muon: momentum with a look ahead, made orthogonal as a matrix `[rows, taps]`.
pub(super) fn muon_step(
    before: AdamState<&[f32]>,
    gradients: &[&[f32]],
    rows: usize,
    rate: f32,
) -> AdamState<Vec<f32>> {
    let mut gradient = vec![0.0; before.value.len()];
    for part in gradients {
        for (sum, g) in gradient.iter_mut().zip(*part) {
            *sum += g;
        }
    }
    let moved = |m: &f32, g: &f32| MUON_MOMENTUM * m + (1.0 - MUON_MOMENTUM) * g;
    let zip = |m: &[f32]| -> Vec<f32> {
        let pairs = m.iter().zip(&gradient);
        pairs.map(|(m, g)| moved(m, g)).collect()
    };
    let first = zip(before.first);
    let columns = gradient.len() / rows;
    let step = MUON_STEP * (rows.max(columns) as f32).sqrt() * rate;
    let directions = orthogonal(zip(&first), rows);
    let value = before.value.iter().zip(directions);
    AdamState {
        value: value.map(|(value, d)| value - step * d).collect(),
        first,
        second: before.second.to_vec(),
    }
}

/// Of the iteration `a x + (b x x' + c (x x')^2) x`.
const COEFFICIENTS: [f32; 3] = [3.4445, -4.7750, 2.0315];
/// Iterations.
const STEPS: usize = 5;

/// The nearest matrix with orthonormal rows, roughly (singular values 0.7 to 1.2): five steps of the quintic
/// Newton-Schulz iteration. `rows` must not exceed the number of columns.
fn orthogonal(mut x: Vec<f32>, rows: usize) -> Vec<f32> {
    let columns = x.len() / rows;
    let norm = x.iter().map(|v| v * v).sum::<f32>().sqrt() + 1e-12;
    for value in &mut x {
        *value /= norm;
    }
    let [a, b, c] = COEFFICIENTS;
    for _ in 0..STEPS {
        // gram = x xᵀ; mixed = b gram + c gram gram + a 1
        let row = |i: usize| &x[i * columns..][..columns];
        let gram: Vec<f32> = (0..rows * rows)
            .map(|k| dot(row(k / rows), row(k % rows)))
            .collect();
        let mixed: Vec<f32> = (0..rows * rows)
            .map(|k| {
                let (i, j) = (k / rows, k % rows);
                // The Gram matrix is symmetric, so its columns are its rows.
                let square = dot(&gram[i * rows..][..rows], &gram[j * rows..][..rows]);
                let diagonal = if i == j { a } else { 0.0 };
                diagonal + b * gram[k] + c * square
            })
            .collect();
        let mut next = vec![0.0; x.len()];
        for (i, out) in next.chunks_mut(columns).enumerate() {
            for (j, input) in x.chunks(columns).enumerate() {
                let weight = mixed[i * rows + j];
                for (o, v) in out.iter_mut().zip(input) {
                    *o += weight * v;
                }
            }
        }
        x = next;
    }
    x
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A parameter with its moments and its gradient, as tensors of a device.
pub(super) struct Kernel<'a> {
    pub(super) param: &'a Param,
    pub(super) moments: Moments,
    pub(super) gradient: Tensor,
}

/// [`muon_step`] of kernels of one shape on any device; `scale`: what the gradients are multiplied by, one number.
pub(super) fn step_elsewhere(
    kernels: &[Kernel<'_>],
    scale: &Tensor,
    rate: f64,
) -> Result<Vec<(Tensor, Moments)>> {
    let Some(first) = kernels.first() else {
        return Ok(Vec::new());
    };
    let dims = first.param.tensor.dims();
    let (rows, columns) = (dims[0], dims.iter().skip(1).product::<usize>());
    let stacked = |of: for<'a> fn(&'a Kernel<'_>) -> &'a Tensor| -> Result<Tensor> {
        let parts: Vec<Tensor> = kernels
            .iter()
            .map(|kernel| of(kernel).reshape((1, rows, columns)))
            .collect::<Result<_>>()?;
        Tensor::cat(&parts, 0)
    };
    let old = f64::from(MUON_MOMENTUM);
    let step = f64::from(MUON_STEP) * (rows.max(columns) as f64).sqrt() * rate;
    let part = |all: &Tensor, i: usize| all.narrow(0, i, 1)?.reshape(dims);
    let parts = |all: &Tensor| {
        (0..kernels.len())
            .map(|i| part(all, i))
            .collect::<Result<Vec<_>>>()
    };
    let pairs: Vec<_> = kernels
        .iter()
        .map(|k| (&k.moments.first, &k.gradient))
        .collect();
    let (momentum, ahead) = match own_momentum(&pairs, scale, old)? {
        Some(both) => {
            let [momentum, ahead] = both.map(|t| t.reshape((kernels.len(), rows, columns)));
            (momentum?, ahead?)
        }
        None => {
            let gradient = stacked(|k| &k.gradient)?.broadcast_mul(scale)?;
            let moved = |m: &Tensor| -> Result<Tensor> { (m * old)? + (&gradient * (1.0 - old))? };
            let momentum = moved(&stacked(|k| &k.moments.first)?)?;
            let ahead = moved(&momentum)?;
            (momentum, ahead)
        }
    };
    let directions = parts(&orthogonal_elsewhere(&ahead)?)?;
    let moves: Vec<_> = kernels
        .iter()
        .zip(&directions)
        .map(|(k, direction)| (&k.param.tensor, direction, -step))
        .collect();
    let values = mixed_many(&moves, 1.0)?;
    let firsts = parts(&momentum)?;
    Ok(values
        .into_iter()
        .zip(firsts)
        .zip(kernels)
        .map(|((value, first), kernel)| {
            let second = kernel.moments.second.clone();
            (value, Moments { first, second })
        })
        .collect())
}

/// `by x + factor y` of every `(x, y, factor)` on any device.
pub(super) fn mixed_many(pairs: &[(&Tensor, &Tensor, f64)], by: f64) -> Result<Vec<Tensor>> {
    if let Some(mixed) = own_mix(pairs, by)? {
        return Ok(mixed);
    }
    let one = |(x, y, factor): &(&Tensor, &Tensor, f64)| (*x * by)? + (*y * *factor)?;
    pairs.iter().map(one).collect()
}

/// [`orthogonal`] of matrices `[N, rows, columns]`.
fn orthogonal_elsewhere(x: &Tensor) -> Result<Tensor> {
    let [a, b, c] = COEFFICIENTS.map(f64::from);
    let norm = (x.sqr()?.sum_keepdim((1, 2))?.sqrt()? + 1e-12)?;
    let mut x = x.broadcast_div(&norm)?;
    for _ in 0..STEPS {
        let gram = x.matmul(&x.transpose(1, 2)?)?;
        let mixed = ((&gram * b)? + (gram.matmul(&gram)? * c)?)?;
        x = (mixed.matmul(&x)? + (x * a)?)?;
    }
    Ok(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn rows_become_nearly_orthonormal() {
        let (rows, columns) = (6, 20);
        let values = crate::seed::hash_uniform("kernel", rows * columns, 3);
        let x = orthogonal(values.iter().map(|v| *v as f32).collect(), rows);
        for i in 0..rows {
            for j in 0..rows {
                let product = dot(&x[i * columns..][..columns], &x[j * columns..][..columns]);
                let range = if i == j { 0.4..1.5 } else { -0.4..0.4 };
                assert!(range.contains(&product), "{i} {j}: {product}");
            }
        }
    }

    #[test]
    fn many_kernels_at_once_become_what_each_becomes() -> Result<()> {
        let (rows, columns, count) = (4, 36, 3);
        let of = |name: &str, i: usize| -> Vec<f32> {
            let values = crate::seed::hash_uniform(&format!("{name}{i}"), rows * columns, 3);
            values.iter().map(|v| *v as f32).collect()
        };
        let put = |values: Vec<f32>| Tensor::from_vec(values, (4, 4, 3, 3), &Device::Cpu);
        let params = (0..count)
            .map(|i| {
                Ok(Param {
                    role: crate::network::Role::Weight,
                    key: format!("{i}").into(),
                    tensor: put(of("value", i))?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let kernels = params
            .iter()
            .enumerate()
            .map(|(i, param)| {
                Ok(Kernel {
                    param,
                    moments: Moments {
                        first: put(of("first", i))?,
                        second: put(vec![0.0; rows * columns])?,
                    },
                    gradient: put(of("gradient", i))?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let scale = Tensor::new(&[0.5_f32], &Device::Cpu)?;
        let after = step_elsewhere(&kernels, &scale, 0.01)?;
        for (i, (value, moments)) in after.iter().enumerate() {
            let half: Vec<f32> = of("gradient", i).iter().map(|g| 0.5 * g).collect();
            let before = AdamState {
                value: &*of("value", i),
                first: &*of("first", i),
                second: &*vec![0.0; rows * columns],
            };
            let expected = muon_step(before, &[&half], rows, 0.01);
            let pairs = [(value, expected.value), (&moments.first, expected.first)];
            for (got, expected) in pairs {
                let got = got.flatten_all()?.to_vec1::<f32>()?;
                for (a, b) in got.iter().zip(&expected) {
                    assert!((a - b).abs() < 1e-5, "{a} {b}");
                }
            }
        }
        Ok(())
    }
}
