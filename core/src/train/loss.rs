//! Losses with their gradients, on any device.

use candle_core::{Device, Result, Tensor};

use crate::kernels;
use crate::network::{floats, is_fast};

/// A number of a training step: known on the CPU, still to be computed elsewhere, where asking for it waits for the device.
#[derive(Clone, Debug)]
pub(super) enum Amount {
    Known(f64),
    /// A tensor of one element.
    Queued(Tensor),
}

impl Amount {
    pub(super) fn plus(self, other: Self) -> Result<Self> {
        Ok(match (self, other) {
            (Self::Known(a), Self::Known(b)) => Self::Known(a + b),
            (Self::Queued(a), Self::Queued(b)) => Self::Queued((a + b)?),
            (Self::Queued(a), Self::Known(b)) | (Self::Known(b), Self::Queued(a)) => {
                Self::Queued((a + b)?)
            }
        })
    }

    pub(super) fn times(self, factor: f64) -> Result<Self> {
        Ok(match self {
            Self::Known(a) => Self::Known(a * factor),
            Self::Queued(a) => Self::Queued((a * factor)?),
        })
    }

    /// The number; waits for the device.
    pub(super) fn read(&self) -> Result<f64> {
        match self {
            Self::Known(a) => Ok(*a),
            Self::Queued(a) => Ok(f64::from(a.flatten_all()?.to_vec1::<f32>()?[0])),
        }
    }
}

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

/// [`mean_square`] on any device.
pub(super) fn square(a: &Tensor, b: &Tensor, weight: f64) -> Result<(Amount, Tensor)> {
    if is_fast(a) && is_fast(b) {
        let (loss, gradient) = mean_square(a, b, weight)?;
        return Ok((Amount::Known(loss), gradient));
    }
    let difference = (a - b)?;
    let n = a.elem_count() as f64;
    let loss = (difference.sqr()?.sum_all()? / n)?;
    Ok((
        Amount::Queued(loss),
        difference.affine(weight * 2.0 / n, 0.0)?,
    ))
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

/// [`binary_cross_entropy`] of logits `[N, 1]` on any device; the gradient times `weight`, in the same dimensions.
pub(super) fn cross_entropy(
    logits: &Tensor,
    is_truth: bool,
    weight: f64,
) -> Result<(Amount, Tensor)> {
    if is_fast(logits) {
        let values = logits.flatten_all()?.to_vec1::<f32>()?;
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let (loss, gradient) = binary_cross_entropy(&values, f64::from(u8::from(is_truth)));
        let gradient: Vec<f32> = gradient.iter().map(|g| (g * weight) as f32).collect();
        let gradient = Tensor::from_vec(gradient, logits.dims(), &Device::Cpu)?;
        return Ok((Amount::Known(loss), gradient));
    }
    // ln(1 + exp(z)) with z = -x for truths and x for generated galaxies.
    let (n, sign) = (
        logits.elem_count() as f64,
        if is_truth { -1.0 } else { 1.0 },
    );
    let z = (logits * sign)?;
    let loss = (z.relu()? + (z.abs()?.neg()?.exp()? + 1.0)?.log()?)?;
    let gradient = candle_nn::ops::sigmoid(&z)?.affine(sign * weight / n, 0.0)?;
    Ok((Amount::Queued((loss.sum_all()? / n)?), gradient))
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
