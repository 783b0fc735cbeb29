//! What the discriminator takes for real: points of a mixture, or pictures of galaxies turned eight ways.
//!
//! Invariant: the samples of a step depend on the recipe, the pictures and the step alone, and no picture is drawn twice in a
//! step while there are enough of them.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{LatentData, LatentRecipe};
use crate::seed::Stream;
use crate::stamp::simulate::simulate;
use crate::stamp::{Stamp, ValueRange};
use crate::train::data::{DataError, ExclusionList, StampReport, sort_out, turned};

/// Keeps the draws of real samples apart from those of latents.
const DATA_SALT: u64 = 0x7265_616c;
/// Keeps simulated galaxies apart from those that tests and demonstrations simulate.
const POOL_SALT: u64 = 0x6c61_7465_6e74;

/// Pictures of galaxies to learn from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PictureData {
    /// Side of the pictures, pixels.
    pub side: usize,
    /// Side of the square that is cut from the middle of a stamp and reduced to `side`, pixels.
    pub crop: usize,
    /// Simulated galaxies rendered at the start.
    pub simulated: usize,
    /// Chance that a picture is simulated; 1 where there are no real stamps, 0 where `simulated` is 0.
    pub simulated_share: f64,
}

impl Default for PictureData {
    fn default() -> Self {
        Self {
            side: 64,
            crop: 80,
            simulated: 1000,
            simulated_share: 0.3,
        }
    }
}

impl PictureData {
    pub(super) fn check(&self) -> Result<(), String> {
        if !(8..=4096).contains(&self.crop) || self.crop < self.side {
            return Err(format!(
                "data.crop is {}, expected at least data.side, {}, and at most 4096",
                self.crop, self.side
            ));
        }
        if !(0.0..=1.0).contains(&self.simulated_share) {
            let share = self.simulated_share;
            return Err(format!("data.simulated_share is {share}, expected 0 to 1"));
        }
        Ok(())
    }
}

/// Yields real samples.
#[derive(Debug)]
pub struct Examples {
    seed: u64,
    data: LatentData,
    real: Vec<Vec<f32>>,
    simulated: Vec<Vec<f32>>,
    report: StampReport,
}

impl Examples {
    /// Sorts out and reduces `stamps` (decoded, any value range), which mixtures do not need, and renders the simulated ones on
    /// all cores.
    ///
    /// # Errors
    /// When there is nothing to draw from.
    pub fn new(recipe: &LatentRecipe, stamps: Vec<Stamp>) -> Result<Self, DataError> {
        let mut examples = Self {
            seed: recipe.seed ^ DATA_SALT,
            data: recipe.data.clone(),
            real: Vec::new(),
            simulated: Vec::new(),
            report: StampReport::default(),
        };
        let LatentData::Pictures(data) = &recipe.data else {
            return Ok(examples);
        };
        let given = stamps.len();
        let (real, report) = sort_out(stamps, data.crop, &ExclusionList::default());
        examples.real = real.par_iter().map(|s| reduced(s, data)).collect();
        examples.report = report;
        let wanted = real.is_empty() || data.simulated_share > 0.0;
        let count = if wanted { data.simulated as u64 } else { 0 };
        let seed = recipe.seed ^ POOL_SALT;
        examples.simulated = (0..count)
            .into_par_iter()
            .map(|index| reduced(&simulate(seed, index, data.crop).stamp, data))
            .collect();
        examples.report.simulated = examples.simulated.len();
        if examples.real.is_empty() && examples.simulated.is_empty() {
            return Err(DataError::NoGalaxies {
                skipped: given,
                side: data.crop,
            });
        }
        Ok(examples)
    }

    /// What became of the stamps given.
    pub fn report(&self) -> StampReport {
        self.report
    }

    /// The first `count` samples of a step, `[count, ...]` in `[-1, 1]` (mixtures: unbounded).
    pub fn batch(&self, step: u64, count: usize) -> Vec<f32> {
        let mut stream = Stream::for_item(self.seed, step);
        let data = match &self.data {
            LatentData::Mixture(mixture) => return mixture.draw(&mut stream, count),
            LatentData::Pictures(data) => data,
        };
        let mut decks = [Deck::new(self.real.len()), Deck::new(self.simulated.len())];
        let mut values = Vec::with_capacity(count * 3 * data.side * data.side);
        for _ in 0..count {
            let simulated = stream.unit() < data.simulated_share;
            let simulated = (simulated || self.real.is_empty()) && !self.simulated.is_empty();
            let pool = if simulated {
                &self.simulated
            } else {
                &self.real
            };
            let card = decks[usize::from(simulated)].draw(&mut stream);
            let symmetry = stream.below(8);
            values.extend(turned(&pool[card], data.side, symmetry));
        }
        values
    }

