//! How close an estimate is to the truth: MSE, MAE, PSNR and SSIM.
//!
//! Invariant: the data range (white minus black) is always given, never guessed, because scikit-image takes 2 for floats in
//! SSIM and 1 in PSNR; sums are in `f64`. SSIM after Wang et al. 2004 (doi:10.1109/TIP.2003.819861), with the windows of
//! scikit-image and TensorFlow, which agree because both average only where the window lies inside the picture.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Stamp;

/// Why two pictures cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MetricsError {
    /// They differ in channels, height or width.
    #[error(
        "truth and estimate differ in size: {truth:?} and {estimate:?} (channels, height, width)"
    )]
    Dimensions {
        /// `[C, H, W]` of the truth.
        truth: [usize; 3],
        /// `[C, H, W]` of the estimate.
        estimate: [usize; 3],
    },
}

/// Mean squared error. NaN where a pixel is missing.
///
/// # Panics
/// When the lengths differ.
pub fn mse(truth: &[f32], estimate: &[f32]) -> f64 {
    mean(truth, estimate, |d| d * d)
}

/// Mean absolute error. NaN where a pixel is missing.
///
/// # Panics
/// When the lengths differ.
pub fn mae(truth: &[f32], estimate: &[f32]) -> f64 {
    mean(truth, estimate, f64::abs)
}

fn mean(truth: &[f32], estimate: &[f32], of: impl Fn(f64) -> f64) -> f64 {
    assert_eq!(
        truth.len(),
        estimate.len(),
        "pictures must be equally large"
    );
    let sum: f64 = truth
        .iter()
        .zip(estimate)
        .map(|(a, b)| of(f64::from(*a) - f64::from(*b)))
        .sum();
    sum / truth.len() as f64
}

/// Peak signal-to-noise ratio in dB, `10 log10(data_range^2 / MSE)`; `None` for identical pictures, where it is infinite.
///
/// ```
/// use ganoscope_core::stamp::metrics::psnr;
/// assert_eq!(psnr(&[0.0, 1.0], &[0.1, 0.9], 1.0).map(|db| db.round()), Some(20.0));
/// assert_eq!(psnr(&[0.5], &[0.5], 1.0), None);
/// ```
///
/// # Panics
/// When the lengths differ.
pub fn psnr(truth: &[f32], estimate: &[f32], data_range: f64) -> Option<f64> {
    psnr_of(mse(truth, estimate), data_range)
}

/// [`psnr`] from a mean squared error.
pub fn psnr_of(mse: f64, data_range: f64) -> Option<f64> {
    (mse != 0.0).then(|| 10.0 * (data_range * data_range / mse).log10())
}

/// The window over which SSIM compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SsimWindow {
    /// 11 x 11 Gaussian of sigma 1.5, population covariance: Wang et al., TensorFlow, and scikit-image's `gaussian_weights`.
    #[default]
    Gaussian,
    /// 7 x 7 mean, sample covariance: scikit-image's default.
    Uniform,
}

impl SsimWindow {
    /// One-dimensional weights, which add up to 1.
    fn weights(self) -> Vec<f64> {
        match self {
            Self::Uniform => vec![1.0 / 7.0; 7],
            Self::Gaussian => {
                let weights = (-5..=5).map(|i| (-f64::from(i * i) / (2.0 * 1.5 * 1.5)).exp());
                let total: f64 = weights.clone().sum();
                weights.map(|w| w / total).collect()
            }
        }
    }

    /// Factor from population to the covariance this window uses.
    fn covariance_factor(self) -> f64 {
        match self {
            Self::Gaussian => 1.0,
            Self::Uniform => 49.0 / 48.0,
        }
    }
}

/// Structural similarity, mean over channels and over the places where the window lies inside the picture; 1 for identical
/// pictures. `None` where the picture is smaller than the window.
///
/// `truth`, `estimate`: planar `[C, H, W]` of `dims`.
///
/// # Panics
/// When the lengths do not match `dims`.
pub fn ssim(
    truth: &[f32],
    estimate: &[f32],
    dims: [usize; 3],
    data_range: f64,
    window: SsimWindow,
) -> Option<f64> {
    let map = ssim_map(truth, estimate, dims, data_range, window)?;
    Some(map.iter().sum::<f64>() / map.len() as f64)
}

