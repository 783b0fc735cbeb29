//! How well a generator deblends: PSNR and SSIM over blends with known truth.

use std::path::{Path, PathBuf};

use candle_core::Tensor;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::TrainError;
use crate::network::{Network, Plan};
use crate::stamp::io::{BlendFile, read_blend};
use crate::stamp::metrics::Quality;
use crate::stamp::{Stamp, ValueRange};

/// Mean quality over a set of blends, pixels in `[0, 1]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Number of blends.
    pub blends: usize,
    /// Mean peak signal-to-noise ratio of galaxy 1 and galaxy 2, dB.
    pub psnr: [f64; 2],
    /// Mean structural similarity of galaxy 1 and galaxy 2.
    pub ssim: [f64; 2],
    /// Mean peak signal-to-noise ratio of the untouched blend against galaxy 1 and galaxy 2, dB.
    pub psnr_of_blend: [f64; 2],
}

impl Evaluation {
    /// Mean over both galaxies, dB.
    pub fn mean_psnr(&self) -> f64 {
        f64::midpoint(self.psnr[0], self.psnr[1])
    }

    /// What a program that returns the blend would reach, mean over both galaxies, dB.
    pub fn mean_psnr_of_blend(&self) -> f64 {
        f64::midpoint(self.psnr_of_blend[0], self.psnr_of_blend[1])
    }
}

/// Reads every blend with two truths in a folder, sorted by name.
///
/// # Errors
/// When the folder or one of its FITS files cannot be read.
pub(super) fn read_blends(folder: &Path) -> Result<Vec<BlendFile>, TrainError> {
    let listing = |source| TrainError::File {
        what: "cannot list the blends",
        source,
        path: folder.to_owned(),
    };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(listing)?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.to_string_lossy().contains(".fits"))
        .collect();
    paths.sort();
    let mut blends = Vec::new();
    for path in paths {
        let blend = read_blend(&path)?;
        if blend.truths.len() == 2 {
            blends.push(blend);
        }
    }
    Ok(blends)
}

/// Runs the generator (input `[0, 1]`, outputs `[-1, 1]`) on every blend and compares with the truths.
///
/// # Errors
/// When a blend does not fit the network.
pub fn evaluate(generator: &Network, blends: &[BlendFile]) -> Result<Evaluation, TrainError> {
    let (plan, device) = (Plan::new(generator)?, generator.device());
    let outputs = blends
        .iter()
        .map(|blend| {
            let input = blend.blend.to_range(ValueRange::UNIT);
            let dims = (1, input.channels, input.height, input.width);
            let tensor = Tensor::from_slice(&input.pixels, dims, &device)?;
            plan.run(&[tensor])?
                .iter()
                .map(|output| Ok(output.flatten_all()?.to_vec1::<f32>()?))
                .collect()
        })
        .collect::<Result<Vec<Vec<Vec<f32>>>, TrainError>>()?;
    let judged = blends
        .par_iter()
        .zip(outputs)
        .map(|(blend, outputs)| judged(blend, outputs))
        .collect::<Result<Vec<_>, _>>()?;
    let mut sum = Evaluation {
        blends: blends.len(),
        ..Evaluation::default()
    };
    for one in judged {
        for i in 0..2 {
            sum.psnr[i] += one.psnr[i];
            sum.ssim[i] += one.ssim[i];
            sum.psnr_of_blend[i] += one.psnr_of_blend[i];
        }
    }
    let n = blends.len().max(1) as f64;
    for values in [&mut sum.psnr, &mut sum.ssim, &mut sum.psnr_of_blend] {
        for value in values {
            *value /= n;
        }
    }
    Ok(sum)
}

/// The judgement of one blend by the pixels of both outputs.
fn judged(blend: &BlendFile, outputs: Vec<Vec<f32>>) -> Result<Evaluation, TrainError> {
    let mut one = Evaluation::default();
    for (i, (pixels, truth)) in outputs.into_iter().zip(&blend.truths).take(2).enumerate() {
        let truth = truth.to_range(ValueRange::UNIT);
        let output = Stamp::new("output", pixels, truth.dims(), ValueRange::SIGNED);
        let quality = Quality::of(&truth, &output)?;
        let of_blend = Quality::of(&truth, &blend.blend.to_range(ValueRange::UNIT))?;
        // Identical pictures have no finite PSNR; they do not occur between a network and a truth.
        one.psnr[i] = quality.psnr.unwrap_or(f64::INFINITY);
        one.ssim[i] = quality.ssim.unwrap_or(f64::NAN);
        one.psnr_of_blend[i] = of_blend.psnr.unwrap_or(f64::INFINITY);
    }
    Ok(one)
}
