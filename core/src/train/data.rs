//! Training pairs: blends with their truth, drawn from real stamps and simulated galaxies.
//!
//! Invariant: pair `index` of a recipe and a set of stamps is the same on every machine, however many pairs are drawn and in
//! which order. Stamps named in the exclusion list never enter a pair, so that blends made of them can judge the result.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::seed::Stream;
use crate::stamp::blend::{
    BlendError, BlendRecipe, Fill, Perturbation, REDUCTION, Resolution, STAMP_SIDE,
};
use crate::stamp::simulate::simulate;
use crate::stamp::{Stamp, ValueRange, io};

/// Keeps the pictures of the pool apart from those that tests and demonstrations simulate with small seeds.
const POOL_SALT: u64 = 0x706f_6f6c;

/// Why pairs cannot be drawn.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum DataError {
    /// Neither real stamps nor simulated galaxies.
    #[error(
        "no galaxies to train on: {skipped} stamps were skipped and the recipe simulates none; \
         give stamps (colour, at least {side} px) or raise `simulated`"
    )]
    NoGalaxies {
        /// Stamps given but not used.
        skipped: usize,
        /// Side that a stamp needs.
        side: usize,
    },
    /// A share outside 0 to 1.
    #[error("`simulated_share` must lie between 0 and 1, got {0}")]
    Share(f64),
    /// A change of brightness that cannot work.
    #[error("`jitter` must lie between 0 and 2, got {0}")]
    Jitter(f32),
    /// The stamp side cannot work.
    #[error("`side` must be at least 8 pixels, got {0}")]
    Side(usize),
    /// A pair could not be blended.
    #[error("a pair could not be blended")]
    Blend(#[from] BlendError),
}

/// Where pairs come from; a part of a training recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DataRecipe {
    /// Seed of every draw.
    pub seed: u64,
    /// Side of the stamps, pixels.
    pub side: usize,
    /// Number of simulated galaxies rendered at the start; pairs draw from them.
    pub simulated: usize,
    /// Chance that galaxy 1 and galaxy 2 are simulated; 1 where no real stamps are given, 0 where `simulated` is 0.
    pub simulated_share: [f64; 2],
    /// What stands where the moved galaxy 2 has no picture.
    pub fill: Fill,
    /// Width over which galaxy 2 fades into the fill at the edge of its own picture, pixels.
    pub feather: f32,
    /// How much brighter or fainter a galaxy may become, as a natural logarithm, and each of its colours by half of that; 0
    /// leaves the pictures as they are. Few real stamps make many galaxies so, which cannot be learned by heart.
    pub jitter: f32,
}

impl Default for DataRecipe {
    /// Half of each galaxy real; sky fill; a fade, because real stamps are cut closer than the pictures of the survey.
    fn default() -> Self {
        Self {
            seed: 1,
            side: STAMP_SIDE,
            simulated: 3000,
            simulated_share: [0.4, 0.6],
            fill: Fill::Sky,
            feather: 6.0,
            jitter: 0.0,
        }
    }
}

impl DataRecipe {
    /// Side of a simulated picture: as much wider than the stamp as the survey's 424 px are than the 240 px crop, so
    /// that the fill is as rare as in the published recipe.
    pub fn frame_side(&self) -> usize {
        (self.side * 53).div_ceil(30)
    }

    fn check(&self) -> Result<(), DataError> {
        if self.side < 8 {
            return Err(DataError::Side(self.side));
        }
        if !(0.0..=2.0).contains(&self.jitter) {
            return Err(DataError::Jitter(self.jitter));
        }
        match self
            .simulated_share
            .iter()
            .find(|s| !(0.0..=1.0).contains(*s))
        {
            Some(share) => Err(DataError::Share(*share)),
            None => Ok(()),
        }
    }
}

/// Names of stamps that must not be trained on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExclusionList(BTreeSet<String>);

impl ExclusionList {
    /// Reads one name (file stem) per line; `#` starts a comment.
    ///
    /// ```
    /// use ganoscope_core::train::data::ExclusionList;
    /// let list = ExclusionList::parse("# judged on\nngc-1 # both\n\nngc-2\n");
    /// assert!(list.contains("ngc-1") && !list.contains("ngc-3"));
    /// ```
    pub fn parse(text: &str) -> Self {
        let names = text
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default().trim())
            .filter(|name| !name.is_empty())
            .map(str::to_owned);
        Self(names.collect())
    }

    /// Whether a stamp of this name is kept out.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// How many names it holds.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What became of the stamps given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StampReport {
    /// Real stamps in use.
    pub used: usize,
    /// Left out because the exclusion list names them.
    pub excluded: usize,
    /// Left out because they have no colour.
    pub grey: usize,
    /// Left out because they are smaller than the recipe's side.
    pub small: usize,
    /// Left out because pixels are missing (NaN or infinite).
    pub incomplete: usize,
    /// Simulated galaxies in the pool.
    pub simulated: usize,
}

