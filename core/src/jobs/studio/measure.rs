//! What is measured on the outputs of a run.

use crate::jobs::Measures;
use crate::stamp::Stamp;

/// The measures of every output, against the truth of the same position when there is one. All stamps in `[0, 1]`.
pub(super) fn all(outputs: &[Stamp], truths: &[Stamp], blend: &Stamp) -> Vec<Measures> {
    let one = |(i, output): (usize, &Stamp)| {
        let truth = truths.get(i).filter(|t| t.dims() == output.dims());
        Measures {
            psnr: truth.and_then(|t| psnr(output, t)),
            psnr_of_blend: truth.and_then(|t| psnr(blend, t)),
            ..Measures::default()
        }
    };
    outputs.iter().enumerate().map(one).collect()
}

pub(super) fn psnr(a: &Stamp, b: &Stamp) -> Option<f64> {
    if a.dims() != b.dims() {
        return None;
    }
    let sum: f64 = a.pixels.iter().zip(b.pixels.iter()).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    Some(-10.0 * (sum / a.pixels.len() as f64).log10())
}
