//! Axes of a picture: pixels, offsets on the sky from its middle, or places on the sky.
//!
//! Invariant: pixels are counted as in memory, columns from the left and rows from the top, from 0, centres at integers; the
//! picture reaches from -0.5 to half a pixel beyond the last.

use super::ticks::{nice, texts};
use crate::sky::{Frame, Grid, Place, SkyPosition, format_degrees, format_hours};

/// How the sides of a picture are labelled.
#[derive(Clone, Debug, PartialEq)]
pub enum Axes {
    /// Columns and rows.
    Pixels,
    /// Arcseconds from the middle of the picture along its sides.
    Offsets {
        /// Arcseconds per column and per row, to the right and down; the sign is that of the direction named.
        per_pixel: [f64; 2],
        /// What the two are called.
        labels: [String; 2],
    },
    /// Longitude along the lower side and latitude along the left side.
    Sky(Box<Grid>),
}

/// A tick on a side of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisTick {
    /// Its place, as a share of the side from the left or the top.
    pub share: f64,
    /// Its label.
    pub text: String,
}

/// One side of a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// What is counted, with its unit.
    pub label: String,
    /// Its ticks.
    pub ticks: Vec<AxisTick>,
}

/// How far from up north may point for rows to be called north, as the sine of the angle: half a degree.
const ALIGNED: f64 = 0.009;

impl Axes {
    /// Offsets on the sky for the pixels of a grid; `None` where it has no sky coordinates.
    pub fn offsets(grid: &Grid) -> Option<Self> {
        let [height, width] = grid.size();
        let middle = middle(width, height);
        let compass = grid.compass(middle)?;
        let apart = |columns: f64, rows: f64| {
            let side = |sign: f64| {
                let place = Place::new(
                    middle.column + sign * columns / 2.0,
                    middle.row + sign * rows / 2.0,
                );
                grid.sky(place)
            };
            let degrees = side(-1.0)?.separation(side(1.0)?)?;
            Some(degrees * 3600.0).filter(|arcsec| arcsec.is_normal())
        };
        let (across, down) = (apart(1.0, 0.0)?, apart(0.0, 1.0)?);
        let is_aligned = compass.north[0].abs() < ALIGNED && compass.east[1].abs() < ALIGNED;
        Some(if is_aligned {
            Self::Offsets {
                per_pixel: [
                    across * compass.east[0].signum(),
                    down * compass.north[1].signum(),
                ],
                labels: ["East offset (arcsec)", "North offset (arcsec)"].map(str::to_owned),
            }
        } else {
            Self::Offsets {
                per_pixel: [across, -down],
                labels: ["x offset (arcsec)", "y offset (arcsec)"].map(str::to_owned),
            }
        })
    }

    /// Places on the sky for the pixels of a grid; `None` where it has no sky coordinates.
    pub fn sky(grid: &Grid) -> Option<Self> {
        let [height, width] = grid.size();
        grid.sky(middle(width, height))?;
        Some(Self::Sky(Box::new(grid.clone())))
    }

    /// The lower side of a picture of `[height, width]` pixels, at most `most` ticks.
    pub fn across(&self, [height, width]: [usize; 2], most: usize) -> Axis {
        let ends = [-0.5, width as f64 - 0.5];
        match self {
            Self::Pixels => linear("Column (pixels)", ends, most),
            Self::Offsets { per_pixel, labels } => {
                let zero = middle(width, height).column;
                linear(
                    &labels[0],
                    ends.map(|column| (column - zero) * per_pixel[0]),
                    most,
                )
            }
            Self::Sky(grid) => {
                let row = height as f64 - 0.5;
                let at = |share: f64| {
                    let column = ends[0] + share * (ends[1] - ends[0]);
                    grid.sky(Place::new(column, row))
                };
                angles(at, Angle::Longitude, most)
            }
        }
    }