impl fmt::Display for StampReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            used,
            excluded,
            grey,
            small,
            incomplete,
            simulated,
        } = self;
        write!(
            f,
            "{used} real stamps and {simulated} simulated galaxies; left out: {excluded} by the exclusion list, {grey} \
             without colour, {small} too small, {incomplete} with missing pixels"
        )
    }
}

/// One training pair, planar pixels `[3, side, side]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The blend, `[0, 1]`: what a deblender takes.
    pub blend: Vec<f32>,
    /// Galaxy 1 alone, `[-1, 1]`: the one in the middle.
    pub truth1: Vec<f32>,
    /// Galaxy 2 alone, `[-1, 1]`: the one that was moved.
    pub truth2: Vec<f32>,
}

/// A picture of the simulated pool at 8 bits, which is what the simulator gives: a quarter of the memory.
type Levels = Vec<u8>;

/// Yields pairs.
#[derive(Debug)]
pub struct PairSource {
    recipe: DataRecipe,
    real: Vec<Stamp>,
    pool: Vec<Levels>,
    report: StampReport,
}

impl PairSource {
    /// Sorts out `stamps` (decoded, any value range) and renders the simulated pool on all cores.
    ///
    /// Larger stamps are used whole when moved and cut to the middle otherwise. The order of `stamps` does not matter.
    pub fn new(
        recipe: DataRecipe,
        stamps: Vec<Stamp>,
        excluded: &ExclusionList,
    ) -> Result<Self, DataError> {
        recipe.check()?;
        let given = stamps.len();
        let (real, mut report) = sort_out(stamps, recipe.side, excluded);
        if real.is_empty() && recipe.simulated == 0 {
            return Err(DataError::NoGalaxies {
                skipped: given,
                side: recipe.side,
            });
        }
        let wanted = real.is_empty() || recipe.simulated_share.iter().any(|s| *s > 0.0);
        let count = if wanted { recipe.simulated as u64 } else { 0 };
        let (seed, frame) = (recipe.seed ^ POOL_SALT, recipe.frame_side());
        let pool: Vec<Levels> = (0..count)
            .into_par_iter()
            .map(|index| levels(&simulate(seed, index, frame).stamp))
            .collect();
        report.simulated = pool.len();
        Ok(Self {
            recipe,
            real,
            pool,
            report,
        })
    }

    /// What became of the stamps given.
    pub fn report(&self) -> StampReport {
        self.report
    }

    /// The recipe in use.
    pub fn recipe(&self) -> &DataRecipe {
        &self.recipe
    }

    /// Pair `index`.
    pub fn pair(&self, index: u64) -> Result<Pair, DataError> {
        let mut stream = Stream::for_item(self.recipe.seed, index);
        let first = self.pick(0, None, &mut stream);
        let second = self.pick(1, Some(first), &mut stream);
        let blend = BlendRecipe {
            side: self.recipe.side,
            reduction: REDUCTION,
            resolution: Resolution::Reduced,
            fill: self.recipe.fill,
            feather: self.recipe.feather,
        };
        let perturbation = Perturbation::draw(&mut stream);
        let symmetry = stream.below(8);
        // Galaxy 1 is not moved, so nothing of it needs filling or fading.
        let still = BlendRecipe {
            feather: 0.0,
            fill: Fill::Constant(0.0),
            ..blend
        };
        let one = still.warp(&self.picture(first), &Perturbation::IDENTITY, &mut stream)?;
        let two = blend.warp(&self.picture(second), &perturbation, &mut stream)?;
        // Bilinear weights add up to 1 only within rounding.
        let unit = |v: &f32| v.clamp(0.0, 1.0);
        let mut one = turned(&one.stamp.pixels, self.recipe.side, symmetry);
        let mut two: Vec<f32> = two.stamp.pixels.iter().map(unit).collect();
        if self.recipe.jitter > 0.0 {
            // Drawn last, so that without it everything is as it was.
            for pixels in [&mut one, &mut two] {
                self.dim(pixels, &mut stream);
            }
        }
        let signed = |v: &f32| ValueRange::UNIT.map_to(ValueRange::SIGNED, *v);
        Ok(Pair {
            blend: one.iter().zip(two.iter()).map(|(a, b)| a.max(*b)).collect(),
            truth1: one.iter().map(signed).collect(),
            truth2: two.iter().map(signed).collect(),
        })
    }

