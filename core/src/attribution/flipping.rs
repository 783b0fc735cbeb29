//! Pixel flipping: whether the pixels that a map calls important are those that the score depends on.
//!
//! Source: Samek et al. 2017, arXiv 1509.08646 (region perturbation and its area); blocks are hidden from the most important on,
//! and the curve is compared with those of random orders. Invariant: a curve depends on nothing but network, input, map and
//! settings.

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

use super::scored::Scored;
use super::{AttributionError, Target};
use crate::network::{Edits, Network, Retain};
use crate::seed::Stream;

/// What hidden pixels are replaced by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// The median of the picture's outermost 4 pixels in each channel: its sky.
    #[default]
    Sky,
    /// One value.
    Value(f64),
}

/// How pixels are hidden.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Flipping {
    /// Rows and columns of a block that is hidden at once.
    pub block: usize,
    /// How many blocks are hidden, one after the other; all when there are fewer.
    pub steps: usize,
    /// What replaces them.
    pub fill: Fill,
    /// How many random orders the curve is compared with.
    pub random_orders: usize,
    /// Seed of those.
    pub seed: u64,
}

impl Default for Flipping {
    /// Blocks of 4 x 4, 50 of them, replaced by sky, against 8 random orders.
    fn default() -> Self {
        Self {
            block: 4,
            steps: 50,
            fill: Fill::Sky,
            random_orders: 8,
            seed: 0,
        }
    }
}

/// How the score of one picture falls while its pixels are hidden.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlippingCurve {
    /// The score, then after each block; times the sign of the score, so that it starts above zero.
    pub scores: Vec<f64>,
    /// The mean of the same for random orders.
    pub random: Vec<f64>,
    /// Mean fall over all steps: the larger, the more the map knows of what the score depends on.
    pub area: f64,
    /// The same of each random order.
    pub random_areas: Vec<f64>,
}

impl FlippingCurve {
    /// The curve of a map from its scores and those of random orders.
    pub fn of(scores: Vec<f64>, random_orders: &[Vec<f64>]) -> Self {
        let mut random = vec![0.0; scores.len()];
        let count = random_orders.len() as f64;
        for curve in random_orders {
            for (mean, score) in random.iter_mut().zip(curve) {
                *mean += score / count;
            }
        }
        Self {
            area: area(&scores),
            scores,
            random,
            random_areas: random_orders.iter().map(|curve| area(curve)).collect(),
        }
    }

    /// Mean of the random orders' areas; zero without random orders.
    pub fn random_area(&self) -> f64 {
        self.random_areas.iter().sum::<f64>() / self.random_areas.len().max(1) as f64
    }

    /// By how much the map is better than chance.
    pub fn gain(&self) -> f64 {
        self.area - self.random_area()
    }
}

/// Pictures that a network judges in one pass.
const BATCH: usize = 16;

impl Flipping {
    /// The curve of every sample. `relevance`: a map of the first of `inputs`, in its dimensions.
    ///
    /// # Errors
    /// When the map does not fit, the settings are impossible, or a value is not finite.
    pub fn curves(
        &self,
        network: &Network,
        inputs: &[Tensor],
        relevance: &Tensor,
        target: &Target,
    ) -> Result<Vec<FlippingCurve>, AttributionError> {
        let (rows, columns, count) = self.size_of(inputs)?;
        let dims = inputs.first().map(Tensor::dims).unwrap_or_default();
        if relevance.dims() != dims {
            let map = relevance.dims();
            return Err(wrong(format!(
                "a map of {map:?} is not one of the input {dims:?}"
            )));
        }
        target.check(network)?;
        let scored = Scored::new(network, inputs, target)?;
        let heat = relevance.to_dtype(DType::F64)?.sum(1)?.flatten_from(1)?;
        let heat = heat.to_vec2::<f64>()?;
        (0..count)
            .zip(&heat)
            .map(|(sample, heat)| {
                let of = (inputs, sample);
                let case = self.case(network, &scored, target, of, [rows, columns])?;
                self.curve(&case, heat)
            })
            .collect()
    }

