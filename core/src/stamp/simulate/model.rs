//! What a simulated galaxy is made of, and how one is drawn.
//!
//! Invariant: plain data; every random choice is made here, none while rendering. Frequencies of the morphologies and the
//! sizes follow the Galaxy Zoo pictures the published deblender was trained on (12 to 60 px across in an 80 px stamp).

use serde::{Deserialize, Serialize};

use crate::seed::Stream;

/// Broad kind of a galaxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Morphology {
    /// A smooth spheroid.
    Elliptical,
    /// Bulge and smooth disk.
    Lenticular,
    /// Bulge and disk with arms, often a bar.
    Spiral,
    /// A disk seen from its side.
    EdgeOn,
    /// A clumpy disk without order.
    Irregular,
}

/// A Sersic profile: `I(r) = I_e exp(-b ((r / r_e)^(1/n) - 1))` (Sersic 1963; `b` after Ciotti and Bertin 1999, A&A 352, 447).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sersic {
    /// Total light, mean of the bands.
    pub flux: f64,
    /// Semi-major axis of the ellipse that holds half the light, pixels.
    pub half_light_radius: f64,
    /// Sersic index n: 1 exponential disk, 4 de Vaucouleurs.
    pub index: f64,
    /// Minor over major axis.
    pub axis_ratio: f64,
    /// Direction of the major axis, radians.
    pub position_angle: f64,
    /// Light per band relative to the mean (red, green, blue).
    pub colour: [f64; 3],
}

/// Logarithmic spiral arms: ridges at `arms * (angle - phase) = arms * turn * ln(r / h) / tan(pitch)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arms {
    /// Number of arms.
    pub arms: u32,
    /// Pitch angle, radians; small is tightly wound.
    pub pitch: f64,
    /// +1 or -1: sense of winding.
    pub turn: f64,
    /// Angle of the first ridge at one scale length, radians.
    pub phase: f64,
    /// Young light on a ridge relative to the disk.
    pub strength: f64,
    /// Concentration of the ridge (von Mises kappa).
    pub sharpness: f64,
    /// Dark lane along the inner edge, share of the light taken.
    pub dust: f64,
    /// How much the ridges wander and break up, 0 to about 1.3.
    pub flocculence: f64,
}

/// A bar through the centre, in the plane of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// Half length, pixels.
    pub length: f64,
    /// Width over length.
    pub axis_ratio: f64,
    /// Direction in the plane of the disk, radians.
    pub angle: f64,
    /// Central surface brightness relative to the disk.
    pub strength: f64,
}

/// A ring in the plane of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ring {
    /// Radius, pixels.
    pub radius: f64,
    /// Gaussian width, pixels.
    pub width: f64,
    /// Young light on the ring relative to the disk's centre.
    pub strength: f64,
}

/// A star-forming region.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clump {
    /// Place in the plane of the disk relative to the centre (along, across the major axis), pixels.
    pub place: [f64; 2],
    /// Gaussian width on the sky, pixels.
    pub width: f64,
    /// Peak surface brightness, mean of the bands.
    pub peak: f64,
    /// Light per band relative to the mean.
    pub colour: [f64; 3],
}

/// A dust lane along the major axis of an edge-on disk.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DustLane {
    /// Share of the light taken in the middle.
    pub depth: f64,
    /// Gaussian width, pixels on the sky.
    pub width: f64,
    /// Distance from the major axis, pixels on the sky.
    pub offset: f64,
}

/// An exponential disk and what lives in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Disk {
    /// Central surface brightness of the smooth disk, mean of the bands.
    pub central: f64,
    /// Scale length, pixels.
    pub scale_length: f64,
    /// Minor over major axis (cosine of the inclination for a thin disk).
    pub axis_ratio: f64,
    /// Direction of the major axis, radians.
    pub position_angle: f64,
    /// Old stars, light per band relative to the mean.
    pub old_colour: [f64; 3],
    /// Young stars, light per band relative to the mean.
    pub young_colour: [f64; 3],
    /// Strength of the first harmonic (lopsidedness), 0 to 1, and its angle.
    pub lopsided: [f64; 2],
    /// Spiral arms.
    pub arms: Option<Arms>,
    /// Bar.
    pub bar: Option<Bar>,
    /// Ring.
    pub ring: Option<Ring>,
    /// Dust lane of an edge-on disk.
    pub dust_lane: Option<DustLane>,
    /// Star-forming regions.
    pub clumps: Vec<Clump>,
    /// Seed of the texture that breaks up arms and irregular disks.
    pub texture: u64,
}

