//! The published toys: Gaussians in a ring or a grid, and how many of them a generator covers.

use serde::{Deserialize, Serialize};

use crate::seed::Stream;

/// Where the Gaussians are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Equally spaced on a circle.
    Ring,
    /// On a square grid.
    Grid,
}

/// A mixture of equal Gaussians in the plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixtureData {
    /// Where they are.
    pub layout: Layout,
    /// How many; a square number in a grid.
    pub modes: usize,
    /// Radius of the ring, or half the side of the grid.
    pub extent: f64,
    /// Standard deviation of each along both axes.
    pub deviation: f64,
}

/// How a sample covers a mixture. A point is of high quality within three standard deviations of the nearest centre; a mode
/// is covered when at least one such point is nearest to it (Srivastava et al. 2017, arXiv:1705.07761, section 5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Coverage {
    /// Covered modes.
    pub modes: usize,
    /// Share of points of high quality.
    pub high_quality: f64,
    /// Modes with at least a quarter of their due number of points of high quality: coverage in earnest.
    pub filled: usize,
}

impl MixtureData {
    /// Says what makes no sense.
    pub(super) fn check(&self) -> Result<(), String> {
        let root = self.modes.isqrt();
        if !(1..=10_000).contains(&self.modes) {
            return Err(format!("data.modes is {}, expected 1 to 10000", self.modes));
        }
        if self.layout == Layout::Grid && root * root != self.modes {
            return Err(format!("a grid of {} modes is not square", self.modes));
        }
        for (name, value) in [("extent", self.extent), ("deviation", self.deviation)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(format!("data.{name} is {value}, expected more than 0"));
            }
        }
        Ok(())
    }

    /// The centres.
    pub fn centres(&self) -> Vec<[f64; 2]> {
        match self.layout {
            Layout::Ring => (0..self.modes)
                .map(|i| {
                    let angle = std::f64::consts::TAU * i as f64 / self.modes as f64;
                    [self.extent * angle.cos(), self.extent * angle.sin()]
                })
                .collect(),
            Layout::Grid => {
                let side = self.modes.isqrt();
                let gaps = side.saturating_sub(1).max(1) as f64;
                let at = |i: usize| self.extent * (2.0 * i as f64 / gaps - 1.0);
                (0..self.modes)
                    .map(|i| [at(i % side), at(i / side)])
                    .collect()
            }
        }
    }

    /// `count` points, `[count, 2]`.
    pub(super) fn draw(&self, stream: &mut Stream, count: usize) -> Vec<f32> {
        let centres = self.centres();
        let mut points = Vec::with_capacity(2 * count);
        for _ in 0..count {
            let centre = centres[stream.below(centres.len())];
            for coordinate in centre {
                points.push((coordinate + self.deviation * stream.normal()) as f32);
            }
        }
        points
    }

    /// How `points`, `[N, 2]`, cover the mixture; what is not finite covers nothing.
    pub fn coverage(&self, points: &[f32]) -> Coverage {
        let centres = self.centres();
        let mut hits = vec![0_usize; centres.len()];
        let count = points.len() / 2;
        for point in points.chunks_exact(2) {
            let distance = |c: &[f64; 2]| {
                let (dx, dy) = (f64::from(point[0]) - c[0], f64::from(point[1]) - c[1]);
                dx.hypot(dy)
            };
            let nearest = (0..centres.len())
                .min_by(|a, b| distance(&centres[*a]).total_cmp(&distance(&centres[*b])));
            if let Some(nearest) = nearest
                && distance(&centres[nearest]) <= 3.0 * self.deviation
            {
                hits[nearest] += 1;
            }
        }
        let due = count as f64 / centres.len() as f64;
        Coverage {
            modes: hits.iter().filter(|n| **n > 0).count(),
            high_quality: hits.iter().sum::<usize>() as f64 / count.max(1) as f64,
            filled: hits.iter().filter(|n| **n as f64 >= 0.25 * due).count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixture(layout: Layout, modes: usize) -> MixtureData {
        MixtureData {
            layout,
            modes,
            extent: 1.4,
            deviation: 0.02,
        }
    }

    #[test]
    fn the_mixture_covers_itself() {
        for (layout, modes) in [(Layout::Ring, 8), (Layout::Grid, 25)] {
            let mixture = mixture(layout, modes);
            mixture.check().unwrap();
            let points = mixture.draw(&mut Stream::new(1), 2500);
            let coverage = mixture.coverage(&points);
            assert_eq!((coverage.modes, coverage.filled), (modes, modes));
            // Within three deviations in two dimensions: 1 - exp(-4.5).
            assert!(
                (coverage.high_quality - 0.9889).abs() < 0.01,
                "{coverage:?}"
            );
        }
    }

    #[test]
    fn one_mode_is_one_mode_and_nothing_is_none() {
        let mixture = mixture(Layout::Ring, 8);
        let one: Vec<f32> = [1.4, 0.0].repeat(100);
        let coverage = mixture.coverage(&one);
        assert_eq!((coverage.modes, coverage.filled), (1, 1));
        assert_eq!(coverage.high_quality, 1.0);
        let nowhere = mixture.coverage(&[f32::NAN, 0.0, 0.0, 0.0]);
        assert_eq!((nowhere.modes, nowhere.high_quality), (0, 0.0));
        assert_eq!(mixture.coverage(&[]).modes, 0);
    }

    #[test]
    fn centres_have_the_extent() {
        let grid = mixture(Layout::Grid, 25).centres();
        assert_eq!(grid[0], [-1.4, -1.4]);
        assert!((grid[24][0] - 1.4).abs() < 1e-12 && (grid[12][0]).abs() < 1e-12);
        for [x, y] in mixture(Layout::Ring, 8).centres() {
            assert!((x.hypot(y) - 1.4).abs() < 1e-12);
        }
        assert!(mixture(Layout::Grid, 24).check().is_err());
    }
}
