//! Losses with their gradients.

use candle_core::{Result, Tensor};

/// Mean square of `a - b` over all elements, and its gradient with respect to `a`.
///
/// # Errors
/// When the shapes differ.
pub fn mean_square(a: &Tensor, b: &Tensor) -> Result<(f64, Tensor)> {
    let difference = (a - b)?;
    let n = difference.elem_count() as f64;
    let loss = f64::from(
        difference
            .sqr()?
            .sum_all()?
            .to_dtype(candle_core::DType::F32)?
            .to_scalar::<f32>()?,
    ) / n;
    Ok((loss, (difference * (2.0 / n))?))
}

/// Mean binary cross-entropy of `logits` `[N, 1]` against one label (1 = ground truth, 0 = generated), and its gradient
/// with respect to the logits: `ln(1 + exp(x)) - label x`.
///
/// # Errors
/// When a tensor operation fails.
pub fn binary_cross_entropy(logits: &Tensor, label: f64) -> Result<(f64, Tensor)> {
    let n = logits.elem_count() as f64;
    let values = logits
        .flatten_all()?
        .to_dtype(candle_core::DType::F64)?
        .to_vec1::<f64>()?;
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    let loss = values.iter().map(|x| softplus(*x) - label * x).sum::<f64>() / n;
    let gradient = (candle_nn::ops::sigmoid(logits)?.affine(1.0 / n, -label / n))?;
    Ok((loss, gradient))
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    #[test]
    fn gradients_match_finite_differences() -> Result<()> {
        let values = [0.3_f64, -2.0, 5.0];
        for label in [0.0, 1.0] {
            let at = |v: &[f64]| Tensor::from_slice(v, (3, 1), &Device::Cpu);
            let (_, gradient) = binary_cross_entropy(&at(&values)?, label)?;
            for (i, g) in gradient.flatten_all()?.to_vec1::<f64>()?.iter().enumerate() {
                let step = |h: f64| {
                    let mut v = values;
                    v[i] += h;
                    binary_cross_entropy(&at(&v)?, label).map(|l| l.0)
                };
                assert!(((step(1e-5)? - step(-1e-5)?) / 2e-5 - g).abs() < 1e-8);
            }
        }
        Ok(())
    }
}