    /// All real pictures and then all simulated ones, each `[3, side, side]` in `[-1, 1]`; none of a mixture.
    pub fn pictures(&self) -> [&[Vec<f32>]; 2] {
        [&self.real, &self.simulated]
    }
}

/// Indices drawn without putting back until all were drawn.
struct Deck {
    cards: Vec<usize>,
    left: usize,
}

impl Deck {
    fn new(count: usize) -> Self {
        Self {
            cards: (0..count).collect(),
            left: count,
        }
    }

    fn draw(&mut self, stream: &mut Stream) -> usize {
        if self.left == 0 {
            self.left = self.cards.len();
        }
        let place = stream.below(self.left);
        self.left -= 1;
        self.cards.swap(place, self.left);
        self.cards[self.left]
    }
}

/// The middle `crop` x `crop` pixels of a stamp as `side` x `side` means over the area of each pixel, in `[-1, 1]`.
fn reduced(stamp: &Stamp, data: &PictureData) -> Vec<f32> {
    let PictureData { side, crop, .. } = *data;
    let weights = shares(crop, side);
    let (top, left) = ((stamp.height - crop) / 2, (stamp.width - crop) / 2);
    let mut pixels = Vec::with_capacity(stamp.channels * side * side);
    for band in 0..stamp.channels {
        let plane = stamp.plane(band);
        // Columns first: rows of `side` values.
        let rows: Vec<Vec<f64>> = (0..crop)
            .map(|y| {
                let row = &plane[(top + y) * stamp.width + left..][..crop];
                let at = |(first, parts): &(usize, Vec<f64>)| {
                    let taps = row[*first..].iter().zip(parts);
                    taps.map(|(v, w)| f64::from(*v) * w).sum()
                };
                weights.iter().map(at).collect()
            })
            .collect();
        for (first, parts) in &weights {
            for x in 0..side {
                let taps = rows[*first..].iter().zip(parts);
                let value: f64 = taps.map(|(row, w)| row[x] * w).sum();
                let value = value.clamp(0.0, 1.0) as f32;
                pixels.push(ValueRange::UNIT.map_to(ValueRange::SIGNED, value));
            }
        }
    }
    pixels
}

/// For every one of `to` pixels the first of `from` pixels below it and the shares of those it is the mean of.
fn shares(from: usize, to: usize) -> Vec<(usize, Vec<f64>)> {
    let scale = from as f64 / to as f64;
    (0..to)
        .map(|i| {
            let (start, end) = (i as f64 * scale, (i + 1) as f64 * scale);
            let first = start.floor() as usize;
            let last = (end.ceil() as usize).min(from);
            let part = |k: usize| ((k + 1) as f64).min(end) - (k as f64).max(start);
            let parts = (first..last).map(|k| part(k).max(0.0) / scale);
            (first, parts.collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_cover_every_pixel_once() {
        for (from, to) in [(80, 64), (64, 64), (100, 64), (9, 8)] {
            let mut covered = vec![0.0; from];
            for (first, parts) in shares(from, to) {
                assert!((parts.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                for (k, part) in parts.iter().enumerate() {
                    covered[first + k] += part;
                }
            }
            let each = to as f64 / from as f64;
            assert!(
                covered.iter().all(|c| (c - each).abs() < 1e-9),
                "{covered:?}"
            );
        }
    }

    #[test]
    fn a_reduced_stamp_keeps_its_mean_and_its_place() {
        let data = PictureData {
            side: 8,
            crop: 12,
            ..PictureData::default()
        };
        let mut pixels = vec![0.25; 3 * 16 * 14];
        // Rows 2 to 13 and columns 1 to 12 are cut out; its first pixel is lit.
        pixels[2 * 14 + 1] = 1.0;
        let stamp = Stamp::new("", pixels, [3, 16, 14], ValueRange::UNIT);
        let small = reduced(&stamp, &data);
        let unit = |v: f32| ValueRange::SIGNED.map_to(ValueRange::UNIT, v);
        assert_eq!(small.len(), 3 * 8 * 8);
        // One of 1.5 x 1.5 pixels.
        assert!((unit(small[0]) - (0.25 + 0.75 / 2.25)).abs() < 1e-5);
        assert!((unit(small[1]) - 0.25).abs() < 1e-5 && (unit(small[64]) - 0.25).abs() < 1e-5);
    }

    #[test]
    fn a_deck_draws_all_before_it_repeats() {
        let (mut deck, mut stream) = (Deck::new(7), Stream::new(3));
        for _ in 0..3 {
            let mut drawn: Vec<usize> = (0..7).map(|_| deck.draw(&mut stream)).collect();
            drawn.sort_unstable();
            assert_eq!(drawn, [0, 1, 2, 3, 4, 5, 6]);
        }
    }
}