/// One galaxy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GalaxyModel {
    /// Its kind.
    pub morphology: Morphology,
    /// Distance of its centre from the middle of the frame (columns, rows), pixels.
    pub offset: [f64; 2],
    /// Bulge, or the whole of an elliptical.
    pub bulge: Option<Sersic>,
    /// Disk.
    pub disk: Option<Disk>,
}

impl GalaxyModel {
    /// A galaxy drawn from the collection's distribution.
    pub fn draw(stream: &mut Stream) -> Self {
        let offset = [stream.normal() * 0.4, stream.normal() * 0.4];
        let morphology = match stream.unit() {
            u if u < 0.17 => Morphology::Elliptical,
            u if u < 0.29 => Morphology::Lenticular,
            u if u < 0.74 => Morphology::Spiral,
            u if u < 0.85 => Morphology::EdgeOn,
            _ => Morphology::Irregular,
        };
        let position_angle = stream.uniform(0.0, std::f64::consts::PI);
        let warmth = stream.normal() * 0.1;
        if morphology == Morphology::Elliptical {
            return Self {
                morphology,
                offset,
                bulge: Some(elliptical(stream, position_angle, warmth)),
                disk: None,
            };
        }
        let disk = Disk::draw(stream, morphology, position_angle, warmth);
        let bulge = bulge_of(stream, morphology, &disk, warmth);
        Self {
            morphology,
            offset,
            bulge,
            disk: Some(disk),
        }
    }

    /// The centre (column, row) in a frame of `size` x `size` pixels.
    pub fn centre_in(&self, size: usize) -> [f64; 2] {
        let middle = (size as f64 - 1.0) / 2.0;
        self.offset.map(|o| middle + o)
    }
}

impl Disk {
    fn draw(stream: &mut Stream, morphology: Morphology, position_angle: f64, warmth: f64) -> Self {
        let irregular = morphology == Morphology::Irregular;
        let scale_length = log_normal(stream, 12.5, 0.3).clamp(5.0, 20.0);
        let axis_ratio = match morphology {
            Morphology::EdgeOn => stream.uniform(0.1, 0.26),
            _ => stream.uniform(0.3, 1.0),
        };
        // A tilted transparent disk is brighter by its depth; half of it, because dust takes its share.
        let central = log_normal(stream, 0.145, 0.5).clamp(0.04, 0.6) / axis_ratio.sqrt();
        let arms = (morphology == Morphology::Spiral).then(|| Arms::draw(stream));
        let bar = (morphology == Morphology::Spiral && stream.unit() < 0.4).then(|| Bar {
            length: scale_length * stream.uniform(0.5, 1.2),
            axis_ratio: stream.uniform(0.18, 0.4),
            angle: arms.map_or(0.0, |a| a.phase) + stream.normal() * 0.15,
            strength: stream.uniform(0.6, 2.0),
        });
        let ring_chance = if morphology == Morphology::EdgeOn {
            0.0
        } else {
            0.12
        };
        let ring = (stream.unit() < ring_chance).then(|| Ring {
            radius: scale_length * stream.uniform(1.0, 2.2),
            width: scale_length * stream.uniform(0.15, 0.35),
            strength: stream.uniform(0.2, 0.7),
        });
        let dust_lane =
            (morphology == Morphology::EdgeOn && stream.unit() < 0.6).then(|| DustLane {
                depth: stream.uniform(0.12, 0.5),
                width: stream.uniform(0.4, 1.0),
                offset: stream.normal() * 0.5,
            });
        let mut disk = Self {
            central,
            scale_length,
            axis_ratio,
            position_angle,
            old_colour: colour(
                [1.12, 1.0, 0.88],
                if irregular { warmth - 0.12 } else { warmth },
            ),
            young_colour: colour([0.84, 0.99, 1.17], warmth * 0.7),
            lopsided: [
                stream.unit().powi(2) * if irregular { 0.9 } else { 0.35 },
                stream.uniform(0.0, std::f64::consts::TAU),
            ],
            arms,
            bar,
            ring,
            dust_lane,
            clumps: Vec::new(),
            texture: stream.bits(),
        };
        let clumps = match morphology {
            Morphology::Spiral => stream.below(22),
            Morphology::Irregular => 4 + stream.below(22),
            Morphology::EdgeOn => stream.below(6),
            _ => 0,
        };
        disk.clumps = (0..clumps).map(|_| Clump::draw(stream, &disk)).collect();
        disk
    }
}

