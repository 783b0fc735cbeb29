//! From light to a survey picture: sky, Poisson and read noise, asinh display, 8 bits.
//!
//! Invariant: levels and scatter of the sky follow what was measured on the frames of Galaxy Zoo pictures (median, 10 % and
//! 90 % of each survey). Display after Lupton et al. 2004, PASP 116, 133 (arXiv astro-ph/0312483): one asinh of the mean of
//! the bands scales all bands, so that colours do not depend on brightness.

use serde::{Deserialize, Serialize};

use super::model::log_normal;
use super::psf::smooth;
use super::render::Light;
use crate::seed::Stream;

/// The look of a survey's pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Survey {
    /// Dark sky with coloured grain (SDSS).
    Sloan,
    /// Grey, strongly grained sky (`DECaLS`).
    Decals,
    /// Smooth, lifted, bluish sky (KiDS/GAMA).
    Gama,
    /// Dark sky with coarse coloured grain, clumpy galaxies (Hubble GOODS).
    Goods,
}

/// Medians of a survey's pictures; pairs are a median and the scatter of its logarithm.
struct Look {
    /// Display level of the sky.
    floor: [f64; 2],
    /// Scatter of the sky on display.
    scatter: [f64; 2],
    /// Colour of the sky.
    tint: [f64; 3],
    common_noise: f64,
    /// Largest width over which the noise is correlated, pixels.
    noise_width: f64,
    saturation: f64,
    psf_fwhm: f64,
}

impl Survey {
    fn look(self) -> Look {
        match self {
            Self::Sloan => Look {
                floor: [0.024, 0.5],
                scatter: [0.017, 0.4],
                tint: [1.0, 1.0, 0.7],
                common_noise: 0.5,
                noise_width: 0.45,
                saturation: 1.1,
                psf_fwhm: 2.9,
            },
            Self::Decals => Look {
                floor: [0.08, 0.17],
                scatter: [0.062, 0.3],
                tint: [1.03, 0.96, 0.98],
                common_noise: 0.93,
                noise_width: 0.0,
                saturation: 0.55,
                psf_fwhm: 2.6,
            },
            Self::Gama => Look {
                floor: [0.083, 0.25],
                scatter: [0.015, 0.45],
                tint: [0.96, 1.0, 1.02],
                common_noise: 0.9,
                noise_width: 0.3,
                saturation: 0.7,
                psf_fwhm: 2.8,
            },
            Self::Goods => Look {
                floor: [0.028, 0.4],
                scatter: [0.03, 0.35],
                tint: [1.0, 0.85, 1.05],
                common_noise: 0.35,
                noise_width: 0.5,
                saturation: 1.1,
                psf_fwhm: 2.7,
            },
        }
    }
}

/// Telescope, sky and display of one picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// The look.
    pub survey: Survey,
    /// Full width at half maximum of the PSF, pixels.
    pub psf_fwhm: f64,
    /// Display level of the empty sky per band, 0 to 1.
    pub floor: [f64; 3],
    /// Brightness of the sky (subtracted before display, its noise stays), light units.
    pub sky: f64,
    /// Electrons per unit of light.
    pub gain: f64,
    /// Read noise per band and pixel, light units.
    pub read_noise: f64,
    /// Share of the noise that is common to the bands, 0 to 1.
    pub common_noise: f64,
    /// Gaussian width over which the noise is correlated, pixels; 0 is white.
    pub noise_width: f64,
    /// Softening of the asinh: larger lifts faint light more.
    pub softening: f64,
    /// Colour contrast of the display: 0 grey, 1 as observed.
    pub saturation: f64,
    /// Whether too bright pixels keep their colour (scaled) or turn white (clipped).
    pub keeps_colour: bool,
}

impl Exposure {
    /// An exposure drawn from the collection's distribution.
    pub fn draw(stream: &mut Stream) -> Self {
        let survey = match stream.unit() {
            u if u < 0.32 => Survey::Sloan,
            u if u < 0.55 => Survey::Decals,
            u if u < 0.76 => Survey::Gama,
            _ => Survey::Goods,
        };
        let look = survey.look();
        let level = log_normal(stream, look.floor[0], look.floor[1]);
        let softening = stream.uniform(6.0, 14.0);
        // The display's slope at the sky turns scatter on display into light.
        let shown = log_normal(stream, look.scatter[0], look.scatter[1]).clamp(0.004, 0.11);
        let scatter = shown * softening.asinh() / softening;
        let gain = log_normal(stream, 8000.0, 0.7);
        let read_noise = 0.45 * scatter;
        Self {
            survey,
            psf_fwhm: log_normal(stream, look.psf_fwhm, 0.2).clamp(1.6, 4.4),
            floor: look
                .tint
                .map(|t| level * t * (stream.normal() * 0.06).exp()),
            sky: (scatter * scatter - read_noise * read_noise) * gain,
            gain,
            read_noise,
            common_noise: (look.common_noise + stream.normal() * 0.08).clamp(0.0, 0.98),
            noise_width: look.noise_width * stream.unit(),
            softening,
            saturation: (look.saturation + stream.normal() * 0.15).max(0.2),
            keeps_colour: stream.coin(),
        }
    }