    /// The left side of a picture of `[height, width]` pixels, from the top, at most `most` ticks.
    pub fn down(&self, [height, width]: [usize; 2], most: usize) -> Axis {
        let ends = [-0.5, height as f64 - 0.5];
        match self {
            Self::Pixels => linear("Row (pixels)", ends, most),
            Self::Offsets { per_pixel, labels } => {
                let zero = middle(width, height).row;
                linear(
                    &labels[1],
                    ends.map(|row| (row - zero) * per_pixel[1]),
                    most,
                )
            }
            Self::Sky(grid) => {
                let at = |share: f64| {
                    let row = ends[0] + share * (ends[1] - ends[0]);
                    grid.sky(Place::new(-0.5, row))
                };
                angles(at, Angle::Latitude, most)
            }
        }
    }
}

fn middle(width: usize, height: usize) -> Place {
    Place::new((width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0)
}

/// Evenly spaced values from one end to the other.
fn linear(label: &str, ends: [f64; 2], most: usize) -> Axis {
    let values = nice(ends, most);
    let share = |value: f64| (value - ends[0]) / (ends[1] - ends[0]);
    let ticks = values.iter().zip(texts(&values));
    Axis {
        label: label.to_owned(),
        ticks: ticks
            .map(|(value, text)| AxisTick {
                share: share(*value),
                text,
            })
            .collect(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Angle {
    Longitude,
    Latitude,
}

/// Round steps of angles on the sky, arcseconds: those of minutes and degrees are not decimal.
const STEPS: [f64; 22] = [
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0,
    900.0, 1800.0, 3600.0, 7200.0, 18_000.0, 36_000.0,
];

/// Ticks at round angles along a side on which they change in one direction.
fn angles(at: impl Fn(f64) -> Option<SkyPosition>, angle: Angle, most: usize) -> Axis {
    let (Some(first), Some(last)) = (at(0.0), at(1.0)) else {
        return Axis::default();
    };
    let in_hours = angle == Angle::Longitude && first.frame.is_equatorial();
    // Seconds of time are fifteen seconds of arc.
    let unit = if in_hours { 15.0 } else { 1.0 };
    let arcsec = |sky: SkyPosition| {
        let degrees = match angle {
            // Across the zero of longitude the nearer turn counts.
            Angle::Longitude => {
                first.longitude + (sky.longitude - first.longitude + 540.0).rem_euclid(360.0)
                    - 180.0
            }
            Angle::Latitude => sky.latitude,
        };
        degrees * 3600.0 / unit
    };
    let (from, to) = (arcsec(first), arcsec(last));
    let (low, high) = (from.min(to), from.max(to));
    let label = match (first.frame.is_equatorial(), angle) {
        (true, Angle::Longitude) => "Right ascension",
        (true, Angle::Latitude) => "Declination",
        (false, Angle::Longitude) => "Longitude",
        (false, Angle::Latitude) => "Latitude",
    };
    let label = match first.frame {
        Frame::Icrs | Frame::Fk5 | Frame::Fk4 => {
            format!("{label} ({})", first.frame.name().to_uppercase())
        }
        other => format!("{label} ({})", other.name()),
    };
    let count = |step: &&f64| (high / *step).floor() - (low / *step).ceil() + 1.0;
    let step = STEPS.iter().find(|step| count(step) <= most as f64);
    let Some(step) = step.filter(|step| count(step) >= 1.0) else {
        return Axis {
            label,
            ticks: Vec::new(),
        };
    };
    let decimals = (-step.log10().floor()).clamp(0.0, 3.0) as u8;
    let values = (0..most).map(|i| ((low / step).ceil() + i as f64) * step);
    let ticks = values
        .take_while(|value| *value <= high)
        .filter_map(|value| {
            let degrees = value * unit / 3600.0;
            let text = if in_hours {
                format_hours(degrees, decimals)
            } else {
                format_degrees(degrees, decimals)
            };
            let share = found(|share| Some(arcsec(at(share)?)), value)?;
            Some(AxisTick { share, text })
        });
    Axis {
        ticks: ticks.collect(),
        label,
    }
}

/// Where between 0 and 1 a function that rises or falls has a value, by halving.
fn found(of: impl Fn(f64) -> Option<f64>, value: f64) -> Option<f64> {
    let rises = of(1.0)? > of(0.0)?;
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if (of(middle)? < value) == rises {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(f64::midpoint(low, high))
}