/// The map behind [`ssim`]: `[C, H - n + 1, W - n + 1]` for a window of n pixels.
///
/// # Panics
/// When the lengths do not match `dims`.
pub fn ssim_map(
    truth: &[f32],
    estimate: &[f32],
    [channels, height, width]: [usize; 3],
    data_range: f64,
    window: SsimWindow,
) -> Option<Vec<f64>> {
    let plane = height * width;
    assert_eq!(
        truth.len(),
        channels * plane,
        "truth must match its dimensions"
    );
    assert_eq!(
        estimate.len(),
        truth.len(),
        "pictures must be equally large"
    );
    let weights = window.weights();
    if channels == 0 || height < weights.len() || width < weights.len() {
        return None;
    }
    let c1 = (0.01 * data_range).powi(2);
    let c2 = (0.03 * data_range).powi(2);
    let factor = window.covariance_factor();
    let mut map = Vec::with_capacity(truth.len());
    for (x, y) in truth.chunks_exact(plane).zip(estimate.chunks_exact(plane)) {
        let local = |of: fn(f64, f64) -> f64| {
            let values = x
                .iter()
                .zip(y)
                .map(|(x, y)| of(f64::from(*x), f64::from(*y)));
            windowed(&values.collect::<Vec<f64>>(), width, &weights)
        };
        let (mx, my) = (local(|x, _| x), local(|_, y| y));
        let (xx, yy, xy) = (
            local(|x, _| x * x),
            local(|_, y| y * y),
            local(|x, y| x * y),
        );
        for i in 0..mx.len() {
            let (mx, my) = (mx[i], my[i]);
            let spread = factor * (xx[i] - mx * mx + yy[i] - my * my);
            let covariance = factor * (xy[i] - mx * my);
            let brightness = (2.0 * mx * my + c1) / (mx * mx + my * my + c1);
            map.push(brightness * (2.0 * covariance + c2) / (spread + c2));
        }
    }
    Some(map)
}

/// Weighted means over a square window, only where it lies inside: `[H - n + 1, W - n + 1]`.
fn windowed(plane: &[f64], width: usize, weights: &[f64]) -> Vec<f64> {
    let n = weights.len();
    let inner = width - n + 1;
    let rows: Vec<f64> = plane
        .chunks_exact(width)
        .flat_map(|row| {
            row.windows(n)
                .map(|w| w.iter().zip(weights).map(|(v, w)| v * w).sum())
        })
        .collect();
    let height = rows.len() / inner;
    let mut out = vec![0.0; (height - n + 1) * inner];
    for (row, out) in out.chunks_exact_mut(inner).enumerate() {
        for (offset, weight) in weights.iter().enumerate() {
            let source = &rows[(row + offset) * inner..(row + offset + 1) * inner];
            for (out, value) in out.iter_mut().zip(source) {
                *out += weight * value;
            }
        }
    }
    out
}

/// The four numbers of one comparison; PSNR and SSIM relative to the truth's white minus black.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Mean squared error, in the truth's values.
    pub mse: f64,
    /// Mean absolute error, in the truth's values.
    pub mae: f64,
    /// Peak signal-to-noise ratio, dB; `None` for identical pictures.
    pub psnr: Option<f64>,
    /// Structural similarity (Gaussian window); `None` for pictures below 11 pixels.
    pub ssim: Option<f64>,
}