impl Arms {
    fn draw(stream: &mut Stream) -> Self {
        let arms = [2, 2, 2, 2, 1, 3, 3, 4, 5][stream.below(9)];
        Self {
            arms,
            pitch: stream
                .uniform(if arms > 3 { 20.0 } else { 13.0 }, 36.0)
                .to_radians(),
            turn: if stream.coin() { 1.0 } else { -1.0 },
            phase: stream.uniform(0.0, std::f64::consts::TAU),
            strength: stream.uniform(0.6, 3.2),
            sharpness: stream.uniform(1.2, 4.5),
            dust: stream.unit().powi(2) * 0.5,
            flocculence: stream.uniform(0.2, 1.3),
        }
    }

    /// Angle by which a ridge turns per e-fold of the radius.
    pub(super) fn winding(&self) -> f64 {
        self.turn / self.pitch.tan()
    }
}

impl Clump {
    fn draw(stream: &mut Stream, disk: &Disk) -> Self {
        // Sum of two exponential draws: radii of an exponential disk's light.
        let radius = -((1.0 - stream.unit()) * (1.0 - stream.unit())).ln() * disk.scale_length;
        let mut angle = stream.uniform(0.0, std::f64::consts::TAU);
        if let Some(arms) = disk.arms {
            let ridge = (angle / std::f64::consts::TAU * f64::from(arms.arms)).floor();
            angle = arms.phase
                + arms.winding() * (radius / disk.scale_length).ln()
                + ridge * std::f64::consts::TAU / f64::from(arms.arms)
                + stream.normal() * 0.14;
        }
        let base = if stream.unit() < 0.12 {
            [1.15, 0.8, 1.05]
        } else {
            [0.68, 0.98, 1.34]
        };
        Self {
            place: [radius * angle.cos(), radius * angle.sin()],
            width: stream.uniform(0.5, 1.5),
            peak: log_normal(stream, 0.45, 0.6)
                * disk.central
                * (-radius / (3.0 * disk.scale_length)).exp(),
            colour: colour(base, stream.normal() * 0.08),
        }
    }
}

fn elliptical(stream: &mut Stream, position_angle: f64, warmth: f64) -> Sersic {
    let mut profile = Sersic {
        flux: 1.0,
        half_light_radius: log_normal(stream, 13.0, 0.3).clamp(6.0, 21.0),
        index: stream.uniform(1.6, 4.2),
        axis_ratio: stream.uniform(0.5, 1.0),
        position_angle,
        colour: colour([1.15, 1.0, 0.78], warmth),
    };
    profile.flux = log_normal(stream, 0.085, 0.45) / profile.at_half_light();
    profile
}

fn bulge_of(
    stream: &mut Stream,
    morphology: Morphology,
    disk: &Disk,
    warmth: f64,
) -> Option<Sersic> {
    let share = match morphology {
        Morphology::Irregular if stream.unit() < 0.7 => return None,
        Morphology::Irregular => stream.uniform(0.01, 0.06),
        Morphology::Lenticular => stream.uniform(0.12, 0.5),
        _ => stream.unit().powi(2) * 0.3 + 0.015,
    };
    let disk_flux =
        std::f64::consts::TAU * disk.scale_length.powi(2) * disk.axis_ratio * disk.central;
    Some(Sersic {
        flux: disk_flux * share / (1.0 - share),
        half_light_radius: (disk.scale_length * stream.uniform(0.14, 0.5)).max(1.2),
        index: stream.uniform(1.0, 3.0),
        axis_ratio: disk.axis_ratio.max(stream.uniform(0.55, 0.95)),
        position_angle: disk.position_angle + stream.normal() * 0.1,
        colour: colour([1.18, 1.0, 0.76], warmth),
    })
}

/// `median * exp(sigma * normal)`.
pub(super) fn log_normal(stream: &mut Stream, median: f64, sigma: f64) -> f64 {
    median * (sigma * stream.normal()).exp()
}

/// `base` warmed (red up, blue down) by `warmth`, normalised to a mean of 1.
pub(super) fn colour(base: [f64; 3], warmth: f64) -> [f64; 3] {
    let [r, g, b] = [base[0] * warmth.exp(), base[1], base[2] * (-warmth).exp()];
    let mean = (r + g + b) / 3.0;
    [r / mean, g / mean, b / mean]
}
