//! What is measured on the outputs of a run.

use crate::jobs::Measures;
use crate::stamp::Stamp;
use crate::stamp::metrics::{Quality, psnr};
use crate::stamp::photometry::{Photometry, PhotometrySettings, measure};

/// The measures of every output, against the truth of the same position when there is one. All stamps in `[0, 1]`.
pub(super) fn all(outputs: &[Stamp], truths: &[Stamp], blend: &Stamp) -> Vec<Measures> {
    let one = |(i, output): (usize, &Stamp)| {
        let truth = truths.get(i).filter(|t| t.dims() == output.dims());
        let quality = truth.and_then(|truth| Quality::of(truth, output).ok());
        let source = source(output);
        let source_of_truth = truth.and_then(self::source);
        Measures {
            psnr: quality.and_then(|q| q.psnr),
            ssim: quality.and_then(|q| q.ssim),
            psnr_of_blend: truth.and_then(|truth| psnr_of(truth, blend)),
            flux: source.as_ref().map(Photometry::mean_flux),
            flux_of_truth: source_of_truth.as_ref().map(Photometry::mean_flux),
            centroid: source.map(|s| s.centroid),
            centroid_of_truth: source_of_truth.map(|s| s.centroid),
        }
    };
    outputs.iter().enumerate().map(one).collect()
}

/// PSNR of an estimate against the truth, both in `[0, 1]`; none when they differ in size or not at all.
pub(super) fn psnr_of(truth: &Stamp, estimate: &Stamp) -> Option<f64> {
    let same = truth.dims() == estimate.dims();
    same.then(|| psnr(&truth.pixels, &estimate.pixels, 1.0))?
}

/// The brightest source of a picture; none where nothing stands out.
fn source(stamp: &Stamp) -> Option<Photometry> {
    measure(stamp, None, &PhotometrySettings::default()).ok()
}