impl Quality {
    /// Compares `estimate`, mapped to the range of `truth`, with `truth`.
    pub fn of(truth: &Stamp, estimate: &Stamp) -> Result<Self, MetricsError> {
        if truth.dims() != estimate.dims() {
            return Err(MetricsError::Dimensions {
                truth: truth.dims(),
                estimate: estimate.dims(),
            });
        }
        let estimate = estimate.to_range(truth.range);
        let (x, y) = (&truth.pixels, &estimate.pixels);
        let range = f64::from(truth.range.high - truth.range.low);
        let mse = mse(x, y);
        Ok(Self {
            mse,
            mae: mae(x, y),
            psnr: psnr_of(mse, range),
            ssim: ssim(x, y, truth.dims(), range, SsimWindow::Gaussian),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::hash_gauss;
    use crate::stamp::ValueRange;
    use crate::stamp::blend::tests::{cubes, shared};

    fn close(got: Option<f64>, expected: &serde_json::Value, tolerance: f64) -> bool {
        match (got, expected.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() < tolerance,
            (None, None) => expected.is_null(),
            _ => false,
        }
    }

    fn assert_row(row: &serde_json::Value, x: &[f32], y: &[f32]) {
        let dims = [3, 80, 80];
        let unit = |v: &[f32]| v.iter().map(|v| v.midpoint(1.0)).collect::<Vec<f32>>();
        let structure = |range, window| ssim(x, y, dims, range, window);
        let unit_ssim = ssim(&unit(x), &unit(y), dims, 1.0, SsimWindow::Gaussian);
        let checks = [
            ("mse", Some(mse(x, y)), 1e-5),
            ("mae", Some(mae(x, y)), 1e-5),
            ("psnr_range2", psnr(x, y, 2.0), 1e-4),
            ("psnr_range1", psnr(x, y, 1.0), 1e-4),
            ("ssim_range2", structure(2.0, SsimWindow::Gaussian), 1e-5),
            ("ssim_range1", structure(1.0, SsimWindow::Gaussian), 1e-5),
            ("ssim_unit_range1", unit_ssim, 1e-5),
            (
                "ssim_skimage_default_range2",
                structure(2.0, SsimWindow::Uniform),
                1e-5,
            ),
        ];
        for (name, got, tolerance) in checks {
            let expected = &row[name];
            assert!(
                close(got, expected, tolerance),
                "{name}: {got:?} {expected} of {row}"
            );
        }
    }

    #[test]
    fn oracle_rows_are_reproduced() {
        let Some(oracle) = shared("../../oracles/public/metrics/metrics.json") else {
            return;
        };
        let oracle: serde_json::Value =
            serde_json::from_slice(&std::fs::read(oracle).unwrap()).unwrap();
        let seed = oracle["seed"].as_u64().unwrap();
        let mut checked = 0;
        for row in oracle["rows"].as_array().unwrap() {
            let id = row["id"].as_str().unwrap();
            let folder = if id.starts_with("genuine") {
                "genuine"
            } else {
                "blends"
            };
            let Some(path) = ["fits", "fits.gz"]
                .iter()
                .find_map(|extension| shared(&format!("{folder}/{id}.{extension}")))
            else {
                continue;
            };
            let [blend, one, two] = cubes(&path).try_into().unwrap();
            let (truth, estimate) = match row["pair"].as_str().unwrap() {
                "blend_vs_galaxy1" => (one, blend),
                "blend_vs_galaxy2" => (two, blend),
                "identical" => (one.clone(), one),
                "flat" => (one, vec![-1.0; 3 * 80 * 80]),
                "noisy_galaxy1" => {
                    let noise = hash_gauss(&format!("metric:{id}"), one.len(), seed);
                    let noisy = one
                        .iter()
                        .zip(noise)
                        .map(|(v, z)| (f64::from(*v) + 0.1 * z).clamp(-1.0, 1.0) as f32);
                    (one.clone(), noisy.collect())
                }
                _ => continue,
            };
            assert_row(row, &truth, &estimate);
            checked += 1;
        }
        assert!(checked > 100, "{checked}");
    }

    #[test]
    fn identical_pictures_are_perfect() {
        let pixels: Vec<f32> = (0..3 * 20 * 20).map(|i| (i % 7) as f32 / 7.0).collect();
        let stamp = Stamp::new("a", pixels, [3, 20, 20], ValueRange::UNIT);
        let quality = Quality::of(&stamp, &stamp.to_range(ValueRange::SIGNED)).unwrap();
        assert_eq!(quality.ssim.map(|s| (s * 1e6).round() / 1e6), Some(1.0));
        assert!(quality.mse < 1e-13);
        assert_eq!(Quality::of(&stamp, &stamp).unwrap().psnr, None);
    }

    #[test]
    fn small_pictures_have_no_ssim_and_unequal_ones_no_quality() {
        let small = Stamp::new("a", vec![0.5; 100], [1, 10, 10], ValueRange::UNIT);
        assert_eq!(Quality::of(&small, &small).unwrap().ssim, None);
        let other = Stamp::new("b", vec![0.5; 200], [2, 10, 10], ValueRange::UNIT);
        assert!(Quality::of(&small, &other).is_err());
    }

    #[test]
    fn quality_does_not_depend_on_the_range_it_is_told_in() {
        let pixels: Vec<f32> = (0..400).map(|i| ((i * 13) % 29) as f32 / 29.0).collect();
        let other: Vec<f32> = pixels.iter().map(|v| 0.9 * v + 0.03).collect();
        let a = Stamp::new("a", pixels, [1, 20, 20], ValueRange::UNIT);
        let b = Stamp::new("b", other, [1, 20, 20], ValueRange::UNIT);
        let unit = Quality::of(&a, &b).unwrap();
        let signed = Quality::of(&a.to_range(ValueRange::SIGNED), &b).unwrap();
        assert!((unit.psnr.unwrap() - signed.psnr.unwrap()).abs() < 1e-4);
        assert!((4.0 * unit.mse - signed.mse).abs() < 1e-7);
    }
}