    /// The picture `[3, size, size]` of `light`, values in `[0, 1]` at 8-bit levels.
    pub fn develop(&self, light: &Light, stream: &mut Stream) -> Vec<f32> {
        let plane = light.size * light.size;
        let mut noise = self.unit_noise(light.size, stream);
        for (noise, light) in noise.iter_mut().zip(&light.pixels) {
            // Poisson noise of galaxy and sky electrons (both many, so Gaussian) and the read noise.
            let variance = (light + self.sky as f32) / self.gain as f32
                + (self.read_noise * self.read_noise) as f32;
            *noise = *noise * variance.max(0.0).sqrt() + light;
        }
        let softening = self.softening as f32;
        let slope = (self.softening / self.softening.asinh()) as f32;
        let saturation = self.saturation as f32;
        let floor = self.floor.map(|f| f as f32);
        let mut pixels = noise;
        for i in 0..plane {
            let bands = [0, 1, 2].map(|band| pixels[band * plane + i]);
            let mean = (bands[0] + bands[1] + bands[2]) / 3.0;
            let factor = slope * asinh_over(softening * mean);
            let mut shown = [0, 1, 2]
                .map(|band| floor[band] + factor * (mean + saturation * (bands[band] - mean)));
            let brightest = shown[0].max(shown[1]).max(shown[2]);
            if self.keeps_colour && brightest > 1.0 {
                shown = shown.map(|v| v / brightest);
            }
            for (band, value) in shown.iter().enumerate() {
                let level = (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
                pixels[band * plane + i] = f32::from(level) / 255.0;
            }
        }
        pixels
    }

    /// Noise of variance 1 `[3, size, size]`, correlated between bands and pixels as asked.
    fn unit_noise(&self, size: usize, stream: &mut Stream) -> Vec<f32> {
        let plane = size * size;
        let mut noise = vec![0.0; 4 * plane];
        fill_normal(&mut noise, stream);
        let common = self.common_noise.sqrt() as f32;
        let own = (1.0 - self.common_noise).sqrt() as f32;
        let mut scratch = vec![0.0; plane];
        let (bands, shared) = noise.split_at_mut(3 * plane);
        for band in bands.chunks_exact_mut(plane) {
            for (own_noise, shared) in band.iter_mut().zip(shared.iter()) {
                *own_noise = own * *own_noise + common * shared;
            }
            if self.noise_width > 0.2 {
                smooth(band, &mut scratch, size, self.noise_width);
                let gain = smoothing_gain(self.noise_width);
                for value in band.iter_mut() {
                    *value *= gain;
                }
            }
        }
        noise.truncate(3 * plane);
        noise
    }
}

/// Factor that restores variance 1 after Gaussian smoothing of white noise by `sigma` pixels.
fn smoothing_gain(sigma: f64) -> f32 {
    let radius = (3.0 * sigma).ceil() as i32;
    let weights: Vec<f64> = (-radius..=radius)
        .map(|i| (-0.5 * (f64::from(i) / sigma).powi(2)).exp())
        .collect();
    let total: f64 = weights.iter().sum();
    let squares: f64 = weights.iter().map(|w| (w / total).powi(2)).sum();
    (1.0 / squares) as f32
}

/// Fills `out` with nearly normal values of mean 0 and variance 1.
///
/// The number of ones among 40 random bits is binomial; the other 24 bits smooth its steps. The kurtosis is 2.95 instead
/// of 3, far below what 8 bits show. No logarithm or cosine: ten times as fast as Box-Muller, and the same to the last bit on every machine.
fn fill_normal(out: &mut [f32], stream: &mut Stream) {
    // Variance of the binomial (40 / 4) and of the uniform half step (1 / 12).
    let scale = (10.0_f32 + 1.0 / 12.0).sqrt().recip();
    let step_size = (-24_f32).exp2();
    let mut state = stream.bits();
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    for value in out {
        let bits = next();
        let ones = (bits >> 24).count_ones() as f32;
        let step = (bits & 0xFF_FFFF) as f32 * step_size;
        *value = (ones - 20.5 + step) * scale;
    }
}

/// asinh(x) / x, to a relative error of 1e-5.
fn asinh_over(x: f32) -> f32 {
    let x = x.abs();
    if x < 0.03 {
        return 1.0 - x * x / 6.0;
    }
    (x + (x * x + 1.0).sqrt()).ln() / x
}