    /// The curve of one picture whose map is known as `heat`, its channels summed, row by row, in parts: first the order of the map,
    /// then each random order. The parts together are the curve of [`Flipping::curves`].
    ///
    /// `inputs`: `[1, ...]` each. `order`: `None` for that of the map, else the number of a random one.
    ///
    /// # Errors
    /// As [`Flipping::curves`].
    pub fn scores(
        &self,
        network: &Network,
        inputs: &[Tensor],
        heat: &[f64],
        target: &Target,
        order: Option<usize>,
    ) -> Result<Vec<f64>, AttributionError> {
        let (rows, columns, _) = self.size_of(inputs)?;
        if heat.len() != rows * columns {
            return Err(wrong(format!(
                "a map of {} pixels is not one of {rows} x {columns}",
                heat.len()
            )));
        }
        target.check(network)?;
        let scored = Scored::new(network, inputs, target)?;
        let case = self.case(network, &scored, target, (inputs, 0), [rows, columns])?;
        let sums = case.blocks.sums(heat);
        case.scores(&match order {
            None => self.order(case.sign, &sums),
            Some(index) => shuffled(
                sums.len(),
                self.steps.min(sums.len()),
                self.seed,
                index as u64,
            ),
        })
    }

    /// One sample of `inputs`, ready to be hidden.
    fn case<'a>(
        &self,
        network: &'a Network,
        scored: &'a Scored,
        target: &'a Target,
        (inputs, sample): (&[Tensor], usize),
        [rows, columns]: [usize; 2],
    ) -> Result<Case<'a>, AttributionError> {
        let own = inputs.iter().map(|x| x.narrow(0, sample, 1)?.contiguous());
        let score = scored.scores.get(sample).copied().unwrap_or_default();
        Ok(Case {
            network,
            scored,
            target,
            own: own.collect::<Result<_, _>>()?,
            sign: if score < 0.0 { -1.0 } else { 1.0 },
            fill: self.fill,
            blocks: Blocks {
                size: self.block,
                rows,
                columns,
            },
        })
    }

    /// Rows, columns and samples of the first input.
    fn size_of(&self, inputs: &[Tensor]) -> Result<(usize, usize, usize), AttributionError> {
        let Some(first) = inputs.first() else {
            return Err(wrong("the network has no input".to_owned()));
        };
        let &[count, _, rows, columns] = first.dims() else {
            return Err(wrong("the input has no rows and columns".to_owned()));
        };
        if self.block == 0 || self.steps == 0 {
            return Err(wrong("blocks and steps must be at least one".to_owned()));
        }
        Ok((rows, columns, count))
    }

    /// Blocks from the most important on.
    fn order(&self, sign: f64, sums: &[f64]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..sums.len()).collect();
        order.sort_by(|a, b| (sign * sums[*b]).total_cmp(&(sign * sums[*a])));
        order.truncate(self.steps.min(sums.len()));
        order
    }

    fn curve(&self, case: &Case<'_>, heat: &[f64]) -> Result<FlippingCurve, AttributionError> {
        let sums = case.blocks.sums(heat);
        let steps = self.steps.min(sums.len());
        let scores = case.scores(&self.order(case.sign, &sums))?;
        let random = (0..self.random_orders)
            .map(|k| case.scores(&shuffled(sums.len(), steps, self.seed, k as u64)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(FlippingCurve::of(scores, &random))
    }
}

fn wrong(what: String) -> AttributionError {
    AttributionError::Method {
        method: "pixel flipping".to_owned(),
        what,
    }
}

/// Mean fall from the first score over the others.
fn area(scores: &[f64]) -> f64 {
    let Some((first, rest)) = scores.split_first() else {
        return 0.0;
    };
    let falls: f64 = rest.iter().map(|score| first - score).sum();
    falls / rest.len().max(1) as f64
}

/// The first `steps` of a random order of `count` things (Fisher and Yates).
fn shuffled(count: usize, steps: usize, seed: u64, index: u64) -> Vec<usize> {
    let mut stream = Stream::for_item(seed, index);
    let mut order: Vec<usize> = (0..count).collect();
    for i in 0..steps {
        let j = i + stream.below(count - i);
        order.swap(i, j);
    }
    order.truncate(steps);
    order
}

/// The blocks of a picture, row by row; the last ones are cut at its border.
#[derive(Clone, Copy)]
struct Blocks {
    size: usize,
    rows: usize,
    columns: usize,
}

impl Blocks {
    /// The block of a pixel.
    const fn of(self, pixel: usize) -> usize {
        let (row, column) = (pixel / self.columns, pixel % self.columns);
        row / self.size * self.columns.div_ceil(self.size) + column / self.size
    }

    /// The sum of `heat` in every block.
    fn sums(self, heat: &[f64]) -> Vec<f64> {
        let count = self.rows.div_ceil(self.size) * self.columns.div_ceil(self.size);
        let mut sums = vec![0.0; count];
        for (pixel, value) in heat.iter().enumerate() {
            if let Some(sum) = sums.get_mut(self.of(pixel)) {
                *sum += value;
            }
        }
        sums
    }
}

/// One picture whose pixels are hidden.
struct Case<'a> {
    network: &'a Network,
    scored: &'a Scored,
    target: &'a Target,
    /// Its inputs, `[1, ...]` each.
    own: Vec<Tensor>,
    sign: f64,
    fill: Fill,
    blocks: Blocks,
}

