//! Smoothing of light and noise.
//!
//! Invariant: kernels sum to 1, so flux is kept up to what crosses the frame's edge.

use super::render::Light;

impl Light {
    /// Convolves with a PSF of `fwhm` pixels: two Gaussians (core 80 % of the light, wings 2.2 times as wide) that follow a
    /// Moffat profile of beta 3 to a few percent inside two FWHM. Light beyond the frame is taken as that of its edge.
    pub fn convolve(&mut self, fwhm: f64) {
        let core = fwhm / 2.355 * 0.95;
        let plane = self.size * self.size;
        let mut scratch = vec![0.0; plane];
        for band in self.pixels.chunks_exact_mut(plane) {
            let mut wings = band.to_vec();
            smooth(&mut wings, &mut scratch, self.size, 2.2 * core);
            smooth(band, &mut scratch, self.size, core);
            for (pixel, wing) in band.iter_mut().zip(&wings) {
                *pixel = 0.8 * *pixel + 0.2 * wing;
            }
        }
    }
}

/// Gaussian smoothing of one plane `[size, size]`, cut at three sigma, edges held.
pub(super) fn smooth(plane: &mut [f32], scratch: &mut [f32], size: usize, sigma: f64) {
    let radius = (3.0 * sigma).ceil() as usize;
    if radius == 0 || size == 0 {
        return;
    }
    let mut kernel: Vec<f32> = (0..=radius)
        .map(|i| (-0.5 * (i as f64 / sigma).powi(2)).exp() as f32)
        .collect();
    let total = kernel[0] + 2.0 * kernel[1..].iter().sum::<f32>();
    for weight in &mut kernel {
        *weight /= total;
    }

    let mut padded = vec![0.0; size + 2 * radius];
    for (row, out) in plane.chunks_exact(size).zip(scratch.chunks_exact_mut(size)) {
        padded[..radius].fill(row[0]);
        padded[radius..radius + size].copy_from_slice(row);
        padded[radius + size..].fill(row[size - 1]);
        out.fill(0.0);
        for offset in 0..=2 * radius {
            let weight = kernel[offset.abs_diff(radius)];
            for (out, value) in out.iter_mut().zip(&padded[offset..]) {
                *out += weight * value;
            }
        }
    }
    for (row, out) in plane.chunks_exact_mut(size).enumerate() {
        out.fill(0.0);
        for offset in 0..=2 * radius {
            let weight = kernel[offset.abs_diff(radius)];
            let from = (row + offset).saturating_sub(radius).min(size - 1);
            for (out, value) in out.iter_mut().zip(&scratch[from * size..(from + 1) * size]) {
                *out += weight * value;
            }
        }
    }
}