    /// Makes a picture brighter or fainter, each colour on its own too.
    fn dim(&self, pixels: &mut [f32], stream: &mut Stream) {
        let jitter = f64::from(self.recipe.jitter);
        let mut draw = |by: f64| by * (2.0 * stream.unit() - 1.0);
        let all = draw(jitter);
        let plane = self.recipe.side * self.recipe.side;
        for colour in pixels.chunks_mut(plane) {
            let factor = (all + draw(0.5 * jitter)).exp() as f32;
            for value in colour {
                *value = (factor * *value).clamp(0.0, 1.0);
            }
        }
    }

    /// A galaxy for place `which` (0 or 1), another one than `not` where there are two.
    fn pick(&self, which: usize, not: Option<Galaxy>, stream: &mut Stream) -> Galaxy {
        let simulated = stream.unit() < self.recipe.simulated_share[which];
        let simulated = (simulated || self.real.is_empty()) && !self.pool.is_empty();
        let count = if simulated {
            self.pool.len()
        } else {
            self.real.len()
        };
        let mut index = stream.below(count);
        if not == Some(Galaxy { simulated, index }) {
            index = (index + 1) % count;
        }
        Galaxy { simulated, index }
    }

    fn picture(&self, galaxy: Galaxy) -> Stamp {
        if !galaxy.simulated {
            return self.real[galaxy.index].clone();
        }
        let side = self.recipe.frame_side();
        let pixels: Vec<f32> = self.pool[galaxy.index]
            .iter()
            .map(|level| f32::from(*level) / 255.0)
            .collect();
        Stamp::new("", pixels, [3, side, side], ValueRange::UNIT)
    }
}

#[derive(Clone, Copy, PartialEq)]
struct Galaxy {
    simulated: bool,
    index: usize,
}

/// The usable stamps in `[0, 1]`, sorted by name, and what became of the others.
pub(super) fn sort_out(
    stamps: Vec<Stamp>,
    side: usize,
    excluded: &ExclusionList,
) -> (Vec<Stamp>, StampReport) {
    let mut report = StampReport::default();
    let mut real = Vec::new();
    for stamp in stamps {
        // The parts of one file have names of their own; the list may name the file.
        let file = stamp.path.as_deref().map(io::stem);
        if excluded.contains(&stamp.name) || file.is_some_and(|stem| excluded.contains(&stem)) {
            report.excluded += 1;
        } else if is_grey(&stamp) {
            report.grey += 1;
        } else if stamp.height < side || stamp.width < side {
            report.small += 1;
        } else if !stamp.pixels.iter().all(|v| v.is_finite()) {
            report.incomplete += 1;
        } else {
            real.push(stamp.to_range(ValueRange::UNIT));
        }
    }
    real.sort_by(|a, b| a.name.cmp(&b.name));
    report.used = real.len();
    (real, report)
}

fn is_grey(stamp: &Stamp) -> bool {
    stamp.channels != 3 || (stamp.plane(0) == stamp.plane(1) && stamp.plane(1) == stamp.plane(2))
}

fn levels(stamp: &Stamp) -> Levels {
    let level = |v: &f32| (v * 255.0).round().clamp(0.0, 255.0) as u8;
    stamp.pixels.iter().map(level).collect()
}

/// One of the eight symmetries of the square: bits 0 and 1 mirror columns and rows, bit 2 transposes.
pub(super) fn turned(pixels: &[f32], side: usize, symmetry: usize) -> Vec<f32> {
    let plane = side * side;
    (0..pixels.len())
        .map(|i| {
            let (row, column) = (i % plane / side, i % side);
            let flip = |bit: usize, k: usize| if symmetry & bit == 0 { k } else { side - 1 - k };
            let (row, column) = (flip(2, row), flip(1, column));
            let (row, column) = if symmetry & 4 == 0 {
                (row, column)
            } else {
                (column, row)
            };
            pixels[i / plane * plane + row * side + column]
        })
        .collect()
}