impl Case<'_> {
    /// The score before and after each block of `order` is hidden, times the sign.
    fn scores(&self, order: &[usize]) -> Result<Vec<f64>, AttributionError> {
        let mut place = vec![usize::MAX; order.len().max(1)];
        let most = order.iter().max().map_or(0, |most| most + 1);
        place.resize(most.max(1), usize::MAX);
        for (step, block) in order.iter().enumerate() {
            place[*block] = step;
        }
        let mut scores = Vec::with_capacity(order.len() + 1);
        let all: Vec<usize> = (0..=order.len()).collect();
        for steps in all.chunks(BATCH) {
            let mut inputs = vec![self.hidden(steps, &place)?];
            for other in &self.own[1..] {
                let mut dims = other.dims().to_vec();
                dims[0] = steps.len();
                inputs.push(other.broadcast_as(dims)?.contiguous()?);
            }
            let run = self
                .network
                .forward(&inputs, &Edits::new(), &Retain::Nothing)?;
            let found = self.scored.scores_of(&run.outputs()[self.target.output])?;
            if found.iter().any(|score| !score.is_finite()) {
                // Only a run that looks at every layer can name the one.
                Scored::new(self.network, &inputs, self.target)?;
            }
            scores.extend(found.iter().map(|score| self.sign * score));
        }
        Ok(scores)
    }

    /// The picture with the first `steps[i]` blocks hidden, `[steps, C, H, W]`. `place`: when each block is hidden.
    fn hidden(&self, steps: &[usize], place: &[usize]) -> Result<Tensor, AttributionError> {
        let picture = &self.own[0];
        let channels = picture.dim(1)?;
        let values = picture
            .to_dtype(DType::F64)?
            .flatten_all()?
            .to_vec1::<f64>()?;
        let plane = self.blocks.rows * self.blocks.columns;
        let fills: Vec<f64> = values
            .chunks(plane.max(1))
            .map(|plane| self.filling(plane))
            .collect();
        let when = |pixel: usize| place.get(self.blocks.of(pixel)).copied();
        let mut hidden = Vec::with_capacity(steps.len() * values.len());
        for count in steps {
            for (i, value) in values.iter().enumerate() {
                let is_hidden = when(i % plane).is_some_and(|when| when < *count);
                hidden.push(if is_hidden { fills[i / plane] } else { *value });
            }
        }
        let dims = (steps.len(), channels, self.blocks.rows, self.blocks.columns);
        let hidden = Tensor::from_vec(hidden, dims, &candle_core::Device::Cpu)?;
        Ok(hidden
            .to_dtype(picture.dtype())?
            .to_device(picture.device())?)
    }

    /// What replaces the pixels of a channel.
    fn filling(&self, plane: &[f64]) -> f64 {
        const FRAME: usize = 4;
        let (rows, columns) = (self.blocks.rows, self.blocks.columns);
        match self.fill {
            Fill::Value(value) => value,
            Fill::Sky => {
                let is_frame = |i: usize| {
                    let (row, column) = (i / columns, i % columns);
                    row < FRAME
                        || column < FRAME
                        || row + FRAME >= rows
                        || column + FRAME >= columns
                };
                let frame = plane.iter().enumerate().filter(|(i, _)| is_frame(*i));
                let mut frame: Vec<f64> = frame.map(|(_, value)| *value).collect();
                frame.sort_by(f64::total_cmp);
                frame.get(frame.len() / 2).copied().unwrap_or_default()
            }
        }
    }
}
