//! Simulated galaxies in three bands, seeded, with their truth.
//!
//! Invariant: item `index` of `seed` is the same galaxy however many are drawn and whatever the frame's size; only the noise
//! differs between sizes. The pictures look like survey pictures (8-bit, asinh stretch, noisy sky), the truth is in linear light.
//! One unit of light is what the display shows as white.

mod disk;
mod exposure;
mod field;
mod model;
mod psf;
mod render;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::exposure::{Exposure, Survey};
pub use self::field::{Field, Star};
pub use self::model::{Arms, Bar, Clump, Disk, DustLane, GalaxyModel, Morphology, Ring, Sersic};
pub use self::render::Light;
use super::{Stamp, ValueRange};
use crate::seed::Stream;

/// A simulated picture with everything that is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulatedGalaxy {
    /// `[3, size, size]` (red, green, blue), range [`ValueRange::UNIT`], exact 8-bit levels.
    pub stamp: Stamp,
    /// What was drawn.
    pub truth: Truth,
}

/// What a simulated picture shows; lengths in stamp pixels, angles in radians from the columns towards the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// The seed of the collection.
    pub seed: u64,
    /// The item of the collection.
    pub index: u64,
    /// Side of the frame.
    pub size: usize,
    /// The galaxy.
    pub galaxy: GalaxyModel,
    /// Its faint neighbours and foreground stars.
    pub field: Field,
    /// Telescope, sky and display.
    pub exposure: Exposure,
    /// Centre of the galaxy (column, row).
    pub centre: [f64; 2],
    /// Light of the galaxy alone inside the frame, per band, before the PSF.
    pub flux: [f64; 3],
    /// Radius of the circle that holds half of `flux` (mean of the bands), before the PSF.
    pub half_light_radius: f64,
}

/// Galaxy `index` of collection `seed` in the middle of a frame of `size` x `size` pixels.
///
/// ```
/// use ganoscope_core::stamp::simulate::simulate;
/// let galaxy = simulate(7, 3, 80);
/// assert_eq!(galaxy.stamp.dims(), [3, 80, 80]);
/// assert_eq!(galaxy, simulate(7, 3, 80));
/// ```
pub fn simulate(seed: u64, index: u64, size: usize) -> SimulatedGalaxy {
    let mut stream = Stream::for_item(seed, index);
    let exposure = Exposure::draw(&mut stream);
    let galaxy = GalaxyModel::draw(&mut stream);
    let field = Field::draw(&mut stream);
    let centre = galaxy.centre_in(size);

    let mut light = Light::dark(size);
    light.add_galaxy(&galaxy, centre);
    let flux = light.flux();
    let half_light_radius = light.half_light_radius(centre);
    light.add_field(&field, centre);
    light.convolve(exposure.psf_fwhm);

    let pixels = exposure.develop(&light, &mut stream);
    let stamp = Stamp::new(
        format!("sim-{seed}-{index}"),
        pixels,
        [3, size, size],
        ValueRange::UNIT,
    );
    let truth = Truth {
        seed,
        index,
        size,
        galaxy,
        field,
        exposure,
        centre,
        flux,
        half_light_radius,
    };
    SimulatedGalaxy { stamp, truth }
}
