//! What else is in the frame: faint neighbours and foreground stars.
//!
//! Invariant: places are relative to the galaxy's centre and drawn for a field of [`FIELD_SIDE`] pixels, so that a smaller
//! frame shows a part of the same sky.

use serde::{Deserialize, Serialize};

use super::model::{Sersic, colour, log_normal};
use crate::seed::Stream;

/// Side of the field for which neighbours are drawn: the 424 px survey picture at stamp scale.
pub(super) const FIELD_SIDE: f64 = 142.0;

/// A foreground star.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Star {
    /// Place relative to the galaxy's centre (columns, rows), pixels.
    pub place: [f64; 2],
    /// Total light, mean of the bands.
    pub flux: f64,
    /// Light per band relative to the mean.
    pub colour: [f64; 3],
}

/// Neighbours of a galaxy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Small galaxies with their places relative to the galaxy's centre (columns, rows), pixels.
    pub galaxies: Vec<([f64; 2], Sersic)>,
    /// Stars.
    pub stars: Vec<Star>,
}

impl Field {
    /// A field drawn from the collection's distribution.
    pub fn draw(stream: &mut Stream) -> Self {
        // A log-normal richness: most fields hold a few sources, some are crowded.
        let richness = log_normal(stream, 1.0, 0.7);
        let count = |stream: &mut Stream, mean: f64| {
            (mean * richness * -stream.unit().max(1e-9).ln()) as usize
        };
        let galaxies = count(stream, 6.0).min(30);
        let stars = count(stream, 5.0).min(30);
        Self {
            galaxies: (0..galaxies).map(|_| neighbour(stream)).collect(),
            stars: (0..stars).map(|_| Star::draw(stream)).collect(),
        }
    }
}

fn place(stream: &mut Stream) -> [f64; 2] {
    loop {
        let half = FIELD_SIDE / 2.0;
        let place = [stream.uniform(-half, half), stream.uniform(-half, half)];
        // Nothing sits on the galaxy itself: that would be another blend.
        if place[0].hypot(place[1]) > 9.0 {
            return place;
        }
    }
}

fn neighbour(stream: &mut Stream) -> ([f64; 2], Sersic) {
    let place = place(stream);
    let mut galaxy = Sersic {
        flux: 1.0,
        half_light_radius: log_normal(stream, 1.3, 0.45).min(6.0),
        index: stream.uniform(0.8, 3.0),
        axis_ratio: stream.uniform(0.35, 1.0),
        position_angle: stream.uniform(0.0, std::f64::consts::PI),
        colour: colour([1.08, 1.0, 0.9], stream.normal() * 0.2),
    };
    galaxy.flux = log_normal(stream, 0.03, 0.8).min(0.4) / galaxy.at_half_light();
    (place, galaxy)
}

impl Star {
    fn draw(stream: &mut Stream) -> Self {
        Self {
            place: place(stream),
            // Counts of stars rise steeply towards the faint end.
            flux: (0.15 * stream.unit().max(1e-3).powf(-0.9)).min(40.0),
            colour: colour([1.0, 1.0, 1.0], stream.normal() * 0.25),
        }
    }
}
