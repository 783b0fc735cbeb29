//! Losses with their gradients.

use candle_core::{Device, Result, Tensor};

use crate::kernels;
use crate::network::floats;

/// Mean square of `a - b` over all elements, and its gradient with respect to `a` times `weight`; f32 on the CPU.
///
/// # Errors
/// When the shapes or types differ.
pub fn mean_square(a: &Tensor, b: &Tensor, weight: f64) -> Result<(f64, Tensor)> {
    if a.dims() != b.dims() {
        candle_core::bail!("{:?} and {:?} cannot be compared", a.dims(), b.dims())
    }
    let (dims, n) = (a.dims(), a.elem_count());
    let (a, b) = (a.contiguous()?, b.contiguous()?);
    let (a, b) = (floats(&a)?, floats(&b)?);
    let sums = kernels::sum_planes(&a, &b, n, |_| |a, b| [(a - b) * (a - b)]);
    let factor = (weight * 2.0 / n as f64) as f32;
    let gradient = kernels::zip_planes(&a, &b, n, |_| move |a, b| factor * (a - b));
    let loss = sums.iter().map(|[sum]| sum).sum::<f64>() / n as f64;
    Ok((loss, Tensor::from_vec(gradient, dims, &Device::Cpu)?))
}

/// Mean binary cross-entropy of logits against one label (1 = ground truth, 0 = generated), `ln(1 + exp(x)) - label x`, and
/// its gradient with respect to each logit.
pub fn binary_cross_entropy(logits: &[f64], label: f64) -> (f64, Vec<f64>) {
    let n = logits.len() as f64;
    let loss = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p() - label * x;
    let slope = |x: f64| 1.0 / (1.0 + (-x).exp()) - label;
    (
        logits.iter().map(|x| loss(*x)).sum::<f64>() / n,
        logits.iter().map(|x| slope(*x) / n).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_match_finite_differences() {
        let values = [0.3_f64, -2.0, 5.0];
        for label in [0.0, 1.0] {
            let (_, gradient) = binary_cross_entropy(&values, label);
            for (i, g) in gradient.iter().enumerate() {
                let step = |h: f64| {
                    let mut v = values;
                    v[i] += h;
                    binary_cross_entropy(&v, label).0
                };
                assert!(((step(1e-5) - step(-1e-5)) / 2e-5 - g).abs() < 1e-8);
            }
        }
    }

    #[test]
    fn mean_square_and_its_gradient_are_those_of_the_differences() -> Result<()> {
        let at = |v: &[f32]| Tensor::from_slice(v, (1, 3), &Device::Cpu);
        let (a, b) = (at(&[1.0, 2.0, -1.0])?, at(&[0.0, 4.0, -1.0])?);
        let (loss, gradient) = mean_square(&a, &b, 3.0)?;
        assert!((loss - 5.0 / 3.0).abs() < 1e-6, "{loss}");
        assert_eq!(gradient.to_vec2::<f32>()?, [[2.0, -4.0, 0.0]]);
        assert!(mean_square(&a, &at(&[1.0, 2.0, 3.0])?.t()?, 1.0).is_err());
        Ok(())
    }
}
