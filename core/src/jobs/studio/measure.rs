//! What is measured on the outputs of a run.

use rayon::prelude::*;

use crate::jobs::Measures;
use crate::stamp::Stamp;
use crate::stamp::metrics::{Quality, psnr};
use crate::stamp::photometry::{Photometry, PhotometrySettings, measure};

/// The measures of every output, against the truth of the same position when there is one. All stamps in `[0, 1]`.
///
/// The first galaxy is in the middle of its stamp, as the blends are made; the second is the brightest source of its
/// truth. An output is measured at the place of its truth, so that a bright star elsewhere is not taken for the galaxy.
pub(super) fn all(outputs: &[Stamp], truths: &[Stamp], blend: &Stamp) -> Vec<Measures> {
    let one = |(i, output): (usize, &Stamp)| {
        let truth = truths.get(i).filter(|t| t.dims() == output.dims());
        let quality = truth.and_then(|truth| Quality::of(truth, output).ok());
        let expected = (i == 0).then(|| middle(output));
        let of_truth = truth.and_then(|truth| source(truth, expected));
        let place = of_truth.as_ref().map(|s| s.centroid).or(expected);
        let of_output = source(output, place);
        Measures {
            psnr: quality.and_then(|q| q.psnr),
            ssim: quality.and_then(|q| q.ssim),
            psnr_of_blend: truth.and_then(|truth| psnr_of(truth, blend)),
            flux: of_output.as_ref().map(Photometry::mean_flux),
            flux_of_truth: of_truth.as_ref().map(Photometry::mean_flux),
            centroid: of_output.map(|s| s.centroid),
            centroid_of_truth: of_truth.map(|s| s.centroid),
        }
    };
    outputs.par_iter().enumerate().map(one).collect()
}

/// PSNR of an estimate against the truth, both in `[0, 1]`; none when they differ in size or not at all.
pub(super) fn psnr_of(truth: &Stamp, estimate: &Stamp) -> Option<f64> {
    let same = truth.dims() == estimate.dims();
    same.then(|| psnr(&truth.pixels, &estimate.pixels, 1.0))?
}

/// The centre of a stamp, (column, row).
fn middle(stamp: &Stamp) -> [f64; 2] {
    [stamp.width, stamp.height].map(|n| (n as f64 - 1.0) / 2.0)
}

/// The source at a place, or the brightest of the picture; none where nothing stands out.
fn source(stamp: &Stamp, near: Option<[f64; 2]>) -> Option<Photometry> {
    measure(stamp, near, &PhotometrySettings::default()).ok()
}
